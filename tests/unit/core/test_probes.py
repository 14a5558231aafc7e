"""What Pacemaker's real scheduler makes of the histories that we imagine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import probes
from snow_ha_plugin.core.configure import primitive
from snow_ha_plugin.model import Action, Answer, Domain
from snow_ha_plugin.system import scheduler
from tests.captures import domain, guide_cluster
from tests.unit.core.test_cib import canonical, with_parts


def planned(tree: cib.Tree, name: str = "web01") -> list[tuple[str, str]]:
    """What the scheduler would do with a domain, and where; nothing else may be disturbed."""
    actions = scheduler.ask(tree).actions
    assert [action for action in actions if action.resource != name] == []
    return [(action.task, action.node) for action in actions]


def registered(found: Domain | None = None, **sections: str) -> cib.Tree:
    tree = with_parts()
    primitive.register(tree, found or domain(), 80)
    for element in with_parts(**sections).xpath("configuration/constraints/*"):
        cib.section(tree, "constraints").append(element)
    return tree


@pytest.mark.parametrize("server", ["snow01", "snow02"])
def test_a_domain_found_running_is_left_where_it_runs(server: str) -> None:
    tree = registered()
    probes.assume(tree, {"web01": server})
    assert planned(tree) == []


def test_a_domain_found_nowhere_is_started() -> None:
    tree = registered()
    probes.assume(tree, {"web01": None})
    assert [task for task, _ in planned(tree)] == ["start"]


def test_a_domain_found_where_a_rule_forbids_it_is_moved() -> None:
    tree = registered(constraints='<rsc_location id="ban" rsc="web01" node="snow01" score="-INFINITY"/>')
    probes.assume(tree, {"web01": "snow01"})
    assert [task for task, _ in planned(tree)] == ["migrate"]


def test_a_domain_that_may_run_nowhere_is_stopped() -> None:
    ban = '<rsc_location id="b{0}" rsc="web01" node="snow0{0}" score="-INFINITY"/>'
    tree = registered(constraints=ban.format(1) + ban.format(2))
    probes.assume(tree, {"web01": "snow01"})
    assert planned(tree) == [("stop", "snow01")]


def test_a_finite_score_does_not_move_a_running_domain() -> None:
    tree = registered(constraints='<rsc_location id="like" rsc="web01" node="snow02" score="50"/>')
    probes.assume(tree, {"web01": "snow01"})
    assert planned(tree) == []


@pytest.mark.parametrize(
    "path", ["/a b.cfg", "/a<b>.cfg", "/a&amp;.cfg", '/"a".cfg', "/%s\\n.cfg", "/\u00e4\u65e5.cfg"]
)
def test_odd_characters_in_a_parameter_do_not_read_as_another_definition(path: str) -> None:
    tree = registered(domain(config_path=path))
    probes.assume(tree, {"web01": "snow01"})
    assert planned(tree) == []


def test_another_parameter_than_the_one_that_ran_reads_as_a_restart() -> None:
    tree = registered()
    probes.assume(tree, {"web01": "snow01"})
    primitive.register(tree, domain(config_path="/other.cfg"), 80)
    assert [task for task, _ in planned(tree)] == ["restart"]


def test_a_domain_by_hand_with_another_agent_is_left_where_it_runs() -> None:
    tree = with_parts(
        resources="""<primitive id="web01" class="ocf" provider="heartbeat" type="Xen"><instance_attributes id="wa">
        <nvpair id="wa2" name="xmfile" value="/b.cfg"/><nvpair id="wa1" name="name" value="a"/>
        </instance_attributes></primitive>"""
    )
    probes.assume(tree, {"web01": "snow02"})
    assert planned(tree) == []


def test_what_has_a_history_keeps_it() -> None:
    tree = with_parts()
    before = canonical(tree)
    probes.assume(tree, {"nis01": "snow01", "maui01": None, "nobody": "snow01"})
    assert canonical(tree) == before


def test_a_cluster_that_has_not_probed_anything_has_room_for_a_history() -> None:
    tree = registered()
    for state in tree.iterfind("status/node_state"):
        for child in state.findall("lrm"):
            state.remove(child)
    probes.assume(tree, {name: "snow01" for name in cib.domains(tree)})
    assert {(action.task, action.resource) for action in scheduler.ask(tree).actions} == {
        ("start", "snow-ha-floating-ip")
    }


@pytest.mark.parametrize("quorum", [True, False])
@pytest.mark.parametrize(("fenced", "option"), [(True, "--node-fail"), (False, "--node-down")])
@pytest.mark.parametrize("states", [True, False])
def test_a_failure_reads_as_crm_simulate_itself_would_write_it(
    tmp_path: Path, fenced: bool, option: str, quorum: bool, states: bool
) -> None:
    tree = guide_cluster()
    if not states:
        tree.find("status").clear()
    before, after = tmp_path / "before.xml", tmp_path / "after.xml"
    before.write_bytes(cib.serialize(tree))
    argv = ["crm_simulate", "--xml-file", str(before), "--quiet", f"--save-input={after}", option, "snow01"]
    subprocess.run([*argv, "--quorum", str(int(quorum))], check=True, capture_output=True)
    probes.fail(tree, ["snow01"], fenced=fenced, quorum=quorum)
    written = cib.parse(after.read_bytes())
    (lost,) = written.xpath("//node_state[@uname='snow01']")
    lost.set("crmd", "offline")
    for state in [*written.iter("node_state"), *tree.iter("node_state")]:
        state.attrib.pop("crm-debug-origin", None)
    assert canonical(written.find("status")) == canonical(tree.find("status"))
    assert written.get("have-quorum") == tree.get("have-quorum")


def test_a_server_that_fails_while_it_shuts_down_does_not_go_on_doing_so() -> None:
    tree = guide_cluster()
    (attributes,) = tree.xpath("//node_state[@uname='snow01']/transient_attributes/instance_attributes")
    cib.add(attributes, "nvpair", id="shuts-down", name="shutdown", value="1785000000")
    cib.put_option(tree, "fencing", "stonith-enabled", "true")
    cib.add(cib.section(tree, "resources"), "primitive", **{"id": "off", "class": "stonith", "type": "fence_dummy"})
    ran = [name for name, places in scheduler.ask(tree).before.items() if places == ("snow01",)]
    probes.fail(tree, ["snow01"], fenced=True, quorum=True)
    done = {(action.task, action.node) for action in scheduler.ask(tree).actions if action.resource in ran}
    assert ran
    # Not live, as from a server that still is there.
    assert done == {("move", "snow02")}


def pulled() -> cib.Tree:
    """A real cluster's CIB in which Pacemaker would migrate nis01."""
    found = '<rsc_location id="pull" rsc="nis01" node="snow01" score="INFINITY"/>'
    tree = guide_cluster()
    cib.section(tree, "constraints").append(with_parts(constraints=found).find(".//rsc_location"))
    return tree


