"""A patched Debian 12 has a hypervisor without shadow paging: what it cannot do, and what it can (XSA-495)."""

from collections.abc import Iterator

import pytest

from tests.xen.guests import Yard
from tests.xenlab.cluster import XenLab
from tests.xenlab.guest import Guest


@pytest.fixture
def yard(xenlab_without_shadow: XenLab) -> Iterator[Yard]:
    with Yard(xenlab_without_shadow) as made:
        yield made


def test_xl_info_tells_that_shadow_paging_is_missing(yard: Yard) -> None:
    facts = yard.lab.run(yard.here, ["xl", "info"]).stdout
    (capabilities,) = (line.split(":")[1].split() for line in facts.splitlines() if line.startswith("virt_caps"))
    assert "shadow" not in capabilities
    assert {"pv", "hvm", "hap"} <= set(capabilities)


def test_a_pv_guest_is_refused_and_keeps_running_where_it_is(yard: Yard) -> None:
    guest = Guest("stayer", 1)
    started = yard.create(guest)
    refused = yard.lab.run(yard.here, ["xl", "migrate", guest.name, yard.there], check=False)
    assert refused.returncode == 1
    assert "Failed to enable logdirty: 95,22,0" in refused.stderr
    assert yard.where(guest) == [yard.here]
    yard.still_ticks(guest, started)
    assert yard.names(yard.there) == []


def test_a_pvh_guest_moves_there_and_back_and_keeps_running(yard: Yard) -> None:
    guest = Guest("mover", 2, kind="pvh")
    started = yard.create(guest)
    for source, target in ((yard.here, yard.there), (yard.there, yard.here)):
        yard.migrate(guest, source, target)
        assert yard.where(guest) == [target]
        yard.still_ticks(guest, started)
