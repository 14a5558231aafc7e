"""Changes by crm, pcs and cibadmin, told from the configurations that Pacemaker has written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.core.reports import outside
from snow_ha_plugin.core.reports.events import Event
from snow_ha_plugin.core.reports.events import Kind as What
from snow_ha_plugin.core.reports.outside import Written
from tests.captures import guide_cluster

AT = 1_000_000.0
Edit = Callable[[cib.Tree], object]


def option(name: str, value: str) -> Edit:
    return lambda tree: cib.put_option(tree, "cib-bootstrap-options", name, value)


def history(*edits: Edit, user: str = "root", client: str = "crm_attribute", steps: int = 1) -> list[Written]:
    """The guide's cluster as 0.10, and what each edit makes of it, ten seconds after the one before."""
    tree = guide_cluster()
    tree.set("admin_epoch", "0")
    tree.set("epoch", "10")
    found = [Written(AT, tree)]
    for edit in edits:
        tree = cib.clone(tree)
        edit(tree)
        tree.set("epoch", str(int(tree.get("epoch", "0")) + steps))
        for name, value in (("user", user), ("client", client), ("origin", "snow02")):
            tree.set(f"update-{name}", value)
        found.append(Written(found[-1].at + 10, tree))
    return found


def told(written: list[Written], *recorded: Event) -> list[tuple[str, str]]:
    return [(event.by, event.text) for event in outside.changes(written, recorded)]


def ours(version: str, at: float = AT + 10) -> Event:
    return Event(at, What.CHANGE, "web01", "snow01", "register web01", "root: snow-ha add web01", version=version)


def test_a_change_by_another_tool_is_told_with_who_when_and_what() -> None:
    (event,) = outside.changes(history(option("migration-limit", "5")), [])
    assert (event.at, event.kind, event.server, event.version) == (AT + 10, What.CHANGE, "snow02", "0.10")
    assert (event.by, event.text) == ("root: crm_attribute", "set migration-limit to 5 (before 2)")


def test_what_somebody_made_anew_is_not_put_back() -> None:
    def make(tree: cib.Tree) -> None:
        dummy = {"class": "ocf", "provider": "pacemaker", "type": "Dummy"}
        cib.add(cib.section(tree, "resources"), "primitive", id="dummy", **dummy)

    (event,) = outside.changes(history(make), [])
    assert (event.subject, event.text) == ("dummy", "add the resource dummy")


def test_a_resource_that_somebody_stopped_is_the_subject() -> None:
    (event,) = outside.changes(history(lambda tree: intent.want(tree, ["nis01"], "Stopped")), [])
    assert (event.subject, event.text) == ("nis01", "keep nis01 stopped")


@pytest.mark.parametrize(
    ("version", "at", "is_ours"),
    [
        ("0.10", AT + 11, True), ("0.9", AT + 11, False), ("0.11", AT + 11, False), ("", AT + 11, False),
        ("0.10", AT + 90, False), ("rubbish", AT, False),
    ],
)  # fmt: skip
def test_a_change_that_a_verb_has_recorded_is_not_told_again(version: str, at: float, is_ours: bool) -> None:
    assert (told(history(option("migration-limit", "5")), ours(version, at)) == []) == is_ours


def test_of_several_that_pacemaker_wrote_at_once_a_verb_may_have_made_each() -> None:
    assert told(history(option("migration-limit", "5"), steps=3), ours("0.12")) == []
    assert told(history(option("migration-limit", "5"), steps=3), ours("0.13")) != []


@pytest.mark.parametrize(
    ("user", "client", "is_told"),
    [
        ("hacluster", "crmd", False),
        ("hacluster", "cibadmin", True),
        ("hacluster", "crm_resource", True),
        ("", "", True),
    ],
)
def test_what_pacemaker_changes_itself_is_not_told(user: str, client: str, is_told: bool) -> None:
    assert bool(told(history(option("migration-limit", "5"), user=user, client=client))) == is_told


def test_what_a_verb_needs_while_it_is_at_work_is_not_told() -> None:
    def pull(tree: cib.Tree) -> None:
        rule = cib.add(cib.section(tree, "constraints"), "rsc_location", id=ids.of(Kind.MOVE, "nis01"), rsc="nis01")
        rule.set("node", "snow02")
        rule.set("score", "INFINITY")

    names = ["nis01"]
    assert told(history(pull, lambda tree: intent.pause(tree, names), lambda tree: intent.resume(tree, names))) == []


def test_a_new_cluster_begins_anew() -> None:
    first, second = history(option("migration-limit", "5"))
    assert told([Written(second.at, first.tree), Written(first.at, second.tree)]) == []


def two() -> list[Written]:
    return history(option("migration-limit", "5"), option("batch-limit", "7"))


SECOND = ("root: crm_attribute", "set batch-limit to 7")


def test_what_is_not_told_does_not_hide_what_comes_behind_it() -> None:
    assert told(two(), ours("0.10")) == [SECOND]
    of_a_daemon = two()
    of_a_daemon[1].tree.set("update-user", "hacluster")
    of_a_daemon[1].tree.set("update-client", "crmd")
    assert told(of_a_daemon) == [SECOND]


def test_a_configuration_of_the_same_number_is_no_change() -> None:
    assert told(history(option("migration-limit", "5"), steps=0)) == []


def test_what_was_written_in_the_same_moment_is_compared_in_the_order_of_the_files() -> None:
    first, second = history(option("migration-limit", "5"))
    assert len(told([first, Written(first.at, second.tree)])) == 1


def test_an_epoch_of_the_administrator_counts_more() -> None:
    first, second = history(option("migration-limit", "5"))
    second.tree.attrib.update({"admin_epoch": "1", "epoch": "3"})
    assert len(told([first, second])) == 1
    first.tree.set("admin_epoch", "2")
    assert told([first, second]) == []


def test_what_a_configuration_does_not_say_is_the_first_number_and_no_server() -> None:
    first, second = history(option("migration-limit", "5"))
    for name in ("admin_epoch", "epoch"):
        del first.tree.attrib[name]
    for name in ("admin_epoch", "update-origin"):
        del second.tree.attrib[name]
    (event,) = outside.changes([first, Written(AT + 1.23456, second.tree)], [])
    assert (event.server, event.version, event.at) == ("", "0.0", AT + 1.235)


@pytest.mark.parametrize(("late_s", "is_ours"), [(60, True), (60.5, False), (-60, True), (-60.5, False)])
def test_a_record_may_be_a_minute_off(late_s: float, is_ours: bool) -> None:
    found = told(history(option("migration-limit", "5")), ours("0.10", AT + 10 + late_s))
    assert (found == []) is is_ours


def test_a_domain_is_known_by_its_template_also_where_that_has_not_changed() -> None:
    written = history(
        lambda tree: cib.add(
            cib.section(tree, "resources"), "template", **{"id": "t", "class": "ocf", "provider": "snow", "type": "Xen"}
        ),
        lambda tree: cib.add(cib.section(tree, "resources"), "primitive", id="web09", template="t"),
    )
    assert [text for _, text in told(written)] == ["add the template t", "register web09"]


def test_what_a_verb_of_a_former_version_needs_is_not_told_either() -> None:
    rule = {"id": "snow-ha-moving-nis01", "rsc": "nis01", "node": "snow02", "score": "INFINITY"}
    assert told(history(lambda tree: cib.add(cib.section(tree, "constraints"), "rsc_location", **rule))) == []
