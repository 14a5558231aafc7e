"""`tests/lab/chaos`: rounds of faults, chosen by a seed, against a cluster in the lab. Exit status 1 if one failed.

`--fencing guide` is the HA guide's own cluster, for comparison: what runs twice there, and with `none`, is counted and
no failure.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from collections.abc import Sequence

from tests.chaos.campaign import Campaign, Plan, command_line, totals
from tests.chaos.choice import KINDS
from tests.chaos.faults import from_json
from tests.chaos.ways import WAYS
from tests.lab import base
from tests.lab.host import LabError


def plan_of(argv: Sequence[str]) -> tuple[Plan, float]:
    """What is asked for on the command line, and how many seconds a failure may be shrunk for."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 16), help="default: another one each time")
    parser.add_argument("--servers", type=int, default=2, choices=(2, 3, 4, 5), help="default: %(default)s")
    parser.add_argument("--fencing", default="sbd", choices=WAYS, help="default: %(default)s")
    parser.add_argument("--debian", default=base.RELEASES[0], choices=base.RELEASES, help="default: %(default)s")
    parser.add_argument("--faults", default="", metavar="NAME,...", help=f"only these, of {', '.join(KINDS)}")
    parser.add_argument("--keep-going", action="store_true", help="do not end with the first round that fails")
    parser.add_argument(
        "--shrink-s", type=float, default=0.0, metavar="S", help="look so long for the shortest failure"
    )
    parser.add_argument("--replay", default="", metavar="JSON", help="these rounds: a list of lists of faults")
    given = parser.parse_args(argv)
    names = tuple(filter(None, given.faults.split(",")))
    try:
        replay = tuple(from_json(given.replay)) if given.replay else ()
        if unknown := sorted({*names, *(fault.kind for faults in replay for fault in faults)} - set(KINDS)):
            raise ValueError(f"no such fault: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    except ValueError as error:
        parser.error(str(error))
    way = WAYS[given.fencing]
    plan = Plan(way, given.servers, given.debian, given.seed, given.rounds, names, given.keep_going, replay)
    return plan, given.shrink_s


def say(text: str) -> None:
    print(text, flush=True)


def main(argv: Sequence[str]) -> int:
    plan, shrink_s = plan_of(argv)
    what = f"{len(plan.replay)} given rounds" if plan.replay else f"{plan.rounds} rounds of seed {plan.seed}"
    say(f"{what}: {plan.servers} servers, {plan.debian}, fencing by {plan.way.name}")
    campaign = Campaign(plan, say)
    # Whoever ends it wants the lab away, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        outcome = campaign.run()
        say(totals(outcome.reports))
        if not outcome.failed:
            return 0
        say(
            f"seed {plan.seed}: round {', '.join(str(each.number) for each in outcome.reports if each.failures)} failed"
        )
        shortest = campaign.shrink(outcome.failed, shrink_s) if shrink_s else outcome.failed
    except (LabError, ValueError) as error:
        sys.exit(f"chaos: {error}")
    except KeyboardInterrupt:
        say(f"interrupted after\n{totals(campaign.reports)}")
        return 128 + signal.SIGINT
    say(f"play it again: {command_line(plan, shortest)}")
    return 1
