"""What the tests of whole clusters look at: domains, the CIB, the servers' files; and how they wait.

Nothing here decides what is right. Times are seconds.
"""

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from lxml import etree

from snow_ha_plugin.core.configure.cluster_options import FLOATING_IP_ID
from snow_ha_plugin.core.configure.fencing import SBD_ID
from tests.lab import ledger
from tests.lab.cluster import Lab
from tests.lab.host import LabError, wait_until
from tests.lab.site import FLOATING_IP, GUIDE_DOMAINS, HOOKS
from tests.lab.world import World

KILL_AT = Path(__file__).with_name("kill_at.py").read_text()
DOMAINS = sorted(domain.name for domain in GUIDE_DOMAINS)
DOMAIN_FILES = "/sNow/snow-tools/etc/domains"
# Of the guide's domains three run before anybody thinks of a cluster, on both servers.
EARLY = {"proxy01": "snow01", "nis01": "snow01", "nis02": "snow02"}
# Pacemaker waits 20 s for older members (dc-deadtime), corosync's and Pacemaker's stop take up to 15 s.
ENABLE_WITHIN_S = 300
SETTLED_WITHIN_S = 60

# Of Pacemaker's state, what an empty cluster would wait for: a test that is about something else need not.
# The feature set must not be above the daemons' own, 3.0.14 is below that of every release we run on.
HASTY_CIB = """<cib crm_feature_set="3.0.14" validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0">
<configuration><crm_config><cluster_property_set id="cib-bootstrap-options">
<nvpair id="cib-bootstrap-options-dc-deadtime" name="dc-deadtime" value="2s"/>
</cluster_property_set></crm_config><nodes/><resources/><constraints/></configuration><status/></cib>
"""


def world(lab: Lab) -> World:
    return World(lab.world_dir)


# bringing a lab to where a test begins


def boot_early_domains(lab: Lab) -> None:
    for name, server in EARLY.items():
        lab.run(server, ["xl", "create", f"{DOMAIN_FILES}/{name}.cfg"])


def hasten(disk: Path, corosync_conf: str | None = None) -> None:
    """For `Lab.up(disk=...)`: a server without Debian's own cluster, and with a short dc-deadtime for the next one.

    Without `corosync_conf` no cluster starts; with it, it starts at boot as Debian has it.
    """
    conf = disk / "etc/corosync/corosync.conf"
    conf.unlink()
    if corosync_conf is not None:
        conf.write_text(corosync_conf)
    cib_dir = disk / "var/lib/pacemaker/cib"
    (cib_dir / "cib.xml").write_text(HASTY_CIB)
    owner = cib_dir.stat()
    os.chown(cib_dir / "cib.xml", owner.st_uid, owner.st_gid)
    (cib_dir / "cib.xml").chmod(0o600)


def wait_until_booted(lab: Lab, server: str) -> None:
    """Wait until systemd has nothing left to start."""

    def booted() -> bool:
        state = lab.run(server, ["systemctl", "is-system-running"], check=False).stdout.strip()
        return state in ("running", "degraded")

    wait_until(booted, SETTLED_WITHIN_S, f"{server} is not done with booting")


def snow_ha(lab: Lab, *words: str, server: str = "snow01") -> str:
    """The output of `snow-ha` (stdout), which must succeed."""
    return lab.run(server, ["snow-ha", *words], timeout=ENABLE_WITHIN_S).stdout


def attempt(lab: Lab, argv: list[str], server: str = "snow01") -> "subprocess.CompletedProcess[str]":
    return lab.run(server, argv, timeout=ENABLE_WITHIN_S, check=False)


def killed(lab: Lab, point: str, *words: str) -> bool:
    """Run `snow-ha WORDS` until it kills itself at a point of kill_at.py; whether it did."""
    done = attempt(lab, ["python3", "-c", KILL_AT, point, *words])
    return done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)


def enable(lab: Lab) -> str:
    return snow_ha(lab, "enable", "--without-fencing")


def is_whole(lab: Lab) -> bool:
    """Whether every server is in the cluster and every domain runs: a test that needs no more than that can begin."""
    return all(map(lab.is_on, lab.names)) and online(lab, "snow01") == lab.names and sorted(domids(lab)) == DOMAINS


# domains and the floating IP


def domids(lab: Lab) -> dict[str, tuple[str, int]]:
    """Server and domid of each domain that executes; a domain that does so twice is an error here already."""
    found: dict[str, tuple[str, int]] = {}
    for guest in world(lab).guests():
        if guest.state == "running":
            assert guest.name not in found, f"{guest.name} runs twice"
            found[guest.name] = (guest.server, guest.domid)
    return found


def wait_for_all_domains(lab: Lab, timeout_s: float = SETTLED_WITHIN_S) -> None:
    def those_that_run() -> str:
        return f"not all domains run: {domids(lab)}, of {lab.power_events()[-6:]}"

    wait_until(lambda: sorted(domids(lab)) == DOMAINS, timeout_s, those_that_run)


def split_evenly(lab: Lab) -> None:
    """As many domains on each of two servers, and on one the floating IP, on the other sbd's device: neither server is
    worth more than the other, but for the priorities that `enable` has given."""
    wanted = dict(zip([*DOMAINS, FLOATING_IP_ID, SBD_ID], cycle(lab.names), strict=False))

    def places() -> dict[str, str]:
        found = crm_mon(lab, "snow01").iterfind("resources/resource[@active='true']")
        return {each.get("id"): " ".join(each.xpath("node/@name")) for each in found if each.get("id") in wanted}

    before = places()
    moving = [name for name, server in wanted.items() if before.get(name) != server]
    for name in moving:
        lab.run("snow01", ["crm_resource", "--move", "--resource", name, "--node", wanted[name]])
    wait_until(lambda: places() == wanted, SETTLED_WITHIN_S, lambda: f"not evenly split: {places()}")
    for name in moving:
        lab.run("snow01", ["crm_resource", "--clear", "--resource", name])


