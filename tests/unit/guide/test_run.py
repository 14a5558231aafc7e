"""What a run looks at, how often, and what of it still holds once something was mended."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import SnowHaError, UnavailableError
from snow_ha_plugin.guide import fencing
from snow_ha_plugin.guide.run import Blocked, Run
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site


class Section:
    """A step that tells what is wrong, until it is mended."""

    def __init__(self, name: str, *, wrong: bool = False, error: SnowHaError | None = None) -> None:
        self.wrong, self.error, self.looks = wrong, error, 0
        self.step = Step(name, name, self.check, self.mend)

    def check(self, site: Site) -> list[Finding]:
        self.looks += 1
        if self.error:
            raise self.error
        return [Finding(Severity.ERROR, "wrong", self.step.name)] if self.wrong else []

    def mend(self, site: Site) -> None:
        self.wrong = False


@pytest.fixture
def run(site: Site) -> Run:
    return Run(site, MagicMock(), dry_run=False)


def go(run: Run, *sections: Section) -> None:
    steps = [section.step for section in sections]
    run.look(steps)
    for step in steps:
        run.mend(step)


def test_where_nothing_is_wrong_each_section_is_looked_at_once(run: Run) -> None:
    sections = Section("a"), Section("b")
    go(run, *sections)
    assert [section.looks for section in sections] == [1, 1]
    assert [step.name for step, _ in run.report] == ["a", "b"]


def test_what_was_seen_before_something_was_mended_is_looked_at_anew(run: Run) -> None:
    sections = Section("a"), Section("b", wrong=True), Section("c")
    go(run, *sections)
    # Before all, after it was mended, and when its turn came.
    assert [section.looks for section in sections] == [1, 2, 2]
    assert not sections[1].wrong


def test_a_section_that_cannot_be_looked_at_stops_the_run_when_its_turn_comes(run: Run) -> None:
    fine, silent = Section("a", wrong=True), Section("b", error=UnavailableError("snow02 cannot be reached"))
    with pytest.raises(UnavailableError, match="snow02"):
        go(run, fine, silent)
    assert not fine.wrong


def test_what_hangs_is_not_waited_for_twice(run: Run) -> None:
    silent = Section("a", error=UnavailableError("snow02 cannot be reached"))
    with pytest.raises(UnavailableError, match="snow02"):
        go(run, silent)
    assert silent.looks == 1


def test_a_section_that_only_looks_is_not_mended(run: Run, site: Site) -> None:
    section = Section("a", wrong=True)
    run.mend(section.step._replace(apply=None))
    assert (section.looks, run.report, section.wrong) == (0, [], True)


def test_a_dry_run_reports_what_is_wrong_and_mends_nothing(site: Site) -> None:
    run, section = Run(site, MagicMock(), dry_run=True), Section("a", wrong=True)
    go(run, section)
    assert section.wrong
    assert [(step.name, [found.id for found in findings]) for step, findings in run.report] == [("a", ["wrong"])]
    assert not run.screen.progress.called  # type: ignore[attr-defined]


def test_what_takes_its_time_says_why_while_it_is_mended(run: Run) -> None:
    section = Section("a", wrong=True)
    run.mend(section.step._replace(title="A section", takes="somebody is waited for"))
    run.screen.progress.assert_called_once_with("A section", "somebody is waited for")  # type: ignore[attr-defined]


def test_servers_are_asked_anew_whether_mending_has_helped(run: Run, mocker: MockerFixture) -> None:
    anew = mocker.patch.object(type(run.site.servers), "look_anew")
    run.mend(Section("a").step)
    assert not anew.called
    run.mend(Section("a", wrong=True).step)
    assert anew.call_count == 1


def test_a_warning_is_no_reason_to_mend_or_to_stop(run: Run, site: Site) -> None:
    warning = Finding(Severity.WARNING, "hook", "is old")
    mended: list[Site] = []
    step = Step("a", "a", lambda _site: [warning], mended.append)
    run.mend(step)
    run.refuse_blocked([step])
    assert mended == []
    assert [findings for _, findings in run.report] == [[warning], [warning]]


def test_what_blocks_tells_all_codes_and_the_last_finding_with_its_remedy() -> None:
    found = [Finding(Severity.ERROR, code, f"{code} is wrong", f"mend {code}", 78) for code in ("hook", "no-bridge")]
    blocked = Blocked(found)
    assert (blocked.message, blocked.remedy) == ("no-bridge is wrong", "mend no-bridge")
    assert [(each.message, each.remedy) for each in blocked.others] == [("hook is wrong", "mend hook")]
    assert blocked.codes == {"hook", "no-bridge"}


@pytest.mark.parametrize(
    ("dry_run", "changes", "tried"), [(False, ["x"], True), (False, [], False), (True, ["x"], False)]
)
def test_fencing_is_tried_only_before_something_of_it_is_written(
    site: Site, mocker: MockerFixture, dry_run: bool, changes: list[str], tried: bool
) -> None:
    run = Run(site, MagicMock(), dry_run=dry_run)
    read = mocker.patch.object(type(site.cluster), "read", return_value="the CIB")
    edit = mocker.patch.object(fencing, "edit", return_value=changes)
    proof = mocker.patch.object(fencing, "refuse_unproved")
    run.try_fencing()
    assert [call.args for call in proof.call_args_list] == ([(site,)] if tried else [])
    assert [call.args for call in edit.call_args_list] == ([] if dry_run else [(site, "the CIB")])
    assert read.called != dry_run
    assert run.screen.progress.called == tried  # type: ignore[attr-defined]
