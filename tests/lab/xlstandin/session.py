"""One call of `xl`: on which server, in which world, and what was arranged to go wrong in it."""

from __future__ import annotations

import os
import signal
import sys
import time

from .store import Absent, Store, fault, find, host

FOREVER_S = 10**9


class Failure(Exception):
    """Ends `xl` with a message on stderr and an exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Session:
    def __init__(self) -> None:
        self.store = Store(os.environ.get("XL_WORLD", "/lab/world"))
        self.server = os.environ.get("XL_SERVER") or os.uname().nodename
        self.boot = host(self.store.look(), self.server)["boot"]

    def look(self) -> dict:
        tree = self.store.look()
        self._powered(tree)
        return tree

    def change(self):
        return _Mine(self)

    def _powered(self, tree: dict) -> None:
        """A process of a server that lost its power must not act on the one that booted since."""
        if host(tree, self.server)["boot"] != self.boot:
            raise Absent(self.server)

    def domain(self, tree: dict, what: str | int) -> dict:
        found = find(tree, self.server, what)
        if found is None:
            raise Failure(f"{what} is an invalid domain identifier (rc=-6)")
        return found

    def pass_point(self, point: str, domain: str | None = None, cut=None) -> None:
        """Goes through a named point, unless something was arranged to happen there (see World.fault).

        Raises Failure where it fails; `cut` is what cuts the transport of a migration.
        """
        arranged = fault(self.look(), point, self.server, domain)
        if arranged is None:
            return
        if arranged["how"] == "cut" and cut:
            cut()
        elif arranged["how"] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif arranged["how"] == "hang":
            deadline = time.monotonic() + (arranged["seconds"] or FOREVER_S)
            while time.monotonic() < deadline and fault(self.look(), point, self.server, domain) == arranged:
                time.sleep(0.02)
        elif arranged["how"] == "fail":
            sys.stdout.write(arranged["stdout"])
            raise Failure(arranged["stderr"], arranged["status"])


class _Mine:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.inner = session.store.change()

    def __enter__(self) -> dict:
        tree = self.inner.__enter__()
        try:
            self.session._powered(tree)
        except Absent as gone:
            self.inner.__exit__(type(gone), gone, None)
            raise
        return tree

    def __exit__(self, *error: object) -> None:
        self.inner.__exit__(*error)
