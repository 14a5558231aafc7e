"""`enable` step by step on a cluster in memory: what is waited for, what is told, and what a dry run only plans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import acceptance, fencing
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import enable
from snow_ha_plugin.guide.run import Run
from snow_ha_plugin.model import Change, Finding, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system.cluster import LiveCluster
from tests.captures import guide_cluster
from tests.unit.operations.test_transaction import Memory

CHANGE = Change("option", "cluster-delay", "put cluster-delay")
WRONG = Finding(Severity.ERROR, "hook", "is missing", "snow ha enable")


@dataclass
class Screen:
    """In one list: what is begun, what is told, and what is changed."""

    told: list[str] = field(default_factory=list)

    @contextmanager
    def progress(self, title: str, takes: str = "") -> Iterator[None]:
        self.told.append(f"begin: {title}")
        yield
        self.told.append("end")

    def changes(self, done: Iterable[Change]) -> None:
        self.told += [f"changed: {change.target}" for change in done]

    def info(self, text: str) -> None:
        self.told.append(text)

    def warning(self, text: str) -> None:
        self.told.append(f"warning: {text}")


@pytest.fixture
def waited(mocker: MockerFixture) -> Any:
    return mocker.patch.object(enable.pacemaker, "wait_idle")


def prepared(site: Site, tree: cib.Tree | None = None, *, dry_run: bool = False) -> tuple[Run, list[str]]:
    cluster = Memory(guide_cluster() if tree is None else tree)
    screen = Screen()
    run = Run(replace(site, cluster=cast(LiveCluster, cluster)), screen, dry_run=dry_run)
    run._seen = {section: [] for section in (*enable.SERVER_STEPS, *enable.AFTERWARDS)}
    return run, screen.told


class TestConfigure:
    """The CIB in one commit, by an edit that is one change until it is done."""

    @pytest.fixture(autouse=True)
    def edit(self, mocker: MockerFixture) -> None:
        def edit(_site: Site, tree: cib.Tree) -> list[Change]:
            return [CHANGE] if cib.put_option(tree, "ours", "cluster-delay", "61s") else []

        mocker.patch.object(enable, "edit", edit)

    def test_pacemaker_is_waited_for_and_then_it_is_told_what_has_changed(self, site: Site, waited: Any) -> None:
        run, told = prepared(site)
        assert enable._configure(run) == [CHANGE]
        assert told == ["begin: Pacemaker takes over the domains", "end", "changed: cluster-delay"]
        assert [call.args for call in waited.call_args_list] == [(enable.SETTLED_WITHIN_S,)]

    def test_of_what_is_done_nobody_waits(self, site: Site, waited: Any) -> None:
        run, told = prepared(site)
        enable._configure(run)
        told.clear()
        assert enable._configure(run) == []
        assert (told, waited.call_count) == ([], 1)

    def test_after_a_run_that_was_killed_pacemaker_is_waited_for_again(self, site: Site, waited: Any) -> None:
        run, told = prepared(site)
        enable._configure(run)
        run._seen[enable.AFTERWARDS[-1]] = [WRONG]
        told.clear()
        assert enable._configure(run) == []
        assert told == ["begin: Pacemaker takes over the domains", "end"]

    @pytest.mark.parametrize("is_there", [True, False])
    def test_a_dry_run_waits_for_nothing(self, site: Site, waited: Any, is_there: bool) -> None:
        run, told = prepared(site, None if is_there else cib.empty(), dry_run=True)
        assert enable._configure(run) == [CHANGE]
        assert (told, waited.called) == ([], False)
        assert cast(Memory, run.site.cluster).commits == 0


@pytest.mark.parametrize("rehearses", [True, False])
def test_domains_that_run_already_are_looked_for_on_the_servers_and_what_they_cost_is_told_once(
    site: Site, waited: Any, mocker: MockerFixture, rehearses: bool
) -> None:
    run, _ = prepared(site)
    mocker.patch.object(enable, "edit", return_value=[])
    located = mocker.patch.object(enable, "whereabouts")
    judge = mocker.patch.object(enable, "undisturbed")
    (enable._rehearse if rehearses else enable._configure)(run)
    located.assert_called_once_with(site.servers)
    tell = enable.unsaid if rehearses else run.screen.warning
    judge.assert_called_once_with(locate=located.return_value, tell=tell)


class TestRehearsal:
    def test_what_a_running_cluster_would_refuse_is_refused_and_nothing_is_written(
        self, site: Site, mocker: MockerFixture
    ) -> None:
        run, told = prepared(site)
        planned = mocker.patch.object(enable, "edit", return_value=[CHANGE])
        enable._rehearse(run)
        assert planned.called
        assert (told, cast(Memory, run.site.cluster).commits) == ([], 0)

    def test_where_a_server_is_to_be_started_there_is_nothing_to_ask_yet(
        self, site: Site, mocker: MockerFixture
    ) -> None:
        run, _ = prepared(site)
        run._seen[enable.start.STEP] = [WRONG]
        planned = mocker.patch.object(enable, "edit", side_effect=AssertionError)
        enable._rehearse(run)
        assert not planned.called


@pytest.mark.parametrize(("dry_run", "told"), [(True, []), (False, ["changed: configuration"])])
def test_new_ids_are_told_once_they_are_written(
    site: Site, mocker: MockerFixture, dry_run: bool, told: list[str]
) -> None:
    run, said = prepared(site, dry_run=dry_run)
    mocker.patch.object(Memory, "renew_ids", return_value=True)
    assert [(change.action, change.target) for change in enable._renew_ids(run)] == [("ids", "configuration")]
    assert said == told


def test_a_dry_run_without_a_cluster_renews_no_ids(site: Site, mocker: MockerFixture) -> None:
    run, _ = prepared(site, cib.empty(), dry_run=True)
    renewed = mocker.patch.object(Memory, "renew_ids", return_value=True)
    assert enable._renew_ids(run) == []
    assert not renewed.called


class TestTryAgain:
    def failing(self, run: Run, mocker: MockerFixture, *names: str) -> None:
        mocker.patch.object(Memory, "state", return_value="as it is", create=True)

        def failed(tree: cib.Tree, state: object) -> list[str]:
            assert (cib.options(tree), state) == (cib.options(run.site.cluster.read()), "as it is")
            return list(names)

        mocker.patch.object(enable.retry, "failed", failed)

    def test_what_had_failed_is_tried_once_more_and_waited_for(
        self, site: Site, waited: Any, mocker: MockerFixture
    ) -> None:
        run, told = prepared(site)
        self.failing(run, mocker, "nis01")
        mocker.patch.object(enable.retry, "again", return_value=[Change("retry", "nis01", "try nis01 again")])
        assert [change.target for change in enable._try_again(run)] == ["nis01"]
        assert told == ["begin: Trying again what had failed", "end", "changed: nis01"]
        assert [call.args for call in waited.call_args_list] == [(enable.SETTLED_WITHIN_S,)]

    def test_where_nothing_has_failed_nothing_is_done(self, site: Site, waited: Any, mocker: MockerFixture) -> None:
        run, told = prepared(site)
        self.failing(run, mocker)
        assert enable._try_again(run) == []
        assert (told, waited.called) == ([], False)


class TestSizes:
    def test_of_a_planned_cluster_what_would_be_tried_is_told(self, site: Site, mocker: MockerFixture) -> None:
        run, _ = prepared(site, dry_run=True)
        put = mocker.patch.object(enable.sizes, "put_in_force")
        assert [change.target for change in enable._go_by_sizes(run, [CHANGE])] == ["placement-strategy"]
        assert not put.called

    @pytest.mark.parametrize(
        ("dry_run", "before", "told"),
        [(True, [], []), (False, [], ["changed: cluster-delay"]), (False, [CHANGE], ["changed: cluster-delay"])],
    )
    def test_of_a_cluster_that_is_there_they_are_put_in_force(
        self, site: Site, mocker: MockerFixture, dry_run: bool, before: list[Change], told: list[str]
    ) -> None:
        run, said = prepared(site, dry_run=dry_run)
        put = mocker.patch.object(enable.sizes, "put_in_force", return_value=[CHANGE])
        assert enable._go_by_sizes(run, before) == [CHANGE]
        assert [(call.args, call.kwargs) for call in put.call_args_list] == [
            ((run.site.cluster,), {"dry_run": dry_run})
        ]
        assert said == told


def test_the_rules_of_balance_come_back_and_what_speaks_against_them_is_a_warning(
    site: Site, mocker: MockerFixture
) -> None:
    run, told = prepared(site)

    def put_back(cluster: object, tell: Any) -> list[Change]:
        assert cluster is run.site.cluster
        tell("dropped")
        return [CHANGE]

    mocker.patch.object(enable.rules, "put_back", put_back)
    assert enable._put_rules_back(run) == [CHANGE]
    assert told == ["warning: dropped", "changed: cluster-delay"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_agents_are_replaced_on_the_servers_or_only_planned(site: Site, mocker: MockerFixture, dry_run: bool) -> None:
    run, told = prepared(site, dry_run=dry_run)
    replaced = mocker.patch.object(enable.agent_replacement, "replace", return_value=[CHANGE])
    assert enable._replace_agents(run) == [CHANGE]
    replaced.assert_called_once_with(run.site.cluster, site.servers, dry_run=dry_run)
    assert told == ([] if dry_run else ["begin: Domains to ocf:snow:Xen", "end"])


def test_to_go_without_fencing_is_accepted_for_thirty_days_by_the_option_that_said_so(site: Site) -> None:
    tree = guide_cluster()
    enable.edit(replace(site, fencing=fencing.NONE), tree)
    (given,) = acceptance.acceptances(tree)
    assert (given.code, given.severity, given.reason) == ("no-fencing", Severity.ERROR, "--without-fencing")
    assert given.until - given.since == 30 * 24 * 3600


def test_one_look_asks_crm_mon_of_the_cib_that_was_read(site: Site, mocker: MockerFixture) -> None:
    run, _ = prepared(site)
    tree = guide_cluster()
    mocker.patch.object(enable, "edit", return_value=[])
    mocker.patch.object(enable.sizes, "edit", return_value=[])
    mocker.patch.object(enable.start, "state", return_value="as it is")
    mocker.patch.object(LiveCluster, "had_former_ids", False, create=True)
    failed = mocker.patch.object(enable.retry, "failed", return_value=[])
    assert enable._is_complete(run, tree) is True
    failed.assert_called_once_with(tree, "as it is")
    assert enable._is_complete(run, None) is False
    run._seen[enable.AFTERWARDS[0]] = [WRONG]
    assert enable._is_complete(run, tree) is False


def test_servers_on_which_no_pacemaker_runs_have_no_cluster_yet(site: Site, mocker: MockerFixture) -> None:
    mocker.patch.object(type(site.cluster), "read", side_effect=UnavailableError("Pacemaker does not run"))
    assert enable._is_there(site) is False
    mocker.patch.object(type(site.cluster), "read", return_value=guide_cluster())
    assert enable._is_there(site) is True
