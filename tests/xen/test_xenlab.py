"""What the Xen lab promises: real Xen on two servers, guests that move, power, network, and that nothing remains."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.lab import host
from tests.lab.host import Cgroup, LabError
from tests.xen.guests import Yard
from tests.xenlab import cluster
from tests.xenlab.cluster import STATE, XenLab
from tests.xenlab.guest import Guest

XENLAB = str(Path(cluster.__file__).with_name("xenlab"))


def pings(lab: XenLab, source: str, target: str) -> bool:
    command = ["ping", "-c1", "-W5", lab.address(target)]
    return lab.run(source, command, check=False).returncode == 0


def remains(name: str) -> list[str]:
    """What there is of a lab on this machine."""
    found = [str(path) for path in (STATE / name, Cgroup(f"snow-ha-xenlab.{name}").path) if path.exists()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it has ended since
            continue
        if f"{STATE}/{name}/" in command:
            found.append(f"{process.name}: {command}")
    return found


def test_both_servers_run_xen_with_shadow_paging(xenlab: XenLab) -> None:
    for server in xenlab.names:
        facts = xenlab.run(server, ["xl", "info"]).stdout
        assert "xen_version            : 4.17.5\n" in facts
        assert " shadow" in facts
        assert "Domain-0" in xenlab.run(server, ["xl", "list"]).stdout
        assert xenlab.run(server, ["uname", "-n"]).stdout == f"{server}\n"


def test_the_agent_of_this_checkout_is_there_beside_the_stock_one(xenlab: XenLab) -> None:
    agents = "/usr/lib/ocf/resource.d"
    for server in xenlab.names:
        assert "<action" in xenlab.run(server, [f"{agents}/snow/Xen", "meta-data"]).stdout
        stock = [f"{agents}/heartbeat/Xen", "meta-data"]
        assert "<action" in xenlab.run(server, stock, env={"OCF_ROOT": "/usr/lib/ocf"}).stdout


def test_a_pv_guest_moves_there_and_back_and_keeps_running(yard: Yard) -> None:
    guest = Guest("mover", 1)
    started = yard.create(guest)
    for source, target in ((yard.here, yard.there), (yard.there, yard.here)):
        yard.migrate(guest, source, target)
        assert yard.names(source) == []
        assert yard.names(target) == [guest.name]
        yard.still_ticks(guest, started)
    # It waits for the guest, not for its domain, which the toolstack removes afterwards.
    yard.lab.run(yard.here, ["xl", "shutdown", "-w", guest.name])
    host.wait_until(lambda: not yard.names(yard.here), 60, f"{guest.name} does not go")


def test_a_programs_output_status_and_input_come_through(xenlab: XenLab) -> None:
    done = xenlab.run("snow01", ["sh", "-c", 'cat; echo "$1" >&2; exit 7', "sh", "a 'b\" $c"], b"in", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "in", "a 'b\" $c\n")
    with pytest.raises(LabError, match="exit status 7"):
        xenlab.run("snow01", ["sh", "-c", "exit 7"])


def test_a_program_that_takes_too_long_is_ended_in_the_server(xenlab: XenLab) -> None:
    with pytest.raises(LabError, match="after 2 s"):
        xenlab.run("snow01", ["sleep", "12345"], timeout=2)
    assert xenlab.run("snow01", ["pgrep", "-xf", "sleep 12345"], check=False).returncode == 1


def test_a_server_that_is_cut_off_is_back_after_heal(xenlab: XenLab) -> None:
    assert pings(xenlab, "snow01", "snow02")
    xenlab.cut("snow02")
    try:
        assert not pings(xenlab, "snow01", "snow02")
        assert xenlab.run("snow02", ["uname", "-n"]).stdout == "snow02\n"
    finally:
        xenlab.heal("snow02")
    host.wait_until(lambda: pings(xenlab, "snow01", "snow02"), 30, "snow02 does not answer")


def test_a_server_that_lost_power_comes_back_with_its_disk_and_without_its_guests(yard: Yard) -> None:
    guest = Guest("loser", 2)
    yard.create(guest)
    yard.lab.run(yard.here, ["sh", "-c", "echo kept >/var/kept && sync"])
    yard.lab.power_off(yard.here)
    with pytest.raises(LabError, match="snow01 is off"):
        yard.lab.run(yard.here, ["true"])
    yard.lab.power_on(yard.here)
    assert yard.lab.run(yard.here, ["cat", "/var/kept"]).stdout == "kept\n"
    assert yard.names(yard.here) == []


def test_a_second_lab_stands_beside_the_first_and_leaves_nothing(xenlab: XenLab, spare_name: str) -> None:
    subprocess.run([XENLAB, "up", "--name", spare_name], check=True)
    with pytest.raises(LabError, match="already"):
        XenLab.up(spare_name)
    spare = XenLab.attach(spare_name)
    spare.run("snow01", ["touch", "/spare"])
    assert xenlab.run("snow01", ["test", "-e", "/spare"], check=False).returncode == 1
    assert pings(spare, "snow01", "snow02")
    command = [XENLAB, "run", "--name", spare_name, "snow02", "sh", "-c", "exit 9"]
    assert subprocess.run(command, check=False).returncode == 9
    assert remains(spare_name)
    subprocess.run([XENLAB, "down", "--name", spare_name], check=True)
    assert remains(spare_name) == []
    assert xenlab.run("snow02", ["true"]).returncode == 0


@pytest.mark.parametrize("ending", ["a signal", "an emulator's end"])
def test_an_up_that_does_not_succeed_leaves_nothing(spare_name: str, ending: str) -> None:
    command = subprocess.Popen([XENLAB, "up", "--name", spare_name], stderr=subprocess.PIPE, text=True)
    console = STATE / spare_name / "snow02.console"
    host.wait_until(lambda: console.exists() and console.stat().st_size > 0, 60, "snow02 does not start")
    assert remains(spare_name)
    if ending == "a signal":
        command.send_signal(signal.SIGTERM)
    else:
        for pid in Cgroup(f"snow-ha-xenlab.{spare_name}/snow02").processes():
            os.kill(pid, signal.SIGKILL)
    _, errors = command.communicate(timeout=500)
    assert command.returncode == 1
    assert errors.splitlines()[-1].startswith("xenlab: ")
    assert remains(spare_name) == []
