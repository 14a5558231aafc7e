"""The host's verbs, done to domains that Pacemaker looks after: what it is told, what runs where, and what is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from snow_ha_plugin.errors import ConfigurationError, NoQuorumError, UnavailableError
from snow_ha_plugin.model import ClusterState, FailedAction, Handled, NodeState, ResourceState
from snow_ha_plugin.operations import domain_actions, host_events
from snow_ha_plugin.system import command, pacemaker, waiting
from snow_ha_plugin.system.command import Result
from tests.captures import guide_cluster
from tests.unit.operations.test_transaction import Memory

FILE = "/sNow/snow-tools/etc/domains/{}.cfg"


class Cluster:
    """Two servers, nis01 on the other one; Pacemaker does what it is told a look later, unless a domain is deaf."""

    def __init__(self, mocker: MockerFixture) -> None:
        self.memory = Memory(guide_cluster())
        self.places: dict[str, str | None] = {"nis01": "snow02", "maui01": "snow01", "nis02": None}
        self.deaf: set[str] = set()
        self.blocked: set[str] = set()
        self.ran: list[list[str]] = []
        self.said: list[str] = []
        self.paused_while: list[bool] = []
        self.exit_codes: dict[str, int] = {}
        self.failures: list[FailedAction] = []
        mocker.patch.object(domain_actions, "LiveCluster", return_value=self.memory)
        mocker.patch.object(waiting, "POLL_S", 0)
        mocker.patch.object(domain_actions, "MARGIN_S", -119)
        mocker.patch("socket.gethostname", return_value="snow01")
        mocker.patch.object(pacemaker, "state", side_effect=self._state)
        mocker.patch.object(command, "run", side_effect=self._run)
        mocker.patch.object(command, "on_terminal", side_effect=self._on_terminal)

    def act(self, action: str, *names: str) -> Mapping[str, Handled]:
        return domain_actions.act(names, action, self.said.append)

    def role(self, name: str) -> str:
        return cib.meta(self.memory.tree, name, "target-role", "Started")

    def fail(self, name: str, operation: str, server: str, reason: str) -> None:
        self.failures.append(FailedAction(name, server, operation, reason, 0))

    def _state(self, tree: cib.Tree | None = None) -> ClusterState:
        if tree is None:
            for name in set(self.places) - self.deaf:
                wanted = self.role(name) != "Stopped"
                self.places[name] = (self.places[name] or "snow01") if wanted else None
        node = NodeState("snow01", online=True, standby=False, maintenance=False, unclean=False)
        resources = tuple(self._resource(name) for name in self.places)
        return ClusterState(True, False, (node,), resources, tuple(self.failures))

    def _resource(self, name: str) -> ResourceState:
        place = self.places[name]
        return ResourceState(
            name, "Started" if place else "Stopped", (place,) if place else (),
            managed=not intent.is_held(self.memory.tree, name), failed=False, blocked=name in self.blocked,
        )  # fmt: skip

    def _run(self, argv: Sequence[str], **_: object) -> Result:
        self.ran.append(list(argv))
        self.paused_while.append(bool(self.memory.tree.xpath(intent.pauses(["nis01", "maui01"]))))
        code = self.exit_codes.get(argv[0], 0)
        return Result(tuple(argv), code, b"", b"it says why" if code else b"")

    def _on_terminal(self, argv: Sequence[str]) -> int:
        self.ran.append(list(argv))
        return 5


@pytest.fixture
def cluster(mocker: MockerFixture) -> Cluster:
    return Cluster(mocker)


@pytest.mark.parametrize("action", ["shutdown", "poweroff"])
def test_a_shutdown_is_pacemakers_and_waited_for(cluster: Cluster, action: str) -> None:
    assert cluster.act(action, "nis01") == {"nis01": Handled(0, "nis01 is shut down (on snow02)")}
    assert cluster.role("nis01") == "Stopped"
    assert cluster.places["nis01"] is None
    assert cluster.said == ["nis01: shutting down, and waiting for the end"]


def test_all_domains_are_told_in_one_commit_and_others_have_no_answer(cluster: Cluster) -> None:
    answers = cluster.act("shutdown", "nis01", "nobody", "maui01", "nis02")
    assert {name: answer.status for name, answer in answers.items()} == {"nis01": 0, "maui01": 0, "nis02": 0}
    assert answers["nis02"].message == "nis02 did not run"
    assert cluster.memory.commits == 1


def test_a_domain_that_does_not_stop_is_an_error_that_names_the_way_out(cluster: Cluster) -> None:
    cluster.deaf.add("nis01")
    cluster.blocked.add("nis01")
    cluster.fail("nis01", "stop", "snow02", "nis01 could not be stopped: it lingers")
    answer = cluster.act("shutdown", "nis01")["nis01"]
    assert answer.status == 124
    assert answer.message == (
        "nis01 does not stop on snow02; on snow02: nis01 could not be stopped: it lingers; at once: snow destroy nis01"
    )


def test_a_stop_that_hangs_ends_at_its_deadline(cluster: Cluster) -> None:
    cluster.deaf.add("nis01")
    assert "past its time" in cluster.act("shutdown", "nis01")["nis01"].message


def test_a_destruction_reaches_the_server_where_the_domain_runs(cluster: Cluster) -> None:
    answers = cluster.act("destroy", "nis01", "maui01")
    assert answers["nis01"] == Handled(0, "nis01 is destroyed (on snow02)")
    assert ["xl", "destroy", "maui01"] in cluster.ran
    assert any(argv[0] == "ssh" and argv[-3:] == ["snow02", "--", "xl destroy nis01"] for argv in cluster.ran)
    assert cluster.role("nis01") == cluster.role("maui01") == "Stopped"


def test_a_boot_clears_old_failures_first_and_says_where_it_runs(cluster: Cluster) -> None:
    cluster.act("shutdown", "maui01")
    cluster.fail("maui01", "start", "snow01", "no image")
    answers = cluster.act("boot", "maui01", "nis01")
    assert answers == {
        "maui01": Handled(0, "maui01 runs on snow01"),
        "nis01": Handled(0, "nis01 runs already on snow02"),
    }
    assert [argv[-1] for argv in cluster.ran if "--cleanup" in argv] == ["maui01"]
    assert cluster.role("maui01") == "Started"


def test_a_boot_that_fails_says_why_for_each_server(cluster: Cluster) -> None:
    cluster.deaf.add("nis02")
    for server in ("snow01", "snow02"):
        cluster.fail("nis02", "start", server, f"no image on {server}")
    answer = cluster.act("boot", "nis02")["nis02"]
    assert answer.status == UnavailableError.exit_code
    assert "on snow01: no image on snow01; on snow02: no image on snow02" in answer.message


def test_a_boot_that_rules_forbid_names_them(cluster: Cluster) -> None:
    cluster.deaf.add("nis02")
    constraints = cib.section(cluster.memory.tree, "constraints")
    cib.add(constraints, "rsc_location", id="cli-ban-nis02", rsc="nis02", node="snow01", score="-INFINITY")
    assert "these rules keep it off servers: cli-ban-nis02" in cluster.act("boot", "nis02")["nis02"].message


def test_a_reset_is_in_place_while_pacemaker_does_not_look(cluster: Cluster) -> None:
    assert cluster.act("reset", "nis01") == {"nis01": Handled(0, "nis01 was reset on snow02")}
    argv, paused = next(pair for pair in zip(cluster.ran, cluster.paused_while, strict=True) if pair[0][0] == "ssh")
    assert "xl destroy" in argv[-1]
    assert argv[-1].endswith(f"nis01 {FILE.format('nis01')}")
    assert paused
    assert not cluster.memory.tree.xpath(intent.pauses(["nis01", "maui01"]))
    assert cluster.role("nis01") == "Started"


def test_a_reset_ends_no_pause_of_another_administrators(cluster: Cluster) -> None:
    intent.pause(cluster.memory.tree, ["maui01"])
    cluster.act("reset", "nis01")
    assert [found.getparent().get("id") for found in cluster.memory.tree.xpath(intent.pauses(["nis01", "maui01"]))] == [
        "maui01"
    ]


def test_a_reset_that_fails_gives_the_domain_back_to_pacemaker(cluster: Cluster) -> None:
    cluster.exit_codes["ssh"] = 3
    answer = cluster.act("reset", "nis01")["nis01"]
    assert answer.status == UnavailableError.exit_code
    assert "it says why" in answer.message
    assert not cluster.memory.tree.xpath(intent.pauses(["nis01", "maui01"]))


def test_a_guest_that_does_not_reboot_is_told_so(cluster: Cluster) -> None:
    cluster.exit_codes["ssh"] = 44
    answer = cluster.act("reboot", "nis01")["nis01"]
    assert answer.status == 124
    assert answer.message.endswith("its guest does not react; snow reset nis01")


@pytest.mark.parametrize("action", ["reset", "reboot", "console"])
def test_what_does_not_run_is_neither_reset_nor_shown(cluster: Cluster, action: str) -> None:
    assert cluster.act(action, "nis02") == {"nis02": Handled(1, "nis02 does not run; start it: snow boot nis02")}
    assert cluster.ran == []


def test_a_console_is_that_of_the_right_server_with_its_status(cluster: Cluster) -> None:
    assert cluster.act("console", "nis01") == {"nis01": Handled(5, "")}
    assert cluster.act("console", "maui01") == {"maui01": Handled(5, "")}
    there, here = cluster.ran
    assert (there[0], there[-4:]) == ("ssh", ["-t", "snow02", "--", "xl console nis01"])
    assert here == ["xl", "console", "maui01"]


@pytest.mark.parametrize("action", ["boot", "shutdown", "destroy", "reset", "reboot", "poweroff"])
def test_without_quorum_it_is_said_before_anything_is_done(cluster: Cluster, action: str) -> None:
    cluster.memory.tree.set("have-quorum", "0")
    with pytest.raises(NoQuorumError, match="nothing is done to nis01"):
        cluster.act(action, "nis01")
    assert (cluster.ran, cluster.memory.commits) == ([], 0)


def test_where_pacemaker_is_down_the_domains_that_it_had_are_refused(cluster: Cluster, mocker: MockerFixture) -> None:
    mocker.patch.object(cluster.memory, "read", side_effect=UnavailableError("Pacemaker does not run"))
    mocker.patch.object(pacemaker, "stored_cib", return_value=guide_cluster())
    with pytest.raises(UnavailableError, match="nothing is done to nis01; it may run anywhere"):
        cluster.act("destroy", "nis01", "nobody")
    assert cluster.act("destroy", "nobody") == {}
    assert cluster.ran == []


@pytest.mark.parametrize("action", ["boot", "shutdown", "destroy", "poweroff"])
def test_what_pacemaker_has_its_hands_off_is_refused(cluster: Cluster, action: str) -> None:
    intent.hold(cluster.memory.tree, ["nis01"])
    with pytest.raises(ConfigurationError, match="snow ha release nis01"):
        cluster.act(action, "nis01")
    assert (cluster.ran, cluster.memory.commits) == ([], 0)


def test_a_domain_that_was_taken_out_is_booted_by_nobody(cluster: Cluster, mocker: MockerFixture) -> None:
    mocker.patch.object(host_events, "LiveCluster", return_value=cluster.memory)
    intent.leave_out(cluster.memory.tree, ["web01"])
    answer = cluster.act("boot", "web01")["web01"]
    assert (answer.status, answer.message.split("; ")[-1]) == (78, "snow ha add web01")
    assert cluster.act("boot", "web01", "nis01")["web01"] == Handled(0, "web01 is not protected, and is not started")
    assert cluster.memory.commits == 0
