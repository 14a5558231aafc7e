from __future__ import annotations

from snow_ha_plugin.guide import bridges
from snow_ha_plugin.model import Severity
from tests.captures import domain
from tests.unit.conftest import MakeSite

WEB = domain("web01")._replace(bridges=("lo", "nobridge0"))


def test_a_bridge_that_a_server_lacks_is_an_error(make_site: MakeSite) -> None:
    (found,) = bridges.check(make_site(domains=(WEB, WEB._replace(name="web02"), domain("web03"))))
    assert (found.severity, found.exit_code, found.subject) == (Severity.ERROR, 78, "nobridge0")
    assert found.remedy
    assert (found.id, found.message) == (
        "no-bridge",
        "the bridge nobridge0 of web01 and web02 is not there on snow01 and snow02",
    )


def test_servers_that_have_all_bridges_are_fine(make_site: MakeSite) -> None:
    assert bridges.check(make_site(domains=(WEB._replace(bridges=("lo",)),))) == []
    assert bridges.check(make_site(domains=(domain(),))) == []
