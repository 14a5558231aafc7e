"""Whether the guest of a domain that runs does its work: the parameter `watch`, and the ping of a deep monitor.

`tcp:PORT` and `ping` ask it at the addresses that its domain file gives it, one of which is enough; `script:PATH` runs
a program, with the domain's name. Where this server cannot ask, nothing is known against the guest.

A watch that fails once is only logged; the second time in a row fails the monitor, and Pacemaker restarts the domain.
Nothing is asked before the domain has been here for its grace time: its guest boots, or has just been brought here.
"""

import os
import time

from snow_ha_plugin import xlcfg
from snow_ha_plugin.agent import domain_file
from snow_ha_plugin.agent.operation import DIRECTORY, GENERIC, POLL_S, OcfError, Operation, log, parameter
from snow_ha_plugin.agent.process import run

GRACE_S = 300
ASKING_S = 5.0
ENOUGH = 2
# errno.ENETUNREACH: no route. That a guest on a network of this server is silent is another error.
NO_ROUTE = 101


def is_known(wanted: str) -> bool:
    """Whether it is a watch that this agent has."""
    kind, _, what = wanted.partition(":")
    is_port = what.isascii() and what.isdigit() and 0 < int(what) < 1 << 16
    return wanted == "ping" or (kind == "tcp" and is_port) or (kind == "script" and what.startswith("/"))


def look(operation: Operation, domid: int) -> None:
    """OcfError if the domain's watch has failed twice in a row."""
    name, wanted, now = operation.domain, parameter("watch"), time.monotonic()
    if not wanted:
        return
    before = _noted(name, domid)
    since, failures = before or (now, 0)
    why = ""
    # What xl has taken of the operation's time is not the guest's fault.
    if now >= since + _grace_s() and now + ASKING_S <= operation.deadline:
        why = _fault(name, wanted, operation.deadline)
        failures = failures + 1 if why else 0
    if before != (since, failures):
        _note(name, domid, since, failures)
    if why and failures >= ENOUGH:
        # In short: Pacemaker keeps 128 characters of it.
        raise OcfError(GENERIC, f"{name} runs, but failed its watch twice: {why}")
    if why:
        log(f"the watch {wanted} of {name} has failed, and counts if it does so again: {why}")


def silence(name: str, deadline: float) -> str:
    """Asks the guest until the deadline; why nothing has answered, or nothing if something has."""
    addresses, why = _addresses(name), ""
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
    if not is_known(wanted):
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
    return _refusal(name, int(what))


def _refusal(name: str, port: int) -> str:
    """Why no address of the guest takes a connection, or nothing."""
    import socket  # Only a watch pays for it.

    why = ""
    for address in _addresses(name):
        try:
            socket.create_connection((address, port), ASKING_S).close()
            return ""
        except OSError as error:
            if error.errno == NO_ROUTE:
                log(f"the guest of {name} cannot be asked at {address}: {error.strerror}")
            else:
                why = f"{address} port {port}: {error.strerror or error}"
    return why


def _addresses(name: str) -> list[str]:
    addresses = xlcfg.addresses(domain_file.read_given())
    if not addresses:
        log(f"the domain file of {name} has no plain address (vif, ip=): nobody to ask whether the guest answers")
    return addresses


def _grace_s() -> int:
    given = parameter("watch_grace")
    return int(given) if given.isdigit() else GRACE_S


def _noted(name: str, domid: int) -> tuple[float, int] | None:
    """Since when this instance of the domain is watched here (time.monotonic), and how often in a row that failed."""
    try:
        with open(f"{DIRECTORY}/{name}.watch", encoding="ascii") as file:
            of, since, failures = file.read().split()
        return (float(since), int(failures)) if int(of) == domid else None
    except (OSError, ValueError):
        return None


def _note(name: str, domid: int, since: float, failures: int) -> None:
    path = f"{DIRECTORY}/{name}.watch"
    try:
        os.makedirs(DIRECTORY, exist_ok=True)
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(f"{domid} {since} {failures}\n")
        os.rename(path + ".new", path)
    except OSError as error:
        log(f"the watch of {name} cannot be counted: {error.strerror}")
