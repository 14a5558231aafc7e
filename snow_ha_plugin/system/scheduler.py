"""Pacemaker's scheduler, asked what it would do with a CIB, and what it knows of it: scores, sizes, capacities.

Every answer is crm_simulate's own. Memory is in MiB, times are seconds.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import probes
from snow_ha_plugin.core.cib.values import INFINITY, score
from snow_ha_plugin.errors import DataError, SnowHaError, TimedOutError
from snow_ha_plugin.model import Action, Answer
from snow_ha_plugin.system import command, crm_mon, verification

# With placement by sizes a scheduler's run takes a minute at 32 servers and 1000 domains (measured, 2.1.5).
TIMEOUT_S = 180

# crm_simulate copies and frees much, which glibc makes dear by its bins of small pieces and by giving memory back bit
# by bit, which this switches off: a run takes a quarter less at 16x256 (servers, domains; measured, 2.1.5, glibc 2.36).
ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.malloc.mxfast=0:glibc.malloc.top_pad=67108864:glibc.malloc.trim_threshold=1073741824"
}

# Guest nodes' own, which no configuration has (Pacemaker's XML_RSC_ATTR_INTERNAL_RSC).
_CONNECTIONS = "configuration/resources//primitive[meta_attributes/nvpair[@name='internal_rsc' and @value='true']]"

TELLING = ("--show-scores", "--show-utilization")

Edit = Callable[[cib.Tree], None]


def ask(tree: cib.Tree, *, timeout_s: float = TIMEOUT_S) -> Answer:
    """What the scheduler would do with a CIB.

    Actions that it calls blocked are left out: it would want them, but without quorum, say, does not do them.
    DataError for a CIB that it cannot read, TimedOutError past `timeout_s`.
    """
    return _run(probes.without_idle_probes(tree), timeout_s, TELLING)


def ask_as_taken(edited: cib.Tree) -> Answer:
    """As `ask`, of a copy of a CIB as it was taken (`take`), with edits of ours."""
    return _run_as_taken(edited, TIMEOUT_S, TELLING)


def take(tree: cib.Tree) -> tuple[Answer, cib.Tree]:
    """As `ask`, and the CIB as the scheduler has taken it: without idle probes, and upgraded to the schema it reads."""
    with verification.scratch(probes.without_idle_probes(tree)) as (path,):
        taken = path.with_name("taken.xml")
        answer = _simulate(path, [_how(tree), f"--save-input={taken}", *TELLING], TIMEOUT_S)
        tree = cib.parse(taken.read_bytes(), "what crm_simulate gives")
    # It writes down what the scheduler has made of a guest node, too; read once more, that is another resource.
    for implied in tree.xpath(_CONNECTIONS):
        cib.drop(implied)
    return answer, tree


def ask_each(taken: cib.Tree, edits: Mapping[str, Edit], *, within_s: float) -> dict[str, Answer | SnowHaError]:
    """What would be done with a CIB as it was taken (`take`), after each of several edits of its states; the error
    instead of an answer that could not be had in time. Scores and sizes, which take a sixth of a run, are not in them.
    """
    deadline = time.monotonic() + within_s

    def one(edit: Edit) -> Answer | SnowHaError:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return TimedOutError("there was no time to ask the scheduler", f"within {within_s:g} s")
        edited = cib.clone(taken)
        edit(edited)
        try:
            return _run_as_taken(edited, left_s, ())
        except SnowHaError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return dict(zip(edits, pool.map(one, edits.values()), strict=True))


def carry_out(tree: cib.Tree, *, timeout_s: float = TIMEOUT_S) -> tuple[Answer, cib.Tree]:
    """As `ask`, and the CIB of the cluster in which the scheduler has had its way, each action a success."""
    with verification.scratch(probes.without_idle_probes(tree)) as (path,):
        output = path.with_name("output.xml")
        answer = _simulate(path, ["--simulate", f"--save-output={output}", *TELLING], timeout_s)
        return answer, cib.parse(output.read_bytes(), "what crm_simulate gives")


def _run(tree: cib.Tree, timeout_s: float, telling: Sequence[str]) -> Answer:
    with verification.scratch(tree) as (path,):
        return _simulate(path, [_how(tree), *telling], timeout_s)


def _run_as_taken(edited: cib.Tree, timeout_s: float, telling: Sequence[str]) -> Answer:
    """Its configuration has passed the schema, and is not held against it again: that is half of a run at 4x64."""
    edited.set("validate-with", "none")
    return _run(edited, timeout_s, telling)


def _how(tree: cib.Tree) -> str:
    """Actions name the instances of clones as nobody else does: where there are any, their places are those of the
    simulated cluster, which takes more than twice as long."""
    clones = cib.part(tree, "configuration/resources").iter("clone", "master", "bundle")
    return "--simulate" if next(clones, None) is not None else "--run"


def _simulate(path: Path, how: Sequence[str], timeout_s: float) -> Answer:
    argv = ["crm_simulate", "--xml-file", str(path), *how, "--output-as=xml"]
    result = command.run(argv, timeout_s=timeout_s, env=ENVIRONMENT)
    if not result.ok:
        # It tells so of what it could not play to its end; crm_verify may have something against such a CIB, too.
        errors = re.findall(r"<error>(.*?)</error>", result.text)
        if not errors and (why := verification.complaint(path)):
            raise DataError(
                "Pacemaker's scheduler cannot read the CIB", why, "mend it: crm_verify --verbose tells where"
            )
        raise DataError("Pacemaker's scheduler has no answer", ", ".join(errors) or result.reason)
    return parse(result.stdout)


def parse(data: bytes) -> Answer:
    """crm_simulate's XML (api-result of Pacemaker 2.1 and 3.0)."""
    root = etree.fromstring(data)
    scores: dict[str, dict[str, int]] = {}
    for weight in root.iterfind("allocations_utilizations/node_weight"):
        # A group's and a clone's turn comes with another function, before that of what is in it.
        scores.setdefault(weight.get("id", ""), {})[weight.get("node", "")] = score(weight.get("score"))
    settled = root.find("revised_cluster_status")
    return Answer(
        settled=None if settled is None else crm_mon.state_in(settled),
        state=crm_mon.state_in(cib.part(root, "cluster_status")),
        actions=tuple(
            Action(
                task=action.get("action", "").lower(),
                resource=action.get("resource", ""),
                node=action.get("node") or action.get("dest") or action.get("source") or "",
            )
            for action in root.iter("rsc_action")
            if action.get("blocked") != "true" and action.get("action")
        ),
        scores=scores,
        sizes=_amounts(root.iterfind("allocations_utilizations/utilization"), "resource"),
        capacities=_amounts(root.iterfind("allocations_utilizations/capacity[@comment='Original']"), "node"),
        blocked=frozenset(action.get("resource", "") for action in root.iterfind(".//rsc_action[@blocked='true']")),
    )


def _amounts(elements: Iterable[cib.Tree], of: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for element in elements:
        amounts = found.setdefault(element.get(of, ""), {})
        for amount in element:
            text = (amount.text or "").strip()
            if text.lstrip("-").isdecimal() and abs(int(text)) < INFINITY * 1000:
                amounts[amount.tag if isinstance(amount.tag, str) else ""] = int(text)
    return found
