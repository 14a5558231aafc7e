"""Domains registered, synchronized and let go of: in one commit, as they run, and by whose wish."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent, watch
from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations import registration
from tests.captures import domain, guide_cluster
from tests.unit.conftest import Machines
from tests.unit.operations.test_transaction import Memory
from tests.unit.system.test_waiting import Clock

XL_LIST = "Name ID Mem VCPUs State Time(s)\\nDomain-0 0 2048 2 r----- 1.0\\n"
WEB01 = domain("web01", memory_mib=65536)._replace(addresses=("10.1.0.9",))


class Cluster(Memory):
    """The guide's; `forgotten` are those of which Pacemaker was asked to remember nothing."""

    def __init__(self) -> None:
        super().__init__(guide_cluster())
        self.forgotten: list[str] = []

    def forget(self, resource: str, node: str = "") -> None:
        self.forgotten.append(resource)

    @property
    def names(self) -> set[str]:
        return set(cib.domains(self.tree))

    def role(self, name: str) -> str:
        return cib.meta(self.tree, name, "target-role", "Started")

    def parameters(self, name: str) -> Mapping[str, str]:
        return cib.domains(self.tree)[name].parameters


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def runs(machines: Machines, name: str, server: str) -> None:
    """What xl says: this domain runs there, and no other anywhere."""
    machines.stand_in(
        "xl",
        f"""case $1 in
    info) echo 'total_memory : 4096'; echo 'nr_cpus : 4'; echo 'virt_caps : pv hvm shadow' ;;
    list) [ -z "$2" ] || exit 0
        printf '{XL_LIST}'; [ $SERVER != {server} ] || echo '{name} 3 512 1 -b---- 1.0' ;;
esac""",
    )


def targets(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.action, change.target) for change in changes]


# --- register


def test_domains_are_registered_together_and_started(cluster: Cluster) -> None:
    told = registration.register(cluster, [WEB01, domain("web02")], 40)
    assert targets(told) == [("register", "web01"), ("register", "web02")]
    assert cluster.commits == 1
    assert cluster.role("web01") == "Started"
    assert watch.WATCH not in cluster.parameters("web01")
    # 64 GiB at 40 MiB/s: more than 27 minutes of copying, and more at half the speed.
    slow = cib.operation_timeout_s(cluster.tree, "web01", "migrate_to", 0)
    other = Cluster()
    registration.register(other, [WEB01], 80)
    assert slow > cib.operation_timeout_s(other.tree, "web01", "migrate_to", 0) > 65536 / 80


def test_those_that_run_already_stay_started_where_the_others_wait_for_their_boot(
    cluster: Cluster, machines: Machines
) -> None:
    runs(machines, "web01", "snow02")
    registration.register(cluster, [WEB01, domain("web02")], 80, servers=machines, stopped=True)
    assert (cluster.role("web01"), cluster.role("web02")) == ("Started", "Stopped")


def test_a_domain_that_runs_where_rules_forbid_it_is_not_registered(cluster: Cluster, machines: Machines) -> None:
    """It would be migrated by having been registered."""
    runs(machines, "web01", "snow02")
    rules = cib.section(cluster.tree, "constraints")
    rule = cib.add(rules, "rsc_location", id="ban", node="snow02", score="-INFINITY")
    rule.set("rsc-pattern", "^web")
    for stopped in (False, True):
        with pytest.raises(UnsafeError, match="disturb domains: migrate web01"):
            registration.register(cluster, [WEB01], 80, servers=machines, stopped=stopped)
    # In a file nothing runs.
    assert registration.register(cluster, [WEB01], 80, tell=lambda text: None)


def test_a_dry_run_tells_and_does_nothing(cluster: Cluster) -> None:
    assert len(registration.register(cluster, [WEB01], 80, dry_run=True)) == 1
    assert len(registration.unregister(cluster, ["nis01"], dry_run=True)) == 1
    assert registration.sync(cluster, [WEB01], 80, servers=None, dry_run=True)
    assert (cluster.commits, cluster.forgotten) == (0, [])


def test_guests_are_watched_from_their_registration_on(cluster: Cluster) -> None:
    """By default a guest may be silent for the five minutes that snow.conf's WATCH_GRACE begins with."""
    told = registration.register(cluster, [WEB01], 80, watched="ping")
    assert targets(told) == [("register", "web01"), ("watch", "web01")]
    assert (cluster.parameters("web01")[watch.WATCH], cluster.parameters("web01")[watch.GRACE]) == ("ping", "300")
    registration.register(cluster, [WEB01], 80, watched="ping", watch_grace_s=77)
    assert cluster.parameters("web01")[watch.GRACE] == "77"


def test_what_was_left_out_on_purpose_is_taken_in_by_registering_it(cluster: Cluster) -> None:
    assert targets(registration.unregister(cluster, ["nis01", "nis01"], on_purpose=True)) == [("unregister", "nis01")]
    assert list(intent.left_out(cluster.tree)) == ["nis01"]
    registration.register(cluster, [domain("nis01")], 80)
    assert not intent.left_out(cluster.tree)
    # Also where that is all there is to do.
    intent.leave_out(cluster.tree, ["nis02"])
    commits = cluster.commits
    assert registration.register(cluster, [described(cluster, "nis02")], 80)
    assert (cluster.commits, list(intent.left_out(cluster.tree))) == (commits + 1, [])


