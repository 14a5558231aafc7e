"""What servers see of domains' images: each is asked once for all of them. Only looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snow_ha_plugin.core.images.kinds import AIO, Kind, Look, devices_identity
from snow_ha_plugin.errors import SnowHaError, UnavailableError
from snow_ha_plugin.model import Domain
from snow_ha_plugin.system import file_system_proof
from snow_ha_plugin.system.servers import LeftOut, Servers

# A file server that hangs must not hang the verb.
LOOK_TIMEOUT_S = 30

# Whether something may write to a logical volume, by its number and uuid: dmsetup asks the kernel alone, where lvs
# reads all disks. What is no volume, such as a multipath device, is open for its partitions. What a domain that
# migrates has open on two servers is no news.
_WRITING = r"""
writing() {
    case $2 in LVM-*) ;; *) return 1 ;; esac
    state=$(dmsetup info --columns --noheadings --options attr,open -j "${1%:*}" -m "${1#*:}" 2>/dev/null)
    case $state in *w*[1-9]*) ;; *) return 1 ;; esac
    ! timeout 10 xl list 2>/dev/null | grep -q -e '--incoming ' -e '--migratedaway '
}
"""

# A line for each pair of arguments: a path, drbd:RESOURCE or qemu:aio; and the token's file on a path's file system,
# or nothing. All files in one call, and each by itself only where that does not go well: tens of domains have tens of
# files, and a call takes some 3 ms. DRBD's devices have the major number 147.
_LOOK = (
    _WRITING
    + r"""
