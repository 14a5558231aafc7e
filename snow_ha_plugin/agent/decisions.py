"""What each action does about what it finds: all of it, in two tables. Pure.

TABLE has a line for each form and state of a domain (domains.Instance), and a column for each question that an action
asks. Of several instances on a server the gravest word counts, which is the first one in GRAVITY. The words mean:

probe      A monitor that is not recurring. fine: exit 0; failed: exit 1; beside: exit 1, but no harm beside what is
           fine; absent: exit 7. That is for an incoming domain, too: it has never run and cannot by itself, and start,
           stop and migrate_to remove it. Any other answer makes Pacemaker take the domain for active here, and
           restart it where it runs in full health.
monitor    The same, of what should run here.
start      done: exit 0; refuse: exit 1, the stop that follows ends it; remove: destroy it, then create.
stop       Each instance by itself, until nothing is there. shut-down: in order, and destroy when the time is up;
           let-reboot: the same, once it can hear of it; linger: nothing more can be done to it, wait.
source     The server that a migration leaves. refuse: exit 1, nothing happens.
target     The server that it goes to. The same; remove: destroy it, then migrate.
arrival    migrate_from. arrived: exit 0; wait: until the deadline, then exit 1; fail: exit 1 after PATIENCE_S.
elsewhere  Every other member of the cluster, before a start. refuse: exit 1.
passes     yes: it is a state that passes by itself: probe, monitor, start and the source of a migration look at it
           again for PATIENCE_S, longer where a domain of much memory reboots or is built, and what it is then counts.

Whatever the domain is, these come first:
- `xl list` fails, hangs, or prints no whole list: it is asked again until the deadline; then exit 1, never 7.
- xl is not installed: exit 5; a recurring monitor asks again until the deadline (a package is being replaced).
- A recurring monitor finds nothing: it looks again for ABSENCE_S, as a reboot has a moment without any domain. So do
  probe, start and source while xl's own process of the domain lives, which may create it anew. stop waits for
  that process as long as for a guest to shut down, ABSENCE_S at least, and then ends it.
- The end of its time, SIGTERM, SIGINT or SIGHUP in migrate_to, or a failed xl: the transport is ended, and the second
  table, RECOVERY, says what is done.
"""

from snow_ha_plugin.agent.domains import INCOMING, MIGRATED_AWAY, NAMELESS, OWN, Instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

TABLE = """
form      state            passes probe  monitor start  stop       source  target  arrival elsewhere
own       running          no     fine   fine    done   shut-down  migrate refuse  arrived refuse
own       paused           no     fine   fine    done   destroy    refuse  refuse  arrived refuse
own       rebooting        yes    failed failed  refuse let-reboot refuse  refuse  wait    refuse
own       never-scheduled  yes    failed failed  refuse destroy    refuse  refuse  wait    ignore
own       suspended        yes    failed failed  refuse destroy    refuse  refuse  wait    ignore
own       off              no     failed failed  refuse destroy    refuse  refuse  wait    ignore
own       crashed          no     failed failed  refuse destroy    refuse  refuse  wait    ignore
own       dying            yes    failed failed  refuse linger     refuse  refuse  wait    ignore
incoming  running          no     failed failed  refuse destroy    refuse  refuse  wait    refuse
incoming  paused           no     absent beside  remove destroy    refuse  remove  wait    ignore
incoming  rebooting        yes    beside beside  refuse destroy    refuse  refuse  wait    ignore
incoming  never-scheduled  no     absent beside  remove destroy    refuse  remove  wait    ignore
incoming  suspended        yes    beside beside  refuse destroy    refuse  refuse  wait    ignore
incoming  off              no     beside beside  refuse destroy    refuse  refuse  wait    ignore
incoming  crashed          no     beside beside  refuse destroy    refuse  refuse  wait    ignore
incoming  dying            no     absent beside  remove linger     refuse  remove  wait    ignore
away      running          no     failed failed  refuse destroy    refuse  refuse  wait    refuse
away      paused           no     beside beside  refuse destroy    refuse  refuse  wait    ignore
away      rebooting        yes    beside beside  refuse destroy    refuse  refuse  wait    ignore
away      never-scheduled  yes    beside beside  refuse destroy    refuse  refuse  wait    ignore
away      suspended        yes    beside beside  refuse destroy    refuse  refuse  wait    ignore
away      off              no     beside beside  refuse destroy    refuse  refuse  wait    ignore
away      crashed          no     beside beside  refuse destroy    refuse  refuse  wait    ignore
away      dying            yes    beside beside  refuse linger     refuse  refuse  wait    ignore
nothing   -                no     absent absent  create done       refuse  migrate fail    ignore
"""
GRAVITY = {
    "probe": ("failed", "fine", "beside", "absent"),
    "monitor": ("failed", "fine", "beside", "absent"),
    "start": ("done", "refuse", "remove", "create"),
    "source": ("refuse", "migrate"),
    "target": ("refuse", "remove", "migrate"),
    "arrival": ("arrived", "wait", "fail"),
    "elsewhere": ("refuse", "ignore"),
}
_HEAD, *_LINES = TABLE.strip().splitlines()
_COLUMN = {question: at for at, question in enumerate(_HEAD.split())}
_ROWS = {tuple(words[:2]): words for words in map(str.split, _LINES)}
# A nameless one is a domain that is being taken down: as good as away.
_FORMS = {OWN: "own", INCOMING: "incoming", MIGRATED_AWAY: "away", NAMELESS: "away"}


