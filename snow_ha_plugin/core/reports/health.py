"""How a cluster stands: how even its servers' loads are, and whether any one of them could fail (N+1)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from snow_ha_plugin.core.balancer.loader import Instance
from snow_ha_plugin.core.balancer.problem import Spread, lower_bound, spread
from snow_ha_plugin.core.reports.losses import Failure
from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.model import Finding, Severity

# `status` has a line for each server; who wants all names has them from --json.
MOST_NAMES = 8


class NPlus1(NamedTuple):
    """What the scheduler has said of each server's failure.

    `unasked` are the servers that there was no time to ask about, `unsized` the domains and servers whose memory nobody
    knows; `by_sizes` is whether Pacemaker goes by sizes; `serving` are the servers in service.
    """

    failures: Mapping[str, Failure]
    unasked: tuple[str, ...]
    unsized: tuple[str, ...]
    by_sizes: bool
    serving: tuple[str, ...]

    @property
    def holds(self) -> bool | None:
        """None where it cannot be told."""
        if self.stranded:
            return False
        return None if self.unsized or self.unasked or not self.serving else True

    @property
    def stranded(self) -> dict[str, tuple[str, ...]]:
        """By server: the domains that its failure costs."""
        return {server: failure.victims for server, failure in self.failures.items() if failure.victims}

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(self._findings())

    def _findings(self) -> Iterator[Finding]:
        for server, failure in self.failures.items():
            if failure.lost:
                yield _lost(server, failure, alone=set(self.serving) <= {server})
            if failure.squeezed:
                yield _squeezed(server, failure.squeezed, by_sizes=self.by_sizes)
        if self.holds is None and not self.serving:
            yield Finding(Severity.WARNING, "n+1-unknown", "no server is in service", "see snow ha status")
        if self.holds is None and self.unsized:
            message = f"whether a server may fail is unknown: so is the memory of {in_words(self.unsized, MOST_NAMES)}"
            yield Finding(Severity.WARNING, "n+1-unknown", message, "run snow ha sync, and snow ha enable")
        if self.unasked:
            message = f"Pacemaker did not say in time what the failure of {in_words(self.unasked)} would cost"
            yield Finding(Severity.WARNING, "n+1-unknown", message, "ask for one: snow ha what-if SERVER")


def _lost(server: str, failure: Failure, *, alone: bool) -> Finding:
    names, remedy = in_words(failure.lost, MOST_NAMES), f"see snow ha what-if {server}"
    if alone:
        why, remedy = f"there is no other server for {names}", ""
    elif not failure.has_quorum:
        why = f"{names} would run nowhere: the servers that are left have no quorum"
    else:
        why = f"{names} would run nowhere"
    return Finding(Severity.WARNING, "no-n+1", f"if {server} fails, {why}", remedy, subject=server)


def _squeezed(server: str, names: Collection[str], *, by_sizes: bool) -> Finding:
    message = f"if {server} fails, {in_words(names, MOST_NAMES)} would be started where memory does not suffice"
    if by_sizes:
        return Finding(Severity.WARNING, "no-n+1", message, "add memory, or stop a domain", subject=server)
    why = "Pacemaker does not count memory, since placement-strategy is not set"
    return Finding(Severity.WARNING, "no-n+1", f"{message}: {why}", "snow ha balance", subject=server)


class Standing(NamedTuple):
    """How even loads are now, and at best."""

    spread: Spread
    lower_bound: float
    n_plus_1: NPlus1


def of(instance: Instance, n_plus_1: NPlus1) -> Standing:
    problem = instance.problem
    return Standing(spread(problem, problem.initial), lower_bound(problem), n_plus_1)
