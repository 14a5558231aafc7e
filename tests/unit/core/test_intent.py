"""What administrators want of domains, as it stands in the CIB, and how it ends."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.errors import NoSuchObjectError
from snow_ha_plugin.model import Change
from tests.captures import guide_cluster, schema_errors
from tests.unit.core.test_cib import canonical, with_parts

BY_HAND = """<primitive id="web01" class="ocf" provider="heartbeat" type="Xen"><meta_attributes id="m">
<nvpair id="m-1" name="{}" value="{}"/></meta_attributes></primitive>"""


def about(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.action, change.target) for change in changes]


def by_hand(name: str, value: str) -> cib.Tree:
    return with_parts(resources=BY_HAND.format(name, value))


class TestRole:
    def test_what_runs_by_default_is_stopped_and_let_run_again(self) -> None:
        tree = guide_cluster()
        assert intent.want(tree, ["nis01"], "Started") == []
        (change,) = intent.want(tree, ["nis01"], "Stopped")
        assert (change.action, change.target, change.message) == ("role", "nis01", "keep nis01 stopped")
        assert cib.domains(tree)["nis01"].meta["target-role"] == "Stopped"
        assert intent.want(tree, ["nis01"], "Stopped") == []
        assert [change.message for change in intent.want(tree, ["nis01", "nis02"], "Started")] == ["let nis01 run"]
        assert cib.domains(tree)["nis01"].meta["target-role"] == "Started"

    def test_a_role_in_other_letters_is_the_same_and_a_value_changes_where_it_stands(self) -> None:
        tree = by_hand("target-role", "stopped")
        assert intent.want(tree, ["web01"], "Stopped") == []
        intent.want(tree, ["web01"], "Started")
        (pair,) = tree.xpath("//primitive[@id='web01']//nvpair[@name='target-role']")
        assert (pair.get("id"), pair.get("value")) == ("m-1", "Started")

    def test_a_new_value_is_in_a_set_of_ours(self) -> None:
        tree = by_hand("priority", "5")
        intent.want(tree, ["web01"], "Stopped")
        (pair,) = tree.xpath("//primitive[@id='web01']//nvpair[@name='target-role']")
        assert pair.getparent().get("id") == "snow-ha--meta--web01"


class TestHold:
    def test_hands_are_off_until_the_release(self) -> None:
        tree = guide_cluster()
        assert about(intent.hold(tree, ["nis01", "nis02"])) == [("hold", "nis01"), ("hold", "nis02")]
        assert intent.is_held(tree, "nis01")
        assert cib.domains(tree)["nis01"].meta["is-managed"] == "false"
        assert intent.hold(tree, ["nis01"]) == []
        assert about(intent.release(tree, ["nis01"])) == [("release", "nis01")]
        assert not intent.is_held(tree, "nis01")
        assert "is-managed" not in cib.domains(tree)["nis01"].meta
        assert intent.is_held(tree, "nis02")

    @pytest.mark.parametrize("whose", ["a default", "its template", "its group"])
    def test_held_by_something_else_is_not_held_itself_and_no_release_ends_it(self, whose: str) -> None:
        tree = by_hand("priority", "5")
        element = cib.resource(tree, "web01")
        resources = cib.section(tree, "resources")
        if whose == "its group":
            holder = cib.add(resources, "group", id="g")
            holder.append(element)
        elif whose == "its template":
            holder = cib.add(resources, "template", id="t", **{"class": "ocf", "provider": "snow", "type": "Xen"})
            element.set("template", "t")
        else:
            holder = cib.section(tree, "rsc_defaults")
        cib.put_pairs(holder, "meta_attributes", "x", {"is-managed": "false"})
        assert (intent.is_held(tree, "web01"), intent.is_held_itself(tree, "web01")) == (True, False)
        assert intent.release(tree, ["web01"]) == []
        assert about(intent.hold(tree, ["web01"])) == [("hold", "web01")]
        assert intent.is_held_itself(tree, "web01")
        assert about(intent.release(tree, ["web01"])) == [("release", "web01")]
        assert not intent.is_held_itself(tree, "web01")

    def test_what_was_never_held_needs_no_release(self) -> None:
        tree = by_hand("is-managed", "true")
        before = canonical(tree)
        assert intent.release(tree, ["web01", "nis01"]) == []
        assert canonical(tree) == before

    @pytest.mark.parametrize("verb", [intent.hold, intent.release, intent.pause])
    @pytest.mark.parametrize("name", ["gone", "snow-ha-floating-ip"])
    def test_only_a_domain_can_be_held(self, verb: object, name: str) -> None:
        with pytest.raises(NoSuchObjectError, match=f"{name} is not registered"):
            verb(guide_cluster(), [name])  # type: ignore[operator]

    def test_the_domain_that_may_have_been_meant_is_told(self) -> None:
        tree = guide_cluster()
        assert intent.not_registered(tree, "nis1").remedy == "did you mean nis01"
        assert intent.not_registered(tree, "quite-another").remedy == "register it: snow ha add quite-another"


class TestPause:
    def test_all_pauses_end_at_once_and_leave_nothing_behind(self) -> None:
        tree = guide_cluster()
        before = canonical(tree)
        assert about(intent.pause(tree, ["nis01", "nis02"])) == [("pause", "nis01"), ("pause", "nis02")]
        assert intent.pause(tree, ["nis01"]) == []
        assert cib.domains(tree)["nis01"].meta["maintenance"] == "true"
        assert schema_errors(tree) == ""
        assert len(tree.xpath(intent.pauses(["nis01", "nis02"]))) == 2
        assert sorted(about(intent.resume(tree, ["nis01", "nis02"]))) == [("resume", "nis01"), ("resume", "nis02")]
        assert canonical(tree) == before
        assert intent.resume(tree, ["web01", "nis01", "nis02"]) == []

    def test_the_pause_of_another_verb_goes_on(self) -> None:
        tree = guide_cluster()
        intent.pause(tree, ["nis01", "nis02"])
        assert about(intent.resume(tree, ["nis01"])) == [("resume", "nis01")]
        assert "maintenance" not in cib.domains(tree)["nis01"].meta
        assert cib.domains(tree)["nis02"].meta["maintenance"] == "true"
        assert intent.resume(tree, []) == []

    def test_an_administrators_maintenance_is_no_pause(self) -> None:
        tree = by_hand("maintenance", "true")
        assert intent.resume(tree, ["web01", "nis01", "nis02"]) == []
        assert cib.domains(tree)["web01"].meta["maintenance"] == "true"


class TestLeftOut:
    def test_who_was_taken_out_on_purpose_is_remembered_by_name(self) -> None:
        tree = guide_cluster()
        before = canonical(tree)
        intent.leave_out(tree, ["web02", "web01", "web03"])
        assert intent.left_out(tree) == ("web01", "web02", "web03")
        assert schema_errors(tree) == ""
        assert sorted(about(intent.take_in(tree, ["web03", "web01", "nis01"]))) == [
            ("take-in", "web01"), ("take-in", "web03"),
        ]  # fmt: skip
        assert intent.left_out(tree) == ("web02",)
        assert len(intent.take_in(tree, ["web02"])) == 1
        assert canonical(tree) == before

    def test_the_option_that_keeps_it_names_the_domain(self) -> None:
        tree = guide_cluster()
        intent.leave_out(tree, ["web01"])
        (pair,) = cib.notes(tree, intent.LEFT_OUT)
        assert (pair.get("name"), pair.get("value")) == ("snow-ha-not-protected-web01", "true")
        assert intent.named("snow-ha-not-protected-web01") == "web01"
        assert intent.NOT_PROTECTED == "not protected"
