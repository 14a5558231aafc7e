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


@pytest.mark.parametrize(
    ("role", "group"),
    [
        *[(role, "slurmctld") for role in ("slurmctld", "slurmctld-master", "slurmctld-slave")],
        *[(role, "slurmctld") for role in ("slurm", "slurm-master", "slurm-slave")],
        *[(role, "ldap") for role in ("ldap", "ldap-master", "ldap-mirror")],
        ("proxy", "proxy"), ("deploy", "deploy"), ("nis", "nis"), ("login", ""), ("monitor", ""),
    ],
)  # fmt: skip
def test_each_replicated_role_of_snow_is_known_whatever_its_domain_is_called(role: str, group: str) -> None:
    assert replicas.group("web01", ("login", role)) == group


@pytest.mark.parametrize("name", ["proxy", "proxy1", "proxy01", "proxy-2", "proxy_03", "proxy.4"])
def test_without_roles_a_name_without_its_number_tells_the_role(name: str) -> None:
    assert replicas.group(name, ()) == "proxy"
    assert replicas.group(name, ("login",)) == ""


@pytest.mark.parametrize("name", ["proxy01a", "01proxy", "my-proxy", "proxy--1"])
def test_another_name_is_no_role(name: str) -> None:
    assert replicas.group(name, ()) == ""


def test_who_only_looks_on_waits_behind_all_others() -> None:
    last = [replicas.priority(name, ()) for name in ("monitor01", "syslog01", "metrics01")]
    assert last == [-10] * 3
    assert replicas.priority("web01", ("login", "metrics")) == -10
    # With a role that others need it does not wait.
    assert replicas.priority("web01", ("metrics", "proxy")) == 10


def test_roles_count_before_names_and_single_ones_of_a_group_are_left_alone() -> None:
    roles = {"one": ("ldap-master",), "other": ("login", "ldap-mirror"), "ldap01": ("login",)}
    assert replicas.groups(["one", "other", "ldap01", "nis01", "web01", "web02"], roles, ()) == {
        "one": "ldap",
        "other": "ldap",
    }


def test_roles_that_need_not_be_apart_are_named_as_a_role_or_as_its_group() -> None:
    names = ["slurm-master", "slurm-slave", "proxy01", "proxy02"]
    proxies = {"proxy01": "proxy", "proxy02": "proxy"}
    assert replicas.groups(names, {}, ("slurm-master",)) == proxies
    assert replicas.groups(names, {}, ("slurmctld",)) == proxies
    assert replicas.groups(names, {}, ("login",)).keys() == set(names)
