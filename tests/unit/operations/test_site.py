from __future__ import annotations

import socket
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import pytest

from snow_ha_plugin.errors import ConfigurationError
from snow_ha_plugin.model import Network
from snow_ha_plugin.operations.site import Site

HERE = socket.gethostname().split(".")[0]


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site's files, in the layout of 1.1.16; this machine is one of its servers."""
    for name in ("SNOW_ETC", "SNOW_SRV", "SNOW_LIB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SNOW_ROOT", str(tmp_path))
    etc = tmp_path / "snow-tools/etc"
    (etc / "domains").mkdir(parents=True)
    write_conf(etc, f"SNOW_NODES=( {HERE} other )\nNET_SNOW=( xsnow0 10.1.0.254 10.1.0.1 10.1.0.0 /16 )\n")
    (etc / "domains.conf").write_text(
        f"{HERE} snow eth0 10.1.0.1\nother snow eth0 10.1.0.2\nweb01 proxy\nbroken01 nis\nplanned01 nis\n"
    )
    (etc / "domains/web01.cfg").write_text("name = 'web01'\n")
    (etc / "domains/broken01.cfg").write_text("name = \n")
    (etc / "domains/stray01.cfg").write_text("name = 'stray01'\n")
    return etc


def write_conf(etc: Path, text: str) -> None:
    (etc / "snow.conf").write_text(text)
    (etc / "snow.conf").chmod(0o600)


def test_a_site_is_its_servers_and_the_domains_that_snow_manages(etc: Path) -> None:
    found = Site.load()
    assert [(member.name, member.addresses) for member in found.members] == [
        (HERE, ("10.1.0.1",)), ("other", ("10.1.0.2",)),
    ]  # fmt: skip
    assert found.servers.here == HERE
    assert [domain.name for domain in found.domains] == ["web01"]
    assert [(finding.id, finding.exit_code) for finding in found.broken] == [("domain-file", 65)]
    assert found.floating_ip == found.conf.net_snow
    assert found.fencing == ""


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ("", "names 0 server"),
        (HERE, "names 1 server"),
        (f"{HERE} {HERE}", "names 1 server"),
        ("other another", f"this server, {HERE}, is not in SNOW_NODES"),
    ],
)
def test_a_site_that_cannot_be_highly_available_is_told(etc: Path, nodes: str, why: str) -> None:
    write_conf(etc, f"SNOW_NODES=( {nodes} )\n")
    with pytest.raises(ConfigurationError, match=why):
        Site.load()


def test_who_mistypes_the_list_of_servers_reads_where(etc: Path) -> None:
    write_conf(etc, f"# servers\nSNOW_NODE=( {HERE} other )\n")
    with pytest.raises(ConfigurationError, match="line 2 sets SNOW_NODE: did you mean SNOW_NODES"):
        Site.load()


def test_a_floating_ip_of_ones_own_is_on_the_bridge_of_the_site(etc: Path) -> None:
    found = Site.load(floating_ip=IPv4Interface("10.1.7.7/24"), fencing="sbd", qdevice="third", metrics=True)
    assert found.floating_ip == Network("xsnow0", "10.1.7.7", 24)
    assert (found.fencing, found.qdevice, found.metrics) == ("sbd", "third", True)
    write_conf(etc, f"SNOW_NODES=( {HERE} other )\n")
    assert Site.load().floating_ip is None
    assert Site.load(floating_ip=IPv6Interface("fd00::7/64")).floating_ip == Network("", "fd00::7", 64)
    assert (Site.load().qdevice, Site.load().metrics, Site.load().why) == ("", False, "")


def test_two_servers_are_enough_and_who_lacks_them_is_told_what_to_do(etc: Path) -> None:
    write_conf(etc, f"SNOW_NODES=( {HERE} )\n")
    with pytest.raises(ConfigurationError, match="add the others"):
        Site.load()
    write_conf(etc, "SNOW_NODES=( other another )\n")
    with pytest.raises(ConfigurationError, match="run it on other or another"):
        Site.load()
