from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import corosync as configuration
from snow_ha_plugin.core import qdevice as times
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.core.corosync import MARK
from snow_ha_plugin.errors import UnavailableError, UnsafeError
from snow_ha_plugin.guide import corosync
from snow_ha_plugin.model import Server, Severity
from snow_ha_plugin.operations import stopping
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system.command import Result
from tests.captures import capture
from tests.unit.conftest import NAMES, Machines

DEBIAN = capture("corosync-3.1.7-debian-default.conf").decode()
BY_HAND = """
totem {
    version: 2
    transport: udpu
}
nodelist {
    node {
        ring0_addr: 10.1.0.1
    }
    node {
        ring0_addr: snow02
    }
}
"""


@pytest.fixture(autouse=True)
def programs(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    # It would put this machine's own cluster away.
    monkeypatch.setattr(corosync, "_PUT_DEFAULT_AWAY", "exec systemctl put-away")
    machines.stand_in("corosync", "")
    machines.stand_in("corosync-cfgtool", "")
    machines.stand_in("systemctl", '[ "$2" != is-active ]')
    for name in NAMES:
        machines.file(name, corosync.PATH)
        machines.file(name, "/var/lib/pacemaker/cib/cib.xml").write_text("a cluster of one")


def render(members: Sequence[Server]) -> str:
    return configuration.render(members, configuration.node_ids([], [member.name for member in members]))


def running(machines: Machines, members: Sequence[Server], joined: Sequence[str]) -> None:
    """A corosync on all servers that goes by the configuration of `members`, of whom `joined` are there."""
    lines = []
    for number, node in enumerate(configuration.members(render(members))):
        lines += [f"nodelist.node.{number}.{key} (str) = {value}" for key, value in node.items()]
        status = "joined" if node["name"] in joined else "left"
        lines.append(f"runtime.members.{node['nodeid']}.status (str) = {status}")
    machines.stand_in("systemctl", "exit 0")
    machines.stand_in("corosync-cmapctl", "cat <<'EOF'\n" + "\n".join(lines) + "\nEOF")


def put(machines: Machines, *texts: str | None) -> None:
    for name, text in zip(NAMES, texts, strict=True):
        if text is not None:
            machines.file(name, corosync.PATH).write_text(text)


def present(machines: Machines) -> list[str]:
    return [machines.file(name, corosync.PATH).read_text() for name in NAMES]


def ids(site: Site) -> list[str]:
    return [finding.id for finding in (*corosync.check(site), *corosync.check_foreign(site))]


@pytest.mark.parametrize("texts", [(None, None), (DEBIAN, DEBIAN), (DEBIAN, None), (f"{MARK}\ntotem {{\n}}\n", None)])
def test_servers_without_a_configuration_of_their_own_get_ours(
    site: Site, machines: Machines, texts: tuple[str | None, ...]
) -> None:
    put(machines, *texts)
    assert ids(site) == ["corosync-conf", "corosync-conf"]
    corosync.apply(site)
    assert present(machines) == [render(site.members)] * 2
    assert ids(site) == []
    put_away = [name for name, text in zip(NAMES, texts, strict=True) if text == DEBIAN]
    assert sorted(line for line in machines.log() if "put-away" in line) == [
        f"{name} systemctl put-away" for name in put_away
    ]


def test_the_old_configuration_is_kept(site: Site, machines: Machines) -> None:
    old = f"{MARK}\ntotem {{\n}}\n"
    put(machines, old, render(site.members))
    corosync.apply(site)
    kept = machines.file("snow01", corosync.PATH + ".before-snow-ha")
    assert kept.read_text() == old
    assert not machines.file("snow02", corosync.PATH + ".before-snow-ha").exists()


def test_a_configuration_that_corosync_does_not_take_is_not_put_in_place(site: Site, machines: Machines) -> None:
    machines.stand_in("corosync", "echo 'parse error' >&2; exit 8")
    old = f"{MARK}\ntotem {{\n}}\n"
    put(machines, old, old)
    with pytest.raises(UnavailableError, match="parse error"):
        corosync.apply(site)
    assert present(machines) == [old, old]


def test_a_running_corosync_is_told_once_of_its_new_configuration(site: Site, machines: Machines) -> None:
    put(machines, render(site.members[:1]), render(site.members[:1]))
    running(machines, site.members[:1], joined=NAMES)
    corosync.apply(site)
    assert [line for line in machines.log() if "cfgtool" in line] == ["snow01 corosync-cfgtool -R"]


def test_a_running_corosync_that_has_not_read_its_configuration_is_told(site: Site, machines: Machines) -> None:
    put(machines, *[render(site.members)] * 2)
    running(machines, site.members[:1], joined=NAMES)
    assert ids(site) == ["corosync-conf", "corosync-conf"]
    corosync.apply(site)
    assert "snow01 corosync-cfgtool -R" in machines.log()
    running(machines, site.members, joined=NAMES)
    assert ids(site) == []


def test_servers_keep_their_ids_when_their_order_changes(site: Site, machines: Machines) -> None:
    text = render(site.members[::-1])
    put(machines, text, None)
    corosync.apply(site)
    nodes = configuration.members(present(machines)[1])
    assert {node["name"]: node["nodeid"] for node in nodes} == {"snow02": "1", "snow01": "2"}


STRANGER = Server("snow03", ("10.1.0.3",))


@pytest.mark.parametrize(
    ("members", "joined", "expected"),
    [
        (slice(0, 2), NAMES, []),
        (slice(0, 2), NAMES[:1], []),
        (slice(0, 1), NAMES[:1], ["corosync-members"]),
        (slice(0, 3), NAMES, []),
        (slice(0, 3), (*NAMES, "snow03"), ["corosync-members"]),
    ],
    ids=["as-before", "one-down", "no-quorum", "left-out-stopped", "left-out-running"],
)
def test_members_come_and_go_only_while_the_others_keep_quorum(
    site: Site, machines: Machines, members: slice, joined: Sequence[str], expected: list[str]
) -> None:
    ring = [*site.members, STRANGER][members]
    put(machines, *[render(ring)] * 2)
    running(machines, ring, joined)
    assert [finding.id for finding in corosync.check_members(site)] == expected


def test_a_running_cluster_takes_no_new_address_of_a_member(site: Site, machines: Machines) -> None:
    # corosync-cfgtool -R: "Could not reload configuration. Error CS_ERR_INVALID_PARAM" (3.1.7)
    first, second = site.members
    put(machines, *[render(site.members)] * 2)
    running(machines, [first, second._replace(addresses=("10.1.0.99",))], NAMES)
    (found,) = corosync.check_members(site)
    assert found.id == "corosync-members"
    assert found.message.startswith("snow02 has another address")


def test_one_link_of_two_may_change(site: Site, machines: Machines) -> None:
    two = [
        member._replace(addresses=(*member.addresses[:1], f"10.2.0.{at}")) for at, member in enumerate(site.members, 1)
    ]
    put(machines, *[render(two)] * 2)
    running(machines, [two[0], two[1]._replace(addresses=(two[1].addresses[0], "10.2.0.99"))], NAMES)
    assert corosync.check_members(replace(site, members=tuple(two))) == []


def test_a_cluster_that_does_not_run_may_get_any_members(site: Site, machines: Machines) -> None:
    put(machines, *[render([*site.members, STRANGER])] * 2)
    assert corosync.check_members(site) == []


def test_a_configuration_by_hand_stays_and_is_told(site: Site, machines: Machines) -> None:
    put(machines, BY_HAND, BY_HAND)
    assert ids(site) == ["corosync-by-hand", "corosync-open"]
    corosync.apply(site)
    assert present(machines) == [BY_HAND] * 2
    assert not [line for line in machines.log() if "systemctl stop" in line]


@pytest.mark.parametrize(
    "texts",
    [
        (BY_HAND, None),
        (BY_HAND, DEBIAN),
        (BY_HAND, BY_HAND + "# another"),
        (BY_HAND.replace("snow02", "snow09"),) * 2,
        ("totem {\n}\n",) * 2,
    ],
    ids=["one", "debian", "differ", "strangers", "nobody"],
)
def test_a_configuration_by_hand_that_does_not_fit_is_an_error(
    site: Site, machines: Machines, texts: tuple[str | None, ...]
) -> None:
    put(machines, *texts)
    errors = [finding.id for finding in corosync.check_foreign(site) if finding.severity == Severity.ERROR]
    assert errors == ["corosync-foreign"]


class TestDevices:
    """The quorum device of a third vote, which another one takes the place of only in a restart."""

    @pytest.fixture
    def stops(self, mocker: MockerFixture) -> list[object]:
        stops: list[object] = []
        mocker.patch.object(stopping, "running", return_value=["snow01"])
        mocker.patch.object(stopping, "in_order", lambda _site, names: [[name] for name in reversed(names)])
        mocker.patch.object(stopping, "let_go", side_effect=lambda _site: stops.append("let go"))
        mocker.patch.object(stopping, "stop", side_effect=lambda _site, group: stops.append(group))
        return stops

    def with_vote(self, site: Site) -> Site:
        return replace(site, qdevice="qnetd01")

    def test_pacemaker_lets_go_before_corosync_stops_for_another_one(
        self, site: Site, machines: Machines, stops: list[object]
    ) -> None:
        put(machines, *[render(site.members)] * 2)
        running(machines, site.members, NAMES)
        corosync.apply(self.with_vote(site))
        assert stops == ["let go", ["snow02"], ["snow01"]]
        assert not any("cfgtool" in line for line in machines.log())

    def test_without_pacemaker_there_is_nobody_to_let_go(
        self, site: Site, machines: Machines, stops: list[object], mocker: MockerFixture
    ) -> None:
        mocker.patch.object(stopping, "running", return_value=[])
        put(machines, *[render(site.members)] * 2)
        running(machines, site.members, NAMES)
        corosync.apply(self.with_vote(site))
        assert stops == [["snow02"], ["snow01"]]

    @pytest.mark.parametrize("text", [DEBIAN, BY_HAND])
    def test_a_cluster_that_is_not_ours_is_not_stopped_for_one(
        self, site: Site, machines: Machines, stops: list[object], text: str
    ) -> None:
        put(machines, text, text)
        running(machines, site.members, NAMES)
        corosync.apply(self.with_vote(site))
        assert stops == []
        assert {name: asked for name, (_, asked) in corosync.devices(site).items()} == dict.fromkeys(NAMES)

    def test_it_is_that_of_our_configuration_and_that_of_the_corosync_that_runs(
        self, site: Site, machines: Machines
    ) -> None:
        device = corosync.wanted_device(self.with_vote(site))
        assert device == times.device("qnetd01", Timing(15, 2, third_vote=True))
        text = configuration.render(site.members, {"snow01": 1, "snow02": 2}, device)
        put(machines, text, text.partition("\n")[2])
        assert corosync.devices(site) == {"snow01": (device, None), "snow02": (None, None)}
        machines.look_anew()
        running(machines, site.members, NAMES)
        machines.stand_in(
            "corosync-cmapctl",
            f"""cat <<'EOF'
nodelist.node.0.name (str) = snow01
quorum.device.net.host (str) = qnetd01
quorum.device.timeout (u32) = {device.timeout_ms}
quorum.device.sync_timeout (u32) = {device.sync_timeout_ms}
EOF""",
        )
        assert corosync.devices(site)["snow01"] == (device, device)

    def test_it_is_forgotten_only_where_it_is(self, site: Site, machines: Machines) -> None:
        device = times.device("qnetd01", Timing(15))
        with_it = configuration.render(site.members, {"snow01": 2, "snow02": 1}, device)
        put(machines, with_it, render(site.members))
        corosync.forget_device(site)
        assert configuration.device(present(machines)[0]) is None
        assert [node["nodeid"] for node in configuration.members(present(machines)[0])] == ["2", "1"]
        assert not machines.file("snow02", corosync.PATH + ".before-snow-ha").exists()


def test_debians_cluster_of_one_has_two_minutes_to_stop(site: Site, machines: Machines, mocker: MockerFixture) -> None:
    put(machines, DEBIAN, DEBIAN)
    within: dict[str, float] = {}
    real = machines._reach

    def reach(server: str, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 60) -> Result:
        within[argv[2]] = timeout_s
        return real(server, argv, stdin, timeout_s)

    mocker.patch.object(machines, "_reach", reach)
    corosync.apply(site)
    assert within[corosync._PUT_DEFAULT_AWAY] == 120


def test_what_is_wrong_is_told_of_its_server_and_mended_by_enable(site: Site, machines: Machines) -> None:
    put(machines, f"{MARK}\ntotem {{\n}}\n", None)
    found = corosync.check(site)
    assert [each.message for each in found] == [
        "/etc/corosync/corosync.conf on snow01 is not that of snow01, snow02",
        "snow02 has no cluster configuration of its own",
    ]
    assert {(each.severity, each.remedy) for each in found} == {(Severity.ERROR, "snow ha enable")}


def test_a_server_that_is_left_out_while_it_runs_ends_enable_as_what_is_unsafe(site: Site, machines: Machines) -> None:
    ring = [*site.members, STRANGER]
    put(machines, *[render(ring)] * 2)
    running(machines, ring, (*NAMES, "snow03"))
    (found,) = corosync.check_members(site)
    assert (found.severity, found.exit_code) == (Severity.ERROR, UnsafeError.exit_code)
    assert found.message.startswith("snow03 is in the cluster")
    assert "snow ha drain snow03, then on snow03" in found.remedy


@pytest.mark.parametrize("text", [DEBIAN, BY_HAND])
def test_members_of_a_cluster_that_is_not_ours_are_not_judged(site: Site, machines: Machines, text: str) -> None:
    put(machines, text, text)
    running(machines, [*site.members, STRANGER], (*NAMES, "snow03"))
    assert corosync.check_members(site) == []
