"""`enable`, `disable`, `check`: the HA guide, forwards, backwards, and looked at."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable
from functools import partial

import click

from snow_ha_plugin.cli import options, output
from snow_ha_plugin.core import cib, fencing
from snow_ha_plugin.errors import SnowHaError, UnavailableError
from snow_ha_plugin.model import Change, Finding, Network, Severity
from snow_ha_plugin.steps import (
    AFTERWARDS,
    CONFIGURATION_STEPS,
    SERVER_STEPS,
    agents,
    ending,
    retry,
    site,
    sizes,
    start,
)
from snow_ha_plugin.steps import fencing as protection
from snow_ha_plugin.steps.change import change, undisturbed, unsaid, whereabouts
from snow_ha_plugin.steps.site import Site
from snow_ha_plugin.steps.step import Step
from snow_ha_plugin.system import pacemaker

# Domains that do not run yet are started side by side; each has its own timeout, this is beyond all of them.
SETTLED_WITHIN_S = 600

# A step, and what it found before anything was done.
Looked = tuple[Step, list[Finding]]


@click.command()
@options.way
@options.third_vote
@click.option("--without-fencing", is_flag=True, help="As --fencing none: a cut network can destroy images.")
@click.option("--floating-ip", metavar="IP/PREFIX", help="Instead of the gateway of NET_SNOW.")
@options.replace_agents
@options.dry_run
@options.json_output
def enable(
    way: str | None,
    qdevice: str | None,
    without_fencing: bool,
    floating_ip: str | None,
    replace_agents: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make every domain of this site highly available, on all servers of SNOW_NODES, with fencing.

    Looks first, changes only what is missing, and can be run again at any time. Domains that run keep running;
    those that do not are started.
    """
    options.require_root()
    if without_fencing and way not in (None, fencing.NONE):
        raise click.UsageError(f"--without-fencing and --fencing {way} contradict each other")
    asked = fencing.NONE if without_fencing else way or ""
    here = site.load(fencing=asked, qdevice=qdevice or "", floating_ip=_network(floating_ip))
    report: list[Looked] = []
    with output.progress("Looking at the site", quiet=as_json):
        here = protection.decide(here)
        _refuse_blocked(here, report)
        _rehearse(here)
    if not as_json:
        output.info(f"fencing: {here.fencing}; {here.why}")
        if here.qdevice:
            output.info(f"third vote: {here.qdevice}")
    for step in SERVER_STEPS:
        carry_out(here, step, report, dry_run=dry_run, quiet=as_json)
    if not dry_run:
        try_fencing(here, quiet=as_json)
    changes = _configure(here, dry_run=dry_run, quiet=as_json)
    if not dry_run:
        changes += _try_again(here, quiet=as_json)
    changes += _go_by_sizes(here, changes, dry_run=dry_run, quiet=as_json)
    if replace_agents:
        with output.progress("Domains to ocf:snow:Xen", quiet=as_json or dry_run):
            changes += agents.replace(here.store, here.servers, dry_run=dry_run)
    for step in AFTERWARDS:
        carry_out(here, step, report, dry_run=dry_run, quiet=as_json)
    tell(here, report, changes, dry_run=dry_run, as_json=as_json)


def _refuse_blocked(here: Site, report: list[Looked]) -> None:
    """Check what `enable` cannot mend itself, before it changes anything."""
    serious = []
    for step in SERVER_STEPS:
        if step.apply is None:
            findings = step.check(here)
            report.append((step, findings))
            serious += errors(findings)
    if serious:
        raise Blocked(serious)


def _rehearse(here: Site) -> None:
    """Where the whole cluster runs already, let what its CIB would refuse be refused before anything is changed."""
    if not start.STEP.check(here):
        judge = undisturbed(locate=whereabouts(here.servers), tell=unsaid)
        change(here.store, partial(_edit, here), judge, dry_run=True)


class Blocked(SnowHaError):
    """Findings that stop a verb: all are told, the first gives the exit status."""

    def __init__(self, findings: list[Finding]) -> None:
        *others, last = findings
        for finding in others:
            output.finding(finding, err=True)
        super().__init__(last.message, remedy=last.remedy)
        self.exit_code = findings[0].exit_code


def carry_out(here: Site, step: Step, report: list[Looked], *, dry_run: bool, quiet: bool) -> None:
    if step.apply is None:
        return
    findings = step.check(here)
    report.append((step, findings))
    if not errors(findings) or dry_run:
        return
    with output.progress(step.title, quiet=quiet):
        step.apply(here)
        left = errors(step.check(here))
    if left:
        raise Blocked(left)


def try_fencing(here: Site, *, quiet: bool) -> None:
    """Without harm, before something of it is written into the CIB."""
    if protection.edit(here, here.store.read()):
        with output.progress("Trying the fencing, without harm", quiet=quiet):
            protection.refuse_unproved(here)