drbd() {
    dump=$(drbdadm dump "$1" 2>/dev/null) || { echo missing; return; }
    name=$(printf '%s\n' "$dump" | sed -n 's/^resource \([^ ]*\) .*/\1/p')
    two=$(printf '%s\n' "$dump" | grep -c 'allow-two-primaries\( *yes\)\{0,1\};')
    echo "DRBD ${2:-0} $two $name"
}
identities() { stat --dereference --format '%i %s %b %d' -- "$@" 2>/dev/null; }
readable() { head --quiet --bytes=1 -- "$@" >/dev/null 2>&1; }
files=() folders=()
for ((n = 1; n < $#; n += 2)); do
    [[ ! -f ${!n} ]] || files+=("${!n}") folders+=("${!n%/*}/")
done
declare -A identity
all=("${files[@]}" "${folders[@]}")
readarray -t rows < <(identities "${all[@]}")
if ((${#rows[@]} == ${#all[@]})); then
    for n in "${!all[@]}"; do identity[${all[n]}]=${rows[n]}; done
fi
whole=no
readable "${files[@]}" </dev/null && whole=yes
while (($#)); do
    path=$1 token=$2
    shift 2
    case $path in
        drbd:*) drbd "${path#drbd:}"; continue ;;
        qemu:aio)
            ldd /usr/libexec/xen-qemu-system-i386 2>/dev/null | grep -q libaio && echo "qemu yes" || echo missing
            continue
            ;;
    esac
    reads=no
    { [[ $whole = yes && -f $path ]] || readable "$path"; } && reads=yes
    if [[ -b $path ]]; then
        number=$(stat --dereference --format %Hr:%Lr -- "$path")
        size=$(blockdev --getsize64 "$path" 2>/dev/null)
        case $number in 147:*) drbd "minor-${number#147:}" "$size"; continue ;; esac
        dm=$(tr ' ' _ <"/sys/dev/block/$number/dm/uuid" 2>/dev/null)
        part=$(cat "/sys/dev/block/$number/partition" 2>/dev/null)
        writes=no
        writing "$number" "$dm" && writes=yes
        tree=$(lsblk --json --inverse --output NAME,WWN,SERIAL,MODEL "$path" 2>/dev/null | tr -d '\n')
        echo "device ${size:-0} $reads ${dm:--} ${part:--} $writes $tree"
    elif [[ -f $path ]]; then
        seen=${identity[$path]:-$(identities "$path")}
        folder=${identity[${path%/*}/]:-$(identities "${path%/*}/")}
        device=${seen##* }
        if [[ $device != "$of" ]]; then
            of=$device fs=$(stat --file-system --format '%i %T' -- "$path")
        fi
        if [[ $token != "$last" ]]; then
            last=$token found=no at=${identity[${token%/*}/]:-$(identities "${token%/*}/")}
            [[ $(cat -- "$token" 2>/dev/null) = "${token##*-}" ]] && found=yes
        fi
        proof=-
        [[ -n $token && $reads = yes && ${at##* } = "$device" ]] && proof=$found
        echo "file $reads ${folder%% *} $proof ${seen% *} $fs"
    else
        echo missing
    fi
done
"""
)

# As stat(1) calls those that one server has for itself.
_OWN = ("ext2/ext3", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "tmpfs", "overlayfs")

Looks = Mapping[str, Mapping[str, Look]]


def look(servers: Servers, domains: Iterable[Domain]) -> tuple[Looks, dict[str, SnowHaError]]:
    """What each server sees of every path and DRBD resource that the domains name; why some do not answer."""
    domains = tuple(domains)
    disks = [disk for domain in domains for disk in domain.disks]
    images = [disk.path or f"drbd:{disk.drbd}" for disk in disks if disk.path or disk.drbd]
    boot = [path for domain in domains for path in domain.boot]
    wanted = list(dict.fromkeys([*images, *boot, *(AIO for disk in disks if disk.wants_aio)]))
    if not wanted:
        return {name: {} for name in servers.names}, {}

    def ask(name: str) -> dict[str, Look]:
        pairs = [word for key in wanted for word in (key, tokens.get(key, ""))]
        result = servers.must(name, ["bash", "-c", _LOOK, "bash", *pairs], timeout_s=LOOK_TIMEOUT_S, looks=True)
        lines = result.text.splitlines()
        if len(lines) != len(wanted):
            raise UnavailableError(f"{name} does not tell of its images", result.reason, "see that /sNow is mounted")
        return dict(zip(wanted, map(parse, lines), strict=True))

    with file_system_proof.written(servers, images) as tokens:
        outcomes = servers.outcomes(ask)
    silent = {name: answer for name, answer in outcomes.items() if isinstance(answer, SnowHaError)}
    return {name: answer for name, answer in outcomes.items() if not isinstance(answer, SnowHaError)}, silent


def look_everywhere(servers: Servers, domains: Iterable[Domain]) -> Looks:
    """As `look`; the error of a server that does not answer, unless it is left out."""
    looks, silent = look(servers, domains)
    refuse_silent(silent)
    return looks


def refuse_silent(silent: Mapping[str, SnowHaError]) -> None:
    """Raise the error of a server that does not answer, unless it is left out."""
    for error in silent.values():
        if not isinstance(error, LeftOut):
            raise error


def parse(line: str) -> Look:
    """A line of the script above."""
    kind, *words = line.split(" ", 6)
    if kind == Kind.DRBD:
        size, two, name = words
        return Look(Kind.DRBD, int(size), int(size), True, name, migrates=int(two) > 0)
    if kind == Kind.DEVICE:
        size, readable, dm_uuid, partition, writes, tree = words
        identity = devices_identity(tree, dm_uuid.strip("-"), partition.strip("-"))
        return Look(Kind.DEVICE, int(size), int(size), readable == "yes", identity, is_written=writes == "yes")
    if kind == Kind.FILE:
        readable, folder, proof, inode, size, rest = words
        blocks, fs_id, file_system = rest.split(" ", 2)
        place = fs_id if file_system in _OWN else ""
        return Look(Kind.FILE, int(size), int(blocks) * 512, readable == "yes", f"{folder} {inode}", place,
                    is_nfs=file_system == "nfs", proof=proof)  # fmt: skip
    if kind == "qemu":
        return Look(Kind.FILE, readable=True)
    return Look(Kind.NOTHING)
