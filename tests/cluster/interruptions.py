"""Live migrations that are interrupted at random, in a lab, over real ssh: what is left of the domain, and what the
agent says of it.

`python3 -m tests.cluster.interruptions [--rounds N] [--seed S] [AGENT ...]` counts the outcomes for each agent (snow,
heartbeat), which are all interrupted in the same ways. No Pacemaker runs: a round is what it would call. Times
are seconds.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.lab.cluster import Lab
from tests.lab.host import wait_until
from tests.lab.site import build_site
from tests.lab.world import World

DOMAIN = "proxy01"
DOMAIN_FILE = f"/sNow/snow-tools/etc/domains/{DOMAIN}.cfg"
AGENTS = {name: f"/usr/lib/ocf/resource.d/{name}/Xen" for name in ("snow", "heartbeat")}
SERVERS = ("snow01", "snow02")

# Of migrate_to. The agent gives a migration half of it, and keeps half for mending; ssh notices a cut network in 6 s.
TIMEOUT_S = 40.0
# Between the operation's timeout and its end by force, as Pacemaker does it; a loaded machine needs some.
FORCE_S = 5.0

STAGES = ("copy", "ready", "permission", "report")
HOWS = {"source": ("fail", "die", "hang", "cut"), "target": ("fail", "die", "hang")}
# Whose command line is like this, on which side, and the signal.
PROCESSES = {
    "sender killed": (r"python3 .*xl migrate ", "source", "KILL"),
    "sender ended": (r"python3 .*xl migrate ", "source", "TERM"),
    "transport killed": (r"^ssh .*xl migrate-receive", "source", "KILL"),
    "receiver killed": (r"python3 .*xl migrate-receive", "target", "KILL"),
    "agent ended": (r"/Xen migrate_to", "source", "TERM"),
    "agent killed": (r"/Xen migrate_to", "source", "KILL"),
}
OTHERS = ("network cut", "target off", "source off", "target full", "name taken")

GOOD = "one copy and the truth"
RESTARTED = "no answer, one copy after stop and start"
GONE = "gone with its server, and the truth"
BAD = ("double", "lost", "untrue answer", "later migration blocked")


@dataclass(frozen=True)
class Interruption:
    """What happens to a migration: at a stage of it, or `after` so many seconds, or before it begins.

    stage: where a fault is put (side, stage, how), if any. A kind of PROCESSES or OTHERS comes with a stage that
    lasts longer than usual, so that it is met there.
    """

    kind: str
    after: float
    side: str
    stage: str
    how: str

    def __str__(self) -> str:
        return f"{self.kind} {self.after:.1f} s after the beginning; {self.how} at {self.stage} on the {self.side}"


def interruptions(chance: random.Random) -> Iterator[Interruption]:
    kinds = ("stage",) * 6 + tuple(PROCESSES) + OTHERS
    while True:
        side = chance.choice(sorted(HOWS))
        how = chance.choice(HOWS[side])
        yield Interruption(chance.choice(kinds), chance.uniform(0.2, 3.5), side, chance.choice(STAGES), how)


@dataclass
class Tally:
    outcomes: Counter[str] = field(default_factory=Counter)
    stories: list[str] = field(default_factory=list)

    def add(self, outcome: str, story: str) -> None:
        self.outcomes[outcome] += 1
        if outcome not in (GOOD, RESTARTED, GONE):
            self.stories.append(f"{outcome}: {story}")


class Interrupter:
    """One agent in one lab. Between rounds the domain runs on exactly one server."""

    def __init__(self, lab: Lab, agent: str) -> None:
        self.lab, self.agent = lab, agent
        self.world = World(lab.world_dir)
        self.world.configure(domain=DOMAIN, copy_s=0.8, downtime_s=0.2)
        self.source = SERVERS[0]

    @property
    def target(self) -> str:
        return SERVERS[1 - SERVERS.index(self.source)]

    def round(self, how: Interruption) -> tuple[str, str]:
        """Interrupts a migration in this way; returns the outcome, and what happened."""
        self._one_domain()
        began = time.monotonic()
        self._arrange(how)
        process = self._begin("migrate_to", self.source, CRM_meta_migrate_target=self.target)
        time.sleep(how.after)
        self._interrupt(how)
        try:
            output = process.communicate(timeout=max(0.0, began + TIMEOUT_S + FORCE_S - time.monotonic()))[0]
            status = process.returncode
        except subprocess.TimeoutExpired:
            # as Pacemaker does it: the whole group of processes
            self._signal(self.source, "KILL", r"/Xen migrate_to|xl migrate |^ssh .*xl migrate-receive")
            process.kill()
            output, status = "it did not end in time\n" + (process.communicate()[0] or ""), None
        if how.kind in ("agent killed", "source off"):
            status = None
        self.world.mend()
        if how.kind == "target full":
            self.world.power_on(self.target)
        if how.kind == "name taken":
            self._destroy(self.target, "crashed")
        outcome = self._judge(how, status, output, began)
        seen = ", ".join(f"{guest.server} {guest.name} {guest.state}" for guest in self._guests())
        return outcome, f"{self.source} -> {self.target}, {how}: status {status}, [{seen}], {output.strip()[-300:]!r}"

    def _judge(self, how: Interruption, status: int | None, output: str, began: float) -> str:
        self._wait_for_rest()
        runs_on = self.world.where(DOMAIN)
        if any(double.start > began for double in self.world.doubles()):
            return "double"
        if how.kind in ("source off", "target off"):
            return self._judge_power(how, status, output, runs_on)
        if status is None:
            return self._recover(self.source)
        if not runs_on:
            return "lost"
        if runs_on != [self.target if status == 0 else self.source]:
            return "untrue answer"
        other = self.source if status == 0 else self.target
        if self._run("monitor", runs_on[0])[0] != 0 or self._run("monitor", other)[0] != 7:
            return "untrue answer"
        self.source = runs_on[0]
        migrated = self._run("migrate_to", self.source, CRM_meta_migrate_target=self.target)
        if migrated[0] != 0 or self.world.where(DOMAIN) != [self.target]:
            return "later migration blocked"
        return GOOD

    def _judge_power(self, how: Interruption, status: int | None, output: str, runs_on: list[str]) -> str:
        lost, left = (self.source, self.target) if how.kind == "source off" else (self.target, self.source)
        try:
            if status == 0 and runs_on == [self.source]:
                return "untrue answer"
            if status not in (0, None) and not runs_on and "does not answer" not in output:
                return "lost"
            if runs_on == [left] and status is not None:
                return GOOD if self._run("monitor", left)[0] == 0 else "untrue answer"
            return GONE if self._recover(left, [left]) == RESTARTED else "lost"
        finally:
            self.lab.power_on(lost)

    def _recover(self, server: str, servers: tuple[str, ...] | list[str] = SERVERS) -> str:
        """What Pacemaker does after an action that has not answered: stop wherever it may run, then start."""
        for each in servers:
            if self._run("stop", each)[0] != 0:
                return "lost"
        started = self._run("start", server)[0] == 0
        return RESTARTED if started and self.world.where(DOMAIN) == [server] else "lost"

    # the domain

    def _guests(self) -> list[Any]:
        return [guest for guest in self.world.guests() if guest.name.split("--")[0] in (DOMAIN, "")]

    def _destroy(self, server: str, state: str | None = None) -> None:
        for guest in self._guests():
            if guest.server == server and state in (None, guest.state):
                self.lab.run(server, ["xl", "destroy", str(guest.domid)], check=False)

    def _one_domain(self) -> None:
        """Exactly one running domain, and no process left of the round before."""
        for server in SERVERS:
            self._signal(server, "KILL", r"xl migrate|/Xen ")
        self._wait_for_rest()
        guests = self._guests()
        if [(guest.name, guest.state) for guest in guests] != [(DOMAIN, "running")]:
            for server in SERVERS:
                self._destroy(server)
            self.lab.run(self.source, ["xl", "create", DOMAIN_FILE])
            guests = self._guests()
        self.source = guests[0].server

    def _wait_for_rest(self) -> None:
        """Until nothing of the domain changes for a second: what has lost its other side may still act."""
        seen, since = self._guests(), time.monotonic()

        def at_rest() -> bool:
            nonlocal seen, since
            if self._guests() != seen:
                seen, since = self._guests(), time.monotonic()
            return time.monotonic() > since + 1

        wait_until(at_rest, 30, "the domain does not come to rest")

    # interrupting

    def _arrange(self, how: Interruption) -> None:
        server = {"source": self.source, "target": self.target}[how.side]
        if how.kind == "stage":
            self.world.fault(how.stage, how.how, server=server)
        elif how.kind == "target full":
            self.world.power_on(self.target, memory_mib=1100)
        elif how.kind == "name taken":
            self.world.place(self.target, DOMAIN, "crashed")
        else:
            self.world.fault(how.stage, "hang", server=server, seconds=1.5)

    def _interrupt(self, how: Interruption) -> None:
        if how.kind in PROCESSES:
            pattern, side, signal = PROCESSES[how.kind]
            self._signal(self.source if side == "source" else self.target, signal, pattern)
        elif how.kind == "network cut":
            self.lab.cut(self.target)
            time.sleep(how.after * 2)
            self.lab.heal(self.target)
        elif how.kind.endswith(" off"):
            self.lab.power_off(self.source if how.kind == "source off" else self.target)

    def _signal(self, server: str, signal: str, pattern: str) -> None:
        found = self.lab.run(server, ["pgrep", "-f", pattern], check=False).stdout.split()
        if found:
            self.lab.run(server, ["kill", f"-{signal}", *found], check=False)

    # the agent

    def _begin(self, action: str, server: str, **parameters: str) -> "subprocess.Popen[str]":
        given = {
            "xmfile": DOMAIN_FILE,
            "CRM_meta_timeout": str(round(TIMEOUT_S * 1000)),
            "CRM_meta_on_node": server,
            **parameters,
        }
        environment = {
            "OCF_ROOT": "/usr/lib/ocf",
            "OCF_RESOURCE_INSTANCE": DOMAIN,
            "OCF_RESOURCE_TYPE": "Xen",
            "OCF_RESOURCE_PROVIDER": self.agent,
            **{f"OCF_RESKEY_{key}": value for key, value in given.items()},
        }
        return subprocess.Popen(
            self.lab.command(server, [AGENTS[self.agent], action], environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _run(self, action: str, server: str, **parameters: str) -> tuple[int, str]:
        """A whole action, with a generous deadline; its status and output."""
        process = self._begin(action, server, **parameters)
        try:
            return process.wait(timeout=2 * TIMEOUT_S), (process.communicate()[0] or "")
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return -1, "it did not end in time"


def interrupt(lab: Lab, agent: str, rounds: int, seed: int, show: bool = False) -> Tally:
    """So many interrupted migrations; the same seed gives the same interruptions."""
    interrupter, tally = Interrupter(lab, agent), Tally()
    for number, how in zip(range(rounds), interruptions(random.Random(seed)), strict=False):
        outcome, story = interrupter.round(how)
        tally.add(outcome, f"round {number} of seed {seed}: {story}")
        if show:
            print(f"{agent} {number}: {outcome} ({story})", flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description="Counts what interrupted migrations leave.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--debian", default="bookworm")
    parser.add_argument("agents", nargs="*", metavar="AGENT", help="snow, heartbeat; default: both")
    given = parser.parse_args()
    unknown = [agent for agent in given.agents if agent not in AGENTS]
    if unknown:
        parser.error(f"no such agent: {', '.join(unknown)}")
    failed = 0
    for agent in given.agents or AGENTS:
        with Lab.up(f"interruptions-{os.getpid()}", debian=given.debian, site=build_site) as lab:
            tally = interrupt(lab, agent, given.rounds, given.seed, show=True)
        print(f"{agent}: {given.rounds} interrupted migrations, seed {given.seed}")
        for outcome in (GOOD, RESTARTED, GONE, *BAD):
            print(f"  {outcome}: {tally.outcomes[outcome]}")
        failed += bool(tally.stories) and agent == "snow"
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
