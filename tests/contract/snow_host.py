"""Runs the host's `snow` for the tests of the hook: a site at /sNow, a terminal, and programs that record.

The host has /sNow built in, so each command gets a private mount namespace with a root directory in which the
site stands there; nothing of it is seen from outside, or left behind. That takes root, as the host does.
"""

import shutil
import subprocess
from pathlib import Path

from tests.lab import terminal
from tests.lab.site import CONFIGURATION, DOMAIN_FILES, SiteDomain, build_site
from tests.lab.terminal import Outcome

# private-root NEW_ROOT SITE COMMAND...
PRIVATE_ROOT = r"""
set -e
new_root=$1 site=$2
shift 2
mount -t tmpfs tmpfs "$new_root"
for entry in /*; do
    if [[ -L $entry ]]; then
        cp -P "$entry" "$new_root"
    elif [[ -d $entry && $entry != /sNow ]]; then
        mkdir "$new_root$entry"
        mount --rbind "$entry" "$new_root$entry"
    fi
done
mkdir "$new_root/sNow"
mount --bind "$site" "$new_root/sNow"
exec chroot "$new_root" "$@"
"""

# Records its words, and ends as `SnowHost.answers` has told it to.
RECORDER = r"""#!/bin/bash
here=${0%/*} name=${0##*/}
{ printf '%s\t' "$name" "$@"; echo; } >>"$here/../calls"
for key in "$name $1 $2" "$name"; do
    if [[ -e $here/../answers/$key ]]; then exit "$(<"$here/../answers/$key")"; fi
done
"""
# `snow-ha act --left 4 ACTION DOMAIN...` leaves to the host what `SnowHost.leaves` has told it to, silently.
SNOW_HA = (
    r"""#!/bin/bash
for fd in 0 1 2; do
    if [[ -t $fd ]]; then echo "$fd" >>"${0%/*}/../terminal"; fi
done
silent=
if [[ $1 == act ]]; then
    echo . >&4
    silent=yes
    for name in "${@:5}"; do
        if [[ -e ${0%/*}/../left/$name ]]; then echo "$name" >&4; else silent=; fi
    done
fi
if [[ -z $silent ]]; then
    echo "out: $*"
    echo "err: $*" >&2
fi
"""
    + RECORDER
)
XEN_TOOLS = RECORDER + 'exec "/sNow/snow-tools/bin/$name" "$@"\n'

DEADLINE_S = 60.0


class SnowHost:
    """A site of two servers with the domains nis01 and proxy01; new01 is in domains.conf, not deployed."""

    def __init__(self, directory: Path, snow_tools: Path, hook: bool = True) -> None:
        self.site = directory / "site"
        self.programs = directory / "programs"
        self._directory = directory
        domains = (
            SiteDomain("nis01", "nis"),
            SiteDomain("proxy01", "proxy"),
            SiteDomain("new01", "proxy", deployed=False),
        )
        servers = {"snow01": "10.77.0.1", "snow02": "10.77.0.2"}
        build_site(self.site, servers, domains, snow_tools, hook=hook)
        _shorten_waits(self.site / "snow-tools/share/common.sh")
        for part in (self.programs, directory / "root", directory / "answers", directory / "left"):
            part.mkdir()
        for name in ("xl", "crm", "pdsh", "ping", "ssh", "parallel", "ipmitool"):
            self.program(name, RECORDER)
        for name in ("xen-create-image", "xen-delete-image"):
            self.program(name, XEN_TOOLS)
        self.program("snow-ha", SNOW_HA)

    def program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def answers(self, program: str, status: int) -> None:
        """Let `program`, or its first two words with it ("snow-ha event created"), end with this status."""
        (self._directory / "answers" / program).write_text(str(status))

    def leaves(self, *domains: str) -> None:
        """Let snow-ha leave these domains to the host."""
        for domain in domains:
            (self._directory / "left" / domain).touch()

    def without_snow_ha(self) -> None:
        (self.programs / "snow-ha").unlink()
        assert shutil.which("snow-ha", path=self._environment()["PATH"]) is None

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.programs}:/usr/sbin:/usr/bin:/sbin:/bin",
            "USER": "root",
            "SUDO_USER": "alice",
            "TERM": "dumb",
            "LC_ALL": "C",
        }

    def _command(self, *words: str) -> list[str]:
        root = str(self._directory / "root")
        private_root = ["bash", "-c", PRIVATE_ROOT, "private-root", root, str(self.site)]
        return ["unshare", "--mount", *private_root, "/sNow/snow-tools/sbin/snow", *words]

    def snow_without_terminal(self, *words: str) -> None:
        """Run `snow` until it ends, whatever it has left running."""
        subprocess.run(
            ["setsid", "--wait", *self._command(*words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=self._environment(),
            check=True,
            timeout=DEADLINE_S,
        )

    def snow(self, *words: str, typed: str = "", after: str = "[y/N]") -> Outcome:
        """Run `snow` with these words until it and all that it started has let go of the terminal.

        What is to be `typed` is so when `after` has appeared.
        """
        return terminal.run(self._command(*words), typed, after, self._environment(), DEADLINE_S)

    def calls(self) -> list[list[str]]:
        """What ran, in order: the words of each call of a recording program."""
        record = self._directory / "calls"
        lines = record.read_text().splitlines() if record.exists() else []
        return [line.split("\t")[:-1] for line in lines]

    def steps(self) -> list[str]:
        """The calls as lines to compare; of xen-tools' programs only the name."""
        return [call[0] if call[0].startswith("xen-") else " ".join(call) for call in self.calls()]

    def terminal_of_snow_ha(self) -> list[str]:
        """Those of fd 0, 1 and 2 that were a terminal for snow-ha."""
        return (self._directory / "terminal").read_text().split()

    def has_domain_file(self, domain: str) -> bool:
        return (self.site / DOMAIN_FILES / f"{domain}.cfg").exists()

    def has_image(self, domain: str) -> bool:
        return (self.site / "domains" / domain / "disk.img").exists()

    def actions(self) -> list[str]:
        return (self.site / "log/snow_actions.log").read_text().splitlines()

    def log(self) -> str:
        return (self.site / "log/snow.log").read_text()

    def remove_from_domains_conf(self, domain: str) -> None:
        table = self.site / CONFIGURATION / "domains.conf"
        rows = table.read_text().splitlines(keepends=True)
        table.write_text("".join(row for row in rows if domain not in row.split()))

    def end_domains_conf_without_newline(self, domain: str) -> None:
        """As an editor leaves it that adds none, with the row of `domain` last."""
        table = self.site / CONFIGURATION / "domains.conf"
        rows = sorted(table.read_text().splitlines(), key=lambda row: domain in row.split())
        table.write_text("\n".join(rows))

    def set_snow_conf(self, line: str) -> None:
        with (self.site / CONFIGURATION / "snow.conf").open("a") as file:
            file.write(line + "\n")


def _shorten_waits(functions: Path) -> None:
    """Let the host wait one second for an answer instead of 20, and not at all between two boots."""
    text = functions.read_text()
    for long, short in (("-t 20 -u 3", "-t 1 -u 3"), ("sleep 2\n", "sleep 0\n")):
        assert long in text
        text = text.replace(long, short)
    functions.write_text(text)
