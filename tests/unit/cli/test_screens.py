"""What an administrator sees, at 80 columns: captured screens in tests/data/screens, drawn from fixed clusters.

After a change that is meant: `pytest tests/unit/cli/test_screens.py --regenerate`, and read the difference.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from snow_ha_plugin.cli import balance_view, status_view
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import probes
from snow_ha_plugin.core.configure import fencing, intent
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from snow_ha_plugin.system.record import Record
from tests.captures import capture
from tests.scenarios import cluster
from tests.unit.cli.conftest import Files

SCREENS = Path(__file__).parents[2] / "data/screens"
COLUMNS = 80
# Two hours after what the captures remember.
NOW = 1_795_360_000.0

DOMAINS = """
domain deploy01 2048 2 on snow01
domain nis01 1024 1 on snow01
domain web01 2048 2 on snow01
domain monitor01 4096 2 on snow02
domain nis02 1024 1 on snow02
domain syslog01 2048 1 on snow02
"""
SERVERS = "server snow01 15360 4\nserver snow02 15360 4\n"


def site(servers: str = SERVERS, more: str = "", *, domains: str = DOMAINS) -> cib.Tree:
    """A pair that is fenced by sbd, and has been tested."""
    tree = cluster.read(f"{servers}option stonith-enabled=true\n{more}\n{domains}").tree
    # Without a DC there is no quorum.
    tree.set("dc-uuid", "1")
    fencing.put(tree, ("snow01", "snow02"), fencing.Timing(15, 2), {})
    for server in ("snow01", "snow02"):
        fencing.put_tested(tree, server, "2026-09-01T12:00:00Z")
    return tree


def healthy() -> cib.Tree:
    return site()


def degraded() -> cib.Tree:
    return site(
        SERVERS.replace("snow02 15360 4", "snow02 15360 4 standby"), domains=DOMAINS.replace("snow02", "snow01")
    )


def broken() -> cib.Tree:
    return cib.parse(capture("cibadmin-2.1.5-troubled.xml"))


def not_enabled() -> cib.Tree:
    return cib.parse(capture("cibadmin-2.1.5-unconfigured.xml"))


def no_quorum() -> cib.Tree:
    tree = site(
        SERVERS.replace("snow02 15360 4", "snow02 15360 4 offline"), domains=DOMAINS.replace("snow02", "snow01")
    )
    tree.set("have-quorum", "0")
    return tree


def maintenance() -> cib.Tree:
    return site(more="option maintenance-mode=true")


def held() -> cib.Tree:
    tree = site()
    intent.hold(tree, ["web01"])
    intent.want(tree, ["nis02"], "Stopped")
    return tree


def lost() -> cib.Tree:
    return site(
        SERVERS.replace("snow02 15360 4", "snow02 15360 4 offline"), domains=DOMAINS.replace("snow02", "snow01")
    )


def unclean() -> cib.Tree:
    """As in the 36 seconds in which nobody has said yet that it is dead."""
    tree = site()
    probes.fail(tree, ["snow02"], fenced=True, quorum=True)
    return tree


def migration_failed() -> cib.Tree:
    return cib.parse(capture("cibadmin-2.1.5-migration-failed.xml"))


def banned() -> cib.Tree:
    return site(more='xml constraints <rsc_location id="cli-ban-web01" rsc="web01" node="snow02" score="-INFINITY"/>')


def server_maintenance() -> cib.Tree:
    return site(SERVERS.replace("snow02 15360 4", "snow02 15360 4 maintenance"))


def unmanaged() -> cib.Tree:
    return site(domains=DOMAINS.replace("web01 2048 2 on snow01", "web01 2048 2 on snow01 maintenance=true"))


def crowded() -> cib.Tree:
    return cluster.read(SERVERS + DOMAINS.replace("snow02", "snow01")).tree


CASES: dict[str, tuple[Callable[[], cib.Tree], tuple[str, ...]]] = {
    "healthy": (healthy, ("status",)),
    "degraded": (degraded, ("status",)),
    "broken": (broken, ("status",)),
    "not-enabled": (not_enabled, ("status",)),
    "no-quorum": (no_quorum, ("status",)),
    "maintenance": (maintenance, ("status",)),
    "held": (held, ("status",)),
    "healthy-x": (healthy, ("status", "-x")),
    "lost": (lost, ("status",)),
    "lost-server": (lost, ("status", "snow02")),
    "unclean": (unclean, ("status",)),
    "migration-failed": (migration_failed, ("status",)),
    "banned": (banned, ("status",)),
    "banned-domain": (banned, ("status", "web01")),
    "server-maintenance": (server_maintenance, ("status",)),
    "unmanaged": (unmanaged, ("status",)),
    "domain": (broken, ("status", "nis01")),
    "server": (degraded, ("status", "snow02")),
    "nagios": (broken, ("status", "--check")),
    "balance": (crowded, ("balance", "--dry-run")),
    "what-if": (crowded, ("what-if", "snow01")),
    "what-if-each": (crowded, ("what-if", "--each")),
}


def night() -> Record:
    """What was recorded of a server that left four minutes ago, and was fenced."""
    at = NOW - 240
    return Record(
        (
            Event(NOW - 9000, Kind.CHANGE, "snow02", "snow01", "keep domains off snow02", "ada: snow-ha drain snow02"),
            Event(NOW - 8900, Kind.MIGRATE, "nis02", "snow01", "from snow02", seconds=13, mib=1024),
            Event(at, Kind.SERVER, "snow02", "snow01", "left the cluster", ok=False),
            Event(at + 11, Kind.FENCING, "snow02", "snow01", "reboot by snow01"),
            *(Event(at + 13, Kind.START, name, "snow01", seconds=2) for name in ("monitor01", "nis02", "syslog01")),
        )
    )


@pytest.mark.parametrize("name", CASES)
def test_the_screen_is_as_it_was_captured(files: Files, name: str, pytestconfig: pytest.Config) -> None:
    make, (verb, *words) = CASES[name]
    files.cib.write_bytes(cib.serialize(make()))
    files.monkeypatch.setattr(status_view, "columns", lambda: COLUMNS)
    files.monkeypatch.setattr(balance_view, "NO_TERMINAL_COLUMNS", COLUMNS)
    files.monkeypatch.setattr("snow_ha_plugin.cli.status.time.time", lambda: NOW)
    files.monkeypatch.setattr(time, "localtime", time.gmtime)
    files.monkeypatch.setattr(ClusterInFile, "past", lambda self, since: night())
    ended = files.run(verb, "--cib", str(files.cib), "--domains-dir", str(files.domains), *words)
    said = "".join(f"{line.rstrip()}\n" for line in (ended.out + ended.err).splitlines())
    screen = f"$ {' '.join(['snow-ha', verb, *words])}\n{said}$ echo $?\n{ended.status}\n"
    captured = SCREENS / f"{name}.txt"
    if pytestconfig.getoption("--regenerate"):
        captured.write_text(screen)
    assert screen == captured.read_text()


def test_each_captured_screen_is_one_of_a_case() -> None:
    assert {path.stem for path in SCREENS.iterdir()} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_serial_console_can_show_it(name: str) -> None:
    assert (SCREENS / f"{name}.txt").read_text().isascii()


@pytest.mark.parametrize("name", [name for name in CASES if name != "nagios"])
def test_no_line_is_wider_than_the_terminal(name: str) -> None:
    assert [line for line in (SCREENS / f"{name}.txt").read_text().splitlines() if len(line) > COLUMNS] == []
