"""The balancer's search: a placement that changes by the best move, or swap of two domains, at a time.

A placement is judged by the sum of two standard deviations of relative load over the servers, memory's and vcpus',
and by its peaks. Each domain that ends up away from home has a price in the same unit. One that is away already may
change its target, or go back, for nothing: so moves are spent again where they bring more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from snow_ha_plugin.core.load import OVERCOMMIT, By, Problem

# How many crowded servers, and how many with room, are looked at for the next move; all, when none of these helps.
SOURCES, TARGETS = 8, 12

# Less than this is rounding.
NOTHING = 1e-9

# Up to so many servers times domains, local optima are left by chance: `TRIES` divided by that product is how often.
SMALL = 300
TRIES = 6_000

# Two servers are not worth looking at for swaps where the deviations could not fall by this, or by two moves' price.
LITTLE = 1e-5

# How much of the deviation that single moves reach a lower peak may cost again: the shortlists of these may have
# missed a little.
SPENT = 0.99

# While a peak is lowered, the deviations decide between changes that lower it alike.
BESIDE_PEAK = 0.02

ANY = math.inf


@dataclass(frozen=True)
class Guard:
    """What a change must not exceed: the leading peak, the other peak, and the sum of the deviations."""

    lead_peak: float = ANY
    rest_peak: float = ANY
    deviation: float = ANY


Change = tuple[tuple[int, int], ...]


class Search:
    """The state of a search. `at` is each tenant's place; `lead` is memory (vcpus where only these count)."""

    def __init__(self, problem: Problem, price: float, limit: int | None) -> None:
        self.price = price
        self.left = len(problem.tenants) if limit is None else limit
        self.tenants, places = problem.tenants, problem.places
        self.home = problem.homes
        self.at: list[int | None] = list(self.home)
        self.counted = [number for number, place in enumerate(places) if place.takes]
        by_vcpus = problem.by == By.VCPUS
        memory = [place.memory_mib if place.takes else 0 for place in places]
        vcpus = [place.vcpus if place.takes else 0 for place in places]
        sizes = [(tenant.memory_mib, tenant.vcpus) for tenant in self.tenants]
        overcommitted = [count * OVERCOMMIT for count in vcpus]
        if by_vcpus:
            self.size = [(vcpu, mib) for mib, vcpu in sizes]
            self.lead_room, self.rest_room = overcommitted, memory
            lead, rest = vcpus, memory
        else:
            self.size = sizes
            self.lead_room, self.rest_room = memory, overcommitted
            lead, rest = memory, vcpus
        self.per_lead = [1 / (room or 1) for room in lead]
        self.per_rest = [float(problem.by == By.BOTH) / (room or 1) for room in rest]
        self.lead_used, self.rest_used = [0] * len(places), [0] * len(places)
        self.on: list[list[int]] = [[] for _ in places]
        for number, place in enumerate(self.home):
            if place is not None:
                self._enter(number, place)
        self.kind = [
            number if tenant.allowed is not None or tenant.group or tenant.barred else (-1, *sizes[number])
            for number, tenant in enumerate(self.tenants)
        ]
        self.measure()

        self.is_small = len(self.counted) * len(self.tenants) <= SMALL

    # --- the state

    def measure(self) -> None:
        """What the judging of changes starts from; it is taken afresh after each, so that no rounding adds up."""
        count = len(self.counted) or 1
        self.share = 1 / count
        self.lead = [used * per for used, per in zip(self.lead_used, self.per_lead, strict=True)]
        self.rest = [used * per for used, per in zip(self.rest_used, self.per_rest, strict=True)]
        leads, rests = [self.lead[place] for place in self.counted], [self.rest[place] for place in self.counted]
        # Distances from the middle instead of the loads themselves: their squares keep more digits.
        self.lead_middle, self.rest_middle = sum(leads) * self.share, sum(rests) * self.share
        self.lead = [load - self.lead_middle for load in self.lead]
        self.rest = [load - self.rest_middle for load in self.rest]
        self.lead_squares = math.fsum(self.lead[place] ** 2 for place in self.counted)
        self.rest_squares = math.fsum(self.rest[place] ** 2 for place in self.counted)
        self.deviation = math.sqrt(self.lead_squares * self.share) + math.sqrt(self.rest_squares * self.share)
        self.fullest = sorted(self.counted, key=lambda place: -self.lead[place])[:3]
        self.busiest = sorted(self.counted, key=lambda place: -self.rest[place])[:3]

    @property
    def lead_peak(self) -> float:
        return self.lead[self.fullest[0]] + self.lead_middle if self.fullest else 0.0

    @property
    def rest_peak(self) -> float:
        return self.rest[self.busiest[0]] + self.rest_middle if self.busiest else 0.0

    def _enter(self, tenant: int, place: int) -> None:
        lead, rest = self.size[tenant]
        self.lead_used[place] += lead
        self.rest_used[place] += rest
        self.on[place].append(tenant)

    def _leave(self, tenant: int, place: int) -> None:
        lead, rest = self.size[tenant]
        self.lead_used[place] -= lead
        self.rest_used[place] -= rest
        self.on[place].remove(tenant)

    def put(self, change: Change) -> None:
        """Put tenants on places, wherever they were."""
        for tenant, place in change:
            self.left -= self.cost(tenant, place)
            old = self.at[tenant]
            if old is not None:
                self._leave(tenant, old)
            self._enter(tenant, place)
            self.at[tenant] = place
        self.measure()

    def _put_back(self, tenant: int, place: int | None) -> None:
        now = self.at[tenant]
        if now is not None:
            self._leave(tenant, now)
        self.left += int(self.home[tenant] not in (None, now)) - int(self.home[tenant] not in (None, place))
        if place is not None:
            self._enter(tenant, place)
        self.at[tenant] = place

    def cost(self, tenant: int, place: int) -> int:
        """How many more tenants are away from home if this one goes to a place: -1, 0 or 1."""
        home = self.home[tenant]
        return 0 if home is None else int(home != place) - int(home != self.at[tenant])

    # --- what is possible

    def welcome(self, tenant: int, place: int, without: int = -1) -> bool:
        """Whether the rules let a tenant go to a place once `without` has left it; sizes are no matter here.

        A replica goes to a place with another of its group only from one with as many.
        """
        found = self.tenants[tenant]
        if found.allowed is not None and place not in found.allowed:
            return False
        if found.barred and any(other in found.barred and other != without for other in self.on[place]):
            return False
        if not found.group:
            return True
        old = self.at[tenant]
        return old is None or self.replicas(tenant, place, without) <= self.replicas(tenant, old)

    def replicas(self, tenant: int, place: int, without: int = -1) -> int:
        """How many other tenants of its group are on a place."""
        group = self.tenants[tenant].group
        if not group:
            return 0
        return sum(self.tenants[other].group == group for other in self.on[place] if other not in (tenant, without))

    def fits(self, tenant: int, place: int) -> bool:
        lead, rest = self.size[tenant]
        return (
            self.lead_used[place] + lead <= self.lead_room[place]
            and self.rest_used[place] + rest <= self.rest_room[place]
            and self.welcome(tenant, place)
        )

    def swap_fits(self, one: int, source: int, other: int, target: int) -> bool:
        lead, rest = (mine - yours for mine, yours in zip(self.size[one], self.size[other], strict=True))
        return (
            self.lead_used[target] + lead <= self.lead_room[target]
            and self.lead_used[source] - lead <= self.lead_room[source]
            and self.rest_used[target] + rest <= self.rest_room[target]
            and self.rest_used[source] - rest <= self.rest_room[source]
            and self.welcome(one, target, other)
            and self.welcome(other, source, one)
        )

    def movable(self, place: int) -> list[int]:
        """The tenants of a place that may go, one of each kind and home."""
        kinds: dict[object, int] = {}
        for tenant in self.on[place]:
            if self.tenants[tenant].free:
                kinds.setdefault((self.kind[tenant], self.home[tenant]), tenant)
        return list(kinds.values())

    # --- the best change

    def outcome(self, change: Change) -> tuple[float, float]:
        """The sum of the deviations, and the leading peak, after a change, whatever it is; all is as before then."""
        before = tuple((tenant, self.at[tenant]) for tenant, _ in change)
        self.put(change)
        found = self.deviation, self.lead_peak
        for tenant, place in before:
            self._put_back(tenant, place)
        self.measure()
        return found

    def crowded(self) -> list[int]:
        """The places by how far they are above the middle, the farthest first."""
        return sorted(self.counted, key=lambda place: -(max(self.lead[place], 0) ** 2) - max(self.rest[place], 0) ** 2)

    def spacious(self) -> list[int]:
        return sorted(self.counted, key=lambda place: self.lead[place] + self.rest[place])

    def best_move(
        self, sources: Iterable[int], targets: Sequence[int], guard: Guard, *, by_peak: bool = False
    ) -> tuple[float, Change]:
        """The change of one tenant's place that lowers what is judged by the most; how much it does, below 0."""
        best: tuple[float, Change] = (-NOTHING, ())
        lead, rest, per_lead, per_rest = self.lead, self.rest, self.per_lead, self.per_rest
        share, price, sqrt = self.share, self.price, math.sqrt
        limit = guard.deviation
        for source in sources:
            for tenant in self.movable(source):
                lead_size, rest_size = self.size[tenant]
                lead_out, rest_out = lead_size * per_lead[source], rest_size * per_rest[source]
                lead_left = self.lead_squares + lead_out * (lead_out - 2 * lead[source])
                rest_left = self.rest_squares + rest_out * (rest_out - 2 * rest[source])
                home = self.home[tenant]
                if home == source and self.left <= 0:
                    continue
                away = price if home == source else 0.0
                for target in targets:
                    lead_in, rest_in = lead_size * per_lead[target], rest_size * per_rest[target]
                    lead_sum, rest_sum = (lead_in - lead_out) * share, (rest_in - rest_out) * share
                    lead_square = (lead_left + lead_in * (lead_in + 2 * lead[target])) * share - lead_sum * lead_sum
                    rest_square = (rest_left + rest_in * (rest_in + 2 * rest[target])) * share - rest_sum * rest_sum
                    deviation = (sqrt(lead_square) if lead_square > 0 else 0.0) + (
                        sqrt(rest_square) if rest_square > 0 else 0.0
                    )
                    if deviation > limit or target == source:
                        continue
                    paid = away - (price if target == home else 0.0)
                    if not by_peak and deviation - self.deviation + paid >= best[0]:
                        continue
                    gain = self._gain(source, target, lead_out, lead_in, rest_out, rest_in, deviation, guard, by_peak)
                    if gain + paid < best[0] and self.cost(tenant, target) <= self.left and self.fits(tenant, target):
                        best = gain + paid, ((tenant, target),)
        return best

    def best_swap(
        self, source: int, targets: Iterable[int], guard: Guard, *, by_peak: bool = False
    ) -> tuple[float, Change]:
        best: tuple[float, Change] = (-NOTHING, ())
        lead, rest, per_lead, per_rest = self.lead, self.rest, self.per_lead, self.per_rest
        share, sqrt = self.share, math.sqrt
        limit = guard.deviation
        ones = [(tenant, *self.size[tenant]) for tenant in self.movable(source)]
        for target in targets:
            if target == source or not (by_peak or self._promising(source, target)):
                continue
            priced = [(*one, self.cost(one[0], target)) for one in ones]
            for other in self.movable(target):
                lead_other, rest_other = self.size[other]
                other_cost = self.cost(other, source)
                affordable = self.left - other_cost
                for one, lead_one, rest_one, one_cost in priced:
                    if one_cost > affordable:
                        continue
                    lead_out, rest_out = (
                        (lead_one - lead_other) * per_lead[source],
                        (rest_one - rest_other) * per_rest[source],
                    )
                    lead_in, rest_in = (
                        (lead_one - lead_other) * per_lead[target],
                        (rest_one - rest_other) * per_rest[target],
                    )
                    lead_square = (
                        self.lead_squares
                        + lead_out * (lead_out - 2 * lead[source])
                        + lead_in * (lead_in + 2 * lead[target])
                    )
                    rest_square = (
                        self.rest_squares
                        + rest_out * (rest_out - 2 * rest[source])
                        + rest_in * (rest_in + 2 * rest[target])
                    )
                    lead_square = lead_square * share - ((lead_in - lead_out) * share) ** 2
                    rest_square = rest_square * share - ((rest_in - rest_out) * share) ** 2
                    deviation = (sqrt(lead_square) if lead_square > 0 else 0.0) + (
                        sqrt(rest_square) if rest_square > 0 else 0.0
                    )
                    if deviation > limit:
                        continue
                    paid = (other_cost + one_cost) * self.price
                    if not by_peak and deviation - self.deviation + paid >= best[0]:
                        continue
                    gain = self._gain(source, target, lead_out, lead_in, rest_out, rest_in, deviation, guard, by_peak)
                    if gain + paid < best[0] and self.swap_fits(one, source, other, target):
                        best = gain + paid, ((one, target), (other, source))
        return best

    def _promising(self, source: int, target: int) -> bool:
        """Whether the deviations would fall enough if two places were made equal: no swap of theirs can do more."""
        lead = self.lead_squares - (self.lead[source] - self.lead[target]) ** 2 / 2
        rest = self.rest_squares - (self.rest[source] - self.rest[target]) ** 2 / 2
        least = math.sqrt(max(lead, 0) * self.share) + math.sqrt(max(rest, 0) * self.share)
        return self.deviation - least > max(2 * self.price, LITTLE)

    def _gain(
        self, source: int, target: int, lead_out: float, lead_in: float, rest_out: float, rest_in: float,
        deviation: float, guard: Guard, by_peak: bool,
    ) -> float:  # fmt: skip
        """What a change brings, below 0 for an improvement, and far above where it hits the guard."""
        peak = max(self.lead[source] - lead_out, self.lead[target] + lead_in)
        peak = max([peak, *(self.lead[place] for place in self.fullest if place not in (source, target))])
        if peak + self.lead_middle > guard.lead_peak + NOTHING:
            return ANY
        if guard.rest_peak < ANY:
            busy = max(self.rest[source] - rest_out, self.rest[target] + rest_in)
            busy = max([busy, *(self.rest[place] for place in self.busiest if place not in (source, target))])
            if busy + self.rest_middle > guard.rest_peak + NOTHING:
                return ANY
        if not by_peak:
            return deviation - self.deviation
        lower = peak + self.lead_middle - self.lead_peak
        return lower + BESIDE_PEAK * (deviation - self.deviation) if lower < -NOTHING else ANY

    # --- the stages

    def balance(self, target_peak: float, *, peak_first: bool) -> None:
        """From where the tenants are to where no move and no swap is worth its price.

        First by single moves alone; what these reach in peaks and deviations, nothing after them gives away again,
        except that with `peak_first` a leading peak above `target_peak` may cost deviation, up to that of before.
        """
        before = self.lead_peak + self.deviation
        self.moves()
        reached = Guard(self.lead_peak, self.rest_peak, self.deviation * SPENT)
        while self.even() or self.lower_peak(reached, target_peak):
            pass
        if peak_first and self.lead_peak > target_peak:
            self.lower_peak(Guard(deviation=before - self.lead_peak), target_peak)
            if self.is_small:
                self.shake(before, target_peak)
            while self.even():
                pass

    def moves(self) -> None:
        """The steepest way down by single moves."""
        while True:
            crowded, spacious = self.crowded(), self.spacious()
            first = (crowded, spacious) if self.is_small else (crowded[:SOURCES], spacious[:TARGETS])
            _, change = self.best_move(*first, Guard())
            for place in () if change or self.is_small else crowded:
                _, change = self.best_move((place,), spacious, Guard())
                if change:
                    break
            if not change:
                return
            self.put(change)

    def even(self) -> bool:
        """Lower the deviations by moves and swaps that raise no peak; whether any did."""
        changed = False
        for place in self.crowded():
            while True:
                guard = Guard(self.lead_peak, self.rest_peak)
                spacious = self.spacious()
                found = min(self.best_move((place,), spacious, guard), self.best_swap(place, spacious[:TARGETS], guard))
                if not found[1]:
                    found = self.best_swap(place, spacious[TARGETS:], guard)
                if not found[1]:
                    break
                self.put(found[1])
                changed = True
        return changed

    def lower_peak(self, guard: Guard, enough: float) -> bool:
        """Lower the leading peak until it is low enough; whether it went down."""
        changed = False
        while self.counted and self.lead_peak > enough:
            fullest, spacious = self.fullest[0], self.spacious()
            found = min(
                self.best_move((fullest,), spacious, Guard(ANY, guard.rest_peak, guard.deviation), by_peak=True),
                self.best_swap(fullest, spacious, Guard(ANY, guard.rest_peak, guard.deviation), by_peak=True),
            )
            if not found[1]:
                break
            self.put(found[1])
            changed = True
        return changed

    def shake(self, most: float, enough: float) -> None:
        """Leave a local optimum: put two tenants elsewhere, descend again, and go back if that was no better."""
        free = [number for number, tenant in enumerate(self.tenants) if tenant.free and self.at[number] in self.counted]
        chance = _Chance()
        for turn in range(TRIES // (len(self.counted) * len(self.tenants))):
            if self.lead_peak <= enough or not free:
                return
            kept, worth = list(self.at), self._worth()
            for tenant in (chance.pick(free) for _ in range(2 + turn % 3)):
                place = chance.pick(self.counted)
                if place != self.at[tenant] and self.fits(tenant, place) and self.cost(tenant, place) <= self.left:
                    self.put(((tenant, place),))
            self.lower_peak(Guard(), enough)
            if self.lead_peak + self.deviation > most or self._worth() >= worth - NOTHING:
                back = [(tenant, place) for tenant, place in enumerate(kept) if place is not None]
                self.put(tuple((tenant, place) for tenant, place in back if place != self.at[tenant]))

    def _worth(self) -> float:
        away = sum(home not in (None, place) for home, place in zip(self.home, self.at, strict=True))
        return self.lead_peak + BESIDE_PEAK * self.deviation + self.price * away


class _Chance:
    """The same sequence of numbers in every run (Park and Miller's generator): a plan must not depend on luck."""

    def __init__(self) -> None:
        self.state = 1

    def pick(self, choices: Sequence[int]) -> int:
        self.state = self.state * 48271 % 2147483647
        return choices[self.state % len(choices)]
