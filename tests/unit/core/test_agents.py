"""A domain comes to another agent without a restart: held, changed, and taken hold of again."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import agents
from snow_ha_plugin.errors import NoSuchObjectError
from tests.captures import schema_errors
from tests.unit.core.test_cib import canonical, with_parts

WEB = '<primitive id="web01" class="ocf" provider="heartbeat" type="Xen"/>'


def test_only_domains_of_another_agent_are_to_come() -> None:
    tree = with_parts(resources=WEB + WEB.replace("web01", "alpha"))
    assert agents.to_replace(tree) == ["alpha", "web01"]


def test_a_domain_that_a_killed_run_has_left_held_is_still_to_come() -> None:
    tree = with_parts(resources=WEB)
    agents.replace(tree, ["web01"])
    assert agents.to_replace(tree) == []
    agents.hold(tree, ["nis01"])
    assert agents.to_replace(tree) == ["nis01"]


def test_pacemaker_lets_go_while_the_agent_changes_and_takes_hold_again() -> None:
    tree = with_parts(resources=WEB)
    (held,) = agents.hold(tree, ["web01"])
    assert (held.action, held.target) == ("hold", "web01")
    assert cib.domains(tree)["web01"].meta == {"maintenance": "true"}
    assert agents.hold(tree, ["web01"]) == []
    (replaced,) = agents.replace(tree, ["web01", "nis01"])
    assert (replaced.action, replaced.target) == ("agent", "web01")
    assert replaced.message == "run web01 with ocf:snow:Xen instead of ocf:heartbeat:Xen"
    assert cib.domains(tree)["web01"].agent == agents.OURS == "ocf:snow:Xen"
    assert schema_errors(tree) == ""
    (released,) = agents.release(tree, ["nis01", "web01"])
    assert (released.action, released.target) == ("release", "web01")
    assert canonical(tree) == canonical(with_parts(resources=WEB.replace("heartbeat", "snow")))


def test_domains_that_have_their_agent_from_a_template_get_it_there() -> None:
    template = '<template id="vm" class="ocf" provider="heartbeat" type="Xen"/>'
    both = '<primitive id="web01" template="vm"/><primitive id="web02" template="vm"/>'
    tree = with_parts(resources=template + both)
    assert agents.to_replace(tree) == ["web01", "web02"]
    agents.hold(tree, ["web01", "web02"])
    assert [change.message for change in agents.replace(tree, ["web01", "web02"])] == [
        "run web01 with ocf:snow:Xen instead of ocf:heartbeat:Xen",
        "run web02 with ocf:snow:Xen instead of ocf:heartbeat:Xen",
    ]
    assert agents.replace(tree, ["web01", "web02"]) == []
    assert schema_errors(tree) == ""
    agents.release(tree, ["web01", "web02"])
    assert canonical(tree) == canonical(with_parts(resources=template.replace("heartbeat", "snow") + both))


def test_an_agent_of_another_class_becomes_one_of_ocfs() -> None:
    tree = with_parts(resources=WEB.replace('"ocf" provider="heartbeat"', '"service" provider="other"'))
    agents.replace(tree, ["web01"])
    assert cib.resource(tree, "web01").get("class") == "ocf"


@pytest.mark.parametrize("verb", [agents.hold, agents.replace, agents.release])
def test_a_domain_that_goes_meanwhile_is_told(verb: object) -> None:
    with pytest.raises(NoSuchObjectError, match="web01 is not registered any more"):
        verb(with_parts(), ["web01"])  # type: ignore[operator]
