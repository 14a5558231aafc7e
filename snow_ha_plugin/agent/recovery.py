"""After a migration that did not end well: finds out where the domain is whole, and keeps it there alone."""

import time

from snow_ha_plugin.agent.decisions import asks_target, frozen_in, left_here, left_on_target, recovery
from snow_ha_plugin.agent.domains import INCOMING, Instance, listed
from snow_ha_plugin.agent.host import Host
from snow_ha_plugin.agent.operation import GENERIC, POLL_S, SUCCESS, OcfError, log
from snow_ha_plugin.agent.process import first_failure, run

# For removing the incoming domain from the target where the domain goes on here anyway.
CLEARING_S = 10.0
# What a sender takes for a receiver that hangs up on it: xl's greeting (tools/xl/xl.h), then the end, as soon as
# the header (48 bytes) and the configuration behind it, which xl must get rid of, are on their way.
HANGS_UP = "printf 'xl migration receiver ready, send binary domain data.\\n'; head -c 49 >/dev/null"


def recover(here: Host, there: Host, said: str, why: str, deadline: float) -> int:
    """Does what decisions.RECOVERY says; the transport is gone. `said`: by sender and receiver.

    Returns SUCCESS if the domain runs on the target after all; OcfError otherwise.
    """
    mine = here.first_answer(deadline)
    theirs: list[Instance] = []
    left, target = left_here(mine), ""
    if asks_target(left):
        try:
            theirs = there.settled(deadline - (deadline - time.monotonic()) / 3)
            target = left_on_target(theirs, said)
        except OcfError as error:
            target, silence = "silent", error.text
    what = recovery(left, target)
    if what == "finish":
        theirs = _finish(there, theirs[0], deadline)
        target = left_on_target(theirs, said)
        what = recovery(left, "never-ran" if target == "whole" else target)

    if what == "unknown":
        raise OcfError(
            GENERIC,
            f"{there.address} does not answer, so nobody knows whether {here.name} runs there: {silence}",
        )
    if what == "give-up":
        here.destroy(mine, deadline)
        log(f"{here.name} was whole on {there.address} and runs there")
        return SUCCESS
    if what == "neither":
        there.destroy([instance for instance in theirs if instance.form == INCOMING], deadline)
        sides = f"here: {listed(mine)}; on {there.address}: {listed(theirs)}"
        raise OcfError(GENERIC, f"{here.name} runs on neither side after a failed migration ({sides}): {why}")
    if what == "take-back":
        there.destroy(theirs, deadline)
    if what in ("resume", "take-back"):
        _resume(here, mine, deadline)
    if what in ("resume", "stay"):
        _clear_target(there, deadline)
    raise OcfError(GENERIC, f"{here.name} still runs here; the migration failed: {why}")


def _clear_target(there: Host, deadline: float) -> None:
    """Removes the incoming domain from the target; it cannot run, so if the target does not answer that may wait."""
    try:
        until = min(deadline, time.monotonic() + CLEARING_S)
        incoming = [instance for instance in there.first_answer(until) if instance.form == INCOMING]
        there.destroy(incoming, until)
    except OcfError as error:
        log(f"an incoming {there.name} may be left on {there.address}: {error.text}")


def _finish(there: Host, whole: Instance, deadline: float) -> list[Instance]:
    """Runs the instance that is whole on the target, unless its receiver, which may be alive, is faster.

    Returns what is there then.
    """
    domid, name = whole.domid, there.name
    script = f'xl rename {domid} {name}; test "$(xl domid {name})" = {domid} && xl unpause {domid}'
    until = deadline - (deadline - time.monotonic()) / 2
    try:
        while True:
            result = run([*there.prefix, script], until)
            instances = there.first_answer(until)
            if any(instance.is_the_domain and instance.state == "running" for instance in instances):
                break
            if time.monotonic() + POLL_S >= until:
                log(f"{name} is whole on {there.address} but does not run: {result.why}")
                break
            time.sleep(POLL_S)
    except OcfError as error:
        log(error.text)
    return there.first_answer(deadline)


def _resume(here: Host, mine: list[Instance], deadline: float) -> None:
    """Lets the suspended guest go on here: xl 4.17 does that only as the sender of a migration that fails."""
    frozen = frozen_in(mine)
    assert frozen is not None, "decisions.left_here has found one"
    domid, why = str(frozen.domid), ""
    if frozen.form:
        why = first_failure(why, here.xl("rename", domid, here.name, deadline=deadline))
    for instances in here.looks(deadline):
        if any(instance.domid == frozen.domid and instance.is_the_domain for instance in instances):
            return
        result = here.xl("migrate", "-s", "", domid, HANGS_UP, deadline=deadline)
        why = why or result.why
    raise OcfError(GENERIC, f"{here.name} is frozen here and cannot be resumed: {why}")
