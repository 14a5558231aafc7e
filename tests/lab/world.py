"""The world of Xen servers and domains behind the lab's `xl`, from outside: power, what takes how long, what goes
wrong, who runs where. Usable at any time, also while a lab runs.

The state and what time does to it are in `xlstandin/store.py`; this only offers it to tests.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from tests.lab import ledger
from tests.lab.xlstandin import store
from tests.lab.xlstandin.lifecycle import fresh_uuid


@dataclass(frozen=True)
class Guest:
    """A domain on a server; state as store.set_state names it, name as `xl list` shows it."""

    server: str
    name: str
    domid: int
    uuid: str
    state: str
    memory_mib: int


class World:
    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._store = store.Store(str(path))

    # power

    def power_on(self, server: str, memory_mib: int = 16384) -> None:
        """Gives the server power, with no domains; one that has power keeps what it has."""
        with self._store.change() as tree:
            there = tree["servers"].setdefault(server, {"on": False, "boot": 0, "domains": [], "next_domid": 1})
            there["memory_mib"] = memory_mib
            if not there["on"]:
                there |= {"on": True, "boot": there["boot"] + 1, "next_domid": 1}

    def power_off(self, server: str) -> None:
        """Ends all domains of the server at once. Its `xl` processes can change nothing any more."""
        with self._store.change() as tree:
            there = tree["servers"][server]
            for domain in there["domains"]:
                store.set_state(tree, server, domain, "dying", time.monotonic(), "power off")
            there |= {"on": False, "domains": []}

    # what takes how long, and what goes wrong

    def configure(self, server: str | None = None, domain: str | None = None, **settings: float | bool) -> None:
        """Sets values of store.DEFAULTS (seconds and switches) for a server, a domain, or everywhere."""
        if unknown := settings.keys() - store.DEFAULTS.keys():
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
        with self._store.change() as tree:
            for key, value in settings.items():
                tree["settings"].append({"server": server, "domain": domain, "key": key, "value": value})

    def fault(
        self,
        point: str,
        how: str,
        server: str | None = None,
        domain: str | None = None,
        seconds: float | None = None,
        status: int = 1,
        stdout: str = "",
        stderr: str = "",
    ) -> None:
        """Arranges that something goes wrong, until mend().

        point: a verb of xl (list, create, ...), `build` (create, half-way), or a stage of a migration
        (copy, ready, permission, report: see xlstandin/migration.py). how: `fail` (with status, stdout, stderr),
        `hang` (for `seconds`, or until mended), `die` (SIGKILL), `cut` (a stage, on the sender: the
        transport is killed). domain: for a verb, as it is written on the command line.
        """
        with self._store.change() as tree:
            tree["faults"].append(
                {
                    "point": point,
                    "how": how,
                    "server": server,
                    "domain": domain,
                    "seconds": seconds,
                    "status": status,
                    "stdout": stdout,
                    "stderr": stderr,
                }
            )

    def mend(self) -> None:
        """Nothing goes wrong any more; what hangs goes on."""
        with self._store.change() as tree:
            tree["faults"].clear()

    def place(self, server: str, name: str, state: str = "running", memory_mib: int = 512, **config: object) -> int:
        """Puts a domain there in any state, as if it had always been there. Returns its domid."""
        label = _base(name)
        with self._store.change() as tree:
            domain = store.add(
                tree,
                server,
                {
                    "name": name,
                    "label": label,
                    "uuid": fresh_uuid(),
                    "state": "building",
                    "memory_mib": memory_mib,
                    "vcpus": 1,
                    "config": {"name": label, **config},
                },
            )
            if state != "building" and name == label:
                domain["cpu_s"] = 1.0  # it has run before
            store.set_state(tree, server, domain, state, time.monotonic(), "create")
            return domain["domid"]

    def crash(self, server: str, name: str) -> None:
        """The guest's kernel panics: its on_crash decides what becomes of it."""
        with self._store.change() as tree:
            domain = store.find(tree, server, name)
            if domain is None:
                raise KeyError(name)
            store.end(tree, server, domain, "crash", time.monotonic())

    # who is where

    def guests(self, server: str | None = None) -> list[Guest]:
        """All domains, by server and domid; halves and leftovers too."""
        return [
            Guest(there, domain["name"], domain["domid"], domain["uuid"], domain["state"], domain["memory_mib"])
            for there, host in sorted(self._store.look()["servers"].items())
            if server in (None, there)
            for domain in host["domains"]
        ]

    def where(self, domain: str) -> list[str]:
        """The servers on which a guest of that name executes (its received copy as well)."""
        return [guest.server for guest in self.guests() if guest.state == "running" and _base(guest.name) == domain]

    def domid(self, domain: str) -> int | None:
        """The domid of the one domain that runs under that name."""
        found = [guest.domid for guest in self.guests() if guest.state == "running" and guest.name == domain]
        return found[0] if len(found) == 1 else None

    def intervals(self) -> list[ledger.Interval]:
        """The ledger, with all that is due in it."""
        with self._store.change():
            pass
        return ledger.read(self._store.ledger)

    def doubles(self) -> list[ledger.Double]:
        return ledger.doubles(self.intervals())


def _base(name: str) -> str:
    return name.removesuffix("--incoming").removesuffix("--migratedaway")


def environment(path: Path | str, server: str) -> dict[str, str]:
    """The environment in which `xl` acts on that server of that world, without a container."""
    return {**os.environ, "XL_WORLD": str(path), "XL_SERVER": server}
