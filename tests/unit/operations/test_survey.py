"""What the balancer is to know of a cluster: for how it stands, the same with fewer questions to the scheduler."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.balancer.problem import By, Item, Problem, Server, is_bounded_without_rules, lower_bound
from snow_ha_plugin.core.reports import health
from snow_ha_plugin.operations.simulation import Outlook
from snow_ha_plugin.operations.survey import as_it_stands, survey
from snow_ha_plugin.system import scheduler
from tests.captures import guide_cluster
from tests.unit.core.test_planner import problems

LARGE, SMALL = Server("snow01", 8192, 8), Server("snow02", 4096, 4)


def domains(*sizes: int, allowed: frozenset[int] | None = None) -> tuple[Item, ...]:
    return tuple(Item(f"domain{number}", size, 1, 0, allowed) for number, size in enumerate(sizes))


@pytest.mark.parametrize(
    ("servers", "items", "is_so"),
    [
        # Of the 12 GiB a half is used, and none has more than a half of the smaller server.
        ((LARGE, SMALL), domains(2048, 2048, 2048), True),
        ((LARGE, SMALL), domains(2049, 2048, 2047), False),
        # The larger one has room for it, if it may be there.
        ((LARGE, SMALL), domains(3072), False),
        # What a server has that takes none does not count.
        ((LARGE, SMALL._replace(takes=False)), domains(3072), True),
        ((LARGE._replace(takes=False), SMALL._replace(takes=False)), domains(3072), True),
        # Where it may be nowhere at all, it cannot move.
        ((LARGE, SMALL), domains(2048, 2048, 2048, allowed=frozenset()), False),
        ((LARGE, SMALL), domains(2048, 2048, 2048, allowed=frozenset({1})), True),
    ],
)
def test_rules_do_not_matter_where_no_domain_alone_takes_more_than_all_on_average(
    servers: tuple[Server, ...], items: tuple[Item, ...], is_so: bool
) -> None:
    assert is_bounded_without_rules(Problem(servers, items, By.MEMORY)) == is_so


@settings(deadline=None, max_examples=200)
@given(problems(), st.data())
def test_whatever_the_rules_are_then_the_bound_is_the_same(problem: Problem, data: st.DataObject) -> None:
    takers = [number for number, server in enumerate(problem.servers) if server.takes]
    if not is_bounded_without_rules(problem) or not takers:
        return
    allowed = st.none() | st.frozensets(st.sampled_from(takers), min_size=1)
    items = tuple(item._replace(allowed=data.draw(allowed)) for item in problem.items)
    assert lower_bound(problem._replace(items=items)) == lower_bound(
        problem._replace(items=tuple(item._replace(allowed=None) for item in problem.items))
    )


@pytest.mark.parametrize(("snow02_mib", "questions"), [(15360, 0), (8192, 1)])
def test_how_it_stands_is_the_same_and_the_scheduler_is_asked_where_it_depends_on_rules(
    snow02_mib: int, questions: int, mocker: MockerFixture
) -> None:
    """An administrator's rule keeps deploy01, which is large, from snow02."""
    tree = guide_cluster()
    sized = {"//node[@uname='snow02']": snow02_mib, "//primitive[@id='deploy01']": 6144}
    for element, size in sized.items():
        (pair,) = tree.xpath(f"{element}/utilization/nvpair[@name='hv_memory']")
        pair.set("value", str(size))
    rule = '<rsc_location id="r" rsc="deploy01" node="snow02" score="-INFINITY"/>'
    cib.section(tree, "constraints").append(etree.fromstring(rule))
    outlook = Outlook(tree)
    expected = health.of(survey(outlook, {}, By.BOTH), outlook.n_plus_1)
    asked = mocker.spy(scheduler, "ask_as_taken")
    assert health.of(as_it_stands(outlook), outlook.n_plus_1) == expected
    assert asked.call_count == questions
