from __future__ import annotations

import time

import click
import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.cli import status as status_verb
from snow_ha_plugin.cli import status_view
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.core.reports import verdict
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.core.reports.overview import DomainView, FencingView, Overview, overview
from snow_ha_plugin.core.reports.verdict import Verdict, Word
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import FailedAction, MigrationProgress
from snow_ha_plugin.operations import sight
from snow_ha_plugin.system import pacemaker
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from snow_ha_plugin.system.record import Record
from tests.captures import capture, guide_cluster
from tests.unit.cli.conftest import Ended, Files

KEYS = {
    "servers": {"name", "online", "unseen", "standby", "maintenance", "domains", "memory_mib"},
    "domains": {"name", "state", "server", "managed", "memory_mib", "vcpus", "since", "watch", "migration"},
    "floating_ips": {"address", "server"},
    "findings": {"severity", "id", "subject", "message", "remedy", "since"},
}


def status(files: Files, *words: str) -> Ended:
    return files.run("status", "--cib", str(files.cib), "--domains-dir", str(files.domains), *words)


def test_json_has_the_shape_that_others_rely_on(files: Files) -> None:
    ended = status(files, "--json")
    assert (ended.status, ended.err) == (0, "")
    assert set(ended.json) == {
        "verdict",
        "servers",
        "domains",
        "floating_ips",
        "fencing",
        "findings",
        "accepted",
        "balance",
        "about",
    }
    for part, keys in KEYS.items():
        assert ended.json[part]
        assert all(set(item) == keys for item in ended.json[part])
    assert set(ended.json["fencing"]) == {"enabled", "way", "devices", "tested"}
    assert set(ended.json["balance"]) == {
        "lower_bound", "peak_memory", "peak_vcpus", "deviation_memory", "deviation_vcpus",
        "n_plus_1", "stranded", "unasked",
    }  # fmt: skip
    assert [set(server["memory_mib"]) for server in ended.json["servers"]] == [{"capacity", "used"}] * 2


def test_json_tells_where_each_domain_runs(files: Files) -> None:
    shown = status(files, "--json").json
    places = {domain["name"]: domain["server"] for domain in shown["domains"]}
    assert {domain["state"] for domain in shown["domains"]} == {"running"}
    for server in shown["servers"]:
        assert server["online"]
        assert set(server["domains"]) == {name for name, place in places.items() if place == server["name"]}


def test_the_first_line_is_the_verdict_and_the_last_what_to_do(files: Files) -> None:
    ended = status(files)
    first, *servers = ended.out.splitlines()[:3]
    assert first == "DEGRADED  2 of 2 servers, 8 of 8 domains, any one server may fail"
    assert [line.split()[:3] for line in servers] == [
        ["snow01", "online", "[###.....]"],
        ["snow02", "online", "[###.....]"],
    ]
    assert "fencing: NONE" in ended.out
    assert ended.out.splitlines()[-2].startswith("ERROR no-fencing  there is no fencing device")
    assert ended.out.splitlines()[-1].startswith("      do: ")
    assert ended.status == 1
    assert "\x1b" not in ended.out


@pytest.mark.parametrize(
    ("case", "word", "exit_code"),
    [
        ("2.1.5-guide-domains", "DEGRADED", 1),
        ("2.1.5-troubled", "BROKEN", 2),
        ("2.1.5-unconfigured", "NOT ENABLED", 3),
    ],
)
def test_the_word_and_the_exit_status(files: Files, case: str, word: str, exit_code: int) -> None:
    files.cib.write_bytes(capture(f"cibadmin-{case}.xml"))
    ended = status(files)
    assert (ended.out.partition("  ")[0], ended.status) == (word, exit_code)
    checked = status(files, "--check")
    assert checked.status == exit_code
    words = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
    assert checked.out.startswith(f"{words[exit_code]} - {word.lower()}: ")
    assert checked.out.count("\n") == 1
    assert status(files, "--json").json["verdict"]["word"] == word.lower()


def healthy(files: Files) -> None:
    """With a device that could fence, the cluster lacks nothing."""
    device = '<primitive id="ipmi" class="stonith" type="fence_ipmilan"/></resources>'
    files.cib.write_text(files.cib.read_text().replace("</resources>", device, 1))
    option = '<nvpair id="stonith" name="stonith-enabled" value="true"/></cluster_property_set>'
    text = files.cib.read_text().replace('name="stonith-enabled" value="false"', 'name="stonith-enabled" value="true"')
    files.cib.write_text(text if '"stonith-enabled"' in text else text.replace("</cluster_property_set>", option, 1))


def test_one_line_where_all_is_well_and_all_where_not(files: Files) -> None:
    assert len(status(files, "-x").out.splitlines()) > 3
    healthy(files)
    ended = status(files, "-x")
    assert (ended.out, ended.status) == ("HEALTHY  2 of 2 servers, 8 of 8 domains, any one server may fail\n", 0)


