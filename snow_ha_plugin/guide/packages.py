"""The guide's "install the packages": looked at, not done; installing is apt's business and the administrator's."""

from __future__ import annotations

from snow_ha_plugin import __version__
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site

# What each server must have, and the package that brings it.
PROGRAMS = {
    "corosync": "corosync",
    "corosync-cfgtool": "corosync",
    "pacemakerd": "pacemaker",
    "cibadmin": "pacemaker-cli-utils",
    "crm_mon": "pacemaker-cli-utils",
    "crm_simulate": "pacemaker-cli-utils",
    # The host itself calls it: crm resource start NAME.
    "crm": "crmsh",
    "xl": "xen-utils",
    "sbd": "sbd",
    "fence_snow_sbd": "snow-ha",
    # A package of its own in Debian 13, which fence-agents brings with all others.
    "fence_ipmilan": "fence-agents",
    "ipmitool": "ipmitool",
    "/usr/lib/ocf/resource.d/heartbeat/IPaddr2": "resource-agents",
    "/usr/lib/ocf/resource.d/snow/Xen": "snow-ha",
    "snow-ha": "snow-ha",
}

# What a third vote takes.
QDEVICE = {"corosync-qdevice": "corosync-qdevice", "certutil": "libnss3-tools"}

# What `enable --metrics` takes.
METRICS = {
    "ha_cluster_exporter": "prometheus-hacluster-exporter",
    "prometheus-node-exporter": "prometheus-node-exporter",
}

# The version as the program itself would tell it, in a fraction of its time.
_MISSING = """
for program do command -v "$program" >/dev/null 2>&1 || echo "$program"; done
python3 -Ic 'from snow_ha_plugin import __version__; print("snow-ha", __version__)' 2>/dev/null
true
"""


def check(site: Site) -> list[Finding]:
    findings = []
    programs = PROGRAMS | (QDEVICE if site.qdevice else {}) | (METRICS if site.metrics else {})
    for server, result in site.servers.each(
        lambda name: site.servers.must(name, ["sh", "-c", _MISSING, "sh", *programs], looks=True)
    ).items():
        lines = result.text.split("\n")
        missing = sorted({programs[line] for line in lines if line in programs})
        if missing:
            message = f"{server} lacks {', '.join(line for line in lines if line in programs)}"
            findings.append(
                Finding(Severity.ERROR, "package-missing", message, f"apt install {' '.join(missing)}", subject=server)
            )
        elif f"snow-ha {__version__}" not in lines:
            other = next((line for line in lines if line.startswith("snow-ha ")), "no version")
            message = f"{server} has {other}, this server has snow-ha {__version__}"
            findings.append(
                Finding(
                    Severity.ERROR,
                    "version-differs",
                    message,
                    "install the same version on all servers",
                    subject=server,
                )
            )
    return findings


STEP = Step("packages", "Packages", check)
