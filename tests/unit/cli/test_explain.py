from __future__ import annotations

import pytest

from snow_ha_plugin.core.codes import TABLE
from tests.unit.cli.conftest import Files


def test_a_code_has_its_page(files: Files) -> None:
    ended = files.run("explain", "No-Fencing")
    entry = TABLE["no-fencing"]
    assert ended.status == 0
    assert ended.out.splitlines()[0] == f"no-fencing  error: {entry.title}"
    for text in (entry.cause, entry.remedy):
        assert text in " ".join(ended.out.split())


@pytest.mark.parametrize(("code", "is_told"), [("xendomains", True), ("no-fencing", False)])
def test_what_check_fix_does_something_about_says_so(files: Files, code: str, is_told: bool) -> None:
    assert ("snow ha check --fix does what is safe of it" in files.run("explain", code).out) == is_told


@pytest.mark.parametrize("code", [None, *TABLE])
def test_no_line_is_longer_than_a_terminal(files: Files, code: str | None) -> None:
    ended = files.run("explain", *([code] if code else []))
    assert max(map(len, ended.out.splitlines())) <= 80


def test_without_a_code_all_are_listed(files: Files) -> None:
    told = files.run("explain").out.split()
    assert all(code in told for code in TABLE)
    assert [found["code"] for found in files.run("explain", "--json").json["findings"]] == list(TABLE)


@pytest.mark.parametrize(
    ("typed", "told"), [("no-fencig", "did you mean no-fencing"), ("zzz", "snow ha explain lists them")]
)
def test_a_mistyped_code_is_told_the_nearest(files: Files, typed: str, told: str) -> None:
    ended = files.run("explain", typed)
    assert (ended.status, ended.out) == (105, "")
    assert ended.err == f"[E] there is no finding {typed}; {told}\n"
