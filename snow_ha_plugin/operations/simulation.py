"""What would be if servers failed or were drained: the scheduler's answers, and what they mean for the domains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer import loader
from snow_ha_plugin.core.cib import probes
from snow_ha_plugin.core.configure import cluster_options
from snow_ha_plugin.core.reports import disruption, losses
from snow_ha_plugin.core.reports.disruption import Sharing
from snow_ha_plugin.core.reports.health import NPlus1
from snow_ha_plugin.core.reports.losses import Failure, Sizes
from snow_ha_plugin.core.reports.text import in_words, nearest
from snow_ha_plugin.errors import NoSuchObjectError, SnowHaError
from snow_ha_plugin.model import Action, Answer, Domain, Move, Places, Where
from snow_ha_plugin.system import scheduler

# For all servers' failures together; a scheduler's run that takes longer is none that a terminal waits for.
FAILURES_WITHIN_S = 20

# Of the domains that harm is done to, in one line.
NAMED = 8

# What would disturb a domain that runs. To reload is no more than to have the agent read parameters anew, in place.
DISTURBING = ("stop", "restart", "recover", "move", "migrate", "leave")


class Outcome(NamedTuple):
    """Where each domain runs now and would run afterwards, and the servers in service then.

    `restarted`: which of those that come from a server in service Pacemaker would not migrate live.
    """

    places_before: Places
    places_after: Places
    serving: tuple[str, ...]
    has_quorum: bool = True
    restarted: tuple[str, ...] = ()

    @property
    def before(self) -> Where:
        return one_place(self.places_before)

    @property
    def after(self) -> Where:
        return one_place(self.places_after)


def one_place(places: Places) -> Where:
    """The server of each domain, of which there should be one; None is nowhere."""
    return {name: next(iter(servers), None) for name, servers in places.items()}


class Outlook:
    """What the scheduler says of one CIB, each question put to it once; `files` give sizes that the CIB lacks."""

    def __init__(self, tree: cib.Tree, files: Mapping[str, Domain] | None = None) -> None:
        self.tree = tree
        self.files = files or {}
        self.members = [node.name for node in cib.nodes(tree)]
        self.domains = cib.domains(tree)
        self._first: tuple[Answer, cib.Tree] | None = None
        self._asking = Lock()

    @property
    def now(self) -> Answer:
        return self._taken()[0]

    @property
    def taken(self) -> cib.Tree:
        """The CIB as the scheduler has taken it, for further questions."""
        return self._taken()[1]

    def _taken(self) -> tuple[Answer, cib.Tree]:
        """Two who ask at a time have one answer: cached_property sees to that in Python 3.11 only."""
        with self._asking:
            if self._first is None:
                self._first = scheduler.take(self.tree)
        return self._first

    @cached_property
    def places(self) -> Where:
        """Where each domain runs."""
        return one_place(self._of_domains(self.now.before))

    @cached_property
    def sizes(self) -> Sizes:
        """As Pacemaker reads them; those of domains that it starts nowhere as they are written."""
        room = {node.name: node.memory_mib for node in cib.nodes(self.tree) if node.memory_mib}
        needs = {}
        for name, primitive in self.domains.items():
            memory, _ = loader.size(primitive, self.files.get(name), self.now.sizes.get(name, {}))
            if memory is not None:
                needs[name] = memory
        return Sizes(room, needs)

    @property
    def loads(self) -> dict[str, float]:
        """Which part of its memory the domains of each server take, where that is known."""
        return self.loads_of(self.places)

    @property
    def free_mib(self) -> dict[str, int]:
        """The memory that domains do not take, of each server where it is known."""
        free = dict(self.sizes.room)
        for name, server in self.places.items():
            if server in free:
                free[server] -= self.sizes.needs.get(name, 0)
        return free

    def loads_of(self, places: Where) -> dict[str, float]:
        """`loads`, were the domains at these places."""
        used = dict.fromkeys(self.sizes.room, 0)
        for name, server in places.items():
            if server in used:
                used[server] += self.sizes.needs.get(name, 0)
        return {server: memory / self.sizes.room[server] for server, memory in used.items()}

    def disturbed(self, actions: Iterable[Action], moves: Iterable[Move]) -> list[Action]:
        """What disturbs by a change that leads to `actions`: without the `moves`, and without what Pacemaker is about
        to do anyway."""
        meant = {Action(move.task, move.domain, move.target) for move in moves}
        found = [action for action in actions if action.task in DISTURBING and action not in meant]
        return [action for action in found if action not in self.now.actions]

    def failure(self, servers: Sequence[str]) -> Outcome:
        """What would become of the domains if these servers failed at once."""
        require(self.tree, servers)
        return self._in_the_end(scheduler.ask(self._without(servers)), servers)

    def after_failure(self, servers: Sequence[str]) -> Outlook:
        answer, then = scheduler.carry_out(self._without(servers))
        if _waits(answer, self._outcome(answer, servers)):
            then = scheduler.carry_out(then)[1]
        return Outlook(then, self.files)

    def then(self) -> Outcome:
        """What becomes of the domains as it is."""
        return self._outcome(self.now, ())

    @cached_property
    def n_plus_1(self) -> NPlus1:
        """Whether any one server may fail, by the scheduler's answer for each that is online."""
        online = [node.name for node in self.now.state.nodes if node.online]
        losses_of = {name: self._loss([name]) for name in online}
        answers = scheduler.ask_each(self.taken, losses_of, within_s=FAILURES_WITHIN_S)
        failures, unasked = {}, []
        for server, answer in answers.items():
            try:
                failures[server] = self._cost_of(server, answer)
            except SnowHaError:
                unasked.append(server)
        unsized = [name for name in self.members if name not in self.sizes.room]
        unsized += [name for name, server in self.places.items() if server and name not in self.sizes.needs]
        serving = tuple(node.name for node in self.now.state.nodes if node.serves)
        return NPlus1(failures, tuple(unasked), tuple(unsized), cib.goes_by_sizes(self.tree), serving)

    def _cost_of(self, server: str, answer: Answer | SnowHaError) -> Failure:
        if isinstance(answer, SnowHaError):
            raise answer
        return self.cost(self._in_the_end(answer, [server]))

    def cost(self, outcome: Outcome) -> Failure:
        return losses.of_failure(
            outcome.places_before, outcome.places_after, self.sizes, outcome.serving, has_quorum=outcome.has_quorum
        )

    def _of_domains(self, found: Places) -> Places:
        """Of those that are configured, and of those that Pacemaker still runs without that."""
        names = {resource.id for resource in self.now.state.resources if resource.agent.endswith(":Xen")}
        return {name: found.get(name, ()) for name in sorted(names | self.domains.keys())}

    def _in_the_end(self, answer: Answer, servers: Sequence[str]) -> Outcome:
        """What becomes of the domains by the first answer to a failure, or, where that waits, by the next one."""
        outcome = self._outcome(answer, servers)
        if not _waits(answer, outcome):
            return outcome
        return self._outcome(scheduler.ask(scheduler.carry_out(self._without(servers))[1]), servers)

    def _outcome(self, answer: Answer, gone: Sequence[str]) -> Outcome:
        serving = tuple(node.name for node in answer.state.nodes if node.serves and node.name not in gone)
        before, after = (self._of_domains(found) for found in (self.now.before, answer.after))
        restarted = [
            action.resource for action in answer.actions if action.task == "move" and action.resource in before
        ]
        return Outcome(before, after, serving, self._has_quorum(gone), tuple(sorted(restarted)))

    def _loss(self, servers: Sequence[str]) -> scheduler.Edit:
        """Without fencing Pacemaker takes a lost server for dead; with it, it waits until it is."""
        fenced, quorum = cluster_options.has_fencing(self.tree), self._has_quorum(servers)
        return lambda tree: probes.fail(tree, servers, fenced=fenced, quorum=quorum)

    def _without(self, servers: Sequence[str]) -> cib.Tree:
        tree = cib.clone(self.tree)
        self._loss(servers)(tree)
        return tree

    def _has_quorum(self, gone: Sequence[str]) -> bool:
        """votequorum(5): more than half, or with two_node one of two."""
        voting = {node.name for node in self.now.state.nodes if node.online or node.joining}
        left, members = sum(name in voting for name in self.members if name not in gone), self.members
        return left * 2 > len(members) or (len(members) == 2 and left == 1)


