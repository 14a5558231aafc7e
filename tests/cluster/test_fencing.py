"""Fencing as `enable` sets it up by itself: real sbd, its disk on the shared file system, a watchdog that really ends
a server; what is lost is dead before its domains start elsewhere, and nobody else is."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.cluster import cluster_state as state
from tests.cluster.cluster_state import DOMAINS
from tests.lab.cluster import Lab
from tests.lab.host import wait_until
from tests.lab.site import build_site

pytestmark = pytest.mark.lab

WATCHDOG_S = 5
# Token and consensus, msgwait, a start; and room for a machine that has other work.
FAILOVER_WITHIN_S = 60
# The lab's power cycle (10 s) and a boot.
BACK_WITHIN_S = 90
ENABLE_WITHIN_S = 240
# A stall that every server would not survive alone.
STALL_S = 2 * WATCHDOG_S + 8
RESETS = ("watchdog", "reboot")


@pytest.fixture(scope="module")
def site() -> Iterator[Lab]:
    build = partial(build_site, SNOW_HA_WATCHDOG_S=str(WATCHDOG_S))
    with Lab.up(f"fencing-{os.getpid()}", site=build, disk=state.hasten) as lab:
        state.boot_early_domains(lab)
        yield lab


@pytest.fixture
def protected(site: Lab) -> Lab:
    """Both servers are in the cluster, fenced by sbd, and all domains run, some on each."""
    if not state.is_whole(site):
        enable(site)
        state.wait_for_all_domains(site)
    assert state.online(site, "snow01") == site.names
    return site


def enable(lab: Lab, *words: str) -> str:
    return lab.run("snow01", ["snow-ha", "enable", *words], timeout=ENABLE_WITHIN_S).stdout


def fencing_status(lab: Lab, server: str = "snow01") -> dict[str, Any]:
    shown = lab.run(server, ["snow-ha", "fencing", "status", "--json"], check=False)
    return json.loads(shown.stdout)


def resets(lab: Lab, since: float) -> list[str]:
    """The servers that were reset, by themselves or by others, since a moment of time.monotonic()."""
    return [event.server for event in lab.power_events() if event.mono >= since and event.what in RESETS]


def wait_until_back(lab: Lab, server: str) -> None:
    def answers() -> bool:
        return lab.is_on(server) and lab.run("snow01", ["ssh", server, "true"], check=False).returncode == 0

    wait_until(answers, BACK_WITHIN_S, f"{server} is not back")


def monitor_every(lab: Lab, interval: str, timeout: str) -> None:
    for name in DOMAINS:
        words = f'<op id="snow-ha--op.monitor--{name}" interval="{interval}" timeout="{timeout}"/>'
        lab.run("snow01", ["/usr/sbin/cibadmin", "--modify", "--xml-text", words])


def meanwhile(lab: Lab, *words: str) -> CompletedProcess[str]:
    """A verb while /sNow hangs, in which a shell looks for every program."""
    return lab.run("snow01", ["/usr/bin/snow-ha", *words], env={"PATH": "/usr/sbin:/usr/bin"}, check=False)


class TestEnable:
    def test_without_any_option_ends_with_fencing_on(self, site: Lab) -> None:
        before = state.domids(site)
        said = enable(site)
        assert "fencing: sbd" in said
        assert {name: state.domids(site)[name] for name in before} == before
        view = state.status(site)
        assert view["fencing"] == {
            "enabled": True, "way": "sbd", "devices": ["snow-ha-sbd"], "tested": dict.fromkeys(site.names, ""),
        }  # fmt: skip
        assert [finding["id"] for finding in view["findings"]] == []
        assert state.snow_ha(site, "status").startswith(
            "HEALTHY  2 of 2 servers, 8 of 8 domains, any one server may fail\n"
        )

    def test_a_second_run_has_nothing_to_do(self, protected: Lab) -> None:
        before = state.snapshot(protected)
        assert "nothing to do" in enable(protected)
        assert before.difference(state.snapshot(protected)) == []
        state.snow_ha(protected, "check")

    def test_what_it_has_set_up_is_in_force(self, protected: Lab) -> None:
        shown = fencing_status(protected)
        assert shown["findings"] == []
        assert [(server["watchdog_s"], server["msgwait_s"]) for server in shown["servers"]] == [(5, 18), (5, 18)]
        for server in protected.names:
            assert protected.run(server, ["systemctl", "is-active", "sbd"]).stdout.strip() == "active"
            listed = protected.run("snow01", ["stonith_admin", "--list", server]).stdout
            assert "snow-ha-sbd" in listed


class TestNobodyIsReset:
    def test_while_the_shared_file_system_hangs_for_all(self, protected: Lab) -> None:
        """However long: what Pacemaker asks its agents meanwhile, they answer. A monitor that reads the domain's file
        there would fail, and so would the stop that follows."""
        began = time.monotonic()
        running = state.domids(protected)
        monitor_every(protected, "2s", "4s")
        for server in protected.names:
            protected.shared_hang(server)
        stall_ends = time.monotonic() + STALL_S
        try:
            said, refused = (meanwhile(protected, *words) for words in (("status", "--json"), ("fencing", "status")))
            wait_until(lambda: time.monotonic() > stall_ends, STALL_S + 1, "time stands still")
        finally:
            for server in protected.names:
                protected.shared_mend(server)
            monitor_every(protected, "30s", "60s")
        assert resets(protected, began) == []
        assert state.domids(protected) == running
        assert state.status(protected)["findings"] == []
        assert [finding["id"] for finding in json.loads(said.stdout)["findings"]] == ["storage-lost"]
        assert refused.stderr.startswith("[E] the shared file system does not answer; ")

    def test_by_a_clean_stop_and_return(self, protected: Lab) -> None:
        began = time.monotonic()
        protected.run("snow02", ["systemctl", "stop", "pacemaker", "corosync"], timeout=120)
        state.wait_for_all_domains(protected)
        enable(protected)
        assert resets(protected, began) == []
        assert state.doubles(protected) == []

    def test_by_a_clean_reboot_which_moves_all_domains(self, protected: Lab) -> None:
        began = time.monotonic()
        protected.run("snow02", ["systemctl", "reboot"])
        wait_until(lambda: not protected.is_on("snow02"), 90, "snow02 does not shut down")
        gone = time.monotonic()
        wait_until_back(protected, "snow02")
        assert state.interrupted(protected, DOMAINS, began, gone) == []
        assert {server for server, _ in state.domids(protected).values()} == {"snow01"}
        assert state.doubles(protected) == []
        enable(protected)


class TestOneIsReset:
    def test_and_every_domain_runs_once_where_the_network_between_equals_is_cut(self, protected: Lab) -> None:
        state.split_evenly(protected)
        began = time.monotonic()
        protected.cut("snow02")
        wait_until(lambda: bool(resets(protected, began)), FAILOVER_WITHIN_S, "nobody was reset")
        state.wait_for_all_domains(protected, FAILOVER_WITHIN_S)
        protected.heal("snow02")
        (reset,) = resets(protected, began)
        survivor = next(name for name in protected.names if name != reset)
        assert {server for server, _ in state.domids(protected).values()} == {survivor}
        assert state.doubles(protected) == []
        wait_until_back(protected, reset)
        enable(protected)
        assert state.online(protected, "snow01") == protected.names
        assert state.doubles(protected) == []

    def test_where_corosync_dies(self, protected: Lab) -> None:
        began = time.monotonic()
        protected.run("snow02", ["pkill", "-KILL", "-x", "corosync"])
        wait_until(lambda: resets(protected, began) == ["snow02"], FAILOVER_WITHIN_S, "snow02 was not reset")
        state.wait_for_all_domains(protected, FAILOVER_WITHIN_S)
        wait_until_back(protected, "snow02")
        enable(protected)
        state.wait_for_all_domains(protected)
        assert state.doubles(protected) == []
        assert resets(protected, began) == ["snow02"]

    def test_also_one_that_stands_still_for_longer_than_its_watchdog(self, protected: Lab) -> None:
        began = time.monotonic()
        protected.freeze("snow02")
        wait_until(lambda: resets(protected, began) == ["snow02"], FAILOVER_WITHIN_S, "snow02 was not reset")
        state.wait_for_all_domains(protected, FAILOVER_WITHIN_S)
        wait_until_back(protected, "snow02")
        enable(protected)
        assert state.doubles(protected) == []

    def test_and_what_ran_there_starts_elsewhere_also_where_it_was_in_maintenance(self, protected: Lab) -> None:
        state.split_evenly(protected)
        protected.run("snow01", ["crm", "node", "maintenance", "snow02"])
        began = time.monotonic()
        protected.power_off("snow02")
        # Pacemaker looks by itself only: cluster-recheck-interval.
        state.wait_for_all_domains(protected, FAILOVER_WITHIN_S + 120)
        assert state.doubles(protected) == []
        protected.run("snow01", ["crm", "node", "ready", "snow02"])
        protected.power_on("snow02")
        wait_until_back(protected, "snow02")
        enable(protected)
        assert state.online(protected, "snow01") == protected.names
        assert resets(protected, began) == []


class TestTest:
    def test_resets_a_server_without_harm_and_remembers_when(self, protected: Lab) -> None:
        began = time.monotonic()
        refused = protected.run("snow01", ["snow-ha", "fencing", "test", "snow01", "--yes"], check=False)
        assert refused.returncode == 107
        said = protected.run(
            "snow01", ["snow-ha", "fencing", "test", "snow02", "--yes"], timeout=ENABLE_WITHIN_S
        ).stdout
        assert "snow02 was fenced" in said
        assert resets(protected, began) == ["snow02"]
        assert state.interrupted(protected, DOMAINS, began, time.monotonic()) == []
        assert state.online(protected, "snow01") == protected.names
        view = state.status(protected)
        assert view["fencing"]["tested"]["snow02"].startswith("20")
        assert view["findings"] == []


class TestDisable:
    def test_takes_all_of_it_out_and_resets_nobody(self, protected: Lab) -> None:
        began = time.monotonic()
        running = state.domids(protected)
        state.snow_ha(protected, "disable", "--yes")
        assert "nothing to do" in state.snow_ha(protected, "disable", "--yes")
        settled = time.monotonic() + STALL_S
        wait_until(lambda: time.monotonic() > settled, STALL_S + 1, "time stands still")
        assert resets(protected, began) == []
        assert state.domids(protected) == running
        # What was changed, and was before, is kept.
        left = {path.name for path in (protected.shared / "snow-ha").glob("*")}
        assert left <= {"history"}
        for server in protected.names:
            assert protected.run(server, ["systemctl", "is-enabled", "sbd"], check=False).stdout.strip() == "disabled"
            assert "SBD_DEVICE=/" not in (protected.disk(server) / "etc/default/sbd").read_text()
            listed = protected.run(
                server, ["sh", "-c", "ls /dev/snow-ha-sbd /etc/systemd/system/snow-ha*"], check=False
            )
            assert listed.stdout == ""

    def test_a_cluster_without_fencing_gets_it_while_its_domains_run(self, site: Lab) -> None:
        began = time.monotonic()
        state.enable(site)
        assert state.status(site)["fencing"]["enabled"] is False
        state.wait_for_all_domains(site)
        running = state.domids(site)
        # Whoever has once ended a maintenance has left what Pacemaker counts before ours.
        site.run("snow01", ["crm_attribute", "--name", "maintenance-mode", "--update", "false"])
        assert "fencing: sbd" in site.run("snow01", ["snow-ha", "fencing", "set-up"], timeout=ENABLE_WITHIN_S).stdout
        assert state.domids(site) == running
        assert state.status(site)["fencing"]["enabled"] is True
        assert fencing_status(site)["findings"] == []
        assert "nothing to do" in enable(site)
        assert resets(site, began) == []


@contextmanager
def by_hand(lab: Lab, path: str, text: str, mode: int = 0o644) -> Iterator[None]:
    """A file of snow02's that somebody else wrote."""
    file = lab.disk("snow02") / path
    before = file.read_text() if file.exists() else None
    file.write_text(text)
    file.chmod(mode)
    try:
        yield
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_text(before)


