"""A server's watchdog devices: what the kernel's drivers do, as far as a program that feeds them can see.

Programs in the server come here through native/watchdog.c; `modprobe` (the stand-in) loads and unloads. The devices
count here, outside of the server, so that they hit a server that does nothing any more. Times are seconds of
CLOCK_MONOTONIC.
"""

import contextlib
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, BaseSelector

IDENTITIES = {"xen_wdt": "xen_wdt", "softdog": "Software Watchdog"}
DEFAULT_TIMEOUT_S = 60
MOST_TIMEOUT_S = 65535
# linux/watchdog.h
WDIOS_DISABLECARD = 1


@dataclass
class Device:
    """`deadline` is None while it is not armed. `released`: the last write lets its owner close it."""

    module: str
    timeout_s: int = DEFAULT_TIMEOUT_S
    deadline: float | None = None
    owner: socket.socket | None = None
    released: bool = False

    def start(self) -> None:
        self.deadline = time.monotonic() + self.timeout_s

    def ping(self) -> None:
        if self.deadline is not None:
            self.start()


class Watchdogs:
    """`power` is the directory that the server has as /lab/power: the socket, and /sys/class/watchdog (`class`).

    Whoever waits on `selector` calls the data of what is ready.
    """

    def __init__(self, power: Path, selector: BaseSelector) -> None:
        self._class = power / "class"
        self._selector = selector
        self._devices: dict[int, Device] = {}
        self._class.mkdir()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(power / "watchdog"))
        listener.listen()
        selector.register(listener, EVENT_READ, lambda: self._welcome(listener))

    def deadline(self) -> float | None:
        """When the first one expires, if none is fed until then."""
        return min((device.deadline for device in self._devices.values() if device.deadline), default=None)

    def reset(self) -> None:
        """What a power cycle does: no modules, no devices."""
        for number, device in self._devices.items():
            if device.owner:
                self._drop(device.owner)
            shutil.rmtree(self._class / f"watchdog{number}")
        self._devices.clear()

    # connections: one question each; the one that opens a device then writes to it

    def _welcome(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        self._selector.register(connection, EVENT_READ, lambda: self._hear(connection))

    def _hear(self, connection: socket.socket) -> None:
        data = self._receive(connection)
        for number, device in self._devices.items():
            if device.owner is connection:
                self._written(number, device, data)
                break
        else:
            if data:
                words = data.decode().split()
                with contextlib.suppress(OSError):  # it has been killed meanwhile
                    connection.send(str(self._answer(connection, words[0], words[1:])).encode())
        if not data:
            self._drop(connection)

    @staticmethod
    def _receive(connection: socket.socket) -> bytes:
        try:
            return connection.recv(4096)
        except ConnectionResetError:
            return b""

    def _drop(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        connection.close()

    def _answer(self, connection: socket.socket, what: str, words: list[str]) -> int | str:
        if what == "load":
            return self._load(words[0])
        if what == "unload":
            return self._unload(words[0])
        number = int(words[0])
        if number not in self._devices:
            return "none"
        device = self._devices[number]
        if what == "open":
            return self._open(number, device, connection)
        calls: dict[str, Callable[[], int | str]] = {
            "identity": lambda: IDENTITIES[device.module],
            "timeout": lambda: device.timeout_s,
            "timeleft": lambda: round(device.deadline - time.monotonic()) if device.deadline else 0,
            "keepalive": lambda: self._keep_alive(device),
            "settimeout": lambda: self._set_timeout(number, device, int(words[1])),
            "options": lambda: self._set_options(number, device, int(words[1])),
        }
        return calls[what]() if what in calls else "none"

    # as drivers/watchdog/watchdog_dev.c has it

    def _open(self, number: int, device: Device, connection: socket.socket) -> int | str:
        if device.owner:
            return "busy"
        device.owner, device.released = connection, False
        if device.deadline is None:  # else its last owner did not stop it, and it goes on counting
            device.start()
        self._show(number)
        return number

    def _written(self, number: int, device: Device, data: bytes) -> None:
        if data:
            device.released = b"V" in data
            device.ping()
            return
        # Closed. Without the V the kernel says "watchdog did not stop!" and starts to count anew.
        device.owner = None
        if device.released:
            device.deadline = None
        device.ping()
        self._show(number)

    @staticmethod
    def _keep_alive(device: Device) -> int:
        device.ping()
        return 0

    def _set_timeout(self, number: int, device: Device, timeout_s: int) -> int | str:
        if not 1 <= timeout_s <= MOST_TIMEOUT_S:
            return "invalid"
        device.timeout_s = timeout_s
        device.ping()
        self._show(number)
        return timeout_s

    def _set_options(self, number: int, device: Device, options: int) -> int:
        if options & WDIOS_DISABLECARD:
            device.deadline = None
        else:
            device.start()
        self._show(number)
        return 0

    def _load(self, module: str) -> int | str:
        """The number of the device that the module now has."""
        for number, device in self._devices.items():
            if device.module == module:
                return number
        number = next(number for number in range(len(IDENTITIES)) if number not in self._devices)
        self._devices[number] = Device(module)
        self._show(number)
        return number

    def _unload(self, module: str) -> int | str:
        for number, device in self._devices.items():
            if device.module == module:
                if device.owner or device.deadline:
                    return "busy"
                del self._devices[number]
                shutil.rmtree(self._class / f"watchdog{number}")
                return number
        return "none"

    def _show(self, number: int) -> None:
        device = self._devices[number]
        directory = self._class / f"watchdog{number}"
        directory.mkdir(exist_ok=True)
        shown = {
            "identity": IDENTITIES[device.module],
            "state": "active" if device.deadline else "inactive",
            "timeout": device.timeout_s,
            "nowayout": 0,
        }
        for name, value in shown.items():
            fresh = directory.parent / f".{name}"
            fresh.write_text(f"{value}\n")
            fresh.rename(directory / name)  # nobody reads half of it
