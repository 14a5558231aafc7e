"""A domain on one server: this one, or another one over ssh."""

import time

from snow_ha_plugin.agent.decisions import passes
from snow_ha_plugin.agent.domains import Instance, instances_in
from snow_ha_plugin.agent.operation import (
    PATIENCE_S,
    POLL_S,
    OcfError,
    UnknownError,
    is_recurring,
    one_answer_by,
)
from snow_ha_plugin.agent.process import Result, daemons_of, first_failure, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# No questions, and a cut network is noticed in 6 s (without this, xl and ssh hang until it heals).
SSH = ["ssh", "-oBatchMode=yes", "-oConnectTimeout=5", "-oServerAliveInterval=2", "-oServerAliveCountMax=3"]
# How long nothing of the domain may be seen while it reboots: xl sleeps for 2 s between the old domain and the new one
# (tools/xl/xl_vmcontrol.c), the old one has lost its name before, and the new one has it after a second.
ABSENCE_S = 5.0
# How fast a domain is built, at the least, with all that the guest will have: as core/timeouts counts.
BUILD_MIB_S = 50
# How long a target must show the same before it is believed.
SETTLING_S = 0.7


class Host:
    """What there is of the domain `name` on a server; without an `address`, on this one."""

    def __init__(self, name: str, address: str = "") -> None:
        self.name, self.address = name, address
        self.prefix = [*SSH, address] if address else []

    def xl(self, *words: str, deadline: float) -> Result:
        return run([*self.prefix, "xl", *words], deadline)

    def instances(self, deadline: float, known: "Collection[int]" = ()) -> list[Instance]:
        """One look; UnknownError if it tells nothing."""
        result = self.xl("list", deadline=deadline)
        if result.status != 0:
            raise UnknownError(result.why)
        return instances_in(result.output, self.name, known)

    def looks(self, deadline: float) -> "Iterator[list[Instance]]":
        """The instances again and again, at least once, until the deadline; UnknownError if no recent ones are known
        by then.

        The toolstack may be away for a while (xenstored starts again, dom0 is overloaded), and the domains run on.
        """
        answered = None
        while True:
            try:
                instances = self.instances(one_answer_by(deadline))
                answered = time.monotonic()
                yield instances
            except OcfError as error:
                # A package that is just being replaced takes its programs away for a moment.
                if not isinstance(error, UnknownError) and not is_recurring():
                    raise
                is_old = answered is None or time.monotonic() > answered + PATIENCE_S
                if is_old and time.monotonic() + POLL_S >= deadline:
                    raise
            if time.monotonic() + POLL_S >= deadline:
                return
            time.sleep(POLL_S)

    def first_answer(self, deadline: float) -> list[Instance]:
        """As instances(), asking again until the deadline."""
        return next(self.looks(deadline))

    def at_rest(self, deadline: float, absence_passes: bool = False) -> list[Instance]:
        """The instances on this server, once none of them is in a state that passes by itself, or was too long in it.

        The domain's absence may pass as well, where it should run or xl may create it anew: its own reboot has
        a moment without any domain.
        """
        seen, since = None, 0.0
        for instances in self.looks(deadline):
            states = [(instance.domid, instance.state) for instance in instances]
            if states != seen:
                seen, since = states, time.monotonic()
            is_passing = passes(instances) if instances else absence_passes or bool(daemons_of(self.name))
            if not is_passing or time.monotonic() > since + _patience_s(instances):
                break
        return instances

    def settled(self, deadline: float) -> list[Instance]:
        """The instances, once they stay the same for a while: a receiver that has lost its sender may still act."""
        seen, since = None, 0.0
        for instances in self.looks(deadline):
            states = [(instance.domid, instance.form, instance.state) for instance in instances]
            if states != seen:
                seen, since = states, time.monotonic()
            if time.monotonic() > since + SETTLING_S:
                break
        return instances

    def destroy(self, instances: "Collection[Instance]", deadline: float) -> None:
        """Destroys these and waits until none is there; UnknownError if that cannot be had."""
        ids, why = {instance.domid for instance in instances}, ""
        if not ids:
            return
        for present in self.looks(deadline):
            left = [instance for instance in present if instance.domid in ids and instance.state != "dying"]
            if not left:
                return
            for instance in left:
                why = first_failure(why, self.xl("destroy", str(instance.domid), deadline=deadline))
        raise UnknownError(f"{self.name} could not be destroyed: {why or 'it is still there'}")


def _patience_s(instances: "Collection[Instance]") -> float:
    """How long they may stay as they are. One that is built grows, by `xl list`, and has its whole time to do so."""
    if not instances:
        return ABSENCE_S
    built = [each.memory_mib for each in instances if each.state in ("rebooting", "never scheduled")]
    return PATIENCE_S + max(built, default=0) / BUILD_MIB_S
