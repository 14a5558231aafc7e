"""When a move counts as done or failed, how long it is waited for, and what is said of it; and where it may go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import live, migration
from snow_ha_plugin.errors import TimedOutError, TryAgainError, UnavailableError, UnsafeError
from snow_ha_plugin.model import ClusterState, Domain, FailedAction, Move, ResourceState
from snow_ha_plugin.operations import moves
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.system import pacemaker
from tests.captures import guide_cluster
from tests.scenarios import cluster as scenario
from tests.unit.operations.test_transaction import Memory
from tests.unit.system.test_waiting import Clock

NIS, MAUI = Move("nis01", "snow01", "snow02", 512), Move("maui01", "snow01", "snow02", 2048)
BOTH = [NIS, MAUI]
HERE = ResourceState("nis01", "Started", ("snow01",), managed=True, failed=False, blocked=False, agent="ocf:snow:Xen")
THERE = HERE._replace(servers=("snow02",))


def seen(*resources: ResourceState, failures: tuple[FailedAction, ...] = ()) -> ClusterState:
    return ClusterState(True, False, (), resources, failures)


def looks(mocker: MockerFixture, *states: ClusterState) -> None:
    """What Pacemaker shows, one after the other; the last one stays."""
    left = list(states)
    mocker.patch.object(pacemaker, "state", side_effect=lambda tree: left.pop(0) if left[1:] else left[0])


def wait(move: Move = NIS, on_wait: moves.Waiting = moves.in_silence) -> tuple[dict[Move, str], list[str]]:
    cluster = Memory(guide_cluster())
    told: list[str] = []
    failed = moves._wait(cluster, cluster.read(), [move], lambda move, how: told.append(how), on_wait)
    return failed, told


# --- waiting


@pytest.mark.parametrize(
    "under_way",
    [
        HERE,
        THERE._replace(pending="Migrating"),
        THERE._replace(role="Migrating"),
        THERE._replace(servers=("snow01", "snow02")),
        THERE._replace(role="Stopped", servers=()),
    ],
    ids=["not yet", "pending", "arriving", "on both", "between"],
)
def test_a_domain_has_arrived_once_it_runs_on_its_target_alone(
    mocker: MockerFixture, clock: Clock, under_way: ResourceState
) -> None:
    looks(mocker, seen(under_way), seen(under_way), seen(THERE))
    waited: list[list[str]] = []
    assert wait(on_wait=lambda state, names: waited.append(list(names))) == ({}, ["done"])
    assert clock.now_s == 120
    assert waited == [["nis01"], ["nis01"]]


def test_only_those_under_way_are_waited_for(mocker: MockerFixture, clock: Clock) -> None:
    one = seen(THERE._replace(id="maui01", pending="Migrating"), THERE)
    looks(mocker, one, seen(THERE._replace(id="maui01"), THERE))
    cluster = Memory(guide_cluster())
    told: list[tuple[str, str]] = []
    waited: list[tuple[ClusterState, list[str]]] = []
    moves._wait(
        cluster,
        cluster.read(),
        BOTH,
        lambda move, how: told.append((move.domain, how)),
        lambda state, names: waited.append((state, list(names))),
    )
    assert told == [("nis01", "done"), ("maui01", "done")]
    assert waited == [(one, ["maui01"])]


def test_the_deadline_is_that_of_all_together_and_names_who_is_late(mocker: MockerFixture, clock: Clock) -> None:
    looks(mocker, seen(HERE, HERE._replace(id="maui01")))
    cluster = Memory(guide_cluster())
    within_s = moves.arrived_within_s(cluster.tree, ["nis01", "maui01"])
    with pytest.raises(TimedOutError, match="nis01, maui01 did not arrive in time"):
        moves._wait(cluster, cluster.read(), BOTH, lambda move, how: None, moves.in_silence)
    assert clock.now_s - 100 == within_s


@pytest.mark.parametrize("pulled", [True, False])
def test_what_pacemaker_has_been_told_but_not_written_down_yet_may_be_under_way(
    mocker: MockerFixture, clock: Clock, pulled: bool
) -> None:
    cluster = Memory(guide_cluster())
    if pulled:
        migration.put(cluster.tree, [NIS])
    looks(mocker, seen(HERE, HERE._replace(id="maui01", pending="Migrating")), seen(HERE._replace(pending="Migrating")))
    assert moves._goes_on(cluster, ["nis01"]) is pulled


@pytest.mark.parametrize(
    ("found", "is_under_way"),
    [
        (HERE, False),
        (HERE._replace(pending="Migrating"), True),
        (HERE._replace(role="Migrating"), True),
        (HERE._replace(servers=("snow01", "snow02")), True),
        # Its migration has failed: it is looked at anew.
        (HERE._replace(servers=("snow01", "snow02"), blocked=True), False),
        (HERE._replace(id="maui01", pending="Migrating"), False),
    ],
)
def test_a_domain_is_under_way_until_it_runs_on_one_server_alone(
    mocker: MockerFixture, found: ResourceState, is_under_way: bool
) -> None:
    looks(mocker, seen(found))
    assert bool(moves.under_way(guide_cluster(), ["nis01"])) is is_under_way


RESTART = NIS._replace(restarts=True)
NO_IMAGE = FailedAction("nis01", "snow02", "start", "no image", 5)


@pytest.mark.parametrize(
    ("failure", "has_failed"),
    [
        (NO_IMAGE, True),
        (NO_IMAGE._replace(task="stop"), True),
        (NO_IMAGE._replace(task="monitor"), False),
        (NO_IMAGE._replace(resource="maui01"), False),
    ],
)
def test_a_restart_has_failed_where_its_stop_or_start_has(
    mocker: MockerFixture, clock: Clock, failure: FailedAction, has_failed: bool
) -> None:
    cluster = Memory(guide_cluster())
    earlier = NO_IMAGE._replace(when=1)
    looks(mocker, seen(THERE, failures=(earlier, failure)), seen(HERE, failures=(earlier,)), seen(THERE))
    failed = moves._wait(cluster, cluster.read(), [RESTART], lambda move, how: None, moves.in_silence)
    assert failed == ({RESTART: "no image"} if has_failed else {})
    # Of a migration neither is the end.
    looks(mocker, seen(THERE, failures=(failure,)))
    assert wait() == ({}, ["done"])


# --- what is said of those that failed


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([seen(HERE)], "nis01 could not be migrated to snow02; it runs on where it was; "),
        ([seen(THERE)], r"; Pacemaker has started it again: nis01 on snow02; "),
        ([seen(HERE._replace(failed=True)), seen(HERE)], "; it runs on where it was; "),
        ([seen(HERE._replace(role="Stopped", servers=())), seen(HERE)], "; it runs on where it was; "),
        ([seen(HERE._replace(failed=True))], "; the live migration failed; "),
        ([seen()], "; the live migration failed; "),
    ],
    ids=["stayed", "started again", "seen anew", "seen to run", "never seen", "forgotten"],
)
def test_where_a_domain_is_whose_migration_failed_is_seen_before_it_is_told(
    mocker: MockerFixture, clock: Clock, states: list[ClusterState], words: str
) -> None:
    looks(mocker, *states)
    mocker.patch.object(cib, "was_started", return_value=False)
    cluster = Memory(guide_cluster())
    error = moves._failure(cluster, {NIS: ""})
    assert isinstance(error, UnavailableError)
    assert words in str(error)
    assert clock.now_s == 100 + (30 if "the live migration failed" in words else 10 * (len(states) - 1))


def test_a_domain_that_was_started_anew_where_it_was_did_not_run_on(mocker: MockerFixture, clock: Clock) -> None:
    looks(mocker, seen(HERE))
    mocker.patch.object(cib, "was_started", return_value=True)
    error = moves._failure(Memory(guide_cluster()), {NIS: "no memory"})
    assert "Pacemaker has started it again: nis01 on snow01; nis01: no memory" in str(error)


def test_each_that_failed_is_named_with_its_reason(mocker: MockerFixture, clock: Clock) -> None:
    looks(mocker, seen(HERE, HERE._replace(id="maui01")))
    mocker.patch.object(cib, "was_started", return_value=False)
    error = moves._failure(Memory(guide_cluster()), {NIS._replace(restarts=True): "", MAUI: "no memory"})
    assert "nis01 could not be restarted on snow02, maui01 could not be migrated to snow02; it runs" in str(error)
    assert "nis01: no reason was given; maui01: no memory" in str(error)


# --- what is refused


@pytest.mark.parametrize(
    ("found", "where"),
    [
        (None, "no server"),
        (HERE._replace(servers=()), "no server"),
        (THERE, "snow02"),
        (HERE._replace(servers=("snow01", "snow02")), "snow01 and snow02"),
        (HERE._replace(failed=True), "snow01"),
    ],
)
def test_a_move_is_only_for_a_domain_that_runs_in_health_where_it_is_thought_to(
    mocker: MockerFixture, found: ResourceState | None, where: str
) -> None:
    looks(mocker, seen(*([found] if found else []), HERE._replace(id="maui01")))
    with pytest.raises(TryAgainError, match=f"nis01 is on {where}, not on snow01; run the command again"):
        moves._refuse_absent(guide_cluster(), [MAUI, NIS])


FULL = """
server snow01 8192 4
server snow02 8192 4
server snow03 8192 4
domain a 4096 1 on snow01
domain b 4096 1 on snow01
domain c 6144 1 on snow02
option placement-strategy=utilization
"""


def test_each_move_that_would_not_be_carried_out_has_its_own_reason() -> None:
    tree = scenario.read(FULL).tree
    cib.put_standby(tree, "snow03", on=True)
    batch = [Move("a", "snow01", "snow02", 4096), Move("b", "snow01", "snow03", 4096)]
    error = moves._hindered(tree, batch)
    assert str(error).startswith("Pacemaker would not migrate b to snow03; snow03 is in standby; snow ha undrain")
    (other,) = error.others
    # 8192 - 6144 are free, of which it needs 4096.
    assert str(other).startswith("Pacemaker would not migrate a to snow02; snow02 lacks 2048 MiB for a; ")
    restart = moves._hindered(tree, [batch[0]._replace(restarts=True)])
    assert str(restart).startswith("Pacemaker would not move a to snow02; ")


def test_where_there_is_room_memory_is_not_what_is_lacking() -> None:
    for lacks in ("server snow03 - 4", "server snow03 4096 4"):
        tree = scenario.read(FULL.replace("server snow03 8192 4", lacks)).tree
        assert "lacks" not in str(moves._hindered(tree, [Move("a", "snow01", "snow03", 4096)]))


def test_a_domain_that_no_server_would_take_is_told_the_reason_of_the_roomiest() -> None:
    bans = "".join(
        f'xml constraints <rsc_location id="ban{number}" rsc="a" node="snow0{number}" score="-INFINITY"/>\n'
        for number in (2, 3)
    )
    with pytest.raises(UnsafeError, match="would not migrate a to snow03; the rule ban3 keeps a off snow03"):
        moves.plan_one(scenario.read(FULL + bans).tree, "a", None)


def test_the_roomiest_server_that_takes_it_is_chosen() -> None:
    tree = scenario.read(FULL).tree
    assert moves.plan_one(tree, "a", None) == Move("a", "snow01", "snow03", 4096)
    ban = '<rsc_location id="x" rsc="b" node="snow03" score="-INFINITY"/>'
    small = FULL.replace("domain b 4096", "domain b 1024")
    tree = scenario.read(f"{small}xml constraints {ban}\n").tree
    assert moves.plan_one(tree, "b", None) == Move("b", "snow01", "snow02", 1024)


def test_servers_with_the_same_room_come_by_name_and_those_of_which_nobody_knows_it_last() -> None:
    text = "".join(
        f"server {name} {memory} 4 {state}\n"
        for name, memory, state in (
            ("snow05", "-", ""),
            ("snow04", "8192", ""),
            ("snow03", "8192", ""),
            ("snow02", "16384", "standby"),
            ("snow01", "16384", ""),
        )
    )
    outlook = Outlook(scenario.read(text).tree)
    assert moves._roomiest_first(outlook, other_than="snow01") == ["snow03", "snow04", "snow05"]


def test_a_domain_of_unknown_size_is_planned_all_the_same() -> None:
    tree = scenario.read("server snow01 8192 4\nserver snow02 8192 4\ndomain a - 1 on snow01\n").tree
    assert moves.plan_one(tree, "a", "snow02") == Move("a", "snow01", "snow02", 0)


# --- the time of each


def drop_timeouts(tree: cib.Tree) -> None:
    for operation in tree.xpath("//primitive[@id='nis01']/operations/op"):
        operation.attrib.pop("timeout", None)


def small(tree: cib.Tree) -> None:
    drop_timeouts(tree)
    for pair in tree.xpath("//primitive[@id='nis01']/utilization/nvpair[@name='hv_memory']"):
        cib.drop(pair)


def unable(tree: cib.Tree) -> None:
    drop_timeouts(tree)
    live.tell(tree, Domain("nis01", "", 512, 1, is_pv=True), pv_migrates=False)
    for name, timeout in (("start", "70s"), ("stop", "50s")):
        tree.find(f"configuration/resources/primitive[@id='nis01']/operations/op[@name='{name}']").set(
            "timeout", timeout
        )


def gone(tree: cib.Tree) -> None:
    cib.remove_resource(tree, "nis01")


@pytest.mark.parametrize(
    ("edit", "both_s"),
    # Without a timeout of its own an operation has what is due to the domain's size: two minutes at least.
    [(drop_timeouts, 240), (small, 240), (unable, 120), (gone, 240)],
)
def test_a_move_has_the_time_of_both_its_operations(edit: Callable[[cib.Tree], None], both_s: int) -> None:
    tree = guide_cluster()
    edit(tree)
    assert moves.arrived_within_s(tree, ["nis01"]) == both_s + 60


# --- what is looked at anew


class Forgetful(Memory):
    def __init__(self, tree: cib.Tree) -> None:
        super().__init__(tree)
        self.done: list[tuple[str, ...] | int] = []

    def forget(self, resource: str, node: str = "") -> None:
        self.done.append((resource, node))

    def wait_idle(self, timeout_s: int) -> None:
        self.done.append(timeout_s)


def test_where_no_migration_has_failed_nothing_is_forgotten_or_waited_for() -> None:
    cluster = Forgetful(guide_cluster())
    moves.look_anew(cluster, [])
    assert cluster.done == []


def test_a_domain_is_looked_for_at_its_source_last_and_never_on_a_server_that_leaves(mocker: MockerFixture) -> None:
    cluster = Forgetful(guide_cluster())
    mocker.patch.object(cib, "failed_migrations", return_value={("snow01", 5)})
    moves.look_anew(cluster, ["nis01", "maui01"])
    both = ("nis01", "maui01")
    assert cluster.done == [*((name, "snow02") for name in both), 30, *((name, "snow01") for name in both), 30]
    cluster.done.clear()
    mocker.patch.object(cib, "is_shutting_down", side_effect=lambda tree, name: name == "snow01")
    moves.look_anew(cluster, ["nis01"])
    assert cluster.done == [("nis01", "snow02"), 30, 30]
    cluster.done.clear()
    cluster.tree.xpath("status/node_state[@uname='snow02']")[0].set("crmd", "offline")
    moves.look_anew(cluster, ["nis01"])
    assert cluster.done == [30, 30]
