"""docs/host-verbs.md, carried out: each cell of its tables is a case, and each claim in a cell has a check.

The host, the hook and snow-ha are whole programs; Pacemaker is its own tools on a CIB in a file, and after each change
of that its scheduler plays what the cluster would do. Only xl and ssh are stand-ins.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.model import ClusterState
from snow_ha_plugin.system import crm_mon
from tests.captures import guide_cluster
from tests.contract.snow_host import SnowHost
from tests.contract.test_hook import HOSTS
from tests.lab.site import PROJECT
from tests.lab.terminal import Outcome

NAME, NEW = "nis01", "new01"
HERE, THERE = "snow01", "snow02"
CRM_SIMULATE = "/usr/sbin/crm_simulate"

# After a change, Pacemaker gets to its work when somebody has looked twice, or waits for it.
PACEMAKER = r"""#!/bin/bash
here=${0%/*} name=${0##*/}
[[ ! -e $here/../down ]] || exit 102
export CIB_file=${CIB_file-/sNow/pacemaker/cib.xml}
work() {
    rm "$here/../pending"
    local said resource node
    said=$(/usr/sbin/crm_simulate --simulate --xml-file="$CIB_file" --save-output="$CIB_file.new" \
        $(<"$here/../failing")) && mv "$CIB_file.new" "$CIB_file" || return
    # xl sees no more what was stopped.
    while read -r resource node; do
        rm -f "$here/../running/$node/$resource"
    done < <(sed --quiet 's/.*Resource action: *\([^ ]*\) *stop on \(.*\)/\1 \2/p' <<<"$said")
}
case "$name $1" in
    "crm_resource --wait")
        [[ ! -e $here/../pending ]] || work
        exit ;;
    crm_mon*)
        if [[ -s $here/../pending ]]; then work; elif [[ -e $here/../pending ]]; then echo >"$here/../pending"; fi ;;
    "cibadmin --patch" | "crm_resource --cleanup" | "crm_resource --refresh")
        printf '%s\t' "$name" "$1" >>"$here/../calls"; echo >>"$here/../calls"
        : >"$here/../pending" ;;&
    "crm_resource --cleanup" | "crm_resource --refresh")
        # That takes daemons.
        exec /usr/sbin/cibadmin --delete-all --force \
            --xpath "//status//lrm_resource[@id='$3'] | //status//nvpair[contains(@name, '-$3#')]" ;;
esac
exec "/usr/sbin/$name" "$@"
"""
# What runs where is a file with its domid; the server is that of the ssh by which it was called.
XL = r"""#!/bin/bash
here=${0%/*} server=${SERVER-snow01}
running=$here/../running/$server
case $1 in
    list)
        printf '%-40s %5s %5s %5s %10s %9s\n' Name ID Mem VCPUs State 'Time(s)' Domain-0 0 2048 1 r----- 1.0
        for file in "$running"/*; do
            [[ ! -e $file ]] || printf '%-40s %5s %5s %5s %10s %9s\n' "${file##*/}" "$(<"$file")" 512 1 -b---- 1.0
        done
        exit ;;
    domid) exec cat "$running/$2" ;;
esac
printf '%s\t' "$server:" xl "$@" >>"$here/../calls"; echo >>"$here/../calls"
case $1 in
    destroy) rm -f "$running/$2" ;;
    create) echo 7 >"$running/$(basename "$2" .cfg)" ;;
    reboot) echo 8 >"$running/$3" ;;
    console) echo login:; read -r line; echo "typed $line"; exit 5 ;;
