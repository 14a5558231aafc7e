"""The host's verbs for one domain (`snow shutdown`, `destroy`, `reset` ...), done to one that Pacemaker looks after.

What is to stay so is told to Pacemaker, and waited for. What passes, such as a reset, is done where the domain runs,
while Pacemaker does not look. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from snow_ha_plugin.core import cib, timeouts
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.core.reports import hindrance
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import (
    ConfigurationError,
    NoQuorumError,
    SnowHaError,
    TimedOutError,
    UnavailableError,
)
from snow_ha_plugin.model import ClusterState, Handled, ResourceState
from snow_ha_plugin.operations import host_events
from snow_ha_plugin.operations.transaction import change, cleaning
from snow_ha_plugin.system import pacemaker, waiting, xen
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.servers import Servers

# Beyond an operation's own timeout: for Pacemaker to begin it, and to see that it has ended.
MARGIN_S = 60
# For what Pacemaker has begun to do to a domain before it was told to look away.
IDLE_WITHIN_S = 30

Tell = Callable[[str], None]


def act(domains: Sequence[str], action: str, tell: Tell) -> dict[str, Handled]:
    """Do it to those of the domains that are registered; the others have no answer.

    `tell` is given what is about to happen. UnavailableError or NoQuorumError, with nothing done, where Pacemaker could
    not do it.
    """
    cluster = LiveCluster()
    try:
        tree = cluster.read()
    except UnavailableError as down:
        _refuse_known(domains, action, down)
        return {}
    ours = [name for name in domains if action == "boot" or cib.domain(tree, name)]
    if ours and action != "console" and not cib.has_quorum(tree):
        raise NoQuorumError(
            f"the cluster has no quorum, so nothing is done to {in_words(ours)}",
            "the other servers could contradict it",
            "start the other servers; see snow ha status",
        )
    refused = {}
    for name in [name for name in ours if not cib.domain(tree, name)]:
        if len(domains) > 1 and name in intent.left_out(tree):
            ours.remove(name)
            refused[name] = Handled(0, f"{name} is not protected, and is not started")
            continue
        try:
            host_events.booting(name)
        except SnowHaError as error:
            ours.remove(name)
            refused[name] = Handled(error.exit_code, str(error))
    return (refused | _ACTIONS[action](Task(cluster, cluster.read(), ours, action, tell))) if ours else refused


def _refuse_known(domains: Sequence[str], action: str, down: UnavailableError) -> None:
    """UnavailableError for domains that the cluster had when this server was in it. Who boots one needs Pacemaker."""
    last = pacemaker.stored_cib()
    known = [name for name in domains if action == "boot" or (last is not None and cib.domain(last, name))]
    if known:
        raise UnavailableError(
            f"Pacemaker does not answer on this server, so nothing is done to {in_words(known)}",
            "it may run anywhere" if len(known) == 1 else "they may run anywhere",
            "snow ha start, or give the command on another server",
        ) from down


class Task:
    """One action on registered domains, and what is known when it begins."""

    def __init__(self, cluster: LiveCluster, tree: cib.Tree, names: list[str], action: str, tell: Tell) -> None:
        self.cluster, self.tree, self.names, self.action, self.tell = cluster, tree, names, action, tell
        self.began = pacemaker.state(tree)
        self.servers = Servers(tuple(node.name for node in cib.nodes(tree)))

    def place(self, name: str) -> str | None:
        resource = _resource(self.began, name)
        return resource.servers[0] if resource and resource.servers else None

    def xl_name(self, name: str) -> str:
        return cib.domains(self.tree)[name].parameters.get("name", "") or name

    def within_s(self, operation: str) -> float:
        """How long the slowest of them may take for it."""
        least_s = timeouts.LEAST_S
        slowest_s = max(cib.operation_timeout_s(self.tree, name, operation, least_s) for name in self.names)
        return slowest_s + MARGIN_S

    def refuse_held(self) -> None:
        """ConfigurationError where Pacemaker would not do it: it keeps its hands off."""
        off = {name: found for name in self.names if (found := hindrance.hands_off(self.tree, self.began, name))}
        for found in off.values():
            why = f"{found.why}, and nothing was done"
            raise ConfigurationError(f"Pacemaker keeps its hands off {in_words(list(off))}", why, found.remedy)


def _shutdown(task: Task) -> dict[str, Handled]:
    task.refuse_held()
    running = [name for name in task.names if task.place(name)]
    if running:
        task.tell(f"{in_words(running)}: shutting down, and waiting for the end")
    change(task.cluster, lambda tree: intent.want(tree, task.names, "Stopped"), cleaning)
    return _wait_until_stopped(task)


def _destroy(task: Task) -> dict[str, Handled]:
    """Pacemaker is told first: what it sees to be gone shall not be started again."""
    task.refuse_held()
    change(task.cluster, lambda tree: intent.want(tree, task.names, "Stopped"), cleaning)
    _on_its_server(task, lambda name, server: xen.destroy(task.servers, server, task.xl_name(name)))
    answers = _wait_until_stopped(task)
    # A monitor may have seen it gone before the stop did.
    _forget_failures(pacemaker.state(), [name for name, answer in answers.items() if not answer.status])
    return answers


def _wait_until_stopped(task: Task) -> dict[str, Handled]:
    answers: dict[str, Handled] = {}
    for in_time in waiting.turns(task.within_s("stop")):
        state = pacemaker.state()
        for name in (name for name in task.names if name not in answers):
            resource = _resource(state, name)
            place = task.place(name)
            if resource is None or not resource.servers:
                words = {"destroy": "is destroyed"}.get(task.action, "is shut down")
                answers[name] = Handled(0, f"{name} {words} (on {place})" if place else f"{name} did not run")
            elif resource.blocked or not in_time:
                why = _why(state, name, "stop") or "it still runs, past its time for that"
                remedy = (
                    f"at once: snow destroy {name}" if task.action != "destroy" else "see crm_mon and xl list there"
                )
                error = f"{name} does not stop on {' and '.join(resource.servers)}; {why}; {remedy}"
                answers[name] = Handled(TimedOutError.exit_code, error)
        if len(answers) == len(task.names):
            break
    return answers


def _boot(task: Task) -> dict[str, Handled]:
    task.refuse_held()
    _forget_failures(task.began, task.names)
    change(task.cluster, lambda tree: intent.want(tree, task.names, "Started"), cleaning)
    answers: dict[str, Handled] = {}
    for in_time in waiting.turns(task.within_s("start")):
        state = pacemaker.state()
        for name in (name for name in task.names if name not in answers):
            resource = _resource(state, name)
            if resource and resource.role == "Started" and resource.servers and not resource.failed:
                server = resource.servers[0]
                words = "runs already on" if task.place(name) == server else "runs on"
                answers[name] = Handled(0, f"{name} {words} {server}")
        left = [name for name in task.names if name not in answers]
        if left and (not in_time or pacemaker.is_idle()):
            answers |= _not_started(task, left)
        if len(answers) == len(task.names):
            break
    return answers


def _not_started(task: Task, names: Sequence[str]) -> dict[str, Handled]:
    tree = task.cluster.read()
    state = pacemaker.state(tree)
    answers = {}
    for name in names:
        resource = _resource(state, name)
        if resource and resource.servers and resource.role == "Started" and not resource.failed:
            answers[name] = Handled(0, f"{name} runs on {resource.servers[0]}")
            continue
        why = _why(state, name, "start")
        if not why and not [node for node in state.nodes if node.serves]:
            why = "no server takes domains"
        rules = [rule.id for rule in cib.constraints(tree) if name in rule.resources and "-INFINITY" in rule.text]
        if not why and rules:
            why = f"these rules keep it off servers: {in_words(rules)}"
        why = why or "no server may have it, or has the memory for it"
        answers[name] = Handled(UnavailableError.exit_code, f"{name} does not run; {why}; see snow ha status")
    return answers


def _why(state: ClusterState, name: str, task: str) -> str:
    """What the agent said when it failed, for each server."""
    said = {found.server: found.reason for found in state.failures if (found.resource, found.task) == (name, task)}
    return "; ".join(f"on {server}: {reason}" for server, reason in sorted(said.items()))


def _forget_failures(state: ClusterState, names: Sequence[str]) -> None:
    failed = {found.resource for found in state.failures}
    for name in (name for name in names if name in failed):
        pacemaker.cleanup(name)


def _restart(task: Task) -> dict[str, Handled]:
    """In place, while Pacemaker does not look. What does not come back is Pacemaker's to start."""
    idle = {name: Handled(1, f"{name} does not run; start it: snow boot {name}") for name in task.names}
    running = [name for name in task.names if task.place(name)]
    if not running:
        return idle
    files = {name: primitive.parameters.get("xmfile", "") for name, primitive in cib.domains(task.tree).items()}

    def restart(name: str, server: str) -> None:
        if task.action == "reset":
            xen.reset(task.servers, server, task.xl_name(name), files[name])
        else:
            xen.reboot(task.servers, server, task.xl_name(name))

    if task.action == "reboot":
        task.tell(f"{in_words(running)}: rebooting, and waiting for the guest")
    with pacemaker.ending_pauses(running) as resumed:
        try:
            change(task.cluster, lambda tree: intent.pause(tree, running), cleaning)
            with suppress(TimedOutError):
                pacemaker.wait_idle(IDLE_WITHIN_S)
            failed = _on_its_server(task, restart)
        finally:
            change(task.cluster, lambda tree: intent.resume(tree, running), cleaning)
            resumed()
    answers = {}
    for name in running:
        done = f"{name} was {'reset' if task.action == 'reset' else 'rebooted'} on {task.place(name)}"
        error = failed.get(name)
        answers[name] = Handled(error.exit_code, str(error)) if error else Handled(0, done)
    return idle | answers


def _on_its_server(task: Task, work: Callable[[str, str], None]) -> dict[str, SnowHaError]:
    """Do it to each domain where it runs, all at once; what failed."""
    places = {name: place for name in task.names if (place := task.place(name))}
    # Servers.outcomes takes any names: here those of the domains.
    found = task.servers.outcomes(lambda name: work(name, places[name]), tuple(places))
    return {name: error for name, error in found.items() if isinstance(error, SnowHaError)}


def _console(task: Task) -> dict[str, Handled]:
    answers = {}
    for name in task.names:
        server = task.place(name)
        if server is None:
            answers[name] = Handled(1, f"{name} does not run; start it: snow boot {name}")
        else:
            answers[name] = Handled(xen.console(task.servers, server, task.xl_name(name)), "")
    return answers


def _resource(state: ClusterState, name: str) -> ResourceState | None:
    return next((resource for resource in state.resources if resource.id == name), None)


_ACTIONS: dict[str, Callable[[Task], dict[str, Handled]]] = {
    "boot": _boot,
    "shutdown": _shutdown,
    "poweroff": _shutdown,
    "destroy": _destroy,
    "reset": _restart,
    "reboot": _restart,
    "console": _console,
}
