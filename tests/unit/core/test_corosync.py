from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snow_ha_plugin.core import corosync
from snow_ha_plugin.core.corosync import Device
from snow_ha_plugin.errors import DataError
from snow_ha_plugin.model import Server
from tests.captures import capture

DEBIAN_12 = capture("corosync-3.1.7-debian-default.conf").decode()

# The HA guide's, for corosync 1 and 2, and one of today by hand.
GUIDE = """
totem {
        version: 2
        secauth: on
        threads: 0
        interface {
                ringnumber: 0
                bindnetaddr: 10.1.0.0
                mcastaddr: 226.94.1.1
                mcastport: 5405
                ttl: 1
        }
        clear_node_high_bit: yes
}
nodelist {
        node {
                ring0_addr: snow01
        }
        node {
                ring0_addr: snow02
        }
}
"""
BY_HAND = """
# by hand
totem {
    version: 2
    transport: knet
}
nodelist {
    node {
        nodeid: 1
        name: snow01
        ring0_addr: 10.1.0.1
    }
}
"""

CMAP = capture("corosync-cmapctl-3.1.7-third-server-down.txt").decode()


def render(servers: list[Server]) -> str:
    return corosync.render(servers, corosync.node_ids([], [server.name for server in servers]))


names = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
servers = st.lists(
    st.tuples(names, st.lists(addresses, min_size=1, max_size=2)),
    min_size=2,
    max_size=16,
    unique_by=lambda pair: pair[0],
).map(lambda rows: [Server(name, tuple(found)) for name, found in rows])


def with_totem(*lines: str) -> str:
    return "totem {\n" + "\n".join(lines) + "\n}\n"


@given(servers)
def test_what_is_rendered_reads_back_as_the_same_servers(given_servers: list[Server]) -> None:
    text = render(given_servers)
    nodes = corosync.members(text)
    assert [node["name"] for node in nodes] == [server.name for server in given_servers]
    assert [node["ring0_addr"] for node in nodes] == [server.addresses[0] for server in given_servers]
    assert [node["nodeid"] for node in nodes] == [str(number) for number in range(1, len(nodes) + 1)]
    assert corosync.is_ours(text)
    assert not corosync.is_debian_default(text)
    assert corosync.is_authenticated(text)


@given(servers)
def test_every_server_has_the_same_number_of_links(given_servers: list[Server]) -> None:
    expected = all(len(server.addresses) == 2 for server in given_servers)
    for node in corosync.members(render(given_servers)):
        assert ("ring1_addr" in node) == expected


@given(servers, st.data())
def test_a_server_keeps_its_id_wherever_another_comes_in(given_servers: list[Server], data: st.DataObject) -> None:
    before = data.draw(st.permutations(given_servers))[: data.draw(st.integers(0, len(given_servers)))]
    old = {server.name: number for number, server in enumerate(before, start=1)}
    ids = corosync.node_ids([corosync.render(before, old)] if before else [], [server.name for server in given_servers])
    assert {name: ids[name] for name in old} == old
    assert sorted(set(ids.values())) == sorted(ids.values())
    assert set(ids) == {server.name for server in given_servers}


def test_ids_come_from_the_configuration_that_knows_most_servers_and_only_from_ours() -> None:
    one = render([Server("c", ("10.0.0.3",)), Server("x", ("10.0.0.9",))])
    pair = render([Server("b", ("10.0.0.2",)), Server("a", ("10.0.0.1",))])
    foreign = render([Server("a", ("10.0.0.1",)), Server("b", ("10.0.0.2",)), Server("c", ("10.0.0.3",))])[1:]
    assert corosync.node_ids([one, foreign, pair], ["a", "b", "c"]) == {"b": 1, "a": 2, "c": 3}


def test_the_ring_of_a_running_corosync() -> None:
    ring = corosync.parse_ring(CMAP)
    assert ring is not None
    assert ring.names == {"snow01", "snow02", "snow03"}
    assert ring.joined == {"snow01", "snow03"}
    servers = [Server(f"snow0{n}", (f"10.77.0.{n}",)) for n in (1, 2, 3)]
    assert ring.has_read(corosync.render(servers, {"snow01": 1, "snow03": 2, "snow02": 3}))
    assert not ring.has_read(corosync.render(servers, {"snow01": 1, "snow02": 2, "snow03": 3}))
    assert corosync.parse_ring("") is None


@pytest.mark.parametrize(("count", "value"), [(2, "1"), (3, ""), (4, "")])
def test_only_a_pair_is_a_two_node_cluster(count: int, value: str) -> None:
    conf = corosync.parse(render([Server(f"snow{n:02}", (f"10.1.0.{n}",)) for n in range(1, count + 1)]))
    assert conf.value("quorum", "two_node") == value
    assert conf.value("quorum", "wait_for_all") == value


