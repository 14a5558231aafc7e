"""Clusters by chance, each put to `status`, `what-if`, `balance --yes` and `move`: the scheduler contradicts none."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from snow_ha_plugin.cli.balance import balance
from snow_ha_plugin.cli.servers import what_if
from snow_ha_plugin.cli.status import status
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import migration
from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.operations import moves
from tests.random_clusters import judge
from tests.random_clusters.generator import make

FIRST = int(os.environ.get("SNOW_HA_FIRST_CLUSTER", "0"))
COUNT = int(os.environ.get("SNOW_HA_RANDOM_CLUSTERS", "36"))

# What must not happen to a domain that runs, beside the moves of a plan.
DISTURBING = ("stop", "restart", "recover", "move", "migrate")


def run(verb: Any, *words: str) -> tuple[Any, str]:
    """What a verb prints as JSON, and its error; any error must be one that it knows."""
    result = CliRunner().invoke(verb, [*words, "--json"])
    if result.exception and not isinstance(result.exception, SnowHaError | SystemExit):
        raise result.exception
    return (json.loads(result.stdout) if result.stdout.startswith("{") else None), str(result.exception or "")


@pytest.fixture(params=range(FIRST, FIRST + COUNT))
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A valid cluster at rest: what Pacemaker makes of the mixture in a few transitions."""
    file = tmp_path / "cib.xml"
    file.write_bytes(cib.serialize(make(request.param)))
    if not judge.is_valid(file):
        pytest.fail(f"cluster {request.param} is not valid: the generator is wrong")
    for _ in range(4):
        settled = judge.outcome(file)
        shutil.copy(settled.path, file)
        if not settled.actions:
            break
    return file


def test_the_scheduler_contradicts_nothing(path: Path, tmp_path: Path) -> None:
    was = judge.losses(path)
    shown, _ = run(status, "--cib", str(path))
    assert shown["balance"] is not None, shown["findings"]
    assert shown["balance"]["n_plus_1"] is not any(was.values()), (was, shown["balance"])
    for server, lost in was.items():
        told, _ = run(what_if, server, "--cib", str(path))
        assert {*told["lost"], *told["squeezed"]} == lost, server
    check_balance(path, tmp_path, was)
    check_moves(path, tmp_path)


def check_balance(path: Path, tmp_path: Path, was: dict[str, set[str]]) -> None:
    """Every planned move comes true, nothing else happens, no failure costs more, and a second run finds nothing."""
    new = tmp_path / "balanced.xml"
    shutil.copy(path, new)
    plan, error = run(balance, "--cib", str(new), "--yes")
    assert plan is not None, error
    targets = {move["domain"]: (move["target"],) for move in plan["moves"]}
    before, after = judge.outcome(path), judge.outcome(new)
    now = judge.places(path)
    assert after.places == before.places | targets
    disturbed = {action for action in after.actions - before.actions if action[0] in DISTURBING and now[action[1]]}
    assert disturbed <= {("migrate", name) for name in targets}
    then = judge.losses(after.path)
    assert plan["n_plus_1"] is not any(then.values()), then
    # What is overfull now is relieved, whatever its neighbours' failure costs then.
    if not judge.overfull(path):
        for server, lost in then.items():
            assert len(lost) <= len(was.get(server, ())), (server, was, then)
    again, _ = run(balance, "--cib", str(after.path), "--yes")
    assert again["moves"] == []
    assert not [action for action in judge.outcome(after.path).actions if action[0] in DISTURBING]


def check_moves(path: Path, tmp_path: Path) -> None:
    """A move that is not refused takes that domain there, no other, and it stays."""
    tree = cib.parse(path.read_bytes())
    running = {name: at for name, at in judge.places(path, ":Xen").items() if at}
    for name in sorted(running)[:2]:
        try:
            move = moves.plan_one(tree, name, None)
        except SnowHaError:
            continue
        assert move
        pulled = cib.clone(tree)
        migration.put(pulled, [move])
        file = tmp_path / "pulled.xml"
        file.write_bytes(cib.serialize(pulled))
        arrived = judge.outcome(file)
        assert {other: arrived.places[other] for other in running} == running | {name: (move.target,)}
        released = cib.parse(arrived.path.read_bytes())
        migration.remove(released)
        file.write_bytes(cib.serialize(released))
        assert judge.outcome(file).places[name] == (move.target,)
