"""A cluster set up by hand with the old guide: `enable` takes it over, restarts nothing and keeps what is there."""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.cluster import cluster_state as state
from tests.cluster.cluster_state import DOMAIN_FILES, DOMAINS
from tests.lab.cluster import Lab
from tests.lab.host import wait_until
from tests.lab.site import FLOATING_IP, build_site

pytestmark = pytest.mark.lab

# As people wrote it for two servers before corosync knew encryption by default; it still passes corosync -t.
COROSYNC_CONF = """# cluster of the front ends
totem {
    version: 2
    cluster_name: frontends
    transport: udpu
    token: 5000
}
nodelist {
    node {
        ring0_addr: 10.77.0.1
        name: snow01
        nodeid: 11
    }
    node {
        ring0_addr: 10.77.0.2
        name: snow02
        nodeid: 12
    }
}
quorum {
    provider: corosync_votequorum
    two_node: 1
}
"""

# The administrator got as far as these; the other domains run without Pacemaker.
BY_HAND = {"deploy01": "snow01", "proxy01": "snow01", "monitor01": "snow02", "nis01": "snow02"}
BESIDE = {"syslog01": "snow01", "nis02": "snow02"}

CRM_BATCH = "\n".join(
    [
        f"primitive {name} ocf:heartbeat:Xen params xmfile={DOMAIN_FILES}/{name}.cfg shutdown_timeout=60"
        " op monitor interval=20s timeout=60s op start interval=0 timeout=90s op stop interval=0 timeout=90s"
        " op migrate_to interval=0 timeout=240s op migrate_from interval=0 timeout=240s"
        " meta allow-migrate=true priority=5"
        for name in BY_HAND
    ]
    + [
        f"primitive front-ip ocf:heartbeat:IPaddr2 params ip={FLOATING_IP} cidr_netmask=24 op monitor interval=10s",
        "location cli-prefer-deploy01 deploy01 role=Started inf: snow01",
        "location cli-prefer-monitor01 monitor01 role=Started inf: snow02",
        "location nis-likes-snow02 nis01 50: snow02",
        "order ip-first Optional: front-ip proxy01",
        "property stonith-enabled=no no-quorum-policy=ignore cluster-recheck-interval=5min migration-limit=1",
        "rsc_defaults resource-stickiness=200",
    ]
)


@dataclass(frozen=True)
class Takeover:
    lab: Lab
    configuration: set[str]
    files: dict[str, str]
    domids: dict[str, tuple[str, int]]
    began: float
    ended: float
    epochs: tuple[int, int]
    printed: str


@pytest.fixture(scope="module")
def by_hand() -> Iterator[Lab]:
    disk = partial(state.hasten, corosync_conf=COROSYNC_CONF)
    with Lab.up(f"takeover-{os.getpid()}", site=build_site, disk=disk) as lab:
        for name, server in (BY_HAND | BESIDE).items():
            lab.run(server, ["xl", "create", f"{DOMAIN_FILES}/{name}.cfg"])
        wait_until(lambda: state.online(lab, "snow01") == lab.names, 60, "the administrator's cluster is not online")
        lab.run("snow01", ["crm", "--wait", "configure"], input=f"{CRM_BATCH}\ncommit\n".encode())
        yield lab


@pytest.fixture(scope="module")
def taken(by_hand: Lab) -> Iterator[Takeover]:
    lab = by_hand
    began = time.monotonic()
    # The agent of resource-agents has found the domains where they run, and so has not started one.
    assert {name: where for name, (where, _) in state.domids(lab).items()} == BY_HAND | BESIDE
    before = state.cib(lab)
    assert {line.split()[0] for line in domain_states(lab)} == set(BY_HAND)
    snapshot = state.snapshot(lab)
    printed = state.enable(lab)
    ended = time.monotonic()
    epochs = (int(before.get("epoch")), state.epoch(lab)[1])
    yield Takeover(lab, state.elements(before), snapshot.files, snapshot.domains, began, ended, epochs, printed)


def domain_states(lab: Lab) -> list[str]:
    """A line for each domain that Pacemaker runs: its name, its agent and its server."""
    nodes = state.crm_mon(lab, "snow01").iterfind("resources/resource[@role='Started']/node")
    found = [(node.getparent().get("id"), node.getparent().get("resource_agent"), node.get("name")) for node in nodes]
    return sorted(" ".join(each) for each in found if each[1].endswith(":Xen"))


def findings(lab: Lab) -> list[dict[str, Any]]:
    return list(state.status(lab)["findings"])


class TestRefused:
    def test_before_anything_is_changed_where_a_domain_could_not_be_registered(self, by_hand: Lab) -> None:
        by_hand.run("snow01", ["crm", "--wait", "configure", "primitive", "maui01", "ocf:heartbeat:Dummy"])
        before = state.snapshot(by_hand)
        done = state.attempt(by_hand, ["snow-ha", "enable", "--without-fencing"])
        assert done.returncode == 78
        assert re.fullmatch(r"\[E\] maui01 cannot be registered[^\n]*\n", done.stderr)
        assert before.difference(state.snapshot(by_hand)) == []
        by_hand.run("snow01", ["crm", "--wait", "configure", "delete", "--force", "maui01"])