def no_module(lab: Lab) -> AbstractContextManager[None]:
    return by_hand(lab, "etc/lab-absent-modules", "xen_wdt\n")


def sbd_of_another_time(lab: Lab) -> AbstractContextManager[None]:
    return by_hand(lab, "etc/default/sbd", "SBD_DEVICE=/dev/sdx\nSBD_WATCHDOG_TIMEOUT=9\n")


def no_direct_io(lab: Lab) -> AbstractContextManager[None]:
    """What losetup says of a file system that cannot do it."""
    said = '#!/bin/sh\ncase "$*" in *"--output DIO"*) echo 0 ;; *) exec /usr/sbin/losetup "$@" ;; esac\n'
    return by_hand(lab, "usr/local/sbin/losetup", said, 0o755)


@contextmanager
def pills_on_a_local_disk(lab: Lab) -> Iterator[None]:
    """A directory of snow02's own in the place of the one that all share, with a file like the right one."""
    make = f"""
        set -e
        mkdir -p /root/own /sNow/snow-ha
        mount --bind /root/own /sNow/snow-ha
        cd /sNow/snow-ha
        dd if=/dev/zero of=sbd.img bs=1M count=4 status=none
        loop=$(losetup --find --show --direct-io=on sbd.img)
        sbd -d $loop -1 {WATCHDOG_S} -4 18 create
        losetup --detach $loop
    """
    lab.run("snow02", ["sh", "-c", make])
    try:
        yield
    finally:
        lab.run("snow02", ["sh", "-c", "umount --lazy /sNow/snow-ha; rm -r /root/own"])


