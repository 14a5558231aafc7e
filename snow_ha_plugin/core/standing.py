"""How a cluster stands: how even its servers' loads are, and whether any one of them could fail (N+1).

Asked of now, or of what would be: `status` and `what-if` tell the same of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from snow_ha_plugin.core import roster
from snow_ha_plugin.core.cib import Tree
from snow_ha_plugin.core.load import By, Spread, lower_bound, spread
from snow_ha_plugin.core.survival import stranded
from snow_ha_plugin.core.wording import in_words
from snow_ha_plugin.errors import DataError
from snow_ha_plugin.model import ClusterState, Domain, Finding, Severity

# `status` has a line for each server; who wants all names has them from --json.
MOST_NAMES = 8


@dataclass(frozen=True)
class Standing:
    """`stranded` are, by server, the domains that the others have no room for if it fails.

    `serving` are the servers in service; `unsized` are the domains and servers whose memory nobody knows: with one of
    them N+1 cannot be told.
    """

    spread: Spread
    imbalance: float
    lower_bound: float
    serving: tuple[str, ...]
    stranded: Mapping[str, tuple[str, ...]]
    unsized: tuple[str, ...]

    @property
    def n_plus_1(self) -> bool | None:
        return None if self.unsized else not self.stranded

    @property
    def findings(self) -> tuple[Finding, ...]:
        if self.unsized:
            message = f"whether a server may fail is unknown: so is the memory of {in_words(self.unsized, MOST_NAMES)}"
            return (Finding(Severity.WARNING, "n+1-unknown", message, "run snow ha sync, and snow ha enable"),)
        return tuple(
            no_room(server, names, alone=set(self.serving) <= {server}) for server, names in self.stranded.items()
        )


def no_room(server: str, names: Collection[str], *, alone: bool) -> Finding:
    """N+1 does not hold for a server; it is `alone` where no other is in service."""
    who, remedy = (
        ("there is no other server", "") if alone else ("the others have no room", "add memory, or stop a domain")
    )
    return Finding(Severity.WARNING, "no-n+1", f"if {server} fails, {who} for {in_words(names, MOST_NAMES)}", remedy)


def of(
    tree: Tree,
    state: ClusterState,
    files: Mapping[str, Domain],
    *,
    at: Mapping[str, str | None] | None = None,
    without: Collection[str] = (),
) -> Standing:
    """How a cluster stands, now or with the domains `at` other servers, and those of `without` out of service.

    DataError for a CIB that the balancer does not take.
    """
    roster.check(tree)
    built = roster.build(tree, state, files, {}, By.BOTH)
    problem = built.problem
    places = tuple(replace(place, takes=place.takes and place.name not in without) for place in problem.places)
    problem = replace(problem, places=places)
    number_of = {place.name: number for number, place in enumerate(places)}
    homes = problem.homes
    if at is not None:
        homes = tuple(number_of.get(at.get(tenant.name) or "") for tenant in problem.tenants)
    found = spread(problem, homes)
    with_memory = {place.name for place in places if place.memory_mib}
    return Standing(
        spread=found,
        imbalance=found.imbalance(problem.by),
        lower_bound=lower_bound(problem),
        serving=tuple(place.name for place in places if place.takes),
        stranded={
            places[place].name: tuple(problem.tenants[number].name for number in numbers)
            for place, numbers in stranded(problem, homes).items()
        },
        unsized=tuple(name for name in built.unsized if problem.tenants and name not in with_memory),
    )


def of_any(
    tree: Tree,
    state: ClusterState,
    files: Mapping[str, Domain],
    *,
    at: Mapping[str, str | None] | None = None,
    without: Collection[str] = (),
) -> tuple[Standing | None, tuple[Finding, ...]]:
    """`of` with its findings, for verbs that have more to tell; nothing but why of a CIB that the balancer refuses."""
    try:
        found = of(tree, state, files, at=at, without=without)
    except DataError as error:
        reason = "; ".join(part for part in (error.message, error.details) if part)
        message = f"the balance is unknown: {reason}"
        return None, (Finding(Severity.WARNING, "balance-unknown", message, error.remedy),)
    return found, found.findings
