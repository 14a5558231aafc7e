"""One run through sections of the guide: what was found, what was mended, and what stops it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.guide import fencing
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Change, Finding, Severity
from snow_ha_plugin.operations.site import Site

# A section, and what was found before anything was done.
Looked = tuple[Step, list[Finding]]


class Screen(Protocol):
    """Where a run tells what it does."""

    def progress(self, title: str, takes: str = "") -> AbstractContextManager[None]: ...

    def changes(self, done: Iterable[Change]) -> None: ...

    def info(self, text: str) -> None: ...

    def warning(self, text: str) -> None: ...


class Blocked(SnowHaError):
    """Findings that stop a run: all are to be told, and the first gives the exit status."""

    def __init__(self, findings: list[Finding]) -> None:
        *others, last = findings
        super().__init__(last.message, remedy=last.remedy)
        self.others = tuple(SnowHaError(finding.message, remedy=finding.remedy) for finding in others)
        self.exit_code = findings[0].exit_code
        self.codes = frozenset(finding.id for finding in findings)


class Run:
    """`report` has what each section found before this run; with `dry_run` nothing is mended."""

    def __init__(self, site: Site, screen: Screen, *, dry_run: bool) -> None:
        self.site = site
        self.screen = screen
        self.dry_run = dry_run
        self.report: list[Looked] = []
        self._seen: dict[Step, list[Finding] | SnowHaError] = {}

    def refuse_blocked(self, sections: Iterable[Step]) -> None:
        """Of what nobody but the administrator can mend: Blocked, with all that is found in `sections`."""
        serious = []
        for section in sections:
            findings = self.found(section)
            self.report.append((section, findings))
            serious += errors(findings)
        if serious:
            raise Blocked(serious)

    def look(self, sections: Iterable[Step]) -> None:
        """Look at sections all at a time. It holds until one of them is mended; an error is raised in its turn."""
        looks = {section: partial(section.check, self.site) for section in sections}
        self._seen = dict(zip(looks, self.site.servers.side_by_side(list(looks.values())), strict=True))

    def found(self, section: Step) -> list[Finding]:
        """What is wrong with a section, as it was seen if it was."""
        seen = self._seen[section] if section in self._seen else section.check(self.site)
        if isinstance(seen, SnowHaError):
            raise seen
        return seen

    def mend(self, section: Step) -> None:
        """Mend what is wrong with a section; Blocked where that does not help."""
        if section.apply is None:
            return
        findings = self.found(section)
        self.report.append((section, findings))
        if not errors(findings) or self.dry_run:
            return
        with self.screen.progress(section.title, section.takes):
            self._seen.clear()
            section.apply(self.site)
            self.site.servers.look_anew()
            left = errors(section.check(self.site))
        if left:
            raise Blocked(left)

    def try_fencing(self) -> None:
        """Without harm, before something of it is written into the CIB."""
        if not self.dry_run and fencing.edit(self.site, self.site.cluster.read()):
            with self.screen.progress("Trying the fencing, without harm"):
                fencing.refuse_unproved(self.site)


def errors(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity == Severity.ERROR]
