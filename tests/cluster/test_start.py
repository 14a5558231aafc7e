"""Servers back into the cluster after a power loss: one of them, and one alone whose other is dead."""

from collections.abc import Iterator

import pytest

from tests.cluster.pair import ENABLED_WITHIN_S, Pair, enabled
from tests.lab import terminal
from tests.lab.site import SiteDomain

pytestmark = pytest.mark.lab

ONES = ("one", "two")


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with enabled("start", [SiteDomain(name, "proxy", 256) for name in ONES]) as up:
        yield up


def all_run_on(pair: Pair, server: str) -> bool:
    return all(pair.world.where(name) == [server] for name in ONES)


def test_a_server_that_had_no_power_is_started_from_another(pair: Pair) -> None:
    pair.lab.power_off(pair.there)
    pair.wait_for(lambda: all_run_on(pair, pair.here), "its domains do not start elsewhere")
    pair.world.fault("list", "fail", server=pair.there, stderr="xc: error: no privcmd")
    pair.lab.power_on(pair.there)
    refused = pair.snow_ha("start", pair.there, check=False)
    assert refused.returncode == 69
    assert f"xl does not answer on {pair.there}" in refused.stderr
    assert all_run_on(pair, pair.here)
    pair.world.mend()
    pair.snow_ha("start", pair.there)
    assert {server["name"]: server["online"] for server in pair.status()["servers"]} == {
        pair.here: True,
        pair.there: True,
    }
    assert "nothing to do" in pair.snow_ha("start").stdout
    assert all_run_on(pair, pair.here), "nothing moves by it"


def test_a_server_starts_alone_once_somebody_says_that_the_other_is_off(pair: Pair) -> None:
    for server in (pair.here, pair.there):
        pair.lab.power_off(server)
    pair.lab.power_on(pair.here)
    refused = pair.snow_ha("start", check=False)
    assert refused.returncode == 106
    assert "snow ha start --alone" in refused.stderr
    assert pair.world.where("one") == []

    argv = pair.lab.command(pair.here, ["snow-ha", "start", "--alone"], {"TERM": "dumb"})
    outcome = terminal.run(argv, typed=f"{pair.there} is off\n", after="[?]", timeout_s=120)
    assert outcome.status == 0, outcome.terminal
    pair.wait_for(lambda: all_run_on(pair, pair.here), "the domains do not start")

    pair.lab.power_on(pair.there)
    pair.snow_ha("start", pair.there)
    assert pair.snow_ha("start", "--alone", "--yes", check=False).returncode == 107, "the other one answers"
    assert pair.world.doubles() == []


def test_a_server_whose_corosync_has_another_key_gets_the_others_and_joins(pair: Pair) -> None:
    """As after a restore from a backup: its Pacemaker runs by itself, without a quorum, and would for ever."""
    script = """
    systemctl stop pacemaker corosync
    head -c 128 /dev/urandom >/etc/corosync/authkey
    systemctl start corosync pacemaker
    """
    pair.lab.run(pair.there, ["bash", "-ec", script], timeout=120)
    pair.wait_for(lambda: all_run_on(pair, pair.here), "its domains do not move")
    pair.lab.run(pair.here, ["snow-ha", "enable", "--without-fencing"], timeout=ENABLED_WITHIN_S)
    assert all(server["online"] for server in pair.status()["servers"])
    assert all_run_on(pair, pair.here)
    assert pair.world.doubles() == []
