"""Debian's Chromium without a screen: what it finds wrong with a page, at a width and in a colour scheme."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "chromium-headless-shell"
SCHEMES = {"dark": 0, "light": 1}

# WCAG 2.1, 1.4.3: the contrast of text.
LEAST_CONTRAST = 4.5

# Runs in the page, before all else, and leaves what it has found in an attribute.
PROBE = """
<script>
(function () {
  var found = {errors: []};
  addEventListener("error", function (event) { found.errors.push(String(event.message)); }, true);
  addEventListener("securitypolicyviolation", function (event) { found.errors.push(event.violatedDirective); });
  function luminance(colour) {
    var parts = colour.map(function (part) {
      part /= 255;
      return part <= 0.04045 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4);
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  }
  function numbers(text) { return (text.match(/[0-9.]+/g) || []).map(Number); }
  function behind(element) {
    for (; element; element = element.parentElement) {
      var colour = numbers(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  }
  addEventListener("load", function () {
    found.width = document.documentElement.clientWidth;
    found.needed = document.documentElement.scrollWidth;
    found.pale = [];
    document.querySelectorAll("body *").forEach(function (element) {
      var text = element.firstChild;
      if (!text || text.nodeType !== 3 || !text.data.trim() || !element.getClientRects().length) return;
      if (element.closest("svg, script, style")) return;
      var front = luminance(numbers(getComputedStyle(element).color).slice(0, 3)), back = luminance(behind(element));
      var contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
      if (contrast < LEAST) found.pale.push(text.data.trim() + " " + contrast.toFixed(2));
    });
    found.old = document.getElementById("old").innerText;
    document.documentElement.setAttribute("data-found", JSON.stringify(found));
  });
})();
</script>
"""


@dataclass(frozen=True)
class Seen:
    """`needed` is how wide the page is drawn, `pale` the texts with too little contrast."""

    errors: tuple[str, ...]
    width: int
    needed: int
    pale: tuple[str, ...]
    old: str


def look(page: str, width: int, scheme: str = "light") -> Seen:
    head, opening, rest = page.partition("<head>")
    probed = head + opening + PROBE.replace("LEAST", str(LEAST_CONTRAST)) + rest
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "page.html")
        path.write_text(probed)
        shown = subprocess.run(
            [
                PROGRAM, "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
                f"--user-data-dir={directory}/profile", f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
                f"--window-size={width},2000", "--dump-dom", path.as_uri(),
            ],
            env=os.environ | {"HOME": directory}, capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    console = tuple(line for line in shown.stderr.splitlines() if "CONSOLE" in line)
    (found,) = re.findall(r'<html[^>]* data-found="([^"]*)"', shown.stdout)
    values = json.loads(html.unescape(found))
    return Seen((*values["errors"], *console), values["width"], values["needed"], tuple(values["pale"]), values["old"])
