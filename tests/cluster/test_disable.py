"""`disable` lets go of everything and stops nothing, also when it is killed on the way; `enable` takes hold again."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cluster import cluster_state as state
from tests.cluster.cluster_state import DOMAINS, Snapshot
from tests.lab.cluster import Lab
from tests.lab.site import HOOK, HOOKS

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Running:
    """A site before anything was disabled: where its domains ran, and since when nothing may have happened to them."""

    lab: Lab
    domids: dict[str, tuple[str, int]]
    began: float

    def assert_nothing_happened_to_domains(self) -> None:
        assert state.domids(self.lab) == self.domids
        assert state.interrupted(self.lab, DOMAINS, self.began, time.monotonic()) == []
        assert state.doubles(self.lab) == []

    def assert_enabled(self) -> None:
        self.assert_nothing_happened_to_domains()
        shown = state.status(self.lab)
        assert {domain["name"]: domain["server"] for domain in shown["domains"] if domain["managed"]} == {
            name: server for name, (server, _) in self.domids.items()
        }
        assert shown["findings"] == []
        assert "nothing to do" in state.enable(self.lab)


@pytest.fixture(scope="module")
def site(hasty_lab: Lab) -> Iterator[Running]:
    state.enable(hasty_lab)
    yield Running(hasty_lab, state.domids(hasty_lab), time.monotonic())


@pytest.fixture
def enabled(site: Running) -> Running:
    if not state.is_whole(site.lab):
        state.enable(site.lab)
    return site


@pytest.fixture(scope="module")
def undisturbed(site: Running) -> Snapshot:
    """What is there after a `disable` that nobody disturbed."""
    state.enable(site.lab)
    state.snow_ha(site.lab, "disable", "--yes")
    return state.snapshot(site.lab)


def without_history(snapshot: Snapshot) -> dict[str, str]:
    return {path: look for path, look in snapshot.files.items() if "/var/lib/snow-ha/history/" not in path}


class TestDisable:
    def test_dry_run_changes_nothing(self, enabled: Running) -> None:
        before = state.snapshot(enabled.lab)
        shown = state.snow_ha(enabled.lab, "disable", "--dry-run")
        assert "stop the cluster on snow02" in shown
        # What Pacemaker tells of the enabling before is still being taken up.
        changed = [each for each in before.difference(state.snapshot(enabled.lab)) if "/snow-ha/history" not in each]
        assert changed == []
        enabled.assert_enabled()

    def test_leaves_domains_alone_and_takes_out_what_is_ours(self, enabled: Running) -> None:
        lab = enabled.lab
        # What an administrator wrote beside it is not ours.
        lab.run("snow01", ["crm_attribute", "--name", "cluster-recheck-interval", "--update", "10min"])
        page = lab.shared / "page.html"
        state.snow_ha(lab, "report", "--html", "/sNow/page.html", "--every", "5")
        page.unlink()
        # Whichever is the DC writes, and no other.
        for server in lab.names:
            lab.run(server, ["systemctl", "start", "snow-ha-page.service"])
            assert lab.run(server, ["systemctl", "is-active", "snow-ha-page.timer"]).stdout == "active\n"
        assert ">HEALTHY<" in page.read_text()
        assert page.stat().st_mode & 0o777 == 0o644
        state.snow_ha(lab, "disable", "--yes")
        page.unlink()
        assert lab.run("snow02", ["systemctl", "is-active", "snow-ha-page.timer"], check=False).stdout == "inactive\n"
        enabled.assert_nothing_happened_to_domains()
        assert not (lab.shared / HOOKS / HOOK.name).exists()
        for server in lab.names:
            assert not state.is_active(lab, server, "pacemaker")
            assert not state.is_active(lab, server, "corosync")
            left = state.stored_cib(lab, server)
            ids = [element.get("id") for element in left.iterfind("configuration//*[@id]")]
            assert {found for found in ids if found.startswith("snow-ha-") and "options" not in found} == set()
            assert left.findall("configuration/resources/*") == []
            assert left.find(".//nvpair[@name='cluster-recheck-interval']") is not None

    def test_second_time_has_nothing_to_do(self, undisturbed: Snapshot, site: Running) -> None:
        state.snow_ha(site.lab, "disable", "--yes")
        before = state.snapshot(site.lab)
        assert "nothing to do" in state.snow_ha(site.lab, "disable", "--yes")
        assert before.difference(state.snapshot(site.lab)) == []

    def test_can_be_taken_back(self, site: Running) -> None:
        state.snow_ha(site.lab, "disable", "--yes")
        state.enable(site.lab)
        site.assert_enabled()


class TestKilled:
    # The first commit is the one that makes Pacemaker let go; after the last part nothing is left.
    @pytest.mark.parametrize(
        "point", ["after commit", "after unregister domains", "after stop snow02", "after stop snow01"]
    )
    def test_and_run_again_it_ends_where_an_undisturbed_one_ends(
        self, undisturbed: Snapshot, enabled: Running, point: str
    ) -> None:
        assert state.killed(enabled.lab, point, "disable", "--yes")
        enabled.assert_nothing_happened_to_domains()
        state.snow_ha(enabled.lab, "disable", "--yes")
        enabled.assert_nothing_happened_to_domains()
        now = state.snapshot(enabled.lab)
        assert (without_history(now), now.units) == (without_history(undisturbed), undisturbed.units)
        for server in enabled.lab.names:
            assert state.stored_cib(enabled.lab, server).findall("configuration/resources/*") == []

    @pytest.mark.parametrize("point", ["after let-go domains", "after stop snow02"])
    def test_enable_takes_hold_again(self, enabled: Running, point: str) -> None:
        assert state.killed(enabled.lab, point, "disable", "--yes")
        state.enable(enabled.lab)
        enabled.assert_enabled()
