"""Live migrations interrupted at each of their stages, in every way that field experience knows: exactly one copy is
left to run, and the agent tells the truth. Where a server is gone or cut off, nobody can know: then it says that.

The same rows run on real Xen (`make test-xen`) and on the stand-in of the containers' lab (`make lab-tests`). All rows
of a lab meet the same guest, wherever it runs by then: what one leaves must not be in the way of the next.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.lab.host import wait_until
from tests.xen.agent import GENERIC, SUCCESS, Agent
from tests.xen.guests import Servers, Yard
from tests.xen.relay import PATH, Relay
from tests.xen.standin import StandInLab
from tests.xenlab.guest import Guest, Tick

SETTLED_S = 5

# Command lines on real Xen and of the stand-in.
SENDER = "^([^ ]*python3 -IS )?[^ ]*xl migrate -s"
RECEIVER = "^([^ ]*python3 -IS )?[^ ]*xl migrate-receive$"
TRANSPORT = "^/usr/bin/python3 /root/relay/ssh .*migrate-receive"
THE_AGENT = "^/usr/bin/python3 -IS.*/Xen migrate_to$"


class Migration:
    """A migration by the agent from where the guest runs to the other server."""

    def __init__(self, yard: Yard, guest: Guest) -> None:
        self.yard, self.guest, self.agent = yard, guest, Agent(yard.lab, guest)
        self.source, self.target = yard.here, yard.there
        self.relay = Relay(yard.lab, self.source)

    def begin(self, stage: str) -> None:
        """Start it, and wait until it has come to the stage; `copy` goes on, the others are held."""
        self.stage = stage
        self.relay.install(stage)
        self.process = self.agent.begin(self.source, "migrate_to", self.target, PATH=PATH)
        if stage == "copy":
            half = f"{self.guest.name}--incoming"
            wait_until(lambda: half in self.yard.names(self.target), self.agent.operation_s, f"there is no {half}")
        elif stage != "before":
            self.relay.wait_until_held(self.process, self.agent.operation_s)

    def kill(self, server: str, pattern: str, signal: str = "KILL", must_be_there: bool = True) -> None:
        self.yard.lab.run(server, ["pkill", f"-{signal}", "-f", pattern], check=must_be_there)

    def end(self) -> tuple[int, str]:
        return self.agent.end(self.process)


# what happens

Act = Callable[[Migration], object]


def sender_killed(migration: Migration) -> None:
    migration.kill(migration.source, SENDER)


def transport_killed(migration: Migration) -> None:
    migration.kill(migration.source, TRANSPORT)


def receiver_killed(migration: Migration) -> None:
    # After its report, what is left of it on real Xen is the domain's monitor; the stand-in has none.
    migration.kill(migration.target, RECEIVER, must_be_there=migration.stage != "report")


def agent_killed(migration: Migration) -> None:
    migration.kill(migration.source, THE_AGENT)


def network_cut(migration: Migration) -> None:
    migration.yard.lab.cut(migration.target)


def target_off(migration: Migration) -> None:
    migration.yard.lab.power_off(migration.target)


def source_off(migration: Migration) -> None:
    migration.yard.lab.power_off(migration.source)


def name_taken(migration: Migration) -> None:
    migration.yard.lab.run(migration.target, ["xl", "create", "-p", migration.guest.file])


def memory_taken(migration: Migration) -> None:
    lab, guest = migration.yard.lab, migration.guest
    facts = lab.run(migration.target, ["xl", "info"]).stdout.splitlines()
    (free,) = [int(line.partition(":")[2]) for line in facts if line.startswith("free_memory")]
    filler = Guest("filler", 5, memory_mib=free - guest.memory_mib // 2)
    lab.add(filler)
    lab.run(migration.target, ["xl", "create", "-p", filler.file])


def copy_destroyed(migration: Migration) -> None:
    migration.yard.lab.run(migration.target, ["xl", "destroy", f"{migration.guest.name}--incoming"])


def domain_destroyed(migration: Migration) -> None:
    migration.yard.lab.run(migration.source, ["xl", "destroy", migration.guest.name])


def hung(migration: Migration) -> None:
    """Nothing: it hangs until Pacemaker, or the deadline, ends it."""


# what comes of it

SOURCE = "runs at the source"
TARGET = "runs at the target"
# A receiver that hears the end of the stream before it gets permission gives its copy up, if it can still say so.
EITHER = "runs at one of both"
UNKNOWN = "the agent does not know"
LOST = "runs nowhere"
NO_ANSWER = "the agent is gone"


@dataclass(frozen=True)
class Row:
    """stage: where the migration is held, or `copy`, which goes on. then: what the relay does, or `end it`: the agent
    is told to end the migration, as Pacemaker does at the deadline."""

    stage: str
    act: Act
    then: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.stage}-{self.act.__name__}"


ROWS = [
    Row("ready", transport_killed, "", SOURCE),
    Row("permission", transport_killed, "", EITHER),
    Row("report", transport_killed, "", TARGET),
    Row("ready", hung, "end it", SOURCE),
    Row("permission", hung, "end it", EITHER),
    Row("report", hung, "end it", TARGET),
    Row("copy", receiver_killed, "", SOURCE),
    Row("copy", sender_killed, "", SOURCE),
    Row("copy", transport_killed, "", SOURCE),
    Row("copy", network_cut, "", SOURCE),
    Row("ready", sender_killed, "", SOURCE),
    Row("ready", receiver_killed, "go on", TARGET),
    Row("permission", sender_killed, "", EITHER),
    Row("permission", receiver_killed, "go on", TARGET),
    Row("report", sender_killed, "", TARGET),
    Row("report", receiver_killed, "end", TARGET),
    Row("permission", copy_destroyed, "end it", SOURCE),
    Row("before", name_taken, "", SOURCE),
    Row("before", memory_taken, "", SOURCE),
    Row("before", network_cut, "", SOURCE),
    Row("greeting", name_taken, "go on", SOURCE),
    Row("greeting", memory_taken, "go on", SOURCE),
    Row("greeting", sender_killed, "", SOURCE),
    Row("greeting", transport_killed, "", SOURCE),
    Row("greeting", receiver_killed, "go on", SOURCE),
    Row("copy", domain_destroyed, "end it", LOST),
    Row("copy", agent_killed, "", NO_ANSWER),
    Row("ready", agent_killed, "", NO_ANSWER),
    Row("report", agent_killed, "", NO_ANSWER),
    Row("ready", network_cut, "end it", SOURCE),
    Row("permission", network_cut, "go on", UNKNOWN),
    Row("report", network_cut, "end", UNKNOWN),
    Row("copy", target_off, "", SOURCE),
    Row("ready", target_off, "end it", SOURCE),
    Row("permission", target_off, "go on", UNKNOWN),
    Row("report", target_off, "end", UNKNOWN),
    Row("copy", source_off, "", NO_ANSWER),
    Row("ready", source_off, "", NO_ANSWER),
]


@pytest.fixture(scope="module", params=["stand-in", pytest.param("xen", marks=pytest.mark.xen)])
def lab(request: pytest.FixtureRequest) -> Iterator[Servers]:
    if request.param == "xen":
        yield request.getfixturevalue("xenlab")
        return
    with StandInLab.up(f"interrupted-{os.getpid()}") as lab:
        # Long enough for a test to act in it.
        lab.world.configure(copy_s=1.5)
        yield lab
        assert lab.doubles() == []


@pytest.fixture(scope="module")
def yard(lab: Servers) -> Iterator[Yard]:
    with Yard(lab) as made:
        yield made


@pytest.fixture
def migration(yard: Yard) -> Iterator[Migration]:
    """The guest runs, and nothing else is there but, perhaps, what an earlier migration left on a server."""
    guest = Guest("shaken", 4)
    if len(yard.live(guest)) != 1 or yard.where(guest) != yard.live(guest):
        yard.clear()
        yard.create(guest)
    # A guest that has just started cannot always be migrated: see Yard.migrate.
    yard.wait_for_tick(guest, lambda tick: tick.seconds >= SETTLED_S)
    if yard.where(guest) == [yard.there]:
        yard.here, yard.there = yard.there, yard.here
    made = Migration(yard, guest)
    yield made
    for server in (made.source, made.target):
        yard.lab.heal(server)
        if not yard.lab.is_on(server):
            yard.lab.power_on(server)
    for server in (made.source, made.target):
        for copy in yard.copies(server):
            if copy.name == "filler" or ("p" in copy.flags and copy.name == guest.name):
                yard.lab.run(server, ["xl", "destroy", str(copy.domid)], check=False)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_interrupted_migration_leaves_one_copy_and_the_truth(migration: Migration, row: Row) -> None:
    yard, guest = migration.yard, migration.guest
    source, target = migration.source, migration.target
    started = yard.lab.last_tick(guest)
    assert started
    if row.stage == "before":
        row.act(migration)
    migration.begin(row.stage)
    if row.stage != "before":
        row.act(migration)
    if row.then == "go on":
        migration.relay.go_on()
    elif row.then == "end":
        migration.relay.end()
    elif row.then == "end it":
        migration.kill(source, THE_AGENT, "TERM")
    status, said = migration.end()

    cut_off = row.act in (network_cut, target_off)
    if row.outcome == EITHER:
        outcome = TARGET if status == SUCCESS else SOURCE
    else:
        outcome = row.outcome
    if outcome == SOURCE:
        assert status == GENERIC
        assert row.stage == "before" or "still runs here" in said
        yard.still_ticks(guest, started)
        assert yard.live(guest) == [source]
        taken: dict[Act, list[str]] = {name_taken: [guest.name], memory_taken: ["filler"]}
        assert cut_off or yard.names(target) == taken.get(row.act, [])
    elif outcome == TARGET:
        assert status == SUCCESS
        assert migration.agent.does(target, "migrate_from") == SUCCESS
        yard.still_ticks(guest, started)
        assert yard.live(guest) == [target]
        assert yard.names(source) == []
    elif outcome == UNKNOWN:
        assert status == GENERIC
        assert f"{target} does not answer, so nobody knows" in said
        assert source not in yard.live(guest)
    elif outcome == LOST:
        assert status == GENERIC
        assert "runs on neither side" in said
        assert yard.live(guest) == []
    if outcome in (UNKNOWN, LOST, NO_ANSWER):
        recover(migration, started)


def recover(migration: Migration, before: Tick) -> None:
    """What Pacemaker does where nobody knows: stop wherever there is power, then start."""
    yard, agent = migration.yard, migration.agent
    for server in yard.lab.names:
        yard.lab.heal(server)
    servers = [server for server in (migration.source, migration.target) if yard.lab.is_on(server)]
    for server in servers:
        assert agent.does(server, "stop") == SUCCESS
    assert agent.does(servers[0], "start") == SUCCESS
    yard.wait_for_tick(migration.guest, lambda tick: tick.boot != before.boot)
    assert yard.live(migration.guest) == [servers[0]]