def test_a_third_vote_takes_the_place_of_the_rule_for_two() -> None:
    pair = [Server("a", ("10.0.0.1",)), Server("b", ("10.0.0.2",))]
    device = Device("qnetd01", 5000, 10000)
    text = corosync.render(pair, {"a": 1, "b": 2}, device)
    conf = corosync.parse(text)
    assert conf.value("quorum", "two_node") == conf.value("quorum", "wait_for_all") == ""
    (section,) = conf.all("quorum")[0].all("device")
    assert section.values == {"model": "net", "votes": "1", "timeout": "5000", "sync_timeout": "10000"}
    assert section.all("net")[0].values == {"host": "qnetd01", "algorithm": "ffsplit", "tls": "required"}
    assert corosync.device(text) == device
    assert corosync.device(render(pair)) is None
    assert corosync.members(text) == corosync.members(render(pair))


def test_a_device_by_hand_has_corosyncs_own_times() -> None:
    text = "quorum {\n device {\n model: net\n net {\n host: h\n }\n }\n}\n"
    assert corosync.device(text) == Device("h", 10000, 30000)
    assert corosync.device("quorum {\n device {\n model: net\n }\n}\n") is None


def test_a_running_corosync_goes_by_its_device_too() -> None:
    pair = [Server("a", ("10.0.0.1",)), Server("b", ("10.0.0.2",))]
    texts = [corosync.render(pair, {"a": 1, "b": 2}, device) for device in (None, Device("h", 1500, 3000))]
    nodes = "".join(
        f"nodelist.node.{n}.{key} (str) = {value}\n"
        for n, node in enumerate(corosync.members(texts[0]))
        for key, value in node.items()
    )
    device = "quorum.device.net.host (str) = h\nquorum.device.timeout (u32) = 1500\n"
    rings = [
        corosync.parse_ring(nodes),
        corosync.parse_ring(f"{nodes}{device}quorum.device.sync_timeout (u32) = 3000\n"),
    ]
    assert [[ring is not None and ring.has_read(text) for text in texts] for ring in rings] == [
        [True, False],
        [False, True],
    ]


def test_todays_transport_is_authenticated_and_signed() -> None:
    conf = corosync.parse(render([Server("a", ("10.0.0.1",)), Server("b", ("10.0.0.2",))]))
    totem = {key: conf.value("totem", key) for key in ("transport", "crypto_cipher", "crypto_hash", "version")}
    assert totem == {"transport": "knet", "crypto_cipher": "aes256", "crypto_hash": "sha256", "version": "2"}


def test_debians_own_cluster_of_one_is_recognised() -> None:
    assert corosync.is_debian_default(DEBIAN_12)
    assert not corosync.is_ours(DEBIAN_12)


@pytest.mark.parametrize("text", [GUIDE, BY_HAND, "", BY_HAND.replace("10.1.0.1", "127.0.0.2")])
def test_a_configuration_by_hand_is_neither_debians_nor_ours(text: str) -> None:
    assert not corosync.is_debian_default(text)
    assert not corosync.is_ours(text)


def test_a_server_beside_debians_makes_it_another_configuration() -> None:
    more = DEBIAN_12 + "nodelist {\n node {\n ring0_addr: 10.0.0.2\n }\n}\n"
    assert not corosync.is_debian_default(more)


def test_members_by_hand_are_read_in_their_order() -> None:
    assert [node["ring0_addr"] for node in corosync.members(GUIDE)] == ["snow01", "snow02"]


def test_taking_out_the_mark_makes_it_ones_own() -> None:
    text = render([Server("a", ("::1",)), Server("b", ("::2",))])
    assert not corosync.is_ours(text.partition("\n")[2])


@pytest.mark.parametrize(
    ("lines", "encrypted"),
    [
        ([], False),
        (["secauth: on"], True),
        (["secauth: off"], False),
        (["crypto_cipher: none", "crypto_hash: none"], False),
        (["crypto_cipher: aes256", "crypto_hash: sha256"], True),
        (["crypto_cipher: none", "crypto_hash: sha256"], True),
        (["crypto_cipher: aes128", "crypto_hash: sha1", "crypto_cipher: none", "crypto_hash: none"], False),
        (["secauth: on", "crypto_cipher: none", "crypto_hash: none"], False),
    ],
)
def test_whether_members_prove_who_they_are(lines: list[str], encrypted: bool) -> None:
    assert corosync.is_authenticated(with_totem(*lines)) == encrypted


