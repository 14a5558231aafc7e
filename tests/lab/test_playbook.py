"""What a page of the guide means to whoever plays it."""

from __future__ import annotations

import pytest

from tests.lab import playbook
from tests.lab.playbook import Command, Deed

PAGE = """\
# A page
<!-- lab: power-off snow02 -->
Text.

<!-- within 60 s -->
<!-- ends with 2 -->
```console
snow01# snow ha status
BROKEN ...
snow02# true
```

    snow01# not run
"""


def test_a_page_is_text_deeds_and_commands() -> None:
    assert list(playbook.steps(PAGE)) == [
        "# A page",
        Deed(2, ("power-off", "snow02")),
        "Text.",
        "",
        Command(8, "snow01", "snow ha status", ("BROKEN ...",), status=2, within_s=60),
        Command(10, "snow02", "true", ()),
        "",
        "    snow01# not run",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("```console\nsnow01# true\n", "no end"),
        ("```console\ntrue\n```\n", "no server"),
        ("<!-- lap: power-off snow02 -->\n", "not understood"),
        ("<!-- ends with -->\n", "not understood"),
    ],
)
def test_what_cannot_be_played_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(playbook.steps(text))


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (["a"], ["a"], True),
        (["a"], ["a", "b"], False),
        (["a", "..."], ["a", "b", "c"], True),
        (["a", "..."], ["a"], True),
        (["...", "b"], ["a", "c"], False),
        (["[...]  ... GiB"], ["[##..]  5.5 of 15 GiB"], True),
        (["a ... c"], ["a b d"], False),
        (["a.c"], ["abc"], False),
        (["a"], ["a   "], True),
    ],
)
def test_dots_stand_for_any_text_and_alone_for_any_lines(shown: list[str], printed: list[str], same: bool) -> None:
    assert playbook.matches(shown, printed) is same
