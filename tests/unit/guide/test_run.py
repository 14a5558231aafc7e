"""What a run looks at, how often, and what of it still holds once something was mended."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest

from snow_ha_plugin.errors import SnowHaError, UnavailableError
from snow_ha_plugin.guide.run import Run
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