def test_no_quorum_is_not_known(files: Files) -> None:
    healthy(files)
    files.cib.write_text(files.cib.read_text().replace('have-quorum="1"', 'have-quorum="0"'))
    ended = status(files)
    assert ended.out.startswith("CANNOT TELL  2 of 2 servers, no quorum")
    assert ended.status == 3


def test_eighty_columns_are_enough_and_no_name_is_cut(files: Files) -> None:
    tree = cib.parse(files.cib.read_bytes())
    view = overview(tree, pacemaker.state(tree), None, {})
    shown = [click.unstyle(line) for line in status_view.lines(view, verdict.of(view), 80, 0.0)]
    assert max(map(len, shown)) <= 80
    words = " ".join(shown).split()
    assert all(domain.name in words for domain in view.domains)


def test_a_domain_is_described_with_what_each_server_says(files: Files) -> None:
    ban = '<rsc_location id="no" rsc="nis01" node="snow01" score="-INFINITY"/></constraints>'
    text = files.cib.read_text()
    files.cib.write_text(
        text.replace("</constraints>", ban)
        if "</constraints>" in text
        else text.replace("<constraints/>", "<constraints>" + ban)
    )
    ended = status(files, "nis01")
    lines = ended.out.splitlines()
    assert lines[0].startswith("nis01  running on snow02")
    assert "  snow01: may not run there: the rule no keeps nis01 off snow01" in lines
    assert any(line.startswith("  snow02: runs there, score ") for line in lines)
    assert any(line.startswith("constraint  no  ") for line in lines)


def test_what_a_guest_is_watched_by_is_shown(files: Files) -> None:
    files.write_domain("web01", "name='web01'\nmemory=512\nvif=['ip=10.9.0.7']")
    assert files.add("web01", "--watch", "tcp:22").status == 0
    assert "watched by tcp:22, and restarted when that fails twice in a row" in status(files, "web01").out
    watched = {domain["name"]: domain["watch"] for domain in status(files, "--json").json["domains"]}
    assert {name: watch for name, watch in watched.items() if watch} == {"web01": "tcp:22"}


def test_a_server_is_described_with_its_domains(files: Files) -> None:
    lines = status(files, "snow02").out.splitlines()
    assert lines[0].startswith("snow02  online; 5632 of 15360 MiB [###.....]")
    assert lines[1] == "  last fencing test: never"
    assert sorted(line.split()[0] for line in lines[2:6]) == ["deploy01", "maui01", "nis01", "proxy01"]


def test_a_name_that_is_nothing_is_refused(files: Files) -> None:
    ended = status(files, "snow09")
    assert (ended.status, ended.out) == (105, "")
    assert "there is no domain or server snow09" in ended.err


def test_why_a_domain_is_down_is_told_in_its_agents_words(files: Files) -> None:
    tree = cib.parse(files.cib.read_bytes())
    state = pacemaker.state(tree)
    gone = tuple(each._replace(servers=(), role="Stopped") if each.id == "nis01" else each for each in state.resources)
    failure = FailedAction("nis01", "snow02", "start", "/sNow/domains/nis01/disk.img is missing", 1000)
    view = overview(tree, state._replace(resources=gone, failures=(failure,)), None, {})
    assert verdict.of(view) == Verdict(
        Word.BROKEN, "2 of 2 servers, 7 of 8 domains, nobody knows whether a server may fail"
    )
    shown = [click.unstyle(line) for line in status_view.lines(view, verdict.of(view), 200, 1120.0)]
    assert "nis01  DOWN" in shown
    moment = time.strftime("%H:%M:%S", time.localtime(1000))
    told = f"nis01 is down: start on snow02 failed: /sNow/domains/nis01/disk.img is missing (since {moment}, 2 min)"
    assert f"ERROR domain-down  {told}" in shown


def test_watching_needs_a_terminal(files: Files) -> None:
    for words in (("--watch",), ("--watch", "--json")):
        ended = status(files, *words)
        assert (ended.status, ended.out) == (64, "")


def test_a_domain_by_hand_is_shown_with_the_size_of_its_file(files: Files) -> None:
    other = '<primitive id="web01" class="ocf" provider="heartbeat" type="Xen"/></resources>'
    files.cib.write_text(files.cib.read_text().replace("</resources>", other))
    (shown,) = [found for found in status(files, "--json").json["domains"] if found["name"] == "web01"]
    assert (shown["memory_mib"], shown["vcpus"]) == (512, 2)


def test_the_balance_is_the_one_that_balance_begins_with(files: Files) -> None:
    shown = status(files, "--json").json["balance"]
    plan = files.run("balance", "--cib", str(files.cib), "--dry-run", "--json").json
    assert (shown["peak_memory"], shown["lower_bound"]) == (plan["before"]["peak_memory"], plan["lower_bound"])
    assert (shown["n_plus_1"], shown["stranded"]) == (True, [])
    ended = status(files)
    assert f"memory of the fullest server {shown['peak_memory']:.0%}, at best" in ended.out
    assert "any one server may fail" in ended.out.splitlines()[0]


