"""start and stop."""

import os
import time

from snow_ha_plugin.agent import domain_file
from snow_ha_plugin.agent.decisions import verdict, word
from snow_ha_plugin.agent.domains import Instance, instances_in, is_plain, listed
from snow_ha_plugin.agent.host import ABSENCE_S, SSH, Host
from snow_ha_plugin.agent.operation import (
    GENERIC,
    POLL_S,
    SUCCESS,
    OcfError,
    Operation,
    UnknownError,
    is_true,
    log,
    one_answer_by,
    parameter,
)
from snow_ha_plugin.agent.orphans import end_orphans
from snow_ha_plugin.agent.process import Program, daemons_of, first_failure, kill, run

# For asking the other servers before a start, however many do not answer.
ASKING_S = 5.0
# Of a stop's time, for destroying what did not shut down.
DESTROYING_S = 10.0


def start(operation: Operation) -> int:
    """Creates the domain, unless it is there; not beside anything else of it, here or on another server."""
    name, deadline, host = operation.domain, operation.deadline, Host(operation.domain)
    if operation.doubt:
        raise OcfError(GENERIC, operation.doubt)
    instances = host.at_rest(deadline)
    found = verdict("start", instances)
    if found == "done":
        return SUCCESS
    if found == "refuse":
        raise OcfError(GENERIC, f"{name} cannot be created beside {listed(instances)}: stop it first")
    config = domain_file.read_if_host_has_all(deadline)
    _look_at_other_servers(name, deadline)
    host.destroy(instances, deadline)
    words = ["create", domain_file.path_given()]
    if config.get("name") != name:
        words.append(f'name="{name}"')
    # What a failed create leaves is ended by the stop that follows.
    result = host.xl(*words, deadline=deadline)
    if result.status != 0:
        raise OcfError(GENERIC, f"{name} could not be created: {result.why}")
    for instances in host.looks(deadline):
        if verdict("start", instances) == "done":
            return SUCCESS
    raise OcfError(GENERIC, f"{name} was created, but does not run: {listed(instances)}")


def _look_at_other_servers(name: str, deadline: float) -> None:
    """OcfError if the domain runs on another member of the cluster. One that does not answer is not waited for:
    whether it may be left out of account is for Pacemaker to decide, and decided, when it says start."""
    until = min(deadline, time.monotonic() + min(ASKING_S, (deadline - time.monotonic()) / 3))
    try:
        members = run(["crm_node", "--partition"], until).output.split()
    except OcfError:
        return
    here = parameter("CRM_meta_on_node") or os.uname().nodename
    others = [member for member in members if member != here and is_plain(member)]
    asked = [(other, Program([*SSH, other, "xl", "list"])) for other in others]
    for other, program in asked:
        result = program.result(until)
        try:
            instances = instances_in(result.output, name) if result.status == 0 else []
        except UnknownError:
            continue
        if verdict("elsewhere", instances) == "refuse":
            running = [instance for instance in instances if word("elsewhere", instance) == "refuse"]
            raise OcfError(GENERIC, f"{name} runs on {other} already: {listed(running)}")


def stop(operation: Operation) -> int:
    """Ends every instance of the domain: in order where it can hear of it, and there is time; otherwise at once.

    Nothing of it here is not its end while xl's own process may create it anew, as in the middle of a reboot.
    """
    name, deadline, host, began = operation.domain, operation.deadline, Host(operation.domain), time.monotonic()
    given = parameter("shutdown_timeout")
    patience = int(given) if given.isdigit() else (deadline - operation.began) * 2 / 3
    shutdown_until = min(began + patience, deadline - min(DESTROYING_S, (deadline - began) / 2))
    end_orphans(name)
    asked: set[int] = set()
    seen: set[int] = set()
    absent_since: float | None = None
    why = ""
    while True:
        instances: list[Instance] | None = None
        try:
            instances = host.instances(one_answer_by(deadline), seen)
        except UnknownError as unknown:
            why = why or unknown.text
        if instances == []:
            daemons = daemons_of(name)
            if not daemons:
                return SUCCESS
            why = f"xl may start it anew (process {daemons[0]})"
            absent_since = absent_since or time.monotonic()
            if time.monotonic() >= max(shutdown_until, absent_since + min(ABSENCE_S, (deadline - began) / 2)):
                log(f"ending xl's process {daemons[0]}, which could start {name} anew")
                for pid in daemons:
                    kill(pid)
        elif instances:
            absent_since = None
        for instance in instances or ():
            seen.add(instance.domid)
            todo = word("stop", instance)
            if todo == "linger":
                why = f"{instance} lingers"
            elif todo == "destroy" or time.monotonic() >= shutdown_until:
                log(f"destroying {name}: {instance}")
                why = first_failure(why, host.xl("destroy", str(instance.domid), deadline=deadline))
            elif todo == "shut-down" and instance.domid not in asked:
                asked.add(instance.domid)
                why = _ask_to_shut_down(host, instance, shutdown_until) or why
        if time.monotonic() + POLL_S >= deadline:
            raise OcfError(GENERIC, f"{name} could not be stopped: {why or 'it is still there'}")
        time.sleep(POLL_S)


def _ask_to_shut_down(host: Host, instance: Instance, deadline: float) -> str:
    """Returns why that failed, if it did."""
    if is_true(parameter("shutdown_acpi")):
        result = host.xl("trigger", str(instance.domid), "power", deadline=deadline)
    else:
        result = host.xl("shutdown", str(instance.domid), deadline=deadline)
    if result.status != 0:
        log(result.why)
        return result.why
    return ""
