"""What the administrator's constraints say of domains: which servers they like, and whom they go with or avoid.

Constraints of ours are no rule here: they follow from a plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import DataError

# Pacemaker's INFINITY: sums are cut off here, and minus it wins over plus (Pacemaker Explained, "Infinity Math").
INFINITY = 1_000_000

_WORDS = {"red": -INFINITY, "yellow": 0, "green": 0}


@dataclass(frozen=True)
class Rules:
    """`scores` by domain and server, where there is one; `barred` pairs must not share a server.

    `tied` domains go with another resource, by that constraint; `pull` is how strongly finite colocations pull at a
    domain; of `unclear` ones a constraint says more than all this.
    """

    scores: Mapping[str, Mapping[str, int]]
    default: int
    barred: frozenset[frozenset[str]]
    tied: Mapping[str, str]
    pull: Mapping[str, int]
    unclear: Mapping[str, str]


def score(text: str | None, source: str = "a constraint") -> int:
    """A score as Pacemaker reads it; DataError if it is none."""
    word = (text or "0").strip()
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    if match := re.fullmatch(r"([+-]?)(infinity|inf)", word, re.IGNORECASE):
        return -INFINITY if match[1] == "-" else INFINITY
    if not re.fullmatch(r"[+-]?\d{1,18}", word):
        raise DataError(f"the score {word!r} of {source} is no score", remedy="mend it: crm configure edit")
    return max(-INFINITY, min(INFINITY, int(word)))


def add_scores(one: int, other: int) -> int:
    if -INFINITY in (one, other):
        return -INFINITY
    return max(-INFINITY, min(INFINITY, one + other))


def read(tree: cib.Tree, servers: list[str]) -> Rules:
    """DataError for a constraint that names a resource which is not there."""
    names = set(cib.domains(tree))
    known = {element.get("id") for element in tree.find("configuration/resources").iter() if element.get("id")}
    tags = {
        tag.get("id"): [reference.get("id") for reference in tag.iterfind("obj_ref")]
        for tag in tree.iterfind("configuration/tags/tag")
    }
    scores: dict[str, dict[str, int]] = {}
    barred: set[frozenset[str]] = set()
    tied: dict[str, str] = {}
    unclear: dict[str, str] = {}
    pull = dict.fromkeys(names, 0)
    for constraint in tree.find("configuration/constraints").iterchildren("rsc_location", "rsc_colocation"):
        name = constraint.get("id", "")
        _refuse_dangling(constraint, known | set(tags))
        if name.startswith(cib.OURS):
            continue
        if constraint.tag == "rsc_location":
            for domain in _subjects(constraint, names, tags):
                if constraint.find("rule") is not None:
                    if not _add_rules(constraint, scores.setdefault(domain, {}), servers):
                        unclear[domain] = name
                elif constraint.get("node"):
                    _add(scores.setdefault(domain, {}), constraint.get("node"), score(constraint.get("score"), name))
        elif constraint.find("resource_set") is not None:
            for domain in _subjects(constraint, names, tags):
                unclear[domain] = name
        else:
            value = score(constraint.get("score", "INFINITY"), name)
            pair = (constraint.get("rsc"), constraint.get("with-rsc"))
            ours = [domain for domain in pair if domain in names]
            if value == -INFINITY and len(ours) == 2:
                barred.add(frozenset(ours))
            elif abs(value) == INFINITY:
                tied.update(dict.fromkeys(ours, name))
            else:
                pull.update({domain: pull[domain] + abs(value) for domain in ours})
    default = (
        0
        if cib.options(tree).get("symmetric-cluster", "true").lower() not in ("false", "no", "off", "0", "n")
        else -INFINITY
    )
    return Rules(scores, default, frozenset(barred), tied, pull, unclear)


def _refuse_dangling(constraint: cib.Tree, known: set[str]) -> None:
    named = [
        constraint.get("rsc"),
        constraint.get("with-rsc"),
        *(found.get("id") for found in constraint.iter("resource_ref")),
    ]
    for resource in named:
        if resource is not None and resource not in known:
            raise DataError(
                f"the constraint {constraint.get('id')} names {resource}",
                "the CIB has no such resource",
                f"take it out: crm configure delete {constraint.get('id')}",
            )


def _subjects(constraint: cib.Tree, names: set[str], tags: Mapping[str, list[str]]) -> Iterator[str]:
    """The domains that a constraint is about, by name, pattern, set or tag."""
    if constraint.get("rsc-pattern"):
        try:
            pattern = re.compile(constraint.get("rsc-pattern"))
        except re.error:
            raise DataError(
                f"the pattern of {constraint.get('id')} is none", remedy="mend it: crm configure edit"
            ) from None
        yield from (name for name in sorted(names) if pattern.search(name))
    direct = [constraint.get("rsc"), *(found.get("id") for found in constraint.iter("resource_ref"))]
    for named in direct:
        yield from (name for name in tags.get(named, [named]) if name in names)


def _add_rules(constraint: cib.Tree, scores: dict[str, int], servers: list[str]) -> bool:
    """Count a rule that asks for a server's name, as crm writes it; False for one that asks for more."""
    for rule in constraint.iterfind("rule"):
        expressions = rule.findall("*")
        value = score(rule.get("score"), constraint.get("id"))
        if len(expressions) != 1 or expressions[0].get("attribute") != "#uname":
            return False
        operation, name = expressions[0].get("operation"), expressions[0].get("value")
        if operation not in ("eq", "ne"):
            return False
        for server in servers:
            if (server == name) == (operation == "eq"):
                _add(scores, server, value)
    return True


def _add(scores: dict[str, int], server: str, value: int) -> None:
    scores[server] = add_scores(scores.get(server, 0), value)
