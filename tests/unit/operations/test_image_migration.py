"""Images from one server's volumes, which are files that the other does not see, to a directory that both see."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from snow_ha_plugin.errors import (
    ConfigurationError,
    NoInputError,
    SnowHaError,
    TryAgainError,
    UnavailableError,
    UnsafeError,
)
from snow_ha_plugin.model import Change, Domain
from snow_ha_plugin.operations.image_migration import copying, plans, running, way_back
from snow_ha_plugin.operations.image_migration.copying import Outcome
from snow_ha_plugin.operations.image_migration.plans import Plan
from snow_ha_plugin.system import domainfiles, imagefiles, snowtools
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.imagefiles import Meter
from tests.unit.conftest import Machines
from tests.unit.killing import killed

DISK, SWAP = b"system" + bytes(200_000) + b"data", bytes(70_000)
FILE = """# web01, as xen-tools made it
kernel = '{kernel}'
disk = [ 'phy:{volumes}/web01-disk,xvda2,w', # system\r
         "file:{volumes}/web01-swap,xvda1,w", ]
name = 'web01'
"""

XL = """
case $1 in
    list) echo 'Name ID Mem VCPUs State Time(s)'; echo 'Domain-0 0 2048 2 r----- 1.0'
        while read -r name; do echo "$name 1 512 1 -b---- 1.0"; done <"{guests}-$SERVER" ;;
    shutdown) grep -q . "{guests}-$SERVER" && : >"{guests}-$SERVER" ;;
    create) echo web01 >>"{guests}-$SERVER" ;;
