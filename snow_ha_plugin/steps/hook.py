"""The hook in the host's `snow` command. It lies on the shared file system, where no package may own files."""

from __future__ import annotations

import sys
from pathlib import Path

from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.steps.site import Site
from snow_ha_plugin.steps.step import Step

NAME = "50-snow-ha.sh"


def check(site: Site) -> list[Finding]:
    present = site.servers.read(site.servers.here, str(site.layout.hooks_dir / NAME))
    if present == _shipped():
        return []
    message = f"`snow` does not know of high availability: {site.layout.hooks_dir / NAME} is " + (
        "old" if present else "missing"
    )
    return [Finding(Severity.ERROR, "hook", message, "snow ha enable")]


def apply(site: Site) -> None:
    here = site.servers.here
    site.servers.must(here, ["mkdir", "-p", str(site.layout.hooks_dir)])
    site.servers.write(here, str(site.layout.hooks_dir / NAME), _shipped())


def remove(site: Site) -> None:
    site.servers.must(site.servers.here, ["rm", "-f", str(site.layout.hooks_dir / NAME)])


def _shipped() -> bytes:
    return Path(sys.prefix, "share/snow-ha", NAME).read_bytes()


STEP = Step("hook", "Hook of the snow command", check, apply)
