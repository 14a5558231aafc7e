"""`history` and `rollback` as a user sees them: on a record in a directory, and a CIB in a file."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.cli import options, output
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import probes
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.system import command, configurations, fencer, record, written
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.servers import Servers
from tests.captures import capture
from tests.chaos.test_views import HISTORY
from tests.schemas import agree
from tests.unit.cli.conftest import Files
from tests.unit.core.test_outside import history as changed_by_hand
from tests.unit.core.test_outside import option

HOUR_S = 3600


@pytest.fixture
def cluster(files: Files, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture) -> dict[str, Result]:
    """A running cluster of the guide; what each of its programs says may be put into this. The scheduler is asked."""
    monkeypatch.setattr(options, "require_root", lambda: None)
    said = {
        "cibadmin": Result((), 0, files.cib.read_bytes(), b""),
        "crm_mon": Result((), 0, capture("crm_mon-2.1.5-all-running.xml"), b""),
        "stonith_admin": Result((), 0, HISTORY.encode(), b""),
        "corosync-quorumtool": Result((), 0, b"", b""),
    }

    asked = command.run

    def run(argv: Sequence[str], **given: Any) -> Result:
        return asked(argv, **given) if argv[0] == "crm_simulate" else said[argv[0]]

    mocker.patch.object(command, "run", side_effect=run)
    return said


def lose(cluster: dict[str, Result], server: str) -> None:
    tree = cib.parse(cluster["cibadmin"].stdout)
    probes.fail(tree, [server], fenced=False, quorum=True)
    cluster["cibadmin"] = Result((), 0, cib.serialize(tree), b"")


def ago(passed_s: float, kind: Kind, subject: str, *rest: str, **more: object) -> Event:
    return Event(time.time() - passed_s, kind, subject, *rest, **more)  # type: ignore[arg-type]


def week() -> None:
    record.append(
        *(
            ago(3 * 86400 - 60 * minute, Kind.FAILURE, "nis01", "snow01", "it is gone " * 6, ok=False)
            for minute in range(14)
        ),
        ago(
            2 * HOUR_S, Kind.CHANGE, "nis01", "snow01", "migrate nis01 from snow01 to snow02", "ada: snow-ha move nis01"
        ),
        ago(2 * HOUR_S, Kind.MIGRATE, "nis01", "snow02", "from snow01", seconds=3.2, mib=512),
        ago(HOUR_S, Kind.START, "web09", "snow02"),
        ago(8 * 86400, Kind.STOP, "nis01", "snow02"),
    )


def test_a_change_by_another_tool_is_part_of_it(files: Files, cluster: dict[str, Result]) -> None:
    written.DIRECTORY.mkdir()
    for at, each in enumerate(changed_by_hand(option("migration-limit", "5"))):
        path = written.DIRECTORY / f"cib-{at}.raw"
        path.write_bytes(cib.serialize(each.tree))
        os.utime(path, (time.time() - 100 + at, time.time() - 100 + at))
    ended = files.run("history")
    assert "root: crm_attribute" in ended.out
    assert "set migration-limit to 5 (before 2)" in ended.out


def test_a_domains_week_is_one_screen(files: Files, cluster: dict[str, Result]) -> None:
    week()
    ended = files.run("history", "nis01")
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(ended.out.split())
    assert "x14 nis01 failed on snow01: " + "it is gone " * 6 + "(first 13 min before)" in text
    assert "2 h nis01 migrated from snow01 to snow02, 3 s, 512 MiB" in text
    assert "ada: snow-ha move nis01 migrate nis01 from snow01 to snow02" in text
    assert "stopped" not in text
    assert "web09" not in text
    assert text.index("failed") < text.index("migrated")


def test_status_of_a_server_ends_with_what_happened_on_it(files: Files, cluster: dict[str, Result]) -> None:
    week()
    record.append(ago(60, Kind.SERVER, "snow02", "snow01", "left the cluster", ok=False))
    ended = files.run("status", "snow02")
    text = " ".join(ended.out.split())
    assert text.index("web09 started on snow02") < text.index("snow02 left the cluster")
    assert "nis01 migrated from snow01 to snow02, 3 s" in text
    assert "it is gone" not in text


def test_status_tells_the_latest_and_where_the_rest_is(files: Files, cluster: dict[str, Result]) -> None:
    record.append(*(ago(number * 60, Kind.START, "nis01", "snow02", seconds=number) for number in range(1, 12)))
    ended = files.run("status", "nis01")
    assert ended.out.count("nis01 started on snow02") == 8
    assert re.search("^3 earlier ones of the last 7 days: snow.ha history nis01$", ended.out, re.MULTILINE)
    assert "nis01 started on snow02, 1 s" in ended.out and "started on snow02, 9 s" not in ended.out


def test_status_in_json_has_them_too(files: Files, cluster: dict[str, Result]) -> None:
    week()
    shown = files.run("status", "nis01", "--json").json
    agree("status", shown)
    assert {event["subject"] for event in shown["about"]["events"]} == {"nis01"}
    assert set(shown["about"]["scores"]) == {"snow01", "snow02"}
    assert files.run("status", "--json").json["about"] is None


def test_a_server_that_is_gone_is_told_with_the_time_at_which_it_left(files: Files, cluster: dict[str, Result]) -> None:
    gone = ago(125, Kind.SERVER, "snow02", "snow01", "left the cluster", ok=False)
    record.append(gone)
    lose(cluster, "snow02")
    at = time.strftime("%H:%M:%S", time.localtime(gone.at))
    assert f"server-offline  snow02 is not in the cluster (since {at}, 2 min)" in files.run("status").out
    shown = files.run("status", "--json").json["findings"]
    assert [each["since"] for each in shown if each["id"] == "server-offline"] == [int(gone.at)]


def test_that_a_server_was_fenced_pacemaker_may_know_before_the_record(
    files: Files, cluster: dict[str, Result]
) -> None:
    fenced = next(event for event in fencer.fencings() if event.ok)
    record.append(Event(fenced.at - 5, Kind.SERVER, fenced.subject, "snow01", "left the cluster", ok=False))
    lose(cluster, fenced.subject)
    assert f"{fenced.subject} is not in the cluster, and was fenced (since" in files.run("status").out


def test_without_pacemaker_status_tells_what_runs_here_by_xl(files: Files, cluster: dict[str, Result]) -> None:
    cluster["cibadmin"] = Result((), 102, b"", b"not connected")
    cluster["xl"] = Result((), 0, capture("xl-standin-list-guide-domains.txt"), b"")
    ended = files.run("status")
    assert (ended.status, ended.err.count("\n")) == (3, 1)
    assert ended.out.startswith(f"[I] by xl list, {Servers([]).here} runs ") and "nis02" in ended.out
    assert "Domain-0" not in ended.out
    cluster["xl"] = Result((), 1, b"", b"no hypervisor")
    assert files.run("status").out == ""


def test_status_says_what_is_missing_of_the_past(files: Files, cluster: dict[str, Result]) -> None:
    cluster["stonith_admin"] = Result((), 1, b"", b"no fencer")
    ended = files.run("status", "nis01")
    assert "[W] not here: what Pacemaker knows itself: " in ended.err
    assert ended.out.startswith("nis01  running on snow02")


def test_the_time_stands_in_front_as_it_is_on_this_server(files: Files, cluster: dict[str, Result]) -> None:
    at = datetime(2026, 11, 20, 13, 5, 7).timestamp()
    record.append(Event(at, Kind.STOP, "web01", "snow01"))
    assert files.run("history", "web01", "--since", "2026-11-20 13:05").out.startswith("20 Nov 13:05:07 ")
    assert "nothing happened" in files.run("history", "nis01", "--since", "2026-11-20 13:06").out


def test_what_pacemaker_has_fenced_is_there_too(files: Files, cluster: dict[str, Result]) -> None:
    shown = files.run("history", "--since", "2026-11-26", "--json").json["events"]
    assert [(event["subject"], event["text"], event["ok"]) for event in shown] == [
        ("snow01", "reboot by snow02", True),
        ("snow02", "reboot by snow01", False),
        ("snow02", "on by snow01", True),
    ]
    assert shown[0]["at"] == datetime.fromisoformat("2026-11-28T02:20:10+00:00").timestamp()


def test_what_pacemaker_calls_failed_is_there_too(files: Files, cluster: dict[str, Result]) -> None:
    cluster["crm_mon"] = Result((), 0, capture("crm_mon-2.1.5-troubled.xml"), b"")
    kinds = {event["kind"] for event in files.run("history", "--since", "2020-01-01", "--json").json["events"]}
    assert kinds == {"failure", "fencing"}


def test_without_a_cluster_the_record_is_shown_with_a_warning(files: Files, cluster: dict[str, Result]) -> None:
    cluster["stonith_admin"] = cluster["cibadmin"] = Result((), 102, b"", b"not connected")
    record.append(ago(60, Kind.STOP, "web01", "snow01"))
    ended = files.run("history", "web01")
    assert "web01 stopped on snow01" in ended.out
    assert ended.err.startswith("[W] not here: what Pacemaker knows itself: ")
    assert files.run("history", "nobody").status == 0


def test_what_cannot_be_read_is_told(files: Files, cluster: dict[str, Result], shared_record: Path) -> None:
    record.append(ago(60, Kind.STOP, "web01", "snow01"))
    (shared_record / "snow02.jsonl").write_text("{\n")
    assert files.run("history", "web01").err == "[W] 1 lines of the record cannot be read\n"
    assert files.run("history", "web01", "--json").json["unknown"] == 1


def test_a_name_that_nobody_has_is_an_error(files: Files, cluster: dict[str, Result]) -> None:
    ended = files.run("history", "nis1")
    assert (ended.status, ended.out) == (105, "")
    assert "there is no domain or server nis1; and nothing is recorded of one; did you mean nis01" in ended.err
    assert files.run("history", "snow01").status == 0


@pytest.mark.parametrize("since", ["soon", "", "7", "-1d", "7y", "2026-13-01"])
def test_a_time_that_is_none_is_one_line(files: Files, cluster: dict[str, Result], since: str) -> None:
    ended = files.run("history", f"--since={since}")
    assert (ended.status, ended.out, ended.err.count("\n")) == (64, "", 1)


def test_a_change_tells_how_to_undo_it_and_names_the_first_of_many(files: Files, cluster: dict[str, Result]) -> None:
    tree = cib.parse(files.cib.read_bytes())
    with configurations.kept(tree) as keep:
        keep()
    at, version = time.time(), cib.epoch(tree)
    by = "ada: snow-ha sync"
    record.append(
        *(Event(at, Kind.CHANGE, f"web{n}", "snow01", f"register web{n}", by, version=version) for n in range(9))
    )
    ended = files.run("history")
    assert f"ada: snow-ha sync (before it: rollback {version})" in ended.out
    assert "register web3\n" in ended.out
    assert "register web4" not in ended.out
    assert "and 5 more" in ended.out
    assert "register web4" in files.run("history", "web4").out


# --- rollback


@pytest.fixture
def kept(files: Files) -> str:
    """The version of the configuration that is kept; web01 was added since."""
    tree = cib.parse(files.cib.read_bytes())
    with configurations.kept(tree) as keep:
        keep()
    assert files.add("web01").status == 0
    return cib.epoch(tree)


def roll_back(files: Files, *words: str) -> tuple[int, str, str]:
    ended = files.run("rollback", "--cib", str(files.cib), *words)
    return ended.status, ended.out, ended.err


def test_rollback_shows_the_difference_and_what_pacemaker_would_do(files: Files, kept: str) -> None:
    before = files.cib.read_bytes()
    status, out, _ = roll_back(files, "--dry-run")
    assert status == 0
    assert out.startswith(f"[I] {kept} was in force until ")
    assert "[I] would unregister web01\n" in out
    assert out.endswith("[I] Pacemaker would have nothing to do\n")
    assert files.cib.read_bytes() == before


def test_rollback_with_consent_puts_it_back(files: Files, kept: str) -> None:
    status, out, _ = roll_back(files, "--yes", kept)
    assert (status, files.registered() & {"web01"}) == (0, set())
    assert out.endswith(f"[I] {kept} is back: 1 changes\n")
    assert roll_back(files, "--yes")[1] == "[I] nothing to do: no configuration of before says another thing\n"


def test_rollback_puts_back_nothing_else_than_was_agreed_to(
    files: Files, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def consent(*_: object, **__: object) -> bool:
        assert files.add("web02").status == 0
        return True

    monkeypatch.setattr(output, "consent", consent)
    status, _, err = roll_back(files, kept)
    assert (status, files.registered() & {"web01", "web02"}) == (75, {"web01", "web02"})
    assert err.endswith("[E] the cluster has changed meanwhile; nothing was changed; run the command again\n")


def test_rollback_asks_nobody_where_there_is_nobody(files: Files, kept: str) -> None:
    before = files.cib.read_bytes()
    status, _, err = roll_back(files)
    assert (status, files.cib.read_bytes()) == (64, before)
    assert "there is nobody to ask; add --yes, or --dry-run" in err


def test_rollback_as_json(files: Files, kept: str) -> None:
    ended = files.run("rollback", "--cib", str(files.cib), "--dry-run", "--json")
    assert ended.json == {
        "dry_run": True,
        "version": kept,
        "changes": [{"action": "unregister", "target": "web01", "message": "unregister web01"}],
        "actions": [],
    }


def test_rollback_to_nothing_known_names_what_there_is(files: Files, kept: str) -> None:
    before = files.cib.read_bytes()
    message = files.refused(files.run("rollback", "--cib", str(files.cib), "--yes", "77"), 105, before)
    assert message == f"[E] there is no configuration 77; there is {kept}; see snow ha history\n"


def test_its_json_has_its_schema(files: Files, cluster: dict[str, Result]) -> None:
    week()
    shown = files.run("history", "--json").json
    assert shown["events"]
    agree("history", shown)
