"""`check`: the cluster and the guide looked at: what holds, what is to be done, and by whom."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator

import click

from snow_ha_plugin.cli import migration_test, options, output, status_view
from snow_ha_plugin.core.reports.verdict import Word
from snow_ha_plugin.guide import check as looking
from snow_ha_plugin.guide.check import Checked
from snow_ha_plugin.guide.fix import fix
from snow_ha_plugin.model import Change, Severity
from snow_ha_plugin.operations.site import Site


@click.command()
@click.argument("domain", required=False)
@click.option("--migration", is_flag=True, help="Really migrate a domain, the smallest by default, and measure it.")
@click.option("--fix", "fixes", is_flag=True, help="Put right what needs no question: no domain is disturbed by it.")
@click.option("-v", "--verbose", is_flag=True, help="List also what enable does by itself.")
@options.yes
@options.dry_run
@options.json_output
def check(
    domain: str | None, migration: bool, fixes: bool, verbose: bool, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Look whether every step of the guide holds, and what `status` knows of; say what to do about what is wrong.

    Exit status as of `status`: 0 all is well, 1 warnings, 2 errors, 3 not enabled, or it cannot be told.

    With --fix it first puts right what is safe of that, and tells what; what is then still wrong it tells as ever.

    With --migration: one domain migrates live to each server and back, once that is agreed to.
    """
    options.require_root()
    if (migration and fixes) or (dry_run and not fixes):
        raise click.UsageError("--fix does not go with --migration, and --dry-run only with --fix")
    if domain and not migration:
        raise click.UsageError("a DOMAIN goes with --migration")
    began = time.monotonic()
    site = Site.load()
    if migration:
        options.at_work(site.cluster, "check --migration")
        migration_test.run(site, domain or "", yes=yes, as_json=as_json)
        return
    checked = looking.check(site)
    fixed = fix(site, checked, output.warning, dry_run=dry_run) if fixes else []
    if fixed and not dry_run:
        site.servers.look_anew()
        checked = looking.check(site)
    if as_json:
        output.as_json(_json(checked, fixed))
    else:
        output.changes(fixed, dry_run=dry_run)
        for line in _lines(site, checked, verbose=verbose, took_s=time.monotonic() - began):
            output.echo(line)
    sys.exit(checked.word.exit_code)


def _json(checked: Checked, fixed: Iterable[Change]) -> dict[str, object]:
    return {
        "fixed": output.changes_json(fixed),
        "verdict": checked.word.text.lower(),
        "fine": list(checked.fine),
        "todo": output.findings_json(checked.todo),
        "findings": output.findings_json(checked.findings),
        "accepted": output.accepted_json(checked.accepted),
    }


def _lines(site: Site, checked: Checked, *, verbose: bool, took_s: float) -> Iterator[str]:
    columns = status_view.columns()
    if checked.fine:
        yield from status_view.item("ok", "green", ", ".join(checked.fine), columns)
    if checked.todo:
        hint = "" if verbose else "; snow ha check -v lists them"
        yield from status_view.item(
            "todo", "blue", f"{_count(len(checked.todo), 'thing')} that enable does{hint}", columns
        )
    for finding in checked.todo if verbose else ():
        yield f"      {finding.id}  {finding.message}"
    yield from status_view.findings(checked.findings, columns, time.time())
    yield _summary(site, checked, took_s)
    if checked.word == Word.NOT_ENABLED:
        yield "next: snow ha enable --dry-run shows what would be done, snow ha enable does it"


def _summary(site: Site, checked: Checked, took_s: float) -> str:
    counts = Counter(finding.severity for finding in checked.findings)
    told = f"{_count(counts[Severity.ERROR], 'error')}, {_count(counts[Severity.WARNING], 'warning')}"
    if checked.accepted:
        told += f", {output.accepted_words(finding for finding, _ in checked.accepted)}"
    what = f"{len(site.servers.names)} servers, {len(site.domains)} domains, {took_s:.1f} s"
    return f"{status_view.word(checked.word)}  {told}; {what}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


COMMANDS = (check,)
