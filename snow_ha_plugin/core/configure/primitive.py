"""Domains and their primitives: what registering, unregistering and syncing change in a CIB.

A domain's primitive is called as the domain, because the host runs `crm resource start NAME`. A primitive `Xen`
that somebody else wrote counts as registered and stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping

from snow_ha_plugin.core import cib, timeouts
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.configure import live, migration
from snow_ha_plugin.errors import ConfigurationError, NoSuchObjectError
from snow_ha_plugin.model import Change, Domain, DomainFile, Primitive

AGENT = {"class": "ocf", "provider": "snow", "type": "Xen"}
OPERATIONS = ("start", "stop", "migrate_to", "migrate_from")

# Looks into a domain file, by the path that a primitive gives.
Reader = Callable[[str], DomainFile]


class Claims:
    """Which primitive runs which domain, whatever it calls it: two of one domain could start it twice.

    What tells is a domain's name, its file, and its uuid. `read` looks into the files; by default none is looked into,
    and each is taken for the domain that it is called as. `without`: ids of primitives that are on their way out.
    """

    def __init__(self, tree: cib.Tree, read: Reader = DomainFile, without: Container[str] = ()) -> None:
        self._read = read
        self._holders: dict[tuple[str, str], str] = {}
        for primitive in cib.domains(tree).values():
            if primitive.id not in without:
                self._hold(primitive.id, self._marks_of(primitive))

    def add(self, domain: Domain) -> None:
        """Claim a domain for a primitive of its name; ConfigurationError if another one runs it."""
        marks = [("name", domain.name), ("file", self._read(domain.config_path).path), ("uuid", domain.uuid)]
        for kind, value in marks:
            holder = self._holders.get((kind, value), domain.name) if value else domain.name
            if holder != domain.name:
                raise ConfigurationError(
                    f"{domain.name} cannot be registered",
                    f"the CIB runs it already, as the primitive {holder}" + _BY[kind],
                    f"give that its name, as `snow boot` expects, while it is down: crm configure rename {holder}"
                    f" {domain.name}"
                    if kind != "uuid"
                    else f"take the uuid out of one of the two domain files, if {holder} is another domain",
                )
        self._hold(domain.name, marks)

    def _hold(self, holder: str, marks: Iterable[tuple[str, str]]) -> None:
        for mark in marks:
            self._holders.setdefault(mark, holder)

    def _marks_of(self, primitive: Primitive) -> list[tuple[str, str]]:
        """What a primitive's agent goes by: a parameter, what its file says, or its id."""
        name, path = primitive.parameters.get("name", ""), primitive.parameters.get("xmfile", "")
        if not path:
            return [("name", name or primitive.id)]
        file = self._read(path)
        said = path.rpartition("/")[2].removesuffix(".cfg") if file.name is None else file.name
        return [("name", name or said or primitive.id), ("file", file.path), ("uuid", file.uuid)]


_BY = {"name": "", "file": ", which has the same domain file", "uuid": ", whose domain file has the same uuid"}


def register(
    tree: cib.Tree, domain: Domain, migration_mib_s: int, claims: Claims | None = None, *,
    stopped: bool = False, pv_migrates: bool | None = None,
) -> Change | None:  # fmt: skip
    """Make the domain a primitive, or bring our primitive up to the domain file; None where nothing was to do.

    `claims` are those of the tree, by default without looking into files; a new primitive's are added to them.
    `stopped` keeps Pacemaker from starting a domain that does not run; it only matters for a new primitive.
    `pv_migrates`: see `live`; where it is not known, what is there stays.
    ConfigurationError where another primitive has its id, or runs the domain.
    """
    element = cib.resource(tree, domain.name)
    if element is None:
        (claims or Claims(tree)).add(domain)
        _add(tree, domain, migration_mib_s, stopped)
        live.tell(tree, domain, pv_migrates)
        size = f"{domain.memory_mib} MiB, {domain.vcpus} vcpu"
        return Change("register", domain.name, f"register {domain.name} ({size})" + (", stopped" if stopped else ""))
    primitive = cib.domain(tree, domain.name)
    if primitive is None:
        raise ConfigurationError(
            f"{domain.name} cannot be registered",
            f"the CIB already has a {element.tag!s} of this id that runs no domain",
            f"rename it while it is stopped: crm configure rename {domain.name} NEW-NAME",
        )
    if primitive.agent != "ocf:snow:Xen" or not _is_ours(element):
        return None
    changed = _put_size(element, domain)
    changed |= _raise_timeouts(element, _timeouts(domain, migration_mib_s, cib.migrations_at_once(tree)))
    changed |= migration.block(element)
    changed |= cib.put_pairs(
        element, "instance_attributes", ids.of(Kind.PARAMETERS, domain.name), {"xmfile": domain.config_path}
    )
    told = live.tell(tree, domain, pv_migrates)
    return Change("update", domain.name, f"bring {domain.name} up to its domain file") if changed else told


