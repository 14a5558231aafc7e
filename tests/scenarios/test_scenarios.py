"""Each scenario's plan is the expected one, and Pacemaker's own scheduler puts every domain where it says.

expect nothing                      no move
expect moves N | moves at-most N    how many
expect move DOMAIN SOURCE TARGET    this one is among them
expect stays DOMAIN                 this one is not
expect at SERVER DOMAIN ...         they are there in the end, perhaps among others
expect apart DOMAIN DOMAIN ...      no two of them are on one server in the end
expect violation ID                 and `expect well`: no warning at all
expect peak PERCENT                 no server's memory is fuller in the end
expect error STATUS WORD ...        the verb ends so, in one line with these words
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from snow_ha_plugin.cli.balance import balance
from snow_ha_plugin.core import cib
from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.operations import simulation
from tests.scenarios import cluster

PATHS = sorted(Path(__file__).parent.glob("*.scenario"))
assert len(PATHS) >= 40

# What must never happen to a domain that runs.
INTERRUPTIONS = ("stop", "restart", "recover", "move", "reload")


def run(path: Path, *options: str) -> Any:
    result = CliRunner().invoke(balance, ["--cib", str(path), "--json", *options])
    if result.exception:
        raise result.exception
    return json.loads(result.stdout)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_plan(path: Path, tmp_path: Path) -> None:
    scenario = cluster.load(path)
    assert scenario.why and scenario.expected
    file = tmp_path / "cib.xml"
    file.write_bytes(cib.serialize(scenario.tree))
    errors = [words for words in scenario.expected if words[0] == "error"]
    if errors:
        with pytest.raises(SnowHaError) as raised:
            run(file, "--yes", *scenario.options)
        assert raised.value.exit_code == int(errors[0][1])
        assert " ".join(errors[0][2:]) in str(raised.value)
        assert file.read_bytes() == cib.serialize(scenario.tree)
        return
    plan = run(file, "--yes", *scenario.options)
    written = file.read_bytes()
    final = scenario.homes | {move["domain"]: move["target"] for move in plan["moves"]}
    for words in scenario.expected:
        check(words, plan, scenario.homes, final)
    agreed(cib.parse(written), plan, scenario.homes, final)
    assert run(file, "--yes", *scenario.options) == plan
    assert file.read_bytes() == written, "a second run changed something"


def check(words: list[str], plan: Any, homes: dict[str, str | None], final: dict[str, str | None]) -> None:
    moves = [(move["domain"], move["source"], move["target"]) for move in plan["moves"]]
    kind, given = words[0], words[1:]
    if kind == "nothing":
        assert moves == []
    elif kind == "moves":
        assert len(moves) <= int(given[1]) if given[0] == "at-most" else len(moves) == int(given[0])
    elif kind == "move":
        assert tuple(given) in moves
    elif kind == "stays":
        assert final[given[0]] == homes[given[0]]
    elif kind == "at":
        assert {final[name] for name in given[1:]} == {given[0]}
    elif kind == "apart":
        assert len({final[name] for name in given}) == len(given)
    elif kind == "violation":
        assert given[0] in [violation["id"] for violation in plan["violations"]]
    elif kind == "well":
        assert [violation for violation in plan["violations"] if violation["severity"] != "info"] == []
    elif kind == "peak":
        capacities = [(server["after"]["memory_mib"], server["capacity"]["memory_mib"]) for server in plan["servers"]]
        assert max(used / capacity for used, capacity in capacities if capacity) * 100 <= float(given[0])
    else:
        raise ValueError(f"no expectation: {words}")


def agreed(tree: cib.Tree, plan: Any, homes: dict[str, str | None], final: dict[str, str | None]) -> None:
    """The real scheduler, given the CIB as it was written, ends where the plan does, by live migration only."""
    assert shutil.which("crm_simulate"), "these tests need pacemaker-cli-utils"
    targets = {rule["rsc"]: rule["node"] for rule in plan["constraints"]}
    expected = {name: server or targets.get(name) for name, server in final.items()}
    outlook = simulation.Outlook(tree)
    after = outlook.then().after
    stopped = {name for name, primitive in cib.domains(tree).items() if primitive.meta.get("target-role") == "Stopped"}
    assert {name: after[name] for name in expected if name not in stopped} == {
        name: server for name, server in expected.items() if name not in stopped
    }
    assert [
        action for action in outlook.now.actions if action.task in INTERRUPTIONS and homes.get(action.resource)
    ] == []
