"""`check --fix`: what `check` has found and nobody needs to be asked about (Entry.is_safe), put right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.codes import TABLE
from snow_ha_plugin.core.configure import leftovers
from snow_ha_plugin.core.reports.verdict import Word
from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.guide.check import Checked
from snow_ha_plugin.guide.run import errors
from snow_ha_plugin.model import Change, Finding
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.transaction import Tell, change, undisturbed
from snow_ha_plugin.system import lock

# How what is safe in the CIB is put right, by the finding's subject; on servers it is what `enable` does in a section.
Edit = Callable[[str, cib.Tree], list[Change]]
EDITS: Mapping[str, Edit] = {
    "cli-constraint": leftovers.finished_move,
    "stale-node": leftovers.second_entry,
}


def fix(site: Site, checked: Checked, tell: Tell, *, dry_run: bool) -> list[Change]:
    """Put right what is safe; `tell` is given what was left as it is, and why. Before `enable` that is its to do."""
    if checked.word == Word.NOT_ENABLED or not any(_is_safe(finding) for finding in checked.findings):
        return []
    with nullcontext() if dry_run else lock.held(site.servers, "check --fix"):
        return [*_on_servers(site, checked, tell, dry_run=dry_run), *_in_cib(site, checked, tell, dry_run=dry_run)]


def _on_servers(site: Site, checked: Checked, tell: Tell, *, dry_run: bool) -> list[Change]:
    accepted = {finding.id for finding, _ in checked.accepted}
    done: list[Change] = []
    for section, seen in checked.looked:
        wrong = errors(seen)
        if section.apply is None or not wrong or not all(_is_safe(each) and each.id not in accepted for each in wrong):
            continue
        try:
            if not dry_run:
                section.apply(site)
        except SnowHaError as error:
            tell(_left(wrong[0], error))
            continue
        done += [Change("fix", each.subject or section.name, f"put right: {each.message}") for each in wrong]
    return done


def _in_cib(site: Site, checked: Checked, tell: Tell, *, dry_run: bool) -> list[Change]:
    """Each by itself: what Pacemaker would disturb a domain for keeps nothing else from being done."""
    done: list[Change] = []
    for finding in checked.findings:
        edit = EDITS.get(finding.id)
        if edit is None:
            continue
        try:
            done += change(site.cluster, partial(edit, finding.subject), undisturbed(), dry_run=dry_run)
        except SnowHaError as error:
            tell(_left(finding, error))
    return done


def _left(finding: Finding, error: SnowHaError) -> str:
    return f"left as it is: {finding.message}: {error}"


def _is_safe(finding: Finding) -> bool:
    return TABLE[finding.id].is_safe
