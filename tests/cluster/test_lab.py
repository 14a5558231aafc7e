"""The lab keeps its promises: what is true of real servers is true of these, and nothing remains of them."""

import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.lab import cluster, host, loops
from tests.lab.cluster import Lab
from tests.lab.host import LabError

pytestmark = pytest.mark.lab

PROGRAM = Path(cluster.__file__).with_name("lab")
COROSYNC_CONF = """
totem {
    version: 2
    cluster_name: lab
    transport: knet
}
quorum {
    provider: corosync_votequorum
    two_node: 1
}
nodelist {
    node {
        nodeid: 1
        name: snow01
        ring0_addr: 10.77.0.1
    }
    node {
        nodeid: 2
        name: snow02
        ring0_addr: 10.77.0.2
    }
}
"""


def remains(name: str) -> list[str]:
    """Everything on this machine that belongs to a lab."""
    directory = cluster.STATE / name
    group = host.Cgroup(f"snow-ha-lab.{name}").path
    found = [str(path) for path in (directory, group) if path.exists()]
    found += [f"mount {path}" for path in host.mounts_below(directory)]
    found += re.findall(rf"^snow-ha-lab\.{name}\..*", host.run(["ip", "netns", "list"]), re.MULTILINE)
    found += [str(claim) for claim in (cluster.STATE / loops.CLAIMS).glob("*") if claim.readlink().parts[0] == name]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            seen = (process / "mountinfo").read_text() + (process / "cmdline").read_text()
        except OSError:  # it has ended, or is about to
            continue
        if f"{directory}/" in seen and process.name != str(os.getpid()):
            found.append(f"process {process.name}")
    return found


def answers(lab: Lab, server: str, address: str) -> bool:
    return lab.run(server, ["ping", "-c1", "-w3", address], check=False).returncode == 0


def lab_program(*words: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *words], input=input, capture_output=True, text=True, timeout=60)


class TestRun:
    def test_output_and_exit_status_come_back(self, lab: Lab) -> None:
        done = lab.run("snow02", ["sh", "-c", "hostname; echo oops >&2; exit 7"], check=False)
        assert (done.returncode, done.stdout, done.stderr) == (7, "snow02\n", "oops\n")

    def test_words_reach_the_program_unchanged(self, lab: Lab) -> None:
        words = ["a b", "", "$HOME", "*", "'\"", "--name"]
        assert lab.run("snow01", ["printf", "%s|", *words]).stdout == "".join(f"{word}|" for word in words)

    def test_input_reaches_the_program(self, lab: Lab) -> None:
        assert lab.run("snow01", ["cat"], input=b"one\ntwo").stdout == "one\ntwo"

    def test_environment_is_the_servers_and_what_was_given(self, lab: Lab) -> None:
        script = 'echo "$HOME $PWD $EXTRA ${PATH%%:*}"'
        done = lab.run("snow01", ["sh", "-c", script], env={"EXTRA": "more"})
        assert done.stdout == "/root /root more /sNow/snow-tools/sbin\n"

    def test_failure_is_an_error_that_shows_what_was_said(self, lab: Lab) -> None:
        with pytest.raises(LabError, match=r"snow01: sh -c .*exit status 3\nbecause"):
            lab.run("snow01", ["sh", "-c", "echo because; exit 3"])

    def test_program_does_not_outlive_the_timeout(self, lab: Lab) -> None:
        with pytest.raises(LabError, match=r"still running after 0\.5 s"):
            lab.run("snow01", ["sleep", "98765"], timeout=0.5)
        host.wait_until(
            lambda: lab.run("snow01", ["pgrep", "-fx", "sleep 98765"], check=False).returncode == 1,
            5,
            "the program is still there",
        )

    def test_unknown_server_is_named(self, lab: Lab) -> None:
        with pytest.raises(LabError, match="no such server: 'snow09'"):
            lab.run("snow09", ["true"])


