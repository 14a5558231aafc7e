"""What a TAB offers behind `snow-ha` and `snow ha`, in a real bash."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from snow_ha_plugin.cli.main import group
from snow_ha_plugin.core.codes import TABLE
from tests.packaging.program import arguments, options, verbs

COMPLETION = Path(__file__).parents[2] / "packaging/completion/snow-ha"

# bash's own compopt only works while it completes.
ASK = """
source "$1" && shift
compopt() { echo "compopt $*"; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_snow_ha
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in the place of /sNow, with two domains."""
    domains = tmp_path / "snow-tools/etc/domains"
    domains.mkdir(parents=True)
    for name in ("web01.cfg", "web02.cfg", "README"):
        (domains / name).touch()
    monkeypatch.setenv("SNOW_ROOT", str(tmp_path))
    for name in ("SNOW_ETC", "SNOW_SRV"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def offered(*words: str) -> set[str]:
    """What is offered for the last word of a command line."""
    shown = subprocess.run(
        ["bash", "-c", ASK, "bash", COMPLETION, *words], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stderr == ""
    return set(shown.stdout.split("\n")) - {""}


def table() -> dict[str, list[str]]:
    script = 'source "$1"; for verb in "${!_snow_ha_takes[@]}"; do echo "$verb|"${_snow_ha_takes[$verb]}; done'
    shown = subprocess.run(["bash", "-c", script, "bash", COMPLETION], capture_output=True, text=True, check=True)
    rows = [line.partition("|") for line in shown.stdout.splitlines()]
    return {verb: takes.split() for verb, _, takes in rows}


def test_the_table_has_every_verb_with_its_arguments_and_options() -> None:
    expected = {verb: (arguments(command), options(command)) for verb, command in verbs().items()}
    found = {
        verb: ([word for word in takes if not word.startswith("-")], {word for word in takes if word.startswith("-")})
        for verb, takes in table().items()
    }
    assert found == expected


def test_the_options_with_values_are_known() -> None:
    script = 'source "$1"; echo $_snow_ha_valued'
    shown = subprocess.run(["bash", "-c", script, "bash", COMPLETION], capture_output=True, text=True, check=True)
    valued = {
        option.opts[0]
        for command in (group, *verbs().values())
        for option in command.params
        if option.param_type_name == "option" and not option.is_flag  # type: ignore[attr-defined]
    }
    assert set(shown.stdout.split()) == valued


def test_a_watch_is_a_value_of_add_and_a_flag_of_status(site: Path) -> None:
    assert offered("snow-ha", "add", "web01", "--watch", "t") == {"tcp:"}
    assert offered("snow-ha", "status", "--watch", "web01") == {"web01"}


def test_verbs_and_what_goes_before_them() -> None:
    assert offered("snow-ha", "en") == {"enable"}
    assert {verb.split()[0] for verb in verbs()} <= offered("snow-ha", "")
    assert offered("snow-ha", "--deb") == {"--debug"}
    assert offered("snow-ha", "--cib", "FILE", "und") == {"undrain"}
    assert offered("snow-ha", "no-such-verb", "") == set()


def test_options_of_a_verb() -> None:
    assert offered("snow-ha", "enable", "--w") == {"--without-fencing"}
    assert offered("snow-ha", "balance", "--by", "m") == {"memory"}
    assert offered("snow-ha", "balance", "--by", "=", "v") == {"vcpus"}
    assert offered("snow-ha", "balance", "--max-moves", "") == set()
    assert offered("snow-ha", "status", "--cib", "") == {"compopt -o default"}


def test_domains_where_a_verb_takes_one(site: Path) -> None:
    assert {"web01", "web02", "--stopped"} <= offered("snow-ha", "add", "")
    assert offered("snow-ha", "add", "web01", "w") == {"web01", "web02"}
    assert offered("snow-ha", "move", "w") == {"web01", "web02"}
    assert offered("snow-ha", "move", "web01", "w") == set()
    assert "README" not in offered("snow-ha", "add", "")


def test_nothing_is_said_where_nothing_is_configured(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOW_ROOT", str(site / "absent"))
    assert all(word.startswith("--") for word in offered("snow-ha", "add", ""))


def test_snow_ha_and_no_other_verb_of_snow(site: Path) -> None:
    assert offered("snow", "ha", "en") == {"enable"}
    assert offered("snow", "ha", "remove", "web01", "w") == {"web01", "web02"}
    assert offered("snow", "h") == {"compopt -o default"}
    assert offered("snow", "boot", "w") == {"compopt -o default"}


def test_a_completion_that_the_host_has_stays() -> None:
    script = f"complete -W 'its own' snow; source {shlex.quote(str(COMPLETION))}; complete -p snow"
    shown = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "complete -W 'its own' snow\n"


def test_a_file_server_that_hangs_holds_nobody(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = site / "bin/ls"
    stand_in.parent.mkdir()
    stand_in.write_text("#!/bin/sh\nexec sleep 60\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}:{os.environ['PATH']}")
    began = time.monotonic()
    assert "--stopped" in offered("snow-ha", "add", "")
    assert time.monotonic() - began < 30


def test_tab_at_a_terminal() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    os.write(terminal, f"source {COMPLETION}; snow-ha() {{ echo called:$1; }}\nsnow-ha disab\t; exit\n".encode())
    shown = b""
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:  # EIO: the terminal's other end is closed
        pass
    os.waitpid(pid, 0)
    assert re.search(rb"[\r\n]called:disable\r", shown)


def test_the_codes_of_findings() -> None:
    script = 'source "$1"; echo $_snow_ha_codes'
    shown = subprocess.run(["bash", "-c", script, "bash", COMPLETION], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == sorted(TABLE)
    assert offered("snow-ha", "explain", "no-f") == {"no-fencing", "no-fencing-device"}