def unregister(tree: cib.Tree, name: str) -> Change:
    """Take the domain's primitive out, and every constraint that names it."""
    if cib.domain(tree, name) is None:
        raise NoSuchObjectError(
            f"{name} is not registered", "the CIB has no domain of this name", "see `snow ha status`"
        )
    gone = cib.remove_resource(tree, name)
    others = ", ".join(gone[1:])
    return Change("unregister", name, f"unregister {name}" + (f", and with it {others}" if others else ""))


def sync(
    tree: cib.Tree, known: Iterable[Domain], migration_mib_s: int, read: Reader = DomainFile,
    pv_migrates: bool | None = None,
) -> list[Change]:  # fmt: skip
    """Make the domains of ours in the CIB those that have a domain file, in the order of their names."""
    wanted = {domain.name: domain for domain in known}
    orphans = [name for name in sorted(cib.domains(tree)) if name not in wanted and is_ours(tree, name)]
    claims = Claims(tree, read, without=orphans)
    changes = [
        register(tree, wanted[name], migration_mib_s, claims, pv_migrates=pv_migrates) for name in sorted(wanted)
    ]
    return [change for change in changes if change] + [unregister(tree, name) for name in orphans]


def is_ours(tree: cib.Tree, name: str) -> bool:
    element = cib.resource(tree, name)
    return element is not None and _is_ours(element)


def _is_ours(primitive: cib.Tree) -> bool:
    return any(ids.is_ours(child.get("id", "")) for child in primitive.iterfind("instance_attributes"))


def _add(tree: cib.Tree, domain: Domain, migration_mib_s: int, stopped: bool) -> None:
    primitive = cib.add(cib.section(tree, "resources"), "primitive", id=domain.name, **AGENT)
    cib.put_pairs(
        primitive, "instance_attributes", ids.of(Kind.PARAMETERS, domain.name), {"xmfile": domain.config_path}
    )
    meta = {live.OPTION: "true"} | ({"target-role": "Stopped"} if stopped else {})
    cib.put_pairs(primitive, "meta_attributes", ids.of(Kind.META, domain.name), meta)
    operations = cib.add(primitive, "operations")
    times = _timeouts(domain, migration_mib_s, cib.migrations_at_once(tree))
    for name, timeout_s in times.items():
        cib.add_operation(operations, domain.name, name, timeout_s)
    migration.block(primitive)
    cib.add_operation(operations, domain.name, "monitor", timeouts.MONITOR_S, interval_s=timeouts.MONITOR_INTERVAL_S)
    _put_size(primitive, domain)


def _put_size(primitive: cib.Tree, domain: Domain) -> bool:
    size = {"hv_memory": str(domain.memory_mib), "cpu": str(domain.vcpus)}
    return cib.put_pairs(primitive, "utilization", ids.of(Kind.SIZE, domain.name), size)


def _raise_timeouts(primitive: cib.Tree, times: Mapping[str, int]) -> bool:
    """Give a domain that has grown the time it needs now; a longer time is somebody's choice and stays."""
    changed = False
    for name, timeout_s in times.items():
        for operation in primitive.iterfind(f"operations/op[@name='{name}']"):
            present_s = cib.interval_s(operation.get("timeout", "0"))
            if ids.is_ours(operation.get("id", "")) and present_s is not None and present_s < timeout_s:
                operation.set("timeout", f"{timeout_s}s")
                changed = True
    return changed


def _timeouts(domain: Domain, migration_mib_s: int, at_once: int) -> dict[str, int]:
    times = timeouts.for_memory(domain.memory_mib, migration_mib_s, at_once)
    return dict(zip(OPERATIONS, (times.start_s, times.stop_s, times.migrate_s, times.migrate_s), strict=True))
