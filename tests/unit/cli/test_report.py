"""`report`: the page as a parser of HTML reads it, and the numbers; a browser looks in tests/browser."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from snow_ha_plugin.cli import page
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer.problem import Spread
from snow_ha_plugin.core.codes import TABLE
from snow_ha_plugin.core.configure import acceptance
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.core.reports.health import NPlus1, Standing
from snow_ha_plugin.core.reports.overview import overview
from snow_ha_plugin.system import pacemaker, record
from tests.captures import capture, guide_cluster
from tests.scenarios import cluster
from tests.unit.cli.conftest import Ended, Files

VOID = {"meta", "link", "br"}


class Reader(HTMLParser):
    """What is in a page: texts by element, attributes, and whether each element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def values(self, attribute: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == attribute]


def report(files: Files, *words: str) -> Ended:
    return files.run("report", "--cib", str(files.cib), "--domains-dir", str(files.domains), *words)


def read(files: Files) -> Reader:
    path = files.directory / "page.html"
    ended = report(files, "--html", str(path))
    assert (ended.status, ended.out, ended.err) == (0, f"[*] put the page into {path}\n", "")
    return Reader(path.read_text())


def drawn(*events: Event, missing: str = "", every: int = 0, case: str = "guide-domains") -> Reader:
    tree = cib.parse(capture(f"cibadmin-2.1.5-{case}.xml"))
    view = overview(tree, pacemaker.state(tree), None, {})
    return Reader(page.render(page.Sheet(tree, view, events, missing, time.time(), "snow01", every)))


def ago(days: float) -> float:
    return time.time() - days * page.DAY_S


def test_the_verdict_stands_first_and_is_what_status_says(files: Files) -> None:
    said = files.run("status", "--cib", str(files.cib), "--domains-dir", str(files.domains)).out.splitlines()[0]
    word, _, summary = said.partition("  ")
    shown = read(files)
    before, found, _ = shown.text.partition(summary)
    assert found and before.endswith(f"{word} ")
    assert shown.text.startswith(f"{word}: ")
    assert shown.text.index("What to do") > len(before)


def test_each_server_domain_and_finding_is_there(files: Files) -> None:
    found = files.run("status", "--cib", str(files.cib), "--domains-dir", str(files.domains), "--json").json
    shown = read(files)
    for part in ("servers", "domains"):
        assert all(each["name"] in shown.texts for each in found[part])
    for finding in found["findings"]:
        assert {finding["id"]} <= set(shown.texts)
        assert finding["message"] in shown.text and finding["remedy"] in shown.text
    assert "40%" in shown.texts and "38%." in shown.texts


def test_a_finding_and_what_was_accepted_have_their_times(files: Files) -> None:
    shown = drawn(case="troubled")
    assert f"failed-there since {page.moment(1795351018)}" in shown.text
    files.run("accept", "no-fencing", "--cib", str(files.cib))
    (given,) = acceptance.acceptances(cib.parse(files.cib.read_bytes()))
    assert f"accepted {page.moment(given.since)} until {page.moment(given.until)}" in read(files).text


def test_nothing_of_it_comes_from_elsewhere(files: Files) -> None:
    shown = read(files)
    links = [value for name in ("src", "href", "action", "srcset", "data") for value in shown.values(name)]
    assert all(link.startswith(("#", "data:")) for link in links)
    text = (files.directory / "page.html").read_text()
    assert "http" not in text.replace("http-equiv", "") and "@import" not in text
    assert "default-src 'none'" in text


