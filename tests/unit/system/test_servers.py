from __future__ import annotations

import os
import shlex
import stat
import subprocess
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import TimedOutError, UnavailableError
from snow_ha_plugin.system import command, servers
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.servers import SSH, Servers

ODD = ["a b", "", "'", '"', "$(touch /tmp/no)", "`id`", ";", "&&", "*", "\\", "ä", "-x", "\n"]


@pytest.fixture
def here() -> Servers:
    """A site of this machine alone."""
    return Servers([Servers([]).here])


@pytest.fixture
def there(mocker: MockerFixture) -> Servers:
    """A site of two other servers, whose ssh is a shell that does what sshd would do with the words it gets."""
    real = command.run

    def ssh(argv: list[str], **options: object) -> Result:
        assert argv[: len(SSH)] == list(SSH)
        server, dashes, line = argv[-3:]
        assert server in ("snow01", "snow02")
        assert dashes == "--"
        return real(["sh", "-c", line], **options)  # type: ignore[arg-type]

    mocker.patch.object(command, "run", side_effect=ssh)
    site = Servers(["snow01", "snow02"])
    site.here = "a machine that is none of them"
    return site


@pytest.mark.parametrize("site", ["here", "there"])
def test_words_arrive_as_they_are_with_and_without_ssh(site: str, request: pytest.FixtureRequest) -> None:
    asked: Servers = request.getfixturevalue(site)
    result = asked.run(asked.names[0], ["printf", "%s\\0", *ODD])
    assert result.text.split("\0")[:-1] == ODD


