"""A configuration of before comes back to the element, whatever the change was; what runs is not disturbed."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, FunctionType

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib, configure
from snow_ha_plugin.core.configure import (
    acceptance,
    agents,
    alerts,
    cluster_options,
    fencing,
    intent,
    leftovers,
    live,
    location,
    migration,
    primitive,
    watch,
)
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.errors import DataError, NoInputError, NoSuchObjectError, TryAgainError, UnsafeError
from snow_ha_plugin.model import Change, Guest, Hypervisor, Move, Network, Severity
from snow_ha_plugin.operations import rollback
from snow_ha_plugin.operations.transaction import change, cleaning, unsaid
from snow_ha_plugin.system import command, configurations, xen
from snow_ha_plugin.system.cluster import Cluster, LiveCluster
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.configurations import Kept
from tests.captures import domain, guide_cluster
from tests.unit.conftest import Machines
from tests.unit.core.test_cib import canonical

Edit = Callable[[cib.Tree], object]

MOVED = "cli-prefer-nis01"


def site() -> cib.Tree:
    """The guide's cluster, in which somebody has moved a domain by hand."""
    tree = guide_cluster()
    where = tree.xpath("//lrm_resource[@id='nis01']/lrm_rsc_op[@operation='monitor' and @rc-code='0']/@on_node")[0]
    moved = {"id": MOVED, "rsc": "nis01", "node": where, "score": "INFINITY"}
    cib.add(cib.section(tree, "constraints"), "rsc_location", **moved)
    return tree


def add(tree: cib.Tree) -> None:
    primitive.register(tree, domain("web01"), 80)


def remove(tree: cib.Tree) -> None:
    primitive.unregister(tree, "nis01")
    intent.leave_out(tree, ["nis01"])


def balance(tree: cib.Tree) -> None:
    location.put(tree, [location.rule("nis01", "snow01", 100, beats_stickiness=False)])
    location.put_apart(tree, {"nis01": "nis", "nis02": "nis"})
    location.put_sizes_in_force(tree, vcpus=True)


def hold(tree: cib.Tree) -> None:
    intent.hold(tree, ["nis01"])


def fence(tree: cib.Tree) -> None:
    fencing.put(tree, ["snow01", "snow02"], Timing(15), {"snow01": "10.2.0.1", "snow02": "10.2.0.2"})
    fencing.put_tested(tree, "snow02", "2026-11-28T12:00:00+00:00")


def options(tree: cib.Tree) -> None:
    cib.put_option(tree, cluster_options.OPTIONS_ID, "cluster-recheck-interval", "10min")
    cib.put_pairs(cib.section(tree, "rsc_defaults"), "meta_attributes", "x", {"migration-threshold": "3"})
    tree.find("configuration/resources/primitive[@id='nis01']/operations/op[@name='start']").set("timeout", "999s")


def watched(tree: cib.Tree) -> None:
    add(tree)
    watch.put(tree, [domain("web01")._replace(addresses=("10.9.0.7",))], "tcp:22", 300)


def stop(tree: cib.Tree) -> None:
    intent.want(tree, ["nis02"], "Stopped")


def drain(tree: cib.Tree) -> None:
    cib.put_standby(tree, "snow02", on=True)


def accept(tree: cib.Tree) -> None:
    acceptance.accept(tree, [Acceptance("no-fencing", "", Severity.ERROR, 0, 86400, "for now")])


def enable(tree: cib.Tree) -> None:
    cluster_options.put_options(tree, without_fencing=True)
    cluster_options.put_floating_ip(tree, Network("xpub0", "192.0.2.9", 24))
    cluster_options.put_capacities(tree, {"snow01": Hypervisor(20000, 16, migrates_pv=True)})
    location.put_meta(tree, {"nis01": 5})
    alerts.put(tree, ["root"])


def sync(tree: cib.Tree) -> None:
    primitive.sync(tree, [domain("nis01"), domain("web01")], 80)


def without_shadow_paging(tree: cib.Tree) -> None:
    live.tell(tree, domain("nis01")._replace(is_pv=True), pv_migrates=False)


def while_a_verb_works(tree: cib.Tree) -> None:
    intent.pause(tree, ["nis01"])
    agents.hold(tree, ["maui01"])
    migration.put(tree, [Move("proxy01", "snow02", "snow01", 1024)])
    migration.retry(tree, {"nis02": 1}, 1795878700)
    migration.end_live(tree, ["flexlm01"])


