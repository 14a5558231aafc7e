"""The life of the package on a site, on both releases of Debian: one story, each test goes on where the last ended."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from snow_ha_plugin import __version__
from tests.cluster import cluster_state as state
from tests.cluster import package_site as site
from tests.cluster.cluster_state import DOMAINS
from tests.cluster.package_site import apt
from tests.lab import base, package
from tests.lab.cluster import Lab
from tests.lab.host import wait_until
from tests.lab.site import HOOK, HOOKS

pytestmark = pytest.mark.lab

MANAGED = ["deploy01", "nis01"]


@dataclass
class Story:
    lab: Lab
    before: dict[str, set[str]]
    began: float = field(default_factory=time.monotonic)

    @property
    def hook(self) -> str:
        path = self.lab.shared / HOOKS / HOOK.name
        return path.read_text() if path.exists() else ""

    def undisturbed(self) -> None:
        """No domain has stopped since the cluster was enabled, and none ran twice."""
        assert state.interrupted(self.lab, DOMAINS, self.began, time.monotonic()) == []
        assert state.doubles(self.lab) == []


@pytest.fixture(scope="module", params=base.RELEASES)
def story(request: pytest.FixtureRequest) -> Iterator[Story]:
    with site.up(f"package-{request.param}-{os.getpid()}", request.param) as lab:
        yield Story(lab, {server: site.paths(lab, server) for server in lab.names})


def test_installation_on_a_fresh_server_brings_a_cluster_and_starts_none(story: Story) -> None:
    lab = story.lab
    for server in lab.names:
        apt(lab, server, "install", f"snow-ha={site.BEFORE}")
        assert site.version(lab, server) == site.BEFORE
        assert site.is_down(lab, server)
        assert site.is_enabled(lab, server) == {"corosync": "disabled", "pacemaker": "disabled"}
    lab.power_off("snow02")
    lab.power_on("snow02")
    assert site.is_down(lab, "snow02")
    assert story.hook == ""


def test_what_is_installed_works_at_once(story: Story) -> None:
    state.boot_early_domains(story.lab)
    domids = state.domids(story.lab)
    state.enable(story.lab)
    story.began = time.monotonic()
    assert domids.items() <= state.domids(story.lab).items()
    assert sorted(state.domids(story.lab)) == DOMAINS
    assert story.hook.endswith(f"# {site.BEFORE}\n")


def test_upgrade_of_one_server_disturbs_nothing_and_brings_the_hook_up_to_date(story: Story) -> None:
    site.publish_this(story.lab)
    domids = state.domids(story.lab)
    with site.monitors(story.lab, "snow01"):
        apt(story.lab, "snow01", "upgrade")
    assert (site.version(story.lab, "snow01"), site.version(story.lab, "snow02")) == (__version__, site.BEFORE)
    assert story.hook == HOOK.read_text()
    assert state.domids(story.lab) == domids
    assert state.online(story.lab, "snow01") == story.lab.names
    story.undisturbed()


def test_two_versions_work_together_and_enable_wants_one(story: Story) -> None:
    lab = story.lab
    # Its timeouts are longer, which the former version leaves.
    state.snow_ha(lab, "sync", server="snow01")
    for server in lab.names:
        assert {domain["name"] for domain in state.status(lab, server)["domains"]} == set(DOMAINS)
        for target in ("snow02", "snow01"):
            state.snow_ha(lab, "move", "proxy01", target, server=server)
            assert state.domids(lab)["proxy01"][0] == target
        json.loads(state.snow_ha(lab, "balance", "--dry-run", "--json", server=server))
        assert "nothing to do" in state.snow_ha(lab, "sync", server=server)
        state.snow_ha(lab, "remove", "maui01", server=server)
        state.snow_ha(lab, "add", "maui01", server=server)
        refused = state.attempt(lab, ["snow-ha", "enable", "--without-fencing"], server=server)
        assert refused.returncode != 0
        assert "install the same version on all servers" in refused.stderr
    story.undisturbed()


def test_after_the_last_server_all_is_well(story: Story) -> None:
    apt(story.lab, "snow02", "upgrade")
    assert "up to this version" in state.enable(story.lab)
    assert "nothing to do" in state.enable(story.lab)
    looked = state.attempt(story.lab, ["snow-ha", "check", "--json"], server="snow02")
    assert {finding["id"] for finding in json.loads(looked.stdout)["findings"]} <= {"no-fencing"}
    story.undisturbed()


@pytest.mark.parametrize("name", ["verbs", "agent"])
def test_autopkgtest_passes_on_what_is_installed(story: Story, name: str) -> None:
    """Beside a cluster that runs, which they must not touch; where autopkgtest itself runs, it runs the same."""
    source = story.lab.shared / "source"
    for path in package.files(package.CHECKOUT):
        if path.parts[0] in ("packaging", "tests"):
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(package.CHECKOUT / path, source / path)
    script = f"cd /sNow/source && AUTOPKGTEST_TMP=$(mktemp -d) packaging/debian/tests/{name}"
    story.lab.run("snow01", ["sh", "-c", script], timeout=120)
    shutil.rmtree(source)
    story.undisturbed()


def test_balance_and_failover(story: Story) -> None:
    lab = story.lab
    state.snow_ha(lab, "balance", "--yes")
    story.undisturbed()
    lab.power_off("snow01")
    wait_until(lambda: {where for where, _ in state.domids(lab).values()} == {"snow02"}, 60, "domains stay away")
    state.wait_for_all_domains(lab)
    lab.power_on("snow01")
    assert site.is_down(lab, "snow01")
    state.snow_ha(lab, "enable", "--without-fencing", server="snow02")
    assert state.online(lab, "snow02") == lab.names
    assert state.doubles(lab) == []
    story.began = time.monotonic()


def test_removal_refuses_while_domains_are_managed(story: Story) -> None:
    for server in story.lab.names:
        refused = apt(story.lab, server, "remove", "snow-ha", check=False)
        assert refused.returncode != 0
        assert "first: snow ha disable" in refused.stdout + refused.stderr
        assert site.version(story.lab, server) == __version__
    assert state.status(story.lab)["domains"]
    story.undisturbed()


def test_a_shared_file_system_that_does_not_answer_holds_nothing_up(story: Story) -> None:
    """A pipe that nobody writes to, in the place of a file on a server that hangs."""
    hook = story.lab.shared / HOOKS / HOOK.name
    hook.unlink()
    os.mkfifo(hook)
    upgraded = apt(story.lab, "snow01", "install", "--reinstall", "snow-ha")
    assert "[W] the hook of `snow` was left as it is" in upgraded.stdout
    assert site.version(story.lab, "snow01") == __version__
    hook.unlink()
    state.enable(story.lab)
    assert story.hook == HOOK.read_text()
    story.undisturbed()


def test_after_disable_it_can_be_removed_and_domains_run_on(story: Story) -> None:
    state.snow_ha(story.lab, "disable", "--yes")
    assert story.hook == ""
    apt(story.lab, "snow01", "remove", "snow-ha")
    assert site.version(story.lab, "snow01") == ""
    apt(story.lab, "snow01", "install", "snow-ha")
    assert story.hook == ""
    story.undisturbed()


def test_the_hook_goes_with_the_last_package(story: Story) -> None:
    lab = story.lab
    hook = lab.shared / HOOKS / HOOK.name
    hook.write_text(HOOK.read_text())
    apt(lab, "snow01", "purge", "snow-ha")
    assert story.hook, "snow02 has the package"
    apt(lab, "snow02", "purge", "snow-ha")
    assert not story.hook
    story.undisturbed()


def test_a_cluster_that_runs_and_starts_at_boot_goes_on_so_when_it_comes(story: Story) -> None:
    def main_pids() -> str:
        return lab.run("snow01", ["systemctl", "show", "--property=MainPID", *site.SERVICES]).stdout

    lab = story.lab
    lab.run("snow01", ["systemctl", "enable", "--now", *site.SERVICES])
    before = main_pids()
    apt(lab, "snow01", "install", "snow-ha")
    assert main_pids() == before
    assert site.is_enabled(lab, "snow01") == {"corosync": "enabled", "pacemaker": "enabled"}
    # It has no domains, so nothing speaks against going.
    apt(lab, "snow01", "purge", "snow-ha")
    assert main_pids() == before
    lab.run("snow01", ["systemctl", "disable", "--now", *site.SERVICES])
    story.undisturbed()


def test_without_the_shared_file_system_it_comes_and_goes(story: Story) -> None:
    lab = story.lab
    shutil.copy(package.prepare(), lab.disk("snow01") / "root/snow-ha.deb")
    lab.run("snow01", ["umount", "--lazy", "/sNow"])
    for step in ("--install", "--install", "--purge"):  # the second one is an upgrade
        name = "snow-ha" if step == "--purge" else "/root/snow-ha.deb"
        lab.run("snow01", ["dpkg", step, name], timeout=site.APT_WITHIN_S)
    lab.run("snow01", ["rm", "/root/snow-ha.deb"])
    assert site.version(lab, "snow01") == ""


def test_purge_leaves_nothing_behind(story: Story) -> None:
    for server in story.lab.names:
        apt(story.lab, server, "purge", *site.SERVICES)
        # The cluster's own files, and a setting of xen-utils: what `enable` wrote there is not the package's to delete.
        others = ("/etc/corosync", "/var/lib/pacemaker", "/var/lib/corosync", "/etc/default/xendomains")
        left = site.paths(story.lab, server) - story.before[server]
        assert {path for path in left if not path.startswith(others)} == set()
