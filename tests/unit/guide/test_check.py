"""`check` where a server does not answer: it is asked once, told once, and the others are looked at all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import check as looking
from snow_ha_plugin.guide import corosync, settings
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations.cluster import Site
from snow_ha_plugin.system.command import Result
from tests.unit.conftest import Machines


@pytest.fixture
def asked(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each server is asked; snow02 does not answer."""
    count: Counter[str] = Counter()
    real = machines._reach

    def reach(server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        count[server] += 1
        if server == "snow02":
            raise UnavailableError("snow02 cannot be reached", "No route to host", "make ssh work")
        return real(server, argv, stdin, timeout_s)

    monkeypatch.setattr(machines, "_reach", reach)
    return count


def test_a_dead_server_is_asked_once_and_told_once(site: Site, machines: Machines, asked: Counter[str]) -> None:
    machines.stand_in("findmnt", "exit 1")
    checked = looking.check(site)
    found = [*checked.findings, *checked.todo]
    about = [finding for finding in found if "snow02" in finding.message]
    assert [finding.id for finding in about] == ["unreachable"]
    assert "No route to host" in about[0].message
    assert asked["snow02"] == 1
    assert "/sNow is not a mount on snow01" in " ".join(finding.message for finding in found)


def test_a_dead_server_makes_nobody_blame_a_configuration_written_by_hand(
    site: Site, machines: Machines, asked: Counter[str]
) -> None:
    nodes = "".join(f"node {{\nname: {name}\n}}\n" for name in site.servers.names)
    machines.file("snow01", corosync.PATH).write_text(f"totem {{\nsecauth: on\n}}\nnodelist {{\n{nodes}}}\n")
    site.servers.leave_out_silent(1)
    assert [finding.id for finding in corosync.check_foreign(site)] == ["corosync-by-hand"]


def test_a_name_in_snow_conf_that_nobody_reads_is_a_warning(site: Site) -> None:
    conf = replace(site.conf, unknown=((7, "SNOW_HA_WATCHDOG", "SNOW_HA_WATCHDOG_S"), (9, "SNOW_HA_Q", "")))
    first, second = settings.check(replace(site, conf=conf))
    assert (first.id, first.severity) == ("unknown-setting", Severity.WARNING)
    assert first.message == "/sNow/snow-tools/etc/snow.conf:7: nobody reads SNOW_HA_WATCHDOG"
    assert (first.remedy, second.remedy) == ("did you mean SNOW_HA_WATCHDOG_S", "see snow-ha-settings(5)")
