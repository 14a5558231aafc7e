"""What high availability is for: a domain moves without a break, a server dies and its domains run on the other one."""

import time
from collections.abc import Iterator

import pytest

from tests.cluster import cluster_state as state
from tests.cluster.cluster_state import DOMAINS
from tests.lab.cluster import Lab
from tests.lab.host import wait_until

pytestmark = pytest.mark.lab

# Corosync's token and consensus (3.0 + 3.6 s), a start of each domain, and room for a machine that has other work.
FAILOVER_WITHIN_S = 40


@pytest.fixture(scope="module")
def site(hasty_lab: Lab) -> Iterator[Lab]:
    state.enable(hasty_lab)
    yield hasty_lab


@pytest.fixture
def both(site: Lab) -> Lab:
    """Both servers are on and in the cluster, and all domains run."""
    if not state.is_whole(site):
        state.enable(site)
    assert state.is_whole(site)
    return site


def settle(lab: Lab) -> None:
    lab.run("snow01", ["crm_resource", "--wait", "--timeout=60s"], timeout=70)


class TestLiveMigration:
    def test_keeps_the_guest_running(self, both: Lab) -> None:
        server, domid = state.domids(both)["proxy01"]
        target = next(name for name in both.names if name != server)
        others = {name: where for name, where in state.domids(both).items() if name != "proxy01"}
        began = time.monotonic()
        both.run("snow01", ["crm_resource", "--move", "--resource", "proxy01", "--node", target])
        settle(both)
        both.run("snow01", ["crm_resource", "--clear", "--resource", "proxy01"])
        settle(both)
        assert state.domids(both)["proxy01"][0] == target
        assert state.interrupted(both, DOMAINS, began, time.monotonic()) == []
        assert state.doubles(both) == []
        assert {name: where for name, where in state.domids(both).items() if name != "proxy01"} == others
        (last,) = [run for run in state.world(both).intervals() if run.domain == "proxy01" and run.start > began]
        assert (last.server, last.started_by) == (target, "migrate")
        before = next(run for run in state.world(both).intervals() if (run.server, run.domid) == (server, domid))
        # The stand-in's guest is suspended for 0.02 s of it; the rest is what the processes take to start.
        assert before.end is not None
        assert 0 <= last.start - before.end < 3

    def test_that_fails_leaves_the_guest_running(self, both: Lab) -> None:
        server, _ = state.domids(both)["nis01"]
        target = next(name for name in both.names if name != server)
        world = state.world(both)
        began = time.monotonic()
        world.fault("copy", "cut", server=server, domain="nis01")
        both.run("snow01", ["crm_resource", "--move", "--resource", "nis01", "--node", target])

        def gave_up() -> bool:
            failures = state.cib(both).xpath(
                "status//lrm_resource[@id='nis01']/lrm_rsc_op[@operation='migrate_to' and @rc-code!='0']"
            )
            return bool(failures)

        try:
            wait_until(gave_up, 40, "Pacemaker does not know of the failure")
        finally:
            world.mend()
        both.run("snow01", ["crm_resource", "--clear", "--resource", "nis01"])
        settle(both)
        both.run("snow01", ["crm_resource", "--cleanup", "--resource", "nis01"])
        settle(both)
        assert sorted(state.domids(both)) == DOMAINS
        assert state.doubles(both) == []
        # Pacemaker mends a failed migration with a stop and a start of this domain; no other one feels it.
        assert state.interrupted(both, [name for name in DOMAINS if name != "nis01"], began, time.monotonic()) == []


class TestPowerLoss:
    @pytest.mark.parametrize("victim", ["snow01", "snow02"])
    def test_everything_comes_up_on_the_other_server(self, both: Lab, victim: str) -> None:
        survivor = next(name for name in both.names if name != victim)
        stayed = {name: where for name, where in state.domids(both).items() if where[0] == survivor}
        assert 0 < len(stayed) < len(DOMAINS)
        began = time.monotonic()
        both.power_off(victim)
        state.wait_for_all_domains(both, FAILOVER_WITHIN_S)
        wait_until(
            lambda: state.address_holders(both, [survivor]) == [survivor], FAILOVER_WITHIN_S, "the address is nowhere"
        )
        now = state.domids(both)
        assert {server for server, _ in now.values()} == {survivor}
        assert {name: now[name] for name in stayed} == stayed
        assert state.interrupted(both, list(stayed), began, time.monotonic()) == []
        assert state.doubles(both) == []
        told = state.status(both, survivor)
        assert {server["name"]: server["online"] for server in told["servers"]} == {survivor: True, victim: False}
        assert "server-offline" in [finding["id"] for finding in told["findings"]]

        # The server comes back, and waits for somebody to say so.
        both.power_on(victim)
        state.wait_until_booted(both, victim)
        for service in ("corosync", "pacemaker"):
            assert not state.is_active(both, victim, service)
        assert state.world(both).guests(victim) == []
        began, before = time.monotonic(), state.domids(both)
        state.enable(both)
        assert state.online(both, "snow01") == both.names
        settle(both)
        assert state.domids(both) == before
        assert state.address_holders(both) == [survivor]
        assert state.interrupted(both, DOMAINS, began, time.monotonic()) == []
        assert state.doubles(both) == []
        # For what comes next: some domains on each server again.
        for name in DOMAINS[::2]:
            both.run("snow01", ["crm_resource", "--move", "--resource", name, "--node", victim])
        settle(both)
        for name in DOMAINS[::2]:
            both.run("snow01", ["crm_resource", "--clear", "--resource", name])
        settle(both)
        assert state.interrupted(both, DOMAINS, began, time.monotonic()) == []
        assert state.doubles(both) == []


class TestQuorum:
    def test_server_that_starts_alone_starts_nothing_and_takes_no_change(self, site: Lab) -> None:
        for server in site.names:
            site.power_off(server)
        site.power_on("snow01")
        state.wait_until_booted(site, "snow01")
        site.run("snow01", ["systemctl", "start", "corosync", "pacemaker"])
        # wait_for_all: a server that has never seen the other one may be the one that is cut off.
        wait_until(lambda: state.online(site, "snow01") == ["snow01"], 60, "snow01 is alone and not online")
        (site.shared / "snow-tools/etc/domains/late01.cfg").write_text("name = 'late01'\nmemory = '512'\n")
        before = state.epoch(site)
        done = state.attempt(site, ["snow-ha", "add", "late01"])
        assert (done.returncode, done.stderr.count("[E]")) == (106, 1)
        assert state.epoch(site) == before
        assert state.domids(site) == {}
        assert "no-quorum" in state.finding_ids(site)

        site.power_on("snow02")
        state.enable(site)
        state.wait_for_all_domains(site)
        assert state.doubles(site) == []
