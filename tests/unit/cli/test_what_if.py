"""`snow-ha what-if` on a CIB in a file; `drain` refuses what it calls harm (tests/cluster/test_moves.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from snow_ha_plugin.cli.moves import move
from snow_ha_plugin.cli.servers import drain, undrain, what_if
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import probes
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.errors import NoSuchObjectError, UnsafeError, UsageError
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from tests.scenarios import cluster

SERVERS = "server snow01 16384 8\nserver snow02 16384 8\nserver snow03 16384 8\n"
REPLICAS = """
domain slurm-master 2048 1 on snow01
domain slurm-slave 2048 1 on snow03
domain web 2048 1 on snow02
"""
DRAWN = '<rsc_location id="x" rsc="slurm-slave" node="snow01" score="50"/>'


@pytest.fixture
def ask(tmp_path: Path) -> Any:
    def run(text: str, *words: str) -> tuple[Result, Any]:
        path = tmp_path / "cib.xml"
        path.write_bytes(cib.serialize(cluster.read(text).tree))
        result = CliRunner().invoke(what_if, ["--cib", str(path), "--json", *words])
        return result, json.loads(result.stdout) if result.stdout else None

    return run


def test_a_failure_that_does_no_harm(ask: Any) -> None:
    result, told = ask(SERVERS + REPLICAS, "snow03")
    assert result.exit_code == 0
    assert list(told) == [
        "servers",
        "domains",
        "lost",
        "squeezed",
        "sharing",
        "peak_memory",
        "n_plus_1",
        "stranded",
        "unasked",
    ]
    assert (told["lost"], told["squeezed"], told["sharing"]) == ([], [], [])
    assert told["peak_memory"] == 2 * 2048 / 16384
    assert told["n_plus_1"] is False, "one of three servers has no quorum"


def test_domains_without_room_are_named(ask: Any) -> None:
    large = "".join(f"domain d{number} 12288 1 on snow0{number}\n" for number in (1, 2, 3))
    result, told = ask(SERVERS + "option placement-strategy=balanced\n" + large, "snow03")
    assert isinstance(result.exception, UnsafeError)
    assert str(result.exception).startswith("d3 would not run; ")
    assert (told["lost"], told["n_plus_1"]) == (["d3"], False)


def test_replicas_that_another_server_would_keep_apart_are_harm(ask: Any) -> None:
    result, told = ask(SERVERS + REPLICAS + f"xml constraints {DRAWN}\n", "snow03")
    assert isinstance(result.exception, UnsafeError)
    assert str(result.exception).startswith("slurm-master and slurm-slave would share snow01; ")
    assert told["sharing"] == [{"server": "snow01", "domains": ["slurm-master", "slurm-slave"], "harm": True}]
    assert ask(SERVERS + REPLICAS + f"xml constraints {DRAWN}\n", "snow03", "--spread", "slurm=off")[0].exit_code == 0


def test_drain_refuses_what_is_harm_here_unless_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(cluster.read(SERVERS + REPLICAS + f"xml constraints {DRAWN}\n").tree))
    monkeypatch.setattr("snow_ha_plugin.cli.servers.options.cluster", lambda cib_path: ClusterInFile(path))
    before = path.read_bytes()
    refused = CliRunner().invoke(drain, ["snow03"])
    assert isinstance(refused.exception, UnsafeError)
    assert str(refused.exception).startswith("without snow03 slurm-master and slurm-slave would share snow01; ")
    assert path.read_bytes() == before
    assert CliRunner().invoke(drain, ["snow03", "--force", "--dry-run"]).exit_code == 0
    assert CliRunner().invoke(drain, ["snow03", "--spread", "slurm=off", "--dry-run"]).exit_code == 0
    assert CliRunner().invoke(drain, ["snow02", "--dry-run"]).exit_code == 0


@pytest.mark.parametrize(("votes", "warns"), [(None, True), (False, True), (True, False)])
def test_drain_tells_before_it_drains_that_the_last_server_is_weak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, votes: bool | None, warns: bool
) -> None:
    tree = cluster.read("server snow01 16384 8\nserver snow02 16384 8\ndomain web 2048 1 on snow02\n").tree
    fencing.put(tree, ["snow01", "snow02"], Timing(15, 3), {})
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(tree))
    monkeypatch.setattr("snow_ha_plugin.cli.servers.options.cluster", lambda cib_path: ClusterInFile(path))
    monkeypatch.setattr("snow_ha_plugin.cli.servers.qdevice.votes_here", lambda: votes)
    shown = CliRunner().invoke(drain, ["snow02", "--dry-run"]).output
    assert ("[W] once snow02 is stopped, a stall of the shared file system" in shown) is warns


@pytest.mark.parametrize(
    ("crmd", "told"), [("offline", "nothing runs there"), ("online", "what it ran may still run there")]
)
def test_a_server_that_is_not_there_is_not_said_to_be_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crmd: str, told: str
) -> None:
    text = SERVERS.replace("snow03 16384 8", "snow03 16384 8 offline") + "option stonith-enabled=true\n"
    tree = cluster.read(text).tree
    join = {"offline": "down", "online": "member"}[crmd]
    tree.find("status/node_state[@uname='snow03']").attrib.update({"crmd": crmd, "join": join, "expected": join})
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(tree))
    monkeypatch.setattr("snow_ha_plugin.cli.servers.options.cluster", lambda cib_path: ClusterInFile(path))
    shown = CliRunner().invoke(drain, ["snow03"])
    assert shown.exit_code == 0, shown
    assert f"[W] snow03 is not in the cluster, {told}; it takes no domains when it comes back" in shown.output
    assert "emptied" not in shown.output


def test_what_runs_on_a_server_in_maintenance_starts_elsewhere_once_that_is_fenced() -> None:
    text = SERVERS.replace("snow03 16384 8", "snow03 16384 8 maintenance") + "domain web 2048 1 on snow03\n"
    tree = cluster.read(text).tree
    fencing.put(tree, ["snow01", "snow02", "snow03"], Timing(15, 3), {})
    outlook = Outlook(tree)
    assert outlook.failure(["snow03"]).after["web"] in ("snow01", "snow02")
    assert outlook.n_plus_1.stranded == {}


def test_a_server_that_is_joining_has_its_vote() -> None:
    tree = cluster.read(SERVERS + "domain web 2048 1 on snow01\n").tree
    fencing.put(tree, ["snow01", "snow02", "snow03"], Timing(15, 3), {})
    state = tree.find("status/node_state[@uname='snow03']")
    state.attrib.update({"join": "pending", "expected": "down"})
    assert Outlook(tree).failure(["snow02"]).after["web"] == "snow01"
    state.attrib.update({"in_ccm": "false", "crmd": "offline", "join": "down"})
    assert Outlook(tree).failure(["snow02"]).after["web"] is None


def test_nothing_is_restarted_without_consent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cib.xml"
    text = SERVERS + "domain web 2048 1 on snow02 allow-migrate=false\ndomain db 2048 1 on snow02\n"
    path.write_bytes(cib.serialize(cluster.read(text).tree))
    for module in ("servers", "moves"):
        monkeypatch.setattr(f"snow_ha_plugin.cli.{module}.options.cluster", lambda cib_path: ClusterInFile(path))
    before = path.read_bytes()
    shown = CliRunner().invoke(drain, ["snow02", "--dry-run"])
    assert "[W] web cannot migrate live, and would be restarted elsewhere" in shown.output
    assert json.loads(CliRunner().invoke(drain, ["snow02", "--dry-run", "--json"]).stdout)["restarted"] == ["web"]
    would = CliRunner().invoke(move, ["web", "snow01", "--dry-run"]).output
    assert would == "[I] would restart web from snow02 to snow01 (2048 MiB)\n"
    for verb, words in ((drain, ["snow02"]), (move, ["web", "snow01"]), (move, ["web", "snow01", "--json"])):
        refused = CliRunner().invoke(verb, words)
        assert isinstance(refused.exception, UsageError)
        assert "there is nobody to ask; add --yes, or --dry-run" in str(refused.exception)
    assert path.read_bytes() == before


def test_replicas_on_the_one_server_that_is_left_are_told_and_no_harm(ask: Any) -> None:
    two = SERVERS.replace("server snow02 16384 8\n", "") + REPLICAS.replace("snow02", "snow01")
    result, told = ask(two, "snow03")
    assert result.exit_code == 0
    assert [sharing["harm"] for sharing in told["sharing"]] == [False]
    assert told["n_plus_1"] is False


def test_without_quorum_nothing_runs(ask: Any) -> None:
    result, told = ask(SERVERS + REPLICAS, "snow02", "snow03")
    assert str(result.exception).endswith("have no quorum; keep more than half of them up")
    assert told["lost"] == ["slurm-master", "slurm-slave", "web"]


def test_with_nobody_left_nothing_is_known_to_run(tmp_path: Path) -> None:
    two = "option stonith-enabled=true\n" + SERVERS.replace("server snow03 16384 8\n", "")
    clone = '<clone id="all"><primitive id="pills" class="stonith" type="fence_sbd"/></clone>'
    tree = cluster.read(f"{two}domain lost 256 1 on snow01\nxml resources {clone}\n").tree
    probes.fail(tree, ["snow01"], fenced=True, quorum=True)
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(tree))
    told = json.loads(CliRunner().invoke(what_if, ["--cib", str(path), "snow02", "--json"]).stdout)
    assert told["lost"] == ["lost"]


def test_no_memory_is_looked_for_where_no_server_is_left(tmp_path: Path) -> None:
    many = "".join(f"domain d{number:02} 256 1 on snow01\n" for number in range(20))
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(cluster.read(SERVERS.replace("server snow03 16384 8\n", "") + many).tree))
    result = CliRunner().invoke(what_if, ["--cib", str(path), "snow01", "snow02"])
    assert str(result.exception).endswith("and 12 more would not run; no server is left; one server at a time")
    assert "N+1" not in result.output


def test_roles_come_from_the_file_beside_the_domain_files(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "domains").mkdir()
    (tmp_path / "domains.conf").write_text("one ldap-master eth0\nother ldap-mirror eth0\n")
    text = SERVERS + REPLICAS.replace("slurm-master", "one").replace("slurm-slave", "other")
    text += f"xml constraints {DRAWN.replace('slurm-slave', 'other')}\n"
    _, told = ask(text, "snow03", "--domains-dir", str(tmp_path / "domains"))
    assert [sharing["domains"] for sharing in told["sharing"]] == [["one", "other"]]
    assert ask(text, "snow03")[1]["sharing"] == []


def test_a_cib_that_the_balancer_does_not_take_has_an_answer_all_the_same(ask: Any) -> None:
    result, told = ask(SERVERS + REPLICAS.replace("web 2048", "web -5"), "snow02")
    assert result.exit_code == 0
    assert told["n_plus_1"] is not True


def test_a_server_that_is_not_there(ask: Any) -> None:
    result, _ = ask(SERVERS + REPLICAS, "snow09")
    assert isinstance(result.exception, NoSuchObjectError)


def test_each_server_has_a_row(tmp_path: Path) -> None:
    large = "".join(f"domain d{number} 12288 1 on snow0{number}\n" for number in (1, 2))
    path = tmp_path / "cib.xml"
    text = SERVERS + "option placement-strategy=balanced\n" + large + "domain small 1024 1 on snow03\n"
    path.write_bytes(cib.serialize(cluster.read(text).tree))
    result = CliRunner().invoke(what_if, ["--cib", str(path), "--each"])
    assert [line.split(maxsplit=3) for line in result.stdout.splitlines()[1:]] == [
        ["snow01", "1", "81%", "none"],
        ["snow02", "1", "81%", "none"],
        ["snow03", "1", "81%", "none"],
    ]
    assert result.exit_code == 0


def test_of_servers_whose_memory_nobody_knows_each_has_an_answer_all_the_same(ask: Any) -> None:
    result, told = ask("server snow01 0 0\nserver snow02 0 0\ndomain web 1024 1 on snow01\n", "--each")
    assert [(row["server"], row["moved"], row["peak_memory"]) for row in told["each"]] == [
        ("snow01", ["web"], 0.0), ("snow02", [], 0.0),
    ]  # fmt: skip
    assert result.exit_code == 0


def test_each_that_does_harm_is_told_and_ends_so(ask: Any) -> None:
    text = SERVERS + "option placement-strategy=balanced\n"
    text += "".join(f"domain d{number} 12288 1 on snow0{number}\n" for number in (1, 2, 3))
    result, told = ask(text, "--each")
    assert [(row["server"], row["harm"]) for row in told["each"]] == [
        (f"snow0{number}", f"d{number} would not run") for number in (1, 2, 3)
    ]
    assert isinstance(result.exception, UnsafeError)
    assert "the failure of snow01, snow02 and snow03 would do harm" in str(result.exception)


@pytest.mark.parametrize("words", [[], ["snow01", "--each"]])
def test_either_servers_or_each(words: list[str]) -> None:
    result = CliRunner().invoke(what_if, words)
    assert (result.exit_code, "give servers that fail at once, or --each" in result.output) == (2, True)


def test_of_two_servers_no_spare_is_left_and_no_more_is_said(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(cluster.read("server a 8192 4\nserver b 8192 4\ndomain c 1024 1 on a\n").tree))
    said = CliRunner().invoke(what_if, ["--cib", str(path), "a"]).output
    assert said.splitlines()[-1] == "[I] memory of b 12%; no spare is left then"


def test_undrain_says_that_what_left_stays_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(cluster.read(SERVERS.replace("snow02 16384 8", "snow02 16384 8 standby")).tree))
    monkeypatch.setattr("snow_ha_plugin.cli.servers.options.cluster", lambda cib_path: ClusterInFile(path))
    assert CliRunner().invoke(undrain, ["snow02", "--dry-run"]).output == "[I] would let snow02 take domains again\n"
    assert CliRunner().invoke(undrain, ["snow02"]).output.splitlines() == [
        "[*] let snow02 take domains again",
        "[I] what ran there stays where it is now; what would come back: snow ha balance --dry-run",
    ]
    assert CliRunner().invoke(undrain, ["snow02"]).output == "[I] nothing to do: snow02 is not drained\n"