def doubles(lab: Lab) -> list[str]:
    return [str(double) for double in world(lab).doubles()]


def interrupted(lab: Lab, domains: list[str], start: float, end: float) -> list[str]:
    """The domains of these that were down, or booted afresh, between two moments of time.monotonic()."""
    runs = world(lab).intervals()
    return [name for name in domains if ledger.interrupted(runs, name, start, end)]


def address_holders(lab: Lab, servers: list[str] | None = None) -> list[str]:
    """Those of the servers (of all, which must be on) that have the floating IP on the domains' bridge."""
    show = ["ip", "-4", "-o", "address", "show", "dev", "xsnow0"]
    shown = {name: lab.run(name, show).stdout for name in servers or lab.names}
    return [name for name, text in shown.items() if f" {FLOATING_IP}/24 " in text]


def address_answers(lab: Lab, server: str) -> bool:
    return lab.run(server, ["ping", "-c1", "-w3", FLOATING_IP], check=False).returncode == 0


# the cluster


def status(lab: Lab, server: str = "snow01") -> dict[str, Any]:
    found = json.loads(snow_ha(lab, "status", "--json", server=server))
    assert isinstance(found, dict)
    return found


def finding_ids(lab: Lab) -> list[str]:
    return [finding["id"] for finding in status(lab)["findings"]]


def cib(lab: Lab, server: str = "snow01") -> Any:
    return etree.fromstring(lab.run(server, ["cibadmin", "--query"]).stdout.encode())


def epoch(lab: Lab, server: str = "snow01") -> tuple[int, int]:
    tree = cib(lab, server)
    return int(tree.get("admin_epoch")), int(tree.get("epoch"))


def elements(tree: Any) -> set[str]:
    """Every element of a CIB's configuration that has an id as one line: its path of ids, its tag, its attributes.

    What Pacemaker writes about itself is left out: it depends on when somebody looks.
    """
    found = set()
    for element in tree.find("configuration").iter(etree.Element):
        if element.get("id", "cib-bootstrap-options").startswith("cib-bootstrap-options"):
            continue
        path = "/".join(above.get("id", above.tag) for above in reversed(list(element.iterancestors())))
        found.add(f"{path} <{element.tag} {' '.join(f'{k}={v}' for k, v in sorted(element.items()))}>")
    return found


def is_active(lab: Lab, server: str, service: str) -> bool:
    return lab.run(server, ["systemctl", "is-active", service], check=False).stdout.strip() == "active"


def stored_cib(lab: Lab, server: str) -> Any:
    """The CIB that a stopped Pacemaker has left on its disk."""
    return etree.parse(lab.disk(server) / "var/lib/pacemaker/cib/cib.xml").getroot()


def crm_mon(lab: Lab, server: str) -> Any:
    return etree.fromstring(lab.run(server, ["crm_mon", "--one-shot", "--output-as=xml"]).stdout.encode())


def online(lab: Lab, server: str) -> list[str]:
    """The members that this server's Pacemaker calls online; none as long as nobody decides (no DC)."""
    try:
        shown = crm_mon(lab, server)
    except LabError:
        return []
    dc = shown.find("summary/current_dc")
    if dc is None or dc.get("present") != "true":
        return []
    return sorted(node.get("name") for node in shown.iterfind("nodes/node") if node.get("online") == "true")


# what a command must not touch


@dataclass(frozen=True)
class Snapshot:
    """Everything that `snow-ha` could change.

    `files`: mode, owner and digest by `SERVER:/path`, or by `shared:/path` in snow-tools' directory of hooks.
    """

    files: dict[str, str] = field(repr=False)
    units: dict[str, str]
    domains: dict[str, tuple[str, int]]
    configuration: set[str]

    def difference(self, other: "Snapshot") -> list[str]:
        paths = [path for path in sorted(self.files | other.files) if self.files.get(path) != other.files.get(path)]
        others = [
            f"{name}: {mine} -> {theirs}"
            for name, mine, theirs in (
                ("units", self.units, other.units),
                ("domains", self.domains, other.domains),
                ("configuration", sorted(self.configuration - other.configuration),
                 sorted(other.configuration - self.configuration)),
            )
            if mine != theirs
        ]  # fmt: skip
        return paths + others


def snapshot(lab: Lab) -> Snapshot:
    files: dict[str, str] = {}
    for server in lab.names:
        for directory in ("etc", "var/lib/snow-ha"):
            files.update(_files(lab.disk(server), directory, server))
    files.update(_files(lab.shared, str(HOOKS), "shared"))
    configuration = set()
    for server in lab.names:
        try:
            configuration |= {f"{server}: {line}" for line in elements(cib(lab, server))}
        except LabError:
            configuration.add(f"{server}: no Pacemaker")
    units = ["corosync", "pacemaker"]
    return Snapshot(
        files,
        {
            f"{server}:{verb}": lab.run(server, ["systemctl", verb, *units], check=False).stdout
            for server in lab.names
            for verb in ("is-enabled", "is-active")
        },
        domids(lab),
        configuration,
    )


def _files(root: Path, directory: str, place: str) -> Iterator[tuple[str, str]]:
    for path in sorted((root / directory).rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            content = ""
        yield f"{place}:/{path.relative_to(root)}", f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {content}"
