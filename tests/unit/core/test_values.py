"""Values are read as the Pacemaker that is installed reads them: its scheduler is asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import values
from snow_ha_plugin.core.cib.values import INFINITY
from snow_ha_plugin.core.configure import cluster_options, fencing
from snow_ha_plugin.core.reports import findings
from snow_ha_plugin.model import Node
from tests.captures import guide_cluster

TIMES = [
    "120", "0", "120s", "120 s", " 120s ", "2min", "2m", "2minutes", "2h", "2hr", "2H", "7200000ms", "7200000 msec",
    "1.5s", "10S", "3Min", "1h30m", "1000000s",
]  # fmt: skip
# And "+5s", which Pacemaker 3.0 reads and 2.1 does not.
NO_TIMES = ["-5s", "abc", "5x", "5d", "s", "P", "PT", "p1h"]
BOOLEANS = ["true", "yes", "on", "1", "y", "TRUE", "Yes", "false", "no", "off", "0", "n", "t", "2", "maybe", "f"]
SCORES = [
    "0", "100", "-100", "+100", "INFINITY", "-INFINITY", "+INFINITY", "1000001", "-1000001", "5x", "1.5", " 5", "abc",
    "infinity",
]  # fmt: skip

CIB = """<cib validate-with="none" crm_feature_set="3.16.1" have-quorum="1" admin_epoch="0" epoch="1" num_updates="0">
<configuration><crm_config><cluster_property_set id="c"><nvpair id="c1" name="stonith-enabled" value="false"/>
</cluster_property_set></crm_config><nodes><node id="1" uname="a"/></nodes><resources>{}</resources><constraints>{}
</constraints></configuration><status>
<node_state id="1" uname="a" in_ccm="true" crmd="online" join="member" expected="member"/></status></cib>"""


def simulated(tmp_path: Path, resources: list[str], constraints: list[str] | None = None) -> tuple[str, etree._Element]:
    """What crm_simulate prints of scores, and the graph of what it would do."""
    path, graph = tmp_path / "cib.xml", tmp_path / "graph.xml"
    path.write_text(CIB.format("".join(resources), "".join(constraints or ())))
    argv = ["crm_simulate", "--xml-file", str(path), "--run", "--show-scores", f"--save-graph={graph}"]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return shown, etree.parse(graph).getroot()


def dummy(number: int, inside: str) -> str:
    return f'<primitive id="r{number}-" class="ocf" provider="pacemaker" type="Dummy">{inside}</primitive>'


def started(graph: etree._Element) -> dict[int, etree._Element]:
    """By number, the attributes of each start."""
    found = {}
    for action in graph.iter("rsc_op"):
        if action.get("operation") == "start":
            found[int(action.find("primitive").get("id")[1:-1])] = action.find("attributes")
    return found


def test_times_are_those_of_pacemaker(tmp_path: Path) -> None:
    texts = TIMES + NO_TIMES
    operation = '<operations><op id="o{0}" name="start" interval="0s" timeout="{1}"/></operations>'
    _, graph = simulated(tmp_path, [dummy(n, operation.format(n, text)) for n, text in enumerate(texts)])
    found = started(graph)
    read = {text: int(found[n].get("CRM_meta_timeout")) for n, text in enumerate(texts)}
    # 0 is no timeout to Pacemaker's own default, which is that of what it cannot read.
    assert {text: -(-read[text] // 1000) for text in TIMES if text != "0"} == {
        text: values.interval_s(text) for text in TIMES if text != "0"
    }
    assert [values.interval_s(text) for text in NO_TIMES] == [None] * len(NO_TIMES)
    assert {read[text] for text in NO_TIMES} == {read["abc"]}


@pytest.mark.parametrize(("text", "seconds"), [("PT2H", 7200), ("PT120S", 120), ("PT1H1M1S", 3661), ("2h", 7200)])
def test_intervals_may_be_durations(tmp_path: Path, text: str, seconds: int) -> None:
    operation = f'<operations><op id="o" name="monitor" interval="{text}" timeout="5s"/></operations>'
    _, graph = simulated(tmp_path, [dummy(0, operation)])
    intervals = {each.get("CRM_meta_interval") for each in graph.iter("attributes")} - {None}
    assert intervals == {str(seconds * 1000)}
    assert values.interval_s(text) == seconds


def test_booleans_are_those_of_pacemaker(tmp_path: Path) -> None:
    """is-managed, which is true where Pacemaker cannot read it: what is not managed is not started."""
    meta = '<meta_attributes id="m{0}"><nvpair id="v{0}" name="is-managed" value="{1}"/></meta_attributes>'
    _, graph = simulated(tmp_path, [dummy(n, meta.format(n, text)) for n, text in enumerate(BOOLEANS)])
    read = {text: n in started(graph) for n, text in enumerate(BOOLEANS)}
    words = [text for text in BOOLEANS if text not in ("t", "2", "maybe", "f")]
    assert {text: read[text] for text in words} == {text: values.boolean(text) for text in words}
    assert all(values.boolean(text, default=True) and not values.boolean(text) for text in ("t", "2", "maybe", "f"))


def test_scores_are_those_of_pacemaker(tmp_path: Path) -> None:
    rule = '<rsc_location id="l{0}" rsc="r{0}-" node="a" score="{1}"/>'
    constraints = [rule.format(n, text) for n, text in enumerate(SCORES)]
    shown, _ = simulated(tmp_path, [dummy(n, "") for n in range(len(SCORES))], constraints)
    read: dict[str, object] = {}
    for line in shown.splitlines():
        words = line.split()
        if words[1:2] and "allocation score on a:" in line:
            name = next(word for word in words if word.startswith("r") and word.endswith("-"))
            read.setdefault(SCORES[int(name[1:-1])], values.score(words[-1]))
    assert read == {text: values.score(text) for text in SCORES}


# --- and everywhere so


def with_option(name: str, value: str) -> cib.Tree:
    tree = guide_cluster()
    cib.put_option(tree, cluster_options.OPTIONS_ID, name, value)
    return tree


@pytest.mark.parametrize("text", ["2min", "120000ms", "PT2M", " 120 s"])
def test_a_timeout_is_read_in_whatever_words_it_is(text: str) -> None:
    tree = guide_cluster()
    operation = cib.resource(tree, "nis01").find("operations/op[@name='migrate_to']")
    operation.set("timeout", text)
    assert cib.operation_timeout_s(tree, "nis01", "migrate_to", 7) == 120


@pytest.mark.parametrize("value", ["Off", "no", "0"])
def test_fencing_is_off_in_whatever_words_it_is(value: str) -> None:
    assert fencing.way(with_option("stonith-enabled", value)) == fencing.NONE


@pytest.mark.parametrize(("value", "diskless"), [("0", False), ("0ms", False), ("0min", False), ("10", True)])
def test_a_watchdog_without_a_device_is_somebody_elses_fencing(value: str, diskless: bool) -> None:
    tree = with_option("stonith-watchdog-timeout", value)
    cib.put_option(tree, cluster_options.OPTIONS_ID, "stonith-enabled", "true")
    assert fencing.is_by_hand(tree) is diskless


def test_quorum_is_ignored_in_whatever_case_it_is_written() -> None:
    found = findings.of_configuration(with_option("no-quorum-policy", "Ignore"))
    assert "no-quorum-ignored" in {finding.id for finding in found}


@pytest.mark.parametrize(("value", "on"), [("true", True), ("yes", True), ("false", False), ("no", False)])
def test_standby_is_a_boolean(value: str, on: bool) -> None:
    tree = guide_cluster()
    node: Node = cib.nodes(tree)[0]
    cib.put_standby(tree, node.name, on=True)
    tree.find("configuration//nvpair[@name='standby']").set("value", value)
    before = cib.serialize(tree)
    assert cib.put_standby(tree, node.name, on=on) is False
    assert cib.serialize(tree) == before


def test_infinity_is_where_sums_end() -> None:
    assert values.score("INFINITY") == INFINITY == -values.score("-1000001")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1ms", 1), ("1000ms", 1), ("1001ms", 2), ("1us", 1), ("2000000us", 2), ("5", 5), ("0", 0), ("3m", 180),
        ("PT1H", 3600), ("PT2M", 120), ("PT3S", 3), ("PT1H2M3S", 3723), ("PT", None), ("P1D", None), ("PT1Sx", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_time_is_rounded_up_to_seconds(text: str, seconds: int | None) -> None:
    assert values.interval_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("007", 7), ("2147483647", 2147483647), ("2147483648", None), ("00000000001", None), ("-1", None),
        ("1.5", None), ("", None), (None, None), ("\u0663", None), ("\u00b2", None),
    ],
)  # fmt: skip
def test_a_size_is_a_whole_number_that_an_int_of_c_holds(text: str | None, size: int | None) -> None:
    assert values.whole(text) == size


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("INFINITY", 1_000_000), ("+INFINITY", 1_000_000), ("-INFINITY", -1_000_000), ("999999", 999_999),
        ("1000001", 1_000_000), ("-999999", -999_999), ("-1000001", -1_000_000), ("+5", 5), (" 5", 5), ("x", 0),
        ("", 0), (None, 0),
    ],
)  # fmt: skip
def test_a_score_is_cut_off_at_a_million(text: str | None, score: int) -> None:
    """Pacemaker Explained, "Infinity Math"."""
    assert values.score(text) == score


@pytest.mark.parametrize(("role", "stopped"), [("Stopped", True), ("stopped", True), ("Started", False), ("", False)])
def test_a_role_stops_in_whatever_case_it_is_written(role: str, stopped: bool) -> None:
    assert values.is_stopped(role) is stopped


@pytest.mark.parametrize("word", ["true", "yes", "on", "1", "y", "TRUE", "On"])
def test_each_word_for_yes_is_one_whatever_the_default(word: str) -> None:
    assert values.boolean(word) is values.boolean(word, default=False) is True


@pytest.mark.parametrize("word", ["false", "no", "off", "0", "n", "FALSE", "Off"])
def test_each_word_for_no_is_one_whatever_the_default(word: str) -> None:
    assert values.boolean(word) is values.boolean(word, default=True) is False
