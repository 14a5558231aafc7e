from __future__ import annotations

import pytest

from snow_ha_plugin.steps import autostart
from snow_ha_plugin.steps.site import Site
from tests.steps.conftest import Machines

STATE = """
[ $SERVER = snow02 ] || set -- "$1" other
case $2 in corosync) echo {0} ;; pacemaker) echo {1} ;; other) echo disabled ;; esac
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


def test_both_are_disabled_on_all_servers(site: Site, machines: Machines) -> None:
    machines.stand_in("systemctl", "")
    autostart.apply(site)
    assert sorted(machines.log()) == [
        "snow01 systemctl --quiet disable corosync pacemaker",
        "snow02 systemctl --quiet disable corosync pacemaker",
    ]
