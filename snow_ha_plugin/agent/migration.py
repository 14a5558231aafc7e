"""migrate_to and migrate_from: live migration."""

import os
import signal
import time

from snow_ha_plugin.agent import domain_file
from snow_ha_plugin.agent.decisions import verdict
from snow_ha_plugin.agent.domains import instances_in, is_plain, listed
from snow_ha_plugin.agent.host import SSH, Host
from snow_ha_plugin.agent.naming import name_elsewhere
from snow_ha_plugin.agent.operation import (
    ARGS,
    GENERIC,
    PATIENCE_S,
    POLL_S,
    SUCCESS,
    OcfError,
    Operation,
    UnknownError,
    log,
    one_answer_by,
    parameter,
)
from snow_ha_plugin.agent.process import Program, children_of, run
from snow_ha_plugin.agent.progress import Progress
from snow_ha_plugin.agent.recovery import recover

# Of a migration's time, for finding out where the domain is whole when it went wrong.
RECOVERY_S = 25.0
# How long xl may take to come to its own end when its transport is gone: it gives up after 2 s.
ENDING_S = 4.0


def migrate_from(operation: Operation) -> int:
    """The source has said that the domain is here; this waits until it runs, or has not come for a while."""
    name, patience = operation.domain, time.monotonic() + PATIENCE_S
    for instances in Host(name).looks(operation.deadline):
        found = verdict("arrival", instances)
        if found == "arrived":
            return SUCCESS
        if found == "fail" and time.monotonic() > patience:
            break
    raise OcfError(GENERIC, f"{name} did not arrive: {listed(instances)}")


def migrate_to(operation: Operation) -> int:
    """Sends the domain to the other server; some of the time is kept for recovering from what goes wrong."""
    name, deadline = operation.domain, operation.deadline
    target = _target_address(deadline)
    here, there = Host(name), Host(name, target)
    budget = deadline - min(RECOVERY_S, (deadline - time.monotonic()) / 2)
    instances = here.at_rest(budget)
    if verdict("source", instances) == "refuse" or len(instances) > 1:
        raise OcfError(GENERIC, f"{name} does not run here, so it cannot be migrated from here: {listed(instances)}")
    # The other one would look for it by that name.
    if (other := name_elsewhere(budget)) != name:
        raise OcfError(
            GENERIC, f"{name} is {other} by its file now, as {target} would have it: no migration until it is restarted"
        )
    memory_mib = instances[0].memory_mib
    _look_at_target(there, memory_mib, budget)

    interruptions: list[str] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: interruptions.append(f"the migration of {name} is interrupted"))
    began = time.monotonic()
    sender = Program(["xl", "migrate", "-s", " ".join(SSH), name, target])
    progress = Progress(name, target, memory_mib)
    transport = None
    while not interruptions and time.monotonic() < budget and not sender.wait(time.monotonic() + POLL_S):
        transport = transport or _transport_of(sender)
        if transport:
            progress.note(transport[0])
    progress.end()
    # Ends ssh first, not xl: at any stage before "permission" xl then resumes the domain here by itself.
    if transport:
        _end(transport[1])
    result = sender.result(time.monotonic() + min(ENDING_S, (deadline - time.monotonic()) / 4))
    if result.status == 0:
        log(f"{name} was migrated to {target}: {memory_mib} MiB in {time.monotonic() - began:.1f} s")
        return SUCCESS
    why = interruptions[0] if interruptions else result.why
    log(f"the migration of {name} to {target} failed: {why}")
    return recover(here, there, result.errors, why, deadline)


def _target_address(deadline: float) -> str:
    target = parameter("CRM_meta_migrate_target")
    attribute = parameter("node_ip_attribute")
    if attribute and target:
        words = ["crm_attribute", "--type", "nodes", "--node", target, "-n", attribute, "-G", "-q"]
        address = run(words, deadline).output.strip()
        target = address if address and address != "(null)" else target
    if not is_plain(target):
        raise OcfError(ARGS, f"no usable migration target: {target!r}")
    return target


def _look_at_target(there: Host, memory_mib: int, deadline: float) -> None:
    """OcfError if the target cannot take the domain, whose name must be free there; asks all that in one call.

    It runs here, so an incoming domain there is what an earlier migration left: it goes.
    """
    try:
        needs = domain_file.needs_of(domain_file.read_given(deadline))
    except OcfError as error:
        log(f"{error.text}: not looking for what it names on {there.address}")
        needs = []
    quoted = " ".join("'" + path.replace("'", "'\\''") + "'" for path in needs)
    script = f'xl list && echo && xl info && echo && for path in {quoted}; do test -r "$path" || echo "$path"; done'
    # As here, a toolstack that is away for a while is asked again. (255: ssh does not come there.)
    until = time.monotonic() + (deadline - time.monotonic()) / 3
    while True:
        result = run([*there.prefix, script], one_answer_by(deadline))
        domains, _, more = result.output.partition("\n\n")
        try:
            if result.status != 0:
                raise UnknownError(f"{there.address} does not answer: {result.why}")
            instances = instances_in(domains + "\n", there.name)
            break
        except UnknownError:
            if result.status == 255 or time.monotonic() + POLL_S >= until:
                raise
        time.sleep(POLL_S)
    facts, _, missing = more.partition("\n\n")
    found = verdict("target", instances)
    if found == "refuse":
        raise OcfError(GENERIC, f"{there.address} has {there.name} already: {listed(instances)}")
    if missing.strip():
        raise OcfError(GENERIC, f"{there.address} has no readable {', '.join(missing.strip().splitlines())}")
    if found == "remove":
        log(f"removing what an earlier migration left on {there.address}: {listed(instances)}")
        there.destroy(instances, deadline)
    elif not has_room(facts, memory_mib):
        raise OcfError(GENERIC, f"{there.address} has too little free memory for the {memory_mib} MiB of {there.name}")


def has_room(facts: str, memory_mib: int) -> bool:
    """Whether `xl info` says so. If dom0's size is not fixed, xl shrinks it to make room (xl.conf(5), autoballoon)."""
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in facts.splitlines())}
    free = found.get("free_memory", "")
    return "dom0_mem=" not in found.get("xen_commandline", "") or not free.isdigit() or int(free) >= memory_mib


def _transport_of(sender: Program) -> tuple[str, int] | None:
    """The id and a pidfd of the first process that xl has started, ssh; None if there is none yet."""
    children = children_of(str(sender.pid))
    try:
        return (children[0], os.pidfd_open(int(children[0]))) if children else None
    except OSError:
        return None


def _end(pidfd: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        return
