"""The contract of the resource agent: an upgrade, which replaces its files one by one, fails no monitor."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.agent_cases import NOT_RUNNING, SUCCESS
from tests.contract.xen_pair import AGENT, XenPair, install, wait_until

# The first line of the agent up to 0.1.0, which was one file in two parts.
OF_BEFORE = [
    "/usr/bin/python3",
    "-IScimport sys; [exec(part, globals()) for part in open(sys.argv.pop(1)).read().split('#' * 79)]",
]
# What the next version calls otherwise: a module, a function, a parameter.
RENAMED = [
    ("snow_ha_plugin.agent.decisions", "snow_ha_plugin.agent.table"),
    ("first_failure", "what_failed"),
    ("absence_passes", "may_be_absent"),
]
# Between two files.
PAUSE_S = 0.05
MONITORS = 3


@pytest.fixture
def versions(pair: XenPair) -> list[dict[Path, str]]:
    """The files of two versions of the agent, of which none of the one works with any of the other. The first is
    installed."""
    root = pair.path / "installed"
    root.mkdir()
    install(root)
    now = {path: path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}
    after = {}
    for path, text in now.items():
        for old, new in RENAMED:
            text = text.replace(old, new)
        after[path.with_stem("table") if path.stem == "decisions" else path] = text
    assert sum(now.get(path) != text for path, text in after.items()) > 4
    return [now, after]


def as_dpkg(new: dict[Path, str], old: dict[Path, str], pause: Callable[[], None]) -> None:
    for path, text in new.items():
        unpacked = path.with_name(path.name + ".dpkg-new")
        unpacked.write_text(text)
        unpacked.chmod(0o755)
    for path in random.Random(7).sample(sorted(new), len(new)):
        path.with_name(path.name + ".dpkg-new").rename(path)
        pause()
    for path in old.keys() - new.keys():
        path.unlink()
        pause()


def as_pip(new: dict[Path, str], old: dict[Path, str], pause: Callable[[], None]) -> None:
    """Without the package for a while, but for ocf/Xen, without which Pacemaker runs nothing."""
    for path in old:
        if path.suffix:
            path.unlink()
            pause()
    for path, text in sorted(new.items()):
        unpacked = path.with_name("unpacked")
        unpacked.write_text(text)
        unpacked.chmod(0o755)
        unpacked.rename(path)
        pause()


@contextmanager
def monitors(pair: XenPair, agent: Path, **more: Any) -> Iterator[list[tuple[int, str]]]:
    """As many as a server has domains, again and again; gives what each of them came to."""
    outcomes: list[tuple[int, str]] = []
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.is_set():
            outcome = pair.agent("monitor", agent=agent, timeout_s=60, **more)
            outcomes.append((outcome.status, outcome.output))

    threads = [threading.Thread(target=go_on) for _ in range(MONITORS)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: outcomes)
        yield outcomes
        done = len(outcomes)
        wait_until(lambda: len(outcomes) > done + MONITORS)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("replace", [as_dpkg, as_pip])
@pytest.mark.parametrize("is_there", [True, False], ids=["deep monitor", "probe"])
def test_an_upgrade_and_the_way_back_fail_no_monitor(pair, versions, replace, is_there):
    now, after = versions
    agent = pair.path / "installed/ocf/Xen"
    more: dict[str, object] = {}
    if is_there:
        pair.world.place("snow01", "web01")
        more = {"interval_s": 10, "environment": {"OCF_CHECK_LEVEL": "10"}}
    with monitors(pair, agent, **more) as outcomes:
        for new, old in ((after, now), (now, after)):
            replace(new, old, lambda: threading.Event().wait(PAUSE_S))
            begun = len(outcomes)
            wait_until(lambda begun=begun: len(outcomes) > begun + MONITORS)
    assert {status for status, _ in outcomes} == {SUCCESS if is_there else NOT_RUNNING}, outcomes


def test_a_mix_of_two_versions_is_never_run(pair, versions):
    """What the tests above would miss if both versions worked with each other."""
    _, after = versions
    pair.world.place("snow01", "web01")
    host = pair.path / "installed/snow_ha_plugin/agent/host.py"
    host.write_text(after[host])
    outcome = pair.agent(
        "monitor",
        agent=pair.path / "installed/ocf/Xen",
        timeout_s=2,
        name="web01",
        **{"environment": {"OCF_CHECK_LEVEL": "10"}},
    )
    assert outcome.status not in (SUCCESS, NOT_RUNNING)


def test_nothing_is_written_beside_the_agent_s_files(pair):
    """What is written while dpkg takes the package away would stay for ever."""
    (pair.path / "installed").mkdir()
    agent = install(pair.path / "installed")
    assert pair.agent("monitor", agent=agent).status == NOT_RUNNING
    assert not list((pair.path / "installed").rglob("__pycache__"))


@pytest.mark.parametrize("is_there", [True, False])
def test_the_first_line_of_before_may_meet_the_file_of_now(pair, is_there):
    """The kernel has read the one, and then dpkg replaces the file that Python opens."""
    if is_there:
        pair.world.place("snow01", "web01")
    given = {**pair.environment(), "OCF_RESKEY_xmfile": str(pair.file)}
    asked = subprocess.run([*OF_BEFORE, AGENT, "monitor"], env=given, capture_output=True, text=True, timeout=60)
    assert (asked.returncode, asked.stderr) == (SUCCESS if is_there else NOT_RUNNING, "")
