"""What holds for each section of the guide that looks at servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.guide import (
    AFTERWARDS,
    CONFIGURATION_STEPS,
    SERVER_STEPS,
    autostart,
    corosync,
    events,
    permissions,
    qdevice,
)
from snow_ha_plugin.guide.section import ConfigurationStep, Step
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system.command import Result
from tests.captures import domain
from tests.unit.conftest import Machines, MakeSite

# Those in --json.
SECTIONS = [
    "settings", "packages", "shared", "pairs", "images", "bridges", "floating-ip", "xen", "corosync-by-hand",
    "corosync-members", "qdevice-host", "fencing", "autostart", "xendomains", "authkey", "qdevice", "corosync",
    "permissions", "shutdown", "events", "fencing-set-up", "start", "left", "qdevice-vote", "metrics", "hook",
]  # fmt: skip
# They ask a host of no cluster, or what changes by itself.
ASK_AGAIN = {"qdevice-host", "qdevice"}

Asked = list[tuple[str, ...]]


@pytest.fixture
def asked(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What servers are asked that have nothing to say."""
    asked: Asked = []

    def reach(server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        asked.append((server, *argv))
        return Result(tuple(argv), 0, b"", b"")

    monkeypatch.setattr(machines, "_reach", reach)
    monkeypatch.setattr(qdevice, "_addresses", lambda _name: set())
    return asked


def look(section: Step, site: Site) -> None:
    """Whatever comes of it: these answers are none."""
    try:
        section.check(site)
    except Exception:
        return


def without_trace(asked: Asked) -> bool:
    """Whether scripts are given to a shell that does not write each command of theirs into what is told of an error."""
    return {words[2] for words in asked if words[1] in ("sh", "bash")} <= {"-c"}


@pytest.mark.parametrize(
    ("name", "section"), list(zip(SECTIONS, (*SERVER_STEPS, *AFTERWARDS), strict=True)), ids=SECTIONS
)
def test_a_section_asks_servers_once_under_the_name_that_scripts_know(
    site: Site, machines: Machines, asked: Asked, name: str, section: Step
) -> None:
    site = replace(site, fencing="sbd", qdevice="qnetd01", metrics=True)
    look(section, site)
    first = list(asked)
    machines.read("snow01", "/etc/any")
    reading = asked[-1][:4]
    asked.clear()
    look(section, site)
    assert name in ASK_AGAIN or [words for words in asked if words[1:4] != reading[1:4]] == []
    assert without_trace(first)
    assert section.name == name
    assert " " in section.title or section.title.lower() in (name, f"{name}.conf")


CONFIGURATION = ["fencing", "defaults", "floating-ip", "domains", "events"]


@pytest.mark.parametrize(
    ("name", "section"), list(zip(CONFIGURATION, CONFIGURATION_STEPS, strict=True)), ids=CONFIGURATION
)
def test_a_section_of_the_cib_is_written_once_under_the_name_that_scripts_know(
    make_site: MakeSite, name: str, section: ConfigurationStep
) -> None:
    site, tree = replace(make_site(domains=(domain("web01"),)), fencing="sbd"), cib.empty()
    site = replace(site, conf=site.conf._replace(alert_mail=("root",)))
    assert section.edit(site, tree) != []
    assert section.edit(site, tree) == []
    assert section.name == name
    assert " " in section.title or section.title.lower() == name


@pytest.mark.parametrize(
    "section", [autostart.STEP, corosync.STEP, permissions.STEP, events.SERVERS], ids=lambda s: s.name
)
def test_what_mends_a_section_runs_on_each_server_without_a_trace(site: Site, asked: Asked, section: Step) -> None:
    assert section.apply
    section.apply(site)
    assert {words[0] for words in asked} == {"snow01", "snow02"}
    assert without_trace(asked)
