"""The BMC of one server: Debian's IPMI simulator on the management network. Its power switch is the chassis.

It lives in the chassis' care, in a network namespace of its own, also while the server is off.
"""

import subprocess
from pathlib import Path

from tests.lab import host, network
from tests.lab.network import BMC, Network
from tests.lab.site import IPMI_PASSWORD, IPMI_USER

PORT = 623
START_TIMEOUT_S = 10
SWITCH = Path(__file__).with_name("bmcswitch.py")
# ipmi_lan(5)
CONFIGURATION = """\
name "{name}"
startlan 1
  addr {address} {port}
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid a123456789abcdefa123456789abcdef
endlan
chassis_control "{switch}"
user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
# ipmi_sim_cmd(5): one management controller, at the address where everybody looks for it.
COMMANDS = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""


class Bmc:
    """`control` is the chassis' socket, which is asked for power."""

    def __init__(self, server: str, number: int, directory: Path, control: Path, lab_network: Network) -> None:
        self._directory = directory
        self._namespace = lab_network.plug_bmc(server, number)
        self._process: subprocess.Popen[bytes] | None = None
        (directory / "state").mkdir(parents=True)
        configuration = CONFIGURATION.format(
            name=f"{server}-mgmt",
            address=network.bmc_address(number),
            port=PORT,
            switch=f"{SWITCH} {control}",
            user=IPMI_USER,
            password=IPMI_PASSWORD,
        )
        (directory / "lan.conf").write_text(configuration)
        (directory / "commands").write_text(COMMANDS)

    def start(self) -> None:
        """Give it power; nothing happens where it has. Returns when it listens."""
        if self._process is not None:
            return
        self._set_link("up")
        files = {"-c": "lan.conf", "-f": "commands", "-s": "state"}
        options = [word for option, name in files.items() for word in (option, self._directory / name)]
        process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self._namespace}", "ipmi_sim", "-n", *options], stdin=subprocess.DEVNULL
        )
        self._process = process
        sockets = Path(f"/proc/{process.pid}/net/udp")
        host.wait_until(lambda: f":{PORT:04X} " in sockets.read_text(), START_TIMEOUT_S, "the BMC does not listen")

    def stop(self) -> None:
        """Take its power: nobody answers at its address any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._set_link("down")

    def _set_link(self, state: str) -> None:
        host.run(["ip", "-n", self._namespace, "link", "set", BMC, state])
