"""The page in a real browser."""

from __future__ import annotations

import time

import pytest

from snow_ha_plugin.cli import page
from snow_ha_plugin.core import cib
from tests.browser import week
from tests.browser.browser import look
from tests.captures import capture


def drawn(case: str, now: float | None = None) -> str:
    return page.render(week.sheet(cib.parse(capture(f"cibadmin-2.1.5-{case}.xml")), now=now))


@pytest.mark.parametrize("width", [375, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_can_be_read_and_has_no_error(scheme: str, width: int) -> None:
    seen = look(drawn("troubled"), width, scheme)
    assert seen.errors == ()
    assert seen.width == width
    assert seen.needed <= width
    assert seen.pale == ()
    assert seen.old == ""


def test_an_old_page_says_so() -> None:
    seen = look(drawn("guide-domains", now=time.time() - 7200), 375)
    assert seen.old.startswith("This page is 2 h old")
    assert (seen.errors, seen.pale) == ((), ())
    assert seen.needed <= 375


def test_what_is_wrong_with_a_page_is_seen() -> None:
    bad = (
        '<p style="width:2000px; color:#999; background:#fff">wide and pale</p><img src="http://localhost:1/x.png">'
        "<script>nosuchfunction()</script></main>"
    )
    seen = look(drawn("guide-domains").replace("</main>", bad), 1440)
    assert seen.needed >= 2000
    assert [text.rpartition(" ")[0] for text in seen.pale] == ["wide and pale"]
    assert any("nosuchfunction" in error for error in seen.errors)
    assert any("img-src" in error for error in seen.errors)
