"""Both ends of `xl migrate`, which really talk to each other through the transport, so that killing a process or
cutting the network does what it does with Xen. Order of steps, names and messages as in tools/xl/xl_migrate.c.

    sender                                receiver
    starts `ssh TARGET xl migrate-receive`
                                          banner
    the domain's description              makes NAME--incoming, paused
    page, page, page ...                  a receipt for each (real Xen stalls by full buffers when the net is cut)
    suspends the guest, "end"
                                          "ready": the copy is complete
    renames its own NAME--migratedaway
    permission                            renames to NAME, unpauses
                                          report
    destroys its own

Named points for World.fault, on either side: copy, ready, permission, report. On the sender `ready` is before the
receiver's message is read, `permission` before that is sent, `report` before the report is read; on the
receiver `ready` and `report` are before these are sent, and `permission` is before the guest is started.
"""

# ruff: noqa: PTH110
from __future__ import annotations

import os
import signal
import sys
import time

from .cli import operands, options
from .lifecycle import claim, images
from .session import FOREVER_S, Failure, Session
from .store import add, drop, find, set_state, setting

# The words of tools/xl/xl.h, so that a transport can tell the stages of this one and of real Xen alike.
BANNER = b"xl migration receiver ready, send binary domain data.\n"
READY = b"domain received, ready to unpause\n"
PERMISSION = b"domain is yours, you are cleared to unpause\n"
REPORT = b"my copy unpause results are as follows %d\n"
PAGE_S = 0.05


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Broken(Exception):
    """The other side is gone, or says what it must not."""


class Pipe:
    """Lines to the other side and back."""

    def __init__(self, read: int, write: int) -> None:
        self.reader = os.fdopen(read, "rb", buffering=0)
        self.writer: int | None = write

    def send(self, line: bytes) -> None:
        if self.writer is None:
            raise Broken("Broken pipe")
        try:
            os.write(self.writer, line)
        except OSError as error:
            raise Broken(error.strerror) from None

    def read(self, expected: bytes | None = None) -> bytes:
        line = b"" if self.writer is None else self.reader.readline()
        if not line.endswith(b"\n"):
            raise Broken("unexpectedly reached end of stream")
        if expected is not None and line != expected:
            raise Broken("contained unexpected data")
        return line

    def wait(self) -> None:
        """Until the other side has said something or is gone."""
        import select

        select.select([self.reader], [], [])

    def close(self) -> None:
        if self.writer is not None:
            os.close(self.writer)
            self.writer = None


# the source


def migrate(session: Session, arguments: list[str]) -> int:
    found, rest = options(arguments, "epFdl", "sC")
    name, target, *_ = operands(rest, 2, "migrate")
    domain = session.domain(session.look(), name)
    shell = f"exec {found.get('s', 'ssh')} {target} xl migrate-receive" if found.get("s", "ssh") else target
    return Sender(session, domain, shell).run()


class Sender:
    def __init__(self, session: Session, domain: dict, shell: str) -> None:
        self.session, self.number, self.name, self.domain = session, domain["domid"], domain["name"], domain
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()
        self.transport = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", shell],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, down_read, 0), (os.POSIX_SPAWN_DUP2, up_write, 1)],
            setsigdef=[signal.SIGPIPE],
        )
        os.close(down_read)
        os.close(up_write)
        self.pipe = Pipe(up_read, down_write)

    def run(self) -> int:
        import json

        try:
            self.pipe.read(BANNER)
        except Broken as broken:
            say(f"xl: migration receiver stream: banner: {broken}")
            return self.close()
        try:
            described = {key: self.domain[key] for key in ("label", "uuid", "memory_mib", "vcpus", "config")}
            self.pipe.send(json.dumps(described).encode() + b"\n")
            self.copy()
            self.suspend()
            self.pipe.send(b"end\n")
            self.point("ready")
            self.pipe.read(READY)
        except (Broken, Failure) as error:
            return self.resume(str(error))
        say("migration sender: Target has acknowledged transfer.")
        try:
            self.rename(self.name, self.name + "--migratedaway")
        except Failure as error:
            return self.resume(str(error))
        say("migration sender: Giving target permission to start.")
        try:
            self.point("permission")
            self.pipe.send(PERMISSION)
            self.point("report")
            report = self.pipe.read()
            if report != REPORT % 0:
                say(f"migration sender: Target reports startup failure (status code {report.split()[-1].decode()}).")
                self.pipe.read(PERMISSION)
                return self.take_back()
        except (Broken, Failure) as error:
            return self.undefined(str(error))
        say("migration sender: Target reports successful startup.")
        with self.session.change() as tree:
            domain = find(tree, self.session.server, self.number)
            if domain:
                drop(tree, self.session.server, domain, time.monotonic(), "migrated")
        say("Migration successful.")
        self.close()
        return 0

    def point(self, name: str) -> None:
        def cut() -> None:
            if name in ("ready", "report"):  # what the target was to say is said, and is lost on the way
                self.pipe.wait()
            os.kill(self.transport, signal.SIGKILL)
            self.pipe.close()

        self.session.pass_point(name, self.domain["label"], cut)

    def copy(self) -> None:
        tree = self.session.look()
        if self.domain["config"].get("type", "pv") == "pv" and not setting(tree, "shadow", self.session.server):
            say("xc: error: Failed to enable logdirty: 95,22,0 (95 = Operation not supported): Internal error")
            raise Failure("libxl_domain_suspend failed (rc=-3)")
        seconds = setting(tree, "copy_s", self.session.server, self.domain["label"])
        pages = max(2, round(seconds / PAGE_S))
        for page in range(pages):
            self.pipe.send(b"page %f\n" % seconds)
            self.pipe.read(b"receipt\n")
            if page == 0:
                self.point("copy")
            time.sleep(seconds / pages)
            if find(self.session.look(), self.session.server, self.number) is None:
                time.sleep(FOREVER_S)  # a domain destroyed under it leaves `xl migrate` hanging (observed)

    def suspend(self) -> None:
        with self.session.change() as tree:
            self.set_state(tree, "suspended", "migrate")
        time.sleep(setting(tree, "downtime_s", self.session.server, self.domain["label"]))

    def set_state(self, tree: dict, state: str, why: str) -> None:
        domain = find(tree, self.session.server, self.number)
        if domain is None:
            raise Failure("libxl_domain_suspend failed (rc=-6)")
        domain["until"] = domain["then"] = None
        set_state(tree, self.session.server, domain, state, time.monotonic(), why)

    def rename(self, old: str, new: str) -> None:
        with self.session.change() as tree:
            domain = find(tree, self.session.server, self.number)
            if domain is None:
                raise Failure("libxl: error: libxl.c: cannot rename a domain that is gone")
            if domain["name"] == old:
                domain["name"] = new

    def resume(self, error: str) -> int:
        say(f"migration sender: {error}")
        self.close()
        say("Migration failed, resuming at sender.")
        with self.session.change() as tree:
            self.set_state(tree, "running", "resume")
        return 1

    def take_back(self) -> int:
        say("migration sender: Trying to resume at our end.")
        self.rename(self.name + "--migratedaway", self.name)
        with self.session.change() as tree:
            self.set_state(tree, "running", "resume")
        say("migration sender: Resumed OK.\nMigration failed due to problems at target.")
        self.close()
        return 1

    def undefined(self, error: str) -> int:
        say(f"migration sender: {error}\n** Migration failed during final handshake **")
        say("Domain state is now undefined !\nPlease CHECK AT BOTH ENDS for running instances")
        return self.close()

    def close(self) -> int:
        """Ends the stream and gives the transport two seconds to end too, as xl does."""
        self.pipe.close()
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.transport, os.WNOHANG)
            if pid:
                if status:
                    code = os.waitstatus_to_exitcode(status)
                    say(f"migration transport process [{pid}] exited with error status {code}")
                break
            time.sleep(0.005)
        return 1


