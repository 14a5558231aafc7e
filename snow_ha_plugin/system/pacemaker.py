"""Pacemaker by its own command line tools: its state, what it shall forget, and waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent, migration
from snow_ha_plugin.errors import DataError, TimedOutError, UnavailableError
from snow_ha_plugin.model import ClusterState
from snow_ha_plugin.system import command, crm_mon
from snow_ha_plugin.system.verification import scratch

# Pacemaker's crm_exit_t (include/crm/common/results.h).
NO_SUCH_OBJECT = 105
TIMED_OUT = 124

# crm_resource itself gives up after 60 s without a reply, and says why.
FORGOTTEN_WITHIN_S = 90

# For Pacemaker to see where a domain is whose migration has failed.
SEEN_WITHIN_S = 30

# The order of operations.moves.let_go, for who dies before it, once what migrates has arrived: a migration whose target
# is not wanted any more Pacemaker ends by a restart. Nobody waits for that. Its words: for how many seconds it may be
# under way, what pulls and what holds as XPath, and the domains.
_END_MOVES = f"""
(
crm_resource --wait --timeout="$1"s
cibadmin --delete-all --force --xpath "$2"
holds=$3
shift 3
for domain; do crm_resource --cleanup --resource "$domain"; done
crm_resource --wait --timeout={SEEN_WITHIN_S}s
cibadmin --delete-all --force --xpath "$holds"
) &
"""

# Where a Pacemaker that does not run has left it.
STORED_CIB = Path("/var/lib/pacemaker/cib/cib.xml")


def stored_cib() -> cib.Tree | None:
    """The configuration that this server's Pacemaker last had; None where it has never had one."""
    try:
        tree = cib.parse(STORED_CIB.read_bytes(), str(STORED_CIB))
    except FileNotFoundError:
        return None
    cib.former_ids.renew(tree)
    return tree


def state(
    tree: cib.Tree | None = None, *, run: Callable[[Sequence[str]], command.Result] | None = None
) -> ClusterState:
    """The cluster's state by crm_mon: of the running cluster, or as the status section of a CIB has it.

    With `run` the running cluster is asked by that, such as a look at servers that others look at too.
    """
    if tree is None:
        result = (run or command.run)(crm_mon.STATE)
    else:
        with scratch(tree) as (path,):
            result = command.run(crm_mon.STATE, env={"CIB_file": str(path)})
    if not result.ok:
        raise UnavailableError("Pacemaker does not run on this server", result.reason, "start it: snow ha start")
    try:
        return crm_mon.parse_state(result.stdout)
    except UnavailableError as error:
        if tree is None:
            raise
        raise DataError("crm_mon cannot read the CIB", error.details, "see crm_verify --verbose") from None


def forget(resource: str, node: str = "") -> None:
    """Have Pacemaker forget what it knows of a resource, failures too, and look at it anew: on a node, or on all.

    On all also what is not configured any more, which crm_mon would list as an orphan for ever.
    """
    argv = ["crm_resource", "--refresh", "--resource", resource, *(["--node", node] if node else ["--force"])]
    result = command.run(argv, timeout_s=FORGOTTEN_WITHIN_S)
    # Nothing is remembered of a domain that goes before Pacemaker has looked at it.
    if not result.ok and (node or result.exit_code != NO_SUCH_OBJECT):
        raise UnavailableError(f"Pacemaker still remembers {resource}", result.reason, " ".join(argv))


def forget_node(node: str) -> None:
    """Have Pacemaker forget a node that is no member of corosync's cluster any more, and all that it knows of it."""
    result = command.run(["crm_node", "--remove", node, "--force"])
    if not result.ok:
        raise UnavailableError(f"Pacemaker still remembers {node}", result.reason, f"crm_node --remove {node} --force")


def ending_moves(domains: Iterable[str], within_s: int) -> AbstractContextManager[Callable[[], None]]:
    """A block that, where this process dies in it, has what pulls and holds these domains taken out once they have
    arrived, or `within_s` seconds later (command.cleaning_up)."""
    names = tuple(domains)
    # An id ends with the name that it is of (core.cib.ids).
    of_these = " or ".join(f"substring-after(substring-after(@id,'--'),'--')='{name}'" for name in names) or "false()"
    rules, holds = f"{migration.RULES}[{of_these}]", f"{migration.ALL}[not(self::rsc_location)][{of_these}]"
    return command.cleaning_up(["sh", "-c", _END_MOVES, "sh", str(within_s), rules, holds, *names])


def ending_pauses(domains: Iterable[str]) -> AbstractContextManager[Callable[[], None]]:
    """A block that, where this process dies in it, has the pauses of these taken out (command.cleaning_up)."""
    return command.cleaning_up(["cibadmin", "--delete-all", "--force", "--xpath", intent.pauses(domains)])


def cleanup(resource: str) -> None:
    """Have Pacemaker forget a resource's failures on all nodes; what has not failed stays as it is."""
    result = command.run(["crm_resource", "--cleanup", "--resource", resource])
    if not result.ok:
        raise UnavailableError(
            f"Pacemaker does not forget the failures of {resource}", result.reason, f"crm resource cleanup {resource}"
        )


def end_standby_until_reboot(node: str) -> None:
    """Take a node out of a standby that would last until it is rebooted."""
    argv = ["crm_attribute", "--node", node, "--name", "standby", "--lifetime", "reboot", "--delete"]
    result = command.run(argv)
    if not result.ok:
        raise UnavailableError(f"{node} stays in standby", result.reason, f"crm node online {node}")


def is_idle() -> bool:
    """Whether Pacemaker has nothing to do, or cannot tell."""
    return command.run(["crm_resource", "--wait", "--timeout=1s"]).exit_code != TIMED_OUT


def wait_idle(timeout_s: int) -> None:
    """Wait until Pacemaker has nothing left to do; TimedOutError past the deadline."""
    result = command.run(["crm_resource", "--wait", f"--timeout={timeout_s}s"], timeout_s=timeout_s + 10)
    if result.exit_code == TIMED_OUT:
        raise TimedOutError(f"the cluster is still busy after {timeout_s} s", remedy="see crm_mon")
    if not result.ok:
        raise UnavailableError("waiting for the cluster failed", result.reason, "see crm_mon")
