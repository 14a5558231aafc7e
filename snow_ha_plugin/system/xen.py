"""Xen's `xl`: what it says of a server and its guests. The parsers are pure; memory is in MiB."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace

from snow_ha_plugin.core import processors
from snow_ha_plugin.errors import SnowHaError, TimedOutError, UnavailableError
from snow_ha_plugin.model import Guest, Hypervisor
from snow_ha_plugin.system import command, waiting
from snow_ha_plugin.system.servers import SSH, Servers

# A hung xenstored lets xl hang for ever; this is far above what a busy server needs.
XL_TIMEOUT_S = 30
# For xenstored and the others of xencommons.service, after a boot.
ANSWERS_WITHIN_S = 30

# How xl calls the halves of a domain that migrates.
HALVES = ("--incoming", "--migratedaway")

# What a Domain-0 that gives memory to domains is taken to keep: the size that Xen's own best practices give for it.
DOM0_MIB = 2048

# For a guest to shut down in order and come back.
REBOOT_WITHIN_S = 180
# For Xen to scrub the memory of the old domain and to build the new one.
RESET_TIMEOUT_S = 150
# For a guest to boot and to shut down again.
TRIED_WITHIN_S = 240

# What is destroyed keeps its name until its memory is free, so that a new one is refused for a moment.
_RESET = """
xl destroy "$1" || exit
tries=300
while xl domid "$1" >/dev/null 2>&1 && [ $tries -gt 0 ]; do tries=$((tries - 1)); sleep 0.1; done
exec xl create "$2" </dev/null
"""

_NO_REACTION = 44
# -F: a guest without Xen's drivers hears of it by ACPI. It has rebooted once its name is that of another domain.
_REBOOT = f"""
old=$(xl domid "$1") && xl reboot -F "$1" >&2 || exit
tries=$(($2 * 5))
while new=$(xl domid "$1" 2>/dev/null); [ -z "$new" ] || [ "$new" = "$old" ]; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || exit {_NO_REACTION}
    sleep 0.2
done
"""


# A guest that shuts down when it is told to has booted: its init is there. Early on it hears of it and does nothing.
_TRY = f"""
trap 'xl destroy "$1"; exit {_NO_REACTION}' HUP INT TERM
xl create "$2" 'on_crash="preserve"' >&2 </dev/null || exit
end=$(($(date +%s) + $3))
while xl domid "$1" >/dev/null 2>&1; do
    if [ "$(date +%s)" -ge $end ] || xl list "$1" | grep -q ' ----c. '; then
        xl destroy "$1"
        exit {_NO_REACTION}
    fi
    xl shutdown "$1" >/dev/null 2>&1
    sleep 1
