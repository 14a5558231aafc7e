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


def test_each_parameter_is_of_the_type_of_its_values() -> None:
    """As ocf:heartbeat:Xen has them, whose parameters these are, and the numbers of seconds of our own."""
    root = etree.fromstring(meta_data().encode())
    types = {each.get("name"): each.find("content").get("type") for each in root.iter("parameter")}
    seconds = {"shutdown_timeout", "watch_grace"}
    switches = {"shutdown_acpi", "allow_mem_management", "autoset_utilization_cpu", "autoset_utilization_hv_memory"}
    assert types == {
        name: "integer" if name in seconds else "boolean" if name in switches else "string" for name in types
    }
    assert seconds | switches | {"watch", "monitor_scripts", "node_ip_attribute", "reserved_Dom0_memory"} <= {*types}


def test_each_parameter_is_explained_in_short_and_in_full() -> None:
    root = etree.fromstring(meta_data().encode())
    for each in root.iter("parameter"):
        short, long = (str(each.findtext(kind)) for kind in ("shortdesc", "longdesc"))
        assert 0 < len(short) < 50 and not short.endswith(".")
        assert long.endswith(".") and len(long) > len(short)