def maintenance(tree: cib.Tree) -> None:
    cluster_options.begin_maintenance(tree)


def tidy(tree: cib.Tree) -> None:
    leftovers.finished_move(MOVED, tree)


KINDS = [
    add, remove, balance, hold, fence, options, watched, accept,
    enable, sync, without_shadow_paging, maintenance, tidy,
]  # fmt: skip
# No configuration that is kept has these.
PASSING = [while_a_verb_works]
# To have these back would stop or move domains that run.
DISTURBING = [stop, drain]
# What takes out again what one of those has put in: the way back of that, which is tested too.
ENDS = {
    "acceptance.end", "agents.release", "cluster_options.end_maintenance", "cluster_options.end_sizes",
    "intent.release", "intent.resume", "intent.take_in", "kept.forget", "migration.end_passing", "migration.release",
    "migration.remove", "ran_twice.acknowledge",
}  # fmt: skip
# No rollback is to take these back: what is known of a double run stays, `disable` has kept rules for the next
# `enable`, a former agent would begin with a restart, and a server has one entry.
BEYOND = {"ran_twice.note", "kept.put_back", "agents.replace", "leftovers.second_entry"}


def makers() -> Iterator[str]:
    """Whatever in core.configure tells of a change that it makes."""
    for found in pkgutil.iter_modules(configure.__path__):
        module = importlib.import_module(f"{configure.__name__}.{found.name}")
        for name, function in vars(module).items():
            is_its_own = isinstance(function, FunctionType) and function.__module__ == module.__name__
            if is_its_own and not name.startswith("_") and "Change" in function.__annotations__.get("return", ""):
                yield f"{found.name}.{name}"


def test_there_is_a_kind_for_whatever_makes_a_change() -> None:
    called = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.startswith(configure.__name__):
            called.add(f"{name.rpartition('.')[2]}.{frame.f_code.co_name}")

    for kind in [*KINDS, *PASSING, *DISTURBING]:
        tree = site()
        sys.setprofile(note)
        try:
            kind(tree)
        finally:
            sys.setprofile(None)
    assert set(makers()) - called - ENDS == BEYOND


