"""Whether servers share a file system: what one of them writes there the others read. Leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence

from snow_ha_plugin.errors import SnowHaError
from snow_ha_plugin.system.servers import Servers

# Where nothing can be written for so long, whoever looks at the images meets the same.
TIMEOUT_S = 15

_NAME = ".snow-ha-token-"
# For each file the device that it is on and, of the first on each device, the file with a token that is written beside
# it. Its name is one that no server can remember to be absent: server, process, token. What a killed run has left goes
# with the next one of that server, or of any an hour later. Where a file goes meanwhile, nothing is told.
_WRITE = f"""
mine={_NAME}$1- process=$2 token=$3 known=' '
shift 3
files=()
for path; do [[ ! -f $path ]] || files+=("$path"); done
readarray -t devices < <(stat --dereference --format %d -- "${{files[@]}}" 2>/dev/null)
((${{#devices[@]}} == ${{#files[@]}})) || exit
for path; do
    [[ $path = "${{files[0]}}" ]] || {{ echo; continue; }}
    device=${{devices[0]}} files=("${{files[@]:1}}") devices=("${{devices[@]:1}}")
    case $known in *" $device "*) echo "$device"; continue ;; esac
    known="$known$device "
    folder=$(dirname -- "$(realpath -- "$path")")
    find "$folder" -maxdepth 1 -name '{_NAME}*' -mmin +60 -delete 2>/dev/null
    for left in "$folder/$mine"*; do
        whose=${{left#"$folder/$mine"}}
        [ -e "/proc/${{whose%-*}}" ] || rm -f -- "$left"
    done
    file=$folder/$mine$process-$token
    (umask 022 && echo "$token" >"$file") 2>/dev/null || {{ rm -f -- "$file"; file=; }}
    echo "$device $file"
done
"""


@contextlib.contextmanager
def written(servers: Servers, paths: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """By path the token's file on its file system, of what is a file here; none is left at the end.

    They are written from this server beside one of the paths on each file system, never into one.
    """
    rows: list[list[str]] = []
    with contextlib.suppress(SnowHaError):
        argv = ["bash", "-c", _WRITE, "bash", servers.here, str(os.getpid()), secrets.token_hex(8), *paths]
        result = servers.run_ahead(servers.here, argv, timeout_s=TIMEOUT_S)
        rows = [line.split(" ", 1) for line in result.text.splitlines()]
    tokens = {row[0]: row[1] for row in rows if len(row) == 2 and row[1]}
    try:
        yield {path: tokens.get(row[0], "") for path, row in zip(paths, rows, strict=False)}
    finally:
        if tokens:
            with contextlib.suppress(SnowHaError):
                servers.run(servers.here, ["rm", "-f", "--", *tokens.values()], timeout_s=TIMEOUT_S, looks=True)
