"""`images status`, `images migrate`, `images rollback`, `images clean`: domain images to storage that servers share."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import click

from snow_ha_plugin.cli import conversion, interruption, options, output
from snow_ha_plugin.cli.interruption import Account
from snow_ha_plugin.core.images import disk_lines, kinds
from snow_ha_plugin.core.images.kinds import Image
from snow_ha_plugin.errors import SnowHaError, TryAgainError
from snow_ha_plugin.guide.xen import run_otherwise
from snow_ha_plugin.model import Change, Domain, Severity
from snow_ha_plugin.operations.image_migration import copying, plans, running, way_back
from snow_ha_plugin.operations.image_migration.copying import Outcome
from snow_ha_plugin.operations.image_migration.plans import Plan
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import imagefiles, snowtools, xen
from snow_ha_plugin.system.imagefiles import Meter

# By domain.
Plans = Mapping[str, Plan | SnowHaError]

HEAD = ("Domain", "Disk", "What", "Size", "Used", "Shared", "Fit", "Image")


@click.group("images")
def group() -> None:
    """Domain images: what they are, and how they come to where every server has them."""


@group.command("status")
@options.json_output
def status(as_json: bool) -> None:
    """Show the image of each disk, whether servers share it, and whether it is fit for high availability.

    Exit status 0 only if all are.
    """
    options.require_root()
    here = Site.load()
    seen = plans.look(here.servers, here.domains)
    found = [
        *here.broken,
        *(finding for image in seen for finding in kinds.findings(image)),
        *disk_lines.findings(seen),
    ]
    found += running.left_down({domain.name: domain.config_path for domain in here.domains})
    found += run_otherwise(here.domains, xen.answering(here.servers))
    if as_json:
        output.as_json({"images": [_json(image) for image in seen], "findings": output.findings_json(found)})
    else:
        for line in _table([HEAD, *(_row(image) for image in seen)]):
            click.echo(line)
        for finding in found:
            output.finding(finding)
        _tell_destination(here)
    if serious := [finding for finding in found if finding.severity == Severity.ERROR]:
        sys.exit(serious[0].exit_code)


def _row(image: Image) -> tuple[str, ...]:
    fit = "yes" if image.fit else "no"
    sizes = (_bytes(image.size), _bytes(image.used)) if image.holders else ("", "")
    return (image.domain, image.disk.vdev, image.kind, *sizes, image.shared, fit, image.name)


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _json(image: Image) -> dict[str, object]:
    return {
        "domain": image.domain,
        "disk": image.disk.vdev,
        "what": image.kind,
        "image": image.name,
        "size_bytes": image.size,
        "used_bytes": image.used,
        "servers": list(image.holders),
        "shared": image.shared,
        "fit": image.fit,
    }


def _bytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def _tell_destination(here: Site) -> None:
    destination = here.conf.image_destination
    if destination.startswith("lvm="):
        line = f"IMG_DST='dir={here.layout.root}'"
        output.info(f"new domains still get volumes (IMG_DST='{destination}'); in {here.layout.conf}: {line}")


@group.command("migrate")
@click.argument("domains", nargs=-1, metavar="DOMAIN...")
@click.option("--to", "directory", type=click.Path(path_type=Path), metavar="DIR", help="Copy to DIR/DOMAIN/.")
@click.option("--restart", is_flag=True, help="Shut down those that run, and boot them again afterwards.")
@click.option("--parallel", type=click.IntRange(1, 16), default=1, metavar="N", help="So many domains at a time.")
@options.dry_run
@options.json_output
def migrate(
    domains: tuple[str, ...], directory: Path | None, restart: bool, parallel: int, dry_run: bool, as_json: bool
) -> None:
    """Copy images that only this server has to files that all servers share, and have the domains use those.

    By default of all domains, to the directory of IMG_DST. A domain must not run meanwhile. Its volumes are only read;
    its file is changed when the copies are known to be whole. Can be interrupted anywhere, and run again.
    """
    options.require_root()
    here = Site.load()
    chosen = _chosen(here, domains)
    target = (directory or _directory(here)).absolute()
    done: dict[str, Outcome] | None = None
    whole = False
    kept = "what is whole is kept; go on: the same command again; back: snow ha images rollback DOMAIN"
    try:
        with interruption.told(lambda: Account(ahead=["the rest"], then=(kept,))), imagefiles.alone():
            found = plans.plans(here.servers, chosen, str(target), restart=restart)
            planned = copying.outcomes(found)
            if dry_run or not _changes(planned):
                done = planned
            else:
                done = {}
                done = _carry_out(here, found, parallel, done, quiet=as_json)
            whole = True
        _raise_first(done)
    finally:
        if done is not None:
            _tell(here, done, dry_run=dry_run, as_json=as_json, whole=whole)
    if here.broken and not domains:
        sys.exit(here.broken[0].exit_code)


class _Failed(Exception):
    """Something was not copied."""


def _carry_out(here: Site, found: Plans, parallel: int, done: dict[str, Outcome], *, quiet: bool) -> dict[str, Outcome]:
    """Copy, and tell whether all of it went well; what did not is among the outcomes.

    Where this is interrupted, `done` has those of the domains that were done with.
    """
    meter = Meter()
    with contextlib.suppress(_Failed), output.moving("Copying images", quiet=quiet) as show:
        outcomes = copying.migrate_all(here.servers, found, parallel, meter, partial(_show, meter, show), done)
        if _failures(outcomes):
            raise _Failed
    return outcomes


def offer(here: Site, *, restart: bool, yes: bool, dry_run: bool, quiet: bool) -> bool:
    """List what only this server has and all should have, and copy it where that is agreed to; whether it was."""
    directory = _directory(here)
    with imagefiles.alone():
        found = plans.plans(here.servers, here.domains, str(directory), restart=restart)
        todo = {name: plan for name, plan in found.items() if isinstance(plan, Plan)}
        count, size = sum(len(plan.copies) for plan in todo.values()), sum(plan.size for plan in todo.values())
        question = f"copy {count} images, {_bytes(size)}, to {directory}"
        if not quiet:
            for line in _listed(found.values()):
                click.echo(line)
        if not todo:
            return False
        if dry_run or not (yes or (sys.stdin.isatty() and not quiet)):
            if not quiet:
                words = " --restart" if restart else ""
                output.info(f"to {question}: snow-ha images migrate{words}, or snow-ha enable --yes{words}")
            return False
        if not output.consent(question, yes=yes):
            return False
        done: dict[str, Outcome] = {}
        try:
            done = _carry_out(here, todo, 1, done, quiet=quiet)
        finally:
            if not quiet:
                output.changes(_changes(done), dry_run=False)
    _raise_first(done)
    return True


def _listed(found: Iterable[Plan | SnowHaError]) -> Iterator[str]:
    for plan in found:
        if isinstance(plan, SnowHaError):
            yield f"  not now: {plan}"
            continue
        down = f" (it runs on {plan.runs_on}: shut down, and booted again)" if plan.runs_on else ""
        for copy in plan.copies:
            yield f"  {plan.domain.name}: {copy.source}, {_bytes(copy.size)}, to {copy.target}{down}"


def _changes(outcomes: Mapping[str, Outcome]) -> list[Change]:
    return [change for outcome in outcomes.values() if not isinstance(outcome, SnowHaError) for change in outcome]


def _failures(outcomes: Mapping[str, Outcome]) -> list[SnowHaError]:
    return [outcome for outcome in outcomes.values() if isinstance(outcome, SnowHaError)]


def _raise_first(outcomes: Mapping[str, Outcome]) -> None:
    for error in _failures(outcomes):
        raise error


def _tell(here: Site, outcomes: Mapping[str, Outcome], *, dry_run: bool, as_json: bool, whole: bool) -> None:
    """What was done, and all failures but the first, which is what the verb ends with.

    One that is not `whole` ends with what interrupted it, which says that it can be run again.
    """
    done = _changes(outcomes)
    if as_json:
        output.as_json({"dry_run": dry_run, "changes": output.changes_json(done)})
    else:
        output.changes(done, dry_run=dry_run)
        if done:
            _tell_destination(here)
        elif whole and not outcomes:
            output.info("nothing to do: all servers share the images that they could")
    failures = _failures(outcomes)
    for error in failures[1:] if whole else [error for error in failures if not isinstance(error, TryAgainError)]:
        output.error(str(error))


def _chosen(here: Site, names: tuple[str, ...]) -> list[Domain]:
    if names:
        return [snowtools.read_domain(here.layout.domains_dir, name) for name in dict.fromkeys(names)]
    for finding in here.broken:
        output.finding(finding, err=True)
    return list(here.domains)


def _directory(here: Site) -> Path:
    """Where xen-tools would put the images of new domains: below `domains` of what IMG_DST says."""
    kind, _, place = here.conf.image_destination.partition("=")
    return (Path(place) if kind == "dir" and place else here.layout.root) / "domains"


def _show(meter: Meter, show: Callable[[str], None], seconds: float) -> None:
    done = min(meter.done, meter.total)
    rate = done / seconds
    left = f", {(meter.total - done) / rate:.0f} s left" if rate else ""
    show(f"read, copied and read again {_bytes(done)} of {_bytes(meter.total)}, {_bytes(int(rate))}/s{left}")


@group.command("rollback")
@click.argument("domain")
@options.dry_run
@options.json_output
def rollback(domain: str, dry_run: bool, as_json: bool) -> None:
    """Have a domain use the volumes again that it had before `images migrate`; the copies stay where they are.

    What the domain has written since then is in the copies only. It must not run.
    """
    options.require_root()
    here = Site.load()
    found = snowtools.read_domain(here.layout.domains_dir, domain)
    with imagefiles.alone():
        done = way_back.rollback(here.servers, found, dry_run=dry_run)
    if as_json:
        output.as_json({"dry_run": dry_run, "changes": output.changes_json(done)})
    else:
        output.changes(done, dry_run=dry_run)


@group.command("clean")
@options.json_output
def clean(as_json: bool) -> None:
    """Print the commands that remove this server's volumes whose copies are in use; runs none of them."""
    options.require_root()
    commands = way_back.cleaning(Site.load().domains)
    if as_json:
        output.as_json({"commands": commands})
    elif commands:
        click.echo("\n".join(commands))
    else:
        output.info("nothing to do: no copy of a volume of this server is in use")


group.add_command(conversion.convert)

COMMANDS = (group,)
