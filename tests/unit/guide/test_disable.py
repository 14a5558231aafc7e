"""`disable` part by part: what is left to do is planned, and each part does its own."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any, cast

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import cluster_options, intent, kept, location
from snow_ha_plugin.guide import disable
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import lock
from snow_ha_plugin.system.cluster import LiveCluster
from tests.captures import guide_cluster
from tests.unit.core.test_cib import with_parts
from tests.unit.operations.test_transaction import Memory

BY_HAND = '<primitive id="web01" class="ocf" provider="heartbeat" type="Xen"/>'


class Parts:
    """A site on which there is as much left as a test says, and what is done about it."""

    def __init__(self, site: Site, mocker: MockerFixture) -> None:
        self.site, self.done = site, list[tuple[object, ...]]()
        self.there: dict[str, Any] = {}
        mocker.patch.object(disable.stopping, "running", lambda _site: self.there.get("running", []))
        mocker.patch.object(disable.stopping, "in_order", lambda _site, names: [[name] for name in reversed(names)])
        mocker.patch.object(disable.fencing, "is_set_up", lambda _site: "fencing" in self.there)
        mocker.patch.object(disable.qdevice, "is_set_up", lambda _site: "qdevice" in self.there)
        mocker.patch.object(disable.events, "is_there", lambda _site: "events" in self.there)
        mocker.patch.object(disable.shutdown, "is_there", lambda _site: "shutdown" in self.there)
        mocker.patch.object(disable.reporting, "kept", lambda _servers: self.there.get("timers", {}))
        mocker.patch.object(site.servers, "read", lambda *_: b"ours" if "hook" in self.there else None)
        for place, name in (
            (disable.stopping, "let_go"), (disable.stopping, "stop"), (disable.fencing, "take_out"),
            (disable.qdevice, "disable"), (disable.events, "remove"), (disable.shutdown, "remove"),
            (disable.reporting, "end"), (disable.hook, "remove"), (disable, "_take_out"),
        ):  # fmt: skip
            label = f"{place.__name__.rpartition('.')[2]}.{name}"
            mocker.patch.object(place, name, side_effect=lambda *words, n=label: self.done.append((n, *words)))

    @property
    def actions(self) -> list[str]:
        return [part.change.action for part in disable.plan(self.site)]

    def carry_out(self) -> list[tuple[object, ...]]:
        for part in disable.plan(self.site):
            part.carry_out()
        return self.done


@pytest.fixture
def parts(site: Site, mocker: MockerFixture) -> Parts:
    return Parts(site, mocker)


def test_where_nothing_is_left_nothing_is_to_do(parts: Parts) -> None:
    assert parts.actions == []


@pytest.mark.parametrize(
    ("left", "action", "does"),
    [
        ("fencing", "fencing", "fencing.take_out"),
        ("qdevice", "third-vote", "qdevice.disable"),
        ("events", "events", "events.remove"),
        ("shutdown", "shutdown", "shutdown.remove"),
    ],
)
def test_what_is_left_after_a_run_that_was_killed_goes(parts: Parts, left: str, action: str, does: str) -> None:
    parts.there = {left: True}
    assert parts.actions == [action]
    assert parts.carry_out() == [(does, parts.site)]


def test_the_hook_goes_from_where_the_site_has_it(parts: Parts) -> None:
    parts.there = {"hook": True}
    assert parts.actions == ["hook"]
    assert parts.carry_out() == [("hook.remove", parts.site.servers, parts.site.layout.hooks_dir)]


def test_the_timers_that_are_there_end(parts: Parts) -> None:
    parts.there = {"timers": {"snow02": ["report"]}}
    assert parts.actions == ["report"]
    assert parts.carry_out() == [("reporting.end", parts.site.servers, {"snow02": ["report"]})]


def test_all_of_a_whole_cluster_goes_in_the_order_that_is_safe(parts: Parts) -> None:
    parts.there = {"running": ["snow01", "snow02"], "fencing": True, "qdevice": True, "hook": True}
    assert [done[0] for done in parts.carry_out()] == [
        "stopping.let_go", "disable._take_out", "stopping.stop", "stopping.stop", "fencing.take_out",
        "qdevice.disable", "events.remove", "shutdown.remove", "hook.remove",
    ]  # fmt: skip
    assert [done[2] for done in parts.done if done[0] == "stopping.stop"] == [["snow02"], ["snow01"]]
    assert all(done[1] is parts.site for done in parts.done[:-1])


def test_each_part_is_shown_while_it_is_carried_out_and_all_are_given_back(parts: Parts, mocker: MockerFixture) -> None:
    parts.there = {"events": True, "hook": True}
    shown: list[str] = []
    screen = mocker.MagicMock()
    screen.progress.side_effect = lambda title: nullcontext(shown.append(title))
    held = mocker.patch.object(lock, "held", return_value=nullcontext())
    assert [part.change.action for part in disable.disable(parts.site, screen, dry_run=False)] == ["events", "hook"]
    held.assert_called_once_with(parts.site.servers, "disable")
    assert shown == ["take up no more events", "take the hook out of `snow`"]
    assert [done[0] for done in parts.done] == ["events.remove", "hook.remove"]
    parts.done.clear()
    assert len(disable.disable(parts.site, screen, dry_run=True)) == 2
    assert (parts.done, held.call_count) == ([], 1)


def taken_out(site: Site, tree: cib.Tree) -> cib.Tree:
    cluster = Memory(tree)
    disable._take_out(replace(site, cluster=cast(LiveCluster, cluster)))
    return cluster.tree


def test_a_domain_by_hand_stays_in_the_cluster_and_ours_are_let_go_of(site: Site) -> None:
    assert list(cib.domains(taken_out(site, with_parts(resources=BY_HAND)))) == ["web01"]


def test_what_the_next_enable_shall_know_is_kept_and_sizes_are_gone_by_no_more(site: Site) -> None:
    tree = guide_cluster()
    intent.leave_out(tree, ["web01"])
    location.put(tree, [location.rule("nis01", "snow01", 100, beats_stickiness=False)])
    location.put_sizes_in_force(tree, vcpus=True)
    cib.put_pairs(
        cib.section(tree, "crm_config"), "cluster_property_set", cluster_options.OPTIONS_ID,
        {"stop-orphan-resources": "false", "placement-strategy": "balanced"},
    )  # fmt: skip
    then = taken_out(site, tree)
    assert intent.left_out(then) == ("web01",)
    assert len(cib.notes(then, kept.SET)) == 1
    assert cib.options(then)["stop-orphan-resources"] == "false"
    assert "placement-strategy" not in cib.options(then)
