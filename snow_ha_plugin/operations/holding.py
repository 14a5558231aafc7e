"""Hands off: Pacemaker neither starts, stops nor moves a held domain, until it is released."""

from __future__ import annotations

from collections.abc import Sequence

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations import failed_migrations, moves
from snow_ha_plugin.operations.registration import forget
from snow_ha_plugin.operations.transaction import change, cleaning, undisturbed, unsaid
from snow_ha_plugin.system.cluster import Cluster

IDLE_WITHIN_S = 120


def hold(cluster: Cluster, names: Sequence[str], *, dry_run: bool = False) -> list[Change]:
    """`names` may be none: that is all."""
    return change(
        cluster, lambda tree: intent.hold(tree, names or sorted(cib.domains(tree))), cleaning, dry_run=dry_run
    )


def release(cluster: Cluster, names: Sequence[str], *, dry_run: bool = False) -> list[Change]:
    """Also what a failed migration blocks, as which it is tried again.

    UnsafeError where Pacemaker would disturb a domain then, wherever somebody has put it meanwhile.
    """

    def edit(tree: cib.Tree) -> list[Change]:
        return intent.release(tree, names or sorted(cib.domains(tree)))

    held = [done.target for done in edit(cluster.read())]
    if held and not dry_run:
        # What it last saw of them may be long ago, or be a failure.
        forget(cluster, held)
        cluster.wait_idle(IDLE_WITHIN_S)
    stuck = [name for name in failed_migrations.blocked(cluster.read()) if name in names or not names]
    if not dry_run:
        moves.look_anew(cluster, stuck)
    told = [Change("release", name, f"have {name} looked at anew, whose migration failed") for name in stuck]
    return told + change(cluster, edit, undisturbed(tell=unsaid), dry_run=dry_run)
