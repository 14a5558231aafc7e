"""`images migrate` on real servers: eight domains from block devices to /sNow, killed wherever that could matter.

Loop devices stand for LVM volumes. Each has data between holes, and is only one server's.
"""

import json
import os
import random
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import cluster_state as state
from tests.lab.cluster import Lab
from tests.lab.site import DOMAIN_FILES
from tests.unit.system.test_kernel import image

pytestmark = pytest.mark.lab

RUN_AT = Path(__file__).with_name("run_at.py").read_text()
KILL = "kill -KILL $PPID"
# A volume: a MiB of data, then a hole, then a MiB of data.
VOLUME = """
set -e
mkdir -p /root/volumes /dev/snow_vg
index=0
for name; do
    truncate -s 12M "/root/volumes/$name"
    head -c 1M /dev/urandom | dd of="/root/volumes/$name" conv=notrunc status=none
    head -c 1M /dev/urandom | dd of="/root/volumes/$name" bs=1M seek=9 conv=notrunc status=none
    losetup "/dev/loop$index" "/root/volumes/$name"
    ln -s "/dev/loop$index" "/dev/snow_vg/$name-disk"
    index=$((index + 1))
done
"""
POINTS = [
    f"{when} {call}"
    for call in ("1 prepare", "1 content", "2 content", "1 copy", "1 _dd", "1 finish", "1 keep", "1 put", "2 put")
    for when in ("before", "after")
]
# As many as CI has time for, by default.
RANDOM_KILLS = int(os.environ.get("SNOW_HA_KILLS", "20"))


def volume(name: str) -> str:
    return f"/dev/snow_vg/{name}-disk"


def copy(name: str) -> str:
    return f"/sNow/domains/{name}/{name}-disk"


@dataclass(frozen=True)
class Volumes:
    """A lab whose domains have volumes of snow01, what is in them, and the domain files of before."""

    lab: Lab
    digests: dict[str, str]
    files: dict[str, str]

    def digests_of(self, paths: list[str]) -> dict[str, str]:
        lines = self.lab.run("snow01", ["sha256sum", *paths]).stdout.splitlines()
        return {path: line.split()[0] for path, line in zip(paths, lines, strict=True)}

    def file(self, name: str) -> str:
        return (self.lab.shared / DOMAIN_FILES / f"{name}.cfg").read_text()

    def restore(self) -> None:
        """As before any migration."""
        for name, text in self.files.items():
            (self.lab.shared / DOMAIN_FILES / f"{name}.cfg").write_text(text)
        self.lab.run(
            "snow01", ["sh", "-c", "rm -f /sNow/domains/*/*-disk* /sNow/snow-tools/etc/domains/*.before-snow-ha"]
        )

    def migrate(self, *words: str) -> str:
        return state.snow_ha(self.lab, "images", "migrate", *words)

    def killed(self, point: str, *words: str) -> bool:
        argv = ["python3", "-c", RUN_AT, point, KILL, "images", "migrate", *words]
        return state.attempt(self.lab, argv).returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)

    def assert_whole(self) -> None:
        """No domain file names an image that is not whole, and no volume has changed."""
        expected = {volume(name): digest for name, digest in self.digests.items()}
        named = [name for name in self.digests if self.file(name) != self.files[name]]
        expected |= {copy(name): self.digests[name] for name in named}
        assert self.digests_of(list(expected)) == expected

    def assert_migrated(self) -> None:
        self.assert_whole()
        for name, before in self.files.items():
            now = self.file(name)
            assert f"target={copy(name)}'" in now
            changed = [line for line in now.splitlines() if line not in before.splitlines()]
            assert len(changed) == 1
            assert (self.lab.shared / DOMAIN_FILES / f"{name}.cfg.before-snow-ha").read_text() == before
            left = {path.name for path in (self.lab.shared / "domains" / name).iterdir()}
            assert left == {"disk.img", "swap.img", f"{name}-disk"}


@pytest.fixture(scope="module")
def volumes(lab: Lab) -> Volumes:
    lab.run("snow01", ["sh", "-c", VOLUME, "sh", *state.DOMAINS])
    for name in state.DOMAINS:
        path = lab.shared / DOMAIN_FILES / f"{name}.cfg"
        path.write_text(re.sub(r"file:[^,]*disk.img", f"phy:/dev/snow_vg/{name}-disk", path.read_text()))
    found = Volumes(lab, {}, {})
    for name in state.DOMAINS:
        found.digests[name] = found.digests_of([volume(name)])[volume(name)]
        found.files[name] = found.file(name)
    return found


@pytest.fixture(autouse=True)
def restored(volumes: Volumes) -> Iterator[None]:
    yield
    volumes.restore()


