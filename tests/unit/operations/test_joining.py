"""Servers that come into the cluster, and what must be certain before one counts as off."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import (
    ConfigurationError,
    NoQuorumError,
    NoSuchObjectError,
    TimedOutError,
    UnavailableError,
    UnsafeError,
)
from snow_ha_plugin.operations import joining
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import bmc, command, waiting, xen
from snow_ha_plugin.system.command import Result
from tests.captures import capture
from tests.unit.conftest import Machines
from tests.unit.system.test_waiting import Clock

CRM_MON = """<pacemaker-result><summary><current_dc with_quorum="{quorum}"/></summary><nodes>
<node name="snow01" online="true" unclean="false"/><node name="snow02" online="{online}" unclean="{unclean}"/>
</nodes><resources/></pacemaker-result>"""


@pytest.fixture(autouse=True)
def impatient(mocker: MockerFixture) -> None:
    for name in ("ONLINE_WITHIN_S", "FENCED_WITHIN_S", "QUORUM_WITHIN_S"):
        mocker.patch.object(joining, name, 0.1)
    mocker.patch.object(xen, "ANSWERS_WITHIN_S", 0.1)
    mocker.patch.object(waiting, "POLL_S", 0)


def seen(
    machines: Machines, *, quorum: str = "true", online: str = "true", unclean: str = "false", running: str = ""
) -> None:
    """What crm_mon says on each server, and where Pacemaker runs."""
    said = CRM_MON.format(quorum=quorum, online=online, unclean=unclean)
    machines.stand_in("crm_mon", f"cat <<'END'\n{said}\nEND")
    machines.stand_in_for_xl()
    machines.stand_in("systemctl", f'[ "$2" != is-active ] || case " {running} " in *" $SERVER "*) ;; *) exit 3;; esac')
    for server in machines.names:
        nodes = "".join(f"    node {{\n        name: {name}\n    }}\n" for name in machines.names)
        machines.file(server, joining.CONF).write_text(f"nodelist {{\n{nodes}}}\n")


def started(machines: Machines) -> list[str]:
    return sorted(line.split()[0] for line in machines.log() if "systemctl start" in line)


def silent(machines: Machines, mocker: MockerFixture, *names: str) -> None:
    reach = machines._reach

    def answer(server: str, *words: object, **more: object) -> Result:
        if server in names:
            raise UnavailableError(f"{server} cannot be reached")
        return reach(server, *words, **more)  # type: ignore[arg-type]

    mocker.patch.object(machines, "_reach", side_effect=answer)


def test_servers_without_pacemaker_are_found_and_started(site: Site, machines: Machines) -> None:
    seen(machines, running="snow01")
    assert joining.to_start(site, None) == (["snow02"], [])
    assert joining.to_start(site, "snow01") == ([], [])
    joining.start(site, ["snow02"], [])
    assert started(machines) == ["snow02"]


def test_a_silent_server_is_left_out_unless_it_was_asked_for(
    site: Site, machines: Machines, mocker: MockerFixture
) -> None:
    seen(machines)
    silent(machines, mocker, "snow02")
    assert joining.to_start(site, None) == (["snow01"], ["snow02"])
    with pytest.raises(UnavailableError, match="snow02 does not answer"):
        joining.to_start(site, "snow02")
    with pytest.raises(NoSuchObjectError, match="no server snow03; one of snow01, snow02"):
        joining.to_start(site, "snow03")


def test_a_server_that_waits_to_be_fenced_is_not_started(site: Site, machines: Machines) -> None:
    seen(machines, unclean="true", online="false")
    with pytest.raises(TimedOutError, match="snow ha confirm-off snow02"):
        joining.start(site, ["snow02"], [])
    assert started(machines) == []


def test_a_silent_server_stops_the_start_only_if_it_is_to_be_started(
    site: Site, machines: Machines, mocker: MockerFixture
) -> None:
    seen(machines)
    silent(machines, mocker, "snow02")
    joining.wait_until_fenced(site, ["snow01"])
    with pytest.raises(UnavailableError, match="snow02 cannot be reached"):
        joining.wait_until_fenced(site, ["snow01", "snow02"])


@pytest.mark.parametrize("conf", [None, "nodelist {\n    node {\n        name: node1\n    }\n}\n"])
def test_a_server_that_never_was_a_member_is_not_started(site: Site, machines: Machines, conf: str | None) -> None:
    """Debian's package brings a configuration, of one node."""
    seen(machines)
    machines.file("snow02", joining.CONF).unlink()
    if conf:
        machines.file("snow02", joining.CONF).write_text(conf)
    with pytest.raises(ConfigurationError, match="snow02 was never in the cluster"):
        joining.to_start(site, "snow02")


