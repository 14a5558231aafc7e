from __future__ import annotations

import pytest

from snow_ha_plugin.cli import status as status_verb
from snow_ha_plugin.core.reports.overview import DomainView, FencingView, Overview
from snow_ha_plugin.model import MigrationProgress
from tests.unit.cli.conftest import Ended, Files

KEYS = {
    "servers": {"name", "online", "standby", "domains", "memory_mib"},
    "domains": {"name", "state", "server", "managed", "memory_mib", "vcpus", "since", "migration"},
    "floating_ips": {"address", "server"},
    "findings": {"severity", "id", "message", "remedy"},
}


def status(files: Files, *words: str) -> Ended:
    return files.run("status", "--cib", str(files.cib), "--domains-dir", str(files.domains), *words)


def test_json_has_the_shape_that_others_rely_on(files: Files) -> None:
    ended = status(files, "--json")
    assert (ended.status, ended.err) == (0, "")
    assert set(ended.json) == {"servers", "domains", "floating_ips", "fencing", "findings", "balance"}
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


def test_a_table_is_one_line_for_each_and_says_what_is_dangerous(files: Files) -> None:
    ended = status(files)
    lines = ended.out.splitlines()
    assert sum(line.split()[1:2] == ["running"] for line in lines) == 8
    assert sum(line.split()[1:2] == ["online"] for line in lines) == 2
    assert "Fencing      NONE" in ended.out
    assert any(line.startswith("[E] there is no fencing device") for line in lines)
    assert "\x1b" not in ended.out


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
    assert "N+1          holds" in ended.out


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
    assert "N+1          does not hold" in status(files).out


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
    assert status(files).status == 0


def test_a_migration_is_shown_with_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    progress = MigrationProgress("snow02", 120, 512, 60)
    domain = DomainView("nis02", "migrating", "snow01", True, 512, 1, None, progress)
    view = Overview((), (domain,), (), FencingView(True, (), "by-hand", {}), None, ())
    status_verb._show(view)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["nis02"]]
    assert "migrating to snow02: 120 of 512 MiB, 60 MiB/s" in line
    (shown,) = status_verb._json(view)["domains"]
    assert shown["migration"] == {"target": "snow02", "sent_mib": 120, "memory_mib": 512, "mib_per_s": 60}


def test_status_changes_nothing(files: Files) -> None:
    before = files.cib.read_bytes()
    status(files)
    assert files.cib.read_bytes() == before