def test_where_a_server_may_not_fail_its_domains_are_named(files: Files) -> None:
    files.cib.write_text(
        files.cib.read_text().replace('name="hv_memory" value="4096"', 'name="hv_memory" value="9999"')
    )
    ended = status(files, "--json")
    assert ended.status == 0
    assert ended.json["balance"]["n_plus_1"] is False
    stranded = ended.json["balance"]["stranded"]
    assert any("monitor01" in one["domains"] for one in stranded)
    told = [finding["message"] for finding in ended.json["findings"] if finding["id"] == "no-n+1"]
    assert [one["server"] in message for one, message in zip(stranded, told, strict=True)] == [True] * len(stranded)
    assert "not every server may fail" in status(files).out.splitlines()[0]


@pytest.mark.parametrize(
    ("old", "new", "id"),
    [
        ('name="hv_memory" value="512"', 'name="hv_memory" value="-512"', "balance-unknown"),
        ('name="hv_memory" value="512"', 'name="other" value="1"', "n+1-unknown"),
    ],
    ids=["negative-size", "size-unknown"],
)
def test_a_cib_that_the_balancer_does_not_take_has_a_status_all_the_same(
    files: Files, old: str, new: str, id: str
) -> None:
    files.cib.write_text(files.cib.read_text().replace(old, new))
    ended = status(files, "--json")
    assert (ended.status, ended.err) == (0, "")
    assert len(ended.json["domains"]) == 8
    assert id in [finding["id"] for finding in ended.json["findings"]]
    assert (ended.json["balance"] or {}).get("n_plus_1") is None
    assert "nobody knows whether a server may fail" in status(files).out


def test_a_migration_is_shown_with_how_far_it_is() -> None:
    progress = MigrationProgress("snow02", 120, 512, 60)
    domain = DomainView("nis02", "migrating", "snow01", True, 512, 1, None, progress)
    view = Overview(True, (), (domain,), (), FencingView(True, (), "by-hand", {}), None, ())
    told = verdict.of(view)
    (line,) = [line for line in status_view.lines(view, told, 80, 0.0) if line.startswith("nis02")]
    assert line == "nis02  migrating  snow01 > snow02  [##......] 120 of 512 MiB, 60 MiB/s, 6 s left"
    (shown,) = status_verb._json(view, told)["domains"]
    assert shown["migration"] == {"target": "snow02", "sent_mib": 120, "memory_mib": 512, "mib_per_s": 60}


def test_status_changes_nothing(files: Files) -> None:
    before = files.cib.read_bytes()
    status(files)
    assert files.cib.read_bytes() == before


def test_only_of_domains_that_are_kept_stopped_the_files_are_looked_at() -> None:
    tree = guide_cluster()
    intent.want(tree, ["nis01"], "Stopped")
    assert sight._stopped(tree) == {"nis01": cib.domains(tree)["nis01"].parameters["xmfile"]}


def test_watching_goes_on_where_nothing_can_be_asked(files: Files) -> None:
    class Dying(ClusterInFile):
        answers = 1

        def read(self) -> cib.Tree:
            if not self.answers:
                raise UnavailableError("Pacemaker does not run on this server", remedy="start it: snow ha start")
            self.answers -= 1
            return super().read()

    cluster = Dying(files.cib)
    assert next(status_verb._drawn(cluster, files.domains, "nis01")).startswith("nis01  running on snow02")
    for _ in range(2):
        shown = [click.unstyle(line) for line in status_verb._drawn(cluster, files.domains, "nis01")]
        assert shown == ["CANNOT TELL  Pacemaker does not run on this server; start it: snow ha start"]
    cluster.answers = 1
    assert click.unstyle(next(status_verb._drawn(cluster, files.domains, None))).startswith("DEGRADED  2 of 2 servers")


def test_a_cleanup_makes_no_domain_younger(files: Files, mocker: MockerFixture) -> None:
    """Pacemaker then knows only when it has looked anew; the record knows when the domain came there."""
    came = Event(1_700_000_000, Kind.MIGRATE, "nis01", "snow02", "from snow01")
    past = mocker.patch.object(ClusterInFile, "past", return_value=Record((came,)))

    def since() -> int:
        found: int = next(each["since"] for each in status(files, "--json").json["domains"] if each["name"] == "nis01")
        return found

    first = since()
    past.assert_not_called()
    tree = cib.parse(files.cib.read_bytes())
    (start,) = tree.xpath("//lrm_resource[@id='nis01']/lrm_rsc_op[@operation='start']")
    start.getparent().remove(start)
    files.cib.write_bytes(cib.serialize(tree))
    assert since() == came.at
    assert past.call_count == 1
    cib.put_standby(tree, "snow01", on=True)
    files.cib.write_bytes(cib.serialize(tree))
    assert since() == came.at
    assert past.call_count == 2, "the record is read once, for the finding without a date too"
    past.return_value = Record(())
    assert since() >= first
