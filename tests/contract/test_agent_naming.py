"""The contract of the resource agent: a domain whose file is out of reach, or says another name, while it runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.agent_cases import GENERIC, NOT_RUNNING, SUCCESS
from tests.contract.xen_pair import AGENT, XenPair

RECURRING = {"interval_s": 10}
# As long as Pacemaker gives a monitor at the least in these tests, and less than a read that is waited for.
QUICK_S = 2


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[XenPair]:
    """Its domain has a name of its own: what is noted of it is noted for the whole machine."""
    pair = XenPair(tmp_path, f"named{os.getpid()}")
    note = Path(f"/run/snow-ha/{pair.name}.name")
    note.unlink(missing_ok=True)
    yield pair
    note.unlink(missing_ok=True)


@pytest.fixture
def running(pair: XenPair) -> XenPair:
    """It runs on snow01, started by the agent, and nobody has looked at it since."""
    assert pair.agent("start").status == SUCCESS
    return pair


def hang(pair: XenPair) -> None:
    """Who opens its file waits for ever, as on a hard NFS mount whose server is away."""
    pair.file.unlink()
    os.mkfifo(pair.file)


@pytest.mark.parametrize("environment", [{}, {"OCF_CHECK_LEVEL": "10"}], ids=["quick", "deep"])
def test_a_domain_that_runs_is_seen_where_storage_does_not_answer(running, environment):
    hang(running)
    outcome = running.agent("monitor", timeout_s=12, environment=environment, **RECURRING)
    assert outcome.status == SUCCESS
    assert environment or outcome.seconds < QUICK_S


def test_the_monitor_of_a_domain_that_runs_imports_nothing(running, tmp_path):
    alone = shutil.copy(AGENT, tmp_path)
    assert running.agent("monitor", agent=alone, **RECURRING).status == SUCCESS


def test_a_domain_that_is_gone_is_told_where_storage_does_not_answer(running):
    hang(running)
    running.xl("snow01", "destroy", running.name)
    assert running.agent("monitor", timeout_s=12, **RECURRING).status == NOT_RUNNING


def test_a_domain_is_stopped_where_storage_does_not_answer(running):
    hang(running)
    assert running.agent("stop", timeout_s=12).status == SUCCESS
    assert running.names("snow01") == []


def test_a_start_where_storage_does_not_answer_fails_in_time_and_a_stop_has_nothing_to_do(pair):
    hang(pair)
    started = pair.agent("start", timeout_s=6)
    assert started.status == GENERIC
    assert "its storage does not answer" in started.reason
    assert pair.agent("stop", timeout_s=6).status == SUCCESS


def test_a_probe_that_cannot_learn_the_name_does_not_say_that_it_does_not_run(pair):
    pair.world.place("snow01", "other")
    hang(pair)
    outcome = pair.agent("monitor", timeout_s=6)
    assert outcome.status == GENERIC
    assert "may have another name" in outcome.reason


def test_a_domain_whose_file_gets_another_name_is_that_one_until_it_ends(running):
    running.write_domain_file(name="web02")
    assert running.agent("monitor", **RECURRING).status == SUCCESS
    assert running.agent("start").status == SUCCESS
    assert running.names("snow01") == [running.name]
    migrated = running.agent("migrate_to")
    assert migrated.status == GENERIC
    assert "no migration until it is restarted" in migrated.reason
    assert running.agent("stop").status == SUCCESS
    assert running.names("snow01") == []
    assert running.agent("start").status == SUCCESS
    assert running.names("snow01") == ["web02"]
