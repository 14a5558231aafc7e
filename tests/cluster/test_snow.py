"""The host's own `snow` on a running cluster: what it does to a domain, Pacemaker knows.

Where SNOW_TOOLS names a checkout of the real host, all of this runs against that.
"""

from collections.abc import Iterator

import pytest

from tests.cluster.pair import Pair, enabled
from tests.lab import terminal
from tests.lab.site import SiteDomain
from tests.lab.terminal import Outcome

pytestmark = pytest.mark.lab

IN_DOMAINS_CONF = ("deployed", "added", "replaced", "removed", "kept", "late", "offline", "refused")


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    domains = [SiteDomain("boot01", "proxy", 256), SiteDomain("boot02", "nis", 256)]
    domains += [SiteDomain(name, "proxy", deployed=False) for name in IN_DOMAINS_CONF]
    with enabled("snow", domains) as up:
        yield up


def snow(pair: Pair, *words: str, typed: str = "", after: str = "[y/N]", server: str = "") -> Outcome:
    """Run `snow` as somebody at a terminal of that server does."""
    argv = pair.lab.command(server or pair.here, ["/sNow/snow-tools/sbin/snow", *words], {"TERM": "dumb"})
    return terminal.run(argv, typed=typed, after=after, timeout_s=120)


def run_on(pair: Pair, name: str, server: str) -> int:
    """Deploy a domain and let Pacemaker run it on that server; its domid."""
    snow(pair, "deploy", name)
    pair.snow_ha("remove", name)
    domid = pair.start(name, server)
    pair.snow_ha("add", name)
    pair.settle()
    return domid


class TestHa:
    def test_words_terminal_and_status_pass_through(self, pair: Pair) -> None:
        shown = snow(pair, "ha", "status")
        assert (shown.status, shown.terminal.startswith("HEALTHY")) == (0, True)
        refused = snow(pair, "ha", "add", "no such domain")
        assert refused.status == 64
        assert "[E] 'no such domain' cannot be the name of a domain" in refused.terminal

    def test_it_is_recorded_with_the_hosts_actions(self, pair: Pair) -> None:
        snow(pair, "ha", "status", "--json")
        record = (pair.lab.shared / "log/snow_actions.log").read_text().splitlines()
        assert record[-1].endswith("ha status --json")


class TestMaking:
    @pytest.mark.parametrize(("words", "name"), [(["deploy"], "deployed"), (["add", "domain"], "added")])
    def test_new_domain_is_registered_and_waits_for_boot(self, pair: Pair, words: list[str], name: str) -> None:
        snow(pair, *words, name)
        pair.settle()
        assert pair.target_role(name) == "Stopped"
        assert pair.world.where(name) == []
        snow(pair, "boot", name)
        pair.wait_for(lambda: len(pair.world.where(name)) == 1, f"{name} does not start")

    def test_forced_deployment_of_a_domain_that_runs_elsewhere(self, pair: Pair) -> None:
        run_on(pair, "replaced", pair.there)
        image = pair.lab.shared / "domains/replaced/disk.img"
        image.write_text("data of the old domain")
        said = snow(pair, "deploy", "replaced", "force").terminal
        pair.settle()
        assert "[W] " in said, "the host warns of the loss of data"
        assert pair.world.where("replaced") == []
        assert b"data of the old domain" not in image.read_bytes()
        assert pair.target_role("replaced") == "Stopped"
        snow(pair, "boot", "replaced")
        pair.wait_for(lambda: len(pair.world.where("replaced")) == 1, "replaced does not start again")
        assert pair.world.doubles() == []


class TestBooting:
    def test_domain_that_is_not_registered_is_registered_first(self, pair: Pair) -> None:
        pair.deploy("late")
        assert not pair.is_registered("late")
        snow(pair, "boot", "late")
        pair.wait_for(lambda: len(pair.world.where("late")) == 1, "late does not start")
        assert pair.is_registered("late")

    def test_boot_domains_starts_all(self, pair: Pair) -> None:
        for name in ("boot01", "boot02"):
            snow(pair, "shutdown", name)
        pair.wait_for(lambda: not pair.world.where("boot01") + pair.world.where("boot02"), "they do not stop")
        snow(pair, "boot", "domains")
        for name in ("boot01", "boot02"):
            pair.wait_for(lambda name=name: len(pair.world.where(name)) == 1, f"{name} does not start")


class TestRemoving:
    def test_domain_that_runs_elsewhere_ends_and_is_forgotten(self, pair: Pair) -> None:
        run_on(pair, "removed", pair.there)
        snow(pair, "remove", "domain", "removed", typed="y\n")
        assert pair.world.where("removed") == []
        assert pair.files_of("removed") == []
        pair.settle()
        assert pair.mentions("removed") == []

    def test_domain_that_nobody_registered_and_that_runs_elsewhere_is_left_alone(self, pair: Pair) -> None:
        domid = pair.running("stray", pair.there)
        said = snow(pair, "remove", "domain", "stray", typed="y\n").terminal
        assert f"runs on {pair.there}" in said
        assert (pair.world.where("stray"), pair.world.domid("stray")) == ([pair.there], domid)
        assert pair.files_of("stray") == ["disk.img", "stray.cfg", "swap.img"]

    def test_no_is_no(self, pair: Pair) -> None:
        domid = run_on(pair, "kept", pair.there)
        epoch = pair.epoch()
        snow(pair, "remove", "domain", "kept", typed="n\n")
        assert (pair.world.where("kept"), pair.world.domid("kept")) == ([pair.there], domid)
        assert pair.files_of("kept") == ["disk.img", "kept.cfg", "swap.img"]
        assert pair.epoch() == epoch


class TestWithoutPacemaker:
    """On a server where Pacemaker is stopped; the other server goes on."""

    @pytest.fixture(scope="class")
    def alone(self, pair: Pair) -> Iterator[Pair]:
        run_on(pair, "refused", pair.there)
        pair.lab.run(pair.here, ["systemctl", "stop", "pacemaker"], timeout=120)
        yield pair
        pair.lab.run(pair.here, ["systemctl", "start", "pacemaker"], timeout=120)

    def test_deployment_goes_on_and_says_how_to_repair(self, alone: Pair) -> None:
        said = snow(alone, "deploy", "offline").terminal
        assert alone.files_of("offline") == ["disk.img", "offline.cfg", "swap.img"]
        assert "[W] " in said
        assert "snow ha sync" in said

    @pytest.mark.parametrize("words", [["remove", "domain", "refused"], ["deploy", "refused", "force"]])
    def test_destruction_is_refused(self, alone: Pair, words: list[str]) -> None:
        image = alone.lab.shared / "domains/refused/disk.img"
        image.write_text("precious")
        said = snow(alone, *words, typed="y\n").terminal
        assert "[E] refused cannot be taken out of Pacemaker's hands" in said
        assert image.read_text() == "precious"
        assert alone.world.where("refused") == [alone.there]
