"""Whether the guest of a domain that runs does its work: the parameter `watch`, and the ping of a deep monitor.

`tcp:PORT` and `ping` ask it at the addresses that its domain file gives it, one of which is enough; `script:PATH` runs
a program, with the domain's name. Where this server cannot ask, nothing is known against the guest.

A watch that fails once is only logged; the second time in a row fails the monitor, and Pacemaker restarts the domain.
Where that has not helped RESTARTS times in a row, the domain is left running, and is degraded until its guest answers.
Nothing is asked before the domain has been here for its grace time: its guest boots, or has just been brought here.
"""

import time

from snow_ha_plugin import watches, xlcfg
from snow_ha_plugin.agent import domain_file
from snow_ha_plugin.agent.operation import (
    DEGRADED,
    DIRECTORY,
    GENERIC,
    POLL_S,
    OcfError,
    Operation,
    log,
    note,
    parameter,
)
from snow_ha_plugin.agent.process import run

ASKING_S = 5.0
ENOUGH = 2
RESTARTS = 3
# errno.ENETUNREACH: no route. That a guest on a network of this server is silent is another error.
NO_ROUTE = 101


def look(operation: Operation, domid: int) -> None:
    """OcfError if the domain's watch has failed twice in a row."""
    name, wanted, now = operation.domain, parameter("watch"), time.monotonic()
    if not wanted:
        return
    before = _noted(name)
    since, failures, restarts = _of_this(before, domid, now)
    why = ""
    # What xl has taken of the operation's time is not the guest's fault.
    if now >= since + _grace_s() and now + ASKING_S <= operation.deadline:
        why = _fault(name, wanted, operation.deadline)
        failures, restarts = (failures + 1, restarts) if why else (0, 0)
    if before != (domid, since, failures, restarts):
        _note(name, domid, since, failures, restarts)
    # In short: Pacemaker keeps 128 characters of it.
    if why and failures >= ENOUGH and restarts >= RESTARTS:
        raise OcfError(DEGRADED, f"{name} runs, but fails its watch, also after {restarts} restarts: {why}")
    if why and failures >= ENOUGH:
        raise OcfError(GENERIC, f"{name} runs, but failed its watch twice: {why}")
    if why:
        log(f"the watch {wanted} of {name} has failed, and counts if it does so again: {why}")


def silence(name: str, deadline: float) -> str:
    """Asks the guest until the deadline; why nothing has answered, or nothing if something has."""
    addresses, why = _addresses(name, deadline), ""
    while addresses:
        silent = []
        for address in addresses:
            try:
                result = run(["ping", "-n", "-q", "-c1", "-W1", address], deadline)
            except OcfError as error:
                log(f"{error.text}: nobody asks whether the guest of {name} answers")
                return ""
            if result.status == 0:
                return ""
            # ping(8): 1 is silence, 2 any other error, such as no route
            if result.status == 2:
                log(f"the guest of {name} cannot be asked at {address}: {result.why}")
            else:
                silent.append(address)
                why = result.why
        addresses = silent
        if not addresses:
            return ""
        if time.monotonic() + POLL_S >= deadline:
            break
        time.sleep(POLL_S)
    return why


def _fault(name: str, wanted: str, deadline: float) -> str:
    """What the watch has against the guest, or nothing."""
    kind, _, what = wanted.partition(":")
    if not watches.is_known(wanted):
        log(f"{name} has a watch that nobody knows: {wanted!r}")
        return ""
    if kind == "script":
        try:
            result = run([what, name], deadline)
        except OcfError as error:
            log(f"the watch of {name} cannot be asked: {error.text}")
            return ""
        return "" if result.status == 0 else result.why
    if kind == "ping":
        return silence(name, time.monotonic() + ASKING_S)
    return _refusal(name, int(what), deadline)


def _refusal(name: str, port: int, deadline: float) -> str:
    """Why no address of the guest takes a connection, or nothing."""
    import socket  # Only a watch pays for it.

    why = ""
    for address in _addresses(name, deadline):
        try:
            socket.create_connection((address, port), ASKING_S).close()
            return ""
        except OSError as error:
            if error.errno == NO_ROUTE:
                log(f"the guest of {name} cannot be asked at {address}: {error.strerror}")
            else:
                why = f"{address} port {port}: {error.strerror or error}"
    return why


def _addresses(name: str, deadline: float) -> list[str]:
    try:
        addresses = xlcfg.addresses(domain_file.read_given(deadline))
    except OcfError as error:
        log(f"{error.text}: nobody asks whether the guest of {name} answers")
        return []
    if not addresses:
        log(f"the domain file of {name} has no plain address (vif, ip=): nobody to ask whether the guest answers")
    return addresses


def _grace_s() -> int:
    given = parameter("watch_grace")
    return int(given) if given.isdigit() else watches.GRACE_S


def _of_this(before: tuple[int, float, int, int] | None, domid: int, now: float) -> tuple[float, int, int]:
    """Since when this instance of the domain is watched here (time.monotonic), how often in a row that has failed, and
    after how many restarts in a row."""
    if before is None:
        return now, 0, 0
    of, since, failures, restarts = before
    return (since, failures, restarts) if of == domid else (now, 0, restarts + (failures >= ENOUGH))


def _noted(name: str) -> tuple[int, float, int, int] | None:
    """What `_note` has noted here of the domain's last instance."""
    try:
        with open(f"{DIRECTORY}/{name}.watch", encoding="ascii") as file:
            domid, since, failures, restarts = file.read().split()
        return int(domid), float(since), int(failures), int(restarts)
    except (OSError, ValueError):
        return None


def _note(name: str, domid: int, since: float, failures: int, restarts: int) -> None:
    try:
        note(f"{DIRECTORY}/{name}.watch", f"{domid} {since} {failures} {restarts}\n")
    except OSError as error:
        log(f"the watch of {name} cannot be counted: {error.strerror}")
