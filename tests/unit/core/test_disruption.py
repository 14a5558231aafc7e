from __future__ import annotations

import pytest

from snow_ha_plugin.core.reports import disruption
from snow_ha_plugin.core.reports.text import in_words

ROLE = {"a": "proxy", "b": "proxy", "c": "proxy"}


@pytest.mark.parametrize(
    ("before", "after", "serving", "told"),
    [
        ("ab=1,2", "ab=1,1", "13", [("1", "a b", True)]),
        ("ab=1,2", "ab=1,1", "1", [("1", "a b", False)]),
        ("ab=1,1", "ab=2,2", "23", [("2", "a b", False)]),
        ("abc=1,1,2", "abc=2,2,2", "23", [("2", "a b c", True)]),
        ("abc=1,2,3", "abc=1,2,2", "12", [("2", "b c", False)]),
        ("abc=1,2,3", "abc=1,2,3", "123", []),
        ("ab=1,2", "ab=1,-", "13", []),
    ],
    ids=["avoidable", "one-server-left", "as-before", "a-third-joins", "too-few-servers", "apart", "lost"],
)
def test_replicas_that_come_together_are_harm_where_another_server_would_keep_them_apart(
    before: str, after: str, serving: str, told: list[tuple[str, str, bool]]
) -> None:
    found = disruption.sharing(places(before), places(after), ROLE, serving)
    assert [(one.server, " ".join(one.domains), one.is_harm) for one in found] == told


def places(text: str) -> dict[str, str | None]:
    names, servers = text.split("=")
    return {name: None if server == "-" else server for name, server in zip(names, servers.split(","), strict=True)}


@pytest.mark.parametrize(
    ("names", "text"), [("", ""), ("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcde", "a, b and 3 more")]
)
def test_names_in_words(names: str, text: str) -> None:
    assert in_words(names, 2 if len(names) > 3 else None) == text


def test_names_of_a_set_are_told_by_name() -> None:
    """A set of texts has another order in each run of the program."""
    assert in_words({f"web{number:02}" for number in range(20)}, 2) == "web00, web01 and 18 more"
