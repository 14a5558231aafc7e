"""`check --fix`: what it puts right, what it leaves, and that the table alone says which is which."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.codes import TABLE
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.reports.findings import of_configuration
from snow_ha_plugin.core.reports.verdict import Word
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import SERVER_STEPS, hook
from snow_ha_plugin.guide import fix as fixing
from snow_ha_plugin.guide.check import Checked
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Change, Finding, Severity
from snow_ha_plugin.operations.site import Site
from tests.captures import guide_cluster
from tests.unit.operations.test_transaction import Memory

XENDOMAINS = Finding(Severity.ERROR, "xendomains", "Xen starts domains on snow02")
KEY = Finding(Severity.ERROR, "authkey-differs", "the keys differ")
MAILER = Finding(Severity.WARNING, "no-mailer", "snow01 cannot send mail")


class Applied:
    """A section, and whether it was carried out."""

    def __init__(self, *found: Finding, fails: bool = False) -> None:
        self.found, self.fails, self.count = found, fails, 0

    @property
    def looked(self) -> tuple[Step, list[Finding]]:
        return Step("section", "Section", lambda site: [], self._apply), list(self.found)

    def _apply(self, site: Site) -> None:
        if self.fails:
            raise UnavailableError("snow02 is full", remedy="make room")
        self.count += 1


@pytest.fixture(autouse=True)
def at_work(mocker: MockerFixture) -> None:
    mocker.patch.object(fixing.lock, "held", lambda servers, what: nullcontext())


@pytest.fixture
def told() -> list[str]:
    return []


def checked(*sections: Applied, tree: cib.Tree | None = None) -> Checked:
    found = [finding for section in sections for finding in section.found]
    found += of_configuration(tree) if tree is not None else []
    return Checked(Word.DEGRADED, (), (), tuple(found), looked=tuple(section.looked for section in sections))


def test_a_section_whose_errors_are_all_safe_is_put_right(site: Site, told: list[str]) -> None:
    safe = Applied(XENDOMAINS, MAILER)
    (done,) = fixing.fix(site, checked(safe), told.append, dry_run=False)
    assert (done.message, safe.count, told) == ("put right: Xen starts domains on snow02", 1, [])


def test_a_section_with_another_error_is_left_to_enable(site: Site, told: list[str]) -> None:
    mixed, only_warned = Applied(XENDOMAINS, KEY), Applied(MAILER)
    assert fixing.fix(site, checked(mixed, only_warned), told.append, dry_run=False) == []
    assert (mixed.count, only_warned.count) == (0, 0)


def test_what_was_accepted_is_left(site: Site, told: list[str]) -> None:
    safe, other = Applied(XENDOMAINS), Applied(XENDOMAINS._replace(id="shutdown-order"))
    accepted = ((XENDOMAINS, Acceptance("xendomains", "", Severity.ERROR, 0, 2**40)),)
    fixing.fix(site, checked(safe, other)._replace(accepted=accepted), told.append, dry_run=False)
    assert (safe.count, other.count) == (0, 1)


def test_what_fails_is_told_and_the_rest_is_done(site: Site, told: list[str]) -> None:
    fails, works = Applied(XENDOMAINS, fails=True), Applied(XENDOMAINS._replace(id="shutdown-order"))
    assert len(fixing.fix(site, checked(fails, works), told.append, dry_run=False)) == 1
    assert told == ["left as it is: Xen starts domains on snow02: snow02 is full; make room"]


def test_a_dry_run_tells_the_same_and_does_nothing(site: Site, told: list[str]) -> None:
    tree = with_rules()
    site, safe = replace(site, cluster=Memory(tree)), Applied(XENDOMAINS)
    done = fixing.fix(site, checked(safe, tree=tree), told.append, dry_run=True)
    assert [change.action for change in done] == ["fix", "leftover"]
    assert (safe.count, site.cluster.commits) == (0, 0)  # type: ignore[attr-defined]


def test_before_enable_nothing_is_put_right(site: Site, told: list[str]) -> None:
    safe = Applied(XENDOMAINS)
    assert fixing.fix(site, checked(safe)._replace(word=Word.NOT_ENABLED), told.append, dry_run=False) == []
    assert safe.count == 0


def with_rules(wanted_on: str = "") -> cib.Tree:
    """The guide's cluster with the rule of a move of nis02 to where it runs; perhaps one that wants it elsewhere."""
    tree = guide_cluster()
    rules = cib.section(tree, "constraints")
    cib.add(rules, "rsc_location", id="cli-prefer-nis02", rsc="nis02", node="snow01", score="INFINITY")
    if wanted_on:
        cib.add(rules, "rsc_location", id="wanted", rsc="nis02", node=wanted_on, score="900000")
    return tree


def test_the_rule_of_a_finished_move_is_removed_in_one_commit(site: Site, told: list[str]) -> None:
    tree = with_rules()
    cluster = Memory(tree)
    done = fixing.fix(replace(site, cluster=cluster), checked(tree=tree), told.append, dry_run=False)
    assert done == [Change("leftover", "nis02", "remove cli-prefer-nis02, by which nis02 was moved once")]
    assert (cluster.commits, told) == (1, [])
    assert "cli-prefer-nis02" not in [each.id for each in cib.constraints(cluster.tree)]


def test_a_rule_without_which_a_domain_would_move_stays(site: Site, told: list[str]) -> None:
    tree = with_rules(wanted_on="snow02")
    cluster = Memory(tree)
    assert fixing.fix(replace(site, cluster=cluster), checked(tree=tree), told.append, dry_run=False) == []
    (text,) = told
    assert text.startswith("left as it is: left over from a move by hand: cli-prefer-nis02")
    assert "Pacemaker would disturb domains: migrate nis02" in text
    assert cluster.commits == 0


def test_every_code_that_is_safe_has_somebody_who_does_it() -> None:
    safe = {code for code, entry in TABLE.items() if entry.is_safe}
    assert fixing.EDITS.keys() <= safe
    sections = {section.apply.__code__.co_filename for section in (*SERVER_STEPS, hook.STEP) if section.apply}
    sources = "".join(Path(path).read_text() for path in sorted(sections))
    assert [code for code in safe - fixing.EDITS.keys() if f'"{code}"' not in sources] == []
