"""`snow-ha balance` on a CIB in a file: what it prints, what it writes, and what it refuses."""

from __future__ import annotations

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from snow_ha_plugin.cli import balance_view
from snow_ha_plugin.cli.balance import balance
from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import DataError, SnowHaError, UsageError
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations.simulation import Outlook
from tests import captures
from tests.scenarios import cluster

SKEWED = """
server snow01 16384 8
server snow02 16384 8
domain proxy01 2048 1 on snow01
domain proxy02 2048 1 on snow01
domain web01 4096 2 on snow01
domain web02 4096 2 on snow01
"""


@pytest.fixture
def skewed(tmp_path: Path) -> Path:
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(cluster.read(SKEWED).tree))
    return path


def run(path: Path, *options: str) -> Result:
    result = CliRunner().invoke(balance, ["--cib", str(path), *options])
    if isinstance(result.exception, SnowHaError):
        raise result.exception
    return result


def plan(path: Path, *options: str) -> Any:
    return json.loads(run(path, "--dry-run", "--json", *options).stdout)


@pytest.mark.parametrize(
    ("state", "n_plus_1", "told"),
    [("standby", None, "n+1-unknown"), ("offline", None, "n+1-unknown"), ("maintenance", False, "no-n+1")],
)
def test_without_a_server_that_takes_any_nothing_is_claimed(
    tmp_path: Path, state: str, n_plus_1: bool | None, told: str
) -> None:
    path = tmp_path / "cib.xml"
    text = f"server a 8192 4 {state}\nserver b 8192 4 {state}\ndomain c 1024 1 on a\ndomain d 1024 1 on b\n"
    path.write_bytes(cib.serialize(cluster.read(text).tree))
    found = plan(path)
    assert (found["moves"], found["n_plus_1"], found["lower_bound"]) == ([], n_plus_1, 0)
    assert told in {finding["id"] for finding in found["violations"]}


@pytest.mark.parametrize(
    ("text", "told", "about"),
    [
        ("server a 8192 4 standby\nserver b 1024 4\ndomain c 4096 1 on a\n", "cannot-leave", "c"),
        (
            "server a 8192 4\nserver b 8192 4\ndomain c 4096 1 on a\n"
            + "".join(
                f'xml constraints <rsc_location id="ban-{name}" rsc="c" node="{name}" score="-INFINITY"/>\n'
                for name in "ab"
            ),
            "no-server-allowed",
            "c",
        ),
        ("server a 8192 4\nserver b 8192 4\ndomain c 4096 1 on a is-managed=false\n", "domain-stays", "c"),
        ("server a 8192 -\nserver b 8192 4\ndomain c 4096 1 on a\n", "cpus-unknown", ""),
        ("server a 4096 4\nserver b 4096 4\ndomain c 8192 1 on a\n", "server-overfull", "a"),
    ],
    ids=lambda value: value if len(value) < 20 else "",
)
def test_what_limits_a_plan_is_found(tmp_path: Path, text: str, told: str, about: str) -> None:
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(cluster.read(text).tree))
    assert (told, about) in {(finding["id"], finding["subject"]) for finding in plan(path)["violations"]}


def scores(path: Path) -> dict[str, int]:
    rules = cib.parse(path.read_bytes()).iterfind("configuration/constraints/rsc_location")
    return {rule.get("rsc"): int(rule.get("score")) for rule in rules}


def test_the_plan_has_the_keys_that_others_rely_on(skewed: Path) -> None:
    found = plan(skewed)
    assert list(found) == [
        "before", "after", "lower_bound", "moves", "servers", "constraints", "n_plus_1", "stranded", "unasked",
        "violations",
    ]  # fmt: skip
    assert found["before"]["peak_memory"] > found["after"]["peak_memory"] >= found["lower_bound"] > 0
    assert {frozenset(move) for move in found["moves"]} == {
        frozenset({"domain", "source", "target", "memory_mib", "batch"})
    }
    assert found["servers"][0] == {
        "name": "snow01",
        "capacity": {"memory_mib": 16384, "vcpus": 8},
        "before": {"memory_mib": 12288, "vcpus": 6},
        "after": {"memory_mib": 6144, "vcpus": 3},
    }
    assert {frozenset(rule) for rule in found["constraints"]} == {frozenset({"id", "rsc", "node", "score"})}
    assert [rule["rsc"] for rule in found["constraints"]] == ["proxy01", "proxy02", "web01", "web02"]


