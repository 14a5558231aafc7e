"""Who is a replica of what, and who comes first after a failure: by roles, and without roles by names."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core.balancer import replicas


@pytest.mark.parametrize(
    ("name", "roles", "group", "priority"),
    [
        ("deploy01", (), "deploy", 30),
        ("login01", ("ldap-mirror",), "ldap", 30),
        ("nis02", (), "nis", 30),
        ("queue", ("slurm-slave",), "slurmctld", 20),
        ("slurmctld-master", (), "slurmctld", 20),
        ("proxy01", (), "proxy", 10),
        ("monitor01", (), "", -10),
        ("syslog02", (), "", -10),
        ("web01", (), "", 0),
    ],
)
def test_each_role_has_its_group_and_its_turn(name: str, roles: tuple[str, ...], group: str, priority: int) -> None:
    assert (replicas.group(name, roles), replicas.priority(name, roles)) == (group, priority)


def test_only_domains_with_others_of_their_group_are_kept_apart_and_no_role_that_need_not_be() -> None:
    names = ["nis01", "nis02", "proxy01", "slurm-master", "slurm-slave", "web01"]
    kept = {"nis01": "nis", "nis02": "nis", "slurm-master": "slurmctld", "slurm-slave": "slurmctld"}
    assert replicas.groups(names, {}, ()) == kept
    assert replicas.groups(names, {}, ("slurm", "nis")) == {}
