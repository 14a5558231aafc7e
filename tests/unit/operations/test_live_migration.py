"""Live migrations on a cluster whose Pacemaker is the real scheduler: what it decides has happened with each commit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import probes
from snow_ha_plugin.core.configure import live, migration
from snow_ha_plugin.errors import (
    NoQuorumError,
    NoSuchObjectError,
    SnowHaError,
    TimedOutError,
    TryAgainError,
    UnavailableError,
    UnsafeError,
)  # fmt: skip
from snow_ha_plugin.model import ClusterState, Domain, FailedAction, Move
from snow_ha_plugin.operations import moves, standby
from snow_ha_plugin.operations.simulation import Outlook, drained
from snow_ha_plugin.system import command, pacemaker, verification, waiting
from snow_ha_plugin.system.command import Result
from tests.captures import guide_cluster
from tests.unit.core.test_cib import with_parts
from tests.unit.operations.test_transaction import Memory


class Cluster(Memory):
    """Migrations of the domains in `failing` fail: these stay where they are."""

    def __init__(self, tree: cib.Tree, mocker: MockerFixture) -> None:
        super().__init__(tree)
        self.failing: set[str] = set()
        self.idle = False
        self.asked: list[tuple[str, ...]] = []
        self.held_at_most: frozenset[str] = frozenset()
        self.real = command.run
        mocker.patch.object(command, "run", side_effect=self.run)

    def commit(self, old: cib.Tree, new: cib.Tree) -> None:
        super().commit(old, new)
        self.held_at_most |= migration.held(new)
        if not self.idle:
            self.tree = self.carried_out()
        if self.failing:
            # A failure ends the transition; the next one does what was left.
            self.tree = self.carried_out()

    def carried_out(self) -> cib.Tree:
        places = Outlook(self.tree).places
        fails = [f"--op-fail={name}_migrate_to_0@{places[name]}=1" for name in self.failing]
        with verification.scratch(self.tree) as (path,):
            output = path.with_name("output.xml")
            argv = ["crm_simulate", "--xml-file", str(path), "--simulate", f"--save-output={output}", *fails]
            assert self.real(argv).ok
            tree = cib.parse(output.read_bytes())
        for operation in tree.iter("lrm_rsc_op"):
            # Pacemaker writes it, and crm_simulate does not.
            operation.set("on_node", next(operation.iterancestors("node_state")).get("uname"))
        return tree

    def run(self, argv: Sequence[str], **options: Any) -> Result:
        if not argv[0].startswith(("crm_resource", "crm_attribute")):
            return self.real(argv, **options)
        self.asked.append(tuple(argv[1:]))
        if "--refresh" in argv:
            self.look_anew(argv[argv.index("--resource") + 1], argv[argv.index("--node") + 1])
        return Result((), 0, b"", b"")

    def look_anew(self, name: str, server: str) -> None:
        """As the probe that follows: the domain is on the server that it was on."""
        where = Outlook(guide_cluster()).places[name]
        history = f"status/node_state[@uname='{server}']//lrm_resource[@id='{name}']"
        for found in self.tree.xpath(history):
            found.getparent().remove(found)
        probes.assume(self.tree, {name: where if where == server else None})

    @property
    def left(self) -> list[str]:
        return [element.get("id") for element in self.tree.xpath("//*[starts-with(@id, $p)]", p=migration.PREFIX)]

    def place(self, name: str) -> str | None:
        return Outlook(self.tree).places[name]


@pytest.fixture
def cluster(mocker: MockerFixture) -> Cluster:
    mocker.patch.object(waiting, "POLL_S", 0)
    mocker.patch.object(moves, "SEEN_WITHIN_S", 0)
    mocker.patch.object(moves, "BEGUN_WITHIN_S", 0)
    mocker.patch.object(moves, "TAKEN_OUT_WITHIN_S", 0)
    return Cluster(guide_cluster(), mocker)


@pytest.fixture
def cleaned_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the shell that cleans up after a verb has called, of a cluster that does not answer."""
    log, programs = tmp_path / "called", tmp_path / "sbin"
    programs.mkdir()
    for name in ("cibadmin", "crm_resource"):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{log}\nexit 1\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return log


