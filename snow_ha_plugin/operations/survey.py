"""What the balancer is to know of a cluster, as Pacemaker sees it: for a plan, and for how the cluster stands."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from snow_ha_plugin.core.balancer import loader
from snow_ha_plugin.core.balancer.problem import By
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.system import scheduler


def survey(outlook: Outlook, groups: Mapping[str, str], by: By) -> loader.Instance:
    """The balancer's problem, as Pacemaker sees the cluster; DataError for sizes that are none."""
    loader.check(outlook.tree)
    with ThreadPoolExecutor(1) as meanwhile:
        wanted = meanwhile.submit(scheduler.ask, loader.wanted(outlook.tree))
        now = outlook.now
    advice = loader.without_hold(wanted.result())
    return loader.build(outlook.tree, now, advice, outlook.files, groups, by)