class TestServer:
    def test_boot_is_complete(self, lab: Lab) -> None:
        assert lab.run("snow01", ["systemctl", "--failed", "--plain", "--no-legend"]).stdout == ""

    def test_root_logs_in_everywhere_without_questions(self, lab: Lab) -> None:
        for here in lab.names:
            for there in lab.names:
                done = lab.run(here, ["ssh", "-o", "BatchMode=yes", there, "hostname"])
                assert done.stdout == f"{there}\n"

    def test_project_is_installed_as_a_package_would(self, lab: Lab) -> None:
        lab.run("snow01", ["python3", "-c", "import snow_ha_plugin"])
        lab.run("snow01", ["test", "-x", "/usr/bin/snow-ha"])
        lab.run("snow01", ["test", "-x", "/usr/lib/ocf/resource.d/snow/Xen"])
        lab.run("snow01", ["test", "-f", "/usr/share/snow-ha/50-snow-ha.sh"])

    def test_shared_directory_is_a_mount_that_all_servers_see(self, lab: Lab) -> None:
        lab.run("snow01", ["tee", "/sNow/from-snow01"], input=b"hello")
        assert lab.run("snow02", ["cat", "/sNow/from-snow01"]).stdout == "hello"
        assert (lab.shared / "from-snow01").read_text() == "hello"
        for server in lab.names:
            assert lab.run(server, ["findmnt", "-no", "TARGET", "/sNow"]).stdout == "/sNow\n"

    def test_address_is_on_the_bridge_of_the_domains(self, lab: Lab) -> None:
        for server in lab.names:
            shown = lab.run(server, ["ip", "-4", "-o", "address", "show", "dev", "xsnow0"]).stdout
            assert f" {lab.address(server)}/24 " in shown

    def test_kernel_settings_of_the_machine_are_out_of_reach(self, lab: Lab) -> None:
        before = Path("/proc/sys/kernel/pid_max").read_text()
        assert lab.run("snow01", ["sysctl", "-w", "kernel.pid_max=40000"], check=False).returncode != 0
        assert Path("/proc/sys/kernel/pid_max").read_text() == before

    def test_network_settings_are_the_servers_own(self, lab: Lab) -> None:
        setting = Path("/proc/sys/net/ipv4/ip_nonlocal_bind")
        before = setting.read_text()
        lab.run("snow01", ["tee", str(setting)], input=b"1")
        assert lab.run("snow01", ["cat", str(setting)]).stdout == "1\n"
        assert setting.read_text() == before
        assert lab.run("snow02", ["cat", str(setting)]).stdout == "0\n"

    def test_domains_of_the_site_can_be_listed(self, lab: Lab) -> None:
        assert lab.run("snow01", ["xl", "list"]).stdout.splitlines()[1].split()[0] == "Domain-0"
        assert "deploy01" in lab.run("snow01", ["cat", "/sNow/snow-tools/etc/domains.conf"]).stdout


class TestPower:
    def test_disk_survives_and_the_rest_does_not(self, lab: Lab) -> None:
        lab.run("snow01", ["touch", "/root/kept", "/run/lost", "/tmp/lost"])
        boot_id = lab.run("snow01", ["cat", "/etc/machine-id"]).stdout
        lab.power_off("snow01")
        assert (lab.disk("snow01") / "root/kept").exists()
        lab.power_on("snow01")
        lab.run("snow01", ["test", "-e", "/root/kept"])
        assert lab.run("snow01", ["ls", "/run/lost", "/tmp/lost"], check=False).returncode != 0
        assert lab.run("snow01", ["cat", "/etc/machine-id"]).stdout == boot_id

    def test_server_without_power_is_silent(self, lab: Lab) -> None:
        lab.run("snow01", ["ip", "address", "add", "10.77.0.254/24", "dev", "xsnow0"])
        assert answers(lab, "snow02", "10.77.0.254")
        lab.power_off("snow01")
        try:
            assert not answers(lab, "snow02", "10.77.0.254")
            assert not answers(lab, "snow02", "10.77.0.1")
            with pytest.raises(LabError, match="snow01 is off"):
                lab.run("snow01", ["true"])
        finally:
            lab.power_on("snow01")
        assert answers(lab, "snow02", "10.77.0.1")
        assert not answers(lab, "snow02", "10.77.0.254")

    def test_power_off_ends_what_was_being_run(self, lab: Lab) -> None:
        command = lab.command("snow01", ["sh", "-c", "echo here; sleep 1000"])
        running = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert running.stdout and running.stdout.readline() == b"here\n"
        lab.power_off("snow01")
        lab.power_on("snow01")
        assert running.wait(timeout=5) == -signal.SIGKILL

    def test_power_off_ends_the_domains(self, lab: Lab) -> None:
        lab.run("snow01", ["xl", "create", "/sNow/snow-tools/etc/domains/proxy01.cfg"])
        lab.run("snow01", ["xl", "list", "proxy01"])
        lab.power_off("snow01")
        lab.power_on("snow01")
        assert lab.run("snow01", ["xl", "list", "proxy01"], check=False).returncode == 1

    def test_second_power_on_is_refused(self, lab: Lab) -> None:
        with pytest.raises(LabError, match="snow01 is on already"):
            lab.power_on("snow01")


