from __future__ import annotations

import pytest

from snow_ha_plugin.guide import floating_ip
from snow_ha_plugin.model import Network
from tests.unit.conftest import FLOATING, MakeSite

OTHER = Network("xcomp0", "10.2.0.254", 16)


@pytest.mark.parametrize(
    ("net_snow", "net_comp", "chosen", "messages"),
    [
        (FLOATING, FLOATING, FLOATING, []),
        (FLOATING, None, FLOATING, []),
        (None, None, None, ["NET_SNOW has no gateway"]),
        (FLOATING, OTHER, FLOATING, ["gateway of NET_COMP is 10.2.0.254"]),
        (FLOATING, FLOATING, OTHER, ["gateway of NET_SNOW", "gateway of NET_COMP"]),
        (OTHER, OTHER, OTHER, []),
    ],
)
def test_the_floating_ip_must_be_the_gateway_of_both_networks(
    make_site: MakeSite, net_snow: Network, net_comp: Network, chosen: Network, messages: list[str]
) -> None:
    findings = floating_ip.check(make_site(net_snow=net_snow, net_comp=net_comp, floating_ip=chosen))
    assert len(findings) == len(messages)
    assert all(text in finding.message for text, finding in zip(messages, findings, strict=True))
    assert all(finding.exit_code == 78 and finding.remedy for finding in findings)


def test_the_floating_ip_must_not_be_a_servers_own(make_site: MakeSite) -> None:
    own = Network("xsnow0", "10.1.0.2", 16)
    (found,) = floating_ip.check(make_site(net_snow=own, net_comp=own, floating_ip=own))
    assert "the address of snow02 itself" in found.message