def test_a_server_whose_xl_does_not_answer_is_not_started_and_the_others_are(site: Site, machines: Machines) -> None:
    """Each probe on it would fail, and Pacemaker restart what runs elsewhere."""
    seen(machines)
    machines.stand_in_for_xl('[ "$SERVER" = snow01 ] || { echo "xc: error: no privcmd" >&2; exit 1; }')
    with pytest.raises(UnavailableError, match="xl does not answer on snow02; xc: error: no privcmd"):
        joining.start(site, ["snow01", "snow02"], [])
    assert started(machines) == ["snow01"]


def test_a_server_on_which_pacemaker_runs_needs_no_xl_to_be_started(site: Site, machines: Machines) -> None:
    seen(machines, running="snow01")
    machines.stand_in("xl", "exit 1")
    joining.start(site, ["snow01"], [])


def test_a_server_that_boots_is_waited_for_until_its_xl_answers(
    site: Site, machines: Machines, mocker: MockerFixture
) -> None:
    mocker.patch.object(xen, "ANSWERS_WITHIN_S", 60)
    seen(machines)
    ready = machines.root / "ready"
    machines.stand_in_for_xl(f"[ -e {ready} ] || {{ touch {ready}; exit 1; }}")
    joining.start(site, ["snow02"], [])
    assert started(machines) == ["snow02"]


@pytest.mark.parametrize(
    ("outside", "guests", "restarted"),
    [("snow02", False, ["snow02"]), ("snow02", True, []), ("", False, [])],
    ids=["alone", "with a domain", "on its way"],
)
def test_who_stays_outside_and_runs_nothing_is_started_anew(
    site: Site, machines: Machines, mocker: MockerFixture, outside: str, guests: bool, restarted: list[str]
) -> None:
    """Its corosync has another key than the others: snow01 goes on with its quorum, and snow02 is alone."""
    mocker.patch.object(joining, "OUTSIDE_AFTER_S", 0)
    seen(machines, running="snow01 snow02")
    alone = CRM_MON.format(quorum="false", online="true", unclean="false")
    others = CRM_MON.format(quorum="true", online="false", unclean="false")
    machines.stand_in("crm_mon", f"cat <<END\n$([ $SERVER = '{outside}' ] && echo '{alone}' || echo '{others}')\nEND")
    listed = capture("xl-standin-list-guide-domains.txt").decode().splitlines()[: 3 if guests else 2]
    machines.stand_in("xl", "printf '%s\\n' " + " ".join(f"'{line}'" for line in listed))
    with pytest.raises(TimedOutError, match="snow02 did not come within"):
        joining.start(site, ["snow01", "snow02"], [])
    assert [line.split()[0] for line in machines.log() if "systemctl restart corosync pacemaker" in line] == restarted


