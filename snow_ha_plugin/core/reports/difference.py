"""What one configuration has that another one has not, in words: what putting it back would change.

An element is known by its tag and its id within what it is in. Sets and sections are told by what is in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import acceptance, intent
from snow_ha_plugin.model import Change

_SETS = ("cluster_property_set", "instance_attributes", "meta_attributes", "utilization", "operations")

# What an element without words of its own is called; others by their tag.
_NOUNS = dict.fromkeys(("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"), "rule") | {
    "primitive": "resource", "group": "group", "clone": "clone", "fencing-level": "fencing level", "op": "operation",
}  # fmt: skip

# When somebody last had Pacemaker forget something, as it notes for itself.
_NOISE = "last-lrm-refresh"


NOW = "now"


def changes(now: cib.Tree, then: cib.Tree, *, before: str = NOW) -> list[Change]:
    """What turns the configuration of `now` into that of `then`; none where they say the same.

    `before` is the word for how something is without it.
    """
    words = _Words(cib.domains(now).keys() | cib.domains(then).keys(), before)
    return list(words.compare(cib.part(now, "configuration"), cib.part(then, "configuration")))


def _children(element: cib.Tree | None) -> dict[tuple[str, str], cib.Tree]:
    found: dict[tuple[str, str], cib.Tree] = {}
    nameless: Counter[str] = Counter()
    for child in () if element is None else element.iterchildren("*"):
        tag, identifier = str(child.tag), _id(child)
        if not identifier:
            nameless[tag] += 1
        found[tag, identifier or str(nameless[tag])] = child
    return found


def _id(element: cib.Tree) -> str:
    return element.get("id") or element.get("id-ref") or ""


class _Words:
    def __init__(self, domains: set[str], before: str) -> None:
        self.domains, self.before = domains, before

    def compare(self, old: cib.Tree | None, new: cib.Tree | None) -> Iterator[Change]:
        before, after = _children(old), _children(new)
        for key in [*(key for key in before if key not in after), *after]:
            one, other = before.get(key), after.get(key)
            element = after[key] if one is None else one
            if element.get("name") == _NOISE:
                continue
            if one is not None and other is not None:
                yield from self._changed(one, other)
                yield from self.compare(one, other)
            elif not _id(element) or (element.tag in _SETS and len(element)):
                yield from self.compare(one, other)
            else:
                yield self._one_sided(element, comes=other is not None)

    def _one_sided(self, element: cib.Tree, *, comes: bool) -> Change:
        """An element that one of the two does not have; `comes` of one that putting back brings."""
        name, rsc = _id(element), element.get("rsc", "")
        if element.tag == "primitive" and name in self.domains:
            if comes:
                return Change("register", name, f"register {name}")
            return Change("unregister", name, f"unregister {name}")
        if element.tag == "nvpair":
            value = element.get("value", "")
            return self._pair(element, value, "") if comes else self._pair(element, None, value)
        node, score, placed = element.get("node"), element.get("score"), rsc or element.get("rsc-pattern")
        if element.tag == "rsc_location" and node and score and placed:
            again = "" if comes else " no longer"
            whom = rsc or f"all that are named like {placed}"
            return Change("place", placed, f"prefer {node} for {whom}{again} (score {score})")
        if _keeps_apart(element):
            pair = f"{rsc} and {element.get('with-rsc')}"
            return Change("apart", rsc, f"keep {pair} on different servers" if comes else f"let {pair} share a server")
        called = _called(element)
        comes_in = f"put the {called} back" if self.before == NOW else f"add the {called}"
        return Change("put-back", name, comes_in if comes else f"remove the {called}")

    def _changed(self, old: cib.Tree, new: cib.Tree) -> Iterator[Change]:
        names = [name for name in {**old.attrib, **new.attrib} if old.get(name) != new.get(name)]
        if not names:
            return
        if new.tag == "nvpair":
            yield self._pair(new, new.get("value", ""), old.get("value", ""))
        elif new.tag == "rsc_location" and {"node", "score"} & set(names):
            yield self._one_sided(new, comes=True)
        else:
            for name in names:
                what, was = f"{name} of the {_called(new)}", old.get(name, "nothing")
                yield Change(
                    "put-back", new.get("id", ""), f"set {what} to {new.get(name, 'nothing')} ({self.before} {was})"
                )

    def _pair(self, pair: cib.Tree, value: str | None, before: str) -> Change:
        """`value` is None for one that goes, `before` empty for one that comes."""
        name, owner = pair.get("name", ""), _owner(pair)
        is_in = {_id(above) for above in pair.iterancestors()}
        again = " no longer" if value is None else ""
        if intent.LEFT_OUT in is_in:
            domain = intent.named(name)
            return Change("leave-out", domain, f"leave {domain} out{again}")
        if acceptance.SET in is_in:
            accepted = acceptance.read(value or before)
            what = accepted.what if accepted else name
            return Change("accept", what, f"leave {what} aside{again}")
        if owner in self.domains and name == "target-role":
            stopped = cib.is_stopped(value or "")
            return Change("role", owner, f"keep {owner} stopped" if stopped else f"let {owner} run")
        if owner in self.domains and name == "is-managed":
            if value is not None and not cib.boolean(value):
                return Change("hold", owner, f"keep Pacemaker's hands off {owner}")
            return Change("release", owner, f"have Pacemaker look after {owner} again")
        if name == "standby":
            off = value is not None and cib.boolean(value)
            return Change("standby", owner, f"keep domains off {owner}" if off else f"let {owner} take domains again")
        whose = f"{name} of {owner}" if owner else name
        now = f" ({self.before} {before})" if before else ""
        if "pass" in name:
            return Change("put-back", owner or name, f"set {whose}" if value is not None else f"take {whose} out")
        if value is None:
            return Change("put-back", owner or name, f"take {whose} out{now}")
        return Change("put-back", owner or name, f"set {whose} to {value}{now}")


def _keeps_apart(element: cib.Tree) -> bool:
    is_colocation = element.tag == "rsc_colocation" and element.get("rsc") and element.get("with-rsc")
    return bool(is_colocation and cib.score(element.get("score")) < 0)


def _called(element: cib.Tree) -> str:
    noun = _NOUNS.get(str(element.tag), str(element.tag))
    if element.tag == "op":
        return f"{noun} {element.get('name')} of {_owner(element)}"
    return f"{noun} {_id(element)}"


def _owner(element: cib.Tree) -> str:
    """The resource, server or section that a pair or an operation is of; nothing for a cluster option."""
    for above in element.iterancestors():
        if above.tag == "crm_config":
            return ""
        if above.tag in ("rsc_defaults", "op_defaults"):
            return str(above.tag)
        if above.tag not in _SETS and above.get("id"):
            return str(above.get("uname") or above.get("id"))
    return ""
