"""A third vote, from corosync-qnetd on a host that is neither a server nor a domain of this site: a choice.

corosync.conf remembers it. Without the host the cluster goes on, one server short of a failure: that only warns.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import replace

from snow_ha_plugin.core import qdevice
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.core.corosync import Device
from snow_ha_plugin.core.reports import findings
from snow_ha_plugin.errors import SnowHaError, UnavailableError, UsageError
from snow_ha_plugin.guide import corosync
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import qdevice as daemons
from snow_ha_plugin.system import snowtools, waiting
from snow_ha_plugin.system.qdevice import Host, Look

# qdevice connects, and corosync polls it, in a few seconds.
VOTES_WITHIN_S = 20


def decide(site: Site) -> Site:
    """The site with the host of its third vote: as asked for, else as snow.conf has it, else as it was set up."""
    wanted = site.qdevice or site.conf.qdevice
    if wanted and not qdevice.HOST.fullmatch(wanted):
        raise UsageError(f"{wanted!r} is no name of a host", remedy=f"give a name, an address or {qdevice.NONE}")
    if wanted == qdevice.NONE:
        return replace(site, qdevice="")
    return replace(site, qdevice=wanted or _remembered(site))


def _remembered(site: Site) -> str:
    """Of servers that answer; nothing where a server has come that makes their number odd."""
    if not qdevice.is_for(len(site.servers.names)):
        return ""
    texts = site.servers.outcomes(lambda name: site.servers.read(name, corosync.PATH))
    known = [text.decode(errors="replace") for text in texts.values() if isinstance(text, bytes)]
    return next((device.host for device in map(corosync.device_of_ours, known) if device), "")


def check_host(site: Site) -> list[Finding]:
    """What keeps the host from giving a vote; only a warning where it has been set up."""
    if not site.qdevice:
        return []
    if refusals := _check_choice(site):
        return refusals
    looks = look_at_all(site, host=site.qdevice)
    devices = corosync.devices(site)
    is_set_up = all(look.is_set_up for look in looks.values()) and all(
        configured and configured.host == site.qdevice for configured, _ in devices.values()
    )
    try:
        host = daemons.look_at_host(site.servers, site.qdevice)
    except SnowHaError as error:
        complaints = [(error.reason, error.remedy)]
    else:
        known = any(configured and configured.host == site.qdevice for configured, _ in devices.values())
        complaints = _complaints(site, host, looks, known=known)
    severity = Severity.WARNING if is_set_up else Severity.ERROR
    return [
        Finding(severity, "third-vote-host", message, remedy, UnavailableError.exit_code)
        for message, remedy in complaints
    ]


def _complaints(site: Site, host: Host, looks: Mapping[str, Look], *, known: bool) -> list[tuple[str, str]]:
    """What is wrong with the host, and what to do about it; `known` if a configuration of ours names it."""
    name = site.qdevice
    if not host.is_installed:
        return [(f"{name} has no corosync-qnetd", f"on {name}: apt install corosync-qnetd")]
    if not host.ca:
        return [(f"corosync-qnetd on {name} has no certificates", f"on {name}: corosync-qnetd-certutil -i")]
    if not host.is_active:
        return [(f"corosync-qnetd does not run on {name}", f"on {name}: systemctl enable --now corosync-qnetd")]
    if host.clients and not known:
        message = f"corosync-qnetd on {name} serves another cluster of the same name"
        return [(message, "take another host; qnetd tells clusters apart by their names")]
    return [
        (f"{look.server} does not reach port {daemons.PORT} of {name}", f"let it through the firewall of {name}")
        for look in looks.values()
        if not look.reaches
    ]


def _check_choice(site: Site) -> list[Finding]:
    """Whether the host may be asked at all."""
    name, servers = site.qdevice, site.servers.names
    if not qdevice.is_for(len(servers)):
        return [
            _refusal(f"{len(servers)} servers need no third vote: one side of a cut always has most of them",
                     f"--qdevice {qdevice.NONE}, and no SNOW_HA_QDEVICE in {site.layout.conf}")
        ]  # fmt: skip
    remedy = "take a host outside this cluster, such as the NFS server"
    identities = {name, name.split(".")[0], *_addresses(name)}
    addresses = {address for member in site.members for address in member.addresses}
    if identities & {*servers, *addresses} or any(_is_loopback(each) for each in identities):
        return [_refusal(f"{name} is a server of this cluster, and cannot decide about itself", remedy)]
    if rows := snowtools.rows_of(site.layout.domains_conf, identities):
        return [
            _refusal(f"{name} is a domain of this cluster ({rows[0]} in {site.layout.domains_conf}): "
                     "it is lost with a server, just when its vote is needed", remedy)
        ]  # fmt: skip
    if corosync.check_foreign(site):
        remedy = f"put the device in by hand too, or remove {corosync.PATH}"
        return [_refusal(f"{corosync.PATH} was written by hand", remedy)]
    return []


def _refusal(message: str, remedy: str) -> Finding:
    return Finding(Severity.ERROR, "third-vote", message, remedy)


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _addresses(name: str) -> set[str]:
    """What a name resolves to on this server; nothing where it does not."""
    try:
        return {str(ipaddress.ip_address(info[4][0])) for info in socket.getaddrinfo(name, None)}
    except (OSError, ValueError):
        return set()


def check_set_up(site: Site) -> list[Finding]:
    """What the servers lack of a third vote, or still have of one."""
    looks = look_at_all(site)
    if not site.qdevice:
        left = [name for name, look in looks.items() if not look.is_untouched]
        return [_lacking(f"{name} still has what a third vote takes") for name in left]
    ca = _authority(site)
    running = {name for name, (_, device) in corosync.devices(site).items() if device}
    lacking = []
    for name, look in looks.items():
        if not _is_certified(look, ca):
            lacking.append(_lacking(f"{name} has no certificate of {site.qdevice}"))
        if dict(look.units) != daemons.UNITS:
            lacking.append(_lacking(f"corosync on {name} does not start corosync-qdevice"))
        if name in running and "corosync-qdevice" not in look.active:
            lacking.append(_lacking(f"corosync-qdevice does not run on {name}"))
    return lacking


def _lacking(message: str) -> Finding:
    return Finding(Severity.ERROR, "third-vote-not-set-up", message, "snow ha enable")


def _is_certified(look: Look, ca: str) -> bool:
    return look.is_valid and ca in ("", look.ca)


def _authority(site: Site) -> str:
    """The certificate of the host's authority, empty while the host is away."""
    try:
        return daemons.look_at_host(site.servers, site.qdevice).ca
    except SnowHaError:
        return ""


