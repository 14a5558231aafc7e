"""From para-virtualised to PVH and back, on a domain file whose domain runs nowhere; xl is a stand-in with guests."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import document
from snow_ha_plugin.core.configure import live
from snow_ha_plugin.errors import ConfigurationError, NoInputError, UnavailableError, UnsafeError
from snow_ha_plugin.model import Change, Domain
from snow_ha_plugin.operations import conversion, registration
from snow_ha_plugin.operations.image_migration import running
from snow_ha_plugin.operations.transaction import cleaning
from snow_ha_plugin.system import domainfiles, pacemaker, snowtools, xen
from tests.captures import domain, guide_cluster
from tests.unit.conftest import Machines
from tests.unit.core.test_cib import with_parts
from tests.unit.killing import killed
from tests.unit.operations.test_transaction import Memory
from tests.unit.system.test_kernel import image

FILE = "name = 'web01'\nkernel = '{}' # ours\nextra = 'quiet'\n"

# A guest hears of its shutdown at the second try; the state of a crashed one stays.
XL = """
guests={root}/guests-$SERVER
state='-b----'; [ -e {root}/crashes ] && state='----c-'
case $1 in
    list) [ -z "$2" ] || [ -s "$guests" ] || exit 1
        echo 'Name ID Mem VCPUs State Time(s)'; echo 'Domain-0 0 2048 2 r----- 1.0'
        while read -r name; do echo "$name 1 512 1 $state 1.0"; done <"$guests" ;;
    create) cp "$2" {root}/created; echo web01 >"$guests"; [ ! -e {root}/meanwhile ] || sh {root}/meanwhile ;;
    domid) grep -q . "$guests" ;;
    shutdown) [ ! -e {root}/deaf ] || exit 1; [ -e {root}/hears ] || {{ : >{root}/hears; exit 1; }}; : >"$guests" ;;
    destroy) : >"$guests" ;;