def _configure(here: Site, *, dry_run: bool, quiet: bool) -> list[Change]:
    """All that belongs into the CIB, as one commit; then wait until Pacemaker has done it."""
    edit = partial(_edit, here)
    try:
        # What a dry run meets may be Debian's own cluster of one, which `enable` puts away.
        if dry_run and not {node.name for node in cib.nodes(here.store.read())} & set(here.servers.names):
            return edit(cib.empty())
        judge = undisturbed(locate=whereabouts(here.servers), tell=output.warning)
        changes = change(here.store, edit, judge, dry_run=dry_run)
    except UnavailableError:
        if not dry_run:
            raise
        return edit(cib.empty())
    # A run that was killed while Pacemaker was at work got no further than that; to ask an idle one takes 2 s.
    unfinished = changes or any(step.check(here) for step in AFTERWARDS)
    if unfinished and not dry_run:
        with output.progress("Pacemaker takes over the domains", quiet=quiet):
            pacemaker.wait_idle(SETTLED_WITHIN_S)
        if not quiet:
            output.changes(changes, dry_run=False)
    return changes


def _try_again(here: Site, *, quiet: bool) -> list[Change]:
    """What has failed before this run, such as a start on a server without its image, is tried once more."""
    failed = retry.failed(here.store.read())
    if not failed:
        return []
    with output.progress("Trying again what had failed", quiet=quiet):
        changes = retry.again(failed)
        pacemaker.wait_idle(SETTLED_WITHIN_S)
    if not quiet:
        output.changes(changes, dry_run=False)
    return changes


def _go_by_sizes(here: Site, before: list[Change], *, dry_run: bool, quiet: bool) -> list[Change]:
    """Once the domains run: of a cluster that is only planned, what would be tried is told."""
    if dry_run and before:
        return [Change("option", "placement-strategy", "put sizes in force, where everything that runs fits by them")]
    changes = sizes.put_in_force(here.store, dry_run=dry_run)
    if changes and not (quiet or dry_run):
        output.changes(changes, dry_run=False)
    return changes


def _edit(here: Site, tree: cib.Tree) -> list[Change]:
    return [done for step in CONFIGURATION_STEPS for done in step.edit(here, tree)]


def tell(here: Site, report: list[Looked], changes: list[Change], *, dry_run: bool, as_json: bool) -> None:
    found = [finding for _, findings in report for finding in findings]
    if as_json:
        steps = [{"name": step.name, "findings": output.findings_json(findings)} for step, findings in report]
        protected = {"way": here.fencing, "why": here.why, "third_vote": here.qdevice}
        output.as_json(
            {"dry_run": dry_run, "fencing": protected, "steps": steps, "changes": output.changes_json(changes)}
        )
        return
    for finding in found:
        if finding.severity != Severity.ERROR:
            output.finding(finding, err=True)
    if dry_run:
        for step, findings in report:
            for finding in errors(findings):
                click.echo(f"[I] would mend: {step.title}: {finding.message}")
        output.changes(changes, dry_run=True)
    if not changes and not errors(found):
        output.info("nothing to do: high availability is enabled, and every step of the guide holds")
    elif not dry_run:
        output.info("high availability is enabled; see snow ha status")


def _network(text: str | None) -> Network | None:
    if text is None:
        return None
    try:
        address = ipaddress.ip_interface(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no IP/PREFIX", param_hint="--floating-ip") from None
    net_snow = site.load().conf.net_snow
    return Network(net_snow.bridge if net_snow else "", str(address.ip), address.network.prefixlen)


@click.command()
@options.json_output
def check(as_json: bool) -> None:
    """Look whether every step of the guide holds, and say what to do where it does not.

    Exit status 0 only if no error was found; warnings and remarks do not count.
    """
    options.require_root()
    here, found = protection.as_it_is(site.load())
    for step in (*SERVER_STEPS, *AFTERWARDS):
        found += _attempt(step.name, lambda step=step: step.check(here))  # type: ignore[misc]
    found += _attempt("configuration", lambda: _missing_configuration(here))
    if as_json:
        output.as_json({"findings": output.findings_json(found)})
    else:
        for finding in found:
            output.finding(finding)
        if not found:
            output.info("every step of the guide holds")
    if serious := errors(found):
        sys.exit(serious[0].exit_code)


def _attempt(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except SnowHaError as error:
        message = "; ".join(part for part in (error.message, error.details) if part)
        return [Finding(Severity.ERROR, name, message, error.remedy, error.exit_code)]


def _missing_configuration(here: Site) -> list[Finding]:
    tree = here.store.read()
    return [
        Finding(Severity.ERROR, f"not-configured-{step.name}", f"missing in the CIB: {done.message}", "snow ha enable")
        for step in CONFIGURATION_STEPS
        for done in step.edit(here, tree)
    ]


def errors(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity == Severity.ERROR]


@click.command()
@options.dry_run
@options.json_output
def disable(dry_run: bool, as_json: bool) -> None:
    """Go back to plain sNow!: domains keep running where they are, and Pacemaker lets go of them.

    The cluster is stopped on all servers, what snow-ha wrote into its configuration and the hook in `snow` are
    taken out.
    """
    options.require_root()
    here = site.load()
    plan = ending.plan(here)
    if not dry_run:
        for part in plan:
            with output.progress(part.change.message, quiet=as_json):
                part.carry_out()
    if as_json:
        output.as_json({"dry_run": dry_run, "changes": output.changes_json(part.change for part in plan)})
    elif dry_run:
        output.changes([part.change for part in plan], dry_run=True)
    elif plan:
        output.info("high availability is disabled; the floating IP stays where it was until that server restarts")
        output.info("Pacemaker, if somebody starts it by hand, is in maintenance until snow-ha enable")
    if not plan and not as_json:
        output.info("nothing to do: high availability is not enabled")


COMMANDS = (enable, disable, check)
