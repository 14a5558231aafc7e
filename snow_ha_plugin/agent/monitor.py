"""monitor and status: 0 while the guest is there, 7 if certainly nothing of it is."""

import time

from snow_ha_plugin.agent import domain_file
from snow_ha_plugin.agent.decisions import verdict
from snow_ha_plugin.agent.domains import OWN, Instance, listed
from snow_ha_plugin.agent.host import Host
from snow_ha_plugin.agent.operation import (
    GENERIC,
    NOT_RUNNING,
    POLL_S,
    SUCCESS,
    OcfError,
    Operation,
    is_deep,
    is_recurring,
    log,
    parameter,
)
from snow_ha_plugin.agent.process import run


def monitor(operation: Operation) -> int:
    """Looks at the domain, and at its guest where the operation is a deep one or has scripts for that."""
    name = operation.domain
    instances = Host(name).at_rest(operation.deadline, absence_passes=is_recurring())
    found = verdict("monitor" if is_recurring() else "probe", instances)
    if found == "absent":
        if instances:
            log(f"a migration is bringing {name} in, or has left this: {listed(instances)}")
        elif is_recurring():
            log(f"domain {name} is gone")
        return NOT_RUNNING
    own = [instance for instance in instances if instance.form == OWN]
    if found != "fine" or len(own) != 1:
        raise OcfError(GENERIC, _fault(name, instances))
    if own[0].state == "paused":
        log(f"{name} is paused (xl unpause {name})")
    for script in parameter("monitor_scripts").split():
        result = run([script], operation.deadline)
        if result.status != 0:
            raise OcfError(GENERIC, f"{name} runs, but a check of it failed: {result.why}")
    if is_deep() and own[0].state == "running":
        _wait_for_guest(name, operation.deadline)
    return SUCCESS


def _fault(name: str, instances: list[Instance]) -> str:
    """What is wrong with a domain that does not run as it should."""
    if len(instances) > 1 or instances[0].form != OWN:
        return f"{name} is here as {listed(instances)}, which is not a domain that runs"
    if instances[0].state == "never scheduled":
        return f"{name} was paused before it ever ran: it was not built to the end"
    return f"{name} does not run: it is {instances[0].state}"


def _wait_for_guest(name: str, deadline: float) -> None:
    """Returns when the guest has answered a ping at one of the addresses that its domain file gives it.

    Where this server cannot ask, by want of `ping` or of a way there, nothing is known against the guest.
    """
    addresses = domain_file.addresses_in(domain_file.read_given())
    if not addresses:
        log(f"the domain file of {name} has no plain address (vif, ip=): nobody to ask whether the guest answers")
    while addresses:
        silent = []
        for address in addresses:
            try:
                result = run(["ping", "-n", "-q", "-c1", "-W1", address], deadline)
            except OcfError as error:
                log(f"{error.text}: nobody asks whether the guest of {name} answers")
                return
            if result.status == 0:
                return
            # ping(8): 1 is silence, 2 any other error, such as no route
            if result.status == 2:
                log(f"the guest of {name} cannot be asked at {address}: {result.why}")
            else:
                silent.append(address)
        addresses = silent
        if addresses and time.monotonic() + POLL_S >= deadline:
            raise OcfError(GENERIC, f"{name} runs, but its guest does not answer: {result.why}")
        time.sleep(POLL_S)
