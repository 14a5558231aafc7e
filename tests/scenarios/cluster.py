"""A scenario in a few lines to a CIB as `cibadmin --query` of a running cluster prints it.

    server NAME MEMORY_MIB CPUS [standby] [maintenance] [offline]
    domain NAME MEMORY_MIB VCPUS [on SERVER] [META=VALUE ...] [agent=CLASS:PROVIDER:TYPE]
    option NAME=VALUE           a cluster option
    default NAME=VALUE          a resource default; resource-stickiness is 100 otherwise
    xml SECTION <element .../>  anything else of the configuration
    run OPTION ...              of `balance`
    expect ...                  see test_scenarios.py

A `-` as size leaves it out. Lines that begin with `#` say why the scenario is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids, probes
from snow_ha_plugin.core.cib.ids import Kind


@dataclass
class Scenario:
    tree: cib.Tree
    homes: dict[str, str | None] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    expected: list[list[str]] = field(default_factory=list)
    why: str = ""


def load(path: Path) -> Scenario:
    return read(path.read_text())


def read(text: str) -> Scenario:
    tree = cib.empty()
    tree.attrib.update({"validate-with": "pacemaker-3.9", "crm_feature_set": "3.16.1", "have-quorum": "1"})
    tree.attrib.update({"admin_epoch": "0", "epoch": "1", "num_updates": "0"})
    defaults = {"resource-stickiness": "100"}
    options = {"stonith-enabled": "false", "dc-version": "2.1.5", "stop-orphan-resources": "false"}
    scenario = Scenario(tree)
    for line in text.splitlines():
        if line.startswith("#"):
            scenario.why += line.lstrip("# ") + " "
            continue
        word, _, rest = line.partition(" ")
        words = rest.split()
        if word == "server":
            _server(tree, *words)
        elif word == "domain":
            _domain(scenario, *words)
        elif word in ("option", "default"):
            (options if word == "option" else defaults).update([words[0].partition("=")[::2]])
        elif word == "xml":
            section, _, element = rest.partition(" ")
            cib.section(tree, section).append(etree.fromstring(element))
        elif word == "run":
            scenario.options += words
        elif word == "expect":
            scenario.expected.append(words)
        elif word:
            raise ValueError(f"no line of a scenario: {line}")
    cib.put_pairs(cib.section(tree, "crm_config"), "cluster_property_set", "cib-bootstrap-options", options)
    cib.put_pairs(cib.section(tree, "rsc_defaults"), "meta_attributes", "defaults", defaults)
    probes.assume(tree, scenario.homes)
    return scenario


def _server(tree: cib.Tree, name: str, memory: str, cpus: str, *states: str) -> None:
    number = str(len(cib.section(tree, "nodes")) + 1)
    node = cib.add(cib.section(tree, "nodes"), "node", id=number, uname=name)
    flags = {state: "on" for state in states if state in ("standby", "maintenance")}
    if flags:
        cib.put_pairs(node, "instance_attributes", f"nodes-{number}", flags)
    _put_size(node, name, memory, cpus)
    online = "offline" not in states
    cib.add(
        tree.find("status"), "node_state", id=number, uname=name, in_ccm="true" if online else "false",
        crmd="online" if online else "offline", join="member" if online else "down",
        expected="member" if online else "down",
    )  # fmt: skip


def _domain(scenario: Scenario, name: str, memory: str, vcpus: str, *words: str) -> None:
    given = list(words)
    home = given[given.index("on") + 1] if "on" in given else None
    pairs = dict(word.split("=", 1) for word in given if "=" in word)
    agent = pairs.pop("agent", "ocf:snow:Xen").split(":")
    kinds = dict(zip(("class", "provider", "type"), agent, strict=True))
    primitive = cib.add(cib.section(scenario.tree, "resources"), "primitive", id=name, **kinds)
    cib.put_pairs(primitive, "instance_attributes", ids.of(Kind.PARAMETERS, name), {"xmfile": f"/sNow/{name}.cfg"})
    meta = {"allow-migrate": "true"} | pairs
    cib.put_pairs(primitive, "meta_attributes", ids.of(Kind.META, name), {k: v for k, v in meta.items() if v != "-"})
    operations = cib.add(primitive, "operations")
    for operation in ("start", "stop", "migrate_to", "migrate_from"):
        cib.add_operation(operations, name, operation, 120)
    _put_size(primitive, name, memory, vcpus)
    scenario.homes[name] = home


def _put_size(element: cib.Tree, name: str, memory: str, cpus: str) -> None:
    sizes = {key: value for key, value in (("hv_memory", memory), ("cpu", cpus)) if value != "-"}
    if sizes:
        cib.put_pairs(
            element, "utilization", ids.of(Kind.CAPACITY if element.tag == "node" else Kind.SIZE, name), sizes
        )
