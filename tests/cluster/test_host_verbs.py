"""The host's verbs for domains on a running cluster: wherever the domain runs, and not undone by Pacemaker.

Where SNOW_TOOLS names a checkout of the real host, all of this runs against that.
"""

from collections.abc import Iterator

import pytest

from tests.cluster.pair import Pair, enabled
from tests.cluster.test_snow import snow
from tests.lab.site import SiteDomain

pytestmark = pytest.mark.lab

ONES = ("one", "two", "three")


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with enabled("verbs", [SiteDomain(name, "proxy", 256) for name in ONES]) as up:
        yield up


def there(pair: Pair, name: str) -> int:
    """The domid of the domain, which runs on the server where the commands are not given."""
    if pair.world.where(name) != [pair.there]:
        pair.move(name, pair.there)
    domid = pair.world.domid(name)
    assert domid is not None
    return domid


def failures(pair: Pair) -> list[str]:
    found = pair.cib().iterfind(".//transient_attributes//nvpair")
    return [name for pair in found if (name := pair.get("name", "")).startswith("fail-count-")]


@pytest.mark.parametrize("verb", ["shutdown", "poweroff", "destroy"])
def test_what_stops_a_domain_is_waited_for_and_not_undone(pair: Pair, verb: str) -> None:
    there(pair, "one")
    said = snow(pair, verb, "one").terminal
    assert pair.world.where("one") == [], "it is waited for"
    assert f"(on {pair.there})" in said
    pair.settle()
    assert (pair.world.where("one"), pair.target_role("one"), failures(pair)) == ([], "Stopped", [])
    said = snow(pair, "boot", "one").terminal
    assert len(pair.world.where("one")) == 1, "that is waited for too"
    assert f"one runs on {pair.world.where('one')[0]}" in said


def test_a_guest_that_does_not_react_is_destroyed_at_once(pair: Pair) -> None:
    there(pair, "two")
    pair.world.configure(pair.there, "two", ignore_shutdown=True)
    assert "[*] two is destroyed" in snow(pair, "destroy", "two").terminal
    pair.world.configure(pair.there, "two", ignore_shutdown=False)
    snow(pair, "boot", "two")


@pytest.mark.parametrize("verb", ["reset", "reboot"])
def test_a_domain_starts_anew_in_place_and_pacemaker_has_no_failure(pair: Pair, verb: str) -> None:
    domid = there(pair, "one")
    assert snow(pair, verb, "one").status == 0
    assert pair.world.where("one") == [pair.there]
    assert pair.world.domid("one") != domid
    domid = pair.world.domid("one")
    pair.settle()
    assert (pair.world.where("one"), pair.world.domid("one"), failures(pair)) == ([pair.there], domid, [])
    assert pair.status()["findings"] == [] or "one" not in str(pair.status()["findings"])


def test_a_console_is_that_of_the_other_server(pair: Pair) -> None:
    domid = there(pair, "one")
    outcome = snow(pair, "console", "one", typed="\x04", after="login:")
    assert "one login:" in outcome.terminal
    assert (outcome.status, pair.world.domid("one")) == (0, domid)


def test_a_boot_that_cannot_be_says_why(pair: Pair) -> None:
    snow(pair, "shutdown", "three")
    image = pair.lab.shared / "domains/three/disk.img"
    image.rename(image.with_name("away"))
    said = snow(pair, "boot", "three").terminal
    assert "[E] three does not run; on snow01: " in said
    assert "disk.img is missing" in said
    image.with_name("away").rename(image)
    assert "[*] three runs on" in snow(pair, "boot", "three").terminal
    pair.settle()
    assert failures(pair) == []


def test_all_domains_stop_and_start_at_once(pair: Pair) -> None:
    snow(pair, "shutdown", "domains")
    assert [pair.world.where(name) for name in ONES] == [[], [], []]
    snow(pair, "boot", "domains")
    assert all(len(pair.world.where(name)) == 1 for name in ONES)
    assert pair.world.doubles() == []
