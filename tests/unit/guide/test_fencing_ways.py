"""By which way a site is fenced: what was asked for, what is there already, and which servers and BMCs answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import acceptance, cluster_options, fencing
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import corosync, qdevice
from snow_ha_plugin.guide import fencing as protection
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import bmc, fencer, pacemaker
from tests.captures import guide_cluster, unconfigured_cluster
from tests.unit.conftest import NAMES, Machines

BMCS = {"snow01": "snow01-mgmt", "snow02": "snow02-mgmt"}
OURS = "# Written by snow-ha\ntotem {\n}\n"


def fenced(bmcs: dict[str, str] | None = None) -> cib.Tree:
    tree = unconfigured_cluster()
    fencing.put(tree, NAMES, Timing(15), bmcs or {})
    return tree


def by_hand() -> cib.Tree:
    tree = unconfigured_cluster()
    cib.add(cib.section(tree, "resources"), "primitive", id="pdu", **{"class": "stonith"}, type="fence_apc")
    return tree


def with_conf(site: Site, **conf: Any) -> Site:
    return replace(site, conf=site.conf._replace(**conf))


@pytest.fixture
def answers(mocker: MockerFixture) -> Any:
    return mocker.patch.object(bmc, "failure", return_value="")


def test_of_two_servers_that_have_a_third_vote_neither_waits_for_the_other(site: Site) -> None:
    assert protection.timing(site) == Timing(15, 2)
    assert protection.timing(site).priority_delay_s == 10
    assert protection.timing(replace(site, qdevice="qnetd01")).priority_delay_s == 0


@pytest.mark.parametrize(
    ("tree", "conf", "way"),
    [
        (None, {}, fencing.SBD),
        (None, {"fencing": fencing.NONE}, fencing.NONE),
        (None, {"bmc_suffix": "-mgmt"}, fencing.IPMI),
        (fenced(BMCS), {"bmc_suffix": "-mgmt"}, fencing.IPMI),
        (by_hand(), {}, fencing.BY_HAND),
    ],
    ids=["nothing-said", "none-in-snow.conf", "bmcs", "bmcs-before", "by-hand"],
)
def test_why_it_is_that_way_is_told(
    site: Site, answers: object, tree: cib.Tree | None, conf: dict[str, str], way: str
) -> None:
    decided = protection.decide_by(with_conf(site, **conf), tree)
    assert decided.fencing == way
    assert decided.why
    assert dict(decided.bmcs) == (BMCS if way == fencing.IPMI else {})


def test_what_is_asked_for_now_counts_more_than_snow_conf_and_what_is_there(site: Site, answers: object) -> None:
    site = with_conf(site, bmc_suffix="-mgmt", fencing=fencing.IPMI)
    assert protection.decide_by(replace(site, fencing=fencing.SBD), fenced(BMCS)).fencing == fencing.SBD


def test_bmcs_are_asked_for_anew_where_there_are_only_pills_yet(site: Site, answers: Any) -> None:
    decided = protection.decide_by(with_conf(site, bmc_suffix="-mgmt"), fenced())
    assert (decided.fencing, dict(decided.bmcs)) == (fencing.IPMI, BMCS)
    assert sorted(call.args[0] for call in answers.call_args_list) == sorted(BMCS.values())


@pytest.mark.parametrize(
    ("tree", "asked", "then"),
    [(fenced(), "", fencing.SBD), (fenced(), fencing.IPMI, fencing.IPMI), (None, "", fencing.IPMI)],
    ids=["pills", "asked-for", "nothing-yet"],
)
def test_the_bmc_of_a_dead_server_keeps_nobody_waiting_where_pills_are_in_force(
    site: Site, answers: Any, tree: cib.Tree | None, asked: str, then: str
) -> None:
    site.servers.silent = {"snow02": UnavailableError("snow02 cannot be reached")}
    decided = protection.decide_by(replace(with_conf(site, bmc_suffix="-mgmt"), fencing=asked), tree)
    assert decided.fencing == then
    assert answers.called == (then == fencing.IPMI)


def test_bmcs_that_do_not_answer_are_named_with_what_they_said(site: Site, answers: Any) -> None:
    answers.side_effect = lambda name: "no route" if name == "snow02-mgmt" else ""
    asked = replace(with_conf(site, bmc_suffix="-mgmt"), fencing=fencing.IPMI)
    with pytest.raises(UnavailableError) as caught:
        protection.decide_by(asked, None)
    assert caught.value.details == "snow02-mgmt: no route"


class TestConfiguration:
    """The CIB that is gone on with."""

    def test_where_corosync_has_no_configuration_nobody_is_asked_for_one(
        self, site: Site, mocker: MockerFixture
    ) -> None:
        mocker.patch.object(type(site.cluster), "read", return_value=guide_cluster())
        assert protection.configuration(site) is None

    @pytest.mark.parametrize("text", [OURS.encode(), b"# by M\xfcller\ntotem {\n}\n"])
    def test_is_that_of_the_cluster_that_runs(
        self, site: Site, machines: Machines, mocker: MockerFixture, text: bytes
    ) -> None:
        machines.file("snow01", corosync.PATH).write_bytes(text)
        tree = guide_cluster()
        mocker.patch.object(type(site.cluster), "read", return_value=tree)
        assert protection.configuration(site) is tree

    def test_is_the_stored_one_where_pacemaker_does_not_run(
        self, site: Site, machines: Machines, mocker: MockerFixture
    ) -> None:
        machines.file("snow01", corosync.PATH).write_text(OURS)
        tree = guide_cluster()
        mocker.patch.object(type(site.cluster), "read", side_effect=UnavailableError("Pacemaker does not run"))
        mocker.patch.object(pacemaker, "stored_cib", return_value=tree)
        assert protection.configuration(site) is tree

    def test_is_read_while_the_third_vote_is_decided(self, site: Site, mocker: MockerFixture) -> None:
        tree = guide_cluster()
        mocker.patch.object(protection, "configuration", return_value=tree)
        decided = mocker.patch.object(qdevice, "decide", return_value=replace(site, qdevice="qnetd01"))
        assert protection.begin(site) == (decided.return_value, tree)


class TestAsItIs:
    @pytest.mark.parametrize("tree", [None, fenced(), by_hand()], ids=["no-cluster", "pills", "by-hand"])
    def test_nothing_is_said_of_a_cluster_that_is_fenced_or_not_there(self, site: Site, tree: cib.Tree | None) -> None:
        decided, found = protection.as_it_is(site, tree)
        assert found == []
        assert decided.fencing == (fencing.BY_HAND if tree is not None and fencing.is_by_hand(tree) else fencing.SBD)

    def test_a_cluster_without_fencing_has_one_finding_instead_of_all_that_sbd_lacks(self, site: Site) -> None:
        decided, (found,) = protection.as_it_is(site, guide_cluster())
        assert (decided.fencing, found.id) == (fencing.NONE, "no-fencing")

    def test_who_wants_none_is_told_nothing_here(self, site: Site) -> None:
        decided, found = protection.as_it_is(with_conf(site, fencing=fencing.NONE), guide_cluster())
        assert (decided.fencing, found) == (fencing.NONE, [])


class TestByHand:
    def test_a_server_that_no_device_could_fence_is_an_error(self, site: Site, mocker: MockerFixture) -> None:
        mocker.patch.object(fencer, "fencers", lambda name: ["pdu"] if name == "snow01" else [])
        (found,) = protection.check(replace(site, fencing=fencing.BY_HAND))
        assert (found.severity, found.id) == (Severity.ERROR, "no-fencing-device")
        assert "fence snow02" in found.message
        assert found.remedy.endswith("stonith_admin --list snow02")

    def test_without_a_cluster_nobody_can_tell(self, site: Site, mocker: MockerFixture) -> None:
        mocker.patch.object(fencer, "fencers", side_effect=UnavailableError("Pacemaker does not run"))
        assert protection.check(replace(site, fencing=fencing.BY_HAND)) == []


def test_the_devices_go_into_the_cib_only_where_they_are_ours(site: Site) -> None:
    for way in (fencing.NONE, fencing.BY_HAND):
        assert protection.edit(replace(site, fencing=way), unconfigured_cluster()) == []
    tree = unconfigured_cluster()
    protection.edit(replace(site, fencing=fencing.IPMI, bmcs=BMCS), tree)
    assert [device.id for device in fencing.devices(tree)] == [
        fencing.SBD_ID,
        "snow-ha-ipmi-snow01",
        "snow-ha-ipmi-snow02",
    ]


@pytest.mark.parametrize("way", [fencing.SBD, fencing.NONE])
def test_after_a_restart_pacemaker_takes_hold_again_and_to_go_without_is_accepted_no_more(site: Site, way: str) -> None:
    tree = unconfigured_cluster()
    cluster_options.begin_maintenance(tree)
    given = Acceptance(acceptance.NO_FENCING, "", Severity.ERROR, 1000, 2000)
    acceptance.accept(tree, [given])
    changes = protection.edit_after_restart(replace(site, fencing=way), tree)
    assert "maintenance-mode" not in cib.options(tree)
    assert acceptance.acceptances(tree) == ((given,) if way == fencing.NONE else ())
    assert {change.action for change in changes} == (
        {"option"} if way == fencing.NONE else {"fencing", "option", "end"}
    )