esac
"""


class Halls(Machines):
    """Of two servers, snow02 does not see the volumes."""

    def run(
        self, server: str, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60, looks: bool = False
    ) -> Result:
        hidden = str(self.root / "volumes")
        words = [word.replace(hidden, "/not/here") if server == "snow02" else word for word in argv]
        return super().run(server, words, stdin=stdin, timeout_s=timeout_s, looks=looks)

    def runs(self, server: str, *names: str) -> None:
        (self.root / f"guests-{server}").write_text("".join(f"{name}\n" for name in names))


class Place:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.volumes, self.shared, self.domains = (root / name for name in ("volumes", "shared", "etc"))
        for directory in (self.volumes, self.shared, self.domains):
            directory.mkdir()
        (self.volumes / "web01-disk").write_bytes(DISK)
        (self.volumes / "web01-swap").write_bytes(SWAP)
        (root / "vmlinuz").write_text("kernel")
        self.before = FILE.format(kernel=root / "vmlinuz", volumes=self.volumes).encode()
        self.file.write_bytes(self.before)
        self.halls = Halls(root)
        self.halls.stand_in("xl", XL.format(guests=root / "guests"))
        for server in self.halls.names:
            self.halls.runs(server)

    @property
    def file(self) -> Path:
        return self.domains / "web01.cfg"

    def domain(self) -> Domain:
        return snowtools.read_domain(self.domains, "web01")

    def plans(self, *, restart: bool = False) -> dict[str, Plan | SnowHaError]:
        return plans.plans(self.halls, [self.domain()], str(self.shared), restart=restart)

    def outcome(self, *, restart: bool = False) -> Outcome | None:
        found = self.plans(restart=restart)
        return copying.migrate_all(self.halls, found, 1, Meter(), lambda seconds: None).get("web01")

    def migrate(self) -> list[Change]:
        outcome = self.outcome()
        if isinstance(outcome, SnowHaError):
            raise outcome
        return outcome or []

    def assert_untouched(self) -> None:
        assert (self.volumes / "web01-disk").read_bytes() == DISK
        assert (self.volumes / "web01-swap").read_bytes() == SWAP

    def assert_migrated(self) -> None:
        self.assert_untouched()
        assert (self.shared / "web01/web01-disk").read_bytes() == DISK
        assert (self.shared / "web01/web01-swap").read_bytes() == SWAP
        assert sorted(path.name for path in (self.shared / "web01").iterdir()) == ["web01-disk", "web01-swap"]
        assert sorted(path.name for path in self.domains.iterdir()) == ["web01.cfg", "web01.cfg.before-snow-ha"]
        assert self.file.with_name("web01.cfg.before-snow-ha").read_bytes() == self.before
        assert [disk.path for disk in self.domain().disks] == [
            str(self.shared / "web01/web01-disk"),
            str(self.shared / "web01/web01-swap"),
        ]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_volumes_become_files_that_the_domain_file_names(place: Place) -> None:
    changes = place.migrate()
    assert [change.target for change in changes] == [disk for disk in map(str, sorted(place.volumes.iterdir()))]
    place.assert_migrated()
    before, after = place.before.split(b"\n"), place.file.read_bytes().split(b"\n")
    assert [new == old for new, old in zip(after, before, strict=True)] == [True, True, False, False, True, True]
    assert after[2].endswith(b"web01-disk', # system\r")


def test_a_second_run_has_nothing_to_do(place: Place) -> None:
    place.migrate()
    assert place.plans() == {}


def test_what_servers_share_stays(place: Place) -> None:
    place.file.write_bytes(place.before.replace(b"volumes/web01-swap", b"shared/swap.img"))
    (place.shared / "swap.img").write_bytes(SWAP)
    (change,) = place.migrate()
    assert change.target.endswith("web01-disk")


def test_a_domain_that_runs_anywhere_is_refused(place: Place) -> None:
    for name in ("web01", "web01--incoming", "web01--migratedaway"):
        place.halls.runs("snow02", name)
        error = place.plans()["web01"]
        assert str(error) == (
            "web01 runs on snow02; its image changes meanwhile; shut it down (snow shutdown web01), or add --restart"
        )
    place.halls.runs("snow02", "web011")
    assert isinstance(place.plans()["web01"], Plan)


def test_with_restart_it_is_shut_down_and_booted_again_where_it_ran(place: Place) -> None:
    place.halls.runs("snow01", "web01")
    assert isinstance(place.outcome(restart=True), list)
    place.assert_migrated()
    said = [line for line in place.halls.log() if "xl list" not in line]
    assert said == ["snow01 xl shutdown -w web01", f"snow01 xl create {place.file}"]


def test_a_domain_whose_migration_fails_is_booted_again_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.halls.runs("snow01", "web01")
    monkeypatch.setattr(imagefiles, "free", lambda directory: 0)
    assert isinstance(place.outcome(restart=True), UnavailableError)
    assert place.halls.log()[-1] == f"snow01 xl create {place.file}"
    assert place.file.read_bytes() == place.before


def test_a_domain_that_somebody_else_has_booted_meanwhile_is_not_booted_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = imagefiles.copy

    def copy(*words: object) -> None:
        real(*words)  # type: ignore[arg-type]
        place.halls.runs("snow02", "web01")

    place.halls.runs("snow01", "web01")
    monkeypatch.setattr(imagefiles, "copy", copy)
    assert isinstance(place.outcome(restart=True), UnsafeError)
    assert not any("xl create" in line for line in place.halls.log())
    assert domainfiles.noted_down(str(place.file)) == ""


RESTARTS = [("note_down", "after"), ("content", "before"), ("copy", "after"), ("keep", "after"), ("note_up", "before")]


@pytest.mark.parametrize(("name", "when"), RESTARTS)
def test_a_restart_that_is_killed_is_ended_by_the_next_run(
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str, when: str
) -> None:
    place.halls.runs("snow01", "web01")

    def work() -> None:
        at(name, 1, when)(monkeypatch)
        place.outcome(restart=True)

    assert killed(work)
    (found,) = running.left_down({"web01": str(place.file)})
    assert (found.id, found.subject) == ("left-down", "web01")
    assert found.message.startswith("web01 was shut down on snow01 ")
    is_up = name in ("note_down", "note_up")
    if is_up:
        # It runs: as nobody has shut it down yet, or as it is booted again.
        place.plans()
        assert running.left_down({"web01": str(place.file)}) == []
    outcome = place.outcome(restart=is_up)
    assert isinstance(outcome, list) or name == "note_up"
    place.assert_migrated()
    assert (place.root / "guests-snow01").read_text() == "web01\n"
    assert sum("xl create" in line for line in place.halls.log()) == 1


def test_a_domain_that_was_left_down_after_its_copy_is_booted(place: Place) -> None:
    place.migrate()
    domainfiles.note_down(str(place.file), "snow02")
    planned = copying.outcomes(place.plans())["web01"]
    assert isinstance(planned, list)
    assert [change.message for change in planned] == [
        "boot web01 again, which a run that was interrupted has shut down"
    ]
    assert place.outcome() == planned
    assert place.halls.log()[-1] == f"snow02 xl create {place.file}"
    place.assert_migrated()


@pytest.mark.parametrize("name", ["web01", "web01--incoming"])
def test_a_domain_that_is_started_in_the_middle_keeps_its_volumes(
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    real = imagefiles.copy

    def copy(*words: object) -> None:
        real(*words)  # type: ignore[arg-type]
        place.halls.runs("snow02", name)

    monkeypatch.setattr(imagefiles, "copy", copy)
    with pytest.raises(UnsafeError, match="web01 runs on snow02"):
        place.migrate()
    assert place.file.read_bytes() == place.before
    assert not (place.shared / "web01/web01-disk").exists()


def test_a_domain_that_ran_in_the_middle_keeps_its_volumes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real = imagefiles.copy

    def copy(*words: object) -> None:
        real(*words)  # type: ignore[arg-type]
        (place.volumes / "web01-disk").write_bytes(DISK[:-1] + b"!")

    monkeypatch.setattr(imagefiles, "copy", copy)
    with pytest.raises(UnsafeError, match="web01 has run in the middle"):
        place.migrate()
    assert place.file.read_bytes() == place.before


def test_a_file_that_is_edited_in_the_middle_is_left_as_it_is(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real = imagefiles.copy

    def copy(*words: object) -> None:
        real(*words)  # type: ignore[arg-type]
        place.file.write_bytes(place.before + b"memory = 512\n")

    monkeypatch.setattr(imagefiles, "copy", copy)
    with pytest.raises(UnsafeError, match=r"web01\.cfg was edited in the middle"):
        place.migrate()
    assert place.file.read_bytes() == place.before + b"memory = 512\n"


def test_room_is_looked_for_before_the_copy(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of the system's blocks two have something in them, the last one is a part; of the swap's none has.
    needed = imagefiles.BLOCK + len(DISK) % imagefiles.BLOCK + copying.SPARE_BYTES
    monkeypatch.setattr(imagefiles, "free", lambda directory: needed - 1)
    with pytest.raises(UnavailableError, match=r"has no room for 0 MiB; 0 MiB are free; make room"):
        place.migrate()
    assert place.file.read_bytes() == place.before
    monkeypatch.setattr(imagefiles, "free", lambda directory: needed)
    place.migrate()
    place.assert_migrated()


def test_room_is_given_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagefiles, "free", lambda directory: 100 + copying.SPARE_BYTES)
    space = copying.Space()
    with space.reserve("/d", 60), pytest.raises(UnavailableError), space.reserve("/d", 60):
        pass
    with space.reserve("/d", 100):
        pass


def test_a_place_that_is_not_shared_is_refused_before_the_copy(place: Place) -> None:
    place.shared = place.volumes / "elsewhere"
    with pytest.raises(UnavailableError, match=r"elsewhere/web01 is not shared by snow01 and snow02"):
        place.migrate()
    assert place.file.read_bytes() == place.before


def test_a_file_that_is_there_already_is_kept(place: Place) -> None:
    (place.shared / "web01").mkdir()
    (place.shared / "web01/web01-disk").write_bytes(b"somebody's")
    with pytest.raises(ConfigurationError, match=r"there is a .*web01-disk already, and it is no copy of"):
        place.migrate()
    assert (place.shared / "web01/web01-disk").read_bytes() == b"somebody's"
    assert place.file.read_bytes() == place.before


def test_a_volume_of_another_server_is_copied_there(place: Place) -> None:
    place.halls.here = "snow02"
    error = place.plans()["web01"]
    assert isinstance(error, ConfigurationError)
    assert error.remedy == "on snow01: snow-ha images migrate web01"


def test_an_image_that_is_nowhere_is_not_taken_for_shared(place: Place) -> None:
    (place.volumes / "web01-swap").unlink()
    with pytest.raises(ConfigurationError, match=r"web01-swap of web01 is not there on snow01 and snow02; there is"):
        place.migrate()
    assert place.file.read_bytes() == place.before


def test_the_way_back_is_not_lost_by_a_second_migration(place: Place) -> None:
    place.migrate()
    (place.volumes / "more").write_bytes(b"more")
    place.file.write_bytes(place.file.read_bytes() + f"disk += [ 'phy:{place.volumes}/more,xvdb,w' ]\n".encode())
    with pytest.raises(ConfigurationError, match="is there from an earlier migration"):
        place.migrate()


def test_rollback_puts_the_file_back_and_leaves_the_copies(place: Place) -> None:
    place.migrate()
    place.halls.runs("snow02", "web01")
    with pytest.raises(UnsafeError, match="web01 runs on snow02"):
        way_back.rollback(place.halls, place.domain())
    place.halls.runs("snow02")
    planned = way_back.rollback(place.halls, place.domain(), dry_run=True)
    assert place.file.read_bytes() != place.before
    assert way_back.rollback(place.halls, place.domain()) == planned
    assert place.file.read_bytes() == place.before
    assert (place.shared / "web01/web01-disk").read_bytes() == DISK
    with pytest.raises(NoInputError, match="were not migrated"):
        way_back.rollback(place.halls, place.domain())
    # The copies are still good.
    place.migrate()
    place.assert_migrated()


def at(name: str, number: int, when: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Die before or after the so-manieth call of a function that changes something."""

    def arm(monkeypatch: pytest.MonkeyPatch) -> None:
        module = domainfiles if hasattr(domainfiles, name) else imagefiles
        real, calls = getattr(module, name), itertools.count(1)

        def deadly(*words: object, **options: object) -> object:
            is_it = next(calls) == number
            if is_it and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*words, **options)
            if is_it:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        monkeypatch.setattr(module, name, deadly)

    return arm