def other(server: str | None) -> str:
    return "snow02" if server == "snow01" else "snow01"


def move_of(cluster: Cluster, name: str) -> Move:
    source = cluster.place(name)
    assert source
    return Move(name, source, other(source), 512)


def test_a_domain_arrives_and_nothing_of_its_move_is_left(cluster: Cluster, cleaned_up: Path) -> None:
    move = move_of(cluster, "nis01")
    before = Outlook(cluster.tree).places
    seen: list[tuple[str, str]] = []
    moves.carry_out(cluster, [[move]], on_progress=lambda move, state: seen.append((move.domain, state)))
    assert Outlook(cluster.tree).places == {**before, "nis01": move.target}
    assert seen == [("nis01", "migrating"), ("nis01", "done")]
    assert cluster.left == []
    assert not cleaned_up.exists()
    assert cluster.held_at_most == {"nis01"}


def unable(name: str) -> cib.Tree:
    """The cluster with a domain that is para-virtualised where servers cannot migrate such ones."""
    tree = guide_cluster()
    assert live.tell(tree, Domain(name, "", 512, 1, is_pv=True), pv_migrates=False)
    return tree


def test_a_domain_that_cannot_migrate_is_planned_and_carried_out_as_a_restart(cluster: Cluster) -> None:
    cluster.tree = unable("nis01")
    move = moves.plan_one(cluster.tree, "nis01", None)
    assert move is not None
    assert move.restarts
    seen: list[tuple[str, str]] = []
    moves.carry_out(cluster, [[move]], on_progress=lambda move, state: seen.append((move.domain, state)))
    assert cluster.place("nis01") == move.target
    assert seen[-1] == ("nis01", "done")
    assert cluster.left == []
    assert cluster.held_at_most == frozenset()


def test_a_domain_that_cannot_migrate_any_more_is_not_restarted(cluster: Cluster) -> None:
    move = move_of(cluster, "nis01")
    cluster.tree = unable("nis01")
    with pytest.raises(UnsafeError, match="Pacemaker would do more than migrate: move nis01"):
        moves.carry_out(cluster, [[move]])


def test_a_restart_that_fails_is_not_waited_for(cluster: Cluster, mocker: MockerFixture) -> None:
    cluster.tree = unable("nis01")
    move = moves.plan_one(cluster.tree, "nis01", None)
    assert move is not None
    real, failed = pacemaker.state, FailedAction("nis01", move.target, "start", "no image", 2)
    earlier = failed._replace(when=1)

    def state(tree: cib.Tree) -> ClusterState:
        is_pulled = bool(tree.xpath(migration.RULES))
        return real(tree)._replace(failures=(earlier, failed) if is_pulled else (earlier,))

    cluster.idle = True
    mocker.patch.object(pacemaker, "state", side_effect=state)
    with pytest.raises(UnavailableError, match=f"nis01 could not be restarted on {move.target}"):
        moves.carry_out(cluster, [[move]])


def test_a_drain_tells_whom_it_restarts() -> None:
    tree = unable("nis01")
    source = Outlook(tree).places["nis01"]
    assert source
    assert drained(tree, source, {})[0].restarted == ("nis01",)
    assert drained(tree, other(source), {})[0].restarted == ()


def test_batches_go_one_after_the_other(cluster: Cluster) -> None:
    first, second = move_of(cluster, "nis01"), move_of(cluster, "syslog01")
    seen: list[tuple[str, str]] = []
    moves.carry_out(cluster, [[first], [second]], on_progress=lambda move, state: seen.append((move.domain, state)))
    assert seen == [("nis01", "migrating"), ("nis01", "done"), ("syslog01", "migrating"), ("syslog01", "done")]
    assert (cluster.place("nis01"), cluster.place("syslog01")) == (first.target, second.target)


