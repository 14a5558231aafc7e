"""Pacemaker's own scheduler inputs, as they are and with their primitives made Xen domains: nothing said is false.

SNOW_HA_CTS names a checkout of Pacemaker (tag Pacemaker-2.1.5); of its inputs every SNOW_HA_CTS_STEP-th is taken.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snow_ha_plugin.cli.balance import balance
from snow_ha_plugin.cli.servers import what_if
from snow_ha_plugin.cli.status import status
from snow_ha_plugin.core import cib
from tests.random_clusters import judge
from tests.random_clusters.test_random_clusters import run

CHECKOUT = os.environ.get("SNOW_HA_CTS", "")
STEP = int(os.environ.get("SNOW_HA_CTS_STEP", "40"))
INPUTS = sorted(Path(CHECKOUT, "cts/scheduler/xml").glob("*.xml"))[::STEP] if CHECKOUT else []

pytestmark = pytest.mark.skipif(not CHECKOUT, reason="SNOW_HA_CTS names no checkout of Pacemaker")


def as_domains(tree: cib.Tree) -> None:
    """Every primitive and every history of one becomes that of a Xen domain."""
    for element in tree.iter("primitive", "lrm_resource", "template"):
        if element.get("type") not in ("remote", None) and element.get("class") != "stonith":
            element.attrib.pop("provider", None)
            element.attrib.update({"class": "ocf", "provider": "snow", "type": "Xen"})


@pytest.fixture(params=INPUTS, ids=[path.stem for path in INPUTS])
def given(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    try:
        cib.parse(path.read_bytes())
        judge.places(path)
        judge.outcome(path)
    except Exception as error:
        pytest.skip(f"Pacemaker's own tools do not take it: {str(error)[:80]}")
    return path


@pytest.mark.parametrize("kind", ["as it is", "Xen"])
def test_nothing_said_is_false(given: Path, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    tree = cib.parse(given.read_bytes())
    if kind == "Xen":
        as_domains(tree)
    path.write_bytes(cib.serialize(tree))
    shown, _ = run(status, "--cib", str(path))
    assert shown is not None
    try:
        was = judge.losses(path)
    except RuntimeError as why:
        pytest.skip(f"crm_simulate cannot play each server's failure: {str(why)[-80:]}")
    balance_shown = shown["balance"]
    if balance_shown is not None:
        word = balance_shown["n_plus_1"]
        assert word is None or word is not any(was.values()), (was, balance_shown)
    for server in list(was)[:2]:
        told, error = run(what_if, server, "--cib", str(path))
        if "invalid transition" in error:
            continue
        assert told is not None, error
        assert {*told["lost"], *told["squeezed"]} == was[server], server
    planned, error = run(balance, "--cib", str(path), "--dry-run")
    assert planned is not None or error
