"""Whether Pacemaker may migrate a domain live: `allow-migrate`, which tells what Xen can do.

A para-virtualised guest migrates where the hypervisor has shadow paging (Hypervisor.migrates_pv). Elsewhere that fails
after seconds, and Pacemaker stops and starts the domain all the same, later and with an error.

Pacemaker's own command changes a value where it stands. So `true` in the set that registering wrote, and `false` in the
one that `tell` writes, are ours; any other value, in these or in any other set, is an administrator's, and stays.
"""

from __future__ import annotations

from collections.abc import Collection

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.model import Change, Domain

OPTION = "allow-migrate"


def pv_migrates(answers: Collection[bool | None]) -> bool | None:
    """Whether para-virtualised guests migrate between servers of which each has said so, or not, or (None) nothing."""
    if False in answers:
        return False
    return True if answers and None not in answers else None


def tell(tree: cib.Tree, domain: Domain, pv_migrates: bool | None) -> Change | None:
    """Bring `allow-migrate` of our primitive up to what the domain can; None where nothing was to do."""
    name, found = domain.name, _pairs(tree, domain.name)
    can = pv_migrates if domain.is_pv else True
    if can is None or len(found) != 1:
        return None
    present = (_holder(found[0]).get("id"), found[0].get("value"))
    if not can and present == _yes(name):
        _replace(found[0], *_no(name))
        return Change("live", name, f"have {name} restarted, not migrated: a server has no shadow paging")
    if can and present == _no(name):
        _replace(found[0], *_yes(name))
        return Change("live", name, f"let {name} migrate live")
    return None


def _yes(name: str) -> tuple[str, str]:
    return ids.of(Kind.META, name), "true"


def _no(name: str) -> tuple[str, str]:
    return ids.of(Kind.RESTARTED, name), "false"


def _pairs(tree: cib.Tree, name: str) -> list[cib.Tree]:
    path = "configuration/resources//primitive[@id=$id]/meta_attributes/nvpair[@name=$name]"
    found: list[cib.Tree] = tree.xpath(path, id=name, name=OPTION)
    return found


def _holder(element: cib.Tree) -> cib.Tree:
    return next(element.iterancestors())


def _replace(pair: cib.Tree, set_id: str, value: str) -> None:
    """Have it in another set, and its own no more where it was all of that."""
    holder = _holder(pair)
    primitive = _holder(holder)
    cib.drop(pair)
    if len(holder) == 0:
        cib.drop(holder)
    cib.put_pairs(primitive, "meta_attributes", set_id, {OPTION: value})


def migrates(tree: cib.Tree, name: str) -> bool:
    """Whether Pacemaker would migrate a domain, and not stop and start it (Pacemaker Explained, allow-migrate)."""
    return cib.boolean(cib.meta(tree, name, OPTION, "false"))


def cannot(tree: cib.Tree, name: str) -> bool:
    """Whether `tell` has found that it cannot."""
    return any((_holder(pair).get("id"), pair.get("value")) == _no(name) for pair in _pairs(tree, name))
