"""The final handshake of a migration, interrupted on real Xen: the agent finds the one copy that is whole.

The transport is a program that stands in for ssh and stops relaying at a word of xl's (tools/xl/xl.h). Times are
seconds.
"""

import subprocess

import pytest

from tests.lab import host
from tests.xen.guests import Yard
from tests.xen.test_agent import GENERIC, OPERATION_S, SUCCESS, Agent
from tests.xenlab.guest import Guest

PROGRAMS = "/root/interrupted"
READY = "domain received, ready to unpause"
PERMISSION = "domain is yours, you are cleared to unpause"
REPORT = "my copy unpause results are as follows"

# `ssh`, but for a migration: nothing goes on from the word on, in whichever direction it comes; then the transport
# hangs, or ends. What is behind the word in the same block is held back too.
TRANSPORT = """#!/usr/bin/python3
import os, select, subprocess, sys, time
words = ["/usr/bin/ssh", *sys.argv[1:]]
if "migrate-receive" not in " ".join(words):
    os.execv(words[0], words)
ssh = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
ways = {{0: ssh.stdin.fileno(), ssh.stdout.fileno(): 1}}
while ways:
    for source in select.select(list(ways), [], [])[0]:
        data = os.read(source, 65536)
        if {word!r} in data:
            open("{programs}/reached", "w").close()
            time.sleep({hangs})
            ssh.kill()
            os._exit(1)
        if data:
            os.write(ways[source], data)
        else:
            os.close(ways.pop(source))
sys.exit(ssh.wait())
"""


class Handshake:
    """A migration by the agent from here, whose handshake is interrupted at a word."""

    def __init__(self, yard: Yard, agent: Agent, word: str, hangs: bool) -> None:
        self.yard = yard
        text = TRANSPORT.format(word=word.encode(), programs=PROGRAMS, hangs=OPERATION_S if hangs else 0)
        yard.lab.put(yard.here, f"{PROGRAMS}/ssh", text, mode=0o755)
        yard.lab.run(yard.here, ["rm", "-f", f"{PROGRAMS}/reached"])
        path = f"{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin"
        words = agent.command(yard.here, "migrate_to", yard.there, PATH=path)
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)

    def wait_until_reached(self) -> None:
        def reached() -> bool:
            assert self.process.poll() is None, self.end()
            return not self.yard.lab.run(self.yard.here, ["test", "-e", f"{PROGRAMS}/reached"], check=False).returncode

        host.wait_until(reached, OPERATION_S, "the handshake did not come so far")

    def end(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=OPERATION_S)
        return self.process.returncode, said


@pytest.fixture
def guest(yard: Yard) -> Guest:
    return Guest("shaken", 4)


@pytest.fixture
def agent(yard: Yard, guest: Guest) -> Agent:
    return Agent(yard.lab, guest)


def test_a_guest_frozen_before_permission_goes_on_where_it_was(yard: Yard, guest: Guest, agent: Agent) -> None:
    started = yard.create(guest)
    handshake = Handshake(yard, agent, READY, hangs=True)
    handshake.wait_until_reached()
    yard.lab.run(yard.here, ["pkill", "-KILL", "-f", "bin/xl migrate -[s]"])
    status, said = handshake.end()
    assert (status, "still runs here" in said) == (GENERIC, True), said
    assert yard.live(guest) == [yard.here]
    yard.still_ticks(guest, started)
    assert agent.does(yard.here, "migrate_to", yard.there) == SUCCESS
    assert yard.live(guest) == [yard.there]
    yard.still_ticks(guest, started)


def test_a_target_that_is_ready_and_never_heard_leaves_the_guest_where_it_was(
    yard: Yard, guest: Guest, agent: Agent
) -> None:
    started = yard.create(guest)
    status, said = Handshake(yard, agent, READY, hangs=False).end()
    assert (status, "still runs here" in said) == (GENERIC, True), said
    assert yard.live(guest) == [yard.here]
    assert yard.names(yard.there) == []
    yard.still_ticks(guest, started)


@pytest.mark.parametrize("word", [PERMISSION, REPORT], ids=["permission", "report"])
def test_a_copy_that_is_whole_on_the_target_runs_there(yard: Yard, guest: Guest, agent: Agent, word: str) -> None:
    started = yard.create(guest)
    status, said = Handshake(yard, agent, word, hangs=False).end()
    assert status == SUCCESS, said
    assert yard.live(guest) == [yard.there]
    assert yard.names(yard.here) == []
    yard.still_ticks(guest, started)


def test_a_copy_that_vanished_from_the_target_goes_on_at_the_source_under_its_name(
    yard: Yard, guest: Guest, agent: Agent
) -> None:
    started = yard.create(guest)
    handshake = Handshake(yard, agent, PERMISSION, hangs=True)
    handshake.wait_until_reached()
    assert yard.names(yard.here) == [f"{guest.name}--migratedaway"]
    yard.lab.run(yard.there, ["xl", "destroy", f"{guest.name}--incoming"])
    yard.lab.run(yard.here, ["pkill", "-TERM", "-f", "bin/xl migrate -[s]"])
    status, said = handshake.end()
    assert (status, "still runs here" in said) == (GENERIC, True), said
    assert yard.where(guest) == yard.live(guest) == [yard.here]
    yard.still_ticks(guest, started)


def test_a_name_that_is_taken_on_the_target_is_no_migration(yard: Yard, guest: Guest, agent: Agent) -> None:
    started = yard.create(guest)
    yard.lab.run(yard.there, ["xl", "create", "-p", guest.file])
    assert agent.does(yard.here, "migrate_to", yard.there) == GENERIC
    assert yard.live(guest) == [yard.here]
    yard.still_ticks(guest, started)


def test_a_target_without_memory_is_no_migration(yard: Yard, guest: Guest, agent: Agent) -> None:
    started = yard.create(guest)
    facts = yard.lab.run(yard.there, ["xl", "info"]).stdout.splitlines()
    (free,) = [int(line.partition(":")[2]) for line in facts if line.startswith("free_memory")]
    filler = Guest("filler", 5, memory_mib=free - guest.memory_mib // 2)
    yard.lab.add(filler)
    yard.lab.run(yard.there, ["xl", "create", "-p", filler.file])
    assert agent.does(yard.here, "migrate_to", yard.there) == GENERIC
    assert yard.live(guest) == [yard.here]
    yard.still_ticks(guest, started)
