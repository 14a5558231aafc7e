"""The hook in the host's `snow` command. It lies on the shared file system, where no package may own files.

`enable` puts it there, and `disable` takes it out. The package keeps it current, and takes it out with itself where
no other server has the package any more.
"""

from __future__ import annotations

import sys
from pathlib import Path

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide.section import Step
from snow_ha_plugin.model import Finding, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import snowtools
from snow_ha_plugin.system.servers import Servers

NAME = snowtools.HOOK


def check(site: Site) -> list[Finding]:
    present = site.servers.read(site.servers.here, str(site.layout.hooks_dir / NAME))
    try:
        if present == _shipped():
            return []
    except UnavailableError as error:
        return [Finding(Severity.ERROR, "hook", error.message, error.remedy)]
    message = f"`snow` does not know of high availability: {site.layout.hooks_dir / NAME} is " + (
        "old" if present else "missing"
    )
    return [Finding(Severity.ERROR, "hook", message, "snow ha enable")]


def apply(site: Site) -> None:
    here = site.servers.here
    site.servers.must(here, ["mkdir", "-p", str(site.layout.hooks_dir)])
    site.servers.write(here, str(site.layout.hooks_dir / NAME), _shipped())


def remove(servers: Servers, hooks_dir: Path) -> None:
    servers.must(servers.here, ["rm", "-f", str(hooks_dir / NAME)])


def refresh(servers: Servers, hooks_dir: Path) -> bool:
    """Bring the hook up to this version where one is; whether that was to be done."""
    present = servers.read(servers.here, str(hooks_dir / NAME))
    if present is None or present == _shipped():
        return False
    servers.write(servers.here, str(hooks_dir / NAME), _shipped())
    return True


def users(servers: Servers) -> list[str]:
    """The other servers that may need the hook: a server that does not answer may have the package too."""

    def has_package(name: str) -> bool:
        return servers.run(name, ["sh", "-c", "command -v snow-ha"]).ok

    others = [name for name in servers.names if name != servers.here]
    return [name for name, answer in servers.outcomes(has_package, others).items() if answer is not False]


def _shipped() -> bytes:
    try:
        return Path(sys.prefix, "share/snow-ha", NAME).read_bytes()
    except FileNotFoundError as error:
        raise UnavailableError(
            f"this server's own copy of the hook is not there: {error.filename}",
            remedy="apt install --reinstall snow-ha",
        ) from None


STEP = Step("hook", "Hook of the snow command", check, apply)