def word(question: str, instance: Instance) -> str:
    """The table's word for one instance."""
    return _ROWS[_FORMS[instance.form], instance.state.replace(" ", "-")][_COLUMN[question]]


def verdict(question: str, instances: "Sequence[Instance]") -> str:
    """The table's word for all that is on a server."""
    if not instances:
        return _ROWS["nothing", "-"][_COLUMN[question]]
    return min((word(question, each) for each in instances), key=GRAVITY[question].index)


def passes(instances: "Sequence[Instance]") -> bool:
    """Whether any is in a state that passes by itself."""
    return any(word("passes", each) == "yes" for each in instances)


# After a migration that did not end well, with its transport gone: what is here, what is on the target, and what is
# done. On the source `--migratedaway` means that the target had all of it and was, perhaps, given permission to run
# it; only the target knows. Under its own name here, it was not.
#
# here:    runs        or is paused
#          frozen      suspended under its own name: nobody has permission to run it elsewhere
#          given-away  suspended under another name
#          lost        nothing, or nothing that could go on
# target:  runs        or is paused
#          whole       one instance, never scheduled: it waits for its permission
#          never-ran   several of these, or dying without having run
#          nothing
#          has-run     nothing any more, but its receiver said that it started it
#          other       such as one that has crashed
#          silent      no answer
#          any         of these; the target is not asked before
#
# stay:      it runs here: remove the incoming domain there; exit 1
# resume:    let it go on here, then the same
# take-back: destroy what is there, then let the one here go on; exit 1
# finish:    run it there, and look again: what still is whole counts as never-ran then
# give-up:   destroy what is here, which the one there has replaced; exit 0
# neither:   what has run there, be it for a moment, has written to its images: what is here must not go on with them.
#            Remove the incoming domain there; exit 1, and Pacemaker stops it on both and starts it anew
# unknown:   touch nothing; exit 1
RECOVERY = """
here        target     what
runs        any        stay
frozen      any        resume
given-away  runs       give-up
given-away  whole      finish
given-away  never-ran  take-back
given-away  nothing    take-back
given-away  has-run    neither
given-away  other      neither
given-away  silent     unknown
lost        runs       give-up
lost        whole      neither
lost        never-ran  neither
lost        nothing    neither
lost        has-run    neither
lost        other      neither
lost        silent     unknown
"""
_RECOVERY = {(here, target): what for here, target, what in map(str.split, RECOVERY.strip().splitlines())}


def recovery(here: str, target: str) -> str:
    """The second table's word."""
    return _RECOVERY.get((here, "any")) or _RECOVERY[here, target]


def asks_target(here: str) -> bool:
    """Whether it depends on what is on the target."""
    return (here, "any") not in _RECOVERY


def left_here(instances: "Sequence[Instance]") -> str:
    """What a failed migration has left on its source, in the second table's words."""
    if any(each.is_the_domain for each in instances):
        return "runs"
    frozen = frozen_in(instances)
    if not frozen:
        return "lost"
    return "frozen" if frozen.form == OWN else "given-away"


def frozen_in(instances: "Sequence[Instance]") -> Instance | None:
    return next((each for each in instances if each.state == "suspended"), None)


def left_on_target(instances: "Sequence[Instance]", said: str) -> str:
    """What it has left on its target; `said`: by its sender and receiver."""
    if any(each.is_the_domain for each in instances):
        return "runs"
    if [each.state for each in instances] == ["never scheduled"]:
        return "whole"
    if instances:
        return "never-ran" if all(each.never_ran for each in instances) else "other"
    has_run = "Got permission, starting domain" in said and "Failure, destroying our copy" not in said
    return "has-run" if has_run else "nothing"
