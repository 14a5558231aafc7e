"""The options that several verbs share, and where a verb's CIB and domain files come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from snow_ha_plugin.cli import output
from snow_ha_plugin.core import cib, timeouts
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.errors import PermissionDeniedError, UnavailableError
from snow_ha_plugin.model import Domain, SnowConf
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import snow_conf, snowtools, storage
from snow_ha_plugin.system.cluster import Cluster, LiveCluster
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from snow_ha_plugin.system.servers import Servers

F = TypeVar("F", bound=Callable[..., Any])

dry_run = click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
yes = click.option("--yes", is_flag=True, help="Do not ask.")
json_output = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")

way = click.option(
    "--fencing", "way", type=click.Choice(fencing.CHOICES),
    help="How a lost server is made sure to be dead; by default the BMCs where they answer, else sbd.",
)  # fmt: skip

third_vote = click.option(
    "--qdevice", metavar="HOST",
    help="Have corosync-qnetd on HOST give a third vote, to two servers or another even number; `none` for no more.",
)  # fmt: skip

replace_agents = click.option(
    "--replace-agents", is_flag=True, help="Run domains registered by hand with ocf:snow:Xen too, without a restart."
)


def _roles_off(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> frozenset[str]:
    for value in values:
        if not value.endswith("=off") or value == "=off":
            raise click.BadParameter(f"{value!r} is not ROLE=off")
    return frozenset(value.removesuffix("=off") for value in values)


spread = click.option(
    "--spread", "apart_off", multiple=True, callback=_roles_off, metavar="ROLE=off",
    help="Let the domains of a replicated role share a server.",
)  # fmt: skip

domains_dir = click.option(
    "--domains-dir", type=click.Path(path_type=Path), metavar="DIR",
    help="With --cib: where the domain files are; domains.conf is beside it.",
)  # fmt: skip


def cib_file(function: F) -> F:
    return click.option(
        "--cib", "cib_path", type=click.Path(path_type=Path), metavar="FILE",
        help="Work on a CIB in a file (cibadmin --query >FILE) instead of the running cluster.",
    )(function)  # fmt: skip


def domain_files(function: F) -> F:
    """--cib with what goes with it where domain files are read."""
    snow_conf = click.option(
        "--snow-conf", type=click.Path(path_type=Path), metavar="FILE",
        help="With --cib: take settings from this snow.conf.",
    )  # fmt: skip
    return cib_file(domains_dir(snow_conf(function)))


# What holds for a CIB in a file without a snow.conf.
_NO_CONF = SnowConf((), None, None, timeouts.DEFAULT_MIGRATION_MIB_S)


def cluster(cib_path: Path | None) -> Cluster:
    """The CIB to work on: that of a file, given here or before the verb, or the running cluster's."""
    if chosen := in_file(cib_path):
        return ClusterInFile(chosen)
    require_root()
    return LiveCluster()


def in_file(cib_path: Path | None) -> Path | None:
    """The file that a CIB is in; None for the running cluster's."""
    return cib_path or click.get_current_context().find_root().params.get("cib_path")


class Files(NamedTuple):
    """sNow!'s files that belong to a CIB."""

    domains_dir: Path
    domains_conf: Path | None
    snow_conf: Path | None

    @property
    def conf(self) -> SnowConf:
        return snow_conf.read(self.snow_conf) if self.snow_conf else _NO_CONF


def files(cib_path: Path | None, domains_dir: Path | None, snow_conf: Path | None = None) -> Files:
    """Those of this site, or those that were given with a CIB in a file."""
    layout = snowtools.layout()
    if not in_file(cib_path):
        return Files(layout.domains_dir, layout.domains_conf, layout.conf)
    given = domains_dir.parent / "domains.conf" if domains_dir else None
    return Files(domains_dir or layout.domains_dir, given, snow_conf)


def sizes_and_roles(files: Files, tree: cib.Tree) -> tuple[dict[str, Domain], dict[str, tuple[str, ...]]]:
    """The sizes that the CIB lacks, and the roles; a CIB in a file may come without either."""
    directory, table = files.domains_dir, files.domains_conf
    lacking = [
        name
        for name, primitive in cib.domains(tree).items()
        if not {"hv_memory", "cpu"} <= primitive.utilization.keys()
    ]

    def read() -> tuple[dict[str, Domain], dict[str, tuple[str, ...]]]:
        found, _ = snowtools.read_domains(directory, lacking) if lacking and directory.is_dir() else ([], [])
        roles = snowtools.roles(table) if table and table.exists() else {}
        return {domain.name: domain for domain in found}, roles

    return storage.within(read, storage.AT_MOST_S)


def at_work(cluster: Cluster, what: str) -> None:
    """Until the verb ends no other one of ours moves domains: it waits for one that does, and says for whom."""
    click.get_current_context().with_resource(_alone(cluster, what))


@contextmanager
def _alone(cluster: Cluster, what: str) -> Iterator[None]:
    told: list[str] = []

    def waiting(who: str) -> None:
        if who not in told:
            output.warning(f"waits until {who} has ended; Ctrl-C gives up")
            told.append(who)

    with ExitStack() as stack:
        try:
            stack.enter_context(cluster.held(what, waiting))
        except UnavailableError as error:
            output.warning(f"{error.message}: nobody can tell whether another verb moves domains too")
        yield


def require_root() -> None:
    if os.geteuid() != 0:
        raise PermissionDeniedError(
            "this needs root", remedy="run it with sudo, or on a copy of the CIB with --cib FILE"
        )


class Workplace(NamedTuple):
    """A CIB, the domain files that belong to it, and, for the running cluster, the servers."""

    cluster: Cluster
    domains_dir: Path
    domain_names: tuple[str, ...]
    migration_mib_s: int
    watch_grace_s: int
    servers: Servers | None

    def domains(self, names: Iterable[str]) -> list[Domain]:
        return [snowtools.read_domain(self.domains_dir, name) for name in dict.fromkeys(names)]

    def domains_to_sync(self) -> list[str]:
        """The domains with a file: sNow!'s and those that are registered; with --cib all of the directory."""
        present = snowtools.names_in(self.domains_dir)
        if not self.servers:
            return list(present)
        wanted = {*self.domain_names, *cib.domains(self.cluster.read())}
        return [name for name in present if name in wanted]


def workplace(cib_path: Path | None, domains_dir: Path | None, snow_conf: Path | None) -> Workplace:
    chosen = cluster(cib_path)
    if in_file(cib_path):
        given = files(cib_path, domains_dir, snow_conf)
        return Workplace(chosen, given.domains_dir, (), given.conf.migration_mib_s, given.conf.watch_grace_s, None)
    if domains_dir or snow_conf:
        raise click.UsageError("--domains-dir and --snow-conf go with --cib")
    here = Site.load()
    names = snowtools.domain_names(here.layout.domains_conf)
    return Workplace(
        chosen, here.layout.domains_dir, names, here.conf.migration_mib_s, here.conf.watch_grace_s, here.servers
    )
