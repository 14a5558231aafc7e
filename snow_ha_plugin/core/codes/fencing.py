"""Codes of fencing, sbd and the third vote."""

from __future__ import annotations

from snow_ha_plugin.core.codes.entry import Entry
from snow_ha_plugin.model import Severity

_SEE = ("snow ha fencing status", "/usr/share/doc/snow-ha/guarantees.md.gz")

ENTRIES = (
    Entry(
        "no-fencing", Severity.ERROR, "Nothing switches a lost server off",
        "When the network is cut, each side takes the other for dead and runs its domains too: two copies write to one"
        " image, and destroy it. Without fencing nothing keeps them from it.",
        "snow ha enable sets it up: the BMCs where they answer, else Xen's watchdog and the shared file system. For a"
        " test site: snow ha accept no-fencing.",
        _SEE,
    ),
    Entry(
        "no-fencing-device", Severity.ERROR, "No fencing device can fence a server",
        "Fencing is configured by hand, and no device of it that runs is for this server. If it is lost, its domains"
        " start nowhere else.",
        "stonith_admin --list SERVER; add a device for it, or start the one that has failed.",
        _SEE,
    ),
    Entry(
        "fencing-not-set-up", Severity.ERROR, "A server lacks what fencing takes",
        "Xen's watchdog is not loaded, sbd's files are not as they must be, or sbd does not run.",
        "snow ha enable mends it; where sbd must start the cluster restarts, and domains run on.",
        _SEE,
    ),
    Entry(
        "fencing-times", Severity.ERROR, "The times of fencing contradict each other",
        "Fencing is safe only while the watchdog fires before the others take over. By the times in force it does not.",
        "snow ha fencing set-up brings all of them up to snow.conf.",
        _SEE, may_run_twice=True,
    ),
    Entry(
        "pill-file", Severity.ERROR, "Servers do not share the file of poison pills",
        "A server that reads another file never sees its poison pill.",
        "Mount the same file system on all servers, then snow ha enable.",
        _SEE, may_run_twice=True,
    ),
    Entry(
        "sbd-by-hand", Severity.ERROR, "sbd was configured by hand, and nothing uses it",
        "There is a configuration of sbd that snow-ha has not written, and no fencing device by it. snow-ha changes"
        " nothing of it.",
        "Configure a device of it with crm, or remove /etc/default/sbd on all servers.",
        _SEE,
    ),
    Entry(
        "sbd-idle", Severity.ERROR, "sbd starts with corosync, for nothing",
        "Debian's package has enabled it. Without a configuration it fails, and corosync with it.",
        "systemctl disable sbd there; snow ha enable does it.",
        _SEE,
    ),
    Entry(
        "watchdog-taken", Severity.ERROR, "Another program has the watchdog",
        "Only one program can have it open, and sbd needs it.",
        "Stop that program: systemd's RuntimeWatchdogSec, watchdog.service, wdmd or xenwatchdogd.",
        _SEE,
    ),
    Entry(
        "third-vote", Severity.ERROR, "The host of the third vote does not fit",
        "It must be outside this cluster, and of use: an odd number of servers needs none, and what is lost with a"
        " server cannot decide about it.",
        "Take a host outside this cluster, such as the NFS server: snow ha enable --qdevice HOST.",
        _SEE,
    ),
    Entry(
        "third-vote-host", Severity.ERROR, "The host of the third vote cannot give it",
        "corosync-qnetd is not installed or does not run there, or servers do not reach it. A warning where it has been"
        " set up: the cluster goes on, until it loses a server.",
        "Do on that host what the finding says.",
        _SEE,
    ),
    Entry(
        "third-vote-missing", Severity.WARNING, "A server has no third vote now",
        "If a server failed now, the others would lose quorum and stop their domains.",
        "Look at corosync-qnetd on its host: systemctl status corosync-qnetd.",
        _SEE,
    ),
    Entry(
        "third-vote-not-set-up", Severity.ERROR, "A server has half of what a third vote takes",
        "A certificate or a service is not as it must be.",
        "snow ha enable.",
        _SEE,
    ),
    Entry(
        "third-vote-times", Severity.ERROR, "The times of the third vote do not fit those of fencing",
        "The vote could come after the watchdog has fired.",
        "snow ha enable.",
        _SEE,
    ),
)  # fmt: skip