def described(cluster: Cluster, name: str) -> registration.Domain:
    found = cib.domains(cluster.tree)[name]
    sizes = (int(found.utilization[key]) for key in ("hv_memory", "cpu"))
    return domain(name, *sizes, config_path=found.parameters["xmfile"])


def test_what_a_failure_would_cost_then_is_told_unless_it_is_to_wait_for_its_boot(
    cluster: Cluster, machines: Machines
) -> None:
    """With sizes in force one server has room for all domains, and not for one more."""
    cib.put_option(cluster.tree, "x", "placement-strategy", "utilization")
    for pair in cluster.tree.xpath("configuration/nodes/node/utilization/nvpair[@name='hv_memory']"):
        pair.set("value", "12000")
    runs(machines, "web01", "snow01")
    told: list[str] = []
    for stopped in (True, False):
        assert told == []
        new = domain("web01", memory_mib=2048)
        registration.register(cluster, [new], 80, servers=machines, tell=told.append, stopped=stopped, dry_run=True)
    assert told
    assert all(re.match(r"if snow0\d failed, .* would then be lost", text) for text in told)


def test_in_a_file_those_that_are_to_wait_for_their_boot_do(cluster: Cluster) -> None:
    registration.register(cluster, [WEB01], 80, stopped=True)
    assert cluster.role("web01") == "Stopped"


# --- unregister


def test_domains_are_let_go_of_together_and_forgotten(cluster: Cluster) -> None:
    told = registration.unregister(cluster, ["nis01", "maui01", "nis01"])
    assert targets(told) == [("unregister", "nis01"), ("unregister", "maui01")]
    assert (cluster.commits, cluster.forgotten) == (1, ["nis01", "maui01"])
    assert not {"nis01", "maui01"} & cluster.names
    assert not intent.left_out(cluster.tree)


def test_what_is_left_out_already_is_no_change(cluster: Cluster) -> None:
    registration.unregister(cluster, ["nis01"], on_purpose=True)
    cluster.forgotten.clear()
    assert registration.unregister(cluster, ["nis01"], on_purpose=True) == []
    assert cluster.forgotten == []


# --- sync


def test_the_domains_become_those_of_the_files(cluster: Cluster) -> None:
    files = [described(cluster, name) for name in sorted(cluster.names - {"nis01"})]
    told = registration.sync(cluster, [*files, WEB01], 80, servers=None, dry_run=False)
    assert sorted(targets(told)) == [("register", "web01"), ("unregister", "nis01")]
    assert cluster.forgotten == ["nis01"]


def test_what_was_left_out_on_purpose_is_not_registered_by_a_sync(cluster: Cluster) -> None:
    files = [described(cluster, name) for name in sorted(cluster.names)]
    intent.leave_out(cluster.tree, ["web01"])
    assert registration.sync(cluster, [*files, WEB01], 80, servers=None, dry_run=False) == []
    # One that is registered all the same is kept up to date.
    intent.leave_out(cluster.tree, ["nis01"])
    files = [each._replace(memory_mib=768) if each.name == "nis01" else each for each in files]
    assert [target for _, target in targets(registration.sync(cluster, files, 80, servers=None, dry_run=False))] == [
        "nis01"
    ]


@pytest.mark.parametrize("of_all", [True, False])
def test_files_that_are_missing_let_go_of_nothing(cluster: Cluster, of_all: bool) -> None:
    files = [] if of_all else [described(cluster, name) for name in sorted(cluster.names - {"nis01", "nis02"})]
    missing = "deploy01, flexlm01, .* and syslog01" if of_all else "nis01"
    with pytest.raises(UnsafeError, match=f"the domain files? of {missing} (is|are) missing; nothing was changed"):
        registration.sync(cluster, files, 80, servers=None, dry_run=False, expected={"nis01"})
    assert (cluster.commits, cluster.forgotten) == (0, [])


def test_a_sync_looks_where_new_domains_run(cluster: Cluster, machines: Machines) -> None:
    runs(machines, "web01", "snow02")
    rule = cib.add(cib.section(cluster.tree, "constraints"), "rsc_location", id="ban", node="snow02", score="-INFINITY")
    rule.set("rsc-pattern", "^web")
    files = [described(cluster, name) for name in sorted(cluster.names)]
    with pytest.raises(UnsafeError, match="disturb domains: migrate web01"):
        registration.sync(cluster, [*files, WEB01], 80, servers=machines, dry_run=False)
    assert registration.sync(cluster, [*files, WEB01], 80, servers=None, dry_run=False)


# --- forget


def test_the_controllers_have_a_rest_among_many_that_are_forgotten(cluster: Cluster, mocker: MockerFixture) -> None:
    """Each keeps them busy for a second; pacemakerd kills what was busy for too long (2.1.5)."""
    clock = Clock()
    mocker.patch.object(registration, "time", clock)
    mocker.patch.object(cluster, "forget", side_effect=lambda name: clock.sleep(1))
    registration.forget(cluster, [f"d{number}" for number in range(16)])
    assert clock.now_s == 116
    registration.forget(cluster, [f"d{number}" for number in range(40)])
    assert clock.now_s == 116 + 40 + 2 * 8
