"""`enable`, `disable`: the HA guide, forwards and backwards."""

from __future__ import annotations

import ipaddress
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import click

from snow_ha_plugin.cli import images, interruption, options, output, status
from snow_ha_plugin.cli.interruption import Account
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.errors import UsageError
from snow_ha_plugin.guide import disable as backwards
from snow_ha_plugin.guide import enable as forwards
from snow_ha_plugin.guide.run import Blocked, Looked, Run, errors
from snow_ha_plugin.model import Change, Severity
from snow_ha_plugin.operations.site import Site


@click.command()
@options.way
@options.third_vote
@click.option("--without-fencing", is_flag=True, help="As --fencing none: a cut network can destroy images.")
@click.option("--floating-ip", metavar="IP/PREFIX", help="Instead of the gateway of NET_SNOW.")
@click.option("--metrics", is_flag=True, help="Have Prometheus's exporters tell of the cluster too.")
@options.replace_agents
@click.option("--restart", is_flag=True, help="To copy images, shut domains down that run, and boot them again.")
@click.option("--yes", is_flag=True, help="Do not ask before images are copied.")
@options.dry_run
@options.json_output
def enable(
    way: str | None,
    qdevice: str | None,
    without_fencing: bool,
    floating_ip: str | None,
    metrics: bool,
    replace_agents: bool,
    restart: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make every domain of this site highly available, on all servers of SNOW_NODES, with fencing.

    Looks first, changes only what is missing, and can be run again at any time. Domains that run keep running;
    those that do not are started. Images that only this server has are listed, and copied to where all have them once
    that is agreed to.
    """
    options.require_root()
    if without_fencing and way not in (None, fencing.NONE):
        raise click.UsageError(f"--without-fencing and --fencing {way} contradict each other")
    asked = fencing.NONE if without_fencing else way or ""
    load = partial(Site.load, fencing=asked, qdevice=qdevice or "", floating_ip=_address(floating_ip), metrics=metrics)
    here, screen = load(), output.Screen(quiet=as_json)
    carry_out = partial(forwards.enable, screen=screen, replace_agents=replace_agents, dry_run=dry_run)
    account = partial(_account, screen, "snow-ha enable, with the same options", "snow-ha disable")
    with ThreadPoolExecutor(1) as meanwhile, interruption.told(account):
        before = None if dry_run or as_json else meanwhile.submit(status.as_it_is, here.cluster)
        try:
            run, changes = carry_out(here)
        except Blocked as blocked:
            is_about_images = "image-not-shared" in blocked.codes
            if not is_about_images or not images.offer(here, restart=restart, yes=yes, dry_run=dry_run, quiet=as_json):
                raise
            # The domain files are others now.
            here = load()
            run, changes = carry_out(here)
    tell(run, changes, as_json=as_json)
    if before:
        for line in status.as_it_is(here.cluster) if _is_something_done(run, changes) else before.result():
            output.echo(line)
        output.echo("try: snow ha move DOMAIN    watch: snow ha status --watch    undo: snow ha disable")


def _account(screen: output.Screen, again: str, back: str) -> Account:
    done = [title for title in screen.done if title != forwards.LOOKING]
    if not done and screen.at in ("", forwards.LOOKING):
        return Account()
    going = [screen.at] if screen.at else []
    return Account(
        done, going, ["all that follows"], ("domains that run go on running", f"go on: {again}; back: {back}")
    )


def tell(run: Run, changes: list[Change], *, as_json: bool) -> None:
    """What a run found and changed; what it did it has told while it did it."""
    if as_json:
        output.as_json(_json(run, changes))
        return
    found = [finding for _, findings in run.report for finding in findings]
    for finding in found:
        if finding.severity != Severity.ERROR:
            output.finding(finding, err=True)
    if run.dry_run:
        for section, findings in run.report:
            for finding in errors(findings):
                click.echo(f"[I] would mend: {section.title}: {finding.message}")
        output.changes(changes, dry_run=True)
    if not _is_something_done(run, changes):
        output.info("nothing to do: high availability is enabled, and every step of the guide holds")
    elif not run.dry_run:
        output.info("high availability is enabled")


def _is_something_done(run: Run, changes: list[Change]) -> bool:
    return bool(changes or any(errors(findings) for _, findings in run.report))


def _json(run: Run, changes: list[Change]) -> dict[str, object]:
    return {
        "dry_run": run.dry_run,
        "fencing": {"way": run.site.fencing, "why": run.site.why, "third_vote": run.site.qdevice},
        "steps": [_looked(looked) for looked in run.report],
        "changes": output.changes_json(changes),
    }


def _looked(looked: Looked) -> dict[str, object]:
    section, findings = looked
    return {"name": section.name, "findings": output.findings_json(findings)}


def _address(text: str | None) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface | None:
    try:
        return ipaddress.ip_interface(text) if text is not None else None
    except ValueError:
        raise click.BadParameter(f"{text!r} is no IP/PREFIX", param_hint="--floating-ip") from None


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.dry_run
@options.json_output
def disable(yes: bool, dry_run: bool, as_json: bool) -> None:
    """Go back to plain sNow!: domains keep running where they are, and Pacemaker lets go of them.

    The cluster is stopped on all servers, what snow-ha wrote into its configuration and the hook in `snow` are
    taken out. The rules of `balance` are kept for the next `enable`.
    """
    options.require_root()
    here = Site.load()
    if not (yes or dry_run) and backwards.plan(here):
        _be_sure()
    screen = output.Screen(quiet=as_json)
    with interruption.told(lambda: _account(screen, "snow-ha disable", "snow-ha enable")):
        plan = backwards.disable(here, screen, dry_run=dry_run)
    if as_json:
        output.as_json({"dry_run": dry_run, "changes": output.changes_json(part.change for part in plan)})
    elif dry_run:
        output.changes([part.change for part in plan], dry_run=True)
    elif plan:
        output.info("high availability is disabled; the floating IP stays where it was until that server restarts")
        output.info("Pacemaker, if somebody starts it by hand, is in maintenance until snow-ha enable")
    if not plan and not as_json:
        output.info("nothing to do: high availability is not enabled")


def _be_sure() -> None:
    if not sys.stdin.isatty():
        raise UsageError("there is nobody to ask", remedy="add --yes, or --dry-run")
    output.warning("from then on nothing starts a domain whose server is lost; the domains themselves run on")
    click.confirm("[?] end high availability now?", abort=True)


COMMANDS = (enable, disable)
