"""What there is to see of a cluster, joined from those who know it: a CIB in a file, and what else is told of it."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import acceptance, intent
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.core.reports.overview import Overview
from snow_ha_plugin.errors import DataError, UnavailableError
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations import sight
from snow_ha_plugin.operations.image_migration import running
from snow_ha_plugin.system import pacemaker, record, scheduler, storage
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from snow_ha_plugin.system.record import Record
from tests.captures import DATA, guide_cluster


class Cluster(ClusterInFile):
    """What a file cannot know, told by the test."""

    no_third_vote = False
    lost_storage = ""
    came: tuple[Event, ...] = ()
    looked_at: tuple[str, ...] = ()
    on_this_server: tuple[str, ...] | None = ()

    def write(self, tree: cib.Tree) -> None:
        self.path.write_bytes(cib.serialize(tree))

    def lacks_third_vote(self) -> bool:
        return self.no_third_vote

    def storage_loss(self) -> str:
        return self.lost_storage

    def past(self, since: float) -> Record:
        return Record(self.came)

    def guests(self) -> list[str]:
        if self.on_this_server is None:
            raise UnavailableError("xl does not answer")
        return list(self.on_this_server)


@pytest.fixture
def cluster(tmp_path: Path, mocker: MockerFixture) -> Cluster:
    mocker.patch.object(record, "here", return_value="snow02")
    found = Cluster(tmp_path / "cib.xml")
    found.write(guide_cluster())
    return found


def look(cluster: Cluster, tmp_path: Path) -> Overview:
    return sight.look(cluster, sight.outlook(cluster, tmp_path))


def ids(view: Overview) -> set[str]:
    return {finding.id for finding in view.findings}


def test_a_vote_that_is_lost_is_told_of_this_server(cluster: Cluster, tmp_path: Path) -> None:
    assert "third-vote-missing" not in ids(look(cluster, tmp_path))
    cluster.no_third_vote = True
    (found,) = [each for each in look(cluster, tmp_path).findings if each.id == "third-vote-missing"]
    assert found.subject == "snow02"


def test_a_shared_file_system_that_is_out_of_reach_is_told_of_this_server(cluster: Cluster, tmp_path: Path) -> None:
    """All domains run, and each of them waits for its disks."""
    assert "storage-lost" not in ids(look(cluster, tmp_path))
    cluster.lost_storage = "the shared file system does not answer"
    (found,) = [each for each in look(cluster, tmp_path).findings if each.id == "storage-lost"]
    assert (found.severity, found.subject) == (Severity.ERROR, "snow02")
    assert found.message == (
        "the shared file system does not answer on snow02:"
        " no domain can start there, and those that run may stand still"
    )


def test_only_sizes_that_the_cib_lacks_are_read_from_files(cluster: Cluster, tmp_path: Path) -> None:
    for name in ("nis01", "nis02"):
        (tmp_path / f"{name}.cfg").write_text(f"name = '{name}'\nmemory = 777\n")
    tree = guide_cluster()
    for pair in tree.xpath("//primitive[@id='nis01']/utilization/nvpair[@name='hv_memory']"):
        cib.drop(pair)
    cluster.write(tree)
    found = sight.outlook(cluster, tmp_path)
    assert {name: file.memory_mib for name, file in found.files.items()} == {"nis01": 777}
    assert found.sizes.needs["nis01"] == 777
    assert found.sizes.needs["nis02"] == 512


@pytest.mark.parametrize("capture", sorted(DATA.glob("cibadmin-2*.xml")), ids=lambda path: path.stem)
def test_who_is_not_asked_would_say_the_same(capture: Path, mocker: MockerFixture) -> None:
    """Of a calm cluster the scheduler's state is crm_mon's; of any other one crm_mon is asked."""
    cluster = ClusterInFile(capture)
    outlook = sight.outlook(cluster, capture.parent)
    asked = mocker.spy(cluster, "state")
    assert sight._state(cluster, outlook) == pacemaker.state(outlook.tree)
    assert asked.called != capture.stem.endswith("guide-domains")


def option(tree: cib.Tree) -> None:
    cib.put_option(tree, "of-the-test", "maintenance-mode", "true")


def no_quorum(tree: cib.Tree) -> None:
    tree.set("have-quorum", "0")


def no_dc(tree: cib.Tree) -> None:
    del tree.attrib["dc-uuid"]


def failure(tree: cib.Tree) -> None:
    next(tree.iter("lrm_rsc_op")).set("rc-code", "1")


@pytest.mark.parametrize("change", [option, no_quorum, no_dc, failure], ids=lambda change: change.__name__)
def test_what_the_scheduler_does_not_tell_crm_mon_is_asked(
    cluster: Cluster, tmp_path: Path, change: Callable[[cib.Tree], None]
) -> None:
    tree = guide_cluster()
    change(tree)
    cluster.write(tree)
    found = sight.outlook(cluster, tmp_path)
    assert sight._state(cluster, found) == pacemaker.state(found.tree) != found.now.state


def test_where_the_scheduler_has_no_answer_crm_mon_is_asked(
    cluster: Cluster, tmp_path: Path, mocker: MockerFixture
) -> None:
    mocker.patch.object(scheduler, "take", side_effect=DataError("the scheduler has no answer"))
    view = look(cluster, tmp_path)
    assert view.standing is None
    assert {server.name: server.online for server in view.servers} == {"snow01": True, "snow02": True}


def test_what_is_about_to_be_started_is_shown_where(cluster: Cluster, tmp_path: Path) -> None:
    tree = guide_cluster()
    for history in tree.xpath("status//lrm_resource[@id='nis01']"):
        cib.drop(history)
    cluster.write(tree)
    _, starting, odd = sight._standing(sight.outlook(cluster, tmp_path))
    assert list(starting) == ["nis01"]
    assert starting["nis01"] in ("snow01", "snow02")
    assert odd == ()


def test_a_finding_that_was_accepted_is_told_apart(cluster: Cluster, tmp_path: Path) -> None:
    assert "no-fencing" in ids(look(cluster, tmp_path))
    tree = guide_cluster()
    acceptance.accept(tree, [Acceptance("no-fencing", "", Severity.ERROR, 0, 2**40, "for now")])
    cluster.write(tree)
    view = look(cluster, tmp_path)
    assert "no-fencing" not in ids(view)
    assert [finding.id for finding, _ in view.accepted] == ["no-fencing"]


def test_since_when_a_server_is_out_of_service_is_what_the_record_tells(cluster: Cluster, tmp_path: Path) -> None:
    tree = guide_cluster()
    cib.put_standby(tree, "snow01", on=True)
    cluster.write(tree)
    cluster.came = (Event(1_700_000_000, Kind.CHANGE, "snow01", "snow02", "keep domains off snow01"),)
    (found,) = [each for each in look(cluster, tmp_path).findings if each.id == "server-standby"]
    assert found.since == 1_700_000_000


def test_what_was_left_down_is_looked_for_among_those_that_are_kept_stopped(
    cluster: Cluster, tmp_path: Path, mocker: MockerFixture
) -> None:
    tree = guide_cluster()
    intent.want(tree, ["nis01"], "Stopped")
    cluster.write(tree)
    paths = mocker.patch.object(Cluster, "reachable", side_effect=lambda paths: paths)
    down = mocker.patch.object(running, "left_down", return_value=[])
    look(cluster, tmp_path)
    assert paths.call_args.args[0] == {"nis01": cib.domains(tree)["nis01"].parameters["xmfile"]}
    assert down.call_args.args[0] == paths.call_args.args[0]
    # What has no file of its own is nobody's to look for.
    for pair in tree.xpath("//primitive[@id='nis01']/instance_attributes/nvpair[@name='xmfile']"):
        cib.drop(pair)
    assert sight._stopped(tree) == {}


def test_what_was_left_down_is_not_waited_for_where_storage_is_away(
    cluster: Cluster, tmp_path: Path, mocker: MockerFixture
) -> None:
    """A domain that is kept stopped has its note there; `status` has more to tell than that."""
    hangs = threading.Event()
    mocker.patch.object(storage, "WITHIN_S", 0.05)
    for effect in (OSError(errno.EIO, "I/O error"), lambda paths: hangs.wait(20)):
        mocker.patch.object(running, "left_down", side_effect=effect)
        assert len(look(cluster, tmp_path).domains) == 8
    hangs.set()
    for thread in storage._waiting:
        thread.join(20)


@pytest.mark.parametrize(
    ("guests", "told"),
    [
        (("Domain-0", "web01", "web02"), "by xl list, snow02 runs web01 and web02"),
        (("Domain-0",), "by xl list, snow02 runs no domain"),
        # It knows not even itself.
        ((), ""),
        (None, ""),
    ],
)
def test_without_pacemaker_xl_knows_what_runs_here(cluster: Cluster, guests: tuple[str, ...] | None, told: str) -> None:
    cluster.on_this_server = guests
    assert sight.by_xl(cluster) == told
