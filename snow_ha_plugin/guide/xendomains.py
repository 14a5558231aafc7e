"""The guide's /etc/default/xendomains: Xen's own service must neither start nor save nor restore a domain.

The guide empties the directory of saved domains only; Debian's file also restores them and starts all of
/etc/xen/auto, beside Pacemaker and on both servers.
"""

from __future__ import annotations

import re

from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site

PATH = "/etc/default/xendomains"
SETTINGS = {"XENDOMAINS_SAVE": '""', "XENDOMAINS_RESTORE": "false", "XENDOMAINS_AUTO": '""'}


def check(site: Site) -> list[Finding]:
    return [
        Finding(
            Severity.ERROR,
            "xendomains",
            f"{PATH} on {server} lets Xen start, save or restore domains beside Pacemaker",
            "snow ha enable",
        )
        for server, text in _present(site).items()
        if text != settled(text)
    ]


def apply(site: Site) -> None:
    for server, text in _present(site).items():
        if text != settled(text):
            site.servers.write(server, PATH, settled(text).encode())


def settled(text: str) -> str:
    """The file with our settings: in the place of the first assignment of each, without any other; else at the end."""
    for name, value in SETTINGS.items():
        line = f"{name}={value}"
        pattern = re.compile(rf"^[ \t]*(?:export[ \t]+)?{name}=.*$", re.MULTILINE)
        if pattern.search(text):
            text = pattern.sub(line, text)
        else:
            text = f"{text.rstrip()}\n{line}\n".lstrip()
    return text


def _present(site: Site) -> dict[str, str]:
    return site.servers.each(lambda name: (site.servers.read(name, PATH) or b"").decode(errors="replace"))


STEP = Step("xendomains", "Xen's own autostart", check, apply)
