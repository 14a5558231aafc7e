"""The world: which servers there are, which domains they have, in which state, and the ledger of what ran.

Everything is one JSON file, `world.json`, replaced atomically under a lock, so that an `xl` killed anywhere leaves
a whole world. The ledger's newest lines are first part of that file and then written to `ledger.jsonl` at
a fixed offset; whoever takes the lock next writes them again, so that a kill in between loses none.

What needs no process happens by time stamps: a domain has `until` and `then`, and `settle` carries out what is
due, with the time at which it was due. Times are CLOCK_MONOTONIC, which all servers of a lab share; the ledger
has the wall clock too. Memory is in MiB, durations are in seconds.
"""

# pathlib takes longer to import than `xl list` takes to run
# ruff: noqa: PTH103, PTH104, PTH118, PTH123
from __future__ import annotations

import _json  # the json package imports re, which doubles the time of `xl list`
import fcntl
import os
import time

DOM0_MEMORY_MIB = 1024
DEFAULTS = {
    "start_s": 0.2,  # `xl create` until the guest runs
    "shutdown_s": 0.3,  # a guest told to shut down or reboot, until it has
    "reboot_s": 0.2,  # a guest that has told `xl` of its reboot, until its old domain is gone
    "between_s": 2.0,  # nothing is there then until the new one is created: xl sleeps (tools/xl/xl_vmcontrol.c)
    "dying_s": 0.0,  # a destroyed domain until it is gone
    "copy_s": 0.4,  # a migration's live copy
    "downtime_s": 0.02,  # a migration's suspension before the target is ready
    "ignore_shutdown": False,
    "shadow": True,  # the hypervisor has shadow paging (Debian's 4.17.7 has not)
}


class _Plain:
    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


_scan = _json.make_scanner(_Plain)


class Absent(Exception):
    """No such server, or the one that asks has lost power."""


class Store:
    def __init__(self, path: str) -> None:
        self.path = path
        self.file = os.path.join(path, "world.json")
        self.ledger = os.path.join(path, "ledger.jsonl")

    def look(self) -> dict:
        """The world as it is now; nothing is written."""
        tree = self._read()
        settle(tree, time.monotonic())
        return tree

    def change(self) -> _Change:
        """`with store.change() as tree:` the world, settled and locked, to be changed in place."""
        return _Change(self)

    def _read(self) -> dict:
        try:
            with open(self.file, encoding="ascii") as file:
                tree = _scan(file.read(), 0)[0]
        except FileNotFoundError:
            tree = {"servers": {}, "settings": [], "faults": [], "written": {"at": 0, "text": ""}}
        tree["events"] = []
        return tree