esac
"""


class Place:
    def __init__(self, root: Path) -> None:
        self.root, self.domains = root, root / "etc"
        self.domains.mkdir()
        self.kernel = root / "vmlinuz"
        self.kernel.write_bytes(image("6.1.0-18-amd64 (x)"))
        self.before = FILE.format(self.kernel)
        self.file = self.domains / "web01.cfg"
        self.file.write_text(self.before)
        self.machines = Machines(root)
        self.machines.stand_in("xl", XL.format(root=root))
        for server in self.machines.names:
            self.runs(server)

    def runs(self, server: str, *names: str) -> None:
        (self.root / f"guests-{server}").write_text("".join(f"{name}\n" for name in names))

    def domain(self) -> Domain:
        return snowtools.read_domain(self.domains, "web01")

    def convert(self, *, tries: bool = False, dry_run: bool = False) -> list[Change]:
        return conversion.convert(self.machines, self.domain(), tries=tries, dry_run=dry_run)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.domains.iterdir())

    def assert_converted(self) -> None:
        assert not self.domain().is_pv
        assert self.files() == ["web01.cfg", "web01.cfg.before-pvh"]
        assert (self.domains / "web01.cfg.before-pvh").read_text() == self.before


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(xen, "TRIED_WITHIN_S", 3)
    return Place(tmp_path)


WEB = '<primitive id="web01" class="ocf" provider="snow" type="Xen"/>'


def test_a_domain_is_converted_once_and_goes_back(place: Place) -> None:
    planned = place.convert(dry_run=True)
    assert place.files() == ["web01.cfg"]
    assert place.convert() == planned
    place.assert_converted()
    assert place.convert() == []
    conversion.back(place.machines, place.domain(), dry_run=True)
    place.assert_converted()
    conversion.back(place.machines, place.domain(), dry_run=False)
    assert place.file.read_text() == place.before
    assert place.files() == ["web01.cfg"]
    with pytest.raises(NoInputError, match="web01 was not converted"):
        conversion.back(place.machines, place.domain(), dry_run=False)


@pytest.mark.parametrize("server", ["snow01", "snow02"])
def test_a_domain_that_runs_is_refused_both_ways(place: Place, server: str) -> None:
    place.runs(server, "web01")
    with pytest.raises(UnsafeError, match=f"web01 runs on {server}"):
        place.convert()
    assert place.file.read_text() == place.before
    place.runs(server)
    place.convert()
    place.runs(server, "web01")
    with pytest.raises(UnsafeError, match=f"web01 runs on {server}"):
        conversion.back(place.machines, place.domain(), dry_run=False)
    place.assert_converted()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (image("4.9.0-13-amd64 (x)"), r"vmlinuz is Linux 4\.9\.0-13-amd64; PVH guests need 4\.11 or later"),
        (image("6.1.0-18-686 (x)", flags=0), "vmlinuz is of 32 bits"),
    ],
)
def test_a_kernel_that_cannot_is_refused(place: Place, data: bytes, why: str) -> None:
    place.kernel.write_bytes(data)
    with pytest.raises(ConfigurationError, match=why):
        place.convert()
    assert place.files() == ["web01.cfg"]


def test_the_oldest_kernel_that_can_is_taken(place: Place) -> None:
    place.kernel.write_bytes(image("4.11.0 (x)"))
    place.convert()
    place.assert_converted()


def test_a_file_that_was_edited_since_is_not_put_back(place: Place) -> None:
    place.convert()
    place.file.write_text(place.file.read_text() + "memory = 512\n")
    with pytest.raises(ConfigurationError, match="was edited since web01 was converted"):
        conversion.back(place.machines, place.domain(), dry_run=False)
    assert "memory" in place.file.read_text()


def test_it_is_tried_with_the_new_file_and_stays_if_it_boots(place: Place) -> None:
    place.convert(tries=True)
    place.assert_converted()
    assert (place.root / "created").read_text() == place.file.read_text()
    said = [line for line in place.machines.log() if "xl create" in line]
    assert said == [f'snow01 xl create {place.file}.try-pvh on_crash="preserve"']
    assert (place.root / "guests-snow01").read_text() == ""


@pytest.mark.parametrize("fault", ["deaf", "crashes"])
def test_what_does_not_boot_is_destroyed_and_stays_as_it_was(place: Place, fault: str) -> None:
    (place.root / fault).touch()
    with pytest.raises(UnavailableError, match="web01 does not boot like that on snow01"):
        place.convert(tries=True)
    assert place.file.read_text() == place.before
    assert place.files() == ["web01.cfg"]
    assert (place.root / "guests-snow01").read_text() == ""


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        ("echo web01 >guests-snow02", "web01 runs on snow02"),
        ("echo 'memory = 512' >>etc/web01.cfg", r"web01\.cfg was edited in the middle"),
    ],
)
def test_what_happens_while_it_is_tried_is_noticed(place: Place, meanwhile: str, why: str) -> None:
    (place.root / "meanwhile").write_text(f"cd {place.root}; {meanwhile}")
    with pytest.raises(UnsafeError, match=why):
        place.convert(tries=True)
    assert place.domain().is_pv
    assert place.files() == ["web01.cfg"]


def test_a_kernel_without_a_path_is_refused(place: Place) -> None:
    place.file.write_text(place.before.replace(str(place.kernel), "vmlinuz"))
    with pytest.raises(ConfigurationError, match="the kernel of web01 is not named by its path"):
        place.convert()


def test_what_pacemaker_is_to_run_is_not_tried(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = document.parse(
        b"<cib><configuration><crm_config/><nodes/><resources>"
        b'<primitive id="web01" class="ocf" provider="snow" type="Xen"/>'
        b"</resources><constraints/></configuration><status/></cib>"
    )
    monkeypatch.setattr(conversion.LiveCluster, "read", lambda self: cluster)
    with pytest.raises(UnsafeError, match="Pacemaker is to run web01"):
        place.convert(tries=True)
    assert not (place.root / "created").exists()
    place.convert()
    place.assert_converted()


@pytest.mark.parametrize("tries", [False, True])
def test_what_a_pacemaker_that_does_not_answer_had_is_left_as_it_is(
    place: Place, mocker: MockerFixture, tries: bool
) -> None:
    stored = mocker.patch.object(pacemaker, "stored_cib", return_value=None)
    place.convert()
    stored.return_value = with_parts(resources=WEB)
    with pytest.raises(UnavailableError, match="and web01 was registered"):
        conversion.back(place.machines, place.domain(), dry_run=False)
    with pytest.raises(UnavailableError, match="and web01 was registered"):
        conversion.tell_cluster(place.machines, place.domain(), 80)
    place.assert_converted()
    stored.return_value = None
    conversion.back(place.machines, place.domain(), dry_run=False)
    stored.return_value = with_parts(resources=WEB)
    with pytest.raises(UnavailableError, match="and web01 was registered"):
        place.convert(tries=tries)
    assert (place.files(), (place.root / "created").exists()) == (["web01.cfg"], False)


def test_a_pacemaker_that_is_gone_by_the_try_may_start_it(place: Place, mocker: MockerFixture) -> None:
    mocker.patch.object(pacemaker, "stored_cib", side_effect=[None, with_parts(resources=WEB)])
    with pytest.raises(UnavailableError, match="and web01 was registered"):
        place.convert(tries=True)
    assert not (place.root / "created").exists()


def test_a_registered_domain_migrates_live_from_then_on(place: Place, mocker: MockerFixture) -> None:
    cluster = Memory(guide_cluster())
    known = cib.domains(cluster.tree)["nis01"]
    sizes = (int(known.utilization[key]) for key in ("hv_memory", "cpu"))
    nis = domain("nis01", *sizes, config_path=known.parameters["xmfile"])
    live.tell(cluster.tree, nis._replace(is_pv=True), pv_migrates=False)
    for module in (conversion, running):
        mocker.patch.object(module, "LiveCluster", return_value=cluster)
    mocker.patch.object(registration, "undisturbed", return_value=cleaning)
    assert [change.message for change in conversion.tell_cluster(place.machines, nis, 80)] == ["let nis01 migrate live"]
    assert live.migrates(cluster.tree, "nis01")
    assert conversion.tell_cluster(place.machines, place.domain(), 80) == [], "web01 is not registered"


@pytest.mark.parametrize(("name", "when"), itertools.product(("keep", "put"), ("before", "after")))
def test_killed_anywhere_it_is_converted_by_the_next_run(
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str, when: str
) -> None:
    real = getattr(domainfiles, name)

    def deadly(*words: object, **options: object) -> None:
        if when == "after":
            real(*words, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        monkeypatch.setattr(domainfiles, name, deadly)
        place.convert()

    assert killed(work)
    assert place.file.read_text() == place.before
    place.convert()
    place.assert_converted()
    assert not running.is_registered("web01")
