"""Codes of what the guide asks of servers, before and after `enable`."""

from __future__ import annotations

from snow_ha_plugin.core.codes.entry import Entry
from snow_ha_plugin.model import Severity

_MENDED = "snow ha enable mends it."

ENTRIES = (
    Entry(
        "unreachable", Severity.ERROR, "A server does not answer ssh",
        "It is off, its network is cut, or root may not get there without a question. Nothing of it was looked at.",
        "Power it on, then snow ha start SERVER; if it is up, make ssh SERVER true work as root.",
        ("snow ha start",),
    ),
    Entry(
        "not-looked-at", Severity.ERROR, "Something could not be looked at",
        "A program that was asked gave no answer that can be used: what depends on it is not known.",
        "Do what the finding says, then snow ha check again.",
    ),
    Entry(
        "not-configured", Severity.ERROR, "Something is not in the cluster's configuration yet",
        "enable would write it: a domain that is not registered, an option, the floating IP, fencing.",
        "snow ha enable --dry-run shows all of it, snow ha enable does it.",
        ("snow ha enable",),
    ),
    Entry(
        "unknown-setting", Severity.WARNING, "snow.conf sets a name that nobody reads",
        "It is mistyped, or of another version: what it was to change is as by default.",
        "Correct the name, or take the line out; snow-ha-settings(5) has all.",
    ),
    Entry(
        "package-missing", Severity.ERROR, "A server lacks a package",
        "Something that the cluster runs is not installed there.",
        "apt install what the finding names, on that server.",
    ),
    Entry(
        "version-differs", Severity.ERROR, "Servers have different versions of snow-ha",
        "They could write what the others do not understand.",
        "Install the same version on all servers.",
    ),
    Entry(
        "ssh-closed", Severity.ERROR, "Root of one server cannot reach another by ssh",
        "xl migrate goes there by ssh, by the server's name and without a question: live migrations fail.",
        "On the server that cannot: ssh SERVER true, as root, says what is in the way; ssh-copy-id root@SERVER.",
    ),
    Entry(
        "names-differ", Severity.WARNING, "A server's name means different addresses",
        "Or one of 127.0.0.0/8, as Debian's installer writes it: what is meant for a server goes elsewhere.",
        "The same line of each server in /etc/hosts everywhere, and no 127.0.1.1.",
        ("hosts(5)",),
    ),
    Entry(
        "clocks-differ", Severity.WARNING, "The clocks of servers differ",
        "What happened when cannot be told from their logs and history, and a time in the CIB is another one on each.",
        "Have all keep time: apt install chrony.",
    ),
    Entry(
        "releases-differ", Severity.WARNING, "Servers have different releases of software",
        "A domain may not come back from a later Xen, and a cluster of two Pacemakers does what the older one can.",
        "Upgrade the others, one after the other.",
    ),
    Entry(
        "home-differs", Severity.WARNING, "/home is not mounted on all servers",
        "What sNow! and its users keep there is missing on a server.",
        "Mount it there, also after a boot (/etc/fstab).",
    ),
    Entry(
        "metrics", Severity.ERROR, "A server does not tell Prometheus of the cluster",
        "It was asked for, and Debian's exporter does not run there, or snow-ha's own numbers are not written.",
        "snow ha enable --metrics sets both up; journalctl -u ha_cluster_exporter says why the exporter ends.",
        ("snow ha enable --metrics",),
    ),
    Entry(
        "not-shared", Severity.ERROR, "The file system of sNow! is not shared",
        "It is not mounted on a server, or another one is: a domain could not find its image there.",
        "Mount the same file system on all servers, also after a boot (/etc/fstab).",
    ),
    Entry(
        "storage-lost", Severity.ERROR, "The shared file system is out of reach on a server",
        "Domain files and images are on it: no domain can start on that server, and those that run there wait for their"
        " disks. Nobody is fenced for it while the servers see each other, and domains go on when it answers again.",
        "See the server of that file system and the network to it; where it is not mounted, mount it.",
    ),
    Entry(
        "floating-ip", Severity.ERROR, "The floating IP does not fit the networks",
        "The gateway of domains and compute nodes must be one free address, which follows the cluster.",
        "Make one free address the gateway of NET_SNOW and of NET_COMP in snow.conf.",
        ("snow ha enable --floating-ip",),
    ),
    Entry(
        "dom0-memory", Severity.WARNING, "Domain-0 has no size of its own",
        "It gives memory to domains as they come, so nobody knows how much is free for a failover.",
        "dom0_mem= in /etc/default/grub as the finding shows, update-grub, and a reboot of one server after the other.",
        ("snow ha drain",),
    ),
    Entry(
        "cluster-autostart", Severity.ERROR, "A server joins the cluster by itself at boot",
        "A broken one that was fenced would come back, and be fenced again.",
        _MENDED, is_safe=True,
    ),
    Entry(
        "xendomains", Severity.ERROR, "Xen starts or saves domains by itself",
        "/etc/default/xendomains lets it do so beside Pacemaker, at boot on every server: a domain could run twice.",
        _MENDED, is_safe=True,
    ),
    Entry(
        "events-unseen", Severity.ERROR, "A server does not take up Pacemaker's events",
        "They are neither recorded for snow ha history nor told by mail, and a migration that has failed is tried again"
        " only when the failure-timeout is over.",
        _MENDED,
        ("systemctl status snow-ha-events.path",), is_safe=True,
    ),
    Entry(
        "no-mailer", Severity.WARNING, "A server cannot send mail",
        "snow.conf has SNOW_HA_ALERT_MAIL, but the server has neither sendmail nor mail: what it has to tell is lost.",
        "Install a mail server that passes mail on, such as postfix.",
    ),
    Entry(
        "shutdown-order", Severity.ERROR, "A server may stop Xen or its network before Pacemaker",
        "At a reboot its domains would be shut down instead of migrated.",
        _MENDED, is_safe=True,
    ),
    Entry(
        "hook", Severity.ERROR, "`snow` does not know of high availability",
        "Its hook on the shared file system is missing or old: snow deploy, boot and shutdown act beside Pacemaker.",
        _MENDED + " Where this server's own copy is gone: apt install --reinstall snow-ha.", is_safe=True,
    ),
    Entry(
        "pacemaker-permissions", Severity.ERROR, "Pacemaker's files have the wrong owner",
        "Its daemons run as hacluster, and cannot write them.",
        _MENDED, is_safe=True,
    ),
    Entry(
        "authkey-missing", Severity.ERROR, "A server has no key of corosync",
        "Without the cluster's key it cannot join.",
        _MENDED,
    ),
    Entry(
        "authkey-size", Severity.ERROR, "A key of corosync has a size that no key has",
        "It was damaged, or is something else.",
        _MENDED,
    ),
    Entry(
        "authkey-mode", Severity.ERROR, "A key of corosync can be read by others",
        "Whoever has it can join the cluster.",
        _MENDED, is_safe=True,
    ),
    Entry(
        "authkey-differs", Severity.ERROR, "Servers have different keys of corosync",
        "They do not understand each other.",
        _MENDED,
    ),
    Entry(
        "corosync-conf", Severity.ERROR, "A server's corosync.conf is not this cluster's",
        "It is missing, Debian's own, older than SNOW_NODES, or corosync has not read it.",
        _MENDED,
    ),
    Entry(
        "corosync-members", Severity.ERROR, "SNOW_NODES and the cluster that runs differ",
        "A server that is left out while it runs would go on with its domains, which the others then start as well.",
        "Drain it and stop its cluster first, or start the others, as the finding says.",
        ("snow ha drain",),
    ),
    Entry(
        "corosync-foreign", Severity.ERROR, "A corosync.conf that was written by hand does not fit",
        "It is not the same on all servers, or not for those of SNOW_NODES.",
        "Make it fit, or remove it on all servers to get a new one from snow ha enable.",
    ),
    Entry(
        "corosync-by-hand", Severity.INFO, "corosync.conf was written by hand",
        "snow-ha leaves it as it is.",
        "Nothing needs to be done.",
    ),
    Entry(
        "corosync-open", Severity.WARNING, "Anybody on the network can join the cluster",
        "A corosync.conf that was written by hand neither signs nor encrypts messages.",
        "With the cluster stopped remove it on all servers, then snow ha enable.",
    ),
)  # fmt: skip