done
"""


# One trip for all: a list that xl failed to give must not pass for an empty one. The long one tells the types alone.
_LOOK = """
xl info && echo ---- && xl list && echo ---- && { timeout 10 xl list -l || :; } && echo ----
status=$?
timeout 10 xen-cpuid --detail 2>/dev/null | sed -n '/^Dynamic sets:/,$p'
exit $status
"""


def look(servers: Servers, server: str) -> Hypervisor:
    """The hypervisor of a server and its guests; UnavailableError where xl does not answer."""
    result = servers.run(server, ["sh", "-c", _LOOK], timeout_s=XL_TIMEOUT_S, looks=True)
    info, separator, rest = result.text.partition("----\n")
    listing, _, rest = rest.partition("----\n")
    details, _, cpuid = rest.partition("----\n")
    if not result.ok or not separator:
        raise UnavailableError(
            f"xl does not answer on {server}", result.reason, "see that the server runs Xen: xl info"
        )
    return replace(parse(info, listing, server, details), processors=processors.parse(cpuid))


def answering(servers: Servers) -> dict[str, Hypervisor]:
    """The hypervisors of the servers whose xl answers."""
    answers = servers.outcomes(lambda name: look(servers, name))
    return {name: answer for name, answer in answers.items() if not isinstance(answer, SnowHaError)}


def guests(servers: Servers, server: str, timeout_s: float = XL_TIMEOUT_S) -> tuple[Guest, ...]:
    """The guests of a server, of which Domain-0 is one; UnavailableError where xl does not answer."""
    result = servers.run(server, ["xl", "list"], timeout_s=timeout_s)
    if not result.ok:
        raise UnavailableError(
            f"xl does not answer on {server}", result.reason, "see that the server runs Xen: xl info"
        )
    return parse_list(result.text, server)


def wait_for_answer(servers: Servers, server: str) -> None:
    """Return once xl answers on a server, which may just be booting; UnavailableError where it does not."""
    for in_time in waiting.turns(ANSWERS_WITHIN_S):
        try:
            guests(servers, server)
        except UnavailableError:
            if not in_time:
                raise
        else:
            return


def destroy(servers: Servers, server: str, name: str) -> None:
    """End a domain at once; one that has ended meanwhile is no error."""
    servers.run(server, ["xl", "destroy", name], timeout_s=XL_TIMEOUT_S)


def reset(servers: Servers, server: str, name: str, config_path: str) -> None:
    """End a domain at once and start it anew there, in one trip: nothing of it depends on us any more."""
    servers.must(server, ["sh", "-c", _RESET, "sh", name, config_path], timeout_s=RESET_TIMEOUT_S)


def reboot(servers: Servers, server: str, name: str) -> None:
    """Have a guest reboot, and wait until it has; TimedOutError where it does not react."""
    result = servers.run(
        server, ["sh", "-c", _REBOOT, "sh", name, str(REBOOT_WITHIN_S)], timeout_s=REBOOT_WITHIN_S + XL_TIMEOUT_S
    )
    if result.exit_code == _NO_REACTION:
        raise TimedOutError(
            f"{name} has not rebooted within {REBOOT_WITHIN_S} s", "its guest does not react", f"snow reset {name}"
        )
    if not result.ok:
        raise UnavailableError(f"{name} cannot be rebooted on {server}", result.reason, f"snow reset {name}")


def try_out(servers: Servers, server: str, name: str, config_path: str) -> None:
    """Boot a domain by a file, and shut it down; UnavailableError where it does not boot, and then it is gone too."""
    argv = ["sh", "-c", _TRY, "sh", name, config_path, str(TRIED_WITHIN_S)]
    result = servers.run(server, argv, timeout_s=TRIED_WITHIN_S + RESET_TIMEOUT_S)
    if result.exit_code == _NO_REACTION:
        raise UnavailableError(
            f"{name} does not boot like that on {server}",
            f"it has crashed, or has not shut down within {TRIED_WITHIN_S} s",
            "its file is as it was; its console tells why: xl create -c",
        )
    if not result.ok:
        raise UnavailableError(f"{name} cannot be started on {server}", result.reason, "its file is as it was")


def console(servers: Servers, server: str, name: str) -> int:
    """A guest's console on our own terminal, until it is left; the exit status of xl."""
    argv = ["xl", "console", name]
    return command.on_terminal(argv if server == servers.here else [*SSH, "-t", server, "--", shlex.join(argv)])


def parse(info: str, listing: str, server: str, details: str = "") -> Hypervisor:
    """`xl info`, `xl list` and `xl list -l` as a value. What Domain-0 keeps is not there for domains.

    Without `dom0_mem=` Domain-0 begins with all memory, and xl shrinks it as domains come: what it has at a moment
    then says nothing of what domains may have.
    """
    facts = dict(_pair(line) for line in info.splitlines() if ":" in line)
    types = _types(details)
    guests = tuple(guest._replace(type=types.get(guest.domid, "")) for guest in parse_list(listing, server))
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
        version=".".join(facts.get("xen_version", "").split(".")[:2]),
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


def _types(details: str) -> Mapping[int, str]:
    """What each domain runs as, by its number; a half one is not in `xl list -l`."""
    try:
        return {each["domid"]: each["config"]["c_info"]["type"] for each in json.loads(details)}
    except (ValueError, KeyError, TypeError):
        return {}


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
