"""One server of the Xen lab: a QEMU process that emulates a machine with Xen, its disk, its networks, ssh into it.

Times are seconds.
"""

import json
import shlex
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import host
from tests.lab.host import Cgroup, LabError

BOOT_TIMEOUT_S = 400
MEMORY_MIB = 1536
XEN_WORDS = (
    "console=com1 com1=115200 dom0_mem=768M,max:768M dom0_max_vcpus=1 loglvl=warning guest_loglvl=all "
    "noreboot=1 spec-ctrl=no bootscrub=0 xpti=off pv-l1tf=off"
)
DOM0_WORDS = (
    "console=hvc0 net.ifnames=0 quiet mitigations=off audit=0 apparmor=0 ipv6.disable=1 nokaslr "
    "systemd.show_status=0 systemd.hostname={name}"
)
# -cpu max crashes dom0 or its programs at random. PVH guests need AMD's virtualisation, which TCG emulates.
PROCESSORS = {
    "4.17.5": "Westmere",
    "4.17.7": "qemu64,+svm,+npt,+nrip-save,+ssse3,+sse4.1,+sse4.2,+popcnt,+aes",
}


@dataclass(frozen=True)
class Wiring:
    """Where on this machine a server is reached: ssh on one loopback address, the servers' network between two."""

    address: str
    peer_address: str
    ssh_port: int = 2222
    frames_port: int = 7800


class Server:
    def __init__(
        self, name: str, directory: Path, image: Path, hypervisor: str, wiring: Wiring, cgroup: Cgroup
    ) -> None:
        self.name = name
        self.directory = directory
        self.image = image
        self.hypervisor = hypervisor
        self.wiring = wiring
        self.cgroup = cgroup
        self.disk = directory / f"{name}.img"
        self._monitor = directory / f"{name}.qmp"
        self._cut_mark = directory / f"{name}.cut"

    @property
    def console(self) -> Path:
        """What the hypervisor and dom0 have printed since the last power-on."""
        return self.directory / f"{self.name}.console"

    def make_disk(self) -> None:
        host.run(["cp", "--sparse=always", self.image / "dom0.img", self.disk], 120)

    @property
    def is_on(self) -> bool:
        return bool(self.cgroup.processes())

    def start(self) -> None:
        """Power on; returns when the emulator runs, long before the server is up."""
        if self.is_on:
            raise LabError(f"{self.name} is on already")
        self.cgroup.kill()
        self.cgroup.create()
        host.run([*self.cgroup.entered(), *self._emulator()])
        if self._cut_mark.exists():
            self._set_link(up=False)

    def _emulator(self) -> list[str | Path]:
        here, there, port = self.wiring.address, self.wiring.peer_address, self.wiring.frames_port
        dom0 = f"{self.image}/vmlinuz {DOM0_WORDS.format(name=self.name)},{self.image}/initrd"
        mac = f"52:54:00:78:{{}}:{self.name[-2:]}"
        return [
            "qemu-system-x86_64", "-name", f"{self.directory.name}.{self.name}", "-daemonize", "-nodefaults",
            "-machine", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", PROCESSORS[self.hypervisor],
            "-smp", "1", "-m", str(MEMORY_MIB), "-display", "none", "-no-reboot",
            "-serial", f"file:{self.console}", "-qmp", f"unix:{self._monitor},server=on,wait=off",
            "-kernel", self.image / f"xen-{self.hypervisor}", "-append", XEN_WORDS, "-initrd", dom0,
            # Whatever a server wrote is in this machine's memory: killing the emulator loses nothing of it.
            "-drive", f"file={self.disk},format=raw,if=none,id=disk,cache=unsafe",
            "-device", "virtio-blk-pci,drive=disk",
            "-drive", f"file={self.directory}/shared.img,format=raw,if=none,id=shared,cache=unsafe,file.locking=off",
            "-device", "virtio-blk-pci,drive=shared,share-rw=on",
            "-netdev", f"user,id=outside,restrict=on,hostfwd=tcp:{here}:{self.wiring.ssh_port}-:22",
            "-device", f"virtio-net-pci,netdev=outside,mac={mac.format('01')}",
            "-netdev", f"dgram,id=servers,local.type=inet,local.host={here},local.port={port},"
            f"remote.type=inet,remote.host={there},remote.port={port}",
            "-device", f"virtio-net-pci,netdev=servers,host_mtu=9000,mac={mac.format('02')}",
            "-device", "virtio-rng-pci",
        ]  # fmt: skip

    def wait_until_up(self) -> None:
        """Wait until sshd lets root in, which it does when Xen's daemons run."""
        host.wait_until(self._connect, BOOT_TIMEOUT_S, f"{self.name} did not come up ({self.console} has its output)")

    def _connect(self) -> bool:
        """Open the ssh connection that all commands share: a new one takes the emulated processor a second."""
        if not self.is_on:
            said = [line for line in self.console.read_text(errors="replace").splitlines() if line.strip()]
            raise LabError(f"{self.name} went off while it started; the last that it printed: {said[-1:]}")
        try:
            host.run([*self.cgroup.entered(), *self._ssh(), "-MNf", self.name], 20)
        except LabError:
            return False
        return True

    def stop(self) -> None:
        """Power off, as pulling the plug does: nothing in the server gets to hear of it."""
        self.cgroup.kill()

    def cut(self) -> None:
        self._cut_mark.touch()
        if self.is_on:
            self._set_link(up=False)

    def heal(self) -> None:
        self._cut_mark.unlink(missing_ok=True)
        if self.is_on:
            self._set_link(up=True)

    def _set_link(self, up: bool) -> None:
        """The cable of the servers' network, through QEMU's monitor (QMP: a greeting, then a line for a line)."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(30)
            monitor.connect(str(self._monitor))
            with monitor.makefile("rw") as lines:
                lines.readline()
                for command in (
                    {"execute": "qmp_capabilities"},
                    {"execute": "set_link", "arguments": {"name": "servers", "up": up}},
                ):
                    lines.write(json.dumps(command) + "\n")
                    lines.flush()
                    answer = json.loads(lines.readline())
                    if "return" not in answer:
                        raise LabError(f"{self.name}: QEMU refused {command['execute']}: {answer}")

    def command(self, argv: Sequence[str], timeout_s: float | None, env: Mapping[str, str] | None = None) -> list[str]:
        """The command line that runs `argv` in the server; it is killed there after `timeout_s`.

        Raises LabError while the server is off.
        """
        if not self.is_on:
            raise LabError(f"{self.name} is off")
        limit = [] if timeout_s is None else ["timeout", "--signal=KILL", f"{timeout_s:g}"]
        variables = [f"{name}={value}" for name, value in (env or {}).items()]
        return [*self._ssh(), self.name, shlex.join([*limit, "env", *variables, *argv])]

    def _ssh(self) -> list[str]:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "ControlPath": f"{self.directory}/{self.name}.ssh",
            "HostKeyAlias": self.name,
            "HostName": self.wiring.address,
            "IdentityFile": f"{self.image}/id",
            "Port": self.wiring.ssh_port,
            "UserKnownHostsFile": f"{self.image}/known_hosts",
            "User": "root",
        }
        return ["ssh", "-F", "none", *(f"-o{key}={value}" for key, value in options.items())]
