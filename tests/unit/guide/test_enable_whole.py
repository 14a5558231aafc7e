"""All of `enable`: in which order its parts go, and what is told at the beginning."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.guide import enable
from snow_ha_plugin.guide.domains import Newcomers
from snow_ha_plugin.guide.run import Run
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Change
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import lock
from tests.unit.guide.test_enable_steps import CHANGE, Screen, prepared


class TestWhole:
    """All of it, its parts written down instead of done."""

    @pytest.fixture
    def done(self, site: Site, mocker: MockerFixture) -> list[str]:
        done: list[str] = []
        site = replace(site, fencing=fencing.SBD, why="nothing else", qdevice="qnetd01")
        mocker.patch.object(enable, "SERVER_STEPS", ())
        mocker.patch.object(enable, "AFTERWARDS", ())
        mocker.patch.object(enable, "_begin", return_value=(site, None))
        mocker.patch.object(enable.fencing, "decide_by", return_value=site)
        mocker.patch.object(enable.xen, "looked_at", return_value=site)
        mocker.patch.object(enable, "_is_complete", return_value=False)
        mocker.patch.object(enable.domains, "newcomers", return_value=Newcomers(("web01",), ("web02", "web03")))
        for name in ("_rehearse", "_change_configuration", "_replace_agents"):
            mocker.patch.object(enable, name, side_effect=lambda _run, n=name: done.append(n) or [CHANGE])
        mocker.patch.object(lock, "held", lambda servers, verb: nullcontext(done.append(f"lock {verb}")))
        return done

    def test_is_done_under_the_lock_and_told_at_the_beginning(self, site: Site, done: list[str]) -> None:
        screen = Screen()
        run, changes = enable.enable(site, screen, replace_agents=False, dry_run=False)
        assert done == ["lock enable", "_rehearse", "_change_configuration"]
        assert (changes, run.dry_run) == ([CHANGE], False)
        assert screen.told == [
            "begin: Looking at the site", "end",
            "taken over as they run: web01", "to be started: web02 and web03",
            "fencing: sbd; nothing else", "third vote: qnetd01",
        ]  # fmt: skip

    def test_every_section_is_looked_at_in_one_go_and_mended_around_the_cib(
        self, site: Site, done: list[str], mocker: MockerFixture
    ) -> None:
        before, after = (Step(name, name, lambda _site: [], lambda _site: None) for name in ("server", "hook"))
        mocker.patch.object(enable, "SERVER_STEPS", (before,))
        mocker.patch.object(enable, "AFTERWARDS", (after,))
        looked = mocker.patch.object(Run, "look")
        mocker.patch.object(Run, "mend", side_effect=lambda section: done.append(f"mend {section.name}"))
        enable.enable(site, Screen(), replace_agents=False, dry_run=True)
        looked.assert_called_once_with((before, after))
        assert done == ["_rehearse", "mend server", "_change_configuration", "mend hook"]

    def test_agents_are_replaced_only_where_that_is_asked_for(self, site: Site, done: list[str]) -> None:
        _, changes = enable.enable(site, Screen(), replace_agents=True, dry_run=True)
        assert done == ["_rehearse", "_change_configuration", "_replace_agents"]
        assert changes == [CHANGE, CHANGE]

    def test_where_all_was_done_before_the_cib_is_left_alone(
        self, site: Site, done: list[str], mocker: MockerFixture
    ) -> None:
        mocker.patch.object(enable, "_is_complete", return_value=True)
        mocker.patch.object(enable.domains, "newcomers", return_value=Newcomers((), ()))
        screen = Screen()
        run, changes = enable.enable(site, screen, replace_agents=False, dry_run=True)
        assert (done, changes, run.dry_run) == ([], [], True)
        assert screen.told[2:] == ["fencing: sbd; nothing else", "third vote: qnetd01"]

    def test_of_many_domains_the_first_are_named(self, site: Site, done: list[str], mocker: MockerFixture) -> None:
        names = tuple(f"web{number:02}" for number in range(1, 11))
        mocker.patch.object(enable.domains, "newcomers", return_value=Newcomers(names, names))
        screen = Screen()
        enable.enable(site, screen, replace_agents=False, dry_run=True)
        for line in screen.told[2:4]:
            assert "web07" in line and "web10" not in line


class TestChangeConfiguration:
    @pytest.mark.parametrize("dry_run", [True, False])
    def test_a_dry_run_tries_nothing_again_and_puts_no_rules_back(
        self, site: Site, mocker: MockerFixture, dry_run: bool
    ) -> None:
        run, _ = prepared(site, dry_run=dry_run)
        tried = mocker.patch.object(Run, "try_fencing")
        for name in ("_configure", "_renew_ids", "_try_again", "_put_rules_back"):
            mocker.patch.object(enable, name, return_value=[Change("x", name, "x")])
        sizes = mocker.patch.object(enable, "_go_by_sizes", return_value=[CHANGE])
        done = [change.target for change in enable._change_configuration(run)]
        assert tried.called
        own = ["_configure", "_renew_ids", *([] if dry_run else ["_try_again", "_put_rules_back"])]
        assert done == [*own, "cluster-delay"]
        assert [change.target for change in sizes.call_args.args[1]] == own