def test_what_a_killed_run_has_left_is_taken_out_first(cluster: Cluster) -> None:
    stale = move_of(cluster, "maui01")
    migration.put(cluster.tree, [stale])
    moves.carry_out(cluster, [[move_of(cluster, "nis01")]])
    assert cluster.left == []
    assert cluster.place("maui01") == stale.source


def test_a_migration_that_fails_leaves_the_domain_where_it_was_and_ends_the_run(cluster: Cluster) -> None:
    move, later = move_of(cluster, "nis01"), move_of(cluster, "syslog01")
    cluster.failing = {"nis01"}
    seen: list[str] = []
    told = r"nis01 could not be migrated to [^;]*; it runs on where it was; nis01: [Ee]rror[^;]*; "
    with pytest.raises(UnavailableError, match=told):
        moves.carry_out(cluster, [[move], [later]], on_progress=lambda move, state: seen.append(state))
    assert seen == ["migrating", "failed"]
    assert (cluster.place("nis01"), cluster.place("syslog01")) == (move.source, later.source)
    assert cluster.left == []
    # At the source last: see _look_anew.
    anew = [argv[-1] for argv in cluster.asked if "--refresh" in argv]
    assert anew == [move.target, move.source]


def test_a_domain_that_never_arrives_is_given_up_and_not_pulled_any_more(
    cluster: Cluster, mocker: MockerFixture
) -> None:
    mocker.patch.object(moves, "MARGIN_S", -100000)
    cluster.idle = True
    with pytest.raises(TimedOutError, match="nis01 did not arrive in time"):
        moves.carry_out(cluster, [[move_of(cluster, "nis01")]])
    assert cluster.left == []


def test_a_domain_that_is_elsewhere_by_now_is_not_moved(cluster: Cluster) -> None:
    move = move_of(cluster, "nis01")
    turned = Move("nis01", move.target, move.source, 512)
    with pytest.raises(TryAgainError, match=f"nis01 is on {move.source}, not on {move.target}"):
        moves.carry_out(cluster, [[turned]])
    assert cluster.held_at_most == frozenset()


TOGETHER = '<rsc_colocation id="x" rsc="{2}" with-rsc="nis01" score="INFINITY"/>'
HOME = '<rsc_location id="x" rsc="nis01" node="{0}" score="5000"/>'
BAN = '<rsc_location id="x" rsc="nis01" node="{0}" score="-INFINITY"/>'


@pytest.mark.parametrize(
    ("constraint", "why"),
    [
        (TOGETHER, "Pacemaker would do more than migrate: migrate {partner}"),
        (HOME, "Pacemaker would bring back nis01 to {source}"),
        (BAN.replace("{0}", "{1}"), "Pacemaker would not migrate nis01 to {target}"),
    ],
    ids=["together", "home", "banned"],
)
def test_a_move_that_would_end_otherwise_is_refused_before_anything_is_changed(
    cluster: Cluster, constraint: str, why: str
) -> None:
    move = move_of(cluster, "nis01")
    places = Outlook(cluster.tree).places
    partner = next(name for name in places if name != "nis01" and places[name] == move.source)
    cluster.tree = with_parts(constraints=constraint.format(move.source, move.target, partner))
    commits = cluster.commits
    with pytest.raises(UnsafeError, match=why.format(source=move.source, target=move.target, partner=partner)):
        moves.carry_out(cluster, [[move]])
    assert cluster.commits == commits
    with pytest.raises(UnsafeError):
        moves.plan_one(cluster.tree, "nis01", move.target)
    with pytest.raises(UnsafeError):
        moves.plan_one(cluster.tree, "nis01", None)


# --- what is planned


def test_where_to_is_asked_or_the_server_with_the_most_free_memory() -> None:
    tree = guide_cluster()
    source = Outlook(tree).places["nis01"]
    assert source
    expected = Move("nis01", source, other(source), 512)
    assert moves.plan_one(tree, "nis01", None) == expected
    assert moves.plan_one(tree, "nis01", other(source)) == expected
    assert moves.plan_one(tree, "nis01", source) is None


