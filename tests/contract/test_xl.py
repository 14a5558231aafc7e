"""The lab's `xl` against what was observed of the real one, 4.17: output, exit statuses, and what is left behind."""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import threading

import pytest

from tests.contract.xen_pair import XenPair, wait_until
from tests.lab import ledger


def create(pair: XenPair, server: str = "snow01") -> None:
    assert pair.xl(server, "create", str(pair.file)).returncode == 0


# looking


def test_list_prints_the_columns_of_the_real_one(pair):
    create(pair)
    lines = pair.xl("snow01", "list").stdout.splitlines()
    assert lines[0] == "Name                                        ID   Mem VCPUs\tState\tTime(s)"
    assert lines[1].startswith("Domain-0                                     0  1024     2     r-----  ")
    assert lines[2].startswith("web01                                        1   512     1     -b----  ")


def test_list_of_an_absent_domain_is_1_with_the_real_message(pair):
    result = pair.xl("snow01", "list", "web01")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "web01 is an invalid domain identifier (rc=-6)\n"


@pytest.mark.parametrize(
    ("state", "flags"),
    [
        ("running", "-b----"),
        ("paused", "--p---"),
        ("building", "--p---"),
        ("suspended", "---ss-"),
        ("off", "---s--"),
        ("rebooting", "---sr-"),
        ("crashed", "----c-"),
        ("dying", "-----d"),
    ],
)
def test_list_shows_the_observed_flags(pair, state, flags):
    pair.world.place("snow01", "web01", state)
    assert pair.xl("snow01", "list", "web01").stdout.splitlines()[1].split()[4] == flags


def test_the_long_list_is_json_and_knows_no_half_domains(pair):
    create(pair)
    pair.world.place("snow01", "web02--incoming", "paused")
    (found,) = json.loads(pair.xl("snow01", "list", "-l", "web01").stdout)
    assert found["domid"] == 1
    assert found["config"]["c_info"]["name"] == "web01"
    assert found["config"]["b_info"]["max_memkb"] == 512 * 1024
    half = pair.xl("snow01", "list", "-l", "web02--incoming")
    assert (half.returncode, json.loads(half.stdout)) == (0, [])


def test_info_counts_memory_and_tells_of_shadow_paging(pair):
    create(pair)
    info = dict(line.split(":", 1) for line in pair.xl("snow01", "info").stdout.splitlines())
    assert int(info["total_memory           "]) == 16384
    assert int(info["free_memory            "]) == 16384 - 1024 - 512
    assert "shadow" in info["virt_caps              "].split()
    pair.world.configure(server="snow01", shadow=False)
    assert "shadow" not in pair.xl("snow01", "info", "virt_caps").stdout
    assert "shadow" in pair.xl("snow02", "info", "virt_caps").stdout


def test_domid_and_domname(pair):
    create(pair)
    assert pair.xl("snow01", "domid", "web01").stdout == "1\n"
    assert pair.xl("snow01", "domname", "1").stdout == "web01\n"
    assert pair.xl("snow01", "domid", "other").returncode == 1


# life


def test_every_failing_create_is_3_and_changes_nothing(pair):
    create(pair)
    duplicate = pair.xl("snow01", "create", str(pair.file))
    assert (duplicate.returncode, pair.names("snow01")) == (3, ["web01"])
    assert "already exists" in duplicate.stderr
    assert pair.xl("snow01", "create", "/nowhere.cfg").returncode == 3
    pair.write_domain_file(name="big", memory="15000")
    assert pair.xl("snow01", "create", str(pair.file)).returncode == 3
    pair.write_domain_file(name="other")
    pair.image.unlink()
    assert pair.xl("snow01", "create", str(pair.file)).returncode == 3
    assert pair.names("snow01") == ["web01"]


def test_a_killed_create_leaves_a_nameless_or_a_half_built_domain(pair):
    pair.world.configure(start_s=6)
    process = pair.begin_xl("snow01", "create", str(pair.file))
    wait_until(lambda: pair.names("snow01") == [""])
    process.kill()
    process.communicate()
    assert pair.world.guests()[0].memory_mib == 0
    pair.world.configure(start_s=0.05)
    pair.world.fault("build", "die")
    assert pair.xl("snow01", "create", str(pair.file)).returncode == -signal.SIGKILL
    pair.world.mend()
    assert pair.state("snow01") == "building"
    assert pair.xl("snow01", "create", str(pair.file)).returncode == 3
    assert pair.xl("snow01", "destroy", "web01").returncode == 0
    create(pair)
    assert pair.world.intervals()[-1].end is None


def test_shutdown_takes_its_time_and_destroy_does_not(pair):
    pair.world.configure(shutdown_s=0.5)
    create(pair)
    assert pair.xl("snow01", "shutdown", "web01").returncode == 0
    assert pair.world.where("web01") == ["snow01"]
    wait_until(lambda: pair.world.guests() == [])
    (run,) = pair.world.intervals()
    assert run.end is not None
    assert run.end - run.start >= 0.5
    create(pair)
    assert pair.xl("snow01", "destroy", "web01").returncode == 0
    assert pair.world.guests() == []


