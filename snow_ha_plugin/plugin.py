"""What snow-ha itself answers to the host's events; hookspecs.py says when each one fires."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from snow_ha_plugin.cli.verbs import Verbs
from snow_ha_plugin.hookspecs import hookimpl
from snow_ha_plugin.model import Handled


@hookimpl
def snow_ha_commands(group: Verbs) -> None:
    group.add_ours()


@hookimpl
def snow_domain_created(domain: str, config_path: str) -> None:
    from snow_ha_plugin.operations import host_events

    host_events.created(domain)


@hookimpl
def snow_domain_action(domains: tuple[str, ...], action: str, tell: Callable[[str], None]) -> Mapping[str, Handled]:
    from snow_ha_plugin.operations import domain_actions

    return domain_actions.act(domains, action, tell)


@hookimpl
def snow_domain_ending(domain: str) -> None:
    from snow_ha_plugin.operations import host_events

    host_events.ending(domain)


@hookimpl
def snow_domain_replacing(domain: str) -> None:
    from snow_ha_plugin.operations import host_events

    host_events.end(domain)


@hookimpl
def snow_domain_removing(domain: str) -> None:
    from snow_ha_plugin.operations import host_events

    host_events.end(domain)
