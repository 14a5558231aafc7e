"""What the lab asks of the machine it runs on: programs, waiting, the cgroup tree.

The lowest layer of the lab. Times are seconds.
"""

import errno
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")


class LabError(Exception):
    """What went wrong in the lab, in one line that says what to do where that is known."""


def run(argv: Sequence[str | Path], timeout_s: float = 60) -> str:
    """The output of a program of this machine, which dies with the process that started it.

    Raises LabError for a failure or at the deadline.
    """
    program = Path(argv[0]).name
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", *argv],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout_s,
        )  # fmt: skip
    except subprocess.TimeoutExpired as expired:
        raise LabError(f"{program} took more than {timeout_s:g} s") from expired
    if done.returncode != 0:
        raise LabError(f"{program} failed with {done.returncode}: {_reason(done.stderr)}")
    return done.stdout


def _reason(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    # dpkg-buildpackage ends with which step failed; setuptools' own complaint is further up.
    complaints = [line for line in lines if line.startswith("error: ")]
    return (complaints or lines or ["it said nothing"])[-1]


def wait_until(condition: Callable[[], bool], timeout_s: float, otherwise: str | Callable[[], str]) -> None:
    """Return as soon as `condition()` holds; at the deadline raise LabError(otherwise), which may tell what is then.

    Four fifths of the time are for others: four labs at a time wait for most of theirs, on two processors.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        began = time.monotonic()
        if condition():
            return
        ended = time.monotonic()
        if ended > deadline:
            what = otherwise if isinstance(otherwise, str) else otherwise()
            raise LabError(f"{what} within {timeout_s:g} s")
        time.sleep(min(1.0, max(0.05, 4 * (ended - began))))


def mounts_below(directory: Path) -> list[Path]:
    """Where this mount namespace has something mounted below a directory, the innermost first."""
    points = [Path(line.split()[4]) for line in MOUNTINFO.read_text().splitlines()]
    return sorted((point for point in points if point.is_relative_to(directory)), reverse=True)


class Cgroup:
    """A branch of the cgroup2 tree: all processes that come from one lab or one server."""

    def __init__(self, name: str) -> None:
        self.path = _cgroup2_tree() / name

    def create(self) -> None:
        self.path.mkdir(parents=True)

    def entered(self, leaf: str = "") -> list[str]:
        """What to put before a command line, so that it runs in the branch, or in a leaf of it."""
        (self.path / leaf).mkdir(exist_ok=True)
        return ["sh", "-c", 'echo 0 >"$0" && exec "$@"', str(self.path / leaf / "cgroup.procs")]

    def processes(self) -> list[int]:
        pids: list[int] = []
        for directory, _, _ in os.walk(self.path):  # which, unlike rglob, puts up with what is removed meanwhile
            try:
                pids += [int(pid) for pid in Path(directory, "cgroup.procs").read_text().split()]
            except OSError:  # removed since it was listed (ENODEV, ENOENT)
                continue
        return pids

    def strike(self) -> None:
        """Send SIGKILL to every process of the branch: no program of it goes on, though some may still end."""
        (self.path / "cgroup.kill").write_text("1")

    def freeze(self, frozen: bool) -> None:
        """Stop every process of the branch, also those to come, or let them go on."""
        (self.path / "cgroup.freeze").write_text(str(int(frozen)))
        events = self.path / "cgroup.events"
        wanted = f"frozen {int(frozen)}"
        wait_until(lambda: wanted in events.read_text(), 10, f"the processes in {self.path} are not {wanted}")

    def kill(self) -> None:
        """End every process of the branch and remove it; nothing happens where there is none."""
        wait_until(self._is_removed, 30, f"the processes in {self.path} do not end")

    def _is_removed(self) -> bool:
        """Whether a try to kill and remove it was the last one."""
        if not self.path.exists():
            return True
        self.strike()
        # Not its list of processes: that leaves out one whose first thread has ended while others still end.
        if "populated 0" not in (self.path / "cgroup.events").read_text():
            return False
        inner = [path for path in self.path.rglob("*") if path.is_dir()]
        try:
            for path in sorted([self.path, *inner], reverse=True):
                path.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY:  # else one that was on its way here has come in
                raise
            return False
        return True


def _cgroup2_tree() -> Path:
    for line in MOUNTINFO.read_text().splitlines():
        # proc_pid_mountinfo(5): the file system's type follows a lone hyphen.
        mount, _, filesystem = line.partition(" - ")
        if filesystem.startswith("cgroup2 "):
            return Path(mount.split()[4])
    raise LabError("this machine has no cgroup2 tree mounted")
