#!/usr/bin/python3 -IS
"""The lab's `modprobe`: the watchdogs' modules are in the server's chassis, all others are left to the real one.

A module that /etc/lab-absent-modules names, one a line, is none that this kernel has.
"""

import os
import socket
import stat
import sys
from pathlib import Path

REAL = "/usr/sbin/modprobe"
CHASSIS = "/lab/power/watchdog"
WATCHDOGS = {"xen_wdt", "softdog"}
ABSENT = Path("/etc/lab-absent-modules")
# No driver has it: a program without the lab's library gets ENXIO, also where the machine has a watchdog.
NO_DEVICE = os.makedev(1, 250)


def ask(question: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as chassis:
        chassis.connect(CHASSIS)
        chassis.send(question.encode())
        return chassis.recv(100).decode()


def nodes(number: int) -> list[Path]:
    names = ["watchdog", "watchdog0"] if number == 0 else [f"watchdog{number}"]
    return [Path("/dev", name) for name in names]


def load(module: str) -> None:
    for node in nodes(int(ask(f"load {module}"))):
        if not node.exists():
            os.mknod(node, stat.S_IFCHR | 0o600, NO_DEVICE)


def unload(module: str) -> None:
    answer = ask(f"unload {module}")
    if answer == "none":
        sys.exit(f"modprobe: FATAL: Module {module} is not currently loaded.")
    if answer == "busy":
        sys.exit(f"modprobe: FATAL: Module {module} is in use.")
    for node in nodes(int(answer)):
        node.unlink()


def absent() -> list[str]:
    return ABSENT.read_text().split() if ABSENT.exists() else []


def main(words: list[str]) -> None:
    options = [word for word in words if word.startswith("-")]
    # What follows a module's name are its parameters.
    module = next((word.replace("-", "_") for word in words if not word.startswith("-")), "")
    if module not in WATCHDOGS or module in absent():
        os.execv(REAL, [REAL, *words])
    if {"-n", "--dry-run", "--show", "-D", "--show-depends"} & set(options):
        return
    if {"-r", "--remove"} & set(options):
        unload(module)
    else:
        load(module)


main(sys.argv[1:])
