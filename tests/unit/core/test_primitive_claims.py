"""Which primitive runs which domain, and what of a primitive of ours follows the domain file."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import primitive
from snow_ha_plugin.core.configure.primitive import Claims
from snow_ha_plugin.errors import ConfigurationError
from snow_ha_plugin.model import Domain, DomainFile
from tests.captures import domain, guide_cluster
from tests.unit.core.test_cib import with_parts

SPEED = 80
UUID = "9e1a0f70-8a3c-4a8e-9d57-2f0d4c5e6b71"
WEB = "/sNow/snow-tools/etc/domains/web01.cfg"


def with_primitive(**parameters: str) -> cib.Tree:
    """The guide's cluster, in which somebody's primitive runs a domain."""
    tree = with_parts(resources='<primitive id="vm" class="ocf" provider="heartbeat" type="Xen"/>')
    if parameters:
        cib.put_pairs(cib.resource(tree, "vm"), "instance_attributes", "vp", parameters)
    return tree


def reading(**files: DomainFile) -> primitive.Reader:
    """Files by their name without its end; others are what they are called."""
    return lambda path: files.get(path.rpartition("/")[2].removesuffix(".cfg"), DomainFile(path))


def refused(claims: Claims, wanted: Domain) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        claims.add(wanted)
    return caught.value


class TestClaims:
    @pytest.mark.parametrize(
        ("parameters", "name"),
        [({}, "vm"), ({"name": "web01"}, "web01"), ({"xmfile": "/etc/xen/web01.cfg"}, "web01"),
         ({"xmfile": "/etc/xen/web02.cfg", "name": "web01"}, "web01"), ({"xmfile": "/etc/xen/"}, "vm")],
        ids=["id", "name", "file", "name-before-file", "nothing-said"],
    )  # fmt: skip
    def test_are_by_a_primitives_name_or_else_its_files_or_else_its_id(
        self, parameters: dict[str, str], name: str
    ) -> None:
        claims = Claims(with_primitive(**parameters))
        if name != "vm":
            error = refused(claims, domain(name))
            assert "as the primitive vm" in error.details
            # crm renames nothing that runs.
            assert error.remedy.endswith(f"while it is down: crm configure rename vm {name}")
        claims.add(domain("web09"))
        claims.add(domain("vm"))

    def test_are_by_what_the_file_says_where_that_can_be_read(self) -> None:
        files = reading(web01=DomainFile("/xen/web01", "web07"))
        claims = Claims(with_primitive(xmfile="/etc/xen/web01.cfg"), files)
        assert "as the primitive vm" in refused(claims, domain("web07")).details
        claims.add(domain("web01", config_path="/elsewhere/x.cfg"))

    def test_are_by_the_file_behind_all_links(self) -> None:
        files = reading(link=DomainFile("/xen/one", "web07"), web01=DomainFile("/xen/one", "web01"))
        error = refused(Claims(with_primitive(xmfile="/auto/link.cfg"), files), domain("web01"))
        assert "which has the same domain file" in error.details
        assert error.remedy.endswith("crm configure rename vm web01")

    def test_are_by_the_uuid_which_one_of_two_files_must_lose(self) -> None:
        files = reading(web07=DomainFile("/xen/web07", "web07", UUID))
        claims = Claims(with_primitive(xmfile="/auto/web07.cfg"), files)
        error = refused(claims, domain("web01")._replace(uuid=UUID))
        assert "whose domain file has the same uuid" in error.details
        assert error.remedy.startswith("take the uuid out of one of the two domain files")
        claims.add(domain("web02")._replace(uuid=UUID.replace("9", "8")))

    def test_are_not_by_a_uuid_that_neither_has(self) -> None:
        Claims(with_primitive(xmfile="/auto/web07.cfg")).add(domain("web01"))

    def test_of_who_is_on_the_way_out_are_none(self) -> None:
        Claims(with_primitive(name="web01"), without=["vm"]).add(domain("web01"))
        claims = Claims(with_primitive(name="web01"), without=["nis01"])
        refused(claims, domain("web01"))

    def test_of_a_domain_that_is_added_are_its_own(self) -> None:
        claims = Claims(guide_cluster())
        claims.add(domain("web01"))
        claims.add(domain("web01"))
        assert "as the primitive web01" in refused(claims, domain("web02", config_path=WEB)).details


def operation(tree: cib.Tree, name: str) -> cib.Tree:
    found: cib.Tree
    (found,) = tree.xpath("//primitive[@id='web01']/operations/op[@name=$name]", name=name)
    return found


def registered() -> cib.Tree:
    tree = guide_cluster()
    primitive.register(tree, domain(), SPEED)
    return tree


def test_a_domain_is_looked_at_every_half_minute() -> None:
    assert [operation(registered(), "monitor").get(key) for key in ("interval", "timeout")] == ["30s", "60s"]
    assert operation(registered(), "start").get("interval") == "0s"


@pytest.mark.parametrize(
    ("attribute", "value"), [("id", "web01-start-0"), ("timeout", "soon")], ids=["of-somebody-else", "unreadable"]
)
def test_a_time_that_is_not_ours_to_judge_stays(attribute: str, value: str) -> None:
    tree = registered()
    operation(tree, "start").set(attribute, value)
    primitive.register(tree, domain(memory_mib=65536), SPEED)
    assert operation(tree, "start").get("timeout") == ("soon" if attribute == "timeout" else "120s")
    assert operation(tree, "stop").get("timeout") == "1380s"


def test_an_operation_without_a_time_of_its_own_gets_one() -> None:
    tree = registered()
    del operation(tree, "stop").attrib["timeout"]
    change = primitive.register(tree, domain(), SPEED)
    assert change is not None and change.action == "update"
    assert operation(tree, "stop").get("timeout") == "120s"


@pytest.mark.parametrize(("limit", "seconds"), [("1", 1700), ("4", 6620)])
def test_the_more_migrate_at_once_the_longer_each_may_take(limit: str, seconds: int) -> None:
    tree = guide_cluster()
    cib.put_option(tree, "mine", "migration-limit", limit)
    primitive.register(tree, domain(memory_mib=65536), SPEED)
    assert operation(tree, "migrate_from").get("timeout") == f"{seconds}s"
    primitive.unregister(tree, "web01")
    primitive.register(tree, domain(), SPEED)
    primitive.register(tree, domain(memory_mib=65536), SPEED)
    assert operation(tree, "migrate_to").get("timeout") == f"{seconds}s"


def test_what_an_older_version_did_not_write_is_an_update() -> None:
    tree = registered()
    for name in ("migrate_to", "migrate_from"):
        operation(tree, name).remove(operation(tree, name)[0])
    change = primitive.register(tree, domain(), SPEED)
    assert change is not None
    assert (change.action, change.target) == ("update", "web01")


def test_a_primitive_of_another_agent_that_has_a_set_of_ours_stays_as_it_is() -> None:
    tree = registered()
    cib.resource(tree, "web01").set("provider", "heartbeat")
    assert primitive.register(tree, domain(memory_mib=65536), SPEED) is None


def test_how_a_para_virtualised_domain_moves_follows_the_servers_at_each_sync() -> None:
    tree = guide_cluster()
    known = [domain("web01")._replace(is_pv=True)]
    for name in cib.domains(tree):
        primitive.unregister(tree, name)
    assert [change.action for change in primitive.sync(tree, known, SPEED)] == ["register"]
    assert [change.action for change in primitive.sync(tree, known, SPEED, pv_migrates=False)] == ["live"]


def test_syncing_looks_into_the_files() -> None:
    tree = with_primitive(xmfile="/auto/vm.cfg")
    known = [domain(name) for name in cib.domains(tree) if name != "vm"] + [domain("web01")]
    with pytest.raises(ConfigurationError, match="as the primitive vm"):
        primitive.sync(tree, known, SPEED, reading(vm=DomainFile("/xen/1", "web01")))


def test_the_file_of_a_domain_on_its_way_out_may_be_anothers_at_once() -> None:
    tree = registered()
    known = [domain(name) for name in cib.domains(tree) if name != "web01"] + [domain("web02", config_path=WEB)]
    done = [(change.action, change.target) for change in primitive.sync(tree, known, SPEED)]
    assert ("register", "web02") in done and ("unregister", "web01") in done