class Files:
    """The same CIB as the running cluster's and as a file."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.monkeypatch = monkeypatch

    def put(self, tree: cib.Tree) -> None:
        self.path.write_bytes(cib.serialize(tree))

    def cluster(self, *, live: bool) -> Cluster:
        if live:
            self.monkeypatch.setenv("CIB_file", str(self.path))
            return LiveCluster()
        return ClusterInFile(self.path)

    @property
    def configuration(self) -> bytes:
        return canonical(cib.parse(self.path.read_bytes()).find("configuration"))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    found = Files(tmp_path / "cib.xml", monkeypatch)
    found.put(site())
    return found


def kept() -> Kept:
    return configurations.listed()[0]


def changed(files: Files, edit: Edit) -> None:
    """As a verb does it, and so that the configuration of before is kept."""

    def made(tree: cib.Tree) -> list[Change]:
        edit(tree)
        return [Change("test", "test", "set something")]

    change(files.cluster(live=True), made, cleaning)


@pytest.fixture
def asked(mocker: MockerFixture) -> list[str]:
    """What a running cluster is asked beside its CIB; `xl` finds nothing anywhere."""
    calls: list[str] = []
    real = command.run

    def run(argv: list[str], **given: object) -> Result:
        if argv[0] != "crm_resource":
            return real(argv, **given)  # type: ignore[arg-type]
        calls.append(" ".join(argv))
        return Result(tuple(argv), 0, b"", b"")

    mocker.patch.object(command, "run", side_effect=run)
    mocker.patch.object(xen, "guests", return_value=())
    return calls


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("kind", [*KINDS, *PASSING, *DISTURBING])
def test_each_kind_of_change_is_taken_back_to_the_element(
    files: Files, kind: Edit, live: bool, asked: list[str]
) -> None:
    before = files.configuration
    changed(files, kind)
    assert files.configuration != before
    assert rollback.put_back(files.cluster(live=live), kept(), None, unsaid)
    assert files.configuration == before


@pytest.mark.parametrize("kind", KINDS)
def test_and_that_is_taken_back_again(files: Files, kind: Edit, asked: list[str]) -> None:
    changed(files, kind)
    after = files.configuration
    rollback.put_back(files.cluster(live=True), kept(), None, unsaid)
    rollback.put_back(files.cluster(live=True), kept(), None, unsaid)
    assert files.configuration == after


@pytest.mark.parametrize("kind", DISTURBING)
def test_what_would_disturb_a_domain_that_runs_is_not_put_back(files: Files, kind: Edit, asked: list[str]) -> None:
    changed(files, kind)
    rollback.put_back(files.cluster(live=True), kept(), None, unsaid)
    before = files.configuration
    with pytest.raises(UnsafeError, match="would disturb domains"):
        rollback.put_back(files.cluster(live=True), kept(), None, unsaid)
    assert files.configuration == before


def test_in_words_it_says_what_is_taken_back_with_what_pacemaker_would_do(files: Files, asked: list[str]) -> None:
    tree = guide_cluster()
    add(tree)
    files.put(tree)
    changed(files, options)
    changed(files, lambda tree: (primitive.unregister(tree, "web01"), intent.leave_out(tree, ["web01"])))
    plan = rollback.plan(files.cluster(live=False), configurations.listed()[1], None, unsaid)
    assert {done.message for done in plan.changes} == {
        "register web01",
        "leave web01 out no longer",
        "set timeout of the operation start of nis01 to 120s (now 999s)",
        "take cluster-recheck-interval out (now 10min)",
        "take migration-threshold of rsc_defaults out (now 3)",
    }
    assert [(action.task, action.resource) for action in plan.actions] == [("start", "web01")]
    assert asked == []


def test_what_pacemaker_does_anyway_is_not_told(files: Files, asked: list[str]) -> None:
    tree = guide_cluster()
    add(tree)
    files.put(tree)
    changed(files, options)
    assert rollback.plan(files.cluster(live=False), kept(), None, unsaid).actions == []


def test_what_says_the_same_as_today_is_no_plan(files: Files, asked: list[str]) -> None:
    changed(files, add)
    changed(files, lambda tree: primitive.unregister(tree, "web01"))
    same = configurations.listed()[1]
    assert rollback.plan(files.cluster(live=False), same, None, unsaid) == rollback.Plan((), ())
    assert rollback.put_back(files.cluster(live=True), same, None, unsaid) == []
    assert asked == []


def test_what_would_stop_a_domain_that_runs_is_refused(files: Files, asked: list[str]) -> None:
    tree = guide_cluster()
    intent.want(tree, ["nis01"], "Stopped")
    files.put(tree)
    changed(files, lambda tree: intent.want(tree, ["nis01"], "Started"))
    before = files.path.read_bytes()
    with pytest.raises(UnsafeError, match="stop nis01"):
        rollback.put_back(files.cluster(live=True), kept(), None, unsaid)
    with pytest.raises(UnsafeError, match="stop nis01"):
        rollback.plan(files.cluster(live=True), kept(), None, unsaid)
    assert files.path.read_bytes() == before


def test_pacemaker_forgets_what_goes_and_looks_anew_at_what_was_held(files: Files, asked: list[str]) -> None:
    changed(files, lambda tree: (add(tree), hold(tree)))
    rollback.put_back(files.cluster(live=True), kept(), None, unsaid)
    assert asked == [
        "crm_resource --refresh --resource nis01 --force",
        "crm_resource --wait --timeout=120s",
        "crm_resource --refresh --resource web01 --force",
    ]


def test_a_dry_run_changes_and_asks_nothing(files: Files, asked: list[str]) -> None:
    changed(files, lambda tree: (add(tree), hold(tree)))
    before = files.path.read_bytes()
    assert rollback.put_back(files.cluster(live=True), kept(), None, unsaid, dry_run=True)
    assert (files.path.read_bytes(), asked) == (before, [])


def test_a_domain_that_runs_by_now_is_taken_over_where_it_runs(
    files: Files, asked: list[str], machines: Machines, mocker: MockerFixture
) -> None:
    changed(files, remove)
    runs = {"snow02": (Guest("nis01", 1, 512, 1, "r"),)}
    mocker.patch.object(xen, "guests", side_effect=lambda servers, name: runs.get(name, ()))
    mocker.patch.object(Path, "exists", return_value=True)
    assert rollback.plan(files.cluster(live=False), kept(), machines, unsaid).actions == []


def test_a_domain_whose_file_is_gone_is_not_registered_again(
    files: Files, asked: list[str], machines: Machines
) -> None:
    changed(files, remove)
    with pytest.raises(NoInputError, match=r"nis01 cannot be registered again; its domain file /sNow/.* is gone"):
        rollback.put_back(files.cluster(live=True), kept(), machines, unsaid)


def test_who_is_a_member_and_what_pacemaker_says_of_itself_stays(files: Files, asked: list[str]) -> None:
    tree = guide_cluster()
    gone = cib.add(cib.section(tree, "nodes"), "node", id="9", uname="snow09")
    files.put(tree)

    def joined(tree: cib.Tree) -> None:
        options(tree)
        nodes = cib.section(tree, "nodes")
        nodes.remove(nodes.find(f"node[@id='{gone.get('id')}']"))
        cib.add(nodes, "node", id="3", uname="snow03")
        tree.find("configuration/crm_config//nvpair[@name='dc-version']").set("value", "3.0.0")

    changed(files, joined)
    rollback.put_back(files.cluster(live=True), kept(), None, unsaid)
    now = cib.parse(files.path.read_bytes())
    assert [node.get("uname") for node in now.iterfind("configuration/nodes/node")] == ["snow01", "snow02", "snow03"]
    assert cib.options(now)["dc-version"] == "3.0.0"
    assert "cluster-recheck-interval" not in cib.options(now)


def test_other_changes_than_those_that_were_agreed_to_are_not_carried_out(files: Files, asked: list[str]) -> None:
    changed(files, hold)
    shown = rollback.plan(files.cluster(live=True), kept(), None, unsaid)
    version = kept()
    changed(files, add)
    before = files.path.read_bytes()
    with pytest.raises(TryAgainError, match="changed meanwhile; nothing was changed; run the command again"):
        rollback.put_back(files.cluster(live=True), version, None, unsaid, expected=shown.changes)
    assert (files.path.read_bytes(), asked) == (before, [])
    now = rollback.plan(files.cluster(live=True), version, None, unsaid)
    assert rollback.put_back(files.cluster(live=True), version, None, unsaid, expected=now.changes) == now.changes


# --- which one


def test_by_default_it_is_the_latest_that_says_another_thing(files: Files, asked: list[str]) -> None:
    assert rollback.choose(files.cluster(live=True), None) is None
    start = cib.epoch(guide_cluster())
    changed(files, add)
    changed(files, lambda tree: primitive.unregister(tree, "web01"))
    changed(files, hold)
    changed(files, lambda tree: intent.release(tree, ["nis01"]))
    found = rollback.choose(files.cluster(live=True), None)
    assert found
    assert "nis01" in difference_of(found)
    first = rollback.choose(files.cluster(live=True), start)
    assert first
    assert first.version == start
    assert rollback.choose(files.cluster(live=True), start.partition(".")[2]) == first


def difference_of(found: Kept) -> set[str]:
    """The domains that it says hands off of."""
    tree = found.read()
    return {name for name in cib.domains(tree) if intent.is_held(tree, name)}


@pytest.mark.parametrize("version", ["99", "0.99", "newest"])
def test_of_an_unknown_one_those_that_there_are_are_named(files: Files, asked: list[str], version: str) -> None:
    changed(files, add)
    changed(files, hold)
    there = " and ".join(found.version for found in configurations.listed())
    with pytest.raises(NoSuchObjectError, match=f"there is no configuration {version}; there is {there}; see"):
        rollback.choose(files.cluster(live=True), version)


def test_one_that_is_broken_is_passed_over_unless_it_is_asked_for(
    files: Files, asked: list[str], shared_record: Path
) -> None:
    changed(files, add)
    (shared_record / "29991231-000000-0.90.xml").write_text("<cib")
    cluster = files.cluster(live=True)
    found = rollback.choose(cluster, None)
    assert found
    assert found.version == cib.epoch(guide_cluster())
    broken = rollback.choose(cluster, "90")
    assert broken
    with pytest.raises(DataError, match=r"29991231-000000-0\.90\.xml is not whole XML"):
        rollback.plan(cluster, broken, None, unsaid)
    broken.path.unlink()
    with pytest.raises(NoInputError, match="cannot be read"):
        rollback.plan(cluster, broken, None, unsaid)
