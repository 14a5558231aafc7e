"""What `balance` writes: rules as strong as they must be, replicas apart, sizes and priorities."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import location
from snow_ha_plugin.core.configure.location import LocationConstraint
from snow_ha_plugin.model import Change
from tests.captures import guide_cluster, schema_errors
from tests.unit.core.test_cib import canonical, with_parts

STICKINESS = 100
BY_HAND = '<primitive id="web01" class="ocf" provider="heartbeat" type="Xen"/>'


def rule(stickiness: int = STICKINESS, better: int = 0, *, replicas: int = 1, failback: bool = False) -> int:
    return location.rule("nis01", "snow01", stickiness, better, replicas=replicas, beats_stickiness=failback).score


def about(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.action, change.target) for change in changes]


class TestRule:
    def test_is_of_its_domain_and_server(self) -> None:
        found = location.rule("nis01", "snow02", STICKINESS, beats_stickiness=False)
        assert found == LocationConstraint("snow-ha--place--nis01", "nis01", "snow02", 50)
        # One that has no replicas and likes no other server better.
        assert location.rule("nis01", "snow02", 0, beats_stickiness=False).score == 60
        assert location.rule("nis01", "snow02", 100, beats_stickiness=True).score == 150

    @pytest.mark.parametrize(("stickiness", "score"), [(1000, 50), (51, 50), (50, 49), (2, 1)])
    def test_does_not_bring_a_domain_back_from_where_it_sticks(self, stickiness: int, score: int) -> None:
        assert rule(stickiness) == score < stickiness

    @pytest.mark.parametrize("stickiness", [1, 0, -5])
    def test_without_stickiness_outweighs_what_keeps_replicas_apart(self, stickiness: int) -> None:
        assert rule(stickiness) == 60
        assert rule(stickiness, replicas=4) == 90 > -4 * location.APART

    def test_with_failback_brings_a_domain_back_from_a_server_that_it_likes_better(self) -> None:
        assert rule(failback=True) == 150 > STICKINESS
        assert rule(better=200, failback=True) == 350 > STICKINESS + 200

    def test_is_never_more_than_a_preference(self) -> None:
        assert rule(1_000_000, failback=True) == 999_999
        assert rule(999_949, failback=True) == 999_999
        assert rule(999_948, failback=True) == 999_998

    def test_all_replicas_of_a_role_weigh_less_than_one(self) -> None:
        assert 4 * -location.APART < rule() < STICKINESS


class TestPut:
    def test_a_rule_is_written_once_and_changed_where_it_stands(self) -> None:
        tree = guide_cluster()
        first = LocationConstraint("snow-ha--place--nis01", "nis01", "snow01", 50)
        assert about(location.put(tree, [first])) == [("place", "nis01")]
        assert location.put(tree, [first]) == []
        (change,) = location.put(tree, [first._replace(node="snow02")])
        assert "snow02" in change.message
        assert len(location.put(tree, [first._replace(node="snow02", score=60)])) == 1
        (found,) = tree.findall("configuration/constraints/rsc_location[@rsc='nis01']")
        assert dict(found.attrib) == {
            "id": "snow-ha--place--nis01", "rsc": "nis01", "node": "snow02", "score": "60",
        }  # fmt: skip
        assert schema_errors(tree) == ""


class TestApart:
    def pairs(self, tree: cib.Tree) -> list[dict[str, str]]:
        return [dict(found.attrib) for found in tree.findall("configuration/constraints/rsc_colocation")]

    def test_each_pair_of_a_group_is_kept_apart_softly(self) -> None:
        tree = guide_cluster()
        groups = {"nis02": "nis", "nis01": "nis", "ldap01": "ldap", "nis03": "nis"}
        assert about(location.put_apart(tree, groups)) == [("apart", "nis01"), ("apart", "nis01"), ("apart", "nis02")]
        assert self.pairs(tree) == [
            {"id": f"snow-ha--apart--{one}--{other}", "rsc": one, "score": "-10", "with-rsc": other}
            for one, other in (("nis01", "nis02"), ("nis01", "nis03"), ("nis02", "nis03"))
        ]
        assert location.put_apart(tree, groups) == []

    def test_those_that_are_none_any_more_go_and_an_administrators_stay(self) -> None:
        theirs = '<rsc_colocation id="mine" rsc="nis01" with-rsc="nis02" score="-INFINITY"/>'
        tree = with_parts(constraints=theirs)
        location.put_apart(tree, dict.fromkeys(("nis01", "nis02", "nis03"), "nis"))
        gone = location.put_apart(tree, dict.fromkeys(("nis01", "nis02"), "nis"))
        assert about(gone) == [("apart", "nis01"), ("apart", "nis02")]
        assert ["nis03" in change.message for change in gone] == [True, True]
        assert [each["id"] for each in self.pairs(tree)] == ["mine", "snow-ha--apart--nis01--nis02"]


class TestSizes:
    def put(self, tree: cib.Tree, *, vcpus: bool) -> list[tuple[str, str]]:
        return about(location.put_sizes_in_force(tree, vcpus=vcpus))

    def counts(self, tree: cib.Tree) -> list[str]:
        """By server, in the set that Pacemaker takes first."""
        path = "//node/utilization[starts-with(@id,'snow-ha--overcommit')][@score='1']/nvpair[@name='cpu']/@value"
        return list(map(str, tree.xpath(path)))

    def test_a_cpu_counts_for_several_vcpus(self) -> None:
        tree = guide_cluster()
        cpus = [node.cpus for node in cib.nodes(tree)]
        assert self.put(tree, vcpus=True) == [
            ("option", "placement-strategy"), ("capacity", "snow01"), ("capacity", "snow02"),
        ]  # fmt: skip
        assert cib.options(tree)["placement-strategy"] == "balanced"
        assert self.counts(tree) == [str(4 * each) for each in cpus]
        assert self.put(tree, vcpus=True) == []
        assert schema_errors(tree) == ""

    @pytest.mark.parametrize(("each", "held"), [(100, 800), (1, 32)])
    def test_without_vcpus_each_server_may_hold_all_there_are(self, each: int, held: int) -> None:
        tree = guide_cluster()
        for name in cib.domains(tree):
            (pair,) = tree.xpath("//primitive[@id=$name]/utilization/nvpair[@name='cpu']", name=name)
            pair.set("value", str(each))
        self.put(tree, vcpus=False)
        assert self.counts(tree) == [str(max(held, 4 * node.cpus)) for node in cib.nodes(tree)]

    def test_a_domain_of_no_size_needs_none(self) -> None:
        tree = with_parts(resources=BY_HAND)
        (pair,) = tree.xpath("//primitive[@id='nis01']/utilization/nvpair[@name='cpu']")
        pair.set("value", "1000")
        others = sum(int(found.utilization.get("cpu", 0)) for found in cib.domains(tree).values())
        self.put(tree, vcpus=False)
        assert self.counts(tree) == [str(others)] * 2

    def test_where_an_administrator_has_pacemaker_go_by_no_sizes_it_stays_so(self) -> None:
        tree = guide_cluster()
        cib.put_option(tree, "mine", "placement-strategy", "default")
        before = canonical(tree)
        assert self.put(tree, vcpus=True) == []
        assert canonical(tree) == before

    def test_an_administrators_strategy_by_sizes_stays_and_servers_hold_enough(self) -> None:
        tree = guide_cluster()
        cib.put_option(tree, "mine", "placement-strategy", "utilization")
        assert self.put(tree, vcpus=True) == [("capacity", "snow01"), ("capacity", "snow02")]
        assert cib.options(tree)["placement-strategy"] == "utilization"


class TestMeta:
    def test_a_priority_is_written_where_nobody_has_given_one(self) -> None:
        tree = guide_cluster()
        assert about(location.put_meta(tree, {"nis01": 10, "nis02": 0})) == [("option", "nis01")]
        assert cib.domains(tree)["nis01"].meta["priority"] == "10"
        (pair,) = tree.xpath("//primitive[@id='nis01']/meta_attributes/nvpair[@name='priority']")
        assert pair.getparent().get("id") == "snow-ha--meta--nis01"
        assert location.put_meta(tree, {"nis01": 20}) == []
        assert cib.domains(tree)["nis01"].meta["priority"] == "10"

    def test_what_our_agent_runs_migrates_live_and_others_are_left_alone(self) -> None:
        tree = with_parts(resources=BY_HAND + BY_HAND.replace("web01", "web02").replace("heartbeat", "snow"))
        (change,) = location.put_meta(tree, {"web01": 10, "web02": 10})
        assert change.message == "set allow-migrate=true, priority=10 for web02"
        assert cib.domains(tree)["web02"].meta == {"allow-migrate": "true", "priority": "10"}
        assert cib.domains(tree)["web01"].meta == {}
