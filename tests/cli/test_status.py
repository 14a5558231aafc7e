from __future__ import annotations

import pytest

from snow_ha_plugin.system import command
from tests.cli.conftest import Ended, Files

KEYS = {
    "servers": {"name", "online", "standby", "domains", "memory_mib"},
    "domains": {"name", "state", "server", "managed", "memory_mib", "vcpus", "since"},
    "floating_ips": {"address", "server"},
    "findings": {"severity", "id", "message", "remedy"},
}


@pytest.fixture
def without_crm_mon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setitem(command.ENVIRONMENT, "PATH", "/nonexistent")


def status(files: Files, *words: str) -> Ended:
    return files.run("status", "--cib", str(files.cib), "--domains-dir", str(files.domains), *words)


def test_json_has_the_shape_that_others_rely_on(files: Files) -> None:
    ended = status(files, "--json")
    assert (ended.status, ended.err) == (0, "")
    assert set(ended.json) == {"servers", "domains", "floating_ips", "fencing", "findings"}
    for part, keys in KEYS.items():
        assert ended.json[part]
        assert all(set(item) == keys for item in ended.json[part])
    assert set(ended.json["fencing"]) == {"enabled", "devices"}
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


def test_status_changes_nothing(files: Files) -> None:
    before = files.cib.read_bytes()
    status(files)
    assert files.cib.read_bytes() == before


@pytest.mark.usefixtures("without_crm_mon")
def test_without_crm_mon_states_are_unknown_and_it_says_why(files: Files) -> None:
    ended = status(files, "--json")
    assert ended.status == 0
    assert ended.err.startswith("[W] crm_mon is not installed")
    assert {(found["state"], found["server"]) for found in ended.json["domains"]} == {("unknown", None)}
    assert [server["online"] for server in ended.json["servers"]] == [True, True]


@pytest.mark.usefixtures("without_crm_mon")
def test_without_crm_verify_domains_are_registered_all_the_same(files: Files) -> None:
    ended = files.add("web01")
    assert (ended.status, ended.err) == (0, "")
    assert "web01" in files.registered()
