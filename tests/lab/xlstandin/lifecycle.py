"""Verbs that change the domains of one server: create, shutdown, reboot, destroy, pause, unpause, rename ...

`xl create` takes its time in its own process, so that killing it leaves what real Xen leaves: first a nameless
domain of 0 MiB, then a named one that is paused and half built.
"""

# ruff: noqa: PTH110
from __future__ import annotations

import os
import sys
import time

from . import xlcfg
from .cli import operands, options
from .session import Failure, Session
from .store import add, drop, find, free_mib, later, set_state, setting

CREATE_FAILED = 3  # every failing create exits with it, a duplicate name too (observed)


def create(session: Session, arguments: list[str]) -> int:
    found, rest = options(arguments, "pcqeF", "f")
    file = found.get("f") or operands(rest, 1, "create")[0]
    config = read_config(file, [word for word in rest if "=" in word])
    name = config.get("name")
    if not isinstance(name, str):
        raise Failure("Domain name must be specified.\n", 1)
    for path in (config.get("kernel"), config.get("ramdisk"), *images(config)):
        if path and not os.path.exists(path):
            raise Failure(
                f"libxl: error: libxl_device.c: failed to stat {path}: No such file or directory",
                CREATE_FAILED,
            )
    tree = session.look()
    seconds = setting(tree, "start_s", session.server, name)

    with session.change() as tree:
        domain = add(
            tree,
            session.server,
            {
                "name": "",
                "label": name,
                "uuid": config.get("uuid") or fresh_uuid(),
                "state": "building",
                "memory_mib": 0,
                "vcpus": int(config.get("vcpus", 1)),
                "config": config,
            },
        )
    number = domain["domid"]
    time.sleep(seconds / 3)
    with session.change() as tree:
        domain = session.domain(tree, number)
        refused = claim(tree, session.server, domain, name, int(config.get("memory", 32)))
    if refused:
        raise Failure(refused, CREATE_FAILED)
    session.pass_point("build", name)
    time.sleep(seconds * 2 / 3)
    with session.change() as tree:
        state = "paused" if "p" in found else "running"
        set_state(tree, session.server, session.domain(tree, number), state, time.monotonic(), "create")
    return 0


def claim(tree: dict, server: str, domain: dict, name: str, memory_mib: int) -> str | None:
    """Gives a new domain its name and memory; where that cannot be, removes it and says why."""
    refused = None
    if find(tree, server, name) is not None:
        refused = f'libxl: error: libxl.c: Domain with name "{name}" already exists.'
    elif free_mib(tree, server) < memory_mib:
        refused = "libxl: error: libxl_create.c: failed to free memory for the domain"
    if refused:
        drop(tree, server, domain, time.monotonic(), "create failed")
    else:
        domain["name"], domain["memory_mib"] = name, memory_mib
    return refused


def fresh_uuid() -> str:
    digits = os.urandom(16).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def read_config(file: str, extra: list[str]) -> xlcfg.Settings:
    """What a domain file and the settings behind it on the command line say."""
    print(f"Parsing config from {file}")
    sys.stdout.flush()
    try:
        text = "\n".join([xlcfg.read(file), *extra])
    except OSError as error:
        raise Failure(f"Failed to read config file: {file}: {error.strerror}", CREATE_FAILED) from None
    try:
        return xlcfg.settings(text + "\n" if extra else text)
    except xlcfg.BadFile as bad:
        raise Failure(f"{file}:{bad.line}: config parsing error\nFailed to parse config: Invalid argument", 1) from None


def images(config: xlcfg.Settings) -> list[str]:
    """The paths of the disks that are files or devices of this server."""
    try:
        return [path for line in xlcfg.lines(config, "disk") if (path := xlcfg.disk(line).path)]
    except xlcfg.BadLine as bad:
        raise Failure(f"config parsing error in disk specification: {bad}", 1) from None


def shutdown(session: Session, arguments: list[str]) -> int:
    found, rest = options(arguments, "waF")
    return _ask(session, operands(rest, 1, "shutdown")[0], "poweroff", "w" in found)


