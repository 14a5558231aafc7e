from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snow_ha_plugin.core import cib, domainfile
from snow_ha_plugin.core.configure import primitive
from snow_ha_plugin.errors import ConfigurationError, NoSuchObjectError
from snow_ha_plugin.model import Domain, DomainFile
from tests.captures import domain, guide_cluster, schema_errors, schemas, unconfigured_cluster
from tests.unit.core.test_cib import canonical, with_parts

SPEED = 80

# As domaincfg.DOMAIN_NAME has it, and no longer than tells anything new.
names = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,5}([-._][A-Za-z0-9]{1,5}){0,2}", fullmatch=True)
paths = st.text("/ab .'\"<>&\u00e4\u65e5", max_size=8)
domains = st.builds(
    domain,
    name=names.filter(lambda name: not name.startswith("snow-ha-")),
    memory_mib=st.integers(0, domainfile.TOO_MUCH - 1),
    vcpus=st.integers(0, domainfile.TOO_MUCH - 1),
    config_path=paths,
)
# A file is called as its domain: two primitives for one file would be two for one domain, and are refused.
domains = domains.map(lambda found: found._replace(config_path=f"{found.config_path}/{found.name}.cfg"))
sites = st.lists(domains, min_size=1, max_size=3, unique_by=lambda found: found.name)

BY_HAND = """
<primitive id="web01" class="ocf" provider="heartbeat" type="Xen">
  <instance_attributes id="wa"><nvpair id="wa1" name="xmfile" value="/etc/xen/web01.cfg"/></instance_attributes>
</primitive>
"""


def by_hand() -> cib.Tree:
    return with_parts(resources=BY_HAND)


def element(tree: cib.Tree, name: str = "web01") -> cib.Tree:
    return cib.resource(tree, name)


def timeouts(tree: cib.Tree, name: str = "web01") -> dict[str, str]:
    return {op.get("name"): op.get("timeout") for op in element(tree, name).iterfind("operations/op")}


@pytest.mark.parametrize("schema", schemas())
@pytest.mark.parametrize("cluster", [guide_cluster, unconfigured_cluster])
def test_a_registered_domain_is_valid_for_every_pacemaker(cluster: object, schema: str) -> None:
    tree = cluster()  # type: ignore[operator]
    primitive.register(tree, domain(memory_mib=65536, vcpus=8), SPEED)
    primitive.register(tree, domain("web02"), SPEED, stopped=True)
    assert schema_errors(tree, schema) == ""


def test_the_schemas_of_pacemaker_2_are_here_to_judge() -> None:
    assert len(schemas()) >= 10


@given(sites)
@settings(max_examples=20)
def test_whatever_the_domains_are_called_the_cib_is_valid(site: list[Domain]) -> None:
    tree = guide_cluster()
    for found in site:
        primitive.register(tree, found, SPEED)
    assert schema_errors(tree) == ""


def test_a_domain_becomes_what_pacemaker_needs_to_keep_it_running() -> None:
    tree = guide_cluster()
    change = primitive.register(tree, domain(memory_mib=4096, vcpus=2), SPEED)
    assert change is not None
    assert (change.action, change.target) == ("register", "web01")
    found = cib.domains(tree)["web01"]
    assert found.agent == "ocf:snow:Xen"
    assert found.parameters == {"xmfile": "/sNow/snow-tools/etc/domains/web01.cfg"}
    assert found.utilization == {"hv_memory": "4096", "cpu": "2"}
    assert found.meta == {"allow-migrate": "true"}
    assert timeouts(tree) == {
        "start": "150s", "stop": "150s", "migrate_to": "270s", "migrate_from": "270s", "monitor": "60s",
    }  # fmt: skip


def test_a_domain_that_must_not_start_yet_does_not() -> None:
    tree = guide_cluster()
    primitive.register(tree, domain(), SPEED, stopped=True)
    assert cib.domains(tree)["web01"].meta["target-role"] == "Stopped"


@given(sites)
def test_registering_twice_changes_nothing(site: list[Domain]) -> None:
    tree = guide_cluster()
    for found in site:
        assert primitive.register(tree, found, SPEED) is not None
    once = canonical(tree)
    assert [primitive.register(tree, found, SPEED) for found in site] == [None] * len(site)
    assert canonical(tree) == once


