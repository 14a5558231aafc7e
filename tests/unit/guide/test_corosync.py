from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from snow_ha_plugin.core import corosync as configuration
from snow_ha_plugin.core.corosync import MARK
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.guide import corosync
from snow_ha_plugin.model import Server, Severity
from snow_ha_plugin.operations.site import Site
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
