"""The host's table of domains: who is asked, and what is said of what did not answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import TimedOutError, UnavailableError
from snow_ha_plugin.model import ClusterState, DomainRow, NodeState, ResourceState
from snow_ha_plugin.operations import domain_table
from snow_ha_plugin.system import command, pacemaker
from snow_ha_plugin.system.command import Result

HEAD = "Name                                        ID   Mem VCPUs      State   Time(s)\n"
ROW = "{:40} {:4d} {:5d}     1     -b----       1.0\n"


class Site:
    """web01 runs on snow01, web02 on snow02, web03 nowhere; Pacemaker has all but web03."""

    def __init__(self, directory: Path, mocker: MockerFixture) -> None:
        etc = directory / "snow-tools/etc"
        (etc / "domains").mkdir(parents=True)
        for name in ("web03", "web02", "web01"):
            (etc / f"domains/{name}.cfg").write_text(f"name = '{name}'\n")
        (etc / "snow.conf").write_text("SNOW_NODES=( snow01 snow02 )\n")
        (etc / "snow.conf").chmod(0o600)
        (etc / "domains.conf").write_text("web01 proxy,nis\nweb02 proxy\n")
        self.guests = {"snow01": ["web01"], "snow02": ["web02"]}
        self.down: set[str] = set()
        self.online = {"snow01", "snow02"}
        self.ran: list[list[str]] = []
        self.said: list[str] = []
        run = command.run
        mocker.patch("socket.gethostname", return_value="snow01")
        mocker.patch.object(command, "run", side_effect=lambda argv, **k: self._run(argv) or run(argv, **k))
        mocker.patch.object(pacemaker, "state", side_effect=self._state)

    def rows(self) -> list[DomainRow]:
        return domain_table.rows(self.said.append)

    def _run(self, argv: Sequence[str]) -> Result | None:
        if argv[0] == "bash":
            return None
        self.ran.append(list(argv))
        server = argv[-3] if argv[0] == "ssh" else "snow01"
        if argv[-1] == "uptime -p":
            if argv[-2] == "web02":
                raise TimedOutError("ssh did not end")
            return Result(tuple(argv), 0, b"up 3 days, 2 hours\n", b"")
        if server in self.down:
            return Result(tuple(argv), 255, b"", b"no route")
        rows = ["Domain-0", *self.guests[server]]
        listing = HEAD + "".join(ROW.format(name, number, 256) for number, name in enumerate(rows))
        return Result(tuple(argv), 0, listing.encode(), b"")

    def _state(self) -> ClusterState:
        return ClusterState(
            True,
            False,
            tuple(NodeState(name, name in self.online, False, False, False) for name in ("snow01", "snow02")),
            tuple(
                ResourceState(name, "Started", (server,), managed=True, failed=False, blocked=False)
                for server, names in {"snow01": ["web01"], "snow02": ["web02"]}.items()
                for name in names
                if server in self.online
            ),
        )


@pytest.fixture
def site(tmp_path: Path, mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("SNOW_ROOT", str(tmp_path))
    for name in ("SNOW_ETC", "SNOW_SRV", "SNOW_LIB"):
        monkeypatch.delenv(name, raising=False)
    return Site(tmp_path, mocker)


def test_each_server_and_each_guest_that_runs_is_asked_once(site: Site) -> None:
    assert site.rows() == [
        DomainRow("web01", "on", "up 3 days, 2 hours", "proxy,nis", "snow01"),
        DomainRow("web02", "on", "down", "proxy", "snow02"),
        DomainRow("web03", "off", "down", "", ""),
    ]
    assert len(site.ran) == 4
    assert site.said == []


def test_what_a_silent_server_may_run_is_unknown(site: Site) -> None:
    site.down.add("snow02")
    web01, web02, web03 = site.rows()
    assert (web01.power, web02.power, web03.power) == ("on", "unknown", "off")
    assert web02.server == "snow02"
    assert site.said == ["snow02 does not answer: what it may run is shown as unknown"]


def test_a_silent_server_that_the_cluster_has_fenced_runs_nothing(site: Site) -> None:
    site.down.add("snow02")
    site.online.remove("snow02")
    assert [row.power for row in site.rows()] == ["on", "off", "off"]
    assert site.said == []


def test_without_a_cluster_a_silent_server_may_run_anything(site: Site, mocker: MockerFixture) -> None:
    site.down.add("snow02")
    mocker.patch.object(pacemaker, "state", side_effect=UnavailableError("Pacemaker does not run on this server"))
    assert [row.power for row in site.rows()] == ["on", "unknown", "unknown"]
    assert "Pacemaker does not run on this server: shown is what the servers say" in site.said


def test_without_quorum_a_silent_server_may_run_anything(site: Site, mocker: MockerFixture) -> None:
    site.down.add("snow02")
    site.online.remove("snow02")
    real = site._state
    mocker.patch.object(pacemaker, "state", side_effect=lambda: real()._replace(quorum=False))
    assert [row.power for row in site.rows()] == ["on", "unknown", "unknown"]
    assert "the cluster has no quorum: shown is what the servers say that answer" in site.said
    assert [row.server for row in site.rows()] == ["snow01", "", ""]


def test_a_lost_server_that_was_not_fenced_yet_may_run_its_domains(site: Site, mocker: MockerFixture) -> None:
    site.down.add("snow02")
    real = site._state
    lost = NodeState("snow02", online=False, standby=False, maintenance=False, unclean=True)
    mocker.patch.object(pacemaker, "state", side_effect=lambda: real()._replace(nodes=(*real().nodes[:1], lost)))
    assert [row.power for row in site.rows()] == ["on", "unknown", "off"]


def test_what_xl_does_not_have_any_more_is_off_whatever_pacemaker_last_saw(site: Site) -> None:
    site.guests["snow02"] = []
    assert [(row.power, row.server) for row in site.rows()] == [("on", "snow01"), ("off", ""), ("off", "")]


def test_servers_are_asked_without_much_patience(site: Site, mocker: MockerFixture) -> None:
    """Somebody waits for the table."""
    asked = mocker.spy(command, "run")
    site.rows()
    lists = [call.kwargs["timeout_s"] for call in asked.call_args_list if "list" in call.args[0][-1]]
    assert lists == [domain_table.SERVER_TIMEOUT_S] * 2


def test_a_site_without_domains_has_an_empty_table(site: Site, tmp_path: Path) -> None:
    for path in (tmp_path / "snow-tools/etc/domains").glob("*.cfg"):
        path.unlink()
    assert site.rows() == []
