"""What servers see of domains' images: each is asked once for all of them. Only looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snow_ha_plugin.core.images.kinds import Kind, Look, devices_identity
from snow_ha_plugin.errors import SnowHaError, UnavailableError
from snow_ha_plugin.model import Domain
from snow_ha_plugin.system.servers import LeftOut, Servers

# A file server that hangs must not hang the verb.
LOOK_TIMEOUT_S = 30

# A line for each argument, a path or drbd:RESOURCE. DRBD's devices have the major number 147.
_LOOK = r"""
drbd() {
    dump=$(drbdadm dump "$1" 2>/dev/null) || { echo missing; return; }
    name=$(printf '%s\n' "$dump" | sed -n 's/^resource \([^ ]*\) .*/\1/p')
    two=$(printf '%s\n' "$dump" | grep -c 'allow-two-primaries\( *yes\)\{0,1\};')
    echo "DRBD ${2:-0} $two $name"
}
for path; do
    case $path in drbd:*) drbd "${path#drbd:}"; continue ;; esac
    readable=no
    head -c 1 -- "$path" >/dev/null 2>&1 && readable=yes
    if [ -b "$path" ]; then
        number=$(stat --dereference --format %Hr:%Lr -- "$path")
        size=$(blockdev --getsize64 "$path" 2>/dev/null)
        case $number in 147:*) drbd "minor-${number#147:}" "$size"; continue ;; esac
        dm=$(tr ' ' _ <"/sys/dev/block/$number/dm/uuid" 2>/dev/null)
        part=$(cat "/sys/dev/block/$number/partition" 2>/dev/null)
        tree=$(lsblk --json --inverse --output NAME,WWN,SERIAL,MODEL "$path" 2>/dev/null | tr -d '\n')
        echo "device ${size:-0} $readable ${dm:--} ${part:--} $tree"
    elif [ -f "$path" ]; then
        seen=$(stat --dereference --format '%i %s %b' -- "$path")
        folder=$(stat --dereference --format %i -- "${path%/*}/")
        echo "file $readable $folder $(stat --file-system --format '%T %i' -- "$path") $seen"
    else
        echo missing
    fi
done
"""

# As stat(1) calls those that one server has for itself.
_OWN = ("ext2/ext3", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "tmpfs", "overlayfs")

Looks = Mapping[str, Mapping[str, Look]]


def look(servers: Servers, domains: Iterable[Domain]) -> tuple[Looks, dict[str, SnowHaError]]:
    """What each server sees of every path and DRBD resource that the domains name; why some do not answer."""
    domains = tuple(domains)
    disks = [disk.path or f"drbd:{disk.drbd}" for domain in domains for disk in domain.disks if disk.path or disk.drbd]
    wanted = list(dict.fromkeys([*disks, *(path for domain in domains for path in domain.boot)]))
    if not wanted:
        return {name: {} for name in servers.names}, {}

    def ask(name: str) -> dict[str, Look]:
        result = servers.must(name, ["sh", "-c", _LOOK, "sh", *wanted], timeout_s=LOOK_TIMEOUT_S, looks=True)
        lines = result.text.splitlines()
        if len(lines) != len(wanted):
            raise UnavailableError(f"{name} does not tell of its images", result.reason, "see that /sNow is mounted")
        return dict(zip(wanted, map(parse, lines), strict=True))

    outcomes = servers.outcomes(ask)
    silent = {name: answer for name, answer in outcomes.items() if isinstance(answer, SnowHaError)}
    return {name: answer for name, answer in outcomes.items() if not isinstance(answer, SnowHaError)}, silent


def look_everywhere(servers: Servers, domains: Iterable[Domain]) -> Looks:
    """As `look`; the error of a server that does not answer, unless it is left out."""
    looks, silent = look(servers, domains)
    for error in silent.values():
        if not isinstance(error, LeftOut):
            raise error
    return looks


def parse(line: str) -> Look:
    """A line of the script above."""
    kind, *words = line.split(" ", 5)
    if kind == Kind.DRBD:
        size, two, name = words
        return Look(Kind.DRBD, int(size), int(size), True, name, migrates=int(two) > 0)
    if kind == Kind.DEVICE:
        size, readable, dm_uuid, partition, tree = words
        identity = devices_identity(tree, dm_uuid.strip("-"), partition.strip("-"))
        return Look(Kind.DEVICE, int(size), int(size), readable == "yes", identity)
    if kind == Kind.FILE:
        readable, folder, file_system, fs_id, rest = words
        inode, size, blocks = rest.split()
        place = fs_id if file_system in _OWN else ""
        return Look(Kind.FILE, int(size), int(blocks) * 512, readable == "yes", f"{folder} {inode}", place,
                    is_nfs=file_system == "nfs")  # fmt: skip
    return Look(Kind.NOTHING)
