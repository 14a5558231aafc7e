"""Fencing: without it two servers that lose sight of each other both run every domain, and its image is destroyed.

Every sNow! server has what sbd needs: Xen's watchdog, and the shared file system for its poison pills. BMCs that
answer come first, with sbd behind them. What somebody has configured by hand stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from snow_ha_plugin.core import cib, corosync
from snow_ha_plugin.core.configure import acceptance, cluster_options, fencing
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.core.reports.findings import no_fencing
from snow_ha_plugin.errors import ConfigurationError, UnavailableError, UnsafeError
from snow_ha_plugin.guide import qdevice
from snow_ha_plugin.guide.corosync import PATH as COROSYNC_CONF
from snow_ha_plugin.guide.section import ConfigurationStep, Step
from snow_ha_plugin.model import Change, Finding, Severity
from snow_ha_plugin.operations import stopping
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import bmc, fencer, pacemaker, sbd
from snow_ha_plugin.system.sbd import Look

OURS = (fencing.SBD, fencing.IPMI)

_DISABLE = "systemctl disable sbd"


def file_of(site: Site) -> Path:
    return site.layout.root / "snow-ha" / "sbd.img"


def timing(site: Site) -> Timing:
    return Timing(site.conf.watchdog_s, len(site.servers.names), third_vote=bool(site.qdevice))


def decide(site: Site) -> Site:
    """The site with how it is to be fenced, and why, and with its third vote."""
    return decide_by(*begin(site))


def decide_by(site: Site, tree: cib.Tree | None) -> Site:
    """As `decide`, where what `begin` tells is known."""
    if tree is not None and fencing.is_by_hand(tree):
        return replace(site, fencing=fencing.BY_HAND, why="it is configured by hand, and stays so")
    wanted = site.fencing or site.conf.fencing
    present = fencing.NONE if tree is None else fencing.way(tree)
    if wanted == fencing.NONE and present != fencing.NONE:
        wanted = present  # only `disable` takes it out
    if wanted == fencing.NONE:
        return replace(site, fencing=fencing.NONE, why="nobody wants any")
    names = {name: f"{name}{site.conf.bmc_suffix}" for name in site.servers.names}
    if site.servers.silent and present == fencing.SBD and wanted != fencing.IPMI:
        # The BMC of a server that is dead may be so too, and it takes long to say nothing.
        wanted = present
    # A BMC that has answered once stays the first level, also while it is dead.
    if wanted != fencing.SBD and present == fencing.IPMI:
        return replace(site, fencing=fencing.IPMI, bmcs=names, why="the BMCs first, then poison pills on /sNow")
    if wanted == fencing.SBD or not site.conf.bmc_suffix:
        if wanted == fencing.IPMI:
            raise ConfigurationError(
                f"{site.layout.conf} has no IPMI_USER",
                "without it no BMC can be asked",
                "set it, or take --fencing sbd",
            )
        return replace(site, fencing=fencing.SBD, why="Xen's watchdog and poison pills on the shared file system")
    silent = _silent(site, names)
    if not silent:
        why = f"all BMCs answer ({', '.join(names.values())}); behind them poison pills on the shared file system"
        return replace(site, fencing=fencing.IPMI, bmcs=names, why=why)
    if wanted == fencing.IPMI:
        said = "; ".join(f"{name}: {reason}" for name, reason in silent.items())
        raise UnavailableError("not every BMC answers", said, "see the account in snow.conf, or take --fencing sbd")
    why = f"Xen's watchdog and poison pills on the shared file system ({', '.join(silent)} does not answer)"
    return replace(site, fencing=fencing.SBD, why=why)


def _silent(site: Site, bmcs: Mapping[str, str]) -> dict[str, str]:
    """The BMCs that do not answer, and why."""
    reasons = site.servers.each(lambda server: bmc.failure(bmcs[server]), list(bmcs))
    return {bmcs[server]: reason for server, reason in reasons.items() if reason}


def begin(site: Site) -> tuple[Site, cib.Tree | None]:
    """The site with its third vote, for which the others are reached, and what `configuration` gives meanwhile."""
    with ThreadPoolExecutor(1) as meanwhile:
        read = meanwhile.submit(configuration, site)
        site = qdevice.decide(site)
    return site, read.result()


def configuration(site: Site) -> cib.Tree | None:
    """The CIB that `enable` goes on with: not that of Debian's cluster of one, which it puts away."""
    text = (site.servers.read(site.servers.here, COROSYNC_CONF) or b"").decode(errors="replace")
    if not text or corosync.is_debian_default(text):
        return None
    try:
        return site.cluster.read()
    except UnavailableError:
        return pacemaker.stored_cib()


