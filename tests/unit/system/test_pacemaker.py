"""Pacemaker's tools without a cluster: captures of crm_mon, and the real crm_verify and crm_simulate."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent, migration, primitive
from snow_ha_plugin.errors import ConfigurationError, DataError, TimedOutError, UnavailableError
from snow_ha_plugin.model import ClusterState, Move, ResourceState
from snow_ha_plugin.system import cluster, command, crm_mon, fencer, pacemaker, verification, waiting
from snow_ha_plugin.system.cluster import LiveCluster
from snow_ha_plugin.system.command import Result
from tests.captures import capture, domain, guide_cluster, unconfigured_cluster
from tests.unit.core.test_cib import with_parts
from tests.unit.core.test_cluster_options import option_set


def seen(case: str) -> ClusterState:
    return crm_mon.parse_state(capture(f"crm_mon-{case}.xml"))


def resource(state: ClusterState, name: str) -> ResourceState:
    return next(found for found in state.resources if found.id == name)


@pytest.mark.parametrize("version", ["2.1.5", "3.0.0"])
def test_a_healthy_cluster(version: str) -> None:
    state = seen(f"{version}-all-running")
    assert (state.quorum, state.maintenance) == (True, False)
    assert [(node.name, node.online, node.standby, node.unclean) for node in state.nodes] == [
        ("snow01", True, False, False),
        ("snow02", True, False, False),
    ]
    assert len(state.resources) == 9
    for found in state.resources:
        assert (found.role, len(found.servers), found.managed) == ("Started", 1, True)
        assert not (found.failed or found.blocked)


@pytest.mark.parametrize("version", ["2.1.5", "3.0.0"])
def test_a_migration_is_seen_while_it_goes_on(version: str) -> None:
    state = seen(f"{version}-migrating")
    moving = resource(state, "nis02")
    assert "migrat" in (moving.role + moving.pending).lower()
    assert {found.role for found in state.resources if found.id != "nis02"} == {"Started"}


def test_a_clone_is_wherever_one_of_its_instances_is() -> None:
    instance = '<resource id="nis01" role="{}" managed="true" failed="{}">{}</resource>'
    instances = [
        instance.format("Stopped", "false", ""),
        instance.format("Started", "false", '<node name="snow01"/>'),
        instance.format("Started", "true", '<node name="snow02"/>'),
    ]
    told = f"<api><summary/><resources><clone id='c'>{''.join(instances)}</clone></resources></api>".encode()
    (found,) = crm_mon.parse_state(told).resources
    assert (found.role, found.servers, found.failed) == ("Started", ("snow01", "snow02"), True)
    assert not found.is_twice
    alone = told.replace(b"<clone id='c'>", b"").replace(b"</clone>", b"")
    assert [each.is_twice for each in crm_mon.parse_state(alone).resources] == [True]


def test_trouble_is_seen() -> None:
    state = seen("2.1.5-troubled")
    assert {node.name: node.standby for node in state.nodes} == {"snow01": False, "snow02": True}
    assert resource(state, "syslog01").failed
    assert not resource(state, "nis01").managed
    assert (resource(state, "maui01").role, resource(state, "maui01").servers) == ("Stopped", ())


def test_a_cluster_that_has_nothing_configured_has_no_resources() -> None:
    state = pacemaker.state(unconfigured_cluster())
    assert (state.resources, [node.name for node in state.nodes]) == ((), ["node1"])


def test_the_real_crm_mon_reads_a_cib_without_a_cluster() -> None:
    state = pacemaker.state(guide_cluster())
    assert resource(state, "nis01").servers
    assert state.quorum


def test_the_real_crm_mon_is_asked_for_all_that_is_read_of_it() -> None:
    troubled = cib.parse(capture("cibadmin-2.1.5-troubled.xml"), "a capture")
    state = pacemaker.state(option_set(troubled, **{"maintenance-mode": "true"}))
    assert (state.quorum, state.maintenance, state.dc) == (True, True, "snow01")
    assert [(failure.resource, failure.task) for failure in state.failures] == [("syslog01", "stop")]
    assert (len(state.nodes), len(state.resources)) == (2, 9)


@pytest.mark.parametrize(
    "answer",
    [
        b'<pacemaker-result><status code="0" message="OK"/></pacemaker-result>',
        b'<pacemaker-result><status code="0"><errors><error>No CIB</error></errors></status></pacemaker-result>',
    ],
)
def test_an_answer_without_a_state_is_an_error_and_not_a_cluster_where_nothing_runs(answer: bytes) -> None:
    with pytest.raises(UnavailableError, match="does not know"):
        crm_mon.parse_state(answer)


def test_a_cib_that_crm_mon_cannot_read_is_told() -> None:
    with pytest.raises(DataError, match="crm_mon cannot read the CIB"):
        pacemaker.state(with_parts(constraints="<nonsense id='n'/>"))


def test_a_cluster_that_does_not_run_is_told(mocker: MockerFixture) -> None:
    mocker.patch.object(command, "run", return_value=Result((), cluster.NOT_CONNECTED, b"", b"no"))
    with pytest.raises(UnavailableError, match="Pacemaker does not run on this server"):
        pacemaker.state()
    with pytest.raises(UnavailableError, match="Pacemaker does not run on this server"):
        LiveCluster().read()


@pytest.mark.parametrize("value", ["true", "false"])
def test_a_change_is_not_blamed_for_errors_that_were_there(value: str) -> None:
    # Fencing that is on without a device is an error to crm_verify, and not one of the schema.
    tree = guide_cluster()
    tree.xpath("//nvpair[@name='stonith-enabled']")[0].set("value", value)
    new = cib.clone(tree)
    primitive.register(new, domain(), 80)
    verify(tree, new)


def test_an_error_that_the_change_brings_is_refused() -> None:
    new = with_parts(constraints='<rsc_location id="l" rsc="nobody" node="snow01" score="5"/>')
    with pytest.raises(ConfigurationError, match="nobody"):
        verify(guide_cluster(), new)


@pytest.mark.parametrize(
    "broken",
    [
        with_parts(constraints='<rsc_location id="l" rsc="nobody" node="snow01" score="5"/>'),
        with_parts(resources='<primitive id="p" klass="ocf"/>'),
        with_parts(constraints="<nonsense id='n'/>"),
    ],
    ids=["dangling", "no-class", "unknown"],
)
def test_a_cib_that_was_against_its_schema_is_told_as_such(broken: cib.Tree) -> None:
    new = cib.clone(broken)
    primitive.register(new, domain(), 80)
    with pytest.raises(DataError, match="invalid already"):
        verify(broken, new)


def verify(old: cib.Tree, new: cib.Tree) -> None:
    with verification.scratch(old, new) as paths:
        verification.verify(*paths)


def test_what_a_killed_run_has_left_goes_with_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen(["true"]) as ended:
        pass
    left, mine, other = (
        tmp_path / f"snow-ha-{ended.pid}-x",
        tmp_path / f"snow-ha-{os.getpid()}-x",
        tmp_path / "snow-ha-x",
    )
    for path in (left, mine, other):
        path.mkdir()
        (path / "0.xml").touch()
    with verification.scratch(guide_cluster()):
        pass
    assert sorted(tmp_path.iterdir()) == sorted([mine, other])


@pytest.mark.parametrize(("pending", "online"), [("true", False), ("false", True)])
def test_a_node_that_is_still_joining_is_not_online(pending: str, online: bool) -> None:
    text = f"""<pacemaker-result><summary><current_dc with_quorum="true"/></summary><nodes>
    <node name="snow02" online="true" pending="{pending}" standby="false" maintenance="false" unclean="false"/>
    </nodes><resources/></pacemaker-result>"""
    (node,) = crm_mon.parse_state(text.encode()).nodes
    assert node.online == online


# what is asked of a running cluster


@pytest.mark.parametrize(
    ("ask", "argv", "given_s"),
    [
        (lambda: pacemaker.wait_idle(300), "crm_resource --wait --timeout=300s", 310),
        (lambda: pacemaker.forget("nis01", "snow02"), "crm_resource --refresh --resource nis01 --node snow02", 90),
        (lambda: pacemaker.forget("nis01"), "crm_resource --refresh --resource nis01 --force", 90),
        (lambda: fencer.fence("snow02", 90), "stonith_admin --reboot snow02 --timeout=90", 100),
        (
            lambda: pacemaker.end_standby_until_reboot("snow02"),
            "crm_attribute --node snow02 --name standby --lifetime reboot --delete",
            None,
        ),
        (lambda: pacemaker.forget_node("snow03"), "crm_node --remove snow03 --force", None),
        (lambda: pacemaker.cleanup("nis01"), "crm_resource --cleanup --resource nis01", None),
    ],
)
def test_each_question_is_put_once_and_a_failure_is_told(
    mocker: MockerFixture, ask: Callable[[], None], argv: str, given_s: int | None
) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 0, b"", b""))
    ask()
    (call,) = run.call_args_list
    assert " ".join(call.args[0]) == argv
    assert call.kwargs.get("timeout_s") == given_s
    run.return_value = Result((), 1, b"", b"no such luck")
    with pytest.raises(UnavailableError, match="no such luck"):
        ask()


def test_what_pacemaker_remembers_nothing_of_is_forgotten_on_all_nodes_and_not_on_one(mocker: MockerFixture) -> None:
    mocker.patch.object(command, "run", return_value=Result((), pacemaker.NO_SUCH_OBJECT, b"", b"no such resource"))
    pacemaker.forget("nis01")
    with pytest.raises(UnavailableError, match="still remembers nis01; no such resource"):
        pacemaker.forget("nis01", "snow02")


def test_a_cluster_that_stays_busy_is_a_time_out(mocker: MockerFixture) -> None:
    mocker.patch.object(command, "run", return_value=Result((), pacemaker.TIMED_OUT, b"", b""))
    with pytest.raises(TimedOutError, match="still busy after 300 s"):
        pacemaker.wait_idle(300)


@pytest.mark.parametrize(("status", "idle"), [(0, True), (124, False), (102, True)])
def test_a_cluster_that_does_not_say_otherwise_is_idle(mocker: MockerFixture, status: int, idle: bool) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), status, b"", b""))
    assert pacemaker.is_idle() is idle
    assert " ".join(run.call_args.args[0]) == "crm_resource --wait --timeout=1s"


def test_the_running_cluster_is_asked_once_by_whoever_is_to_ask_it(mocker: MockerFixture) -> None:
    said = Result((), 0, capture("crm_mon-2.1.5-all-running.xml"), b"")
    run = mocker.patch.object(command, "run", return_value=said)
    assert pacemaker.state() == seen("2.1.5-all-running")
    assert run.call_count == 1
    others = mocker.Mock(return_value=said)
    assert pacemaker.state(run=others) == seen("2.1.5-all-running")
    assert (run.call_count, others.call_count) == (1, 1)
    run.return_value = said._replace(stdout=b"<pacemaker-result/>")
    with pytest.raises(UnavailableError, match="does not know"):
        pacemaker.state()


def test_what_was_stored_is_read_with_the_ids_of_today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacemaker, "STORED_CIB", tmp_path / "cib.xml")
    assert pacemaker.stored_cib() is None
    (tmp_path / "cib.xml").write_bytes(capture("cibadmin-2.1.5-guide-domains.xml"))
    found = pacemaker.stored_cib()
    assert found is not None
    assert "nis01" in cib.domains(found)
    assert not cib.former_ids.renew(found)
    (tmp_path / "cib.xml").write_bytes(b"<cib")
    with pytest.raises(DataError, match=str(tmp_path)):
        pacemaker.stored_cib()


def test_who_dies_within_a_move_or_a_pause_has_it_taken_out(mocker: MockerFixture) -> None:
    left = mocker.patch.object(command, "cleaning_up")
    assert pacemaker.ending_moves(["nis01", "nis02"], 420) is left.return_value
    shell, option, script, *words = left.call_args.args[0]
    assert (shell, option) == ("sh", "-c")
    assert [*words[:2], *words[4:]] == ["sh", "420", "nis01", "nis02"]
    # It can be read; what migrates is waited for first, and what pulls goes before what holds.
    assert subprocess.run(["sh", "-nc", script], check=True)
    assert script.index("--wait") < script.index('"$2"') < script.index("--cleanup") < script.index('"$holds"')
    assert pacemaker.ending_pauses(["nis01"]) is left.return_value
    assert left.call_args.args[0] == ["cibadmin", "--delete-all", "--force", "--xpath", intent.pauses(["nis01"])]


def test_nobody_waits_for_the_end_of_what_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, ended, programs = tmp_path / "called", tmp_path / "ended", tmp_path / "sbin"
    programs.mkdir()
    os.mkfifo(ended)
    for name, waits in (("cibadmin", ""), ("crm_resource", f"[ $2 != --timeout=420s ] || timeout 60 cat {ended}")):
        (programs / name).write_text(f"#!/bin/sh\n{waits}\necho {name} $1 >>{log}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    with pacemaker.ending_moves(["nis01"], 420):
        pass
    assert not log.exists()
    ended.write_text("")
    wanted = ["crm_resource --wait", "cibadmin --delete-all", "crm_resource --cleanup"]
    wanted += ["crm_resource --wait", "cibadmin --delete-all"]
    assert waiting.until(lambda: log.exists() and log.read_text().splitlines() == wanted, 20)


@pytest.mark.parametrize("domains", [["nis01", "maui01"], []])
def test_what_others_have_put_in_is_not_taken_out(mocker: MockerFixture, tmp_path: Path, domains: list[str]) -> None:
    left = mocker.patch.object(command, "cleaning_up")
    pacemaker.ending_moves(domains, 420)
    tree = guide_cluster()
    migration.put(tree, [Move(name, "snow01", "snow02", 512) for name in ("nis01", "nis02", "maui01")])
    (tmp_path / "cib.xml").write_bytes(cib.serialize(tree))
    seen = []
    for path in left.call_args.args[0][5:7]:
        argv = ["cibadmin", "--delete-all", "--force", "--xpath", path]
        assert command.run(argv, env={"CIB_file": str(tmp_path / "cib.xml")}).ok
        now = cib.parse((tmp_path / "cib.xml").read_bytes())
        seen.append((frozenset(now.xpath(f"{migration.RULES}/@rsc")), migration.held(now)))
    all_of_them = frozenset({"nis01", "nis02", "maui01"})
    others = all_of_them - {*domains}
    assert seen == [(others, all_of_them), (others, others)]
