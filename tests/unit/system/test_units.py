"""What `systemctl show` prints: of a service that runs, one that is not installed, and a unit of another kind."""

from __future__ import annotations

from snow_ha_plugin.system import units

SHOWN = """Id=sbd.service
ActiveState=active
UnitFileState=enabled

Id=corosync-qdevice.service
ActiveState=inactive
UnitFileState=

Id=corosync.service
UnitFileState=disabled
ActiveState=active

Id=snow-ha-events.path
ActiveState=failed
UnitFileState=enabled
"""


def test_what_runs_and_what_starts_at_boot() -> None:
    assert units.parse(SHOWN) == units.Units(
        active=frozenset({"sbd", "corosync"}), enabled=frozenset({"sbd", "snow-ha-events.path"})
    )


def test_nothing_shown_is_nothing_there() -> None:
    assert units.parse("") == units.Units(frozenset(), frozenset())
