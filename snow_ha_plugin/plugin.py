"""What snow-ha itself answers to the host's events; hookspecs.py says when each one fires."""

from __future__ import annotations

import click

from snow_ha_plugin.hookspecs import hookimpl


@hookimpl
def snow_ha_commands(group: click.Group) -> None:
    from snow_ha_plugin.cli import balance, domains, enable, event, fencing, images, maintainer, moves, servers, status

    for module in (enable, images, fencing, domains, moves, servers, balance, status, event, maintainer):
        for command in module.COMMANDS:
            group.add_command(command)


@hookimpl
def snow_domain_created(domain: str, config_path: str) -> None:
    from snow_ha_plugin.operations import registration

    registration.created(domain)


@hookimpl
def snow_domain_booting(domain: str) -> None:
    from snow_ha_plugin.operations import registration

    registration.booting(domain)


@hookimpl
def snow_domain_replacing(domain: str) -> None:
    from snow_ha_plugin.operations import registration

    registration.end(domain)


@hookimpl
def snow_domain_removing(domain: str) -> None:
    from snow_ha_plugin.operations import registration

    registration.end(domain)
