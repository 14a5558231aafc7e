"""sbd on the servers: Xen's watchdog, the file with the pills and its loop device, sbd's own configuration.

What is there is read in one look a server; what sbd knows (times, slots) it is asked itself. Times are in seconds.

Longer than others: half of it are the texts that sbd, systemd and the look on the servers share.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from snow_ha_plugin.core.configure.fencing import DEVICE, Found, Timing
from snow_ha_plugin.errors import TimedOutError, UnavailableError
from snow_ha_plugin.system import command, units, waiting
from snow_ha_plugin.system.servers import Servers

# The driver, which calls itself so in sysfs too (drivers/watchdog/xen_wdt.c): the number depends on who came first.
MODULE = "xen_wdt"

CONF = "/etc/default/sbd"
MODULES = "/etc/modules-load.d/snow-ha.conf"
DISK_UNIT = "/etc/systemd/system/snow-ha-sbd-disk.service"
DROP_IN = "/etc/systemd/system/sbd.service.d/snow-ha.conf"
DISK_SCRIPT = f"{sys.prefix}/share/snow-ha/sbd-disk"

MARK = "# Written by snow-ha; a change by hand is kept when this line is taken out."

# A file system that hangs must not hold a look at it for ever.
LOOK_WITHIN_S = 20
# sbd reads its slot once a second.
READ_WITHIN_S = 15
# timeout(1)'s own exit status.
STILL_WAITS = 124

_LOOK = r"""
say() { printf '%s\0%s\0' "$1" "$2"; }
text() { [[ ! -r $2 ]] || say "$1" "$(<"$2")"; }
for directory in /sys/class/watchdog/watchdog*; do
    [[ -r $directory/identity ]] || continue
    say "watchdog ${directory##*/}" "$(<"$directory/identity"); $(<"$directory/state"); $(<"$directory/timeout")"
done
say units "$($SHOW)"
text conf "$2"; text modules "$3"; text unit "$4"; text drop-in "$5"
say file "$(stat --format '%i %s %a' "$1" 2>/dev/null)"
if [[ -b $6 ]]; then
    # Each waits some 40 ms for the kernel to end its direct I/O.
    exec 3< <(timeout --kill-after=1 5 sbd -d "$6" list 2>/dev/null)
    say loop "$(losetup --noheadings --raw --output DIO,BACK-FILE "$(readlink -f "$6")" 2>/dev/null)"
    say header "$(timeout --kill-after=1 5 sbd -d "$6" dump 2>/dev/null)"
    say slots "$(cat <&3)"