class TestNetwork:
    def test_cut_server_is_alone_until_healed(self, lab: Lab) -> None:
        assert answers(lab, "snow02", "10.77.0.1")
        lab.cut("snow01")
        assert not answers(lab, "snow02", "10.77.0.1")
        assert lab.run("snow01", ["cat", "/sys/class/net/uplink/carrier"]).stdout == "1\n"
        lab.heal("snow01")
        assert answers(lab, "snow02", "10.77.0.1")

    def test_cut_outlasts_a_power_cycle(self, lab: Lab) -> None:
        lab.cut("snow01")
        lab.power_off("snow01")
        lab.power_on("snow01")
        assert not answers(lab, "snow02", "10.77.0.1")
        lab.heal("snow01")
        assert answers(lab, "snow02", "10.77.0.1")


class TestDebian:
    def test_next_release_boots_too(self, spare_name: str) -> None:
        with Lab.up(spare_name, servers=1, debian="trixie") as lab:
            assert "VERSION_CODENAME=trixie\n" in lab.run("snow01", ["cat", "/etc/os-release"]).stdout
            assert lab.run("snow01", ["systemctl", "--failed", "--plain", "--no-legend"]).stdout == ""


class TestSeveralLabs:
    def test_two_labs_do_not_meet(self, lab: Lab, spare_name: str) -> None:
        with Lab.up(spare_name, servers=1) as other:
            other.run("snow01", ["touch", "/sNow/other", "/root/other"])
            assert lab.run("snow01", ["ls", "/sNow/other", "/root/other"], check=False).stdout == ""
            other.cut("snow01")
            assert answers(lab, "snow02", "10.77.0.1")
            other.power_off("snow01")
            assert lab.run("snow01", ["hostname"]).stdout == "snow01\n"
        assert answers(lab, "snow02", "10.77.0.1")

    def test_name_in_use_is_refused_and_its_lab_unharmed(self, lab: Lab) -> None:
        with pytest.raises(LabError, match=f"there is a lab '{lab.name}' already"):
            Lab.up(lab.name)
        lab.run("snow01", ["true"])

    def test_running_lab_is_found_again_by_name(self, lab: Lab) -> None:
        again = Lab.attach(lab.name)
        assert again.names == lab.names
        assert again.run("snow02", ["hostname"]).stdout == "snow02\n"


