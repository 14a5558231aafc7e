"""What an administrator should know of a cluster's configuration and state: leftovers, dangers, failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options, fencing, intent, live, ran_twice
from snow_ha_plugin.core.reports import hindrance
from snow_ha_plugin.core.reports.text import duration, in_words
from snow_ha_plugin.model import ClusterState, FailedAction, Finding, ResourceState, Severity

# crm_resource's own, from --move and --ban; its --clear deletes them (Pacemaker Explained, "cli-").
CLI_CONSTRAINTS = ("cli-prefer-", "cli-ban-", "cli-standby-")


def of_configuration(tree: cib.Tree) -> list[Finding]:
    """What is dangerous or left over in the configuration, and what somebody else has written."""
    return [
        *_fencing(tree), *_options(tree), *_nodes(tree), *_failures(tree), *_constraints(tree), *_primitives(tree),
        *_ran_twice(tree),
    ]  # fmt: skip


def of_state(state: ClusterState, tree: cib.Tree) -> list[Finding]:
    """What is not well now."""
    findings = []
    if not state.quorum:
        findings.append(
            Finding(
                Severity.ERROR,
                "no-quorum",
                "the cluster has no quorum",
                "start the others: snow ha start; with them off for certain: snow ha start --alone",
                106,
            )
        )
    if state.maintenance:
        findings.append(
            Finding(
                Severity.ERROR,
                "maintenance",
                "maintenance mode: Pacemaker looks after nothing",
                cluster_options.ends_maintenance(tree),
            )
        )
    for node in state.nodes:
        if node.unclean and (node.online or node.joining):
            findings.append(
                Finding(
                    Severity.ERROR,
                    "server-unclean",
                    f"Pacemaker wants to fence {node.name}, and has not yet",
                    "if it lasts: see snow ha fencing status, then mend what has failed there (crm_mon)",
                    subject=node.name,
                )
            )
        elif node.unclean:
            findings.append(
                Finding(
                    Severity.ERROR,
                    "server-unclean",
                    f"{node.name} is lost and was not fenced: what it ran may still run there",
                    f"make sure that it is off (console, BMC), then snow ha confirm-off {node.name}",
                    subject=node.name,
                )
            )
        elif not node.online:
            findings.append(
                Finding(
                    Severity.ERROR,
                    "server-offline",
                    f"{node.name} is not in the cluster",
                    f"snow ha start {node.name}",
                    subject=node.name,
                )
            )
        elif node.standby:
            message, remedy = f"{node.name} is in standby", f"snow ha undrain {node.name}"
            findings.append(Finding(Severity.WARNING, "server-standby", message, remedy, subject=node.name))
        elif node.maintenance:
            message, remedy = f"{node.name} is in maintenance", f"crm node ready {node.name}"
            findings.append(Finding(Severity.WARNING, "server-maintenance", message, remedy, subject=node.name))
        elif node.leaving:
            findings.append(
                Finding(Severity.WARNING, "server-leaving", f"{node.name} is shutting down", subject=node.name)
            )
        if node.health != "green":
            message = f"the health of {node.name} is {node.health}"
            findings.append(
                Finding(
                    Severity.WARNING, "server-sick", message, "see crm_mon --show-node-attributes", subject=node.name
                )
            )
    for resource in state.resources:
        remedy = f"see crm_mon and the log, then crm resource cleanup {resource.id}"
        if resource.blocked and (failed := last_failure(state, resource.id)) and failed.task.startswith("migrate_"):
            # Pacemaker supposes such a domain on both servers.
            message = f"{resource.id} runs on where it was, and is left alone: {failed.task} failed: {failed.reason}"
            remedy = f"mend that, then snow ha release {resource.id}"
            findings.append(
                Finding(Severity.WARNING, "migration-failed", message, remedy, since=_when(failed), subject=resource.id)
            )
            continue
        if resource.is_twice:
            where = " and ".join(resource.servers)
            findings.append(
                Finding(
                    Severity.ERROR,
                    "running-twice",
                    f"{resource.id} runs on {where}, as Pacemaker sees it",
                    "see xl list on both before anything is stopped: snow ha explain running-twice",
                    107,
                    subject=resource.id,
                )
            )
        if resource.failed or resource.blocked:
            failure = last_failure(state, resource.id)
            why = f": {failure.task} on {failure.server}: {failure.reason}" if failure else ""
            message = f"{resource.id} has failed{why}"
            findings.append(
                Finding(Severity.ERROR, "resource-failed", message, remedy, since=_when(failure), subject=resource.id)
            )
        if resource.orphaned:
            message = f"{resource.id} is not configured any more, but Pacemaker remembers it"
            findings.append(
                Finding(
                    Severity.WARNING,
                    "orphan",
                    message,
                    f"crm_resource --refresh --resource {resource.id} --force",
                    subject=resource.id,
                )
            )
    return findings


def of_domains(tree: cib.Tree, state: ClusterState, starting: Mapping[str, str]) -> Iterator[Finding]:
    """Domains that should run and do not, or were restarted, each with Pacemaker's reason; nothing where it looks after
    none of them. `starting` are those that it is about to start, and where."""
    if state.maintenance or not state.quorum:
        return
    resources = {resource.id: resource for resource in state.resources}
    roles = cib.metas(tree, "target-role", "")
    for name in cib.domains(tree):
        resource = resources.get(name)
        if resource is None or resource.pending or not resource.managed or resource.blocked:
            continue
        if resource.servers:
            yield from _monitored(tree, state, resource)
            continue
        if cib.is_stopped(roles[name]):
            continue
        if failure := last_failure(state, name):
            why = f"{failure.task} on {failure.server} failed: {failure.reason}"
            remedy = f"mend that, then crm resource cleanup {name}"
        elif name in starting:
            message = f"{name} is down, and Pacemaker is about to start it on {starting[name]}"
            yield Finding(Severity.WARNING, "domain-down", message, "snow ha status --watch", subject=name)
            continue
        else:
            why, remedy = "Pacemaker starts it on no server", f"snow ha status {name} tells what each server says"
        yield Finding(
            Severity.ERROR, "domain-down", f"{name} is down: {why}", remedy, since=_when(failure), subject=name
        )


def _monitored(tree: cib.Tree, state: ClusterState, resource: ResourceState) -> Iterator[Finding]:
    """Why Pacemaker has restarted a domain that runs, as long as it remembers that, or restarts it no more."""
    failure = last_failure(state, resource.id)
    if failure and failure.degraded:
        if not cib.is_degraded(tree, resource.id, failure.server):
            return
        remedy = f"mend its guest: snow console {resource.id}, snow reset {resource.id}"
        message = f"on {failure.server} {failure.reason}"
        yield Finding(Severity.WARNING, "degraded", message, remedy, since=failure.when, subject=resource.id)
    elif failure and failure.task == "monitor":
        message = f"{resource.id} was restarted, since it failed on {failure.server}: {failure.reason}"
        yield Finding(Severity.INFO, "restarted", message, since=failure.when, subject=resource.id)


def last_failure(state: ClusterState, name: str) -> FailedAction | None:
    return max((each for each in state.failures if each.resource == name), key=lambda each: each.when, default=None)


def _when(failure: FailedAction | None) -> int | None:
    return failure.when or None if failure else None


def _ran_twice(tree: cib.Tree) -> Iterator[Finding]:
    for each in ran_twice.known(tree):
        where, lasted = in_words(each.servers), duration(each.ended - each.began)
        message = f"{each.domain} ran on {where} at once for {lasted}: its image may be damaged"
        remedy = f"check its file systems, then snow ha accept {ran_twice.CODE} {each.domain}"
        yield Finding(Severity.ERROR, "ran-twice", message, remedy, since=each.began, subject=each.domain)


def _fencing(tree: cib.Tree) -> Iterator[Finding]:
    if not cluster_options.has_fencing(tree):
        yield no_fencing(tree)


def no_fencing(tree: cib.Tree | None) -> Finding:
    """Why there is no fencing; None for a cluster that has no configuration yet."""
    switched_off = tree is not None and fencing.devices(tree)
    what = "fencing is switched off" if switched_off else "there is no fencing device"
    return Finding(
        Severity.ERROR,
        "no-fencing",
        f"{what}: after a network failure two servers could run the same domain and destroy its image",
        "set it up: snow ha enable",
        107,
    )


def no_third_vote(server: str, why: str = "") -> Finding:
    """A server that has lost the vote of qnetd, which nobody misses before a server fails."""
    return Finding(
        Severity.WARNING,
        "third-vote-missing",
        f"{server} has no third vote{f' ({why})' if why else ''}:"
        " if a server failed now, the others would lose quorum and stop their domains",
        "see snow ha fencing status, and corosync-qnetd on its host",
        subject=server,
    )


def storage_lost(server: str, why: str) -> Finding:
    return Finding(
        Severity.ERROR,
        "storage-lost",
        f"{why} on {server}: no domain can start there, and those that run may stand still",
        "see the server of that file system, the network to it, and its mount",
        subject=server,
    )


def _options(tree: cib.Tree) -> Iterator[Finding]:
    if cib.options(tree).get("no-quorum-policy", "").lower() == "ignore":
        yield Finding(
            Severity.WARNING,
            "no-quorum-ignored",
            "no-quorum-policy=ignore lets a server that is cut off run every domain once more",
            "crm configure property no-quorum-policy=stop",
        )


def _nodes(tree: cib.Tree) -> Iterator[Finding]:
    for node in cib.stale_nodes(tree):
        message = f"the CIB has a second entry of {node.name}, with the id {node.id}, left over from another nodeid"
        remedy = f"cibadmin --delete --xml-text '<node id=\"{node.id}\"/>'"
        yield Finding(Severity.WARNING, "stale-node", message, remedy, subject=node.name)


def _failures(tree: cib.Tree) -> Iterator[Finding]:
    for (name, server), last in hindrance.failed_out(tree).items():
        message = f"{name} has failed on {server}, which may not have it until that is cleaned up"
        remedy = f"crm resource cleanup {name} {server}"
        yield Finding(Severity.WARNING, "failed-there", message, remedy, since=last, subject=name)


def _constraints(tree: cib.Tree) -> Iterator[Finding]:
    for constraint in cib.constraints(tree):
        if cib.ids.is_ours(constraint.id):
            continue
        named = f"{constraint.id} ({constraint.text})"
        if constraint.id.startswith(CLI_CONSTRAINTS):
            remedy = "; ".join(f"crm resource clear {resource}" for resource in constraint.resources)
            yield Finding(
                Severity.WARNING,
                "cli-constraint",
                f"left over from a move by hand: {named}",
                remedy,
                subject=constraint.id,
            )
        else:
            yield Finding(
                Severity.INFO, "foreign-constraint", f"written by hand, and respected: {named}", subject=constraint.id
            )


def _primitives(tree: cib.Tree) -> Iterator[Finding]:
    domains = cib.domains(tree)
    off = [name for name, found in domains.items() if not cib.boolean(found.meta.get("is-managed", "true"))]
    held = [name for name in off if intent.is_held_itself(tree, name)]
    if held:
        message = f"Pacemaker keeps its hands off {in_words(held)}"
        yield Finding(Severity.WARNING, "held", message, f"snow ha release {' '.join(held)}", subject=" ".join(held))
    migrates = cib.metas(tree, live.OPTION, "false")
    yield from _restarted(tree, [name for name in domains if not cib.boolean(migrates[name])])
    for primitive in domains.values():
        if primitive.agent != "ocf:snow:Xen":
            yield Finding(
                Severity.INFO,
                "foreign-domain",
                f"registered by hand, and respected: {primitive.id} ({primitive.agent})",
                subject=primitive.id,
            )


def _restarted(tree: cib.Tree, names: list[str]) -> Iterator[Finding]:
    """The domains that Pacemaker stops and starts where it would migrate others."""
    found = [name for name in names if live.cannot(tree, name)]
    if found:
        why = "para-virtualised, and a hypervisor lacks shadow paging"
        message = f"{in_words(found)} cannot migrate live and would be restarted: {why}"
        # Right also where its file is that of one by now, which is not in the CIB.
        name = found[0]
        remedy = f"make it a PVH guest: snow shutdown {name}, snow ha images convert {name} --try, snow boot {name}"
        yield Finding(Severity.WARNING, "restarts", message, remedy, subject=" ".join(found))
    if wanted := [name for name in names if name not in found]:
        message = f"{in_words(wanted)} would be restarted instead of migrated (allow-migrate), and that is respected"
        yield Finding(Severity.INFO, "restarts-as-wanted", message, subject=" ".join(wanted))
