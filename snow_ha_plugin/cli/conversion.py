"""`images convert`: a para-virtualised domain becomes a PVH one, and back."""

from __future__ import annotations

import click

from snow_ha_plugin.cli import options, output
from snow_ha_plugin.operations import conversion
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import imagefiles, snowtools


@click.command("convert")
@click.argument("domain")
@click.option("--try", "tries", is_flag=True, help="Boot it on this server first, and shut it down again.")
@click.option("--back", is_flag=True, help="Put the domain file of before the conversion back.")
@options.dry_run
@options.json_output
def convert(domain: str, tries: bool, back: bool, dry_run: bool, as_json: bool) -> None:
    """Make a para-virtualised domain a PVH one, which migrates live also where hypervisors have no shadow paging.

    Its image and kernel stay; its file gets type = "pvh" and a console, the old one is kept beside it. It must not run.
    """
    options.require_root()
    if tries and back:
        raise click.UsageError("--try and --back contradict each other")
    here = Site.load()
    found = snowtools.read_domain(here.layout.domains_dir, domain)
    with imagefiles.alone():
        if back:
            done = conversion.back(here.servers, found, dry_run=dry_run)
        elif tries and not dry_run:
            with output.progress(f"{domain} boots as a PVH guest, and is shut down", quiet=as_json):
                done = conversion.convert(here.servers, found, tries=True, dry_run=False)
        else:
            done = conversion.convert(here.servers, found, tries=False, dry_run=dry_run)
        if not dry_run:
            now = snowtools.read_domain(here.layout.domains_dir, domain)
            done = [*done, *conversion.tell_cluster(here.servers, now, here.conf.migration_mib_s)]
    idle = "" if done else conversion.already(here.servers, found)
    output.outcome(done, idle, dry_run=dry_run, in_json=as_json)