def test_shutdown_and_destroy_of_an_absent_domain_are_1(pair):
    assert pair.xl("snow01", "shutdown", "web01").returncode == 1
    assert pair.xl("snow01", "destroy", "web01").returncode == 1


def test_a_kept_domain_cannot_be_shut_down_only_destroyed(pair):
    pair.world.place("snow01", "web01", "off")
    assert pair.xl("snow01", "shutdown", "web01").returncode == 1
    assert pair.xl("snow01", "destroy", "web01").returncode == 0


def test_a_reboot_gives_a_new_domid_and_the_old_uuid(pair):
    create(pair)
    (before,) = pair.world.guests()
    pair.xl("snow01", "reboot", "web01")
    wait_until(lambda: pair.world.domid("web01") not in (None, before.domid))
    assert pair.world.guests()[0].uuid == before.uuid
    assert pair.world.doubles() == []


@pytest.mark.parametrize(("on_crash", "left"), [("preserve", "crashed"), ("destroy", None), ("restart", "running")])
def test_a_crash_does_what_the_domain_file_says(pair, on_crash, left):
    pair.world.place("snow01", "web01", on_crash=on_crash)
    pair.world.crash("snow01", "web01")
    wait_until(lambda: pair.state("snow01") == left)


def test_unpause_of_a_suspended_domain_complains_and_returns_0(pair):
    pair.world.place("snow01", "web01", "suspended")
    result = pair.xl("snow01", "unpause", "web01")
    assert (result.returncode, pair.state("snow01")) == (0, "suspended")
    assert "Invalid argument" in result.stderr


def test_a_paused_guest_does_not_run(pair):
    create(pair)
    pair.xl("snow01", "pause", "web01")
    assert pair.world.where("web01") == []
    pair.xl("snow01", "unpause", "web01")
    assert [run.started_by for run in pair.world.intervals()] == ["create", "unpause"]


def test_two_creates_at_once_give_one_domain(pair):
    processes = [pair.begin_xl("snow01", "create", str(pair.file)) for _ in range(4)]
    statuses = sorted(process.wait(timeout=20) for process in processes)
    assert statuses == [0, 3, 3, 3]
    assert pair.names("snow01") == ["web01"]


# power


def test_power_off_ends_all_domains_and_domids_begin_anew(pair):
    create(pair)
    create(pair, "snow02")
    pair.world.power_off("snow01")
    assert pair.world.where("web01") == ["snow02"]
    assert pair.xl("snow01", "list").returncode == 1
    pair.world.power_on("snow01")
    assert pair.world.guests("snow01") == []
    assert pair.world.place("snow01", "web02") == 1


def test_a_process_of_before_a_power_cycle_changes_nothing_after_it(pair):
    pair.world.fault("build", "hang")
    process = pair.begin_xl("snow01", "create", str(pair.file))
    wait_until(lambda: pair.state("snow01") == "building")
    pair.world.power_off("snow01")
    pair.world.power_on("snow01")
    pair.world.mend()
    assert process.wait(timeout=10) == 1
    assert pair.world.guests() == []


def running_in_ledger(pair: XenPair) -> list[str]:
    return ledger.where(pair.world.intervals(), "web01")


