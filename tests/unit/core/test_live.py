"""`allow-migrate` tells what Xen can do, and an administrator's word about it stays."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import live, primitive
from snow_ha_plugin.core.reports import findings
from tests.captures import domain, guide_cluster, schema_errors
from tests.unit.core.test_cib import canonical

PV = domain()._replace(is_pv=True)


def registered(pv_migrates: bool | None = None) -> cib.Tree:
    tree = guide_cluster()
    primitive.register(tree, PV, 80, pv_migrates=pv_migrates)
    return tree


def told(tree: cib.Tree) -> set[str]:
    return {finding.id for finding in findings.of_configuration(tree) if "web01" in finding.message}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [([], None), ([True, True], True), ([True, False], False), ([True, None], None), ([False, None], False)],
)
def test_one_server_without_shadow_paging_is_enough(answers: list[bool | None], expected: bool | None) -> None:
    assert live.pv_migrates(answers) is expected


@pytest.mark.parametrize("pv_migrates", [True, None])
def test_a_domain_migrates_where_nothing_is_known_against_it(pv_migrates: bool | None) -> None:
    tree = registered(pv_migrates)
    assert live.migrates(tree, "web01")
    assert told(tree) == set()


def test_a_para_virtualised_domain_is_restarted_where_a_server_lacks_what_it_needs() -> None:
    tree = registered(pv_migrates=False)
    assert not live.migrates(tree, "web01")
    assert schema_errors(tree) == ""
    assert told(tree) == {"restarts"}
    # What its file has become since is not in the CIB: where it is one already, convert brings the primitive up to it.
    (remedy,) = [finding.remedy for finding in findings.of_configuration(tree) if finding.id == "restarts"]
    assert remedy.endswith("snow shutdown web01, snow ha images convert web01 --try, snow boot web01")
    # Once each: Pacemaker's own command could not change a value that is there twice.
    assert len(tree.xpath("//primitive[@id='web01']//nvpair[@name='allow-migrate']")) == 1


def test_it_follows_what_the_servers_can_do_and_is_the_same_again_in_the_end() -> None:
    tree = registered()
    before = cib.domains(tree)["web01"]
    first = primitive.register(tree, PV, 80, pv_migrates=False)
    assert first is not None
    assert first.message == "have web01 restarted, not migrated: a server has no shadow paging"
    changed = canonical(tree)
    for known in (False, None):
        assert primitive.register(tree, PV, 80, pv_migrates=known) is None
        assert canonical(tree) == changed
    mended = primitive.register(tree, PV, 80, pv_migrates=True)
    assert mended is not None
    assert mended.message == "let web01 migrate live"
    assert cib.domains(tree)["web01"] == before
    assert len(tree.xpath("//primitive[@id='web01']/meta_attributes")) == 1


def test_a_domain_that_has_become_pvh_migrates_whatever_the_servers_lack() -> None:
    tree = registered(pv_migrates=False)
    assert primitive.register(tree, domain(), 80, pv_migrates=False) is not None
    assert live.migrates(tree, "web01")


def test_its_target_role_stays_beside_it() -> None:
    tree = guide_cluster()
    primitive.register(tree, PV, 80, stopped=True, pv_migrates=False)
    assert cib.domains(tree)["web01"].meta == {"target-role": "Stopped", "allow-migrate": "false"}
    primitive.register(tree, PV, 80, pv_migrates=True)
    assert cib.domains(tree)["web01"].meta == {"target-role": "Stopped", "allow-migrate": "true"}


@pytest.mark.parametrize("pv_migrates", [False, True])
def test_an_administrators_no_stays(pv_migrates: bool) -> None:
    tree = registered()
    # As crm_resource --meta --set-parameter changes it: where it stands.
    tree.xpath("//primitive[@id='web01']//nvpair[@name='allow-migrate']")[0].set("value", "false")
    before = canonical(tree)
    assert primitive.register(tree, PV, 80, pv_migrates=pv_migrates) is None
    assert canonical(tree) == before
    assert told(tree) == {"restarts-as-wanted"}


@pytest.mark.parametrize("pv_migrates", [False, True])
def test_an_administrators_yes_stays(pv_migrates: bool) -> None:
    tree = registered(pv_migrates=False)
    tree.xpath("//primitive[@id='web01']//nvpair[@name='allow-migrate']")[0].set("value", "true")
    before = canonical(tree)
    assert primitive.register(tree, PV, 80, pv_migrates=pv_migrates) is None
    assert canonical(tree) == before
    assert told(tree) == set()


def test_a_value_of_a_set_that_somebody_else_wrote_stays() -> None:
    tree = registered()
    tree.xpath("//primitive[@id='web01']/meta_attributes")[0].set("id", "web01-meta_attributes")
    before = canonical(tree)
    assert primitive.register(tree, PV, 80, pv_migrates=False) is None
    assert canonical(tree) == before