def test_pictures_have_words_and_sections_headings(files: Files) -> None:
    shown = read(files)
    roles = [value for tag, name, value in shown.attributes if (tag, name) == ("svg", "role")]
    labels = [value for tag, name, value in shown.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(roles) == len(labels) >= 2 and all(labels)
    assert any(label.startswith("snow01: 4 domains take 6.0 of 15.0 GiB") for label in labels)
    assert set(shown.values("aria-labelledby")) <= set(shown.values("id"))


@pytest.mark.parametrize("case", ["guide-domains", "troubled", "unconfigured", "moved-by-hand"])
def test_every_cluster_has_a_page(files: Files, case: str) -> None:
    files.cib.write_bytes(capture(f"cibadmin-2.1.5-{case}.xml"))
    read(files)


def test_what_others_wrote_is_text_and_no_html(files: Files) -> None:
    evil = '<script>alert("x")</script>'
    event = Event(ago(1), Kind.CHANGE, "options", "snow01", evil, by=f"root: {evil}")
    failed = Event(ago(1), Kind.FAILURE, "web01", "snow01", evil, ok=False)
    shown = drawn(event, failed)
    assert evil in shown.text
    assert sum(1 for tag in shown.attributes if tag[0] == "script") == 0


def test_passwords_of_fence_devices_stay_in_the_cluster(files: Files) -> None:
    device = (
        '<primitive id="bmc" class="stonith" type="fence_ipmilan"><instance_attributes id="bmc-a">'
        '<nvpair id="bmc-p" name="password" value="geheim"/></instance_attributes></primitive></resources>'
    )
    option = '<nvpair id="x" name="my-token" value="geheim"/></cluster_property_set>'
    text = files.cib.read_text().replace("</resources>", device, 1).replace("</cluster_property_set>", option, 1)
    files.cib.write_text(text)
    read(files)
    assert "geheim" not in (files.directory / "page.html").read_text()


def test_the_week_of_a_domain_is_drawn_and_told() -> None:
    moved = Event(ago(2), Kind.MIGRATE, "deploy01", "snow02", seconds=12, mib=2048)
    failed = Event(ago(1), Kind.FAILURE, "nis01", "snow02", "no image", ok=False)
    old = Event(ago(9), Kind.FAILURE, "maui01", "snow02", "long ago", ok=False)
    shown = drawn(old, moved, failed)
    assert "deploy01 migrated to snow02, 12 s, 2048 MiB" in shown.text
    assert "nis01 failed on snow02: no image" in shown.text
    assert any(label.startswith("deploy01: snow02 from ") for label in shown.values("aria-label"))
    assert "6 domains to which nothing happened" in shown.text


def test_failures_and_changes_are_told_newest_first_with_who_did_it() -> None:
    one = Event(ago(2), Kind.CHANGE, "web01", "snow01", "register web01", by="jane: snow-ha add web01")
    two = Event(ago(1), Kind.CHANGE, "web02", "snow01", "register web02", by="root: snow-ha add web02")
    shown = drawn(one, two).text
    assert shown.index("root: snow-ha add web02 register web02") < shown.index("jane: snow-ha add web01 register web01")


def test_what_fails_again_and_again_is_told_once() -> None:
    failures = [Event(ago(1) + n, Kind.FAILURE, "nis01", "snow02", "no image", ok=False) for n in range(200)]
    shown = drawn(*failures).text
    assert "nis01 failed on snow02: no image 200 times since" in shown


def test_of_many_failures_the_newest_are_told() -> None:
    failures = [Event(ago(1) + n, Kind.FAILURE, "nis01", "snow02", f"number{n}.", ok=False) for n in range(200)]
    shown = drawn(*failures).text
    assert "150 older ones are left out" in shown
    assert shown.count("number") <= page.MOST_FAILURES + page.MOST_MARKS
    assert "number199." in shown and "number100." not in shown


def test_a_week_of_256_domains_is_small_and_quick_to_draw() -> None:
    lines = [f"server snow0{number} 262144 64" for number in range(1, 5)]
    lines += [f"domain domain{number:04} 2048 2 on snow0{1 + number % 4}" for number in range(256)]
    tree = cluster.read("\n".join(lines) + "\n").tree
    view = overview(tree, pacemaker.state(tree), None, {})
    reason = "/sNow/domains/domain/disk.img is missing or not readable on this server"
    events = [
        Event(
            ago(day + 0.5), Kind.MIGRATE if day % 2 else Kind.FAILURE, domain.name, "snow02", reason, ok=bool(day % 2)
        )
        for day in range(page.DAYS - 1)
        for domain in view.domains
    ]
    began = time.process_time()
    text = page.render(page.Sheet(tree, view, events, "", time.time(), "snow01"))
    assert time.process_time() - began < 3
    assert len(text.encode()) < 1_000_000


def test_what_is_accepted_is_told_apart_and_what_it_means_beside(files: Files) -> None:
    assert TABLE["no-fencing"].cause in read(files).text
    accepted = files.run("accept", "no-fencing", "--cib", str(files.cib), "--domains-dir", str(files.domains))
    assert accepted.status == 0
    shown = read(files).text
    assert shown.startswith("HEALTHY: ")
    before, _, after = shown.partition("Accepted, and counted for nothing:")
    assert "no-fencing there is no fencing device" in after and "no-fencing" not in before


@pytest.mark.parametrize(("fullest", "told"), [(0.9, True), (0.5, False)])
def test_where_servers_are_uneven_it_says_what_to_type(fullest: float, told: bool) -> None:
    stands = Standing(Spread(fullest, 1.0, 0.1, 0.1), 0.47, NPlus1({}, (), (), True, ("snow01",)))
    tree = guide_cluster()
    view = overview(tree, pacemaker.state(tree), stands, {})
    shown = Reader(page.render(page.Sheet(tree, view, (), "", time.time(), "snow01"))).text
    assert ("snow ha balance --dry-run" in shown) == told


def test_an_empty_record_is_told() -> None:
    shown = drawn(missing="the shared file system does not answer").text
    assert "Nothing is recorded of these days. the shared file system does not answer." in shown


def test_a_page_that_is_kept_current_is_loaded_again() -> None:
    assert "300" in drawn(every=5).values("content")
    assert "refresh" not in drawn().values("http-equiv")


def test_numbers_for_prometheus_from_the_same_look(files: Files) -> None:
    path = files.directory / "snow-ha.prom"
    assert report(files, "--prometheus", str(path)).status == 0
    found = {family.name: family.samples for family in text_string_to_metric_families(path.read_text())}
    assert found["snow_ha_fullest_server_ratio"][0].value == pytest.approx(0.4)
    assert {sample.labels["server"] for sample in found["snow_ha_server_used_bytes"]} == {"snow01", "snow02"}


def test_the_age_of_a_fencing_test_is_in_the_numbers(files: Files) -> None:
    tested = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ago(1)))
    tree = cib.parse(files.cib.read_bytes())
    node = tree.find("configuration/nodes/node")
    cib.put_pairs(node, "instance_attributes", "n-t", {"snow-ha-fencing-tested": tested})
    files.cib.write_bytes(cib.serialize(tree))
    path = files.directory / "snow-ha.prom"
    report(files, "--prometheus", str(path))
    found = {family.name: family.samples for family in text_string_to_metric_families(path.read_text())}
    (sample,) = found["snow_ha_fencing_test_age_seconds"]
    assert sample.value == pytest.approx(page.DAY_S, abs=300)


