from __future__ import annotations

from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.system import command, qdevice
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.servers import Servers
from tests.unit.conftest import Machines

QUORUM = """Votequorum information
----------------------
Expected votes:   3
Highest expected: 3
Total votes:      {total}
Quorum:           2
Flags:            Quorate Qdevice

Membership information
----------------------
    Nodeid      Votes    Qdevice Name
         1          1   A,NV,NMW snow01
         2          1 {flags:>10} snow02 (local)
         0          1            Qdevice
"""
WITHOUT = """Membership information
----------------------
    Nodeid      Votes Name
         1          1 snow01 (local)
"""
# As certutil prints it, and as the file of qnetd has it.
PEM = "-----BEGIN CERTIFICATE-----\r\nMIIC\r\n-----END CERTIFICATE-----\r\n"


@pytest.mark.parametrize(
    ("flags", "total", "has_vote"),
    [("A,V,NMW", 3, True), ("A,V", 3, True), ("A,NV,NMW", 2, False), ("NA,NV,NMW", 2, False), ("NR", 2, False)],
)
def test_the_vote_of_this_server(flags: str, total: int, has_vote: bool) -> None:
    text = f"active\0active\ninactive\0state\0Connected\0quorum\0{QUORUM.format(flags=flags, total=total)}\0"
    look = qdevice.parse_look("snow02", text)
    assert (look.flags, look.votes, look.votes_with_it) == (flags, total, has_vote)
    assert look.active == {"corosync"}
    assert look.state == "Connected"
    assert not look.is_set_up
    assert look.is_untouched


def test_a_cluster_without_a_device_has_no_such_vote() -> None:
    assert qdevice.flags(WITHOUT) == ""
    assert not qdevice.parse_look("snow01", f"quorum\0{WITHOUT}\0").votes_with_it


def test_what_enable_leaves_is_recognised() -> None:
    units = "".join(f"unit {path}\0{text.rstrip()}\0" for path, text in qdevice.UNITS.items())
    look = qdevice.parse_look("snow01", f"{units}ca\0{PEM}\0valid\0yes\0reaches\0yes\0")
    assert look.is_set_up
    assert look.reaches
    assert look.ca == PEM.replace("\r", "")
    assert not qdevice.parse_look("snow01", f"{units}ca\0{PEM}\0").is_set_up


def test_without_a_word_nothing_is_known() -> None:
    look = qdevice.parse_look("snow01", "")
    assert look == qdevice.Look("snow01", {}, frozenset())
    assert (look.is_valid, look.reaches, look.votes, look.votes_with_it, look.is_set_up) == (
        False,
        False,
        0,
        False,
        False,
    )
    assert look.is_untouched


@pytest.mark.parametrize("changed", [{"units": {"/etc/x": "text"}}, {"ca": "CA"}])
def test_what_is_left_of_it_has_to_be_taken_out(changed: dict[str, object]) -> None:
    assert not qdevice.parse_look("snow01", "")._replace(**changed).is_untouched  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "running"),
    [
        ("active\nactive", {"corosync", "corosync-qdevice"}),
        ("inactive\nactive", {"corosync-qdevice"}),
        ("active", {"corosync"}),
        ("inactive\nfailed", set()),
    ],
)
def test_what_runs_is_told_in_the_order_in_which_it_was_asked(said: str, running: set[str]) -> None:
    assert qdevice.parse_look("snow01", f"active\0{said}\0").active == running


@pytest.mark.parametrize(("flags", "vote"), [("A,V,NMW", True), ("A,NV,NMW", False)])
def test_a_server_is_asked_for_its_own_vote(mocker: MockerFixture, flags: str, vote: bool) -> None:
    text = QUORUM.format(flags=flags, total=3).encode()
    run = mocker.patch.object(command, "run", return_value=Result((), 0, text, b""))
    assert qdevice.votes_here() is vote
    assert run.call_args.args == (["corosync-quorumtool", "-s"],)
    run.return_value = Result((), 0, WITHOUT.encode(), b"")
    assert qdevice.votes_here() is None


def on(machines: Machines, server: str, path: str) -> Path:
    return machines.file(server, path)


def test_each_file_of_it_is_put_in_place_found_by_a_look_and_taken_out(machines: Machines) -> None:
    machines.stand_in("systemctl", "[ $1 = daemon-reload ] || printf 'active\\nactive\\n'")
    machines.stand_in("corosync-quorumtool", f"cat <<'END'\n{QUORUM.format(flags='A,V,NMW', total=3)}END")
    machines.stand_in("corosync-qdevice-tool", "printf 'State:\\t\\tConnected\\n'")
    machines.stand_in("certutil", f"printf -- '{PEM}'")
    machines.stand_in("timeout", "")
    qdevice.set_up(machines, "snow02")
    on(machines, "snow02", qdevice.DATABASE).mkdir()
    assert machines.log() == ["snow02 systemctl daemon-reload"]
    placed = {path: on(machines, "snow02", path).read_text() for path in qdevice.UNITS}
    assert placed == qdevice.UNITS
    look = qdevice.look(machines, "snow02", "")
    assert not look.reaches
    active = frozenset({"corosync", "corosync-qdevice"})
    ca = PEM.replace("\r", "")
    found = {str(machines.root / "snow02" / path[1:]): text for path, text in qdevice.UNITS.items()}
    assert look == qdevice.Look("snow02", found, active, ca, True, False, "Connected", "A,V,NMW", 3)
    assert qdevice.look(machines, "snow02", "qnetd01").reaches
    asked = len(machines.calls)
    qdevice.look(machines, "snow02", "qnetd01")
    assert len(machines.calls) == asked
    assert "snow02 systemctl is-active corosync corosync-qdevice" in machines.log()
    assert machines.log()[-1].startswith(f"snow02 timeout {qdevice.CONNECTS_WITHIN_S} bash -c ")
    # The port of corosync-qnetd(8).
    assert machines.log()[-1].endswith(" bash qnetd01 5403")
    qdevice.take_out(machines, "snow02")
    assert [path for path in (machines.root / "snow02").rglob("*") if path.is_file()] == []
    assert not on(machines, "snow02", qdevice.DATABASE).exists()