class TestDomains:
    def test_none_was_interrupted_nor_moved(self, taken: Takeover) -> None:
        now = state.domids(taken.lab)
        assert {name: now[name] for name in BY_HAND | BESIDE} == taken.domids
        assert state.interrupted(taken.lab, list(BY_HAND | BESIDE), taken.began, taken.ended) == []

    def test_all_run_once(self, taken: Takeover) -> None:
        assert sorted(state.domids(taken.lab)) == DOMAINS
        assert state.doubles(taken.lab) == []

    def test_those_by_hand_keep_their_agent_and_the_others_get_ours(self, taken: Takeover) -> None:
        agents = {line.split()[0]: line.split()[1] for line in domain_states(taken.lab)}
        assert agents == {name: "ocf:heartbeat:Xen" if name in BY_HAND else "ocf:snow:Xen" for name in DOMAINS}


class TestAdministratorsWork:
    def test_every_element_of_the_configuration_is_still_there(self, taken: Takeover) -> None:
        now = state.elements(state.cib(taken.lab))
        assert taken.configuration - now == set()
        others = [line for line in now - taken.configuration if "snow-ha-" not in line]
        assert len(others) == len(DOMAINS) - len(BY_HAND)
        assert all("<primitive " in line and "provider=snow type=Xen" in line for line in others)

    def test_settings_in_force_are_the_administrators(self, taken: Takeover) -> None:
        for name, value in (("migration-limit", "1"), ("no-quorum-policy", "ignore"), ("stonith-enabled", "no")):
            shown = taken.lab.run("snow01", ["crm_attribute", "--name", name, "--query", "--quiet"]).stdout
            assert shown.strip() == value
        shown = taken.lab.run(
            "snow01", ["crm_attribute", "-t", "rsc_defaults", "-n", "resource-stickiness", "-Gq"]
        ).stdout
        assert shown.strip() == "200"

    def test_floating_ip_is_not_made_a_second_time(self, taken: Takeover) -> None:
        assert len(state.address_holders(taken.lab)) == 1
        assert [ip["address"] for ip in state.status(taken.lab)["floating_ips"]] == [FLOATING_IP]

    def test_corosync_conf_stays_as_it_is(self, taken: Takeover) -> None:
        for server in taken.lab.names:
            assert (taken.lab.disk(server) / "etc/corosync/corosync.conf").read_text() == COROSYNC_CONF

    def test_only_what_the_guide_asks_for_changed_on_the_servers(self, taken: Takeover) -> None:
        now = state.snapshot(taken.lab).files
        changed = {path.partition(":")[2] for path in taken.files | now if taken.files.get(path) != now.get(path)}
        # What `systemctl disable` takes away, also for the init scripts that Debian ships beside the units.
        links = {path for path in changed if re.match(r"/etc/(systemd/system/|rc\d\.d/)", path)}
        kept = {path for path in changed if path.startswith("/var/lib/snow-ha")}
        hook = {path for path in changed if path.endswith("/50-snow-ha.sh")}
        assert {
            f"/etc/systemd/system/multi-user.target.wants/{name}.service" for name in ("corosync", "pacemaker")
        } <= links
        assert hook
        assert changed - links - kept - hook == {"/etc/corosync/authkey", "/etc/default/xendomains"}


class TestWhatIsTold:
    def test_status_lists_what_was_written_by_hand(self, taken: Takeover) -> None:
        told = [(finding["id"], finding["message"]) for finding in findings(taken.lab)]
        for wanted, part in (
            [("cli-constraint", "cli-prefer-deploy01"), ("cli-constraint", "cli-prefer-monitor01")]
            + [("foreign-constraint", "nis-likes-snow02"), ("foreign-constraint", "ip-first")]
            + [("foreign-domain", f"{name} ") for name in BY_HAND]
            + [("no-quorum-ignored", "no-quorum-policy")]
        ):
            assert any(found == wanted and part in message for found, message in told), (wanted, part)

    def test_corosync_without_encryption_is_told(self, taken: Takeover) -> None:
        done = state.attempt(taken.lab, ["snow-ha", "check"])
        assert "stays as it is" in done.stdout
        assert "neither signed nor encrypted" in done.stdout

    def test_is_one_epoch_and_once_more_has_nothing_to_do(self, taken: Takeover) -> None:
        before, after = taken.epochs
        assert after == before + 1
        assert "nothing to do" in state.enable(taken.lab)
        assert state.epoch(taken.lab)[1] == after


class TestDisable:
    def test_leaves_the_cluster_as_the_administrator_had_it(self, taken: Takeover) -> None:
        before = state.domids(taken.lab)
        state.snow_ha(taken.lab, "disable", "--yes")
        assert state.domids(taken.lab) == before
        left = state.elements(state.stored_cib(taken.lab, "snow01"))
        assert taken.configuration - left == set()
        assert [line for line in left - taken.configuration if "snow-ha--options" not in line] == []