def test_dry_run_writes_nothing(files: Files) -> None:
    path = files.directory / "page.html"
    ended = report(files, "--html", str(path), "--dry-run", "--json")
    assert ended.json["changes"][0]["message"] == f"put the page into {path}"
    assert not path.exists()


def test_what_to_write_must_be_said(files: Files) -> None:
    ended = report(files)
    assert (ended.status, ended.out) == (64, "")
    assert ended.err.startswith("[E] say what to write: --html FILE or --prometheus FILE")


def test_a_file_that_cannot_be_written_is_one_line(files: Files, tmp_path: Path) -> None:
    ended = report(files, "--html", str(tmp_path / "absent/page.html"))
    assert (ended.status, ended.out) == (69, "")
    assert ended.err.count("\n") == 1 and "cannot be written; No such file or directory" in ended.err


def test_a_page_of_a_file_is_not_kept_current(files: Files) -> None:
    ended = report(files, "--html", str(files.directory / "page.html"), "--every", "5")
    assert ended.status == 64 and "takes no --cib" in ended.err


@pytest.mark.parametrize("minutes", ["-1", "x", "1441"])
def test_minutes_are_a_number(files: Files, minutes: str) -> None:
    ended = report(files, "--html", "page.html", "--every", minutes)
    assert (ended.status, ended.err.count("\n")) == (64, 1)


@pytest.fixture
def live(files: Files, monkeypatch: pytest.MonkeyPatch) -> Files:
    """The cluster of the file as Pacemaker's own programs see it on snow01, which is its DC."""
    monkeypatch.setenv("CIB_file", str(files.cib))
    monkeypatch.setattr(record, "here", lambda: "snow01")
    tree = cib.parse(files.cib.read_bytes())
    tree.set("dc-uuid", next(node.id for node in cib.nodes(tree) if node.name == "snow01"))
    files.cib.write_bytes(cib.serialize(tree))
    return files


def elsewhere(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "here", lambda: "snow02")


def without_quorum(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.cib.write_text(files.cib.read_text().replace('have-quorum="1"', 'have-quorum="0"'))


def stopped(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.cib.unlink()


def test_the_dc_writes_what_is_kept_current(live: Files) -> None:
    page_file, numbers = live.directory / "page.html", live.directory / "x.prom"
    for kind, path in (("page", page_file), ("metrics", numbers)):
        ended = live.run("tend-report", kind, "5", str(path))
        assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert '<meta http-equiv="refresh" content="300">' in page_file.read_text()
    assert "snow_ha_verdict" in numbers.read_text()


@pytest.mark.parametrize("change", [elsewhere, stopped])
def test_another_server_leaves_the_page_alone_and_takes_its_old_numbers_away(
    live: Files, monkeypatch: pytest.MonkeyPatch, change: Callable[[Files, pytest.MonkeyPatch], None]
) -> None:
    page_file, numbers = live.directory / "page.html", live.directory / "x.prom"
    for path in (page_file, numbers):
        path.write_text("old")
    change(live, monkeypatch)
    assert live.run("tend-report", "page", "5", str(page_file)).status == 0
    assert live.run("tend-report", "metrics", "5", str(numbers)).status == 0
    assert page_file.read_text() == "old"
    assert not numbers.exists()


def test_without_quorum_the_page_is_left_to_others_as_long_as_there_are_any(
    live: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_file = live.directory / "page.html"
    page_file.write_text("of the others")
    without_quorum(live, monkeypatch)
    live.run("tend-report", "page", "5", str(page_file))
    assert page_file.read_text() == "of the others"
    os.utime(page_file, (time.time() - 601,) * 2)
    live.run("tend-report", "page", "5", str(page_file))
    assert "CANNOT TELL" in page_file.read_text()