def test_a_kill_at_any_moment_leaves_a_whole_world_and_ledger(pair):
    """Random kills of every verb; the ledger must agree with the world each time, and nothing may ever run twice."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    pair.world.configure(start_s=0.01, shutdown_s=0.01, copy_s=0.05)
    for _ in range(25):
        verb = chance.choice(["create", "destroy", "migrate", "pause", "unpause"])
        words = {"create": [str(pair.file)], "migrate": ["web01", "snow02"]}.get(verb, ["web01"])
        process = pair.begin_xl("snow01", verb, *words)
        timer = threading.Timer(chance.uniform(0, 0.25), process.kill)
        timer.start()
        process.communicate(timeout=20)
        timer.cancel()
        # the receiving side of a killed migration may still be acting
        wait_until(lambda: running_in_ledger(pair) == pair.world.where("web01"), what=f"seed {seed}")
        for guest in pair.world.guests("snow02"):
            pair.xl("snow02", "destroy", str(guest.domid))


# migration: the rows of the table of interruptions


def migrate(pair: XenPair) -> tuple[int, str]:
    result = pair.xl("snow01", "migrate", "web01", "snow02")
    return result.returncode, result.stderr


def seen(pair: XenPair, server: str) -> list[tuple[str, str]]:
    return [(guest.name, guest.state) for guest in pair.world.guests(server)]


RUNS = ("web01", "running")
HALF = ("web01--incoming", "paused")
AWAY = ("web01--migratedaway", "suspended")


def test_a_migration_keeps_the_uuid_and_changes_the_domid(pair):
    pair.world.place("snow02", "other")
    create(pair)
    (before,) = pair.world.guests("snow01")
    status, errors = migrate(pair)
    assert status == 0
    # The receiver's last line may come after the sender's.
    assert "Migration successful." in errors.splitlines()
    assert pair.world.guests("snow01") == []
    after = pair.world.guests("snow02")[1]
    assert (after.name, after.uuid, after.domid) == ("web01", before.uuid, 2)
    assert pair.world.doubles() == []


@pytest.mark.parametrize(
    ("stage", "how", "whom", "source", "target"),
    [
        ("copy", "die", "snow01", [RUNS], []),
        ("copy", "cut", "snow01", [RUNS], []),
        ("copy", "die", "snow02", [RUNS], [HALF]),
        ("ready", "cut", "snow01", [RUNS], [HALF]),
        ("ready", "die", "snow01", [("web01", "suspended")], []),
        ("permission", "cut", "snow01", [AWAY], [HALF]),
        ("report", "cut", "snow01", [AWAY], [RUNS]),
        ("permission", "fail", "snow02", [RUNS], []),
    ],
)
def test_an_interruption_leaves_what_was_observed(pair, stage, how, whom, source, target):
    create(pair)
    pair.world.fault(stage, how, server=whom)
    status, _ = migrate(pair)
    assert status == (-signal.SIGKILL if (how, whom) == ("die", "snow01") else 1)
    wait_until(lambda: seen(pair, "snow02") == target, what=f"{seen(pair, 'snow02')}")
    assert seen(pair, "snow01") == source
    assert pair.world.doubles() == []


def test_an_orphan_half_blocks_every_further_migration_until_it_is_destroyed(pair):
    create(pair)
    pair.world.place("snow02", "web01--incoming", "paused")
    assert migrate(pair)[0] == 1
    assert seen(pair, "snow01") == [RUNS]
    assert pair.xl("snow02", "destroy", "web01--incoming").returncode == 0
    assert migrate(pair)[0] == 0


def test_unpausing_the_complete_copy_makes_two_live_ones_and_the_ledger_tells(pair):
    create(pair)
    pair.world.fault("ready", "cut", server="snow01")
    migrate(pair)
    pair.xl("snow02", "unpause", "web01--incoming")
    assert pair.world.where("web01") == ["snow01", "snow02"]
    assert len(pair.world.doubles()) == 1


def test_a_name_that_exists_on_the_target_brings_the_domain_back(pair):
    create(pair)
    pair.world.place("snow02", "web01", "crashed")
    status, errors = migrate(pair)
    assert status == 1
    assert "Resumed OK" in errors
    assert seen(pair, "snow01") == [RUNS]
    assert seen(pair, "snow02") == [("web01", "crashed")]


def test_a_hypervisor_without_shadow_paging_migrates_pvh_and_not_pv(pair):
    pair.world.configure(shadow=False)
    create(pair)
    status, errors = migrate(pair)
    assert status == 1
    assert "Failed to enable logdirty: 95,22,0" in errors
    assert seen(pair, "snow01") == [RUNS]
    pair.xl("snow01", "destroy", "web01")
    pair.write_domain_file(type="pvh")
    create(pair)
    assert migrate(pair)[0] == 0


def test_a_target_without_the_image_or_the_memory_keeps_the_domain_where_it_is(pair):
    create(pair)
    pair.world.power_on("snow02", memory_mib=1200)
    assert migrate(pair)[0] == 1
    pair.world.power_on("snow02", memory_mib=16384)
    pair.image.unlink()
    assert migrate(pair)[0] == 1
    assert (seen(pair, "snow01"), seen(pair, "snow02")) == ([RUNS], [])


def test_the_transport_can_be_any_command(pair):
    create(pair)
    ssh = pair.write_program("transport", f'#!/bin/sh\ntouch {pair.path}/used\nexec ssh "$@"\n')
    assert pair.xl("snow01", "migrate", "-s", f"{ssh} -oX=y", "web01", "snow02").returncode == 0
    assert (pair.path / "used").exists()


def test_a_half_grows_while_it_is_copied(pair):
    create(pair)
    pair.world.configure(copy_s=20)
    process = pair.begin_xl("snow01", "migrate", "web01", "snow02")
    sizes: list[int] = []

    def grew() -> bool:
        listed = pair.xl("snow02", "list", "web01--incoming")
        sizes.extend(int(line.split()[2]) for line in listed.stdout.splitlines()[1:])
        return len(sizes) > 1 and 0 < sizes[-1] < 512 and sizes[-1] > sizes[0]

    wait_until(grew)
    process.terminate()
    process.communicate(timeout=10)
    wait_until(lambda: seen(pair, "snow02") == [])


# its price


def test_a_list_costs_little_more_than_an_interpreter(pair):
    """It runs every few seconds for every domain of a lab: no import may creep in."""
    for at in range(64):
        pair.world.place("snow01", f"domain{at:02}", memory_mib=64)

    def cost(*words: str) -> float:
        """Processor seconds, the best of several runs: other load only ever adds."""
        found = []
        for _ in range(9):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(words, env=pair.environment("snow01"), stdout=subprocess.DEVNULL, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return min(found)

    assert cost("xl", "list") < 3 * cost("/usr/bin/python3", "-IS", "-c", "pass")