def as_it_is(site: Site, tree: cib.Tree | None) -> tuple[Site, list[Finding]]:
    """The site as its cluster is fenced now: where it is not, that is the one thing to be said of fencing."""
    decided = decide_by(site, tree)
    if tree is None or decided.fencing == fencing.NONE or fencing.way(tree) != fencing.NONE:
        return decided, []
    return replace(decided, fencing=fencing.NONE), [no_fencing(tree)]


def check(site: Site) -> list[Finding]:
    """What keeps fencing from being set up."""
    if site.fencing == fencing.BY_HAND:
        return _unfenced(site)
    if site.fencing == fencing.NONE:
        return []
    findings = []
    for look in look_at_all(site).values():
        if look.is_by_hand:
            findings.append(
                _error("sbd-by-hand", f"{sbd.CONF} on {look.server} was written by hand, and no fencing device uses it",
                       f"configure one with crm, or remove {sbd.CONF} on all servers")
            )  # fmt: skip
        for watchdog in look.watchdogs:
            if watchdog.active and "sbd" not in look.active:
                findings.append(
                    _error("watchdog-taken", f"another program of {look.server} has /dev/{watchdog.name} open",
                           "stop it: systemd's RuntimeWatchdogSec, watchdog.service, wdmd or xenwatchdogd")
                )  # fmt: skip
    return findings


def _unfenced(site: Site) -> list[Finding]:
    """Servers that nothing configured by hand could fence, where a cluster runs that can be asked."""
    try:
        fencers = {name: fencer.fencers(name) for name in site.servers.names}
    except UnavailableError:
        return []
    return [
        _error(
            "no-fencing-device", f"no fencing device that runs could fence {name}", "see stonith_admin --list " + name
        )
        for name, devices in fencers.items()
        if not devices
    ]


def check_set_up(site: Site) -> list[Finding]:
    """What is not yet as sbd needs it; without it, an sbd that Debian's package has enabled is in corosync's way."""
    looks = look_at_all(site)
    if site.fencing not in OURS:
        idle = [name for name, look in looks.items() if site.fencing == fencing.NONE and look.is_idle]
        return [_error("sbd-idle", f"sbd on {name} starts with corosync, for nothing", _DISABLE) for name in idle]
    return [
        _error("fencing-not-set-up", f"{name}: {reason}", "snow ha enable")
        for name, look in looks.items()
        for reason in _missing(site, look)
    ] + [
        _error("pill-file", message, f"mount the same file system at {site.layout.root} everywhere")
        for message in _not_one_file(site, looks)
    ]


def _missing(site: Site, look: Look) -> list[str]:
    if look.watchdog is None:
        return ["Xen's watchdog is not loaded"]
    wanted = sbd.files(look.watchdog.name, timing(site), file_of(site), site.layout.root)
    texts = dict(look.texts)
    found = [f"{path} is not ours" for name, (path, text) in wanted.items() if texts.get(name) != text]
    if not look.enabled:
        found.append("sbd does not start with corosync")
    if look.loop != _loop(site):
        found.append(f"{fencing.DEVICE} is no loop device with direct I/O on {file_of(site)}")
    elif not _has_times(site, look):
        found.append("the times in sbd's disk are others")
    if lacking := sorted(set(site.servers.names) - {name for name, _ in look.slots}):
        found.append(f"sbd's disk has no slot for {', '.join(lacking)}")
    if "corosync" in look.active and "sbd" not in look.active:
        found.append("corosync runs without sbd")
    return found


def _loop(site: Site) -> str:
    """The loop device as it must be: with direct I/O, on our file."""
    return f"1 {file_of(site)}"


def _has_times(site: Site, look: Look) -> bool:
    times = timing(site)
    found = look.found
    return (found.disk_watchdog_s, found.msgwait_s) == (times.watchdog_s, times.msgwait_s)


def _not_one_file(site: Site, looks: dict[str, Look]) -> list[str]:
    seen = {look.uuid for look in looks.values() if look.uuid}
    if len(seen) > 1 or len({look.file for look in looks.values() if look.file}) > 1:
        return [f"{file_of(site)} is not the same file on all servers"]
    return []


