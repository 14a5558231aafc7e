"""Xen's `xl`: what it says of a server and its guests. The parsers are pure; memory is in MiB."""

from __future__ import annotations

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import Guest, Hypervisor
from snow_ha_plugin.system.servers import Servers

# A hung xenstored lets xl hang for ever; this is far above what a busy server needs.
XL_TIMEOUT_S = 30

# How xl calls the halves of a domain that migrates.
HALVES = ("--incoming", "--migratedaway")

# What a Domain-0 that gives memory to domains is taken to keep: the size that Xen's own best practices give for it.
DOM0_MIB = 2048


def look(servers: Servers, server: str) -> Hypervisor:
    """The hypervisor of a server and its guests; UnavailableError where xl does not answer."""
    # One trip for both: a list that xl failed to give must not pass for an empty one.
    result = servers.run(server, ["sh", "-c", "xl info && echo ---- && xl list"], timeout_s=XL_TIMEOUT_S, looks=True)
    info, separator, listing = result.text.partition("----\n")
    if not result.ok or not separator:
        raise UnavailableError(
            f"xl does not answer on {server}", result.reason, "see that the server runs Xen: xl info"
        )
    return parse(info, listing, server)


def guests(servers: Servers, server: str) -> tuple[Guest, ...]:
    """The guests of a server, of which Domain-0 is one; UnavailableError where xl does not answer."""
    result = servers.run(server, ["xl", "list"], timeout_s=XL_TIMEOUT_S)
    if not result.ok:
        raise UnavailableError(
            f"xl does not answer on {server}", result.reason, "see that the server runs Xen: xl info"
        )
    return parse_list(result.text, server)


def parse(info: str, listing: str, server: str) -> Hypervisor:
    """`xl info` and `xl list` as a value. What Domain-0 keeps is not there for domains.

    Without `dom0_mem=` Domain-0 begins with all memory, and xl shrinks it as domains come: what it has at a moment
    then says nothing of what domains may have.
    """
    facts = dict(_pair(line) for line in info.splitlines() if ":" in line)
    guests = parse_list(listing, server)
    is_fixed = "dom0_mem=" in facts.get("xen_commandline", "")
    own = sum(guest.memory_mib for guest in guests if guest.domid == 0) if is_fixed else DOM0_MIB
    try:
        memory, cpus = int(facts["total_memory"]), int(facts["nr_cpus"])
    except (KeyError, ValueError):
        raise UnavailableError(f"xl info on {server} makes no sense", info.strip()[:60], "try it there") from None
    return Hypervisor(
        memory_mib=max(0, memory - own),
        cpus=cpus,
        # Without shadow paging a para-virtualised guest cannot be migrated live (XSA-495's builds).
        migrates_pv="shadow" in facts.get("virt_caps", "").split(),
        guests=tuple(guest for guest in guests if guest.domid != 0),
        dom0_is_fixed=is_fixed,
        features=facts.get("hw_caps", ""),
    )


def parse_list(listing: str, server: str) -> tuple[Guest, ...]:
    """The rows of `xl list`; UnavailableError if its head or Domain-0 is not there: no answer is not "no guest"."""
    lines = listing.splitlines()
    if not lines or not lines[0].startswith("Name "):
        raise UnavailableError(f"xl list on {server} makes no sense", listing.strip()[:60], "try it there")
    guests = tuple(_guest(line, server) for line in lines[1:] if line.strip())
    if all(guest.domid != 0 for guest in guests):
        raise UnavailableError(f"xl list on {server} is not whole", "Domain-0 is missing", "try it there")
    return guests


def _guest(line: str, server: str) -> Guest:
    # A name may hold spaces, and a long one pushes the columns: count them from the right.
    words = line.rsplit(None, 5)
    try:
        name, domid, memory, vcpus, state, _ = words
        return Guest(name, int(domid), int(memory), int(vcpus), state)
    except ValueError:
        raise UnavailableError(f"xl list on {server} makes no sense", line.strip()[:60], "try it there") from None


def _pair(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key.strip(), value.strip()