class TestStatus:
    def test_tells_what_each_image_is(self, volumes: Volumes) -> None:
        done = state.attempt(volumes.lab, ["snow-ha", "images", "status", "--json"])
        assert done.returncode == 78
        rows = {(row["domain"], row["disk"]): row for row in json.loads(done.stdout)["images"]}
        disk, swap = rows["nis01", "xvda2"], rows["nis01", "xvda1"]
        assert (disk["what"], disk["size_bytes"], disk["shared"], disk["fit"]) == ("device", 12 << 20, "no", False)
        assert (swap["what"], swap["shared"], swap["fit"]) == ("file", "yes", True)
        assert disk["servers"] == ["snow01"]

    def test_enable_refuses_with_the_way_out(self, volumes: Volumes) -> None:
        done = state.attempt(volumes.lab, ["snow-ha", "enable", "--without-fencing"])
        assert done.returncode == 78
        assert "is a volume of snow01 only; copy it to where all have it: snow-ha images migrate nis01" in done.stderr
        assert "[I] to copy 8 images, 96.0 MiB, to /sNow/domains: snow-ha images migrate, or" in done.stdout


class TestMigrate:
    def test_all_domains_boot_from_their_copies_on_the_other_server(self, volumes: Volumes) -> None:
        planned = volumes.migrate("--dry-run")
        volumes.assert_whole()
        assert volumes.file("nis01") == volumes.files["nis01"]
        assert volumes.migrate("--parallel", "2").count("[*] copy") == planned.count("[I] would copy") == 8
        volumes.assert_migrated()
        # Holes stay holes.
        assert (volumes.lab.shared / "domains/nis01/nis01-disk").stat().st_blocks * 512 < 3 << 20
        assert "nothing to do" in volumes.migrate()
        assert state.attempt(volumes.lab, ["snow-ha", "images", "status"]).returncode == 0
        for name in state.DOMAINS:
            path = f"{state.DOMAIN_FILES}/{name}.cfg"
            volumes.lab.run("snow02", ["xl", "create", path])
            volumes.lab.run("snow02", ["xl", "destroy", name])
        cleaning = state.snow_ha(volumes.lab, "images", "clean").splitlines()
        assert cleaning == [f"lvremove {volume(name)}" for name in _in_order(volumes.lab)]
        state.snow_ha(volumes.lab, "images", "rollback", "nis01")
        assert volumes.file("nis01") == volumes.files["nis01"]

    @pytest.mark.parametrize("point", POINTS)
    def test_killed_at_a_point_and_run_again_it_ends_well(self, volumes: Volumes, point: str) -> None:
        assert volumes.killed(point, "nis01")
        volumes.assert_whole()
        if point != "after 2 put":
            volumes.migrate("nis01")
        volumes.assert_whole()
        assert volumes.file("nis01") != volumes.files["nis01"]

    def test_killed_at_random_again_and_again_it_ends_well(self, volumes: Volumes) -> None:
        began = time.monotonic()
        volumes.migrate()
        undisturbed_s = time.monotonic() - began
        volumes.restore()
        chance = random.Random(13)
        for _ in range(RANDOM_KILLS):
            wait = f"{chance.uniform(0.1, undisturbed_s):.2f}"
            state.attempt(volumes.lab, ["timeout", "--signal=KILL", wait, "snow-ha", "images", "migrate"])
            volumes.assert_whole()
            if all(volumes.file(name) != text for name, text in volumes.files.items()):
                volumes.restore()
        volumes.migrate("--parallel", "2")
        volumes.assert_migrated()

    def test_a_second_run_at_the_same_time_says_so(self, volumes: Volumes) -> None:
        second = "snow-ha images migrate >/root/second 2>&1; echo $? >>/root/second"
        argv = ["python3", "-c", RUN_AT, "before 1 copy", second, "images", "migrate", "nis01"]
        volumes.lab.run("snow01", argv)
        said = (volumes.lab.disk("snow01") / "root/second").read_text()
        assert said == "[E] another snow-ha images is at work on this server; wait for its end, and try again\n75\n"

    def test_a_domain_that_starts_in_the_middle_keeps_its_volume(self, volumes: Volumes) -> None:
        start = f"xl create {state.DOMAIN_FILES}/nis01.cfg"
        argv = ["python3", "-c", RUN_AT, "after 1 copy", start, "images", "migrate", "nis01"]
        done = state.attempt(volumes.lab, argv)
        assert done.returncode == 107
        assert "nis01 runs on snow01" in done.stderr
        assert volumes.file("nis01") == volumes.files["nis01"]
        volumes.lab.run("snow01", ["xl", "destroy", "nis01"])

    def test_what_writes_to_a_volume_in_the_middle_is_noticed(self, volumes: Volumes) -> None:
        # The same bytes, so that the volume stays what it was.
        write = "dd if=/root/volumes/nis01 of=/dev/snow_vg/nis01-disk bs=4k count=1 conv=notrunc,fsync oflag=direct"
        argv = ["python3", "-c", RUN_AT, "after 1 copy", write, "images", "migrate", "nis01"]
        done = state.attempt(volumes.lab, argv)
        assert (done.returncode, "nis01 has run in the middle" in done.stderr) == (107, True)
        volumes.assert_whole()

    def test_with_restart_a_domain_that_runs_is_down_meanwhile_and_up_afterwards(self, volumes: Volumes) -> None:
        volumes.lab.run("snow01", ["xl", "create", f"{state.DOMAIN_FILES}/nis01.cfg"])
        refused = state.attempt(volumes.lab, ["snow-ha", "images", "migrate", "nis01"])
        assert (refused.returncode, "nis01 runs on snow01" in refused.stderr) == (107, True)
        volumes.migrate("nis01", "--restart")
        assert state.domids(volumes.lab)["nis01"][0] == "snow01"
        assert "target=/sNow/domains/nis01/nis01-disk" in volumes.file("nis01")
        volumes.lab.run("snow01", ["xl", "destroy", "nis01"])

    @pytest.mark.parametrize("point", ["after 1 copy", "before 1 note_up"])
    def test_a_restart_that_is_killed_is_ended_by_the_next_run(self, volumes: Volumes, point: str) -> None:
        volumes.lab.run("snow01", ["xl", "create", f"{state.DOMAIN_FILES}/nis01.cfg"])
        assert volumes.killed(point, "nis01", "--restart")
        said = state.attempt(volumes.lab, ["snow-ha", "images", "status"]).stdout
        assert "nis01 was shut down on snow01 for the migration of its images" in said
        volumes.migrate("nis01")
        assert state.domids(volumes.lab)["nis01"][0] == "snow01"
        assert "target=/sNow/domains/nis01/nis01-disk" in volumes.file("nis01")
        assert "was shut down" not in state.attempt(volumes.lab, ["snow-ha", "images", "status"]).stdout
        volumes.lab.run("snow01", ["xl", "destroy", "nis01"])

    def test_a_full_file_system_leaves_the_domain_as_it_was(self, volumes: Volumes) -> None:
        # Only snow01 has it: a domain's images would not go there, so that the copying itself is asked.
        script = """
from snow_ha_plugin.system import imagefiles
meter = imagefiles.Meter()
imagefiles.prepare("/tmp/small/nis01-disk")
content = imagefiles.content("/dev/snow_vg/nis01-disk", meter)
imagefiles.copy("/dev/snow_vg/nis01-disk", "/tmp/small/nis01-disk", content, meter)
"""
        mount = "mkdir -p /tmp/small && mount -t tmpfs -o size=1500k tmpfs /tmp/small"
        volumes.lab.run("snow01", ["sh", "-c", mount])
        done = state.attempt(volumes.lab, ["python3", "-c", script])
        assert "cannot be copied" in done.stderr
        assert "No space left on device" in done.stderr
        assert volumes.lab.run("snow01", ["ls", "/tmp/small"]).stdout == ""
        volumes.lab.run("snow01", ["umount", "/tmp/small"])
        volumes.assert_whole()


