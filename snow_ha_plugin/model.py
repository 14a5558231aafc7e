"""The values that pass between the modules. Memory is in MiB, time in seconds, everywhere.

Longer than others: these are declarations, which one looks up by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Finding(NamedTuple):
    """Something that is not as it should be. `id` is stable: scripts and tests look for it.

    `exit_code` is what a verb ends with that cannot go on because of it; `since` is in seconds since 1970. `subject` is
    the domain or server that it is about, or several, in words; empty where it is about the whole cluster.
    """

    severity: Severity
    id: str
    message: str
    remedy: str = ""
    exit_code: int = 78
    since: int | None = None
    subject: str = ""


class Change(NamedTuple):
    """One thing that a verb has done, or would do; `target` is the domain, server or setting concerned.

    `message` begins with a verb, which reads on its own and after "would": "register web01".
    """

    action: str
    target: str
    message: str


class Disk(NamedTuple):
    """A disk of a domain. `path` is the file or device that a server must have for it, absolute.

    `path` is empty where there is none: `drbd` then names the resource, or `target` is for a script, for QEMU or for
    another domain to understand. `is_direct`: it is written past the page cache. `wants_aio`: by QEMU, which needs
    aio=native for it. `is_raw`: it is in no format of QEMU's.
    """

    vdev: str
    target: str
    path: str
    drbd: str = ""
    is_direct: bool = False
    wants_aio: bool = False
    is_raw: bool = True
    is_read_only: bool = False


class Domain(NamedTuple):
    """A Xen guest as its domain file describes it. `boot` are the paths of its kernel and ramdisk.

    `bridges` are those of Linux that its network interfaces are on; `is_pv`: para-virtualised, not PVH or HVM.
    `addresses` are those of its guest, as far as the file has them; `cpuid` is that list of it (xl.cfg(5)).
    """

    name: str
    config_path: str
    memory_mib: int
    vcpus: int
    disks: tuple[Disk, ...] = ()
    uuid: str = ""
    boot: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    is_pv: bool = False
    addresses: tuple[str, ...] = ()
    cpuid: tuple[str, ...] = ()


class DomainFile(NamedTuple):
    """A domain file that a primitive names: the file behind all links, and what it says.

    `name` is empty where it names no domain, and None where the file cannot be read here.
    """

    path: str
    name: str | None = None
    uuid: str = ""


class Guest(NamedTuple):
    """A row of `xl list`: `state` is the column of flags as xl prints it, such as `-b----`.

    `type` is what it runs as, whatever its file says by now: pv, pvh or hvm; empty where xl was not asked, or does not
    say.
    """

    name: str
    domid: int
    memory_mib: int
    vcpus: int
    state: str
    type: str = ""


@dataclass(frozen=True)
class Processors:
    """What a server's processors give to guests: the names of `features` by register, as xl.cfg(5) names it, and bit.

    `leaves` are those of cpuid that guests of each type have something in. Both are empty where nothing tells.
    """

    features: Mapping[tuple[str, int], str] = field(default_factory=dict)
    leaves: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Hypervisor:
    """What `xl info` says of a server, and the guests on it (Domain-0 is not one). `features` are its processors'.

    The `version` is that of a release, such as 4.17.
    """

    memory_mib: int
    cpus: int
    migrates_pv: bool
    guests: tuple[Guest, ...] = ()
    dom0_is_fixed: bool = True
    features: str = ""
    processors: Processors = field(default_factory=Processors)
    version: str = ""


class Server(NamedTuple):
    """An sNow! server and its addresses, one for each corosync link."""

    name: str
    addresses: tuple[str, ...]


class Network(NamedTuple):
    """The first two fields of a NET_... array of snow.conf, and its prefix length."""

    bridge: str
    gateway: str
    prefix: int


class SnowConf(NamedTuple):
    """What snow-ha reads of snow.conf; no secrets.

    `bmc_suffix` makes a server's name that of its BMC; it is empty where sNow! has no account on the BMCs.
    `unknown` has the lines that set a name which nobody reads, with the known name that it is nearest to.
    `image_destination` is IMG_DST, where new domains get their images: `lvm=VG`, `dir=/path`, `nfs=server:/path`.
    `alert_mail` are the addresses that notices go to.
    """

    servers: tuple[str, ...]
    net_snow: Network | None
    net_comp: Network | None
    migration_mib_s: int
    fencing: str = ""
    watchdog_s: int = 15
    bmc_suffix: str = ""
    qdevice: str = ""
    image_destination: str = ""
    alert_mail: tuple[str, ...] = ()
    watch_grace_s: int = 300
    unknown: tuple[tuple[int, str, str], ...] = ()


class Node(NamedTuple):
    """A server as the CIB knows it; the utilization is 0 where nobody has written it."""

    id: str
    name: str
    memory_mib: int = 0
    cpus: int = 0


@dataclass(frozen=True)
class Primitive:
    """A primitive of the CIB; `agent` is written as crm writes it: `ocf:snow:Xen`."""

    id: str
    agent: str
    parameters: dict[str, str] = field(default_factory=dict)
    utilization: dict[str, str] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)

    @property
    def is_domain(self) -> bool:
        """Whether it runs a Xen domain, whoever wrote it and whichever agent `Xen` it uses."""
        return self.agent.endswith(":Xen")


class Constraint(NamedTuple):
    """A constraint of the CIB in one line: `text` names resource, node and score for a reader."""

    id: str
    text: str
    resources: tuple[str, ...]


class ResourceState(NamedTuple):
    """Where a resource is, as Pacemaker sees it; `servers` has two names while it is active twice."""

    id: str
    role: str
    servers: tuple[str, ...]
    managed: bool
    failed: bool
    blocked: bool
    pending: str = ""
    orphaned: bool = False
    agent: str = ""
    cloned: bool = False

    @property
    def is_twice(self) -> bool:
        """Whether two servers have it that should not: one that migrates is on both, a clone is meant to be, and a
        fencing device, which writes to no image, is started elsewhere before a lost server is fenced."""
        is_meant = self.role.lower() == "migrating" or self.cloned or self.agent.startswith("stonith:")
        return len(self.servers) > 1 and not is_meant


class MigrationProgress(NamedTuple):
    """How far a live migration is. A guest that changes its memory meanwhile has more sent than it has."""

    target: str
    sent_mib: int
    memory_mib: int
    mib_per_s: int


class NodeState(NamedTuple):
    """A member; `leaving` is its way out of the cluster, `joining` its way in, on which it votes already and takes part
    in nothing yet; `health` is green, yellow or red."""

    name: str
    online: bool
    standby: bool
    maintenance: bool
    unclean: bool
    leaving: bool = False
    health: str = "green"
    joining: bool = False

    @property
    def serves(self) -> bool:
        """Whether Pacemaker could start something there, as far as the server itself is concerned."""
        return self.online and not (self.standby or self.maintenance or self.unclean or self.leaving)


class FailedAction(NamedTuple):
    """An action of an agent that failed, as Pacemaker remembers it: `reason` is the agent's own, `when` in seconds
    since 1970, 0 where that is not known. One that found a resource `degraded` has changed nothing."""

    resource: str
    server: str
    task: str
    reason: str
    when: int
    degraded: bool = False


class ClusterState(NamedTuple):
    """What crm_mon says at one moment; `failures` come in the order in which Pacemaker tells them.

    `dc` is the server that decides for all; empty where there is none.
    """

    quorum: bool
    maintenance: bool
    nodes: tuple[NodeState, ...]
    resources: tuple[ResourceState, ...]
    failures: tuple[FailedAction, ...] = ()
    dc: str = ""


class DomainRow(NamedTuple):
    """A row of the host's `snow list domains`: `power` and `system` are its columns HW status and OS status."""

    name: str
    power: str
    system: str
    roles: str
    server: str