def history(tree: cib.Tree, server: str) -> cib.Tree:
    (found,) = tree.xpath(f"//node_state[@uname='{server}']//lrm_resource[@id='nis01']")
    assert isinstance(found, etree._Element)
    return found


def failed(tree: cib.Tree, server: str) -> Answer:
    then = cib.clone(tree)
    probes.fail(then, [server], fenced=False, quorum=True)
    return scheduler.ask(then)


def test_a_migration_reads_as_if_crm_simulate_had_carried_it_out() -> None:
    tree = pulled()
    answer = scheduler.ask(tree)
    assert [(action.task, action.resource, action.node) for action in answer.actions] == [
        ("migrate", "nis01", "snow01")
    ]
    arrived, played = probes.migrated(tree, answer), scheduler.carry_out(tree)[1]
    assert arrived is not None
    assert (scheduler.ask(arrived).before, scheduler.ask(arrived).actions) == (answer.after, ())
    for server in ("snow01", "snow02"):
        found, expected = (failed(tree, server) for tree in (arrived, played))
        assert (found.before, found.actions, found.after) == (expected.before, expected.actions, expected.after)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: history(tree, "snow02")[0].set("rc-code", "1"),
        lambda tree: history(tree, "snow02")[0].set("operation", "migrate_to"),
        lambda tree: history(tree, "snow02").clear(),
        lambda tree: probes.fail(tree, ["snow01"], fenced=False, quorum=True),
        lambda tree: cib.drop(tree.find(".//node_state[@uname='snow01']")),
    ],
)
def test_a_migration_from_any_other_history_is_not_written(change: Callable[[cib.Tree], None]) -> None:
    tree = pulled()
    answer = scheduler.ask(tree)
    change(tree)
    assert probes.migrated(tree, answer) is None