@pytest.mark.parametrize(
    ("domain", "server", "error"),
    [("nobody", None, NoSuchObjectError), ("nis01", "snow09", NoSuchObjectError)],
)
def test_what_is_not_there_is_told(domain: str, server: str | None, error: type[SnowHaError]) -> None:
    with pytest.raises(error, match=server or domain):
        moves.plan_one(guide_cluster(), domain, server)


def test_a_domain_that_does_not_run_cannot_migrate() -> None:
    tree = guide_cluster()
    for found in tree.xpath("status//lrm_resource[@id='nis01']"):
        found.getparent().remove(found)
    with pytest.raises(UnavailableError, match="nis01 does not run"):
        moves.plan_one(tree, "nis01", None)


def test_without_another_server_there_is_nowhere_to_go() -> None:
    tree = guide_cluster()
    source = Outlook(tree).places["nis01"]
    cib.put_standby(tree, other(source), on=True)
    with pytest.raises(UnavailableError, match="no other server online"):
        moves.plan_one(tree, "nis01", None)


def test_the_roomiest_server_comes_first() -> None:
    outlook = Outlook(guide_cluster())
    free = dict(outlook.sizes.room)
    for name, server in outlook.places.items():
        free[server or ""] -= outlook.sizes.needs[name]
    assert len(set(free.values())) == 2
    assert moves._roomiest_first(outlook, other_than="") == sorted(free, key=lambda name: -free[name])


# --- a server emptied


def test_a_server_is_emptied_and_nothing_is_held_afterwards(cluster: Cluster, cleaned_up: Path) -> None:
    there = [name for name, place in Outlook(cluster.tree).places.items() if place == "snow01"]
    expected = drained(cluster.tree, "snow01", {})[0].after
    changes = standby.empty(cluster, "snow01", there, expected)
    assert [(change.action, change.target) for change in changes] == [("standby", "snow01")]
    assert set(Outlook(cluster.tree).places.values()) == {"snow02"}
    assert cluster.held_at_most == set(there)
    assert cluster.left == []
    assert not cleaned_up.exists()
    assert standby.put(cluster, "snow01", on=True) == []


def test_a_server_of_which_one_domain_cannot_go_is_given_back(cluster: Cluster) -> None:
    before = Outlook(cluster.tree).places
    stuck, *_ = there = [name for name, place in before.items() if place == "snow01"]
    cluster.failing = {stuck}
    with pytest.raises(
        UnavailableError, match=rf"{stuck} could not be migrated from snow01; {stuck}: [Ee]rror[^;]*; snow01 takes"
    ):
        standby.empty(cluster, "snow01", there)
    assert cluster.place(stuck) == "snow01"
    assert cluster.left == []
    assert not [node for node in Outlook(cluster.tree).now.state.nodes if node.standby]


def test_a_server_that_does_not_get_empty_is_told(cluster: Cluster, mocker: MockerFixture) -> None:
    mocker.patch.object(standby, "EMPTY_WITHIN_S", 0)
    mocker.patch.object(moves, "arrived_within_s", return_value=0)
    cluster.idle = True
    with pytest.raises(TimedOutError, match="snow01 is not empty yet"):
        standby.empty(cluster, "snow01", ["nis01"])
    assert cluster.left == []


def test_where_domains_would_go_elsewhere_than_was_told_nothing_is_changed(cluster: Cluster) -> None:
    expected = drained(cluster.tree, "snow02", {})[0].after
    with pytest.raises(TryAgainError, match="nothing was changed"):
        standby.put(cluster, "snow01", on=True, expected=expected)
    assert cluster.commits == 0


