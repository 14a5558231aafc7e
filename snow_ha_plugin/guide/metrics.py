"""Not in the guide: `enable --metrics`, Debian's exporter of Pacemaker's numbers and a timer for ours."""

from __future__ import annotations

from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations import reporting
from snow_ha_plugin.operations.reporting import METRICS_FILE, Report
from snow_ha_plugin.operations.site import Site

EXPORTER = "ha_cluster_exporter.service"

# As often as Prometheus asks by default.
EVERY_MIN = 1

_RUNS = 'systemctl is-enabled --quiet "$1" && systemctl is-active --quiet "$1"'


def check(site: Site) -> list[Finding]:
    """Nothing, unless it was asked for."""
    if not site.metrics:
        return []
    lacking = site.servers.each(lambda name: _lacks(site, name))
    return [
        Finding(Severity.ERROR, "metrics", f"{server} does not give {what}", "snow ha enable --metrics", subject=server)
        for server, what in lacking.items()
        if what
    ]


def _lacks(site: Site, server: str) -> str:
    if not site.servers.run(server, ["sh", "-c", _RUNS, "sh", EXPORTER], looks=True).ok:
        return f"Pacemaker's numbers: {EXPORTER} does not run"
    if not reporting.is_kept(site.servers, server, Report.METRICS, METRICS_FILE, EVERY_MIN):
        return "snow-ha's numbers"
    return ""


def apply(site: Site) -> None:
    site.servers.each(lambda name: site.servers.must(name, ["systemctl", "enable", "--quiet", "--now", EXPORTER]))
    reporting.begin(site.servers, Report.METRICS, METRICS_FILE, EVERY_MIN)


STEP = Step("metrics", "Numbers for Prometheus", check, apply)
