"""Codes of room for a failure, and of how evenly domains can be spread."""

from __future__ import annotations

from snow_ha_plugin.core.codes.entry import Entry
from snow_ha_plugin.model import Severity

ENTRIES = (
    Entry(
        "no-n+1", Severity.WARNING, "If a server fails, some domains have nowhere to go",
        "The servers that are left lack memory for them, may not run them by the rules, or lose quorum.",
        "snow ha what-if SERVER shows it in full. Add memory or a server, take rules away, or snow ha balance.",
        ("snow ha what-if", "snow ha balance"),
    ),
    Entry(
        "n+1-unknown", Severity.WARNING, "Nobody knows whether a server may fail",
        "The memory of a domain or server is not in the configuration, no server is in service, or the scheduler did"
        " not answer in time.",
        "snow ha sync brings domains' sizes, snow ha enable those of servers; snow ha what-if SERVER asks about one.",
        ("snow ha what-if",),
    ),
    Entry(
        "balance-unknown", Severity.WARNING, "How even the servers are cannot be told",
        "A size in the configuration is no number, or Pacemaker's scheduler does not take the configuration.",
        "Mend what the message names, with crm configure edit.",
    ),
    Entry(
        "no-plan", Severity.WARNING, "No plan of balance is better than things as they are",
        "Every placement that was tried would disturb a domain, or make a server's failure cost more than today.",
        "snow ha what-if SERVER shows what is short; mostly it is memory.",
        ("snow ha balance", "snow ha what-if"),
    ),
    Entry(
        "no-room", Severity.ERROR, "Pacemaker starts a domain on no server",
        "Rules forbid it on every server, or none has the memory.",
        "snow ha status DOMAIN tells what each server says; stop a domain or add memory, or take a rule away.",
        ("snow ha status DOMAIN",),
    ),
    Entry(
        "server-overfull", Severity.ERROR, "A server has more in use than it has",
        "The sizes of its domains add up to more than its memory: another one could not start there.",
        "Move or stop a domain, or add memory; snow ha sync if sizes have changed in domain files.",
        ("snow ha move", "snow ha sync"),
    ),
    Entry(
        "cannot-leave", Severity.ERROR, "A domain cannot leave a server that goes out of service",
        "No other server has room for it, or the rules forbid it there.",
        "Make room: stop or move another domain, or take a rule away.",
        ("snow ha drain",),
    ),
    Entry(
        "left-out", Severity.WARNING, "No order of moves leaves room for a domain",
        "Servers are so full that it would have to be on two of them at a time, which does not fit.",
        "Add memory, or stop a domain for a while, and run snow ha balance again.",
        ("snow ha balance",),
    ),
    Entry(
        "replicas-together", Severity.WARNING, "Replicas of a role share a server",
        "They are there so that one can fail; on one server they fail together.",
        "snow ha balance takes them apart where there is room; --spread ROLE=off lets them be together.",
        ("snow ha balance",),
    ),
    Entry(
        "no-server-allowed", Severity.WARNING, "Rules leave a domain no server",
        "Constraints forbid it on every server that is in service: when it stops, it does not start again.",
        "snow ha status DOMAIN shows its constraints; take one away.",
        ("snow ha status DOMAIN",),
    ),
    Entry(
        "domain-stays", Severity.INFO, "balance leaves a domain where it is",
        "It cannot migrate live, is held, has failed, or its size is not known; the message says which.",
        "Nothing needs to be done.",
    ),
    Entry(
        "cpus-unknown", Severity.WARNING, "The CPUs of a server are not known",
        "Without them only memory can be made even.",
        "snow ha enable writes them.",
    ),
    Entry(
        "server-size-unknown", Severity.WARNING, "The memory of a server is not known",
        "Without it nothing can be planned for that server.",
        "snow ha enable writes it.",
    ),
)  # fmt: skip