def apply(site: Site) -> None:
    if not site.qdevice:
        take_out(site)
        return
    looks, ca = look_at_all(site), _authority(site)
    wrong = [name for name, look in looks.items() if not _is_certified(look, ca)]
    if wrong and not ca:
        raise UnavailableError(f"{site.qdevice} cannot be asked for certificates", remedy="see snow ha check")
    if wrong:
        daemons.certify(site.servers, site.qdevice, ca, wrong)
    site.servers.each(lambda name: daemons.set_up(site.servers, name))
    running = [name for name, (_, device) in corosync.devices(site).items() if device]
    site.servers.each(lambda name: daemons.start(site.servers, name, anew=name in wrong), running)


def take_out(site: Site) -> None:
    site.servers.each(lambda name: daemons.take_out(site.servers, name))


def is_set_up(site: Site) -> bool:
    """Whether anything of a third vote is on any server."""
    return any(not look.is_untouched for look in look_at_all(site).values()) or any(
        configured for configured, _ in corosync.devices(site).values()
    )


def disable(site: Site) -> None:
    """Everything of it off the servers, once the cluster is stopped."""
    corosync.forget_device(site)
    take_out(site)


def look_at_all(site: Site, *, host: str = "") -> dict[str, Look]:
    """What each server has; with `host` also whether it reaches that, which takes 5 s where it does not."""
    return site.servers.each(lambda name: daemons.look(site.servers, name, host))


def check_vote(site: Site) -> list[Finding]:
    """Which running servers are without the vote: the cluster goes on, until it loses a server."""
    if not site.qdevice:
        return []
    running = {name: device for name, (_, device) in corosync.devices(site).items() if device}
    looks = look_at_all(site)
    return [*_silent(site, looks, running), *_check_times(site, running)]


def _silent(site: Site, looks: Mapping[str, Look], running: Mapping[str, Device]) -> list[Finding]:
    silent = [looks[name] for name in running if not looks[name].votes_with_it]
    return [
        findings.no_third_vote(look.server, f"{site.qdevice}: {look.state.lower() or 'corosync-qdevice does not run'}")
        for look in silent
    ]


def _check_times(site: Site, running: Mapping[str, Device]) -> list[Finding]:
    times = Timing(site.conf.watchdog_s, len(site.servers.names), third_vote=True)
    return [
        Finding(Severity.ERROR, "third-vote-times", f"{name}: {complaint}", "snow ha enable")
        for name, device in running.items()
        for complaint in qdevice.contradictions(device, times)
    ]


def wait_for_votes(site: Site) -> None:
    """Until every running server has the vote; a host that is away is waited for in vain, which is no error."""

    def have_votes() -> bool:
        site.servers.look_anew()
        return not check_vote(site)

    waiting.until(have_votes, VOTES_WITHIN_S)


HOST = Step("qdevice-host", "Host of the third vote", check_host)
SET_UP = Step("qdevice", "Third vote", check_set_up, apply)
# It only warns.
VOTE = Step("qdevice-vote", "Third vote in force", check_vote, wait_for_votes)
