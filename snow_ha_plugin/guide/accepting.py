"""Findings that are there now, accepted for a time."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from snow_ha_plugin.core.codes import Entry
from snow_ha_plugin.core.configure import acceptance, ran_twice
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.errors import NoSuchObjectError, UnsafeError
from snow_ha_plugin.guide import check
from snow_ha_plugin.model import Change, Finding
from snow_ha_plugin.operations import sight
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.operations.transaction import change, cleaning
from snow_ha_plugin.system.cluster import Cluster


def accept(
    cluster: Cluster, domains_dir: Path | None, entry: Entry, subject: str, for_s: int, reason: str, *,
    ask_servers: bool, dry_run: bool,
) -> list[Change]:  # fmt: skip
    """UnsafeError for what nobody can accept, NoSuchObjectError for what is not found now."""
    if entry.may_run_twice:
        raise UnsafeError(
            f"{entry.code} cannot be accepted", "a domain could run twice meanwhile", f"snow ha explain {entry.code}"
        )
    found = _found(cluster, domains_dir, entry.code, ask_servers=ask_servers)
    wanted = [finding for finding in found if subject in ("", finding.subject)]
    if not wanted:
        of = in_words([finding.subject for finding in found]) if found else ""
        raise NoSuchObjectError(
            f"there is no finding {entry.code} {subject}".rstrip() + " now",
            f"there is one of {of}" if of else "",
            "see snow ha status and snow ha check",
        )
    if entry.code == ran_twice.CODE:
        # It is over, and does not come again by itself: who knows of it is not told once more.
        known = {each.subject for each in wanted}
        return change(cluster, partial(ran_twice.acknowledge, domains=known), cleaning, dry_run=dry_run)
    since = int(time.time())
    given = [Acceptance(each.id, each.subject, each.severity, since, since + for_s, reason) for each in wanted]
    return change(cluster, partial(acceptance.accept, wanted=given), cleaning, dry_run=dry_run)


def end(cluster: Cluster, code: str, subject: str, *, dry_run: bool) -> list[Change]:
    """NoSuchObjectError where it is not accepted."""
    changes = change(cluster, partial(acceptance.end, code=code, subject=subject), cleaning, dry_run=dry_run)
    if not changes:
        raise NoSuchObjectError(f"{code} {subject}".rstrip() + " is not accepted", remedy="see snow ha accept --list")
    return changes


def _found(cluster: Cluster, domains_dir: Path | None, code: str, *, ask_servers: bool) -> list[Finding]:
    """As status sees them; where it sees none as check does, where servers can be asked."""
    view = sight.look(cluster, sight.outlook(cluster, domains_dir))
    found = [*view.findings, *(finding for finding, _ in view.accepted)]
    if ask_servers and all(finding.id != code for finding in found):
        checked = check.check(Site.load())
        found = [*checked.findings, *(finding for finding, _ in checked.accepted)]
    return [finding for finding in found if finding.id == code]