def reboot(session: Session, arguments: list[str]) -> int:
    _, rest = options(arguments, "waF")
    return _ask(session, operands(rest, 1, "reboot")[0], "reboot", False)


def trigger(session: Session, arguments: list[str]) -> int:
    name, event, *_ = operands(arguments, 2, "trigger")
    if event not in ("power", "reset", "sleep", "nmi", "s3resume"):
        raise Failure(f'Invalid trigger "{event}"', 1)
    return _ask(session, name, "reboot" if event == "reset" else "poweroff", False)


def _ask(session: Session, name: str, what: str, wait: bool) -> int:
    """The guest hears of it and does it in its own time, or not at all."""
    with session.change() as tree:
        domain = session.domain(tree, name)
        if domain["state"] not in ("running", "paused"):
            raise Failure(f"libxl: error: libxl_domain.c: Domain {domain['domid']}: control {what} failed", 1)
        label = domain["label"]
        deaf = setting(tree, "ignore_shutdown", session.server, label) or domain["state"] == "paused"
        heard = not deaf and domain["until"] is None
        if heard:
            later(domain, time.monotonic() + setting(tree, "shutdown_s", session.server, label), what)
    if heard and what == "reboot":
        takes_s = sum(setting(tree, key, session.server, label) for key in ("shutdown_s", "reboot_s", "between_s"))
        attend(session, label, takes_s)
    verb = "Shutting down" if what == "poweroff" else "Rebooting"
    print(f"{verb} domain {domain['domid']}")
    while wait and find(session.look(), session.server, domain["domid"]):
        time.sleep(0.05)
    return 0


def attend(session: Session, label: str, seconds: float) -> None:
    """xl's own process of a domain, which goes by its output (tools/xl/xl_utils.c); here only while it reboots."""
    if os.fork():
        return
    os.setsid()
    log = os.open(f"{session.store.path}/xl-{label}.log", os.O_WRONLY | os.O_CREAT, 0o644)
    for file in (0, 1, 2):
        os.dup2(log, file)
    time.sleep(seconds + 0.1)
    os._exit(0)


def destroy(session: Session, arguments: list[str]) -> int:
    _, rest = options(arguments, "f")
    name = operands(rest, 1, "destroy")[0]
    with session.change() as tree:
        drop(tree, session.server, session.domain(tree, name), time.monotonic(), "destroy")
    return 0


def pause(session: Session, arguments: list[str]) -> int:
    with session.change() as tree:
        domain = session.domain(tree, operands(arguments, 1, "pause")[0])
        if domain["state"] == "running":
            set_state(tree, session.server, domain, "paused", time.monotonic(), "pause")
            later(domain, None, None)
    return 0


def unpause(session: Session, arguments: list[str]) -> int:
    """Runs whatever is paused, also a received copy that waits for permission: that is how two come to live."""
    with session.change() as tree:
        domain = session.domain(tree, operands(arguments, 1, "unpause")[0])
        if domain["state"] == "paused":
            set_state(tree, session.server, domain, "running", time.monotonic(), "unpause")
        elif domain["state"] != "running":
            print("libxl: error: libxl_domain.c: unpausing domain: Invalid argument", file=sys.stderr)
    return 0


def rename(session: Session, arguments: list[str]) -> int:
    old, new, *_ = operands(arguments, 2, "rename")
    with session.change() as tree:
        domain = session.domain(tree, old)
        if find(tree, session.server, new) is not None:
            raise Failure(f'libxl: error: libxl.c: Domain with name "{new}" already exists.\nCan\'t rename domain', 1)
        domain["name"] = new
    return 0


def console(session: Session, arguments: list[str]) -> int:
    """Stays until the domain is gone or the terminal is."""
    import select

    _, rest = options(arguments, "", "tn")
    domain = session.domain(session.look(), operands(rest, 1, "console")[0])
    print(f"{domain['label']} login: ", flush=True)
    while find(session.look(), session.server, domain["domid"]):
        readable, _, _ = select.select([0], [], [], 0.1)
        if readable and not os.read(0, 4096):
            break
    return 0
