"""Programs that the agent starts, and other processes as /proc shows them."""

import os
import select
import time

from snow_ha_plugin.agent.operation import INSTALLED, PERM, OcfError, UnknownError

OUTPUT_LIMIT = 1 << 22


class Result:
    """What a program did; its status is None if it had to be killed at the deadline."""

    def __init__(self, words: list[str], status: int | None, output: str, errors: str) -> None:
        self.command, self.status, self.output, self.errors = " ".join(words), status, output, errors

    @property
    def why(self) -> str:
        """The program's failure in words."""
        if self.status is None:
            return f"`{self.command}` did not end in time"
        lines = (self.errors.strip() or self.output.strip()).splitlines()
        return f"`{self.command}` exited with {self.status}" + (f" ({lines[-1].strip()[:200]})" if lines else "")


class Program:
    """A program that runs. Its output goes to memory, not to pipes: some of xl's children keep these open.

    OcfError: it cannot be run.
    """

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.files = [os.memfd_create("output"), os.memfd_create("errors")]
        actions: list[tuple[int, int, str, int, int] | tuple[int, int, int]] = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
        ]
        actions += [(os.POSIX_SPAWN_DUP2, file, at + 1) for at, file in enumerate(self.files)]
        environment = {**os.environ, "LC_ALL": "C"}
        try:
            self.pid = os.posix_spawnp(words[0], words, environment, file_actions=actions)
        except FileNotFoundError:
            raise OcfError(INSTALLED, f"{words[0]} is not installed on this server") from None
        except PermissionError:
            raise OcfError(PERM, f"{words[0]} may not be run on this server") from None
        except OSError as error:
            raise UnknownError(f"{words[0]} could not be run: {error.strerror}") from None
        self.pidfd = os.pidfd_open(self.pid)

    def wait(self, deadline: float) -> bool:
        """Whether it has ended by the deadline."""
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))

    def result(self, deadline: float, undecodable: str = "replace") -> Result:
        """The result; a program that has not ended by the deadline is killed. `undecodable`: as bytes.decode has it."""
        status = None
        if self.wait(deadline):
            status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        else:
            os.kill(self.pid, 9)
            # A process in an uninterruptible call of the hypervisor, or of storage, does not even die.
            if self.wait(time.monotonic() + 0.1):
                os.waitpid(self.pid, 0)
        output, errors = (os.pread(file, OUTPUT_LIMIT, 0).decode("utf-8", undecodable) for file in self.files)
        for file in (*self.files, self.pidfd):
            os.close(file)
        return Result(self.words, status, output, errors)


def run(words: list[str], deadline: float) -> Result:
    return Program(words).result(deadline)


def first_failure(why: str, result: Result) -> str:
    """The failure so far, or this result's. The last call before a deadline is cut short: an earlier one tells more."""
    return why if result.status == 0 or (why and result.status is None) else result.why


def command_line(pid: str) -> list[str]:
    """The words that a process was started with; nothing of them if it has ended."""
    return _read(pid, "cmdline").split("\0")


def parent_of(pid: str) -> str:
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return fields[1] if fields else ""


def children_of(pid: str) -> list[str]:
    return _read(pid, f"task/{pid}/children").split()


def is_xl(words: list[str]) -> bool:
    """Whether a command line is one of xl, which may have an interpreter before it."""
    return "xl" in [word.rpartition("/")[2] for word in words[:4]]


def daemons_of(name: str) -> list[str]:
    """The ids of xl's own processes in the background for a domain: while one lives, the domain may come back.

    It waits for the domain's end, and after a reboot destroys it, sleeps for 2 s and only then creates it anew
    (tools/xl/xl_vmcontrol.c). Whose it is, its output tells: xl-NAME.log, or xl-NAME--incoming.log where the domain
    was migrated here, and a number behind it once a later one has begun (do_daemonize, libxl_create_logfile).
    """
    return [
        pid for pid in filter(str.isdigit, os.listdir("/proc")) if is_daemon(pid, name) and is_xl(command_line(pid))
    ]


def is_daemon(pid: str, name: str) -> bool:
    """Whether a process writes into xl's log of the domain, as `daemons_of` says."""
    try:
        log = os.readlink(f"/proc/{pid}/fd/1").rpartition("/")[2]
    except OSError:
        return False
    logs = (f"xl-{name}.log", f"xl-{name}--incoming.log")
    return log.removesuffix(" (deleted)").rstrip("0123456789.-") in logs


def bytes_read_by(pid: str) -> int:
    """What a process has read so far; 0 if that cannot be seen."""
    first = _read(pid, "io").partition("\n")[0].split()
    return int(first[1]) if len(first) == 2 else 0


def kill(pid: str) -> None:
    try:
        os.kill(int(pid), 9)
    except ProcessLookupError:
        return


def _read(pid: str, what: str) -> str:
    try:
        with open(f"/proc/{pid}/{what}", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