def test_without_quorum_the_way_on_is_told(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    seen(machines, quorum="false", online="false")
    silent(machines, mocker, "snow02")
    with pytest.raises(NoQuorumError, match="power on snow02; or, once"):
        joining.start(site, ["snow01"], ["snow02"])


def test_a_server_that_answers_is_not_off(site: Site, machines: Machines) -> None:
    with pytest.raises(UnsafeError, match="snow02 answers: it is not off"):
        joining.is_off(site, "snow02")
    with pytest.raises(UnsafeError, match="snow01 is this server"):
        joining.is_off(site, "snow01")


@pytest.mark.parametrize(("power", "off"), [("off", True), ("", False)])
def test_only_a_bmc_can_tell_that_a_silent_server_is_off(
    site: Site, machines: Machines, mocker: MockerFixture, power: str, off: bool
) -> None:
    silent(machines, mocker, "snow02")
    asked = mocker.patch.object(bmc, "power", return_value=power)
    assert joining.is_off(site, "snow02") is False
    site = replace(site, conf=site.conf._replace(bmc_suffix="-mgmt"))
    assert joining.is_off(site, "snow02") is off
    asked.assert_called_once_with("snow02-mgmt")


def test_a_server_with_power_is_not_off(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    silent(machines, mocker, "snow02")
    site = replace(site, conf=site.conf._replace(bmc_suffix="-mgmt"))
    mocker.patch.object(bmc, "power", return_value="on")
    with pytest.raises(UnsafeError, match="snow02 has power, says its BMC"):
        joining.is_off(site, "snow02")


@pytest.mark.parametrize(("code", "power"), [(0, "on"), (2, "off"), (1, "")])
def test_the_power_that_a_bmc_tells_of(mocker: MockerFixture, code: int, power: str) -> None:
    mocker.patch.object(command, "run", return_value=Result((), code, b"", b""))
    assert bmc.power("snow02-mgmt") == power


def recorded(mocker: MockerFixture) -> list[str]:
    """The commands of the adapters that run here, and no others."""
    ran: list[str] = []
    run = command.run

    def record(argv: list[str], **more: object) -> Result:
        if argv[0] not in ("stonith_admin", "corosync-cmapctl"):
            return run(argv, **more)  # type: ignore[arg-type]
        ran.append(" ".join(argv))
        return Result(tuple(argv), 0, b"", b"")

    mocker.patch.object(command, "run", side_effect=record)
    return ran


def test_a_server_alone_stops_waiting_for_the_others_and_needs_quorum(
    site: Site, machines: Machines, mocker: MockerFixture
) -> None:
    seen(machines, quorum="false", online="false")
    ran = recorded(mocker)
    with pytest.raises(NoQuorumError, match="snow01 has no quorum by itself"):
        joining.start_alone(site, ["snow02"])
    assert started(machines) == ["snow01"]
    assert set(ran) == {"corosync-cmapctl -s quorum.cancel_wait_for_all u8 1"}


def test_a_server_alone_that_has_quorum_waits_no_longer(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    seen(machines, online="false")
    ran = recorded(mocker)
    mocker.patch.object(waiting, "time", Clock())
    mocker.patch.object(waiting, "POLL_S", 1)
    mocker.patch.object(joining, "ONLINE_WITHIN_S", 5)
    joining.start_alone(site, ["snow02"])
    # Once for its quorum, twice for what is to be fenced.
    assert sum("crm_mon" in line for line in machines.log()) == 3
    assert ran == []


def test_what_nothing_waits_for_needs_no_confirmation(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    seen(machines, online="false")
    ran = recorded(mocker)
    assert joining.confirm_off(site, "snow02") is False
    assert ran == []


def test_a_lost_server_counts_as_off_once_confirmed(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    seen(machines, online="false", unclean="true")
    ran = recorded(mocker)
    with pytest.raises(TimedOutError, match="still takes snow02 for unclean"):
        joining.confirm_off(site, "snow02")
    assert ran == ["stonith_admin --confirm snow02"]


def test_a_member_is_never_confirmed_to_be_off(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    seen(machines)
    ran = recorded(mocker)
    with pytest.raises(UnsafeError, match="snow02 is in the cluster"):
        joining.confirm_off(site, "snow02")
    assert ran == []