@pytest.mark.parametrize("text", ["totem {", "}", "totem", "totem {\n} }", "a: 1\n= 2", "{\n}"])
def test_nonsense_is_told_with_its_place(text: str) -> None:
    with pytest.raises(DataError, match=r"corosync\.conf: "):
        corosync.parse(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        corosync.parse(text)
    except DataError as error:
        assert "\n" not in str(error)


@given(st.lists(st.sampled_from(["totem {", "}", "node {", "a: b", "# c", "", "version: 2"])))
def test_any_order_of_lines_is_read_or_refused(lines: list[str]) -> None:
    try:
        corosync.parse("\n".join(lines))
    except DataError:
        assert lines.count("}") != lines.count("totem {") + lines.count("node {") or "}" in lines


def test_addresses_of_version_six_are_written_whole() -> None:
    address = str(ipaddress.ip_address("fd00::1"))
    assert corosync.members(render([Server("a", (address,)), Server("b", ("fd00::2",))]))[0]["ring0_addr"] == address


@pytest.mark.parametrize(("count", "wait_ms"), [(1, 3000), (2, 3000), (3, 3650), (4, 4300), (16, 12100)])
def test_a_token_has_three_seconds_and_more_for_each_server_above_two(count: int, wait_ms: int) -> None:
    """corosync.conf(5): token, token_coefficient."""
    assert corosync.token_ms(count) == wait_ms


@pytest.mark.parametrize("device", [None, Device("qnetd01", 1500, 3000)])
@pytest.mark.parametrize("count", [2, 3])
def test_the_cluster_of_snow_is_of_votequorum_and_of_one_name(count: int, device: Device | None) -> None:
    names = [f"snow{number:02}" for number in range(1, count + 1)]
    servers = [Server(name, (f"10.1.0.{number}",)) for number, name in enumerate(names, 1)]
    conf = corosync.parse(corosync.render(servers, {name: n for n, name in enumerate(names, 1)}, device))
    assert conf.value("quorum", "provider") == "corosync_votequorum"
    assert (conf.value("totem", "cluster_name"), conf.value("totem", "token")) == ("snow", "3000")


def test_each_link_has_its_address() -> None:
    servers = [Server("a", ("10.0.0.1", "10.1.0.1")), Server("b", ("10.0.0.2", "10.1.0.2"))]
    assert corosync.members(render(servers)) == (
        {"nodeid": "1", "name": "a", "ring0_addr": "10.0.0.1", "ring1_addr": "10.1.0.1"},
        {"nodeid": "2", "name": "b", "ring0_addr": "10.0.0.2", "ring1_addr": "10.1.0.2"},
    )


def test_of_configurations_that_know_as_many_servers_the_first_counts() -> None:
    one, other = (render([Server(name, (f"10.0.0.{n}",)) for n, name in enumerate(pair)]) for pair in ("ab", "ba"))
    assert corosync.node_ids([one, other], ["a", "b"]) == {"a": 1, "b": 2}
    assert corosync.node_ids([other, one], ["a", "b"]) == {"b": 1, "a": 2}


def test_only_who_has_joined_is_there() -> None:
    text = (
        "nodelist.node.0.nodeid (u32) = 1\nnodelist.node.0.name (str) = snow01\n"
        "nodelist.node.1.nodeid (u32) = 2\nnodelist.node.1.name (str) = snow02\n"
        "nodelist.node.2.nodeid (u32) = 3\n"
        "runtime.members.1.status (str) = joined\nruntime.members.1.join_count (u32) = 1\n"
        "runtime.members.2.status (str) = left\nruntime.members.2.join_count (u32) = 2\n"
        "runtime.members.3.status (str) = joined\n"
    )
    ring = corosync.parse_ring(text)
    assert ring is not None
    assert ring.joined == {"snow01", ""}, "by hand, a node may be without a name"
    assert ring.names == {"snow01", "snow02", ""}
    assert ring.device is None


def test_a_ring_has_read_nodes_that_have_no_number() -> None:
    ring = corosync.parse_ring("nodelist.node.0.ring0_addr (str) = snow01\nnodelist.node.1.ring0_addr (str) = snow02\n")
    assert ring is not None and ring.has_read(GUIDE)
    assert not ring.has_read(BY_HAND)


def test_times_of_a_device_that_are_no_numbers_are_no_device() -> None:
    text = "quorum {\n device {\n timeout: soon\n net {\n host: h\n }\n }\n}\n"
    assert corosync.device(text) is None
    assert corosync.device(text.replace("soon", "5000")) == Device("h", 5000, 30000)
    assert corosync.device(text.replace("timeout: soon", "sync_timeout: 5000")) == Device("h", 10000, 5000)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("totem {\n}\nnonsense\n", "corosync.conf: line 3 makes no sense"),
        ("}\n", "corosync.conf: line 1 makes no sense"),
        ("totem {\n node {\n }\n", "corosync.conf: the block 'totem' has no end"),
    ],
)
def test_the_line_that_makes_no_sense_is_told(text: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        corosync.parse(text)
    with pytest.raises(DataError, match=why.replace("corosync.conf", "kept")):
        corosync.parse(text, "kept")


def test_blocks_of_one_name_are_one_of_which_the_last_value_counts() -> None:
    conf = corosync.parse("a: 0\ntotem {\n a: 1\n b.c-d: x:y \n}\ntotem {\n a: 2\n}\nlogging {\n}\n")
    assert (conf.values, conf.value("totem", "a"), conf.value("totem", "b.c-d")) == ({"a": "0"}, "2", "x:y")
    assert (conf.value("logging", "a"), conf.value("logging", "a", "no")) == ("", "no")
    assert len(conf.all("totem")) == 2