class TestConvert:
    def test_a_domain_that_boots_as_a_pvh_guest_becomes_one_and_goes_back(self, volumes: Volumes) -> None:
        lab, before = volumes.lab, volumes.file("nis01")
        kernel = lab.shared / "boot/vmlinuz"
        was = kernel.read_bytes()
        kernel.write_bytes(image("6.1.0-18-amd64 (x)"))
        try:
            state.snow_ha(lab, "images", "convert", "nis01", "--try")
            assert 'type = "pvh"' in volumes.file("nis01")
            assert "nis01" not in state.domids(lab)
            lab.run("snow01", ["xl", "create", f"{state.DOMAIN_FILES}/nis01.cfg"])
            refused = state.attempt(lab, ["snow-ha", "images", "convert", "nis01", "--back"])
            assert (refused.returncode, "nis01 runs on snow01" in refused.stderr) == (107, True)
            lab.run("snow01", ["xl", "destroy", "nis01"])
            state.snow_ha(lab, "images", "convert", "nis01", "--back")
            assert volumes.file("nis01") == before
        finally:
            kernel.write_bytes(was)


def _in_order(lab: Lab) -> list[str]:
    """The domains as domains.conf has them."""
    rows = [row.split() for row in lab.run("snow01", ["cat", "/sNow/snow-tools/etc/domains.conf"]).stdout.splitlines()]
    return [row[0] for row in rows if row[0] in state.DOMAINS]