def test_a_dry_run_changes_nothing_and_tells(cluster: Cluster) -> None:
    assert len(standby.put(cluster, "snow01", on=True, dry_run=True)) == 1
    assert cluster.commits == 0
    with pytest.raises(NoSuchObjectError, match="snow09"):
        standby.put(cluster, "snow09", on=True, dry_run=True)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_standby_until_the_reboot_ends_too(cluster: Cluster, dry_run: bool) -> None:
    state = cluster.tree.find("status/node_state[@uname='snow01']")
    cib.put_pairs(cib.add(state, "transient_attributes", id="1"), "instance_attributes", "t", {"standby": "on"})
    (change,) = standby.put(cluster, "snow01", on=False, dry_run=dry_run)
    assert (change.action, change.target) == ("standby", "snow01")
    assert bool(cluster.asked) is not dry_run


def test_a_move_that_the_scheduler_refuses_names_what_is_in_the_way(cluster: Cluster) -> None:
    move = move_of(cluster, "nis01")
    cib.put_standby(cluster.tree, move.target, on=True)
    with pytest.raises(UnsafeError, match=rf"would not migrate nis01 to {move.target}; {move.target} is in standby"):
        moves.carry_out(cluster, [[move]])


def test_a_mistyped_name_comes_with_the_one_that_was_meant(cluster: Cluster) -> None:
    with pytest.raises(NoSuchObjectError, match="nsi01 is not registered; did you mean nis01"):
        moves.plan_one(cluster.tree, "nsi01", None)
    with pytest.raises(NoSuchObjectError, match="no server snow3; the cluster has snow01, snow02; did you mean snow0"):
        moves.plan_one(cluster.tree, "nis01", "snow3")
    with pytest.raises(NoSuchObjectError, match="mail is not registered; register it: snow ha add mail"):
        moves.plan_one(cluster.tree, "mail", None)


def test_whoever_gives_up_waiting_leaves_nothing_of_the_move(cluster: Cluster) -> None:
    cluster.idle = True
    told: list[list[str]] = []

    def give_up(state: ClusterState, names: Sequence[str]) -> None:
        told.append(list(names))
        assert cluster.left != []
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moves.carry_out(cluster, [[move_of(cluster, "nis01")]], on_wait=give_up)
    assert (told, cluster.left) == ([["nis01"]], [])


def begin(cluster: Cluster, move: Move) -> None:
    """As Pacemaker writes it down (tests/data/cibadmin-2.1.5-moved-by-hand.xml): a migration is under way."""
    path = f"status/node_state[@uname='{move.source}']//lrm_resource[@id='{move.domain}']"
    (history,) = cluster.tree.xpath(path)
    key = f"{move.domain}_migrate_to_0"
    attributes = {"id": key, "operation_key": key, "operation": "migrate_to", "on_node": move.source, "call-id": "-1"}
    attributes |= {"rc-code": "193", "op-status": "-1", "interval": "0", "last-rc-change": "1795350270"}
    attributes |= {"migrate_source": move.source, "migrate_target": move.target}
    magic = "25:2:0:f9e046b6-31a2-4185-82ce-332ad5e0250c"
    attributes |= {"transition-key": magic, "transition-magic": f"-1:193;{magic}", "crm_feature_set": "3.16.1"}
    cib.add(history, "lrm_rsc_op", **attributes)


@pytest.mark.parametrize("verb", ["move", "drain"])
def test_what_pulls_a_domain_that_migrates_stays_until_the_shell_has_seen_the_end(
    cluster: Cluster, cleaned_up: Path, verb: str
) -> None:
    """Without the rule Pacemaker would stop and start the domain once migrate_to has ended."""
    cluster.idle = True
    move = move_of(cluster, "nis01")
    within_s = moves.arrived_within_s(cluster.tree, ["nis01"])

    def interrupt(state: ClusterState, names: Sequence[str]) -> None:
        begin(cluster, move)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        if verb == "move":
            moves.carry_out(cluster, [[move]], on_wait=interrupt)
        else:
            standby.empty(cluster, move.source, ["nis01"], on_wait=interrupt)
    assert bool(cluster.tree.xpath(migration.RULES)) is (verb == "move")
    assert migration.held(cluster.tree) == {"nis01"}
    called = waiting.until(lambda: lines[4:] and lines if (lines := calls(cleaned_up)) else None, 20)
    assert called
    assert called[0] == f"crm_resource --wait --timeout={within_s if verb == 'move' else 3600}s"
    assert called[1].startswith(f"cibadmin --delete-all --force --xpath {migration.RULES}[")
    assert called[2] == "crm_resource --cleanup --resource nis01"


