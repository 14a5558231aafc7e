"""Which agent runs a domain, and the three changes that replace it without a restart (operations.agent_replacement)."""

from __future__ import annotations

from collections.abc import Iterable

from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import NoSuchObjectError
from snow_ha_plugin.model import Change

OURS = "ocf:snow:Xen"
PROVIDER = "snow"


def to_replace(tree: cib.Tree) -> list[str]:
    """The domains that another agent runs, and those that a run which was killed has left held."""
    return [
        name
        for name, primitive in sorted(cib.domains(tree).items())
        if primitive.agent != OURS or _hold_of(tree, name) is not None
    ]


def hold(tree: cib.Tree, names: Iterable[str]) -> list[Change]:
    """Make Pacemaker let go of these domains: it neither stops, starts nor monitors them."""
    changes = []
    for name in names:
        if cib.put_pairs(_element(tree, name), "meta_attributes", _hold_id(name), {"maintenance": "true"}):
            changes.append(Change("hold", name, f"have Pacemaker let go of {name}"))
    return changes


def replace(tree: cib.Tree, names: Iterable[str]) -> list[Change]:
    """In its template, where a primitive has its agent from one: whatever has it from there is a domain, too."""
    changes = []
    sources = []
    for name in names:
        element = _element(tree, name)
        template = element.get("template")
        source = _element(tree, template) if template else element
        if source.get("provider") != PROVIDER:
            changes.append(Change("agent", name, f"run {name} with {OURS} instead of {cib.domains(tree)[name].agent}"))
            sources.append(source)
    for source in sources:
        source.set("class", "ocf")
        source.set("provider", PROVIDER)
    return changes


def release(tree: cib.Tree, names: Iterable[str]) -> list[Change]:
    changes = []
    for name in names:
        held = _hold_of(tree, name)
        if held is not None:
            cib.drop(held)
            changes.append(Change("release", name, f"have Pacemaker take hold of {name} again"))
    return changes


def _element(tree: cib.Tree, name: str) -> cib.Tree:
    element = cib.resource(tree, name)
    if element is None:
        raise NoSuchObjectError(f"{name} is not registered any more", remedy="run the command again")
    return element


def _hold_id(name: str) -> str:
    return cib.ids.of(cib.ids.Kind.HELD, name)


def _hold_of(tree: cib.Tree, name: str) -> cib.Tree | None:
    return _element(tree, name).find(f"meta_attributes[@id='{_hold_id(name)}']")