esac
"""
SSH = r"""#!/bin/bash
[[ ${!#} != "uptime -p" ]] || exec echo up 3 days
for word; do
    [[ $word != snow0? ]] || export SERVER=$word
done
[[ ! -e ${0%/*}/../silent ]] || exit 255
exec bash -c "${!#}"
"""
IN_THE_NAMESPACE = 'hostname snow01; mount --bind "$1" /var/lib/pacemaker/cib; shift; exec "$@"'


class Site(SnowHost):
    """Two servers, of which snow01 is this one. Pacemaker looks after the guide's domains, nis01 on snow02."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, HOSTS.get("real", HOSTS["stand-in"]))
        self._cib = self.site / "pacemaker/cib.xml"
        self._cib.parent.mkdir()
        self.change(lambda tree: None, guide_cluster())
        self.mark("failing")
        for server in (HERE, THERE):
            (directory / "running" / server).mkdir(parents=True)
        self.run(NAME, THERE)
        for name in ("cibadmin", "crm_mon", "crm_resource"):
            self.program(name, PACEMAKER)
        self.program("xl", XL)
        self.program("ssh", SSH)
        self.program("snow-ha", f'#!/bin/bash\ncd {PROJECT} && exec {sys.executable} -m snow_ha_plugin "$@"\n')

    def _command(self, *words: str) -> list[str]:
        inside = ["bash", "-c", IN_THE_NAMESPACE, "bash", str(self._cib.parent)]
        return ["unshare", "--mount", "--uts", *inside, *super()._command(*words)]

    def tree(self) -> cib.Tree:
        return cib.parse(self._cib.read_bytes())

    def change(self, edit: Callable[[cib.Tree], object], tree: cib.Tree | None = None) -> None:
        """As somebody has done it before."""
        tree = self.tree() if tree is None else tree
        edit(tree)
        self._cib.write_bytes(cib.serialize(tree))

    def play(self, *words: str) -> None:
        """Let Pacemaker's scheduler carry out what there is to do."""
        files = [f"--xml-file={self._cib}", f"--save-output={self._cib}.new"]
        subprocess.run([CRM_SIMULATE, "--quiet", "--simulate", *files, *words], check=True, stdout=subprocess.DEVNULL)
        Path(f"{self._cib}.new").rename(self._cib)

    def mark(self, what: str, text: str = "") -> None:
        """What the stand-ins go by: `down` (Pacemaker here), `silent` (the other server), `failing` (what fails)."""
        (self._directory / what).write_text(text)

    def run(self, name: str, server: str) -> None:
        """To xl's knowledge."""
        (self._directory / "running" / server / name).write_text("3\n")

    def end(self, name: str, server: str) -> None:
        (self._directory / "running" / server / name).unlink()

    def domids(self) -> list[str]:
        """Of nis01, to xl's knowledge, with its server."""
        found = sorted((self._directory / "running").glob(f"*/{NAME}"))
        return [f"{file.parent.name} {file.read_text().strip()}" for file in found]

    def where(self) -> list[str]:
        """The servers of nis01, to Pacemaker's knowledge."""
        argv = ["/usr/sbin/crm_mon", "--one-shot", "--inactive", "--output-as=xml"]
        answer = subprocess.run(argv, env={"CIB_file": str(self._cib)}, capture_output=True, check=True).stdout
        state: ClusterState = crm_mon.parse_state(answer)
        return [server for found in state.resources if found.id == NAME for server in found.servers]

    def role(self, name: str = NAME) -> str:
        return cib.meta(self.tree(), name, "target-role", "Started")

    def is_registered(self, name: str = NAME) -> bool:
        return name in cib.domains(self.tree())


# The states of nis01


def here(site: Site) -> None:
    rule = {"id": "here", "rsc": NAME, "node": HERE, "score": "INFINITY"}
    site.change(lambda tree: cib.add(cib.section(tree, "constraints"), "rsc_location", **rule))
    site.play()
    site.end(NAME, THERE)
    site.run(NAME, HERE)


def there(site: Site) -> None:
    pass


def stopped(site: Site) -> None:
    site.change(lambda tree: intent.want(tree, [NAME], "Stopped"))
    site.play()
    site.end(NAME, THERE)


def give_up(tree: cib.Tree) -> None:
    """As a controller counts starts that fail."""
    for node in tree.iterfind("status/node_state"):
        name, node_id = f"fail-count-{NAME}#start_0", node.get("id", "")
        attributes = node.find("transient_attributes")
        if attributes is None:
            attributes = cib.add(node, "transient_attributes", id=node_id)
        cib.put_pairs(attributes, "instance_attributes", f"status-{node_id}", {name: "INFINITY"})


def failed(site: Site) -> None:
    stopped(site)
    site.change(lambda tree: intent.want(tree, [NAME], "Started"))
    site.play(*FAILING.split())
    site.change(give_up)
    site.play()


def unknown(site: Site) -> None:
    def forget(tree: cib.Tree) -> None:
        cib.remove_resource(tree, NAME)
        for found in tree.iterfind(f"status//lrm_resource[@id='{NAME}']"):
            cib.drop(found)

    stopped(site)
    site.change(forget)


def held(site: Site) -> None:
    site.change(lambda tree: intent.hold(tree, [NAME]))


def taken_out(site: Site) -> None:
    unknown(site)
    site.change(lambda tree: intent.leave_out(tree, [NAME]))


def no_quorum(site: Site) -> None:
    site.change(lambda tree: tree.set("have-quorum", "0"))


def down(site: Site) -> None:
    site.mark("down")


FAILING = f"--op-fail={NAME}_start_0@{HERE}=1 --op-fail={NAME}_start_0@{THERE}=1"
STATES: dict[str, tuple[Callable[[Site], None], ...]] = {
    "runs here or elsewhere": (here, there),
    "stopped": (stopped,),
    "failed": (failed,),
    "not registered": (unknown,),
    "held (`snow ha hold`)": (held,),
    "taken out (`snow ha remove`)": (taken_out,),
    "no quorum, or Pacemaker down here": (no_quorum, down),
}
LINES = {
    "list domains": "list domains",
    "remove domain": f"remove domain {NAME}",
    "deploy force": f"deploy {NAME} force",
    "deploy": f"deploy {NEW}",
    "add domain": f"add domain {NEW}",
}


@dataclass
class Case:
    """A verb on a site in a state; what it says and does."""

    verb: str
    state: Callable[[Site], None]
    directory: Path

    def __post_init__(self) -> None:
        self.begin()
        self.go()

    def begin(self, name: str = "site") -> None:
        place = self.directory / name
        place.mkdir()
        self.site = Site(place)
        self.state(self.site)
        self.before = self.site.tree()
        self.server = (self.site.where() or [""])[0]

    def go(self) -> None:
        typed, after = {"console": ("root\n", "login:"), "remove domain": ("y\n", "[y/N]")}.get(self.verb, ("", "-"))
        line = LINES.get(self.verb, f"{self.verb} {NAME}")
        self.outcome: Outcome = self.site.snow(*line.split(), typed=typed, after=after)

    def says(self, pattern: str) -> bool:
        unfolded = re.sub(r"\n+    +", " ", self.outcome.terminal)
        return re.search(pattern, unfolded, re.MULTILINE) is not None

    def did(self) -> list[str]:
        """What changed anything."""
        return [step for step in self.site.steps() if not step.startswith("ping")]

    def xl(self) -> list[str]:
        return [step for step in self.did() if ": xl " in step]


# What the cells claim


def refused(case: Case) -> bool:
    """Nothing was done, and it is told; what tells it may meet a turn of the host's spinner in the same line."""
    return case.did() == [] and case.says(r"\[E\] |FAIL *$") and cib.epoch(case.site.tree()) == cib.epoch(case.before)


def why_on_none(case: Case) -> bool:
    ran = case.says(f"{NAME} runs on snow0")
    case.begin("failing")
    case.site.mark("failing", FAILING)
    case.go()
    return ran and case.says(f"{NAME} does not run; on snow0")


def runs(case: Case) -> bool:
    return len(case.site.where()) == 1 and case.site.role() == "Started"


def forgets_first(case: Case) -> bool:
    told = case.did()
    return told[0] == "crm_resource --cleanup" and runs(case) and case.says(f"{NAME} runs on snow0")


def stays_stopped(case: Case) -> bool:
    return (case.site.role(), case.site.where()) == ("Stopped", [])


def restarted(case: Case) -> bool:
    steps = [f"{case.server}: xl destroy {NAME}", f"{case.server}: xl create /sNow/snow-tools/etc/domains/{NAME}.cfg"]
    return case.xl() == steps and case.site.domids() == [f"{case.server} 7"] and runs(case)


def rebooted(case: Case) -> bool:
    return case.xl() == [f"{case.server}: xl reboot -F {NAME}"] and case.site.domids() == [f"{case.server} 8"]


def is_shown(case: Case) -> bool:
    return case.says("^login:$") and case.says("^typed root$") and case.outcome.status == 5


def as_ever(case: Case) -> bool:
    own = {"shutdown": f"crm resource stop {NAME}", "poweroff": f"{HERE}: xl shutdown {NAME}"}
    own |= {verb: f"{HERE}: xl destroy {NAME}" for verb in ("destroy", "remove domain", "deploy force")}
    own |= {"reset": f"{HERE}: xl reboot -F {NAME}", "reboot": f"pdsh -w {NAME} reboot"}
    own |= {"console": f"{HERE}: xl console {NAME}"}
    return own[case.verb] in case.did() and not case.says(r"\[E\]")


def ended_first(case: Case) -> bool:
    """Out of Pacemaker's hands before the host destroys anything."""
    steps = case.did()
    host = steps.index(f"{HERE}: xl destroy {NAME}")
    gone = case.site.is_registered() == (case.verb == "deploy force")
    return "cibadmin --patch" in steps[:host] and "xen-delete-image" in steps[host:] and gone


def elsewhere(case: Case) -> bool:
    case.begin("elsewhere")
    case.site.run(NAME, THERE)
    case.go()
    return "xen-delete-image" not in case.did() and case.says(f"runs on {THERE}") and case.site.has_image(NAME)


def before_the_host_asks(case: Case) -> bool:
    return refused(case) and not case.says(r"y/N|\[W\]") and case.site.has_image(NAME)


def is_protected(case: Case) -> bool:
    return case.site.is_registered(NEW) and case.site.role(NEW) == "Stopped" and case.says(f"snow boot {NEW}")


def may_run(case: Case) -> bool:
    case.begin("silent")
    case.site.mark("silent")
    case.go()
    return case.says(f"^{NAME} +unknown ")


Check = Callable[[Case], bool]
CLAIMS: dict[str, Check] = {
    '"runs already on SERVER"': lambda case: case.says(f"{NAME} runs already on {case.server}") and case.did() == [],
    "starts": runs,
    '"runs on SERVER", or why on none': why_on_none,
    "forgets the failure first, then as stopped": forgets_first,
    "registered, then started": lambda case: case.site.is_registered() and runs(case),
    "Pacemaker stops it": lambda case: stays_stopped(case) and case.xl() == [],
    "waited for": lambda case: stays_stopped(case) and case.says(rf"{NAME} is shut down \(on {case.server}\)"),
    "stays so": stays_stopped,
    "stays stopped": stays_stopped,
    '"did not run"': lambda case: case.says(f"{NAME} did not run"),
    "ended at once on its server": lambda case: case.xl() == [f"{case.server}: xl destroy {NAME}"],
    "ended at once and started anew in its place": restarted,
    "its guest reboots, waited for": rebooted,
    "done, and it stays held": lambda case: (
        {"reset": restarted, "reboot": rebooted}[case.verb](case) and intent.is_held(case.site.tree(), NAME)
    ),
    "of its server, with keyboard and exit status": lambda case: (
        is_shown(case) and case.xl() == [f"{case.server}: xl console {NAME}"]
    ),
    "of its server": lambda case: is_shown(case) and case.xl() == [f"{case.server}: xl console {NAME}"],
    "on, the guest's uptime, the server": lambda case: case.says(f"^{NAME} +on +up 3 days +nis +{case.server} *$"),
    "off": lambda case: case.says(f"^{NAME} +off +down +nis *$"),
    "a row as ever": lambda case: case.says(f"^{NAME} +off +down +nis *$"),
    "a row": lambda case: case.says(f"^{NAME} +(on|off) "),
    "`unknown` for what a silent server may run": may_run,
    "stopped wherever it runs, unregistered, then destroyed": ended_first,
    "unregistered, then destroyed": ended_first,
    "as stopped": ended_first,
    "as ever": as_ever,
    "refused where it runs elsewhere": elsewhere,
    "refused before the host asks": before_the_host_asks,
    "refused": refused,
    "registered, stopped, said to be protected": is_protected,
    "deployed": lambda case: case.site.has_image(NEW) and case.site.has_domain_file(NEW),
    "a warning: `snow ha sync`": lambda case: case.says(r"\[W\].*snow ha sync"),
}
# What takes too long here: a test that sees it.
ELSEWHERE = {
    "after 180 s: `snow reset`": (
        "tests/unit/operations/test_domain_actions.py",
        "test_a_guest_that_does_not_reboot_is_told_so",
    ),
    "refused where it still runs elsewhere by hand": (
        "tests/unit/operations/test_host_events.py",
        "test_a_domain_that_pacemaker_has_stopped_and_that_runs_by_hand_elsewhere_keeps_its_image",
    ),
}


def cells() -> Iterator[tuple[str, str, str]]:
    """Verbs as a row has them, the state as the head of the column has it, and the claims."""
    head: list[str] = []
    for line in (PROJECT / "docs/host-verbs.md").read_text().splitlines():
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or set(row[0]) <= {"-"}:
            continue
        if row[0] == "`snow`":
            head = row
            continue
        for state, text in zip(head[1:], row[1:], strict=True):
            yield row[0], state, text


def cases() -> Iterator[object]:
    """Verbs of one row are one to snow-ha but for their word: they take turns."""
    turn = 0
    for verbs, column, text in cells():
        names = re.findall("`(.+?)`", verbs)
        for state in STATES[column] if text != "-" else ():
            verb, turn = names[turn % len(names)], turn + 1
            yield pytest.param(verb, state, text, id=f"{verb}-{state.__name__}")


def applies(claim: str, state: Callable[[Site], None]) -> str:
    """Of a column for two states: what a claim says of this one."""
    for beginning, only in (("without quorum ", no_quorum), ("Pacemaker down: ", down)):
        if claim.startswith(beginning):
            return claim.removeprefix(beginning) if state is only else ""
    return claim


@pytest.mark.parametrize(("verb", "state", "text"), cases())
def test_a_cell_of_the_table_is_true(tmp_path: Path, verb: str, state: Callable[[Site], None], text: str) -> None:
    case = Case(verb, state, tmp_path)
    for claim in filter(None, (applies(claim, state) for claim in text.split("; "))):
        said, _, remedy = claim.partition(": `")
        if claim in ELSEWHERE:
            path, name = ELSEWHERE[claim]
            assert f"def {name}(" in (PROJECT / path).read_text()
        elif said == "refused":
            assert refused(case), (case.did(), case.outcome)
            assert case.says(remedy.rstrip("`")), case.outcome
        else:
            assert CLAIMS[claim](case), (claim, case.did(), case.outcome)