class Handled(NamedTuple):
    """How a verb of the host ended for one domain that a plugin has taken care of; a status of 0 is success."""

    status: int
    message: str


class Action(NamedTuple):
    """One action of a transition that Pacemaker's scheduler would carry out."""

    task: str
    resource: str
    node: str


# By resource: the servers that it is on.
Places = Mapping[str, tuple[str, ...]]

# By domain: the one server that it is on, None for nowhere.
Where = Mapping[str, str | None]

# By resource or server: a number by server, or by an attribute's name.
Amounts = Mapping[str, Mapping[str, int]]


class Answer(NamedTuple):
    """What the scheduler says of a CIB.

    `scores` are by resource and server, as they are when its turn comes; `sizes` of resources that have a server and
    `capacities` of servers are by the attribute's name, as far as they are whole numbers.

    `settled` is the cluster after the actions, where that was asked for: see `scheduler`. `blocked` are resources that
    it would do something with and cannot as things are.
    """

    state: ClusterState
    actions: tuple[Action, ...]
    scores: Amounts
    sizes: Amounts
    capacities: Amounts
    settled: ClusterState | None = None
    blocked: frozenset[str] = frozenset()

    @property
    def before(self) -> Places:
        """Where each resource is; without those on servers that are gone."""
        return _places(self.state)

    @property
    def after(self) -> Places:
        """Where each resource would be once all of `actions` have been carried out; on no server that nobody sees.

        Who may not fence, without quorum, takes what a lost server ran for running; and crm_simulate leaves a failure
        on record of what it has stopped.
        """
        shown = self.settled or self.state
        gone = {node.name for node in shown.nodes if node.unclean or not node.online}
        if shown.nodes and len(gone) == len(shown.nodes):  # nor is there anybody who sees a guest node
            return dict.fromkeys(_places(shown), ())
        acted = [(action.resource, action.node) for action in self.actions if action.task != "stop"]
        stopped = {(action.resource, action.node) for action in self.actions if action.task == "stop"}.difference(acted)
        found = {
            name: tuple(server for server in at if server not in gone and (name, server) not in stopped)
            for name, at in _places(shown).items()
        }
        for action in () if self.settled else self.actions:
            found[action.resource] = () if action.task == "stop" or not action.node else (action.node,)
        return found


def _places(state: ClusterState) -> dict[str, tuple[str, ...]]:
    return {resource.id: resource.servers for resource in state.resources}


class Move(NamedTuple):
    """A domain to another server: by a live migration, or, where it cannot, by a restart there."""

    domain: str
    source: str
    target: str
    memory_mib: int
    restarts: bool = False

    @property
    def task(self) -> str:
        """What Pacemaker calls it."""
        return "move" if self.restarts else "migrate"
