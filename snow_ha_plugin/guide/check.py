"""`check`: the cluster as `status` sees it, and the guide, section by section.

One that cannot be looked at is a finding like any other.

A server that does not answer is told once, and the others are looked at without it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import acceptance
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.reports import verdict
from snow_ha_plugin.core.reports.overview import Overview
from snow_ha_plugin.core.reports.verdict import Word
from snow_ha_plugin.errors import SnowHaError, TimedOutError, UnavailableError
from snow_ha_plugin.guide import AFTERWARDS, CONFIGURATION_STEPS, SERVER_STEPS, fencing, xen
from snow_ha_plugin.guide.run import Looked
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations import sight
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system.servers import attempt

# For ssh to a server that is there; one that is dead costs all of it.
ANSWERS_WITHIN_S = 3


class Checked(NamedTuple):
    """`fine` are the titles of the sections that hold; `todo` is what `enable` does by itself, where it has not run.

    `looked` has what each section has found.
    """

    word: Word
    fine: tuple[str, ...]
    todo: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, Acceptance], ...] = ()
    looked: tuple[Looked, ...] = ()


def check(site: Site) -> Checked:
    site.servers.leave_out_silent(ANSWERS_WITHIN_S)
    found = [_unreachable(name, error) for name, error in site.servers.silent.items()]
    site, tree = fencing.begin(site)
    is_enabled = tree is not None and bool(cib.domains(tree))
    view = _view(site) if is_enabled else None
    # What is told of the running cluster comes first: of two that say the same it knows more.
    found += _of_cluster(view, set(site.servers.silent)) if view else []
    site, unfenced = fencing.as_it_is(site, tree)
    found += unfenced
    fine: list[str] = []
    todo: list[Finding] = []
    looked: list[Looked] = []
    sections = (*SERVER_STEPS, *AFTERWARDS)
    answers = site.servers.side_by_side([partial(section.check, site) for section in sections])
    for section, answer in zip(sections, answers, strict=True):
        seen = _found(section.title, answer)
        looked.append((section, seen))
        mended = not is_enabled and section.apply is not None
        (todo if mended else found).extend(seen)
        if not seen:
            fine.append(section.title)
    missing = _found("Cluster configuration", attempt(_missing_configuration, site, tree))
    (found if is_enabled else todo).extend(missing)
    told = acceptance.sort(_once(found), acceptance.acceptances(tree) if tree is not None else (), time.time())
    word = Word.NOT_ENABLED if not is_enabled else verdict.by(told.open)
    if view and not view.has_quorum:
        word = Word.CANNOT_TELL
    return Checked(word, tuple(fine), tuple(todo), told.open, told.accepted, tuple(looked))


def _view(site: Site) -> Overview | None:
    try:
        return sight.look(site.cluster, sight.outlook(site.cluster, None))
    except UnavailableError:
        return None  # guide.start says so


def _of_cluster(view: Overview, silent: set[str]) -> list[Finding]:
    """Without the servers that are told as silent: that they are not in the cluster has the same cause."""
    found = [*view.findings, *(finding for finding, _ in view.accepted)]
    return [finding for finding in found if finding.id != "server-offline" or finding.subject not in silent]


def _once(found: Iterable[Finding]) -> list[Finding]:
    """Each code once of a subject; of those without one what they say tells them apart."""
    return list({(each.id, each.subject or each.message): each for each in reversed(list(found))}.values())[::-1]


def _unreachable(name: str, error: SnowHaError) -> Finding:
    # The details of a timeout are the command.
    late = isinstance(error, TimedOutError)
    why = f"nothing came within {ANSWERS_WITHIN_S} s" if late else error.details or error.message
    message = f"{name} does not answer ssh, and was not looked at: {why}"
    remedy = f"power it on, then: snow ha start {name}; if it is up: make `ssh {name} true` work without a question"
    return Finding(Severity.ERROR, "unreachable", message, remedy, UnavailableError.exit_code, subject=name)


def _found(title: str, answer: list[Finding] | SnowHaError) -> list[Finding]:
    if not isinstance(answer, SnowHaError):
        return answer
    message = f"{title}: {answer.reason}"
    return [Finding(Severity.ERROR, "not-looked-at", message, answer.remedy, answer.exit_code, subject=title)]


def _missing_configuration(site: Site, tree: cib.Tree | None) -> list[Finding]:
    site, planned = xen.looked_at(site), cib.empty() if tree is None else cib.clone(tree)
    missing = [done for section in CONFIGURATION_STEPS for done in section.edit(site, planned)]
    return [
        Finding(
            Severity.ERROR,
            "not-configured",
            f"still to do in the CIB: {done.message}",
            "snow ha enable",
            subject=done.target,
        )
        for done in missing
    ]
