"""What `report --every` leaves on the servers: a timer of systemd on each, for the page or for the numbers.

Each server's timer asks whether that server is Pacemaker's DC, of which the cluster has one; only that one writes. So
the file goes on being written whichever server fails, and by no two of them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from snow_ha_plugin.errors import NoInputError
from snow_ha_plugin.system.servers import Servers

DIRECTORY = "/etc/systemd/system"

# A look at a large cluster, beside all else that its server does; what hangs longer is begun anew.
WITHIN_S = 300


class Report(enum.StrEnum):
    PAGE = "page"
    METRICS = "metrics"

    @property
    def unit(self) -> str:
        return f"snow-ha-{self}"


# By node_exporter's own configuration in Debian.
METRICS_FILE = Path("/var/lib/prometheus/node-exporter/snow-ha.prom")

_BEGIN = 'systemctl daemon-reload && systemctl enable --quiet "$1.timer" && systemctl restart "$1.timer"'
_END = """
[ -e "$2/$1.timer" ] || exit 0
systemctl disable --quiet --now "$1.timer"
systemctl stop "$1.service"
rm -f "$2/$1.timer" "$2/$1.service" "${3:-$2/$1.timer}" && systemctl daemon-reload
"""


def units(report: Report, path: Path, minutes: int) -> dict[str, str]:
    """The units' files, each with what is in it."""
    command = f"/usr/bin/snow-ha tend-report {report} {minutes} {_quoted(str(path))}"
    return {
        f"{DIRECTORY}/{report.unit}.service": f"""# Written by snow-ha.
[Unit]
Description=The {report} of snow-ha
After=pacemaker.service

[Service]
Type=oneshot
Nice=10
TimeoutStartSec={WITHIN_S}
ExecStart={command}
""",
        f"{DIRECTORY}/{report.unit}.timer": f"""# Written by snow-ha.
[Unit]
Description=The {report} of snow-ha, every {minutes} min

[Timer]
OnActiveSec=0
OnUnitActiveSec={minutes}min
AccuracySec=5s

[Install]
WantedBy=timers.target
""",
    }


def begin(servers: Servers, report: Report, path: Path, minutes: int) -> None:
    """Have whichever server is the DC write the file; NoInputError where a server lacks its directory."""
    directory = str(path.parent)
    lacking = [name for name, found in servers.each(lambda name: _has(servers, name, directory)).items() if not found]
    if lacking:
        raise NoInputError(
            f"{' and '.join(lacking)} has no directory {directory}",
            "any server may have to write there",
            "make it, best on the shared file system",
        )

    def put(server: str) -> None:
        for file, text in units(report, path, minutes).items():
            servers.write(server, file, text.encode())
        servers.must(server, ["sh", "-c", _BEGIN, "sh", report.unit])

    servers.each(put)


def end(servers: Servers, reports: Iterable[Report]) -> None:
    for report in reports:
        # Prometheus would go on believing them.
        numbers = [str(METRICS_FILE)] if report == Report.METRICS else []
        argv = ["sh", "-c", _END, "sh", report.unit, DIRECTORY, *numbers]
        servers.each(partial(servers.must, argv=argv))


def kept(servers: Servers) -> list[Report]:
    """What a server keeps current; one alone counts."""
    found = []
    for report in Report:
        if any(servers.each(partial(servers.read, path=f"{DIRECTORY}/{report.unit}.timer")).values()):
            found.append(report)
    return found


def is_kept(servers: Servers, server: str, report: Report, path: Path, minutes: int) -> bool:
    wanted = units(report, path, minutes)
    return all(servers.read(server, file) == text.encode() for file, text in wanted.items())


def _has(servers: Servers, server: str, directory: str) -> bool:
    return servers.run(server, ["test", "-d", directory]).ok


def _quoted(word: str) -> str:
    """A word of ExecStart= (systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers")."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + escaped.replace("%", "%%").replace("$", "$$") + '"'
