"""Clusters by chance: mixtures of what administrators write, each with domains that run where Pacemaker leaves them.

The same seed gives the same cluster. What comes out is valid for crm_verify and at rest: the scheduler would do
nothing with it.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from lxml import etree

from snow_ha_plugin.core import cib
from tests.scenarios import cluster

Element = str
Maker = Callable[["Draft"], None]

STRATEGIES = ("", "", "balanced", "utilization", "minimal")


class Draft:
    """The lines of a scenario, as they grow."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.servers = [f"snow{number:02}" for number in range(1, self.chance.randint(2, 4) + 1)]
        self.domains: list[str] = []
        self.lines: list[str] = []
        self.xml: list[tuple[str, str]] = []
        self.wrapped: dict[str, str] = {}
        self.number = 0

    def pick(self, count: int = 1) -> list[str]:
        return self.chance.sample(self.domains, min(count, len(self.domains)))

    def id(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    def server(self) -> str:
        return self.chance.choice(self.servers)

    def score(self) -> str:
        return self.chance.choice(["10", "50", "200", "5000", "-50", "-1000", "INFINITY", "-INFINITY"])

    def constrain(self, text: str) -> None:
        self.xml.append(("constraints", text))


def _location(draft: Draft) -> None:
    for name in draft.pick(draft.chance.randint(1, 3)):
        draft.constrain(
            f'<rsc_location id="{draft.id("l")}" rsc="{name}" node="{draft.server()}" score="{draft.score()}"/>'
        )


def _pattern(draft: Draft) -> None:
    draft.constrain(
        f'<rsc_location id="{draft.id("p")}" rsc-pattern="^d0" node="{draft.server()}"'
        f' score="{draft.chance.choice(["-INFINITY", "100", "-100"])}"/>'
    )


def _rule(draft: Draft) -> None:
    (name,) = draft.pick()
    number = draft.id("r")
    expression = draft.chance.choice([
        f'<expression id="{number}-e" attribute="#uname" operation="ne" value="{draft.server()}"/>',
        f'<expression id="{number}-e" attribute="site" operation="eq" value="north"/>',
        f'<expression id="{number}-e" attribute="site" operation="not_defined"/>',
    ])  # fmt: skip
    draft.constrain(
        f'<rsc_location id="{number}" rsc="{name}"><rule id="{number}-r" score="{draft.score()}">{expression}</rule>'
        "</rsc_location>"
    )


def _together(draft: Draft) -> None:
    pair = draft.pick(2)
    if len(pair) == 2:
        draft.constrain(
            f'<rsc_colocation id="{draft.id("c")}" rsc="{pair[0]}" with-rsc="{pair[1]}" score="{draft.score()}"/>'
        )


def _colocated_set(draft: Draft) -> None:
    names = draft.pick(3)
    number = draft.id("s")
    references = "".join(f'<resource_ref id="{name}"/>' for name in names)
    draft.constrain(
        f'<rsc_colocation id="{number}" score="{draft.chance.choice(["100", "-100", "INFINITY"])}">'
        f'<resource_set id="{number}-s">{references}</resource_set></rsc_colocation>'
    )


def _order(draft: Draft) -> None:
    pair = draft.pick(2)
    if len(pair) == 2:
        kind = draft.chance.choice(["Optional", "Mandatory"])
        draft.constrain(f'<rsc_order id="{draft.id("o")}" first="{pair[0]}" then="{pair[1]}" kind="{kind}"/>')


def _tag(draft: Draft) -> None:
    tag = draft.id("tag")
    references = "".join(f'<obj_ref id="{name}"/>' for name in draft.pick(3))
    draft.xml.append(("tags", f'<tag id="{tag}">{references}</tag>'))
    draft.constrain(f'<rsc_location id="{draft.id("l")}" rsc="{tag}" node="{draft.server()}" score="{draft.score()}"/>')


def _discovery(draft: Draft) -> None:
    (name,) = draft.pick()
    draft.constrain(
        f'<rsc_location id="{draft.id("l")}" rsc="{name}" node="{draft.server()}" score="-INFINITY"'
        ' resource-discovery="never"/>'
    )


def _meta(draft: Draft) -> None:
    for name in draft.pick(draft.chance.randint(1, 2)):
        draft.wrapped[name] = draft.chance.choice([
            "target-role=Stopped", "is-managed=false", "priority=10", "resource-stickiness=INFINITY",
            "resource-stickiness=0", "allow-migrate=false", "resource-stickiness=1000",
        ])  # fmt: skip


def _remote(draft: Draft) -> None:
    name = draft.id("rem")
    draft.xml.append((
        "resources",
        f'<primitive id="{name}" class="ocf" provider="pacemaker" type="remote"/>',
    ))  # fmt: skip


def _unsymmetric(draft: Draft) -> None:
    draft.lines.append("option symmetric-cluster=false")
    for name in draft.domains:
        for server in draft.servers:
            if draft.chance.random() < 0.8:
                draft.constrain(f'<rsc_location id="{draft.id("y")}" rsc="{name}" node="{server}" score="0"/>')


MAKERS: tuple[Maker, ...] = (
    _location, _location, _pattern, _rule, _together, _together, _colocated_set, _order, _tag, _discovery, _meta,
    _remote, _unsymmetric,
)  # fmt: skip


def make(seed: int) -> cib.Tree:
    """A cluster; not necessarily one that is valid or at rest."""
    draft = Draft(seed)
    chance = draft.chance
    memory, cpus = chance.choice([16384, 65536]), chance.choice([2, 4, 8, 64])
    fill = chance.uniform(0.5, 0.98) * (len(draft.servers) - chance.choice([0, 1])) / len(draft.servers)
    left = {server: int(memory * fill) for server in draft.servers}
    if chance.random() < 0.4:
        left = dict.fromkeys(draft.servers, 0) | {draft.servers[0]: int(memory * chance.uniform(0.5, 0.98))}
    homes: list[str] = []
    for server in draft.servers:
        while left[server] > memory // 32 and len(draft.domains) < 24:
            size = min(left[server], chance.choice([memory // 16, memory // 8, memory // 4]))
            left[server] -= size
            name = f"d{len(draft.domains):02}"
            draft.domains.append(name)
            homes.append(f"domain {name} {size} {chance.randint(1, 4)} on {server}")
    for maker in chance.sample(MAKERS, chance.choice([0, 1, 1, 2, 2, 3, 4])) if draft.domains else ():
        maker(draft)
    lines = [f"server {server} {memory} {cpus}" for server in draft.servers]
    lines += [f"{home} {draft.wrapped.get(home.split()[1], '')}" for home in homes]
    lines += draft.lines
    if strategy := chance.choice(STRATEGIES):
        lines.append(f"option placement-strategy={strategy}")
    if chance.random() < 0.3:
        lines.append(f"default resource-stickiness={chance.choice(['0', '1', '1000'])}")
    lines += [f"xml {section} {text}" for section, text in draft.xml]
    tree = cluster.read("\n".join(lines) + "\n").tree
    _states(draft, tree)
    return tree


def _states(draft: Draft, tree: cib.Tree) -> None:
    """Attributes of servers: sites, standby of both kinds, health, failures."""
    chance = draft.chance
    for node in tree.iterfind("configuration/nodes/node"):
        if chance.random() < 0.5:
            cib.put_pairs(
                node, "instance_attributes", f"site-{node.get('id')}", {"site": chance.choice(["north", "s"])}
            )
    state = chance.choice(tree.findall("status/node_state"))
    number = state.get("id")
    kind = chance.choice(["", "", "", "", "standby", "transient", "health", "failure", "leaving"])
    transient = {
        "transient": {"standby": "on"},
        "health": {"#health-disk": "red"},
        "failure": {f"fail-count-{name}#start_0": "INFINITY" for name in draft.pick(2)},
        "leaving": {"shutdown": "1700000000"},
    }.get(kind)
    if kind == "standby":
        cib.put_standby(tree, state.get("uname"), on=True)
    if kind == "health":
        cib.put_option(tree, "health", "node-health-strategy", "migrate-on-red")
    if transient:
        attributes = etree.SubElement(state, "transient_attributes", id=number)
        cib.put_pairs(attributes, "instance_attributes", f"status-{number}", transient)