@contextmanager
def taken_watchdog(lab: Lab) -> Iterator[None]:
    lab.run("snow02", ["modprobe", "xen_wdt"])
    take = "exec 3>/dev/watchdog0; while printf . >&3; do sleep 1; done"
    preload = {"LD_PRELOAD": "/usr/lib/lab/watchdog.so"}
    lab.run("snow02", ["setsid", "--fork", "sh", "-c", take + " >/dev/null 2>&1 &"], env=preload)
    state_file = "/sys/class/watchdog/watchdog0/state"
    wait_until(lambda: lab.run("snow02", ["cat", state_file]).stdout.strip() == "active", 10, "nobody has the watchdog")
    try:
        yield
    finally:
        lab.power_off("snow02")
        lab.power_on("snow02")


TROUBLES: dict[str, tuple[Callable[[Lab], AbstractContextManager[None]], str]] = {
    "no module": (no_module, "snow02 has no Xen watchdog"),
    "sbd by hand with another time": (sbd_of_another_time, "/etc/default/sbd on snow02 was written by hand"),
    "no direct I/O": (no_direct_io, "sbd has no disk on snow02; /sNow/snow-ha/sbd.img: its file system does no direct"),
    "pills on a local disk": (pills_on_a_local_disk, "sbd.img is not the same file on all servers"),
    "watchdog taken": (taken_watchdog, "another program of snow02"),
}


class TestRefused:
    """Last, because it breaks what the others need; each leaves fencing off, and one clear line."""

    @pytest.fixture
    def unprotected(self, site: Lab) -> Lab:
        state.snow_ha(site, "disable", "--yes")
        return site

    def refused(self, lab: Lab, says: str, *words: str) -> None:
        done = state.attempt(lab, ["snow-ha", "enable", *words])
        assert done.returncode != 0
        lines = [line for line in done.stderr.splitlines() if line.startswith("[E]")]
        assert lines, done.stderr
        assert any(says in line for line in lines), done.stderr
        stored = state.stored_cib(lab, "snow01")
        assert stored.findall("configuration/resources/primitive[@class='stonith']") == []
        assert not state.is_active(lab, "snow01", "pacemaker"), "not half-way"

    @pytest.mark.parametrize("trouble", TROUBLES)
    def test_before_it_is_switched_on(self, unprotected: Lab, trouble: str) -> None:
        make, says = TROUBLES[trouble]
        with make(unprotected):
            self.refused(unprotected, says)

    def test_a_bmc_that_does_not_answer(self, unprotected: Lab) -> None:
        self.refused(unprotected, "not every BMC answers", "--fencing", "ipmi")
