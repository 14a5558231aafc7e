from __future__ import annotations

import pytest

from snow_ha_plugin.guide import autostart
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations.site import Site
from tests.unit.conftest import Machines

STATE = """
state() {{ case $SERVER:$1 in snow02:corosync) echo {0} ;; snow02:pacemaker) echo {1} ;; *) echo disabled ;; esac; }}
case $1 in
    is-enabled) state "$2" ;;
    show)
        shift 2
        for unit; do printf 'Id=%s.service\\nUnitFileState=%s\\n\\n' "$unit" "$(state "$unit")"; done ;;
esac
"""


@pytest.mark.parametrize(
    ("states", "services"),
    [
        (("enabled", "enabled"), ["corosync", "pacemaker"]),
        (("disabled", "enabled"), ["pacemaker"]),
        (("enabled", "masked"), ["corosync"]),
        (("disabled", "disabled"), []),
        (("static", "masked"), []),
        # Of a unit that is not installed systemctl only complains.
        (("''", "enabled"), ["pacemaker"]),
    ],
)
def test_services_that_start_at_boot_are_found(
    site: Site, machines: Machines, states: tuple[str, str], services: list[str]
) -> None:
    machines.stand_in("systemctl", STATE.format(*states))
    findings = autostart.check(site)
    assert [finding.message.split()[:3] for finding in findings] == [["snow02", "starts", name] for name in services]
    assert {finding.id for finding in findings} <= {"cluster-autostart"}
    assert [finding.remedy for finding in findings] == [f"systemctl disable {name}" for name in services]
    assert all(finding.severity == Severity.ERROR for finding in findings)


def test_what_starts_at_boot_is_disabled_and_nothing_else(site: Site, machines: Machines) -> None:
    machines.stand_in("systemctl", STATE.format("enabled", "disabled"))
    autostart.apply(site)
    assert [line for line in machines.log() if "disable" in line] == ["snow02 systemctl --quiet disable corosync"]


def test_a_third_vote_does_not_start_corosync_at_boot(site: Site, machines: Machines) -> None:
    machines.stand_in("systemctl", r"printf 'Id=corosync-qdevice.service\nUnitFileState=enabled\n'")
    assert [finding.message.split()[:3] for finding in autostart.check(site)] == [
        [name, "starts", "corosync-qdevice"] for name in ("snow01", "snow02")
    ]
