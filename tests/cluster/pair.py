"""A pair of servers that `enable` has made highly available, and what a test sees of it and does to it from outside."""

import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from subprocess import CompletedProcess
from typing import Any

from tests.cluster import cluster_state
from tests.lab import host
from tests.lab.cluster import Lab
from tests.lab.site import DOMAIN_FILES, SiteDomain, build_site
from tests.lab.world import World

ENABLED_WITHIN_S = 240
SETTLED_WITHIN_S = 60


class Pair:
    def __init__(self, lab: Lab, here: str = "snow01", there: str = "snow02") -> None:
        self.lab = lab
        self.world = World(lab.world_dir)
        self.here, self.there = here, there

    def snow_ha(self, *words: str, server: str = "", check: bool = True) -> "CompletedProcess[str]":
        return self.lab.run(server or self.here, ["snow-ha", *words], timeout=120, check=check)

    # what is there

    def cib(self, server: str = "") -> ET.Element:
        return ET.fromstring(self.lab.run(server or self.here, ["cibadmin", "--query"]).stdout)

    def epoch(self) -> int:
        return int(self.cib().get("epoch", "-1"))

    def primitive(self, name: str) -> ET.Element | None:
        return self.cib().find(f"configuration/resources/primitive[@id='{name}']")

    def is_registered(self, name: str) -> bool:
        return self.primitive(name) is not None

    def target_role(self, name: str) -> str | None:
        """What the CIB wants of a registered domain; None where it says nothing, which means that it shall run."""
        pair = self.cib().find(f".//primitive[@id='{name}']/meta_attributes/nvpair[@name='target-role']")
        return None if pair is None else pair.get("value")

    def mentions(self, name: str) -> list[str]:
        """Every place in any server's copy of the CIB, configuration and status, that has a name in it."""
        return [
            f"{server}: <{element.tag} {key}={value!r}>"
            for server in self.lab.names
            for element in self.cib(server).iter()
            for key, value in element.items()
            if name in value
        ]

    def status(self) -> dict[str, Any]:
        return json.loads(self.snow_ha("status", "--json").stdout)

    def files_of(self, name: str) -> list[str]:
        """The domain file and the images of a domain."""
        found = [self.lab.shared / DOMAIN_FILES / f"{name}.cfg", *(self.lab.shared / "domains" / name).glob("*")]
        return sorted(path.name for path in found if path.exists())

    # what is done to it

    def deploy(self, name: str, memory_mib: int = 256) -> None:
        """Make a domain file and images, behind snow-ha's back."""
        program = "/sNow/snow-tools/bin/xen-create-image"
        words = [f"--hostname={name}", f"--memory={memory_mib}", "--ip=10.77.0.99", "--bridge=xsnow0", "--dir=/sNow"]
        self.lab.run(self.here, [program, *words])

    def start(self, name: str, server: str) -> int:
        """Start a domain with xl, behind Pacemaker's back; its domid."""
        self.lab.run(server, ["xl", "create", f"/sNow/snow-tools/etc/domains/{name}.cfg"])
        self.wait_for(lambda: self.world.where(name) == [server], f"{name} does not run on {server}")
        domid = self.world.domid(name)
        assert domid is not None
        return domid

    def running(self, name: str, server: str, memory_mib: int = 256) -> int:
        """A domain that runs and that nobody has registered; its domid."""
        self.deploy(name, memory_mib)
        return self.start(name, server)

    def move(self, name: str, server: str) -> None:
        self.lab.run(self.here, ["crm_resource", "--move", "--resource", name, "--node", server])
        self.wait_for(lambda: self.world.where(name) == [server], f"{name} does not come to {server}")
        self.lab.run(self.here, ["crm_resource", "--clear", "--resource", name])
        self.settle()

    def change_cib(self, *words: str) -> None:
        self.lab.run(self.here, ["cibadmin", *words])

    def settle(self) -> None:
        """Wait until Pacemaker has nothing left to do."""
        self.lab.run(self.here, ["crm_resource", "--wait", f"--timeout={SETTLED_WITHIN_S}s"], timeout=90)

    def wait_for(self, condition: Callable[[], bool], otherwise: str) -> None:
        host.wait_until(condition, SETTLED_WITHIN_S, otherwise)


@contextmanager
def enabled(purpose: str, domains: Sequence[SiteDomain], **settings: Any) -> Iterator[Pair]:
    """A lab with these domains, and settings of snow.conf, from `enable` on until the end of the block."""
    site = partial(build_site, domains=domains, **settings)
    with Lab.up(f"{purpose}-{os.getpid()}", site=site, disk=cluster_state.hasten) as lab:
        lab.run(lab.names[0], ["snow-ha", "enable", "--without-fencing"], timeout=ENABLED_WITHIN_S)
        yield Pair(lab)
