"""What snow-ha itself answers to the host's events; hookspecs.py says when each one fires."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click

from snow_ha_plugin.hookspecs import hookimpl
from snow_ha_plugin.model import Handled


@hookimpl
def snow_ha_commands(group: click.Group) -> None:
    from snow_ha_plugin.cli import (
        accept,
        balance,
        check,
        domains,
        enable,
        event,
        explain,
        fencing,
        history,
        images,
        maintainer,
        moves,
        report,
        servers,
        start,
    )
    from snow_ha_plugin.cli import status as looking

    for module in (
        enable, check, images, fencing, domains, moves, servers, start, balance, looking, explain, accept, history,
        report, event, maintainer,
    ):  # fmt: skip
        for command in module.COMMANDS:
            group.add_command(command)


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