# the target


def migrate_receive(session: Session, arguments: list[str]) -> int:
    options(arguments, "eFdrp")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    say("migration target: Ready to receive domain.")
    pipe = Pipe(0, 1)
    number = None
    try:
        pipe.send(BANNER)
        number, label = _receive(session, pipe)
    except (Broken, Failure) as error:
        say(f"migration target: {error}\nmigration target: Domain creation failed (code -3).")
        return 1
    say("migration target: Transfer complete, requesting permission to start domain.")
    session.pass_point("ready", label)
    try:
        pipe.send(READY)
        try:
            pipe.read(PERMISSION)
            session.pass_point("permission", label)
            _start(session, number, label)
            session.pass_point("report", label)
            status = 0
        except (Broken, Failure) as error:
            say(f"migration target: {error}")
            status = 1
        pipe.send(REPORT % status)
        if status:
            say("migration target: Failure, destroying our copy.")
            _destroy(session, number)
            say("migration target: Cleanup OK, granting sender permission to resume.")
            pipe.send(PERMISSION)
        else:
            say("migration target: Domain started successsfully.")
        return status
    except Broken:
        return 1  # and the copy stays as it is, complete: nobody can know here whether the source lives


def _receive(session: Session, pipe: Pipe) -> tuple[int, str]:
    """Takes the copy in; removes the half if the stream ends before its time."""
    import json

    described = json.loads(pipe.read())
    label = described["label"]
    missing = next((path for path in images(described["config"]) if not os.path.exists(path)), None)
    if missing:
        raise Failure(f"libxl: error: failed to stat {missing}: No such file or directory")
    with session.change() as tree:
        empty = {**described, "memory_mib": 0, "name": "", "state": "paused"}
        domain = add(tree, session.server, empty)
        number = domain["domid"]
        refused = claim(tree, session.server, domain, label + "--incoming", described["memory_mib"])
    if refused:
        raise Failure(refused)
    try:
        first = True
        while (line := pipe.read()) != b"end\n":
            if first:
                with session.change() as tree:
                    session.domain(tree, number)["grows"] = (time.monotonic(), float(line.split()[1]))
                session.pass_point("copy", label)
            first = False
            pipe.send(b"receipt\n")
    except (Broken, Failure):
        _destroy(session, number)
        raise
    return number, label


def _start(session: Session, number: int, label: str) -> None:
    with session.change() as tree:
        domain = session.domain(tree, number)
        if find(tree, session.server, label) is not None:
            raise Failure(f'libxl: error: libxl.c: Domain with name "{label}" already exists.')
        domain["name"] = label
        say("migration target: Got permission, starting domain.")
        if domain["state"] == "paused":
            set_state(tree, session.server, domain, "running", time.monotonic(), "migrate")


def _destroy(session: Session, number: int) -> None:
    with session.change() as tree:
        domain = find(tree, session.server, number)
        if domain:
            drop(tree, session.server, domain, time.monotonic(), "migration failed")