class _Change:
    def __init__(self, store: Store) -> None:
        self.store = store

    def __enter__(self) -> dict:
        os.makedirs(self.store.path, exist_ok=True)
        self.lock = os.open(os.path.join(self.store.path, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.tree = self.store._read()
        self._write_ledger()
        settle(self.tree, time.monotonic())
        return self.tree

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._commit()
        os.close(self.lock)

    def _commit(self) -> None:
        import json

        shift = time.time() - time.monotonic()
        text = "".join(
            json.dumps(event | {"wall": round(event["mono"] + shift, 4)}) + "\n" for event in self.tree.pop("events")
        )
        written = self.tree["written"]
        self.tree["written"] = {"at": written["at"] + len(written["text"]), "text": text}
        fresh = self.store.file + ".new"
        with open(fresh, "w", encoding="ascii") as file:
            file.write(json.dumps(self.tree))
        os.rename(fresh, self.store.file)
        self._write_ledger()

    def _write_ledger(self) -> None:
        written = self.tree["written"]
        ledger = os.open(self.store.ledger, os.O_WRONLY | os.O_CREAT, 0o644)
        os.pwrite(ledger, written["text"].encode(), written["at"])
        os.close(ledger)


# what time does to a domain


def settle(tree: dict, now: float) -> None:
    """Carries out what is due at `now`, in the order of its times."""
    while True:
        due = [
            (domain["until"], name, domain)
            for name, server in tree["servers"].items()
            for domain in (*server["domains"], *server.get("rebooting", ()))
            if domain["until"] is not None and domain["until"] <= now
        ]
        if not due:
            return
        when, name, domain = min(due, key=lambda item: item[:2])
        _happen(tree, name, domain, when)


def _happen(tree: dict, server: str, domain: dict, when: float) -> None:
    what, domain["until"], domain["then"] = domain["then"], None, None
    if what in ("poweroff", "reboot", "crash"):
        end(tree, server, domain, what, when)
    elif what == "restart":
        drop(tree, server, domain, when, "reboot")
        host = tree["servers"][server]
        between = {**domain, "boot": host["boot"]}
        later(between, when + domain["between_s"], "create")
        host.setdefault("rebooting", []).append(between)
    elif what == "create":
        host = tree["servers"][server]
        host["rebooting"].remove(domain)
        if host["on"] and host["boot"] == domain.pop("boot") and find(tree, server, domain["name"]) is None:
            fresh = add(tree, server, {**domain, "state": "paused"})
            later(fresh, when + 0.05, "run")
    elif what == "run":
        set_state(tree, server, domain, "running", when, "reboot")
    elif what == "gone":
        tree["servers"][server]["domains"].remove(domain)


def end(tree: dict, server: str, domain: dict, what: str, when: float) -> None:
    """The guest ends by itself (poweroff, reboot, crash): its configuration says what becomes of the domain."""
    action = domain["config"].get("on_" + what, "restart" if what == "reboot" else "destroy")
    kept = {"poweroff": "off", "reboot": "rebooting", "crash": "crashed"}[what]
    set_state(tree, server, domain, kept, when, what)
    if "restart" in action:
        domain["state"] = "rebooting"
        # xl's process, which shows that the domain will be back, is there only for a reboot (lifecycle.attend).
        domain["between_s"] = setting(tree, "between_s", server, domain["label"]) if what == "reboot" else 0.0
        later(domain, when + setting(tree, "reboot_s", server, domain["label"]), "restart")
    elif "preserve" not in action:
        drop(tree, server, domain, when, what)


def later(domain: dict, when: float | None, then: str | None) -> None:
    domain["until"], domain["then"] = when, then


def set_state(tree: dict, server: str, domain: dict, state: str, when: float, why: str) -> None:
    """States: building, running, paused, suspended, off, rebooting, crashed, dying. Only `running` executes."""
    before, domain["state"] = domain["state"], state
    if (before == "running") != (state == "running"):
        # processor time, which starts at nothing with each new domain: a guest uses some as soon as it runs
        domain["cpu_s"] += 0.1 if state == "running" else when - domain["since"]
        domain["since"] = when
        tree["events"].append(
            {
                "mono": round(when, 4),
                "server": server,
                "domain": domain["label"],
                "uuid": domain["uuid"],
                "domid": domain["domid"],
                "event": "run" if state == "running" else "halt",
                "why": why,
            }
        )


def add(tree: dict, server: str, domain: dict) -> dict:
    """A new domain on the server, with a domid of its own."""
    host = tree["servers"][server]
    domain = {**domain, "domid": host["next_domid"], "until": None, "then": None, "cpu_s": 0.0, "since": 0.0}
    host["next_domid"] += 1
    host["domains"].append(domain)
    return domain


def drop(tree: dict, server: str, domain: dict, when: float, why: str) -> None:
    """Ends the domain; it may be seen dying for a while."""
    set_state(tree, server, domain, "dying", when, why)
    lingers = 0.0 if why == "reboot" else setting(tree, "dying_s", server, domain["label"])
    if lingers:
        domain["name"] = ""
        later(domain, when + lingers, "gone")
    else:
        tree["servers"][server]["domains"].remove(domain)


# looking things up


def host(tree: dict, server: str) -> dict:
    """The server, which must have power."""
    found = tree["servers"].get(server)
    if found is None or not found["on"]:
        raise Absent(server)
    return found


def find(tree: dict, server: str, what: str | int) -> dict | None:
    """The domain of that name or, for a number, of that domid."""
    by_number = isinstance(what, int) or what.isdigit()
    for domain in host(tree, server)["domains"]:
        if domain["domid"] == int(what) if by_number else domain["name"] == what:
            return domain
    return None


def free_mib(tree: dict, server: str) -> int:
    there = host(tree, server)
    return there["memory_mib"] - DOM0_MEMORY_MIB - sum(domain["memory_mib"] for domain in there["domains"])


def setting(tree: dict, key: str, server: str, domain: str | None = None):
    """The newest value set for exactly this place or for all of them."""
    for entry in reversed(tree["settings"]):
        if entry["key"] == key and entry["server"] in (None, server) and entry["domain"] in (None, domain):
            return entry["value"]
    return DEFAULTS[key]


def fault(tree: dict, point: str, server: str, domain: str | None = None) -> dict | None:
    """What was arranged to go wrong at this point."""
    for entry in reversed(tree["faults"]):
        if entry["point"] == point and entry["server"] in (None, server) and entry["domain"] in (None, domain):
            return entry
    return None
