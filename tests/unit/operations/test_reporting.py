from __future__ import annotations

import os
from pathlib import Path

import pytest

from snow_ha_plugin.errors import NoInputError
from snow_ha_plugin.guide import disable, metrics, packages
from snow_ha_plugin.operations import reporting
from snow_ha_plugin.operations.reporting import DIRECTORY, Report
from snow_ha_plugin.operations.site import Site
from tests.unit.conftest import Machines, MakeSite

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the files belong to root")

PAGE = Path("/sNow/html/page.html")


@pytest.fixture(autouse=True)
def servers(machines: Machines) -> Machines:
    machines.stand_in("systemctl", "")
    for name in machines.names:
        machines.file(name, f"{DIRECTORY}/x")
        machines.file(name, str(PAGE))
    return machines


def unit(machines: Machines, server: str, suffix: str) -> str:
    return machines.file(server, f"{DIRECTORY}/snow-ha-page.{suffix}").read_text()


def test_each_server_gets_a_timer_that_is_started(machines: Machines) -> None:
    reporting.begin(machines, Report.PAGE, PAGE, 5)
    for server in machines.names:
        assert "OnUnitActiveSec=5min\n" in unit(machines, server, "timer")
        assert 'ExecStart=/usr/bin/snow-ha tend-report page 5 "/sNow/html/page.html"\n' in unit(
            machines, server, "service"
        )
        calls = [line for line in machines.log() if line.startswith(server)]
        assert [call.split(" ", 2)[2] for call in calls] == [
            "daemon-reload", "enable --quiet snow-ha-page.timer", "restart snow-ha-page.timer",
        ]  # fmt: skip


def test_a_server_without_the_directory_is_told_before_anything_is_written(machines: Machines) -> None:
    machines.file("snow02", str(PAGE)).parent.rmdir()
    with pytest.raises(NoInputError, match="snow02 has no directory /sNow/html"):
        reporting.begin(machines, Report.PAGE, PAGE, 5)
    assert reporting.kept(machines) == []


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/a b/100%.html", r'"/a b/100%%.html"'),
        ('/a"b\\c.html', r'"/a\"b\\c.html"'),
        ("/$HOME/${x}.html", '"/$$HOME/$${x}.html"'),
        ("/a\nb", r'"/a\nb"'),
    ],
)
def test_a_name_is_one_word_for_systemd(path: str, word: str) -> None:
    service, _ = reporting.units(Report.PAGE, Path(path), 5).values()
    assert f"ExecStart=/usr/bin/snow-ha tend-report page 5 {word}\n" in service


def test_it_ends_on_all_servers_also_where_only_one_has_it(machines: Machines) -> None:
    reporting.begin(machines, Report.PAGE, PAGE, 5)
    for suffix in ("timer", "service"):
        machines.file("snow01", f"{DIRECTORY}/snow-ha-page.{suffix}").unlink()
    assert reporting.kept(machines) == [Report.PAGE]
    reporting.end(machines, [Report.PAGE])
    assert reporting.kept(machines) == []
    assert not machines.file("snow02", f"{DIRECTORY}/snow-ha-page.service").exists()
    assert "snow02 systemctl disable --quiet --now snow-ha-page.timer" in machines.log()
    assert "snow01 systemctl disable --quiet --now snow-ha-page.timer" not in machines.log()


def test_numbers_that_nobody_writes_any_more_are_gone(machines: Machines) -> None:
    written = machines.file("snow02", str(reporting.METRICS_FILE))
    machines.file("snow01", str(reporting.METRICS_FILE))
    for report, is_left in ((Report.PAGE, True), (Report.METRICS, False)):
        written.write_text("snow_ha_n_plus_1 1")
        reporting.begin(machines, report, reporting.METRICS_FILE, 1)
        reporting.end(machines, [report])
        assert written.exists() == is_left


def test_disable_takes_it_out(site: Site, machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disable.stopping, "running", lambda site: [])
    monkeypatch.setattr(disable.stopping, "in_order", lambda site, running: [])
    monkeypatch.setattr(disable.fencing, "is_set_up", lambda site: False)
    monkeypatch.setattr(disable.qdevice, "is_set_up", lambda site: False)
    assert disable.plan(site) == []
    reporting.begin(machines, Report.PAGE, PAGE, 5)
    (part,) = disable.plan(site)
    assert part.change.target == "timers"
    part.carry_out()
    assert reporting.kept(machines) == []


def test_metrics_are_looked_at_only_where_they_were_asked_for(site: Site, machines: Machines) -> None:
    machines.stand_in("systemctl", "exit 3")
    assert metrics.check(site) == []
    assert machines.log() == []


def test_metrics_are_set_up_on_every_server(make_site: MakeSite, machines: Machines) -> None:
    site = make_site(metrics=True)
    directory = str(reporting.METRICS_FILE)
    for name in machines.names:
        machines.file(name, directory)
    assert [finding.id for finding in metrics.check(site)] == ["metrics", "metrics"]
    metrics.apply(site)
    assert metrics.check(site) == []
    assert "snow02 systemctl enable --quiet --now ha_cluster_exporter.service" in machines.log()
    machines.stand_in("systemctl", 'case "$SERVER $1" in "snow02 is-active") exit 3; esac')
    site.servers.look_anew()
    (finding,) = metrics.check(site)
    assert finding.subject == "snow02" and "does not run" in finding.message


def test_metrics_take_packages(make_site: MakeSite, machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(packages.METRICS.values()) == {"prometheus-hacluster-exporter", "prometheus-node-exporter"}
    monkeypatch.setattr(packages, "METRICS", {"no-such-exporter": "the-exporter"})
    with_it, without = make_site(metrics=True), make_site()
    assert all("the-exporter" in finding.remedy.split() for finding in packages.check(with_it))
    assert all("the-exporter" not in finding.remedy.split() for finding in packages.check(without))
