"""What the balancer is to know of a cluster, as Pacemaker sees it: for a plan, and for how the cluster stands."""

from __future__ import annotations

from collections.abc import Mapping

from snow_ha_plugin.core.balancer import loader
from snow_ha_plugin.core.balancer.problem import By, is_bounded_without_rules
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.system import scheduler


def survey(outlook: Outlook, groups: Mapping[str, str], by: By) -> loader.Instance:
    """The balancer's problem, as Pacemaker sees the cluster; DataError for sizes that are none."""
    loader.check(outlook.tree)
    advice = loader.without_hold(scheduler.ask_as_taken(loader.wanted(outlook.taken)))
    return loader.build(outlook.tree, outlook.now, advice, outlook.files, groups, by)


def as_it_stands(outlook: Outlook) -> loader.Instance:
    """As `survey`, as far as it matters to how the cluster stands: what the administrator wants is asked for only where
    that says how even the loads can be."""
    loader.check(outlook.tree)
    seen = loader.build(outlook.tree, outlook.now, outlook.now, outlook.files, {}, By.BOTH)
    return seen if is_bounded_without_rules(seen.problem) else survey(outlook, {}, By.BOTH)
