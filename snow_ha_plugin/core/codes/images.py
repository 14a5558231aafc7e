"""Codes of domain files, images, kernels and how they migrate."""

from __future__ import annotations

from snow_ha_plugin.core.codes.entry import Entry
from snow_ha_plugin.model import Severity

_SEE = ("snow ha images status",)

ENTRIES = (
    Entry(
        "domain-file", Severity.ERROR, "A domain file cannot be used",
        "It cannot be read, is not what xl takes, or names another domain.",
        "Mend the file at the line that the finding names; xl create --dryrun FILE tests it.",
        ("xl.cfg(5)",),
    ),
    Entry(
        "image-missing", Severity.ERROR, "An image is on no server",
        "The domain file names a file or device that nobody has. The domain cannot start.",
        "Put it back, or mend the disk line of the domain file.",
        _SEE,
    ),
    Entry(
        "image-not-shared", Severity.ERROR, "An image is not on all servers",
        "Only the servers that have it can run the domain; a different one of the same name would run another system."
        " Of files, also those of one number: what is written beside one is to be read beside the other.",
        "snow ha images migrate DOMAIN copies it to where all servers have it.",
        ("snow ha images status", "snow ha images migrate"),
    ),
    Entry(
        "image-unreadable", Severity.ERROR, "A server cannot read an image",
        "It is there, but its mode or the options of its mount (root_squash) forbid it.",
        "See its mode, and the export on the file server.",
        _SEE,
    ),
    Entry(
        "image-unknown", Severity.WARNING, "Whether servers share an image cannot be told",
        "It is a device without a serial number, or something that a script makes.",
        "Compare its content on both servers while the domain is down. Do not migrate the domain before that is known:"
        " on another device it would go on with another disk.",
        _SEE,
    ),
    Entry(
        "image-written-twice", Severity.ERROR, "Two servers have a volume open for writing",
        "No domain migrates, and yet a logical volume that servers share is open on two of them. LVM keeps nobody from"
        " that, and two writers destroy what is on it.",
        "Close it where the domain does not run: lsblk tells what has it mounted or mapped, xl list which domains run,"
        " dmsetup info how often it is open.",
        ("lsblk", "dmsetup info", "xl list"),
    ),
    Entry(
        "image-not-served", Severity.ERROR, "A domain starts without its disk",
        "Its disk line has QEMU write past the page cache (direct-io-safe, with backendtype=qdisk or a format of"
        " QEMU's). QEMU needs aio=native for that, and Debian's for Xen is built without it: the guest waits for its"
        " disk for ever.",
        "For a raw file script=block-snow, before all else in that line, without backendtype and direct-io-safe; it"
        " writes past the page cache too. Make a raw file of any other with qemu-img convert -O raw. A device needs"
        " neither of the two words.",
        ("xl-disk-configuration(5)",),
    ),
    Entry(
        "image-buffered", Severity.WARNING, "A live migration can damage an image on NFS",
        "Without script=block-snow in its disk line, what the guest has written can still be in the memory of the"
        " server that it leaves when it goes on elsewhere.",
        "Put script=block-snow, before all else in those lines, without backendtype and direct-io-safe, and restart the"
        " domains; what is not raw is made so first, with qemu-img convert -O raw. snow ha hold keeps them from moving"
        " until then.",
        ("xl-disk-configuration(5)",),
    ),
    Entry(
        "drbd-one-primary", Severity.WARNING, "A DRBD resource may be primary on one server only",
        "During a live migration both servers have it open. Without that the domain is restarted instead.",
        "allow-two-primaries yes; in the net section of the resource.",
        ("drbd.conf(5)",),
    ),
    Entry(
        "boot-file-missing", Severity.ERROR, "A server lacks a domain's kernel or ramdisk",
        "The domain cannot start there.",
        "Copy it there, or to /sNow for all, and mend the domain file.",
    ),
    Entry(
        "left-down", Severity.WARNING, "A domain was shut down for its images and not booted",
        "snow ha images migrate --restart is at work with it, or was interrupted.",
        "If it is not at work any more, run snow ha images migrate DOMAIN: it goes on, and boots the domain.",
        ("snow ha images migrate",),
    ),
    Entry(
        "no-bridge", Severity.ERROR, "A server lacks a bridge that domain files name",
        "A domain on it cannot start there.",
        "Make it in /etc/network/interfaces there, or name another one in the domain files.",
    ),
    Entry(
        "no-pv-migration", Severity.WARNING, "Para-virtualised domains cannot migrate live",
        "The hypervisor has no shadow paging. Where Pacemaker moves them it restarts them.",
        "Make them PVH guests, each while it is down: snow shutdown DOMAIN, snow ha images convert DOMAIN --try, snow"
        " boot DOMAIN. Or a hypervisor with shadow paging.",
        ("snow ha images convert",),
    ),
    Entry(
        "runs-otherwise", Severity.WARNING, "A domain runs as another type than its file says",
        "Its file was changed while it ran: from para-virtualised to PVH, or back. What runs stays what it is, also"
        " in a live migration, and allow-migrate tells whether that can migrate; at the next start it is what the file"
        " says.",
        "Shut it down and boot it, then snow ha sync brings allow-migrate up to what it is then; or put the file back.",
        ("xl list -l DOMAIN", "snow ha sync"),
    ),
    Entry(
        "restarts", Severity.WARNING, "Domains are restarted where others migrate",
        "They are para-virtualised, and a server's hypervisor has no shadow paging: a live migration would fail, and"
        " end in a restart. So allow-migrate is false for them until that is mended.",
        "Make them PVH guests, each while it is down: snow shutdown DOMAIN, snow ha images convert DOMAIN --try, snow"
        " boot DOMAIN. Or a hypervisor with shadow paging everywhere, then snow ha sync.",
        ("snow ha images convert", "snow ha sync"),
    ),
    Entry(
        "restarts-as-wanted", Severity.INFO, "Somebody has set allow-migrate of domains to false",
        "Pacemaker stops and starts them where it would migrate others. That is respected.",
        "Nothing, if it is meant to be so; else crm resource meta DOMAIN set allow-migrate true.",
    ),
    Entry(
        "processors-differ", Severity.WARNING, "The processors of servers differ",
        "A domain is given what the processors of the server have that it starts on, and goes on using it after a live"
        " migration to one without, where it then crashes.",
        "Put the line cpuid = [ ... ] of the finding into the domain files, and start the domains anew: it leaves to"
        " all what all servers have. What a server has no leaf of cpuid for cannot be hidden: to there a domain is to"
        " be restarted (crm resource meta DOMAIN set allow-migrate false).",
        ("xl.cfg(5)", "xen-cpuid"),
    ),
    Entry(
        "migration-rest", Severity.WARNING, "Half a domain is left over from a migration",
        "A migration was killed. What is left has memory, and sometimes the image open.",
        "Look with xl list on all servers; where the whole domain runs elsewhere and no migration is under way,"
        " xl destroy NAME.",
        ("xl list",),
    ),
)  # fmt: skip