@given(sites, st.randoms())
def test_unregistering_takes_back_all_that_registering_wrote(site: list[Domain], random: object) -> None:
    tree = guide_cluster()
    before = canonical(tree)
    for found in site:
        primitive.register(tree, found, SPEED)
    random.shuffle(site)  # type: ignore[attr-defined]
    for found in site:
        primitive.unregister(tree, found.name)
    assert canonical(tree) == before


def test_registering_a_running_domain_as_stopped_does_not_stop_it() -> None:
    tree = guide_cluster()
    primitive.register(tree, domain(), SPEED)
    assert primitive.register(tree, domain(), SPEED, stopped=True) is None
    assert "target-role" not in cib.domains(tree)["web01"].meta


def test_a_domain_that_grew_gets_its_size_and_more_time() -> None:
    tree = guide_cluster()
    primitive.register(tree, domain(), SPEED)
    change = primitive.register(tree, domain(memory_mib=65536, vcpus=4), SPEED)
    assert change is not None
    assert change.action == "update"
    assert cib.domains(tree)["web01"].utilization == {"hv_memory": "65536", "cpu": "4"}
    assert timeouts(tree)["migrate_to"] == "3340s"
    assert timeouts(tree)["monitor"] == "60s"


def test_a_domain_that_shrank_keeps_the_time_it_has() -> None:
    tree = guide_cluster()
    primitive.register(tree, domain(memory_mib=65536), SPEED)
    assert primitive.register(tree, domain(), SPEED) is not None
    assert cib.domains(tree)["web01"].utilization["hv_memory"] == "512"
    assert timeouts(tree)["migrate_to"] == "3340s"


@pytest.mark.parametrize("timeout", ["7200s", "2h", "PT1H", "7200"])
def test_a_longer_time_that_somebody_chose_stays(timeout: str) -> None:
    tree = guide_cluster()
    primitive.register(tree, domain(), SPEED)
    element(tree).find("operations/op[@name='migrate_to']").set("timeout", timeout)
    primitive.register(tree, domain(memory_mib=65536), SPEED)
    assert timeouts(tree)["migrate_to"] == timeout


def test_a_domain_file_that_moved_is_followed() -> None:
    tree = guide_cluster()
    primitive.register(tree, domain(), SPEED)
    assert primitive.register(tree, domain(config_path="/new/web01.cfg"), SPEED) is not None
    assert cib.domains(tree)["web01"].parameters["xmfile"] == "/new/web01.cfg"


def test_what_the_administrator_adds_to_our_primitive_stays() -> None:
    tree = guide_cluster()
    primitive.register(tree, domain(), SPEED)
    cib.put_pairs(element(tree), "meta_attributes", "snow-ha-web01-meta", {"target-role": "Stopped", "priority": "5"})
    before = canonical(tree)
    assert primitive.register(tree, domain(), SPEED) is None
    assert canonical(tree) == before


def test_a_primitive_by_hand_counts_as_registered_and_stays_as_it_is() -> None:
    tree = by_hand()
    before = canonical(tree)
    assert primitive.register(tree, domain(memory_mib=65536), SPEED) is None
    assert canonical(tree) == before
    assert not primitive.is_ours(tree, "web01")


@pytest.mark.parametrize(
    ("xml", "what"),
    [
        ('<primitive id="web01" class="ocf" provider="pacemaker" type="Dummy"/>', "primitive"),
        ('<template id="web01" class="ocf" provider="heartbeat" type="Xen"/>', "template"),
        ('<group id="web01"><primitive id="d" class="ocf" provider="pacemaker" type="Dummy"/></group>', "group"),
        ('<clone id="web01"><primitive id="d" class="ocf" provider="pacemaker" type="Dummy"/></clone>', "clone"),
    ],
)
def test_a_name_that_something_else_has_is_refused(xml: str, what: str) -> None:
    tree = with_parts(resources=xml)
    before = canonical(tree)
    with pytest.raises(ConfigurationError, match=f"already has a {what} of this id"):
        primitive.register(tree, domain(), SPEED)
    assert canonical(tree) == before


@pytest.mark.parametrize(
    "parameters", [{"xmfile": "/etc/xen/web01.cfg"}, {"xmfile": "web01"}, {"xmfile": "/x.cfg", "name": "web01"}]
)
def test_a_domain_that_runs_under_another_id_is_not_registered_twice(parameters: dict[str, str]) -> None:
    tree = with_parts(resources='<primitive id="vm-web" class="ocf" provider="heartbeat" type="Xen"/>')
    cib.put_pairs(element(tree, "vm-web"), "instance_attributes", "vp", parameters)
    with pytest.raises(ConfigurationError, match="as the primitive vm-web"):
        primitive.register(tree, domain(), SPEED)


