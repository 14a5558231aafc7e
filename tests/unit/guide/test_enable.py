"""A dry run of `enable` plans on the cluster that is there, or on none, and never on a lie."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import MagicMock

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import enable
from snow_ha_plugin.guide.run import Run
from snow_ha_plugin.model import Change, Finding, Severity
from snow_ha_plugin.operations.site import Site
from tests.captures import guide_cluster, unconfigured_cluster

CHANGE = Change("register", "nis01", "register nis01")


@pytest.fixture
def planned(mocker: MockerFixture) -> MagicMock:
    """What is planned for a CIB: here only which CIB that is."""
    return mocker.patch.object(enable, "edit", return_value=[])


def run(site: Site, mocker: MockerFixture, tree: cib.Tree | Exception, *, dry_run: bool = True) -> Run:
    mocker.patch.object(type(site.cluster), "read", side_effect=[tree] * 3)
    return Run(site, MagicMock(), dry_run=dry_run)


def members(planned: MagicMock) -> list[str]:
    ((_, tree),) = [call.args for call in planned.call_args_list]
    return [node.name for node in cib.nodes(tree)]


def test_it_plans_on_the_cluster_that_runs(site: Site, mocker: MockerFixture, planned: MagicMock) -> None:
    enable._configure(run(site, mocker, guide_cluster()))
    assert members(planned) == ["snow01", "snow02"]


def test_debians_cluster_of_one_is_none(site: Site, mocker: MockerFixture, planned: MagicMock) -> None:
    tree = unconfigured_cluster()
    for node in tree.iter("node"):
        node.set("uname", "node1")
    enable._configure(run(site, mocker, tree))
    assert members(planned) == []


def test_without_a_cluster_it_plans_on_nothing(site: Site, mocker: MockerFixture, planned: MagicMock) -> None:
    enable._configure(run(site, mocker, UnavailableError("Pacemaker does not run on this server")))
    assert members(planned) == []


def test_a_server_that_does_not_answer_is_no_missing_cluster(
    site: Site, mocker: MockerFixture, planned: MagicMock
) -> None:
    planned.side_effect = [UnavailableError("snow02 cannot be reached"), []]
    with pytest.raises(UnavailableError, match="snow02"):
        enable._configure(run(site, mocker, guide_cluster()))


def test_for_real_a_cluster_must_be_there(site: Site, mocker: MockerFixture, planned: MagicMock) -> None:
    with pytest.raises(UnavailableError):
        enable._configure(run(site, mocker, UnavailableError("Pacemaker does not run"), dry_run=False))


@pytest.mark.parametrize("dry_run", [True, False])
def test_ids_of_a_former_version_are_renewed_and_told(
    site: Site, mocker: MockerFixture, planned: MagicMock, *, dry_run: bool
) -> None:
    renewed = mocker.patch.object(type(site.cluster), "renew_ids", side_effect=[True, False])
    run_through = run(site, mocker, guide_cluster(), dry_run=dry_run)
    assert [change.action for change in enable._renew_ids(run_through)] == ["ids"]
    assert enable._renew_ids(run(site, mocker, guide_cluster(), dry_run=dry_run)) == []
    assert {call.kwargs["dry_run"] for call in renewed.call_args_list} == {dry_run}


def complete_but(site: Site, mocker: MockerFixture, what: str) -> Run:
    """A run where each section holds and nothing is to be changed, but for one thing."""
    run_through = run(site, mocker, guide_cluster(), dry_run=False)
    finding = Finding(
        Severity.ERROR if what == "a section" else Severity.WARNING, "hook", "is missing", "snow ha enable"
    )
    run_through._seen = {section: [finding] for section in (*enable.SERVER_STEPS, *enable.AFTERWARDS)}
    mocker.patch.object(enable, "edit", return_value=[CHANGE] if what == "the configuration" else [])
    mocker.patch.object(site.cluster, "had_former_ids", what == "ids of a former version")
    mocker.patch.object(enable.kept, "put_back", return_value=[CHANGE] if what == "rules of balance" else [])
    mocker.patch.object(enable.sizes, "edit", return_value=[CHANGE] if what == "sizes" else [])
    mocker.patch.object(enable.start, "state")
    mocker.patch.object(enable.retry, "failed", return_value=["nis01"] if what == "a failure" else [])
    return run_through


def test_where_nothing_is_to_be_done_one_look_tells(site: Site, mocker: MockerFixture) -> None:
    assert enable._is_complete(complete_but(site, mocker, "nothing"), guide_cluster())


@pytest.mark.parametrize(
    "what",
    ["a section", "the configuration", "ids of a former version", "rules of balance", "sizes", "a failure"],
)
def test_what_is_to_be_done_is_seen_by_that_look(site: Site, mocker: MockerFixture, what: str) -> None:
    assert not enable._is_complete(complete_but(site, mocker, what), guide_cluster())


def test_without_a_configuration_everything_is_to_be_done(site: Site, mocker: MockerFixture) -> None:
    assert not enable._is_complete(complete_but(site, mocker, "nothing"), None)


def told(changes: list[Change]) -> list[str]:
    return [change.message for change in changes if change.target == "no-fencing"]


def test_to_go_without_fencing_is_accepted_for_a_time_and_ends_with_it(site: Site) -> None:
    tree, without = guide_cluster(), replace(site, fencing=fencing.NONE)
    assert told(enable.edit(without, tree)) == ["leave no-fencing aside for 30 d"]
    assert told(enable.edit(without, tree)) == []
    assert told(enable.edit(replace(site, fencing=fencing.SBD), tree)) == ["leave no-fencing aside no longer"]


@pytest.mark.parametrize(
    ("asked", "accepted", "then"),
    [("", True, fencing.NONE), ("", False, ""), (fencing.SBD, True, fencing.SBD)],
    ids=["accepted", "not-accepted", "asked-for-now"],
)
def test_what_was_accepted_need_not_be_said_again(site: Site, asked: str, accepted: bool, then: str) -> None:
    tree = guide_cluster()
    if accepted:
        enable.edit(replace(site, fencing=fencing.NONE), tree)
    assert enable._as_accepted(replace(site, fencing=asked), tree).fencing == then


def test_this_server_is_asked_while_others_are_reached_and_may_fail_to_tell(site: Site, mocker: MockerFixture) -> None:
    xl = mocker.patch.object(enable.hypervisor, "look", side_effect=UnavailableError("xl does not answer"))
    sbd = mocker.patch.object(enable.sbd, "look")
    begun = mocker.patch.object(enable.fencing, "begin", return_value=(site, None))
    assert enable._begin(site) == begun.return_value
    assert [each.call_args.args[1] for each in (xl, sbd)] == ["snow01", "snow01"]
