"""A domain that rests while its images are at work: shut down by whoever has it, and booted again in any case."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import Domain
from snow_ha_plugin.operations import host_events
from snow_ha_plugin.operations.image_migration import running
from snow_ha_plugin.system import pacemaker
from tests.captures import capture, guide_cluster
from tests.captures import domain as described
from tests.unit.conftest import Machines

LIST = capture("xl-standin-list-guide-domains.txt").decode()
HEAD = "\n".join(LIST.splitlines()[:2])


@pytest.fixture
def domain(tmp_path: Path) -> Domain:
    path = tmp_path / "nis02.cfg"
    path.write_text("name = 'nis02'\n")
    return described("nis02", config_path=str(path))


def xl(machines: Machines, runs_on: str) -> None:
    """Its list, by a file in which its server is."""
    place = machines.root / "place"
    place.write_text(runs_on)
    machines.stand_in(
        "xl",
        f"""
case $1 in
    list) if [ "$(/bin/cat {place})" = $SERVER ]; then printf '{LIST}'; else printf '{HEAD}\\n'; fi ;;
    shutdown) : >{place} ;;
    create) printf $SERVER >{place} ;;
esac
""",
    )


def acts(machines: Machines) -> list[str]:
    return [line for line in machines.log() if " xl list" not in line]


def test_pacemaker_shuts_down_and_boots_what_it_has(machines: Machines, mocker: MockerFixture, domain: Domain) -> None:
    mocker.patch.object(running, "is_registered", return_value=True)
    cluster = mocker.patch.object(running, "LiveCluster").return_value
    told = mocker.Mock()
    mocker.patch.object(host_events, "stop", told.stop)
    mocker.patch.object(host_events, "start", told.start)
    with pytest.raises(ZeroDivisionError), running.resting(machines, domain, "snow01"):
        assert told.mock_calls == [mocker.call.stop(cluster, "nis02")]
        raise ZeroDivisionError
    assert told.mock_calls == [mocker.call.stop(cluster, "nis02"), mocker.call.start(cluster, "nis02")]
    assert running.left_down({"nis02": domain.config_path}) == []


@pytest.mark.parametrize("name", ["nis02", "web01"])
def test_what_a_pacemaker_that_does_not_answer_had_is_left_alone(
    machines: Machines, mocker: MockerFixture, domain: Domain, name: str
) -> None:
    """The other servers may start it; with xl it would run twice."""
    down = UnavailableError("Pacemaker does not run")
    mocker.patch.object(running, "LiveCluster").return_value.read.side_effect = down
    mocker.patch.object(pacemaker, "stored_cib", return_value=guide_cluster())
    xl(machines, "snow02")
    with pytest.raises(UnavailableError, match="and nis02 was registered; it may start anywhere; snow ha start"):
        running.is_registered("nis02")
    assert not running.is_registered("web01")
    if name == "nis02":
        with pytest.raises(UnavailableError, match="nis02 was registered"), running.resting(machines, domain, "snow02"):
            pytest.fail("its image is not at work")
        assert acts(machines) == []
        assert running.left_down({"nis02": domain.config_path}) == []
        return
    with running.resting(machines, domain._replace(name=name), "snow02"):
        pass
    assert acts(machines) == [f"snow02 xl create {domain.config_path}"]


def test_xl_does_of_what_pacemaker_has_not(machines: Machines, mocker: MockerFixture, domain: Domain) -> None:
    mocker.patch.object(running, "is_registered", return_value=False)
    xl(machines, "snow02")
    with running.resting(machines, domain, "snow02"):
        assert acts(machines) == ["snow02 xl shutdown -w nis02"]
        (found,) = running.left_down({"nis02": domain.config_path})
        assert found.message.startswith("nis02 was shut down on snow02")
    assert acts(machines)[1:] == [f"snow02 xl create {domain.config_path}"]


def test_what_somebody_else_has_booted_meanwhile_is_left_alone(
    machines: Machines, mocker: MockerFixture, domain: Domain
) -> None:
    mocker.patch.object(running, "is_registered", return_value=False)
    xl(machines, "snow02")
    with running.resting(machines, domain, "snow02"):
        (machines.root / "place").write_text("snow01")
    assert acts(machines) == ["snow02 xl shutdown -w nis02"]


def test_what_does_not_run_stays_so(machines: Machines, domain: Domain) -> None:
    with running.resting(machines, domain, ""):
        assert machines.log() == []
    assert machines.log() == []
