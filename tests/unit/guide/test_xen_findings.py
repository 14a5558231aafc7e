"""What is found of hypervisors and of what runs on them, each with whom it is about."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import UnsafeError
from snow_ha_plugin.guide import xen
from snow_ha_plugin.model import Finding, Guest, Hypervisor, Severity
from tests.captures import domain
from tests.unit.conftest import MakeSite

XEN = Hypervisor(14336, 8, True)
PV = domain("web01")._replace(is_pv=True)


class Found:
    """What is found on two servers, of which each is XEN unless a test says otherwise."""

    def __init__(self, make_site: MakeSite, mocker: MockerFixture) -> None:
        self.make_site, self.hypervisors = make_site, {"snow01": XEN, "snow02": XEN}
        mocker.patch.object(xen.xen, "look", lambda _servers, name: self.hypervisors[name])

    def running(self, server: str, *names: str, kind: str = "") -> None:
        guests = tuple(Guest(name, number, 512, 1, "-b----", kind) for number, name in enumerate(names, 1))
        self.hypervisors[server] = replace(self.hypervisors[server], guests=guests)

    def __call__(self, *names: str) -> list[Finding]:
        domains = tuple(domain(name) for name in names)
        return xen.check(self.make_site(domains=domains))


@pytest.fixture
def found(make_site: MakeSite, mocker: MockerFixture) -> Found:
    return Found(make_site, mocker)


def test_nothing_is_wrong_with_domains_that_run_once(found: Found) -> None:
    found.running("snow01", "web01", "strange01")
    found.running("snow02", "web02")
    assert found("web01", "web02", "web03") == []


def test_the_site_has_what_each_server_says(found: Found) -> None:
    found.running("snow02", "web01")
    looked = xen.looked_at(found.make_site())
    assert dict(looked.hypervisors) == found.hypervisors


def test_a_domain_that_runs_twice_ends_the_run_as_unsafe(found: Found) -> None:
    found.running("snow01", "web02", "web01")
    found.running("snow02", "web01")
    (finding,) = found("web01", "web02")
    assert (finding.severity, finding.id, finding.subject) == (Severity.ERROR, "running-twice", "web01")
    assert finding.exit_code == UnsafeError.exit_code
    assert "web01 runs on snow01 and snow02 at once" in finding.message
    assert "xl destroy web01" in finding.remedy


def test_only_the_servers_on_which_it_runs_are_named(found: Found) -> None:
    found.hypervisors["snow03"] = XEN
    site = found.make_site(domains=(domain("web01"),))
    site.servers.names = ("snow01", "snow02", "snow03")
    found.running("snow01", "web02")
    found.running("snow02", "web01")
    found.running("snow03", "web01")
    (finding,) = xen.check(site)
    assert "on snow02 and snow03 at once" in finding.message


def test_a_guest_that_is_no_domain_of_ours_may_be_on_both(found: Found) -> None:
    found.running("snow01", "strange01")
    found.running("snow02", "strange01")
    assert found("web01") == []


@pytest.mark.parametrize("name", ["web01--incoming", "web01--migratedaway"])
def test_half_a_domain_is_the_wreck_of_a_migration(found: Found, name: str) -> None:
    found.running("snow02", name)
    (finding,) = found("web01")
    assert (finding.severity, finding.id, finding.subject) == (Severity.WARNING, "migration-rest", name)
    assert f"{name} on snow02" in finding.message


def test_a_domain_0_without_a_size_of_its_own_is_told_of_its_server(found: Found) -> None:
    found.hypervisors["snow02"] = replace(XEN, dom0_is_fixed=False)
    (finding,) = found()
    assert (finding.severity, finding.id, finding.subject) == (Severity.WARNING, "dom0-memory", "snow02")
    assert "taken for 2048 MiB, which leaves 14336 MiB for domains" in finding.message
    assert "dom0_mem=2048M,max:2048M" in finding.remedy


def test_one_para_virtualised_domain_is_enough_to_need_shadow_paging(found: Found) -> None:
    found.hypervisors["snow01"] = replace(XEN, migrates_pv=False)
    site = found.make_site(domains=(domain("web02"), PV))
    (finding,) = xen.check(site)
    assert (finding.severity, finding.id, finding.subject) == (Severity.WARNING, "no-pv-migration", "snow01")
    # What runs is not converted.
    assert finding.remedy.startswith("snow shutdown DOMAIN, snow ha images convert DOMAIN --try, snow boot DOMAIN")


def test_processors_are_told_of_a_server_of_each_kind(found: Found) -> None:
    found.hypervisors["snow02"] = replace(XEN, features="078bf3ff")
    (finding,) = found()
    assert (finding.severity, finding.id, finding.subject) == (Severity.WARNING, "processors-differ", "snow01 snow02")


@pytest.mark.parametrize(
    ("is_pv", "kind", "shadow", "words", "remedy"),
    [
        (False, "pv", True, "runs para-virtualised on snow02", "snow shutdown web01, snow boot web01, snow ha sync"),
        (
            False,
            "pv",
            False,
            "and cannot migrate live until then",
            "snow shutdown web01, snow boot web01, snow ha sync",
        ),
        (True, "pvh", True, "runs as pvh on snow02", 'put type = "pvh" back'),
        (True, "hvm", False, "and cannot migrate live from then on", 'put type = "hvm" back'),
    ],
)
def test_what_will_be_another_kind_of_guest_is_told_with_what_that_means(
    found: Found, is_pv: bool, kind: str, shadow: bool, words: str, remedy: str
) -> None:
    found.hypervisors["snow02"] = replace(XEN, migrates_pv=shadow)
    found.running("snow02", "web02", "web01", kind=kind)
    domains = [domain("web03"), domain("web01")._replace(is_pv=is_pv)]
    (finding,) = xen.run_otherwise(domains, found.hypervisors)
    assert (finding.severity, finding.id, finding.subject) == (Severity.WARNING, "runs-otherwise", "web01")
    assert words in finding.message
    assert ("cannot migrate live" in finding.message) == (not shadow)
    assert remedy in finding.remedy


@pytest.mark.parametrize(("is_pv", "kind"), [(True, "pv"), (False, "pvh"), (False, ""), (True, "")])
def test_what_stays_as_it_is_or_is_not_known_is_not_told(found: Found, is_pv: bool, kind: str) -> None:
    found.running("snow02", "web01", kind=kind)
    assert list(xen.run_otherwise([domain("web01")._replace(is_pv=is_pv)], found.hypervisors)) == []