def test_what_is_more_than_a_migration_is_not_written() -> None:
    tree = pulled()
    answer = scheduler.ask(tree)
    started = answer._replace(actions=(*answer.actions, Action("start", "maui01", "snow02")))
    assert probes.migrated(tree, started) is None


STATES = """<node_state id="1" uname="snow01" crmd="online" in_ccm="true" join="member" expected="member"><lrm/>
<transient_attributes id="1"/></node_state>"""


def lost(*, fenced: bool, quorum: bool = True) -> cib.Tree:
    tree = cib.empty()
    for number in ("1", "2", "3"):
        cib.add(cib.section(tree, "nodes"), "node", id=number, uname=f"snow0{number}")
    tree.find("status").append(etree.fromstring(STATES))
    probes.fail(tree, ["snow01", "snow02"], fenced=fenced, quorum=quorum)
    return tree


@pytest.mark.parametrize(("fenced", "kept"), [(True, ["lrm", "transient_attributes"]), (False, [])])
def test_a_server_that_is_still_to_be_fenced_keeps_its_history(fenced: bool, kept: list[str]) -> None:
    """As crm_simulate has it: --node-fail and --node-down."""
    word = "member" if fenced else "down"
    gone = {"in_ccm": "false", "crmd": "offline", "join": word, "expected": word}
    first, second = lost(fenced=fenced).find("status")
    assert [child.tag for child in first] == kept
    assert dict(first.attrib) == {"id": "1", "uname": "snow01"} | gone
    assert dict(second.attrib) == {"id": "2", "uname": "snow02"} | gone


@pytest.mark.parametrize(("quorum", "written"), [(True, "1"), (False, "0")])
def test_what_quorum_the_others_have_is_written(quorum: bool, written: str) -> None:
    assert lost(fenced=True, quorum=quorum).get("have-quorum") == written


def test_a_probe_is_imagined_where_nothing_is_known_alone() -> None:
    tree = registered()
    tree.set("crm_feature_set", "3.16.1")
    probes.assume(tree, {"web01": "snow01", "nobody": "snow01", "nis01": None})
    found = {
        state.get("uname"): state.xpath("lrm/lrm_resources/lrm_resource[@id='web01']")
        for state in tree.iterfind("status/node_state")
    }
    assert tree.xpath("status//lrm_resource[@id='nobody']") == []
    assert len(tree.xpath("status//lrm_resource[@id='nis01']")) == 2
    for server, code in (("snow01", "0"), ("snow02", "7")):
        (history,) = found[server]
        (probe,) = history
        assert dict(history.attrib) == {"id": "web01", "class": "ocf", "provider": "snow", "type": "Xen"}
        told = {name: probe.get(name) for name in ("operation", "rc-code", "op-status", "interval", "on_node")}
        assert told == {
            "operation": "monitor", "rc-code": code, "op-status": "0", "interval": "0", "on_node": server,
        }  # fmt: skip
        assert (probe.get("id"), probe.get("operation_key")) == ("web01_last_0", "web01_monitor_0")
        assert probe.get("crm_feature_set") == "3.16.1"
        # Pacemaker reads the result out of this one, too: STATUS:RC;KEY.
        assert probe.get("transition-magic") == f"0:{code};{probe.get('transition-key')}"


def test_a_server_without_a_history_gets_one() -> None:
    tree = registered()
    state = tree.find("status/node_state[@uname='snow01']")
    state.remove(state.find("lrm"))
    probes.assume(tree, {"web01": "snow01"})
    assert state.find("lrm").get("id") == state.get("id")
    assert state.xpath("lrm/lrm_resources/lrm_resource/@id") == ["web01"]
