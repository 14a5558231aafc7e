"""The dashboard of docs/ asks for what both exporters give.

Their samples are what they served: node_exporter had WRITTEN in the directory of its textfile collector.
"""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.reports import metrics, verdict
from snow_ha_plugin.model import Severity
from tests.captures import DATA, capture
from tests.unit.core.test_metrics import VIEW

DASHBOARD = json.loads((Path(__file__).parents[2] / "docs/grafana-dashboard.json").read_text())
PANELS = DASHBOARD["panels"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
EXPORTERS = sorted(path.name for path in DATA.glob("ha_cluster_exporter-*.txt"))
NODE_EXPORTERS = sorted(path.name for path in DATA.glob("node_exporter-*.txt"))

Samples = dict[str, list[dict[str, str]]]


def samples(text: str) -> Samples:
    """The labels of each sample, by the metric's name."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


ACCEPTED = (VIEW.findings[1], Acceptance("held", "", Severity.WARNING, 0, 1))
FULL = VIEW._replace(accepted=(ACCEPTED,))
WRITTEN = metrics.text(FULL, verdict.of(FULL), {"snow01": 0.0}, 1.0)
OURS = samples(WRITTEN)


def values(text: str) -> dict[tuple[str, str], float]:
    """The value of each sample, by its name and labels."""
    return {
        (sample.name, json.dumps(sample.labels, sort_keys=True)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("exporter", NODE_EXPORTERS)
def test_node_exporter_gives_what_we_have_written(exporter: str) -> None:
    served = values(capture(exporter).decode())
    assert served["node_textfile_scrape_error", "{}"] == 0
    assert values(WRITTEN) == {key: value for key, value in served.items() if key[0].startswith("snow_ha_")}


def asked(expression: str) -> list[tuple[str, dict[str, str]]]:
    """The metrics of an expression, each with the labels that it must have."""
    found = re.findall(r"\b((?:snow_ha|ha_cluster)_\w+)(?:\{([^}]*)\})?", expression)
    return [(name, dict(re.findall(r'(\w+)="([^"]*)"', labels))) for name, labels in found]


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_that_is_asked_for_is_in_real_samples(expression: str, exporter: str) -> None:
    known = OURS | samples(capture(exporter).decode())
    assert asked(expression)
    for name, labels in asked(expression):
        assert any(labels.items() <= given.items() for given in known.get(name, [])), name


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_what_it_groups_by_is_a_label(exporter: str) -> None:
    known = OURS | samples(capture(exporter).decode())
    grouped = [found for expression in EXPRESSIONS for found in re.findall(r"by \(([^)]*)\) \((\w+)", expression)]
    assert len(grouped) >= 8
    for labels, name in grouped:
        for label in labels.split(", "):
            assert name not in known or all(label in given for given in known[name]), (name, label)


def test_both_versions_of_debian_have_a_sample() -> None:
    assert [name.split("-")[1] for name in EXPORTERS] == ["1.3.1", "1.4.0"]
    assert [name.split("-")[1] for name in NODE_EXPORTERS] == ["1.5.0", "1.9.0"]


def test_what_snow_ha_gives_is_shown() -> None:
    shown = {name for expression in EXPRESSIONS for name, _ in asked(expression)}
    left_out = {"snow_ha_fencing", "snow_ha_findings_accepted"}
    assert OURS.keys() - shown <= left_out


def test_panels_do_not_overlap_and_have_their_own_ids() -> None:
    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        at = panel["gridPos"]
        return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}

    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert all(not cells(one) & cells(other) for one, other in combinations(PANELS, 2))
    assert all(x < 24 for panel in PANELS for x, _ in cells(panel))


def test_the_guide_tells_of_every_number() -> None:
    guide = (Path(__file__).parents[2] / "docs/guide/monitoring.md").read_text()
    assert OURS.keys() == set(re.findall(r"`(snow_ha_\w+)", guide))
