"""What `xl list` says of a domain. Pure."""

from snow_ha_plugin.agent.operation import UnknownError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# The forms of a domain: what stands behind its name in the list.
OWN, INCOMING, MIGRATED_AWAY, NAMELESS = "", "--incoming", "--migratedaway", None
STATES = ("running", "paused", "never scheduled", "suspended", "rebooting", "off", "crashed", "dying")

_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:+-")
_FLAGS = frozenset("rbpscwSd?-")


class Instance:
    """One line of `xl list` that is a form of the domain. `flags`: its six letters of the state."""

    def __init__(self, form: str | None, domid: int, memory_mib: int, flags: str, cpu_s: float) -> None:
        self.form, self.domid, self.memory_mib, self.flags, self.cpu_s = form, domid, memory_mib, flags, cpu_s

    @property
    def state(self) -> str:
        """One of STATES. A domain that is paused and has never run is being built or received."""
        _, _, paused, shut, reason, dying = tuple(self.flags)
        if dying == "d":
            return "dying"
        if reason == "c":
            return "crashed"
        if shut == "s":
            return {"r": "rebooting", "s": "suspended"}.get(reason, "off")
        if paused == "p":
            return "paused" if self.cpu_s > 0 else "never scheduled"
        return "running"

    @property
    def is_the_domain(self) -> bool:
        """It has its name and is whole. A paused guest was paused by somebody: no business of the cluster's."""
        return self.form == OWN and self.state in ("running", "paused")

    @property
    def never_ran(self) -> bool:
        return self.state == "never scheduled" or (self.state == "dying" and self.cpu_s == 0)

    def __str__(self) -> str:
        return f"{self.form or 'domain'} {self.domid} ({self.state})"


def instances_in(output: str, name: str, known: "Collection[int]" = ()) -> list[Instance]:
    """The domain's instances in what `xl list` printed; `known`: ids that count even when nameless.

    UnknownError: the text is not a whole list, with the header, dom0, and nothing but domains; or none is found, and
    a domain runs whose name xenstore has lost. (Dom0 has its name even then, where Debian's init script has started
    xenstored anew: it gives it that back.)
    """
    lines = output.splitlines()
    if not lines or lines[0].split()[:2] != ["Name", "ID"] or not output.endswith("\n"):
        raise UnknownError("`xl list` printed something else than a list of domains")
    forms = {name + form: form for form in (OWN, INCOMING, MIGRATED_AWAY)}
    found, has_dom0 = [], False
    nameless: list[int] = []
    for line in lines[1:]:
        words = line.rsplit(None, 5)
        if len(words) != 6 or not words[1].isdigit() or len(words[4]) != 6 or set(words[4]) - _FLAGS:
            raise UnknownError(f"`xl list` printed a line that is no domain: {line.strip()[:80]!r}")
        title, domid = words[0].strip(), int(words[1])
        has_dom0 = has_dom0 or domid == 0
        if title == "(null)" and domid not in (0, *known) and not set(words[4]) & set("pscd"):
            nameless.append(domid)
        if title in forms or domid in known:
            try:
                found.append(Instance(forms.get(title), domid, int(words[2]), words[4], float(words[5])))
            except ValueError:
                raise UnknownError(f"`xl list` printed no number: {line.strip()[:80]!r}") from None
    if not has_dom0:
        raise UnknownError("`xl list` printed a list without Domain-0")
    if nameless and not found:
        raise UnknownError(f"`xl list` has no name of domain {nameless[0]}, which runs: it may be {name}")
    return found


def listed(instances: "Iterable[Instance]") -> str:
    """The instances in words."""
    return ", ".join(map(str, instances)) or "nothing of it is here"


def is_plain(word: str) -> bool:
    """Whether neither xl nor a shell nor ssh can take it for something else than a name."""
    return bool(word) and set(word) <= _NAME_CHARACTERS and not word.startswith("-")
