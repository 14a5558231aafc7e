"""When the package refuses to go, and what it leaves: its scripts below another root, with a stand-in of systemctl."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.guide import events, shutdown
from snow_ha_plugin.system import qdevice, sbd
from tests.captures import DATA

DEBIAN = Path(__file__).parents[2] / "packaging/debian"
# Says yes to what is in systemctl.yes.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>"$0.calls"
case $* in *is-*) grep -qxF -- "${*#--quiet }" "$0.yes" ;; esac
"""
BEFORE = "# The site's own\nSBD_DEVICE=/dev/disk/by-id/pills\n"
NO_CLUSTER = (DATA / "cibadmin-2.1.5-unconfigured.xml").read_text()
IN_CLUSTER = "is-active pacemaker.service"
STARTS = "is-enabled sbd.service"
RUNS = "is-active sbd.service"


class Server:
    """A root directory that stands for a server's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.programs = root / "programs"
        for directory in (self.programs, root / "run/systemd/system", root / "usr/share/snow-ha"):
            directory.mkdir(parents=True)
        self.program("systemctl", SYSTEMCTL)
        self.program("../usr/share/snow-ha/tend-hook", "#!/bin/sh\n")
        self.systemd()

    def program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def systemd(self, *yes: str) -> None:
        (self.programs / "systemctl.yes").write_text("".join(f"{words}\n" for words in yes))

    def cib(self, resources: str) -> None:
        text = NO_CLUSTER.replace("<resources/>", f"<resources>{resources}</resources>")
        (self.root / "cib.xml").write_text(text)

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def has(self, path: str, text: str) -> None:
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)

    def with_sbd(self) -> None:
        """As `enable` leaves it, with what was there before."""
        for path, text in sbd.files("watchdog0", Timing(15), Path("/sNow/snow-ha/sbd.img"), Path("/sNow")).values():
            self.has(path, text)
        self.has(f"{sbd.CONF}.before-snow-ha", BEFORE)

    def dpkg(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        text = (DEBIAN / f"snow-ha.{script}").read_text()
        text = re.sub(r"(?<![\w}*/])/(?=(etc|run|usr|var)/)", f"{self.root}/", text)
        environment = os.environ | {
            "PATH": f"{self.programs}:/usr/sbin:/usr/bin:/sbin:/bin",
            "CIB_file": str(self.root / "cib.xml"),
        }
        command = ["sh", "-c", text, script, *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    def systemctl(self) -> list[str]:
        record = self.programs / "systemctl.calls"
        return record.read_text().splitlines() if record.exists() else []


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / "root")


@pytest.mark.parametrize(
    "primitive",
    [
        '<primitive id="web01" class="ocf" provider="snow" type="Xen"/>',
        '<primitive id="snow-ha-ip" class="ocf" provider="heartbeat" type="IPaddr2"/>',
        '<primitive id="snow-ha-ipmi-snow01" class="stonith" type="fence_ipmilan"/>',
        '<primitive id="pills" class="stonith" type="fence_snow_sbd"/>',
    ],
)
def test_it_stays_while_pacemaker_runs_what_needs_it(server: Server, primitive: str) -> None:
    server.systemd(IN_CLUSTER)
    server.cib(primitive)
    refused = server.dpkg("prerm", "remove")
    assert refused.returncode == 1
    assert (
        refused.stderr == "[E] snow-ha stays: Pacemaker here runs what needs it; let go of it first: snow ha disable\n"
    )


@pytest.mark.parametrize(
    "primitive",
    [
        "",
        '<primitive id="web01" class="ocf" provider="heartbeat" type="Xen"/>',
        '<primitive id="ip" class="ocf" provider="heartbeat" type="IPaddr2"/>',
    ],
)
def test_it_goes_where_pacemaker_runs_without_it(server: Server, primitive: str) -> None:
    server.systemd(IN_CLUSTER)
    server.cib(primitive)
    assert server.dpkg("prerm", "remove").returncode == 0


@pytest.mark.parametrize("status", [1, 102, 124])
def test_it_stays_while_pacemaker_does_not_tell(server: Server, status: int) -> None:
    server.systemd(IN_CLUSTER)
    server.program("cibadmin", f"#!/bin/sh\nexit {status}\n")
    refused = server.dpkg("prerm", "remove")
    assert refused.returncode == 1
    assert "does not tell whether it has domains; stop it first: snow ha disable" in refused.stderr


@pytest.mark.parametrize("yes", [STARTS, RUNS])
@pytest.mark.parametrize("lost", [sbd.CONF, sbd.DISK_UNIT])
def test_it_stays_while_sbd_needs_its_disk_and_says_the_way_out(server: Server, yes: str, lost: str) -> None:
    server.systemd(yes)
    server.with_sbd()
    server.path(lost).unlink()
    refused = server.dpkg("prerm", "remove")
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "[E] snow-ha stays: sbd has its disk from it on this server; take it out first: snow ha disable",
        "[I] Where this server has left its cluster: systemctl stop corosync && systemctl disable sbd",
    ]
    assert not any("stop" in words for words in server.systemctl())


def test_it_goes_where_sbd_does_not_start_and_takes_the_disk_off_before(server: Server) -> None:
    server.with_sbd()
    assert server.dpkg("prerm", "remove").returncode == 0
    assert server.systemctl()[-1] == "stop snow-ha-sbd-disk.service"


def test_it_goes_where_sbd_is_of_the_site(server: Server) -> None:
    server.systemd(STARTS, RUNS)
    server.has(sbd.CONF, BEFORE)
    assert server.dpkg("prerm", "remove").returncode == 0


@pytest.mark.parametrize("words", [("upgrade", "9"), ("failed-upgrade", "1"), ("deconfigure", "in-favour", "x", "1")])
def test_an_upgrade_is_never_refused(server: Server, words: tuple[str, ...]) -> None:
    server.systemd(IN_CLUSTER, STARTS, RUNS)
    server.cib('<primitive id="web01" class="ocf" provider="snow" type="Xen"/>')
    server.with_sbd()
    assert server.dpkg("prerm", *words).returncode == 0
    assert server.dpkg("postrm", *words).returncode == 0
    assert server.systemctl() == []
    assert server.path(sbd.CONF).read_text().startswith(sbd.MARK)


def test_purging_puts_sbd_back_as_it_was(server: Server) -> None:
    server.with_sbd()
    server.has(shutdown.PATH, "# Written by snow-ha.\n")
    server.has(f"/etc/systemd/system/pacemaker.service.wants/{events.UNIT}", "")
    for path, text in qdevice.UNITS.items():
        server.has(path, text)
    assert server.dpkg("postrm", "purge").returncode == 0
    left = [path for path in server.path("/etc").rglob("*") if path.is_file()]
    assert left == [server.path(sbd.CONF)]
    assert left[0].read_text() == BEFORE
    assert not server.path(sbd.DROP_IN).parent.exists()
    assert server.systemctl() == ["--quiet disable sbd.service", "daemon-reload"]


def test_purging_leaves_nothing_where_nothing_was_before(server: Server) -> None:
    server.with_sbd()
    server.path(f"{sbd.CONF}.before-snow-ha").unlink()
    assert server.dpkg("postrm", "purge").returncode == 0
    assert not [path for path in server.path("/etc").rglob("*") if path.is_file()]


def test_purging_leaves_the_sites_sbd_alone(server: Server) -> None:
    server.has(sbd.CONF, BEFORE)
    server.has(f"{sbd.CONF}.before-snow-ha", "# older\n")
    assert server.dpkg("postrm", "purge").returncode == 0
    assert server.path(sbd.CONF).read_text() == BEFORE
    assert not server.path(f"{sbd.CONF}.before-snow-ha").exists()
    assert server.systemctl() == ["daemon-reload"]


def test_removing_changes_no_file(server: Server) -> None:
    server.with_sbd()
    assert server.dpkg("postrm", "remove").returncode == 0
    assert server.path(sbd.CONF).read_text().startswith(sbd.MARK)
    assert server.path(f"{sbd.CONF}.before-snow-ha").read_text() == BEFORE
