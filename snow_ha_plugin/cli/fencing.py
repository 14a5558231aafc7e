"""`fencing set-up`, `fencing status`, `fencing test`: what makes sure that a lost server is dead."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import partial
from typing import Any

import click

from snow_ha_plugin.cli import enable, interruption, options, output
from snow_ha_plugin.cli.interruption import Account
from snow_ha_plugin.cli.servers import emptying
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.core.reports import findings
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.guide import corosync, qdevice, start
from snow_ha_plugin.guide import fencing as protection
from snow_ha_plugin.guide.run import Run, errors
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations import fencing_test, joining, standby
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.transaction import change, undisturbed, whereabouts
from snow_ha_plugin.system import lock, sbd


@click.group("fencing")
def group() -> None:
    """Fencing: set it up, look at it, test it."""


@group.command("set-up")
@options.way
@options.dry_run
@options.json_output
def set_up(way: str | None, dry_run: bool, as_json: bool) -> None:
    """Set fencing up in a cluster that runs, or bring it up to snow.conf; `enable` does it too.

    Where sbd has to start, the cluster restarts: Pacemaker lets go of the domains meanwhile, and they run on.
    """
    options.require_root()
    here = protection.decide(Site.load(fencing=way or ""))
    run = Run(here, output.Screen(quiet=as_json), dry_run=dry_run)
    with nullcontext() if dry_run else lock.held(here.servers, "fencing set-up"):
        changes = _set_up(run)
    enable.tell(run, changes, as_json=as_json)


def _set_up(run: Run) -> list[Change]:
    here = run.site
    run.refuse_blocked((qdevice.HOST, protection.WAY))
    run.screen.info(f"fencing: {here.fencing}; {here.why}")
    # The times of a third vote follow from the watchdog's too.
    third = (qdevice.SET_UP, corosync.STEP) if here.qdevice else ()
    for section in (*third, protection.SET_UP, start.STEP):
        run.mend(section)
    run.try_fencing()
    judge = undisturbed(locate=whereabouts(here.servers), tell=output.warning)
    return change(here.cluster, partial(protection.edit_after_restart, here), judge, dry_run=run.dry_run)


@group.command("status")
@options.json_output
def status(as_json: bool) -> None:
    """Show how each server is fenced, whether it would work now, and when it was tested.

    Exit status 0 only if nothing speaks against it.
    """
    options.require_root()
    here = protection.decide(Site.load())
    tree = here.cluster.read()
    tested = fencing.tested(tree)
    looks = protection.look_at_all(here) if here.fencing in protection.OURS else {}
    votes = qdevice.look_at_all(here) if here.qdevice else {}
    found = [*protection.check(here), *protection.check_set_up(here), *protection.check_times(here, looks)]
    found += [*qdevice.check_set_up(here), *qdevice.check_vote(here)]
    if fencing.way(tree) == fencing.NONE:
        found.append(findings.no_fencing(tree))
    if as_json:
        servers = [_server(look, tested) for look in looks.values()]
        third = {"host": here.qdevice, "voting": {name: look.votes_with_it for name, look in votes.items()}}
        output.as_json(
            {
                "way": fencing.way(tree),
                "why": here.why,
                "servers": servers,
                "third_vote": third if votes else None,
                "findings": output.findings_json(found),
            }
        )
    else:
        output.info(f"fencing: {output.WAYS.get(fencing.way(tree), fencing.way(tree))}")
        for look in looks.values():
            click.echo(f"  {look.server}: {_line(look)}, last test {tested.get(look.server) or 'never'}")
        if votes:
            silent = [name for name, look in votes.items() if not look.votes_with_it]
            output.info(f"third vote: {here.qdevice}, " + (f"not for {', '.join(silent)}" if silent else "voting"))
        for finding in found:
            output.finding(finding)
    if serious := errors(found):
        sys.exit(serious[0].exit_code)


def _server(look: sbd.Look, tested: dict[str, str]) -> dict[str, Any]:
    return {**look.found._asdict(), "slots": dict(look.slots), "tested": tested.get(look.server, "")}


def _line(look: sbd.Look) -> str:
    found = look.found
    armed = f"watchdog armed with {found.watchdog_s} s" if found.watchdog_s else output.style("not armed", fg="red")
    return f"{armed}, dead {found.msgwait_s} s after a poison pill" if found.msgwait_s else f"{armed}, no disk of sbd"


@group.command("test")
@click.argument("server")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.json_output
def test(server: str, yes: bool, as_json: bool) -> None:
    """Reset a server, to see that fencing works: its domains are moved away first, and it is waited for.

    Takes as long as the server takes to boot. One that was drained before stays so.
    """
    options.require_root()
    here = protection.decide(Site.load())
    options.at_work(here.cluster, f"fencing test {server}")
    outcome = fencing_test.refuse(here, server)
    if not yes:
        question = f"{server} will be emptied, then reset like a lost server"
        if outcome.restarted:
            question += f"; {in_words(outcome.restarted)} cannot migrate live, and would be restarted elsewhere"
        click.confirm(f"[?] {question}. Go on", abort=True)
    there = fencing_test.domains_of(here, server)
    with emptying(here.cluster, server, there, quiet=as_json) as on_wait:
        drained = not standby.empty(here.cluster, server, there, outcome.after, on_wait)
    left = fencing_test.left_to_do(server, drained=drained)
    back = f"{server} stays in standby; once it has booted: {left}"
    with (
        interruption.told(lambda: Account(going=[f"the reset of {server}"], then=(back,))),
        fencing_test.telling(left),
    ):
        with output.progress(f"{server} is reset, and waited for", quiet=as_json):
            took = fencing_test.reset(here, server)
        with output.progress(f"{server} is taken back", quiet=as_json):
            joining.start(here, [server], sorted(here.servers.silent))
            qdevice.wait_for_votes(here)
            changes = fencing_test.take_back(here, server, drained=drained)
    if as_json:
        output.as_json({"server": server, "fenced_s": round(took, 1), "changes": output.changes_json(changes)})
    else:
        again = ", drained as it was" if drained else ""
        output.info(f"{server} was fenced in {took:.1f} s, and is back in the cluster{again}")


COMMANDS = (group,)
