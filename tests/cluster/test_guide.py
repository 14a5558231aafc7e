"""The guide's pages, played one after the other on two servers: each command runs, and prints what the page shows."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import playbook
from tests.lab.cluster import Lab
from tests.lab.site import build_site
from tests.lab.world import World

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide"
# From a site that has no cluster yet; each page leaves a healthy one behind.
IN_ORDER = (
    "first-hour", "fencing", "screens", "monitoring", "domain-down", "migration-fails", "maintenance", "backup",
    "cable-cut", "server-dies", "both-die",
)  # fmt: skip
# Pages that have commands for other sites only.
NOT_PLAYED = ("servers",)


@pytest.fixture(scope="module")
def site() -> Iterator[Lab]:
    with Lab.up(f"guide-{os.getpid()}", site=build_site) as lab:
        yield lab


@pytest.mark.parametrize("name", IN_ORDER)
def test_what_the_guide_shows_is_so(site: Lab, name: str) -> None:
    commands = playbook.play(GUIDE / f"{name}.md", site)
    assert commands > 0
    assert not World(site.world_dir).doubles()


def test_every_page_is_played() -> None:
    assert {page.stem for page in GUIDE.glob("*.md")} == {*IN_ORDER, *NOT_PLAYED}
