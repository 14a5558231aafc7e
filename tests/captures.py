"""What real programs said (tests/data/, each file named tool-version-case), and the real crm_verify as a judge."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import primitive
from snow_ha_plugin.model import Domain

DATA = Path(__file__).parent / "data"
SCHEMAS = Path("/usr/share/pacemaker")


def capture(name: str) -> bytes:
    return (DATA / name).read_bytes()


def guide_cluster() -> cib.Tree:
    """Two servers after `enable`: the guide's eight domains and the floating IP, all running."""
    return cib.clone(_guide_cluster())


@functools.cache
def _guide_cluster() -> cib.Tree:
    """As this version would have written it: version 0.1.0 has."""
    tree = cib.parse(capture("cibadmin-2.1.5-guide-domains.xml"))
    cib.former_ids.renew(tree)
    for name, found in cib.domains(tree).items():
        sizes = (int(found.utilization[key]) for key in ("hv_memory", "cpu"))
        primitive.register(tree, domain(name, *sizes, config_path=found.parameters["xmfile"]), 80)
    return tree


def unconfigured_cluster() -> cib.Tree:
    """What Debian 12 starts with."""
    return cib.parse(capture("cibadmin-2.1.5-unconfigured.xml"))


def domain(name: str = "web01", memory_mib: int = 512, vcpus: int = 1, **fields: str) -> Domain:
    return Domain(name, fields.get("config_path", f"/sNow/snow-tools/etc/domains/{name}.cfg"), memory_mib, vcpus)


def schema_errors(tree: cib.Tree, schema: str = "") -> str:
    """What crm_verify has against the tree as a document; nothing where it is valid."""
    judged = cib.clone(tree)
    if schema:
        judged.set("validate-with", schema)
    result = subprocess.run(
        ["/usr/sbin/crm_verify", "--xml-pipe", "--verbose"], input=cib.serialize(judged), capture_output=True
    )
    said = result.stderr.decode()
    # Pacemaker 3 names the schema with every error of the scheduler, too.
    other = [line for line in said.splitlines() if "error: " in line and "schema validation" not in line]
    return said if ("schema validation" in said and not other) or "Cannot" in said else ""


def schemas() -> list[str]:
    """The numbered schemas of Pacemaker 2 and 3 that are installed here, oldest first."""
    numbers = sorted(int(path.stem.rpartition(".")[2]) for path in SCHEMAS.glob("pacemaker-3.*.rng"))
    return [f"pacemaker-3.{number}" for number in numbers]
