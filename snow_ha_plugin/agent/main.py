"""From the word that Pacemaker gives to what is done, and its exit status. ocf/Xen comes in here."""

import os
import time

from snow_ha_plugin.agent.operation import ARGS, GENERIC, PERM, SUCCESS, UNIMPLEMENTED, OcfError, Operation, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ACTIONS = ("start", "stop", "monitor", "status", "migrate_to", "migrate_from", "validate-all", "reload", "reload-agent")
USAGE = f"usage: Xen {{{'|'.join((*ACTIONS, 'meta-data', 'usage'))}}}"


# The most that an upgrade takes from one file to the next; it replaces them by renaming.
REPLACING_S = 1.0


def load(action: str) -> "Callable[[float, float], int]":
    """Imports all that the action needs; returns what runs it, from when until when, to its exit status.

    ImportError: an upgrade is replacing files, so what was imported may be of two versions. ocf/Xen then calls again.
    That may be of another version, too: what both know of each other must not change.
    """
    before = _last_change()
    run = _runner(action)
    if before != _last_change() or 0 <= time.time() - before < REPLACING_S:
        raise ImportError("its files are being replaced")
    return run


def _last_change() -> float:
    """When one of the agent's files, or xlcfg.py, came or went; seconds since the epoch."""
    directory = os.path.dirname(__file__)
    return max(os.stat(directory).st_mtime, os.stat(os.path.dirname(directory)).st_mtime)


def _runner(action: str) -> "Callable[[float, float], int]":
    if action in ACTIONS:
        act = _on_domain(action)
    elif action == "meta-data":
        from snow_ha_plugin.agent.metadata import meta_data

        act = _printer(meta_data())
    elif action == "usage":
        act = _printer(USAGE + "\n")
    else:
        act = _refuser(UNIMPLEMENTED if action else ARGS)

    def run(began: float, deadline: float) -> int:
        try:
            return act(began, deadline)
        except OcfError as error:
            log(f"ocf-exit-reason:{error.text}")
            return error.status
        except Exception as defect:
            log(f"ocf-exit-reason:a defect of the agent in {action}: {type(defect).__name__}: {defect}")
            return GENERIC

    return run


def _on_domain(action: str) -> "Callable[[float, float], int]":
    from snow_ha_plugin.agent.naming import domain_name

    do = _implementation(action)

    def act(began: float, deadline: float) -> int:
        if os.geteuid() != 0 and action != "validate-all":
            raise OcfError(PERM, "only root can ask the hypervisor")
        name, doubt = domain_name(deadline, needs_file=action == "start")
        return do(Operation(name, began, deadline, doubt))

    return act


def _implementation(action: str) -> "Callable[[Operation], int]":
    """Only what the action needs is imported: a probe has the time of its import, times all domains."""
    if action in ("monitor", "status"):
        from snow_ha_plugin.agent.monitor import monitor

        return monitor
    if action in ("start", "stop"):
        from snow_ha_plugin.agent import lifecycle

        return lifecycle.start if action == "start" else lifecycle.stop
    if action in ("migrate_to", "migrate_from"):
        from snow_ha_plugin.agent import migration

        return migration.migrate_to if action == "migrate_to" else migration.migrate_from
    # Every action reads its parameters anew: on reload, what can change in place has changed.
    from snow_ha_plugin.agent.validation import validate

    return validate


def _printer(text: str) -> "Callable[[float, float], int]":
    def act(began: float, deadline: float) -> int:
        os.write(1, text.encode())
        return SUCCESS

    return act


def _refuser(status: int) -> "Callable[[float, float], int]":
    def act(began: float, deadline: float) -> int:
        log(USAGE)
        return status

    return act
