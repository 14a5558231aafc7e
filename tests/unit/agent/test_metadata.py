"""What Pacemaker is told of the parameters: which it must have, and which cannot change in place."""

from __future__ import annotations

from lxml import etree

from snow_ha_plugin.agent.metadata import meta_data


def having(attribute: str) -> list[str]:
    root = etree.fromstring(meta_data().encode())
    return [str(each.get("name")) for each in root.iter("parameter") if each.get(attribute) != "0"]


def test_a_domain_needs_its_file_and_nothing_else() -> None:
    assert having("required") == ["xmfile"]


def test_another_file_or_name_is_another_domain_and_all_else_is_read_anew_in_place() -> None:
    assert having("unique") == ["xmfile", "name"]


def test_a_value_is_of_a_type_that_ocf_knows() -> None:
    """By the schema of OCF 1.1 (ra-api.rng)."""
    types = etree.fromstring(meta_data().encode()).xpath("//parameter/content/@type")
    assert types and {*types} <= {"boolean", "integer", "rate", "select", "string", "time"}