fi
true
""".replace("$SHOW", " ".join([*units.SHOW, "sbd", "corosync"]))

# In one rename: a run that was killed leaves at most files of another name, which the next one removes.
_CREATE = r"""
set -eu
file=$1 watchdog=$2 msgwait=$3
shift 3
directory=${file%/*} new=$file.new
mkdir -p -m 700 "$directory"
for loop in $(losetup --noheadings --output NAME --associated "$new"); do losetup --detach "$loop"; done
rm -f "$new"
(umask 077 && dd if=/dev/zero of="$new" bs=1M count=4 conv=fsync status=none)
loop=$(losetup --find --show --direct-io=on "$new")
trap 'losetup --detach "$loop"' EXIT
sbd -d "$loop" -1 "$watchdog" -4 "$msgwait" create >/dev/null
for server; do sbd -d "$loop" allocate "$server" >/dev/null 2>&1; done
sync -f "$new"
mv "$new" "$file"
"""

# What sbd has open stays. The unit attaches it again: what a script says to systemd, nobody reads.
_TRY_DISK = r"""
systemctl --quiet is-active sbd || exec "$@"
"""

_SET_UP = r"""
set -eu
systemctl daemon-reload
systemctl --quiet is-active sbd || systemctl restart snow-ha-sbd-disk
systemctl --quiet enable sbd
"""

_TAKE_OUT = r"""
conf=$1 modules=$2 unit=$3 drop_in=$4
systemctl --quiet disable sbd 2>/dev/null
systemctl stop snow-ha-sbd-disk 2>/dev/null
rm -f "$modules" "$unit" "$drop_in"
rmdir "${drop_in%/*}" 2>/dev/null
if [ -e "$conf.before-snow-ha" ]; then mv "$conf.before-snow-ha" "$conf"; fi
systemctl daemon-reload
modprobe --remove xen_wdt 2>/dev/null
true
"""


class Watchdog(NamedTuple):
    """A watchdog of the kernel's: its name below /dev, and what sysfs says of it."""

    name: str
    identity: str
    active: bool
    timeout_s: int


class Look(NamedTuple):
    """What one server has of sbd. `file` is inode, bytes and mode of the file with the pills, as it sees them."""

    server: str
    watchdogs: tuple[Watchdog, ...] = ()
    active: frozenset[str] = frozenset()
    enabled: bool = False
    texts: tuple[tuple[str, str], ...] = ()
    file: str = ""
    loop: str = ""
    header: str = ""
    slots: tuple[tuple[str, str], ...] = ()

    @property
    def watchdog(self) -> Watchdog | None:
        """Xen's own."""
        return next((each for each in self.watchdogs if each.identity == MODULE), None)

    @property
    def conf(self) -> str:
        return dict(self.texts).get("conf", "")

    @property
    def is_by_hand(self) -> bool:
        """Whether somebody else has given sbd something to do."""
        return not self.conf.startswith(MARK) and bool(re.search(r"^\s*SBD_DEVICE=\S", self.conf, re.MULTILINE))

    @property
    def is_idle(self) -> bool:
        """Whether sbd would start with corosync though nobody has configured it."""
        return self.enabled and not self.is_by_hand and not self.conf.startswith(MARK)

    @property
    def found(self) -> Found:
        watchdog = self.watchdog
        armed = watchdog.timeout_s if watchdog and watchdog.active and "sbd" in self.active else None
        return Found(self.server, armed, self._header("watchdog"), self._header("msgwait"))

    @property
    def uuid(self) -> str:
        found = re.search(r"^UUID\s*: (\S+)", self.header, re.MULTILINE)
        return found[1] if found else ""

    def _header(self, name: str) -> int | None:
        found = re.search(rf"^Timeout \({name}\)\s*: (\d+)", self.header, re.MULTILINE)
        return int(found[1]) if found else None


def look(servers: Servers, server: str, file: Path) -> Look:
    """One server, asked once; UnavailableError where it does not answer in time."""
    argv = ["bash", "-c", _LOOK, "bash", str(file), CONF, MODULES, DISK_UNIT, DROP_IN, DEVICE]
    return parse_look(server, servers.must(server, argv, timeout_s=LOOK_WITHIN_S, looks=True).text)


def parse_look(server: str, text: str) -> Look:
    words = text.split("\0")
    values = dict(zip(words[::2], words[1::2], strict=False))
    of_systemd = units.parse(values.get("units", ""))
    watchdogs = []
    for name, value in values.items():
        if name.startswith("watchdog "):
            identity, state, timeout = value.split("; ")
            watchdogs.append(Watchdog(name.split()[1], identity, state == "active", int(timeout)))
    return Look(
        server=server,
        watchdogs=tuple(watchdogs),
        active=of_systemd.active,
        enabled="sbd" in of_systemd.enabled,
        texts=tuple((name, values[name] + "\n") for name in ("conf", "modules", "unit", "drop-in") if name in values),
        file=values.get("file", ""),
        loop=values.get("loop", "").strip(),
        header=values.get("header", ""),
        slots=parse_slots(values.get("slots", "")),
    )


def parse_slots(text: str) -> tuple[tuple[str, str], ...]:
    """What `sbd list` prints: number, server, message and who sent it, a line a slot."""
    rows = [line.split("\t") for line in text.splitlines()]
    return tuple((row[1], row[2]) for row in rows if len(row) > 2)


# --- what is put on a server


def conf(watchdog: str, timing: Timing) -> str:
    return f"""{MARK}
SBD_DEVICE={DEVICE}
SBD_PACEMAKER=yes
SBD_STARTMODE=always
SBD_DELAY_START=no
SBD_WATCHDOG_DEV=/dev/{watchdog}
SBD_WATCHDOG_TIMEOUT={timing.watchdog_s}
SBD_TIMEOUT_ACTION=noflush,reboot
SBD_SYNC_RESOURCE_STARTUP=yes
"""


def disk_unit(file: Path, root: Path) -> str:
    """The loop device: there before sbd is, and until the shared file system is unmounted."""
    return f"""{MARK}
[Unit]
Description=Disk of sbd: a loop device on the shared file system
RequiresMountsFor={root}
Before=sbd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={DISK_SCRIPT} attach {file} {DEVICE}
ExecStop={DISK_SCRIPT} detach {file} {DEVICE}
"""


def drop_in() -> str:
    return f"""{MARK}
[Unit]
Requires=snow-ha-sbd-disk.service
After=snow-ha-sbd-disk.service
"""


def files(watchdog: str, timing: Timing, file: Path, root: Path) -> dict[str, tuple[str, str]]:
    """By the name that a look gives each: where it is and what is in it."""
    return {
        "conf": (CONF, conf(watchdog, timing)),
        "modules": (MODULES, f"{MARK}\n{MODULE}\n"),
        "unit": (DISK_UNIT, disk_unit(file, root)),
        "drop-in": (DROP_IN, drop_in()),
    }


# --- what is done


def load_watchdog(servers: Servers, server: str) -> None:
    """UnavailableError where the kernel has no such module, as without Xen."""
    result = servers.run(server, ["modprobe", MODULE])
    if not result.ok:
        raise UnavailableError(
            f"{server} has no Xen watchdog", result.reason, f"boot it with Xen; try `modprobe {MODULE}` there"
        )


def create_disk(servers: Servers, file: Path, timing: Timing) -> None:
    """Make the file with a slot for each server, on this server; one that is there is replaced."""
    argv = ["sh", "-c", _CREATE, "sh", str(file), str(timing.watchdog_s), str(timing.msgwait_s), *servers.names]
    servers.must(servers.here, argv)


def set_up(servers: Servers, server: str, file: Path, wanted: dict[str, tuple[str, str]]) -> None:
    """Attach a server's disk, put sbd's files on it, and have sbd start with corosync.

    UnavailableError where the disk cannot be; then nothing else is changed.
    """
    tried = servers.run(server, ["sh", "-c", _TRY_DISK, "sh", DISK_SCRIPT, "attach", str(file), DEVICE])
    if not tried.ok:
        raise UnavailableError(
            f"sbd has no disk on {server}",
            tried.reason,
            f"see what {file.parent} is there: NFS, or what else all servers share, with direct I/O",
        )
    for path, content in wanted.values():
        servers.must(server, ["sh", "-c", _KEEP, "sh", path, MARK])
        servers.write(server, path, content.encode())
    servers.must(server, ["sh", "-c", _SET_UP])


_KEEP = """
set -e
mkdir -p "${1%/*}"
if [ -e "$1" ] && ! head -n1 "$1" | grep -qxF "$2"; then cp --preserve=all "$1" "$1.before-snow-ha"; fi
"""


def take_out(servers: Servers, server: str) -> None:
    servers.must(server, ["sh", "-c", _TAKE_OUT, "sh", CONF, MODULES, DISK_UNIT, DROP_IN])


def remove_disk(servers: Servers, file: Path) -> None:
    remove = 'rm -f "$1" "$1.new"; rmdir "${1%/*}" 2>/dev/null; true'
    servers.must(servers.here, ["sh", "-c", remove, "sh", str(file)])


def allocate(servers: Servers) -> None:
    """Give each server that has none a slot, on this server's disk."""
    present = {name for name, _ in slots()}
    for name in servers.names:
        if name not in present:
            servers.must(servers.here, ["sbd", "-d", DEVICE, "allocate", name])


def test_slots(names: Sequence[str]) -> list[str]:
    """Send a test message, which harms nobody, to each server; those that did not take it out of their slots.

    Not while any of them waits to be fenced: a test that is read clears its slot of whatever came after it.
    """
    for name in names:
        _send(name, "test")
    for in_time in waiting.turns(READ_WITHIN_S):
        unread = sorted(set(names) - {name for name, message in slots() if message == "clear"})
        if not unread:
            break
        if not in_time:
            # Only our own: by now a poison pill may be there.
            for name, message in slots():
                if message == "test":
                    _send(name, "clear")
    return unread


def _send(name: str, message: str) -> None:
    # sbd would wait here for all of msgwait, as after a poison pill; the message is there at once.
    result = command.run(["timeout", "2", "sbd", "-d", DEVICE, "message", name, message])
    if result.exit_code not in (0, STILL_WAITS):
        raise UnavailableError(f"sbd cannot write into the slot of {name}", result.reason, f"sbd -d {DEVICE} list")


def slots() -> tuple[tuple[str, str], ...]:
    """Each server's slot and what waits in it, as this server reads the disk: `clear` for nothing."""
    try:
        result = command.run(["sbd", "-d", DEVICE, "list"], timeout_s=LOOK_WITHIN_S)
    except TimedOutError:
        raise UnavailableError("sbd cannot read its disk", "the shared file system hangs", "see its server") from None
    if not result.ok:
        raise UnavailableError("sbd cannot read its disk", result.reason, f"see {DEVICE} and its file")
    return parse_slots(result.text)
