from __future__ import annotations

import os
import stat

import pytest

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import authkey
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations.site import Site
from tests.unit.conftest import NAMES, Machines

MINE, THEIRS = b"m" * 256, b"t" * 128

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the key belongs to root")


@pytest.fixture(autouse=True)
def directories(machines: Machines) -> None:
    for name in NAMES:
        machines.file(name, authkey.PATH)


def put(machines: Machines, server: str, key: bytes, mode: int = 0o400) -> None:
    path = machines.file(server, authkey.PATH)
    path.write_bytes(key)
    path.chmod(mode)


def keys(machines: Machines) -> set[bytes]:
    return {machines.file(name, authkey.PATH).read_bytes() for name in NAMES}


def ids(site: Site) -> list[str]:
    return [finding.id for finding in authkey.check(site)]


def test_where_there_is_no_key_all_servers_get_the_same_new_one(site: Site, machines: Machines) -> None:
    assert ids(site) == ["authkey-missing", "authkey-missing"]
    authkey.apply(site)
    (key,) = keys(machines)
    assert len(key) == 256
    assert len(set(key)) > 100
    for name in NAMES:
        status = machines.file(name, authkey.PATH).stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o400, 0)
    assert ids(site) == []


def test_every_site_has_a_key_of_its_own(site: Site, machines: Machines) -> None:
    authkey.apply(site)
    (first,) = keys(machines)
    for name in NAMES:
        machines.file(name, authkey.PATH).unlink()
    authkey.apply(site)
    assert keys(machines) != {first}


def test_this_servers_key_wins(site: Site, machines: Machines) -> None:
    put(machines, "snow01", MINE)
    put(machines, "snow02", THEIRS)
    assert ids(site) == ["authkey-differs"]
    authkey.apply(site)
    assert keys(machines) == {MINE}


def test_a_key_that_only_the_other_server_has_is_kept(site: Site, machines: Machines) -> None:
    put(machines, "snow02", THEIRS)
    assert ids(site) == ["authkey-missing"]
    authkey.apply(site)
    assert keys(machines) == {THEIRS}


@pytest.mark.parametrize("mode", [0o600, 0o440, 0o644])
def test_a_key_that_others_can_read_is_closed(site: Site, machines: Machines, mode: int) -> None:
    put(machines, "snow01", MINE, mode)
    put(machines, "snow02", MINE)
    assert ids(site) == ["authkey-mode"]
    authkey.apply(site)
    assert ids(site) == []


def test_a_server_that_is_left_out_does_not_keep_the_others_from_their_key(site: Site, machines: Machines) -> None:
    put(machines, "snow01", MINE, 0o600)
    machines.silent = {"snow02": UnavailableError("snow02 does not answer")}
    authkey.apply(site)
    assert ids(site) == []


def test_a_key_that_is_right_stays(site: Site, machines: Machines) -> None:
    for name in NAMES:
        put(machines, name, MINE)
    assert ids(site) == []
    authkey.apply(site)
    assert keys(machines) == {MINE}


@pytest.mark.parametrize("size", [128, 4096])
def test_the_shortest_and_the_longest_that_corosync_takes_are_keys(site: Site, machines: Machines, size: int) -> None:
    """1024 and 32768 bits (corosync-keygen(8), TOTEM_KEY_MAX_LEN)."""
    put(machines, "snow01", b"x" * size)
    assert [(found.id, found.severity, found.remedy) for found in authkey.check(site)] == [
        ("authkey-missing", Severity.ERROR, "snow ha enable")
    ]
    authkey.apply(site)
    assert keys(machines) == {b"x" * size}


@pytest.mark.parametrize("size", [0, 127, 4097])
def test_a_file_that_is_no_key_is_told_and_replaced(site: Site, machines: Machines, size: int) -> None:
    for name in NAMES:
        put(machines, name, b"x" * size)
    assert ids(site) == ["authkey-size", "authkey-size"]
    authkey.apply(site)
    assert ids(site) == []
    assert {len(key) for key in keys(machines)} == {256}


def test_a_key_of_another_server_comes_before_what_is_none_here(site: Site, machines: Machines) -> None:
    put(machines, "snow01", b"")
    put(machines, "snow02", THEIRS)
    authkey.apply(site)
    assert keys(machines) == {THEIRS}


def test_the_key_is_in_no_argument_and_in_no_finding(site: Site, machines: Machines) -> None:
    put(machines, "snow01", b"geheim" * 30, 0o644)
    said = str(authkey.check(site))
    authkey.apply(site)
    assert "geheim" not in said + str(machines.calls)