def set_up(site: Site) -> None:
    """Bring sbd onto every server; a cluster that runs without it is stopped first, its domains run on."""
    if site.fencing == fencing.NONE:
        site.servers.each(lambda name: site.servers.must(name, ["sh", "-c", _DISABLE]))
        return
    site.servers.each(lambda name: sbd.load_watchdog(site.servers, name))
    looks = look_at_all(site)
    wrong = {name for name, look in looks.items() if _missing(site, look)}
    restart = [name for name in wrong if "corosync" in looks[name].active and _takes_a_restart(site, looks[name])]
    if restart:
        _stop_cluster(site)
    times = timing(site)
    present = looks[site.servers.here]
    if not present.file or (restart and not all(_has_times(site, look) for look in looks.values())):
        sbd.create_disk(site.servers, file_of(site), times)
    for name in sorted(wrong):
        watchdog = looks[name].watchdog
        assert watchdog is not None, "it was just loaded"
        files = sbd.files(watchdog.name, times, file_of(site), site.layout.root)
        sbd.set_up(site.servers, name, file_of(site), files)
    # A server that has come since the file was made.
    sbd.allocate(site.servers)


def _takes_a_restart(site: Site, look: Look) -> bool:
    """Whether sbd, which starts and stops with corosync alone, must start, or start anew with other settings."""
    watchdog = look.watchdog
    assert watchdog is not None, "it was just loaded"
    same = look.conf == sbd.conf(watchdog.name, timing(site)) and _has_times(site, look)
    # sbd keeps the device open that it has started with.
    return "sbd" not in look.active or not same or look.loop != _loop(site)


def _stop_cluster(site: Site) -> None:
    members = stopping.running(site)
    if members:
        stopping.let_go(site)
        for group in stopping.in_order(site, members):
            stopping.stop(site, group)


def take_out(site: Site) -> None:
    """Everything of ours off the servers, once the cluster is stopped."""
    site.servers.each(lambda name: sbd.take_out(site.servers, name))
    sbd.remove_disk(site.servers, file_of(site))


def is_set_up(site: Site) -> bool:
    """Whether anything of ours is on any server."""
    return any(look.conf.startswith(sbd.MARK) or look.file for look in look_at_all(site).values())


def edit(site: Site, tree: cib.Tree) -> list[Change]:
    if site.fencing not in OURS:
        return []
    return fencing.put(tree, site.servers.names, timing(site), site.bmcs)


def edit_after_restart(site: Site, tree: cib.Tree) -> list[Change]:
    """`edit`, and Pacemaker takes hold of the domains that it has let go of for a restart; that there was no fencing
    needs to be accepted no more."""
    accepted = acceptance.end(tree, acceptance.NO_FENCING) if site.fencing != fencing.NONE else []
    return edit(site, tree) + cluster_options.end_maintenance(tree) + accepted


def check_times(site: Site, looks: Mapping[str, Look]) -> list[Finding]:
    """Whether the times in force prove what fencing claims."""
    complaints = fencing.contradictions(look.found for look in looks.values())
    return [_error("fencing-times", complaint, "snow ha fencing set-up") for complaint in complaints]


def refuse_unproved(site: Site) -> None:
    """Try each way without harm before fencing by it is switched on; UnsafeError where it would not protect."""
    if site.fencing not in OURS:
        return
    looks = look_at_all(site)
    complaints = fencing.contradictions(look.found for look in looks.values()) + _not_one_file(site, looks)
    complaints += [f"{look.server} reads sbd's disk through a cache" for look in looks.values() if look.loop[:1] != "1"]
    complaints += [f"{name}: {reason}" for name, reason in _silent(site, site.bmcs).items()]
    complaints += [f"{node.name} is not in the cluster" for node in pacemaker.state().nodes if not node.online]
    if not complaints:
        unread = sbd.test_slots(site.servers.names)
        complaints = [f"{name} did not read a test message on sbd's disk" for name in unread]
    if complaints:
        raise UnsafeError(
            "fencing would not protect", "; ".join(complaints), "nothing was switched on; see snow ha check"
        )


def look_at_all(site: Site) -> dict[str, Look]:
    return site.servers.each(lambda name: sbd.look(site.servers, name, file_of(site)))


def _error(finding_id: str, message: str, remedy: str) -> Finding:
    return Finding(Severity.ERROR, finding_id, message, remedy)


WAY = Step("fencing", "Fencing", check)
SET_UP = Step("fencing-set-up", "Watchdog and sbd", check_set_up, set_up)
STEP = ConfigurationStep("fencing", "Fencing", edit)