def _waits(answer: Answer, outcome: Outcome) -> bool:
    """Whether a domain that a failure would stop is only blocked or let alone until the lost servers are fenced, when
    Pacemaker looks anew: an order with one that cannot be stopped counts for as long as the lost one is to be stopped,
    and what is not managed (a server in maintenance) for as long as it is there."""
    unmanaged = {resource.id for resource in answer.state.resources if not resource.managed}
    stopped = {name for name, places in outcome.places_after.items() if outcome.places_before[name] and not places}
    return outcome.has_quorum and not stopped.isdisjoint(answer.blocked | unmanaged)


def settled(
    tree: cib.Tree, answer: Answer, then: cib.Tree, files: Mapping[str, Domain], *, timeout_s: float
) -> Outlook:
    """The cluster once `answer`, the scheduler's to `tree`, is carried out and the configuration is that of `then`.

    Where nothing but migrations happens, they need not be played: the scheduler tells whether it reads the histories
    that they leave as it meant.
    """
    if (arrived := probes.migrated(tree, answer)) is not None:
        found = Outlook(cib.reconfigured(arrived, then), files)
        if found.now.before == answer.after:
            return found
    return Outlook(cib.reconfigured(scheduler.carry_out(tree, timeout_s=timeout_s)[1], then), files)