class TestNothingRemains:
    def test_of_a_lab_after_down(self, spare_name: str) -> None:
        lab = Lab.up(spare_name, servers=1)
        assert {line.split()[0] for line in remains(spare_name)} >= {"mount", "process"}
        lab.run("snow01", ["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 </dev/null &"])
        lab.down()
        assert remains(spare_name) == []

    def test_of_a_lab_whose_servers_hang(self, spare_name: str) -> None:
        lab = Lab.up(spare_name, servers=1)
        lab.run("snow01", ["dd", "if=/dev/zero", "of=/sNow/disk.img", "bs=1M", "count=1"])
        device = lab.run("snow01", ["losetup", "--find", "--show", "--direct-io=on", "/sNow/disk.img"]).stdout.strip()
        lab.shared_hang("snow01")
        # In a sleep that no signal ends.
        reading = subprocess.Popen(
            lab.command("snow01", ["/usr/bin/dd", f"if={device}", "of=/dev/null", "iflag=direct"])
        )
        with pytest.raises(subprocess.TimeoutExpired):
            reading.wait(timeout=0.5)
        lab.down()
        reading.wait(timeout=5)
        assert remains(spare_name) == []

    def test_of_an_up_that_fails(self, spare_name: str) -> None:
        def failing_site(shared: Path, addresses: dict[str, str]) -> None:
            raise LabError("no site today")

        with pytest.raises(LabError, match="no site today"):
            Lab.up(spare_name, site=failing_site)
        assert remains(spare_name) == []

    @pytest.mark.parametrize("stage", ["layer", "layer/work/work", "snow01", "snow02/upper/etc"])
    def test_of_an_up_that_is_interrupted(self, spare_name: str, stage: str) -> None:
        up = self.up_until(spare_name, stage)
        up.send_signal(signal.SIGINT)
        _, errors = up.communicate(timeout=30)
        assert (up.returncode, errors) == (1, "lab: interrupted by SIGINT\n")
        assert remains(spare_name) == []

    @pytest.mark.parametrize("stage", ["layer", "layer/work/work", "snow01", "snow02/upper/etc"])
    def test_of_an_up_that_is_killed_after_down(self, spare_name: str, stage: str) -> None:
        up = self.up_until(spare_name, stage)
        up.kill()
        up.communicate(timeout=30)
        assert remains(spare_name) != []
        assert lab_program("down", "--name", spare_name).returncode == 0
        assert remains(spare_name) == []

    def test_lab_that_is_being_made_is_left_alone_by_down(self, spare_name: str) -> None:
        up = self.up_until(spare_name, "layer")
        refused = lab_program("down", "--name", spare_name)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "is being made" in refused.stderr
        up.communicate(timeout=120)
        assert up.returncode == 0
        assert Lab.attach(spare_name).run("snow01", ["hostname"]).stdout == "snow01\n"

    def up_until(self, name: str, made: str) -> subprocess.Popen[str]:
        """Start `lab up` and return as soon as it has made a file of its state directory."""
        up = subprocess.Popen(
            [PROGRAM, "up", "--name", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 60
        while not (cluster.STATE / name / made).exists():
            assert time.monotonic() < deadline
            assert up.poll() is None
        return up


class TestProgram:
    def test_run_passes_input_output_and_status_on(self, lab: Lab) -> None:
        done = lab_program("run", "--name", lab.name, "snow01", "sh", "-c", "cat; exit 9", input="in")
        assert (done.returncode, done.stdout) == (9, "in")

    def test_run_passes_the_terminal_on(self, lab: Lab) -> None:
        ours, theirs = pty.openpty()
        script = "test -t 0 && test -t 1 && echo $TERM"
        done = subprocess.run(
            [str(PROGRAM), "run", "--name", lab.name, "snow01", "sh", "-c", script],
            stdin=theirs, stdout=theirs, timeout=60, env={**os.environ, "TERM": "vt100"},
        )  # fmt: skip
        assert done.returncode == 0
        assert os.read(ours, 100) == b"vt100\r\n"
        os.close(ours)
        os.close(theirs)

    @pytest.mark.parametrize(
        ("words", "status", "message"),
        [
            (["up", "--servers", "0"], 1, "a lab has 1 to 89 servers"),
            (["up", "--servers", "two"], 64, "invalid int value"),
            (["up", "--debian", "etch"], 64, "invalid choice: 'etch'"),
            (["up", "--name", "../x"], 1, "not a lab's name: '../x'"),
            (["run", "--name", "none-such", "snow01", "true"], 1, "there is no lab 'none-such'"),
            (["cut", "--name", "none-such", "snow01"], 1, "there is no lab 'none-such'"),
            (["heal"], 64, "required: server"),
            ([], 64, "required: VERB"),
            (["explode"], 64, "invalid choice: 'explode'"),
        ],
    )
    def test_bad_input_is_one_line(self, words: list[str], status: int, message: str) -> None:
        done = lab_program(*words)
        assert (done.returncode, done.stdout) == (status, "")
        assert message in done.stderr
        assert done.stderr.count("\n") == 1

    def test_without_root_it_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(LabError, match="needs root"):
            Lab.up("mine")

    def test_down_twice_says_that_there_is_nothing(self) -> None:
        done = lab_program("down", "--name", "none-such")
        assert (done.returncode, done.stdout) == (0, "there was no lab 'none-such'\n")


class TestCluster:
    def test_corosync_and_pacemaker_form_a_cluster(self, lab: Lab) -> None:
        for server in lab.names:
            lab.run(server, ["systemctl", "stop", "pacemaker", "corosync"])
            lab.run(server, ["sh", "-c", "rm -f /var/lib/pacemaker/cib/*"])
            lab.run(server, ["tee", "/etc/corosync/corosync.conf"], input=COROSYNC_CONF.encode())
        for server in lab.names:
            lab.run(server, ["systemctl", "start", "corosync", "pacemaker"])

        def all_online() -> bool:
            shown = lab.run("snow01", ["crm_mon", "-1"], check=False).stdout
            return "Online: [ snow01 snow02 ]" in shown

        host.wait_until(all_online, 60, "the cluster is not online")