def calls(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def test_no_other_move_begins_while_that_of_an_interrupted_verb_is_under_way(cluster: Cluster) -> None:
    interrupted, next_one = move_of(cluster, "nis01"), move_of(cluster, "maui01")
    migration.put(cluster.tree, [interrupted])
    begin(cluster, interrupted)
    said = "an interrupted verb still moves nis01; nothing was changed; wait until it has ended: snow ha status --watch"
    with pytest.raises(TryAgainError, match=said):
        moves.carry_out(cluster, [[next_one]])
    with pytest.raises(TryAgainError, match=said):
        standby.empty(cluster, "snow01", ["maui01"])
    assert cluster.commits == 0


def test_the_shell_of_an_interrupted_verb_has_time_to_take_out_its_rule(
    cluster: Cluster, mocker: MockerFixture
) -> None:
    mocker.patch.object(moves, "TAKEN_OUT_WITHIN_S", 60)
    migration.put(cluster.tree, [move_of(cluster, "nis01")])
    looks = 0
    read = cluster.read

    def by_and_by() -> cib.Tree:
        nonlocal looks
        looks += 1
        if looks == 3:
            migration.remove(cluster.tree)
        return read()

    mocker.patch.object(cluster, "read", side_effect=by_and_by)
    moves.settle(cluster)
    assert looks == 3
    assert cluster.asked == [("--wait", "--timeout=0s")]
    moves.settle(cluster)
    assert looks == 4


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("until_reboot", [True, False])
def test_a_server_is_not_given_back_while_a_domain_migrates_from_or_to_there(
    cluster: Cluster, dry_run: bool, until_reboot: bool
) -> None:
    move = move_of(cluster, "nis01")
    for server in (move.source, move.target):
        if until_reboot:
            state = cluster.tree.find(f"status/node_state[@uname='{server}']")
            attributes = cib.add(state, "transient_attributes", id=f"{server}-1")
            cib.put_pairs(attributes, "instance_attributes", f"{server}-t", {"standby": "on"})
        else:
            cib.put_standby(cluster.tree, server, on=True)
    before = cib.clone(cluster.tree)
    begin(cluster, move)
    for server in (move.source, move.target):
        with pytest.raises(TryAgainError, match=f"nis01 still migrates; {server} was left as it is; wait until it has"):
            standby.put(cluster, server, on=False, dry_run=dry_run)
    assert (cluster.commits, cluster.asked) == (0, [])
    cluster.tree, cluster.idle = before, True
    assert len(standby.put(cluster, move.source, on=False, dry_run=dry_run)) == 1


@pytest.mark.parametrize("verb", ["move", "drain"])
def test_what_cannot_be_taken_out_any_more_is_left_to_the_shell_that_waits(
    cluster: Cluster, cleaned_up: Path, verb: str
) -> None:
    cluster.idle = True

    def lose_quorum(state: ClusterState, names: Sequence[str]) -> None:
        cluster.tree.set("have-quorum", "0")
        raise KeyboardInterrupt

    with pytest.raises(NoQuorumError):
        if verb == "move":
            moves.carry_out(cluster, [[move_of(cluster, "nis01")]], on_wait=lose_quorum)
        else:
            standby.empty(cluster, str(cluster.place("nis01")), ["nis01"], on_wait=lose_quorum)
    assert cluster.left != []
    assert waiting.until(lambda: "crm_resource --cleanup --resource nis01" in calls(cleaned_up), 20)