def test_a_file_is_on_the_disk_before_it_has_its_name(
    here: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    for program in ("sync", "mv"):
        stand_in = tmp_path / "bin" / program
        stand_in.write_text(f'#!/bin/sh\necho {program} "$@" >>{tmp_path}/log\nexec /usr/bin/{program} "$@"\n')
        stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    path = tmp_path / "file"
    here.write(here.here, str(path), b"all of it", owner=f"{os.geteuid()}:{os.getegid()}")
    assert (tmp_path / "log").read_text().splitlines() == [f"sync {path}.snow-ha", f"mv {path}.snow-ha {path}"]
    assert path.read_bytes() == b"all of it"


def test_this_server_is_reached_without_ssh(here: Servers, mocker: MockerFixture) -> None:
    run = mocker.spy(command, "run")
    here.run(here.here, ["true"])
    assert run.call_args.args[0] == ["true"]


def test_ssh_never_asks_and_never_waits_for_ever() -> None:
    read = subprocess.run([*SSH, "-G", "localhost"], check=True, capture_output=True, text=True).stdout.splitlines()
    assert {"batchmode yes", "connecttimeout 5", "serveraliveinterval 5", "serveralivecountmax 3"} <= set(read)


def test_all_commands_of_a_process_share_a_connection(mocker: MockerFixture, tmp_path: Path) -> None:
    mocker.patch.object(servers, "SHARED", tmp_path / "run" / "ssh")
    servers.shared.cache_clear()
    options = servers.shared()
    assert (tmp_path / "run" / "ssh").stat().st_mode & 0o777 == 0o700
    known = subprocess.run(["ssh", "-G", *options, "localhost"], check=True, capture_output=True, text=True).stdout
    assert "controlmaster auto\n" in known
    assert f"controlpersist {servers.SHARED_FOR_S}\n" in known
    # sun_path of unix(7) holds 108 bytes; ssh puts its own name behind until the socket is there.
    (path,) = [line.split()[1] for line in known.splitlines() if line.startswith("controlpath ")]
    assert len(str(servers.SHARED / Path(path).name)) - len(str(servers.SHARED)) < 60
    servers.shared.cache_clear()


def test_without_a_directory_for_it_each_command_has_a_connection_of_its_own(
    mocker: MockerFixture, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    mocker.patch.object(servers, "SHARED", tmp_path / "file" / "ssh")
    servers.shared.cache_clear()
    assert servers.shared() == ()
    servers.shared.cache_clear()


def test_a_look_is_asked_once_until_something_may_have_changed(there: Servers, tmp_path: Path) -> None:
    count = tmp_path / "count"
    look = ["sh", "-c", 'echo x >>"$1"; cat "$1"', "sh", str(count)]
    first = there.must("snow01", look, looks=True).text
    assert there.must("snow01", look, looks=True).text == first == "x\n"
    assert there.must("snow02", look, looks=True).text == "x\nx\n"
    assert there.read("snow01", str(count)) == b"x\nx\n"
    assert there.must("snow01", look, looks=True).text == first
    there.run("snow02", ["true"])
    assert there.must("snow01", look, looks=True).text == "x\nx\nx\n"


def test_a_look_has_its_answer_although_somebody_forgets_all_answers_meanwhile(there: Servers) -> None:
    class Forgotten(dict[tuple[str, ...], Result]):
        def __setitem__(self, question: tuple[str, ...], answer: Result) -> None: ...

    there._seen = Forgotten()
    assert there.run("snow01", ["echo", "well"], looks=True).text == "well\n"


def test_a_server_that_ssh_cannot_reach_is_told_with_what_to_try(mocker: MockerFixture) -> None:
    mocker.patch.object(command, "run", return_value=Result(("ssh",), 255, b"", b"ssh: connect: No route to host\n"))
    with pytest.raises(UnavailableError) as caught:
        Servers(["snow02"]).run("snow02", ["true"])
    assert str(caught.value) == (
        "snow02 cannot be reached; ssh: connect: No route to host;"
        " make `ssh snow02 true` work for root without a question"
    )


LOOK = ["sh", "-c", "\n# of many lines\nsleep 60"]


def test_one_that_hangs_is_told_with_its_server_and_without_its_program(there: Servers) -> None:
    with pytest.raises(TimedOutError) as caught:
        there.run("snow02", LOOK, timeout_s=0.3)
    assert str(caught.value) == "sh did not end within 0.3 s on snow02; see why it hangs and try again"


@pytest.mark.parametrize(
    ("argv", "remedy"),
    [(["false"], "try `false` there"), (["sh", "-c", "\nexit 3"], "snow-ha --debug tells what was tried there")],
)
def test_of_what_failed_only_what_can_be_typed_is_told(there: Servers, argv: list[str], remedy: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        there.must("snow01", argv)
    assert caught.value.remedy == remedy


def test_an_exit_status_of_the_other_side_is_an_answer(there: Servers) -> None:
    assert there.run("snow01", ["sh", "-c", "exit 3"]).exit_code == 3
    with pytest.raises(UnavailableError, match="sh failed on snow01; no"):
        there.must("snow01", ["sh", "-c", "echo no >&2; exit 3"])


@pytest.mark.parametrize("data", [b"", b"text\n", bytes(range(256)) * 1000], ids=["empty", "text", "binary"])
def test_a_file_that_was_written_reads_back(there: Servers, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / 'it\'s a "file" $(of) words'
    there.write("snow01", str(path), data, mode="0400", owner=f"{os.getuid()}:{os.getgid()}")
    assert there.read("snow02", str(path)) == path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_there_is_none_and_one_that_cannot_be_read_is_an_error(
    there: Servers, tmp_path: Path
) -> None:
    assert there.read("snow01", str(tmp_path / "none")) is None
    with pytest.raises(UnavailableError, match="cannot be read"):
        there.read("snow01", str(tmp_path))


def test_a_write_that_fails_leaves_the_old_file(there: Servers, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnavailableError):
        there.write("snow01", str(path), b"new", owner="no-such-user")
    assert path.read_text() == "old"


def test_a_files_content_never_is_an_argument(there: Servers, tmp_path: Path) -> None:
    there.write("snow01", str(tmp_path / "key"), b"geheim", owner=f"{os.getuid()}:{os.getgid()}")
    assert "geheim" not in " ".join(command.run.call_args.args[0])  # type: ignore[attr-defined]


def test_all_servers_are_asked_before_the_first_error_is_told(there: Servers) -> None:
    asked = []

    def work(name: str) -> str:
        asked.append(name)
        if name == "snow01":
            raise UnavailableError("snow01 is away")
        return shlex.quote(name)

    with pytest.raises(UnavailableError, match="snow01 is away"):
        there.each(work)
    assert sorted(asked) == ["snow01", "snow02"]
    assert there.each(work, ["snow02"]) == {"snow02": "snow02"}
    assert str(there.outcomes(work)["snow01"]) == "snow01 is away"
    assert there.each(work, []) == {}
