from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from snow_ha_plugin.guide import packages
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import command
from snow_ha_plugin.system.command import Result
from tests.unit.conftest import Machines


@pytest.mark.parametrize(
    ("program", "version", "told"),
    [
        ("sh", packages.__version__, []),
        ("no-such-program", packages.__version__, ["package-missing"] * 2),
        ("sh", "0.0.1", ["version-differs"] * 2),
    ],
)
def test_a_server_without_a_package_or_with_another_version_is_found(
    site: Site, machines: Machines, monkeypatch: pytest.MonkeyPatch, program: str, version: str, told: list[str]
) -> None:
    monkeypatch.setattr(packages, "PROGRAMS", {program: "a-package"})
    machines.stand_in("python3", f"echo snow-ha {version}")
    assert [finding.id for finding in packages.check(site)] == told


@pytest.mark.parametrize("program", [name for name, of in packages.PROGRAMS.items() if of == "pacemaker-cli-utils"])
def test_pacemakers_programs_are_called_as_pacemaker_calls_them(program: str) -> None:
    assert command.is_installed(program)


def test_what_is_asked_for_comes_with_the_package() -> None:
    """xen-utils is recommended alone: the package can be looked at on a machine without Xen."""
    control = Path(__file__).parents[3].joinpath("packaging/debian/control").read_text()
    named = set(re.findall(r"[a-z][\w.+-]+", control.partition("\nPackage: ")[2].partition("Description:")[0]))
    assert set(packages.PROGRAMS.values()) - {"snow-ha"} <= named


def test_what_must_be_there_is_what_is_run() -> None:
    root = Path(__file__).parents[3]
    sources = [
        path
        for part in ("snow_ha_plugin", "ocf", "packaging")
        for path in (root / part).rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path != Path(packages.__file__)
    ]
    text = "".join(path.read_text(errors="replace") for path in sources)
    programs = {Path(name).name for name in packages.PROGRAMS}
    assert {name for name in programs if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)} == set()


@pytest.fixture
def bare(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that have nothing of what they are asked about."""

    def reach(server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        return Result(tuple(argv), 0, "\n".join(argv[4:]).encode(), b"")

    monkeypatch.setattr(machines, "_reach", reach)


ALWAYS = {
    "corosync", "crmsh", "fence-agents", "ipmitool", "pacemaker", "pacemaker-cli-utils", "resource-agents", "sbd",
    "snow-ha", "xen-utils",
}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "also"),
    [
        ({}, set()),
        ({"qdevice": "qnetd01"}, {"corosync-qdevice", "libnss3-tools"}),
        ({"metrics": True}, {"prometheus-hacluster-exporter", "prometheus-node-exporter"}),
    ],
)
@pytest.mark.usefixtures("bare")
def test_a_bare_server_is_told_each_package_of_debian_that_it_needs(
    site: Site, asked: dict[str, Any], also: set[str]
) -> None:
    first, second = packages.check(replace(site, **asked))
    assert (first.severity, first.id, first.subject, second.subject) == (
        Severity.ERROR, "package-missing", "snow01", "snow02",
    )  # fmt: skip
    assert first.remedy == "apt install " + " ".join(sorted(ALWAYS | also))
    assert "snow01 lacks corosync, corosync-cfgtool, pacemakerd" in first.message


@pytest.mark.parametrize(("said", "told"), [("echo snow-ha 0.0.1", "snow-ha 0.0.1"), ("exit 1", "no version")])
def test_which_version_a_server_has_is_told(
    site: Site, machines: Machines, monkeypatch: pytest.MonkeyPatch, said: str, told: str
) -> None:
    monkeypatch.setattr(packages, "PROGRAMS", {"sh": "dash"})
    machines.stand_in("python3", f"[ $SERVER = snow02 ] || {{ echo snow-ha {packages.__version__}; exit; }}\n{said}")
    (found,) = packages.check(site)
    assert (found.severity, found.id, found.subject) == (Severity.ERROR, "version-differs", "snow02")
    assert found.message.startswith(f"snow02 has {told}, this server has snow-ha")
