"""What `xl list` prints, line by line."""

from __future__ import annotations

from snow_ha_plugin.agent.domains import INCOMING, MIGRATED_AWAY, NAMELESS, OWN, Instance

HEADER = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
DOM0 = "Domain-0                                     0  1024     2     r-----     117.3\n"
# The flags of a state, and the processor time that it has used, seconds.
FLAGS = {
    "running": ("-b----", 7.2),
    "paused": ("--p---", 7.2),
    "never scheduled": ("--p---", 0.0),
    "suspended": ("---ss-", 7.2),
    "rebooting": ("---sr-", 7.2),
    "off": ("---s--", 7.2),
    "crashed": ("---sc-", 7.2),
    "dying": ("--ps-d", 7.2),
}
FORMS = {"own": OWN, "incoming": INCOMING, "away": MIGRATED_AWAY, "nameless": NAMELESS}


def line(name: str, domid: int = 1, flags: str = "-b----", cpu_s: float = 7.2, memory_mib: int = 512) -> str:
    return f"{name:40} {domid:5} {memory_mib:5}     1     {flags} {cpu_s:9.1f}\n"


def instance(form: str, state: str, domid: int = 1) -> Instance:
    """One that is in this state, in the words of decisions.TABLE."""
    flags, cpu_s = FLAGS[state]
    return Instance(FORMS[form], domid, 512, flags, cpu_s)


def instances(*said: str) -> list[Instance]:
    """`own running`, `incoming never scheduled`: one of each, with ids from 1."""
    words = (text.partition(" ") for text in said)
    return [instance(form, state, domid) for domid, (form, _, state) in enumerate(words, 1)]