def test_what_a_domain_file_says_counts_more_than_what_it_is_called() -> None:
    files = {"/etc/xen/web01.cfg": DomainFile("/xen/1.cfg", "other"), "/auto/10": DomainFile("/xen/2.cfg", "web02")}
    tree = with_parts(resources='<primitive id="vm-web" class="ocf" provider="heartbeat" type="Xen"/>')
    pairs = {"xmfile": "/etc/xen/web01.cfg"}
    cib.put_pairs(element(tree, "vm-web"), "instance_attributes", "vp", pairs)
    claims = primitive.Claims(tree, lambda path: files.get(path, DomainFile(path)))
    assert primitive.register(tree, domain("web01"), SPEED, claims) is not None
    with pytest.raises(ConfigurationError, match="as the primitive vm-web; give"):
        primitive.register(tree, domain("other"), SPEED, claims)
    with pytest.raises(ConfigurationError, match="as the primitive web01, which has the same domain file"):
        primitive.register(tree, domain("web03", config_path=domain("web01").config_path), SPEED, claims)


def test_a_file_without_a_name_is_of_the_domain_that_the_primitive_is_called_as() -> None:
    tree = with_parts(resources='<group id="web01"><primitive id="web02" class="ocf" provider="x" type="Xen"/></group>')
    cib.put_pairs(element(tree, "web02"), "instance_attributes", "vp", {"xmfile": "/web03.cfg"})
    claims = primitive.Claims(tree, lambda path: DomainFile(path, ""))
    assert primitive.register(tree, domain("web03"), SPEED, claims) is not None


def test_a_domain_whose_name_is_part_of_anothers_is_registered() -> None:
    tree = guide_cluster()
    primitive.register(tree, domain("web01-test"), SPEED)
    assert primitive.register(tree, domain("web01"), SPEED) is not None


@pytest.mark.parametrize("name", ["nobody", "snow-ha-floating-ip", "snow-ha-options"])
def test_what_is_no_domain_cannot_be_unregistered(name: str) -> None:
    tree = guide_cluster()
    before = canonical(tree)
    with pytest.raises(NoSuchObjectError):
        primitive.unregister(tree, name)
    assert canonical(tree) == before


def test_unregistering_tells_what_went_with_the_domain() -> None:
    tree = with_parts(constraints='<rsc_location id="cli-prefer-nis01" rsc="nis01" node="snow01" score="INFINITY"/>')
    assert primitive.unregister(tree, "nis01").message == "unregister nis01, and with it cli-prefer-nis01"


def test_a_domain_by_hand_can_be_unregistered_when_asked_for() -> None:
    tree = by_hand()
    assert primitive.unregister(tree, "web01").action == "unregister"
    assert "web01" not in cib.domains(tree)


def known(tree: cib.Tree) -> list[Domain]:
    """The domain files that the guide's cluster was made from."""
    return [
        domain(name, int(p.utilization["hv_memory"]), int(p.utilization["cpu"]), config_path=p.parameters["xmfile"])
        for name, p in cib.domains(tree).items()
    ]


def test_syncing_what_matches_changes_nothing() -> None:
    tree = guide_cluster()
    before = canonical(tree)
    assert primitive.sync(tree, known(tree), SPEED) == []
    assert canonical(tree) == before


def test_syncing_adds_updates_and_removes_in_the_order_of_names() -> None:
    tree = guide_cluster()
    files = [found for found in known(tree) if found.name not in ("syslog01", "deploy01", "nis01")]
    files += [domain("zeta"), domain("alpha"), domain("nis01", 8192)]
    changes = primitive.sync(tree, files, SPEED)
    assert [(change.action, change.target) for change in changes] == [
        ("register", "alpha"), ("update", "nis01"), ("register", "zeta"),
        ("unregister", "deploy01"), ("unregister", "syslog01"),
    ]  # fmt: skip
    assert primitive.sync(tree, files, SPEED) == []
    assert schema_errors(tree) == ""


def test_syncing_leaves_domains_by_hand_alone() -> None:
    tree = by_hand()
    before = canonical(tree)
    assert primitive.sync(tree, known(guide_cluster()), SPEED) == []
    assert canonical(tree) == before


def test_only_what_snow_ha_registered_is_its_own() -> None:
    tree = by_hand()
    assert primitive.is_ours(tree, "nis01")
    assert not primitive.is_ours(tree, "web01")
    assert not primitive.is_ours(tree, "nobody")
