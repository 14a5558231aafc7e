"""monitor and status: 0 while the guest is there, 7 if certainly nothing of it is."""

from snow_ha_plugin.agent import watch
from snow_ha_plugin.agent.decisions import verdict
from snow_ha_plugin.agent.domains import OWN, Instance, listed
from snow_ha_plugin.agent.host import Host
from snow_ha_plugin.agent.operation import (
    GENERIC,
    NOT_RUNNING,
    SUCCESS,
    OcfError,
    Operation,
    UnknownError,
    is_deep,
    is_recurring,
    log,
    parameter,
)
from snow_ha_plugin.agent.process import run


def monitor(operation: Operation) -> int:
    """Looks at the domain, and at its guest where the operation is a deep one, has scripts for that, or a watch."""
    name = operation.domain
    instances = Host(name).at_rest(operation.deadline, absence_passes=is_recurring())
    found = verdict("monitor" if is_recurring() else "probe", instances)
    if found == "absent":
        if operation.doubt:
            raise UnknownError(f"{name} is not here, and may have another name: {operation.doubt}")
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
    if is_recurring() and own[0].state == "running":
        watch.look(operation, own[0].domid)
    if is_deep() and own[0].state == "running" and (why := watch.silence(name, operation.deadline)):
        raise OcfError(GENERIC, f"{name} runs, but its guest does not answer: {why}")
    return SUCCESS


def _fault(name: str, instances: list[Instance]) -> str:
    """What is wrong with a domain that does not run as it should."""
    if len(instances) > 1 or instances[0].form != OWN:
        return f"{name} is here as {listed(instances)}, which is not a domain that runs"
    if instances[0].state == "never scheduled":
        return f"{name} was paused before it ever ran: it was not built to the end"
    return f"{name} does not run: it is {instances[0].state}"
