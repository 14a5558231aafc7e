"""What an administrator wants of domains, where the CIB keeps it: that they run or not, hands off, or no protection.

`hold` lasts until `release`. `pause` lasts as long as a verb that acts on a domain behind Pacemaker's back: it ends the
monitors too, so that what they would see meanwhile is no failure.
"""

from __future__ import annotations

from collections.abc import Iterable

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.reports.text import nearest
from snow_ha_plugin.errors import NoSuchObjectError
from snow_ha_plugin.model import Change

# A set of cluster options that are none of Pacemaker's, with a pair for each domain that was taken out on purpose.
LEFT_OUT = ids.of(Kind.LEFT_OUT)
_OPTION = f"{ids.OURS}not-protected-"

# As its state is told.
NOT_PROTECTED = "not protected"


def want(tree: cib.Tree, names: Iterable[str], role: str) -> list[Change]:
    """Have Pacemaker run domains, or not; one that nobody has said anything of runs by default."""
    changes = []
    for name in names:
        if cib.meta(tree, name, "target-role", "Started").capitalize() != role:
            _put(tree, name, "target-role", role)
            changes.append(Change("role", name, f"keep {name} stopped" if role == "Stopped" else f"let {name} run"))
    return changes


def hold(tree: cib.Tree, names: Iterable[str]) -> list[Change]:
    changes = []
    for name in names:
        _element(tree, name)
        if not is_held_itself(tree, name):
            _put(tree, name, "is-managed", "false")
            changes.append(Change("hold", name, f"keep Pacemaker's hands off {name}"))
    return changes


def release(tree: cib.Tree, names: Iterable[str]) -> list[Change]:
    changes = []
    for name in names:
        pairs = _holding(_element(tree, name))
        for pair in pairs:
            cib.drop(pair)
        if pairs:
            changes.append(Change("release", name, f"have Pacemaker look after {name} again"))
    return changes


def is_held(tree: cib.Tree, name: str) -> bool:
    return not cib.boolean(cib.meta(tree, name, "is-managed", "true"))


def is_held_itself(tree: cib.Tree, name: str) -> bool:
    """Whether its own attributes say so, as `release` ends it, and not its group, its template or a default alone."""
    element = cib.resource(tree, name)
    return element is not None and bool(_holding(element))


def _holding(element: cib.Tree) -> list[cib.Tree]:
    return [pair for pair in _pairs(element, "is-managed") if not cib.boolean(pair.get("value", ""))]


def pause(tree: cib.Tree, names: Iterable[str]) -> list[Change]:
    changes = []
    for name in names:
        set_id = ids.of(Kind.PAUSE, name)
        if cib.put_pairs(_element(tree, name), "meta_attributes", set_id, {"maintenance": "true"}):
            changes.append(Change("pause", name, f"keep Pacemaker from looking at {name}"))
    return changes


def pauses(names: Iterable[str]) -> str:
    """The pauses of these domains as XPath: also for whoever ends them after their maker has died."""
    which = " or ".join(f"@id='{ids.of(Kind.PAUSE, name)}'" for name in names)
    return f"//meta_attributes[{which or 'false()'}]"


def resume(tree: cib.Tree, names: Iterable[str]) -> list[Change]:
    """End the pauses of these domains, also those of a run that was killed; others' stay."""
    changes = []
    for found in tree.xpath(f"configuration/resources{pauses(names)}"):
        name = found.getparent().get("id", "")
        cib.drop(found)
        changes.append(Change("resume", name, f"have Pacemaker look at {name} again"))
    return changes


def left_out(tree: cib.Tree) -> tuple[str, ...]:
    """The domains that were taken out on purpose, by name."""
    return tuple(sorted(named(pair.get("name", "")) for pair in cib.notes(tree, LEFT_OUT)))


def named(option: str) -> str:
    """The domain that an option of that set is about."""
    return option.removeprefix(_OPTION)


def leave_out(tree: cib.Tree, names: Iterable[str]) -> None:
    cib.put_notes(tree, LEFT_OUT, {f"{_OPTION}{name}": "true" for name in names})


def take_in(tree: cib.Tree, names: Iterable[str]) -> list[Change]:
    """Forget that they were taken out."""
    wanted, changes = set(names), []
    for pair in cib.notes(tree, LEFT_OUT):
        if (name := named(pair.get("name", ""))) in wanted:
            cib.drop_pair(pair)
            changes.append(Change("take-in", name, f"leave {name} out no longer"))
    return changes


def _element(tree: cib.Tree, name: str) -> cib.Tree:
    element = cib.resource(tree, name) if cib.domain(tree, name) else None
    if element is None:
        raise not_registered(tree, name)
    return element


def not_registered(tree: cib.Tree, name: str) -> NoSuchObjectError:
    """With the domain that may have been meant."""
    near = nearest(name, cib.domains(tree))
    remedy = f"did you mean {near}" if near else f"register it: snow ha add {name}"
    return NoSuchObjectError(f"{name} is not registered", remedy=remedy)


def _pairs(element: cib.Tree, name: str) -> list[cib.Tree]:
    found: list[cib.Tree] = element.xpath("meta_attributes/nvpair[@name=$name]", name=name)
    return found


def _put(tree: cib.Tree, name: str, key: str, value: str) -> None:
    """Where the primitive has it already, else in a set of ours."""
    element = _element(tree, name)
    present = _pairs(element, key)
    for pair in present:
        pair.set("value", value)
    if not present:
        cib.put_pairs(element, "meta_attributes", ids.of(Kind.META, name), {key: value})