class Consequences(NamedTuple):
    """What an outcome means; `n_plus_1` is what holds then, and `fullest` which part of the fullest server's memory
    its domains take."""

    cost: Failure
    sharing: tuple[Sharing, ...]
    n_plus_1: NPlus1
    fullest: float

    @property
    def harm(self) -> str:
        """Why this should not happen, in one line; nothing where no harm is done."""
        return _harm(self.cost, self.sharing)


class Loss(NamedTuple):
    """What the failure of one server would mean; `moved` are the domains that others would start."""

    server: str
    cost: Failure
    sharing: tuple[Sharing, ...]
    moved: tuple[str, ...]
    fullest: float

    @property
    def harm(self) -> str:
        return _harm(self.cost, self.sharing)


def _harm(cost: Failure, sharing: Iterable[Sharing]) -> str:
    told = [found.text for found in sharing if found.is_harm]
    if cost.squeezed:
        told.insert(0, f"{in_words(cost.squeezed, NAMED)} would run where memory does not suffice")
    if cost.lost:
        told.insert(0, f"{in_words(cost.lost, NAMED)} would not run")
    return ", and ".join(told)


def consequences(now: Outlook, outcome: Outcome, then: Outlook, groups: Mapping[str, str]) -> Consequences:
    """What an outcome means that ends in `then`; `groups` are the replicas."""
    sharing = disruption.sharing(outcome.before, outcome.after, groups, outcome.serving)
    return Consequences(now.cost(outcome), sharing, then.n_plus_1, max(then.loads.values(), default=0.0))


def loss_of_each(now: Outlook, groups: Mapping[str, str]) -> list[Loss]:
    """What the failure of each server that is online would mean."""
    losses = []
    for server in [node.name for node in now.now.state.nodes if node.online]:
        outcome = now.failure([server])
        sharing = disruption.sharing(outcome.before, outcome.after, groups, outcome.serving)
        moved = tuple(name for name, place in outcome.before.items() if outcome.after[name] not in (None, place))
        fullest = max(now.loads_of(outcome.after).values(), default=0.0)
        losses.append(Loss(server, now.cost(outcome), sharing, moved, fullest))
    return losses


def drained(tree: cib.Tree, server: str, files: Mapping[str, Domain]) -> tuple[Outcome, Outlook]:
    """Where Pacemaker would bring the domains of a server in standby, and how things are then."""
    require(tree, [server])
    imagined = cib.clone(tree)
    cib.put_standby(imagined, server, on=True)
    return Outlook(imagined, files).then(), Outlook(scheduler.carry_out(imagined)[1], files)


def require(tree: cib.Tree, servers: Iterable[str]) -> None:
    """NoSuchObjectError for one that is no member."""
    known = [node.name for node in cib.nodes(tree)]
    for server in servers:
        if server not in known:
            near = nearest(server, known)
            raise NoSuchObjectError(
                f"there is no server {server}",
                f"the cluster has {', '.join(known)}",
                f"did you mean {near}" if near else "see snow ha status",
            )
