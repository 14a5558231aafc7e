"""How a placement is measured, and what no placement falls below."""

from __future__ import annotations

import itertools

import pytest

from snow_ha_plugin.core.balancer.problem import By, Item, Problem, Server, Spread, lower_bound, spread, used

# The last takes nothing, and what it holds counts for nobody.
SERVERS = (
    Server("snow01", 1000, 4),
    Server("snow02", 2000, 8),
    Server("snow03", 1000, 0),
    Server("old", 500, 2, False),
)
ITEMS = (
    Item("one", 200, 2, 0),
    Item("other", 300, 4, 0),
    Item("third", 1000, 2, 1),
    Item("new", 400, 3, None),
    Item("gone", 500, 7, 3),
)
HOME = (0, 0, 1, None, 3)


def test_a_server_holds_what_runs_there_and_what_runs_nowhere_takes_nothing() -> None:
    problem = Problem(SERVERS, ITEMS)
    assert problem.initial == HOME
    assert used(problem, HOME) == [(500, 6), (1000, 2), (0, 0), (500, 7)]
    assert used(problem, (1, None, 1, 2, 3)) == [(0, 0), (1200, 4), (400, 3), (500, 7)]


def test_a_spread_has_the_fullest_server_and_the_standard_deviation_of_those_that_take_domains() -> None:
    """Loads: 0.5, 0.5 and 0 of memory; 1.5, 0.25 and 0 of the CPUs."""
    found = spread(Problem(SERVERS, ITEMS), HOME)
    assert found.peak_memory == pytest.approx(0.5)
    assert found.peak_vcpus == pytest.approx(1.5)
    assert found.deviation_memory == pytest.approx((1 / 18) ** 0.5)
    assert found.deviation_vcpus == pytest.approx(((11**2 + 4**2 + 7**2) / 3) ** 0.5 / 12)


def test_a_server_of_unknown_cpus_counts_as_one_with_one() -> None:
    assert spread(Problem(SERVERS, ITEMS), (0, 0, 2, None, 3)).peak_vcpus == pytest.approx(2.0)


@pytest.mark.parametrize("servers", [(), (Server("old", 8192, 4, takes=False),)])
def test_without_a_server_that_takes_domains_nothing_is_loaded_and_nothing_is_a_bound(
    servers: tuple[Server, ...],
) -> None:
    items = tuple(Item("one", 1024, 2, 0) for _ in servers)
    assert spread(Problem(servers, items), (0,) * len(items)) == Spread(0.0, 0.0, 0.0, 0.0)
    assert lower_bound(Problem(servers, items)) == 0.0


@pytest.mark.parametrize(
    ("by", "peak", "imbalance"), [(By.MEMORY, 0.5, 0.7), (By.VCPUS, 1.5, 1.9), (By.BOTH, 0.5, 1.1)]
)
def test_the_imbalance_is_the_leading_peak_and_the_deviations_of_what_counts(
    by: By, peak: float, imbalance: float
) -> None:
    found = Spread(peak_memory=0.5, peak_vcpus=1.5, deviation_memory=0.2, deviation_vcpus=0.4)
    assert found.peak(by) == peak
    assert found.imbalance(by) == pytest.approx(imbalance)


def test_a_problem_counts_both_and_a_server_takes_domains_and_a_domain_may_move_anywhere_unless_it_is_said() -> None:
    assert str(Problem((), ()).by) == "both"
    assert Server("snow01", 1, 1).takes
    assert Item("one", 1, 1, 0)[4:] == (None, True, "", frozenset())


def bound(*items: Item, by: By = By.MEMORY) -> float:
    servers = (Server("large", 2000, 8), Server("small", 1000, 2), Server("old", 9000, 90, takes=False))
    return lower_bound(Problem(servers, items, by))


def test_the_bound_is_what_all_domains_take_of_all_servers_that_take_any() -> None:
    assert bound(*(Item(f"d{number}", 100, 1, number % 2) for number in range(9))) == pytest.approx(0.3)
    assert bound(*(Item(f"d{number}", 100, 1, 0) for number in range(9)), by=By.VCPUS) == pytest.approx(0.9)
    assert bound(*(Item(f"d{number}", 100, 1, 0) for number in range(9)), by=By.BOTH) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("item", "least"),
    [
        (Item("one", 900, 4, 1), 0.45),
        (Item("one", 900, 4, 1, allowed=frozenset({1})), 0.9),
        (Item("one", 900, 4, 1, allowed=frozenset({1, 2})), 0.9),
        # Nowhere to go: it is as well where it is.
        (Item("one", 900, 4, 1, allowed=frozenset()), 0.3),
        (Item("one", 900, 4, None), 0.45),
        (Item("one", 900, 4, 1, movable=False), 0.9),
        # It leaves a server that takes none, unless it stays there.
        (Item("one", 900, 4, 2), 0.45),
        (Item("one", 900, 4, 2, movable=False), 0.0),
    ],
)
def test_a_domain_alone_takes_its_part_of_the_best_server_that_it_may_have(item: Item, least: float) -> None:
    assert bound(item) == pytest.approx(least)


def test_what_cannot_move_adds_up_on_its_server() -> None:
    fixed = (Item("one", 300, 1, 1, movable=False), Item("other", 400, 2, 1, movable=False))
    assert bound(*fixed) == pytest.approx(0.7)
    assert bound(*fixed, by=By.VCPUS) == pytest.approx(1.5)
    assert bound(*fixed, Item("third", 1600, 1, 0)) == pytest.approx(0.8)


@pytest.mark.parametrize("by", By)
def test_no_placement_is_below_the_bound(by: By) -> None:
    items = (
        Item("one", 500, 3, 0),
        Item("other", 300, 1, 1, movable=False),
        Item("third", 250, 2, 1, frozenset({1})),
        Item("new", 100, 1, None),
    )
    problem = Problem((Server("large", 2000, 8), Server("small", 1000, 2)), items, by)
    peaks = [
        spread(problem, (*places[:1], 1, 1, *places[1:])).peak(by) for places in itertools.product((0, 1), repeat=2)
    ]
    assert lower_bound(problem) <= min(peaks)


def test_a_server_of_no_known_size_breaks_no_bound() -> None:
    servers = (Server("snow01", 0, 0), Server("snow02", 1000, 4))
    assert lower_bound(Problem(servers, (Item("one", 500, 2, 1),), By.MEMORY)) == pytest.approx(0.5)
    assert lower_bound(Problem(servers, (Item("one", 500, 2, 1),), By.VCPUS)) == pytest.approx(0.5)
    tied = Item("one", 500, 3, 1, allowed=frozenset({0}))
    assert lower_bound(Problem(servers, (tied,), By.VCPUS)) == pytest.approx(3.0)
