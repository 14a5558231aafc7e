"""`enable --metrics`: Pacemaker's exporter runs on each server, and snow-ha's numbers are written there."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.guide import metrics
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations import reporting
from snow_ha_plugin.operations.site import Site
from tests.unit.conftest import NAMES, Machines, MakeSite


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site(metrics=True)


@pytest.fixture
def kept(mocker: MockerFixture) -> list[tuple[object, ...]]:
    """Each question whether numbers are written, on a site where they are."""
    asked: list[tuple[object, ...]] = []
    mocker.patch.object(reporting, "is_kept", side_effect=lambda _all, *words: asked.append(words) or True)
    return asked


def test_nothing_is_looked_at_where_nobody_asked_for_it(make_site: MakeSite, machines: Machines) -> None:
    assert metrics.check(make_site(metrics=False)) == []
    assert machines.calls == []


def test_nothing_is_wrong_where_both_are_there(site: Site, machines: Machines, kept: list[tuple[object, ...]]) -> None:
    machines.stand_in("systemctl", "")
    assert metrics.check(site) == []
    assert sorted(machines.log()) == [
        f"{name} systemctl is-{what} --quiet ha_cluster_exporter.service"
        for name in NAMES
        for what in ("active", "enabled")
    ]
    assert sorted(kept) == [(name, reporting.Report.METRICS, metrics.METRICS_FILE, 1) for name in NAMES]


@pytest.mark.parametrize("lacks", ["is-active", "is-enabled"])
def test_an_exporter_that_does_not_run_or_will_not_after_a_boot_is_an_error_of_its_server(
    site: Site, machines: Machines, kept: list[tuple[object, ...]], lacks: str
) -> None:
    machines.stand_in("systemctl", f'[ "$SERVER $1" != "snow02 {lacks}" ]')
    (found,) = metrics.check(site)
    assert (found.severity, found.id, found.subject) == (Severity.ERROR, "metrics", "snow02")
    assert "Pacemaker's numbers: ha_cluster_exporter.service does not run" in found.message
    assert found.remedy == "snow ha enable --metrics"
    assert [words[0] for words in kept] == ["snow01"]


def test_numbers_of_ours_that_are_not_written_are_told(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    machines.stand_in("systemctl", "")
    mocker.patch.object(reporting, "is_kept", lambda _all, name, *_words: name == "snow01")
    assert [found.message for found in metrics.check(site)] == ["snow02 does not give snow-ha's numbers"]


def test_each_server_gets_both(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    machines.stand_in("systemctl", "")
    begun = mocker.patch.object(reporting, "begin")
    metrics.apply(site)
    assert sorted(machines.log()) == [
        f"{name} systemctl enable --quiet --now ha_cluster_exporter.service" for name in NAMES
    ]
    begun.assert_called_once_with(site.servers, reporting.Report.METRICS, metrics.METRICS_FILE, 1)