def test_systemd_reads_the_units_where_they_are_and_the_daemon_its_certificates() -> None:
    # corosync-qdevice-net-certutil(8).
    assert qdevice.DATABASE == "/etc/corosync/qdevice/net/nssdb"
    vote, of_corosync = "corosync-qdevice.service", "corosync.service"
    by_unit = {Path(path).parent.name: text for path, text in qdevice.UNITS.items()}
    assert f"Wants={vote}\n" in by_unit[f"{of_corosync}.d"]
    assert f"BindsTo={of_corosync}\n" in by_unit[f"{vote}.d"]
    # Else systemd.unit(5) reads none of them.
    assert all(Path(path).match("/etc/systemd/system/*.service.d/*.conf") for path in qdevice.UNITS)


@pytest.mark.parametrize(("anew", "word"), [(False, "start"), (True, "restart")])
def test_a_vote_that_has_new_certificates_is_started_anew(mocker: MockerFixture, anew: bool, word: str) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 0, b"", b""))
    servers = Servers(["snow01"])
    servers.here = "snow01"
    qdevice.start(servers, "snow01", anew=anew)
    assert run.call_args.args == (["systemctl", word, "corosync-qdevice"],)
    qdevice.start(servers, "snow01")
    assert run.call_args.args[0][1] == "start"


@pytest.mark.parametrize(
    ("said", "host"),
    [
        ("", qdevice.Host(False, False, "", False)),
        (f"installed\0active\0{PEM}\0Node ID 1:", qdevice.Host(True, True, PEM.replace("\r", ""), True)),
        (f"installed\0inactive\0{PEM}\0", qdevice.Host(True, False, PEM.replace("\r", ""), False)),
        ("installed\0active\0\0", qdevice.Host(True, True, "", False)),
    ],
)
def test_what_the_host_of_the_vote_has(mocker: MockerFixture, said: str, host: qdevice.Host) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 0, said.encode(), b""))
    servers = Servers([])
    assert qdevice.look_at_host(servers, servers.here) == host
    shell, option, *_, name = run.call_args.args[0]
    # As what corosync.conf calls the cluster, qnetd knows it.
    assert (shell, option, name) == ("sh", "-c", qdevice.CLUSTER_NAME)


GIVES = {qdevice._REQUEST: b"request", qdevice._SIGN: b"signed", qdevice._EXPORT: b"key"}


class Tools:
    """Servers and a host with the tools of the certificates: each step gives a word that the next one is to read."""

    def __init__(self, mocker: MockerFixture) -> None:
        self.steps: list[tuple[str, str, bytes]] = []
        self.servers = Servers(["snow01", "snow02", "snow03"])
        self.servers.here = "snow01"
        mocker.patch.object(self.servers, "_reach", self)

    def __call__(self, server: str, argv: list[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        shell, script, text, name, *words = argv
        assert (shell, script, name) == ("sh", "-c", "sh")
        names = {qdevice._INIT: "init", qdevice._IMPORT: "import", qdevice._EXPORT: "export"}
        step = {**names, qdevice._REQUEST: "request", qdevice._SIGN: "sign"}[text]
        self.steps.append((server, " ".join([step, *words]), stdin))
        return Result(tuple(argv), 0, GIVES.get(text, b""), b"")


DB = qdevice.DATABASE


def test_a_new_cluster_has_one_certificate_which_the_host_signs_and_all_share(mocker: MockerFixture) -> None:
    tools = Tools(mocker)
    qdevice.certify(tools.servers, "qnetd01", "CA", ["snow01", "snow02", "snow03"])
    assert sorted(tools.steps[:3]) == [(f"snow0{n}", f"init {DB}", b"CA") for n in (1, 2, 3)]
    name = qdevice.CLUSTER_NAME
    assert tools.steps[3:7] == [
        ("snow01", f"request {DB} {name}", b""),
        ("qnetd01", f"sign {name}", b"request"),
        ("snow01", f"import {DB} -M", b"signed"),
        ("snow01", f"export {DB}", b""),
    ]
    assert sorted(tools.steps[7:]) == [(f"snow0{n}", f"import {DB} -m", b"key") for n in (2, 3)]


def test_a_server_that_comes_later_is_given_what_the_others_have(mocker: MockerFixture) -> None:
    tools = Tools(mocker)
    qdevice.certify(tools.servers, "qnetd01", "CA", ["snow01"])
    assert tools.steps == [
        ("snow01", f"init {DB}", b"CA"),
        ("snow02", f"export {DB}", b""),
        ("snow01", f"import {DB} -m", b"key"),
    ]


def test_a_cluster_of_one_passes_no_key_on(mocker: MockerFixture) -> None:
    tools = Tools(mocker)
    tools.servers.names = ("snow01",)
    qdevice.certify(tools.servers, "qnetd01", "CA", ["snow01"])
    assert [step.split()[0] for _, step, _ in tools.steps] == ["init", "request", "sign", "import"]


def test_a_step_that_fails_is_the_last(mocker: MockerFixture) -> None:
    tools = Tools(mocker)
    mocker.patch.object(tools.servers, "_reach", return_value=Result((), 1, b"", b"no such database"))
    with pytest.raises(UnavailableError, match="no such database"):
        qdevice.certify(tools.servers, "qnetd01", "CA", ["snow02"])