def test_a_dry_run_changes_nothing(skewed: Path) -> None:
    before = skewed.read_bytes()
    assert "2 moves, 6144 MiB" in run(skewed, "--dry-run").output
    assert skewed.read_bytes() == before


def test_who_would_be_restarted_stays_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    text = SKEWED.replace("web01 4096 2 on snow01", "web01 4096 2 on snow01 allow-migrate=false")
    path.write_bytes(cib.serialize(cluster.read(text).tree))
    said = run(path, "--dry-run").stdout
    assert "[I] web01 stays where it is: it would be restarted instead of migrated; snow ha move does that" in said


def test_a_running_cluster_has_a_plan_too(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    path.write_bytes(captures.capture("cibadmin-2.1.5-guide-domains.xml"))
    found = plan(path)
    assert len(found["constraints"]) == 8
    assert sum(server["before"]["memory_mib"] for server in found["servers"]) == 11776


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_cibs_elements_does_not_matter(skewed: Path, seed: int) -> None:
    run(skewed, "--yes", "--max-moves", "0")
    before = plan(skewed)
    tree = cib.parse(skewed.read_bytes())
    chance = random.Random(seed)
    for section in ("configuration/nodes", "configuration/resources", "configuration/constraints", "status"):
        parent = tree.find(section)
        parent[:] = chance.sample(list(parent), len(parent))
    skewed.write_bytes(cib.serialize(tree))
    assert plan(skewed) == before


def test_a_domain_at_rest_is_held_less_than_it_sticks(skewed: Path) -> None:
    homes = {move["domain"] for move in plan(skewed)["moves"]}
    run(skewed, "--yes")
    assert all((score > 100) == (name in homes) for name, score in scores(skewed).items())


def test_with_failback_rules_outweigh_stickiness(skewed: Path) -> None:
    run(skewed, "--yes", "--failback")
    assert all(100 < score < 1_000_000 for score in scores(skewed).values())
    run(skewed, "--yes", "--max-moves", "0")
    assert all(score < 100 for score in scores(skewed).values())


def test_what_is_written_is_valid_and_keeps_sizes(skewed: Path) -> None:
    run(skewed, "--yes")
    tree = cib.parse(skewed.read_bytes())
    assert captures.schema_errors(tree) == ""
    assert cib.options(tree)["placement-strategy"] == "balanced"
    assert [node.cpus for node in cib.nodes(tree)] == [8, 8]
    assert tree.find("configuration/constraints/rsc_colocation").get("score") == "-10"


FULL = """
server snow01 16384 8
server snow02 16384 8
domain monitor01 6144 1 on snow01
domain nis01 6144 1 on snow01
domain web01 8192 1 on snow02
domain web02 2048 1 on snow02
"""


def test_after_a_failure_no_server_holds_more_than_fits_and_the_least_important_wait(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(cluster.read(FULL).tree))
    before = Outlook(cib.parse(path.read_bytes())).failure(["snow01"])
    assert None not in before.after.values(), "without snow-ha Pacemaker overfills the server that is left"
    assert [found["id"] for found in plan(path)["violations"]] == ["no-n+1", "no-n+1"]
    run(path, "--yes")
    tree = cib.parse(path.read_bytes())
    sizes = {name: int(found.utilization["hv_memory"]) for name, found in cib.domains(tree).items()}
    for failed, waits in (("snow01", {"monitor01"}), ("snow02", {"monitor01", "web02"})):
        outcome = Outlook(tree).failure([failed])
        assert sum(sizes[name] for name, server in outcome.after.items() if server) <= 16384
        assert {name for name, server in outcome.after.items() if server is None} <= waits


def test_replicas_that_may_share_lose_their_rule(skewed: Path) -> None:
    run(skewed, "--yes")
    run(skewed, "--yes", "--spread", "proxy=off")
    assert cib.parse(skewed.read_bytes()).find("configuration/constraints/rsc_colocation") is None


def test_an_administrators_option_stays(skewed: Path) -> None:
    tree = cib.parse(skewed.read_bytes())
    cib.put_pairs(cib.section(tree, "crm_config"), "cluster_property_set", "mine", {"placement-strategy": "minimal"})
    skewed.write_bytes(cib.serialize(tree))
    run(skewed, "--yes")
    assert cib.options(cib.parse(skewed.read_bytes()))["placement-strategy"] == "minimal"


def test_roles_come_from_the_file_beside_the_domain_files(skewed: Path, tmp_path: Path) -> None:
    (tmp_path / "domains").mkdir()
    (tmp_path / "domains.conf").write_text("web01 ldap-master eth0\nweb02 ldap-mirror eth0\nsnow01 snow eth0\n")
    run(skewed, "--yes", "--domains-dir", str(tmp_path / "domains"))
    pairs = [
        (rule.get("rsc"), rule.get("with-rsc"))
        for rule in cib.parse(skewed.read_bytes()).iterfind("configuration/constraints/rsc_colocation")
    ]
    assert ("web01", "web02") in pairs


def test_sizes_that_the_cib_lacks_come_from_the_domain_files(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    path.write_bytes(cib.serialize(cluster.read(SKEWED.replace("web01 4096 2", "web01 - -")).tree))
    (tmp_path / "domains").mkdir()
    (tmp_path / "domains/web01.cfg").write_text("name = 'web01'\nmemory = '4096'\nvcpus = '2'\n")
    found = plan(path, "--domains-dir", str(tmp_path / "domains"))
    assert sum(server["after"]["memory_mib"] for server in found["servers"]) == 12288


def test_without_anybody_to_ask_nothing_is_done(skewed: Path) -> None:
    before = skewed.read_bytes()
    with pytest.raises(UsageError):
        run(skewed)
    with pytest.raises(UsageError):
        run(skewed, "--json")
    assert skewed.read_bytes() == before


def test_who_says_no_has_changed_nothing(skewed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = skewed.read_bytes()
    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("snow_ha_plugin.cli.balance.sys", terminal)
    result = CliRunner().invoke(balance, ["--cib", str(skewed)], input="n\n")
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "[I] nothing was changed"
    assert skewed.read_bytes() == before


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_a_server_is_one_line_on_a_narrow_terminal_too(
    skewed: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr("snow_ha_plugin.cli.balance_view.NO_TERMINAL_COLUMNS", columns)
    (line,) = [line for line in run(skewed, "--dry-run").output.splitlines() if line.split()[:1] == ["snow01"]]
    assert line.split()[2::2] == ["75%", "38%", "0.75", "0.38"]


def test_the_plan_says_how_long_it_takes_and_how_good_it_is(skewed: Path) -> None:
    said = run(skewed, "--dry-run").output
    assert "2 moves, 6144 MiB in 1 batch, about 77 s at 80 MiB/s" in said
    assert "memory of the fullest server 75% -> 38%, at best 38%" in said
    assert "N+1 holds" in said


def test_a_cib_that_is_cut_short_is_refused(skewed: Path) -> None:
    skewed.write_bytes(skewed.read_bytes()[:500])
    with pytest.raises(DataError):
        run(skewed, "--dry-run")


def test_nothing_to_do_says_so(skewed: Path) -> None:
    run(skewed, "--yes", "--max-moves", "0")
    result = run(skewed, "--max-moves", "0")
    assert result.exit_code == 0
    assert "nothing to do" in result.output


def test_the_rules_that_would_be_written_are_shown_before_anybody_is_asked(skewed: Path) -> None:
    shown = run(skewed, "--dry-run").stdout
    assert "writes: prefer the planned server of these (they go there by themselves)" in shown
    assert "  proxy01, proxy02, web01, web02" in shown
    assert "writes: keep proxy01 and proxy02 on different servers" in shown
    changes = [Change("place", "web01", "prefer snow02 for web01"), Change("option", "x", "set x")]
    assert list(balance_view.written(changes, returns=False)) == [
        "writes: prefer the planned server of these (nothing moves by it later)",
        "  web01",
        "writes: set x",
    ]
