"""Roles that sNow! runs several domains of, each with HA of its own: these belong on different servers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# Roles of domains.conf, and what they are replicas of.
REPLICATED = {
    "slurmctld-master": "slurmctld",
    "slurmctld-slave": "slurmctld",
    "slurm-master": "slurmctld",
    "slurm-slave": "slurmctld",
    "slurmctld": "slurmctld",
    "slurm": "slurmctld",
    "ldap-master": "ldap",
    "ldap-mirror": "ldap",
    "ldap": "ldap",
    "proxy": "proxy",
    "deploy": "deploy",
    "nis": "nis",
}

# What others need to start at all comes first after a failure; what only looks on waits the longest.
PRIORITY = {"deploy": 30, "ldap": 30, "nis": 30, "slurmctld": 20, "proxy": 10}
LOOKING_ON = {"monitor": -10, "syslog": -10, "metrics": -10}


def group(name: str, roles: Iterable[str]) -> str:
    """What a domain is a replica of, or nothing; without roles its name tells, as in proxy01."""
    return next((REPLICATED[role] for role in _candidates(name, roles) if role in REPLICATED), "")


def priority(name: str, roles: Iterable[str]) -> int:
    replica = group(name, roles)
    return PRIORITY.get(replica) or next(
        (LOOKING_ON[role] for role in _candidates(name, roles) if role in LOOKING_ON), 0
    )


def groups(names: Iterable[str], roles: Mapping[str, Iterable[str]], apart: Iterable[str]) -> dict[str, str]:
    """The group of each domain that has others beside it; the roles of `apart` need not be kept apart."""
    off = set(apart) | {REPLICATED[role] for role in apart if role in REPLICATED}
    found = {name: group(name, roles.get(name, ())) for name in names}
    found = {name: replica for name, replica in found.items() if replica and replica not in off}
    sizes = list(found.values())
    return {name: replica for name, replica in found.items() if sizes.count(replica) > 1}


def _candidates(name: str, roles: Iterable[str]) -> tuple[str, ...]:
    return tuple(roles) or (re.sub(r"[-_.]?\d+$", "", name),)
