"""Whether Pacemaker may migrate a domain live: `allow-migrate`, which tells what Xen can do.

A para-virtualised guest migrates where the hypervisor has shadow paging (Hypervisor.migrates_pv). Elsewhere that fails
after seconds, and Pacemaker stops and starts the domain all the same, later and with an error.

Pacemaker's own command changes a value where it stands. So `true` in the set that registering wrote, and `false` in the
one that `tell` writes, are ours; any other value, in these or in any other set, is an administrator's, and stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.model import Change, Domain, Guest, Hypervisor

OPTION = "allow-migrate"
# As `xl list -l` calls a para-virtualised guest.
PV = "pv"
_PAIR = f"nvpair[@name='{OPTION}']"


def pv_migrates(answers: Collection[bool | None]) -> bool | None:
    """Whether para-virtualised guests migrate between servers of which each has said so, or not, or (None) nothing."""
    if False in answers:
        return False
    return True if answers and None not in answers else None


def as_they_run(domains: Iterable[Domain], hypervisors: Iterable[Hypervisor]) -> list[Domain]:
    """Domains as they are now: one that runs stays what it was started as, whatever its file has become since."""
    types = {guest.name: guest.type for found in hypervisors for guest in found.guests if guest.type}
    return [domain._replace(is_pv=types[domain.name] == PV) if domain.name in types else domain for domain in domains]


def runs_otherwise(domain: Domain, guest: Guest) -> bool:
    """Whether a guest is para-virtualised and the domain's file says that it is not, or the other way round."""
    return guest.name == domain.name and bool(guest.type) and (guest.type == PV) != domain.is_pv


def tell(tree: cib.Tree, domain: Domain, pv_migrates: bool | None) -> Change | None:
    """Bring `allow-migrate` of our primitive up to what the domain can; None where nothing was to do."""
    name, element = domain.name, cib.resource(tree, domain.name)
    found, can = _values(tree, name), pv_migrates if domain.is_pv else True
    if element is None or can is None:
        return None
    if not can and found == [_yes(name)]:
        _put(element, *_no(name))
        return Change("live", name, f"have {name} restarted, not migrated: a server has no shadow paging")
    if can and found == [_no(name)]:
        _put(element, *_yes(name))
        return Change("live", name, f"let {name} migrate live")
    return None


def _yes(name: str) -> tuple[str, str]:
    return ids.of(Kind.META, name), "true"


def _no(name: str) -> tuple[str, str]:
    return ids.of(Kind.RESTARTED, name), "false"


def _values(tree: cib.Tree, name: str) -> list[tuple[str, str]]:
    """Each value that a primitive itself has, and the id of its set."""
    element = cib.resource(tree, name)
    sets = [] if element is None else element.findall("meta_attributes")
    return [(each.get("id", ""), pair.get("value", "")) for each in sets for pair in each.iterfind(_PAIR)]


def _put(primitive: cib.Tree, set_id: str, value: str) -> None:
    """Have the value in a set, and in no other; a set that is empty then goes."""
    for pair in primitive.findall(f"meta_attributes/{_PAIR}"):
        cib.drop_pair(pair)
    cib.put_pairs(primitive, "meta_attributes", set_id, {OPTION: value})


def migrates(tree: cib.Tree, name: str) -> bool:
    """Whether Pacemaker would migrate a domain, and not stop and start it (Pacemaker Explained, allow-migrate)."""
    return cib.boolean(cib.meta(tree, name, OPTION, "false"))


def cannot(tree: cib.Tree, name: str) -> bool:
    """Whether `tell` has found that it cannot."""
    return _no(name) in _values(tree, name)