POINTS = [
    *[(name, 1, when) for name in ("prepare", "keep") for when in ("before", "after")],
    *itertools.product(("copy", "_dd", "finish", "put"), (1, 2), ("before", "after")),
    *[("content", number, "before") for number in (1, 2, 3, 4)],
]  # fmt: skip


@pytest.mark.parametrize(("name", "number", "when"), POINTS)
def test_killed_anywhere_and_run_again_it_ends_as_if_undisturbed(
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str, number: int, when: str
) -> None:
    def work() -> None:
        at(name, number, when)(monkeypatch)
        place.migrate()

    assert killed(work)
    place.assert_untouched()
    # No domain file ever names an image that is not whole.
    if place.file.read_bytes() == place.before:
        place.migrate()
    place.assert_migrated()


def test_only_volumes_whose_copies_are_in_use_can_go(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def cleaning() -> list[str]:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "is_block_device", lambda self: "/volumes/" in str(self))
            return way_back.cleaning([place.domain()])

    assert cleaning() == []
    place.migrate()
    assert cleaning() == [f"lvremove {place.volumes}/web01-disk", f"lvremove {place.volumes}/web01-swap"]
    way_back.rollback(place.halls, place.domain())
    assert cleaning() == []


def test_several_domains_are_copied_at_a_time_and_each_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.volumes / "web02-disk").write_bytes(DISK)
    other = f"name = 'web02'\ndisk = [ 'phy:{place.volumes}/web02-disk,xvda,w' ]\n"
    (place.domains / "web02.cfg").write_text(other)
    both, real = threading.Barrier(2, timeout=20), copying.migrate

    def migrate(*words: object) -> list[Change]:
        both.wait()
        return real(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(copying, "migrate", migrate)
    domains = [place.domain(), snowtools.read_domain(place.domains, "web02")]
    found = plans.plans(place.halls, domains, str(place.shared), restart=False)
    meter, shown = Meter(), list[float]()
    done = copying.migrate_all(place.halls, found, 2, meter, shown.append)
    assert [len(changes) for changes in done.values() if isinstance(changes, list)] == [2, 1]
    assert (place.shared / "web02/web02-disk").read_bytes() == DISK
    assert meter.done == meter.total == 3 * (2 * len(DISK) + len(SWAP))


def test_a_failure_of_one_domain_is_not_that_of_the_others(place: Place) -> None:
    other = f"name = 'web02'\ndisk = [ 'phy:{place.volumes}/web02-disk,xvda,w' ]\n"
    (place.domains / "web02.cfg").write_text(other)
    (place.volumes / "web02-disk").write_bytes(DISK)
    domains = [place.domain(), snowtools.read_domain(place.domains, "web02")]
    found = plans.plans(place.halls, domains, str(place.shared), restart=False)
    (place.volumes / "web02-disk").unlink()
    done = copying.migrate_all(place.halls, found, 2, Meter(), lambda seconds: None)
    assert isinstance(done["web02"], UnavailableError)
    assert (place.domains / "web02.cfg").read_text() == other
    assert isinstance(done["web01"], list)
    assert place.file.read_bytes() != place.before


def two(place: Place) -> dict[str, Plan | SnowHaError]:
    (place.domains / "web02.cfg").write_text(f"name = 'web02'\ndisk = [ 'phy:{place.volumes}/web02-disk,xvda,w' ]\n")
    (place.volumes / "web02-disk").write_bytes(DISK)
    domains = [place.domain(), snowtools.read_domain(place.domains, "web02")]
    return plans.plans(place.halls, domains, str(place.shared), restart=False)


def test_a_file_system_that_is_full_fails_one_domain_with_a_reason(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = domainfiles.keep

    def keep(path: str) -> None:
        if path.endswith("web02.cfg"):
            raise OSError(errno.ENOSPC, "No space left on device", path)
        real(path)

    found = two(place)
    monkeypatch.setattr(domainfiles, "keep", keep)
    done = copying.migrate_all(place.halls, found, 1, Meter(), lambda seconds: None)
    assert isinstance(done["web02"], UnavailableError)
    assert str(done["web02"]) == (
        f"the images of web02 cannot be migrated; {place.domains}/web02.cfg: No space left on device;"
        " make room there, or mend its mount, and try again"
    )
    assert isinstance(done["web01"], list)
    place.assert_untouched()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_was_done_before_an_interruption_is_known(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    found, real, at_two = two(place), copying.migrate, threading.Event()

    def migrate(servers: Machines, todo: Plan, meter: Meter, space: copying.Space) -> list[Change]:
        if todo.domain.name == "web02":
            at_two.set()
            while True:
                meter.go_on()
        return real(servers, todo, meter, space)

    def show(seconds: float) -> None:
        if at_two.is_set():
            raise error

    monkeypatch.setattr(copying, "SHOWN_EVERY_S", 0)
    monkeypatch.setattr(copying, "migrate", migrate)
    done: dict[str, Outcome] = {}
    with pytest.raises(error):
        copying.migrate_all(place.halls, found, 1, Meter(), show, done)
    assert isinstance(done["web01"], list)
    assert isinstance(done["web02"], TryAgainError)


def test_a_domain_whose_root_is_on_nfs_has_nothing_to_copy(place: Place) -> None:
    place.file.write_text("name = 'web01'\nkernel = '/k'\nextra = 'root=/dev/nfs nfsroot=10.1.0.9:/srv/web01'\n")
    assert place.plans() == {}
