"""What is asked of a domain's guest, as it is written into its primitive."""

from __future__ import annotations

import pytest

from snow_ha_plugin import watches
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import primitive, watch
from snow_ha_plugin.errors import ConfigurationError
from tests.captures import domain, guide_cluster, schema_errors
from tests.unit.core.test_cib import canonical, with_parts

WEB = domain()._replace(addresses=("10.9.0.7",))


def registered() -> cib.Tree:
    tree = guide_cluster()
    primitive.register(tree, WEB, 80)
    return tree


def put(tree: cib.Tree, wanted: str, grace_s: int = 300) -> list[str]:
    return [change.message for change in watch.put(tree, [WEB], wanted, grace_s)]


def watched(tree: cib.Tree) -> str:
    return watch.of(cib.domains(tree)["web01"])


def test_a_watch_is_written_changed_and_taken_out_again() -> None:
    tree = registered()
    before = canonical(tree)
    assert put(tree, "tcp:22") == [
        "have web01 restarted when its guest fails tcp:22 twice in a row, from 300 s after a start on"
    ]
    assert (watched(tree), schema_errors(tree)) == ("tcp:22", "")
    assert cib.domains(tree)["web01"].parameters["watch_grace"] == "300"
    assert put(tree, "tcp:22") == []
    assert len(put(tree, "ping", grace_s=60)) == 1
    assert watched(tree) == "ping"
    primitive.register(tree, WEB, 80)
    assert watched(tree) == "ping", "bringing it up to its domain file ends the watch"
    assert put(tree, "none") == ["leave the guest of web01 unwatched"]
    assert (canonical(tree), watched(tree)) == (before, "")
    assert put(tree, "none") == []


def test_a_guest_without_an_address_can_only_be_watched_by_a_program() -> None:
    tree = registered()
    silent = WEB._replace(addresses=())
    for wanted in ("ping", "tcp:22"):
        with pytest.raises(ConfigurationError, match=r"no address \(vif, ip=\)"):
            watch.put(tree, [silent], wanted, 300)
    assert len(watch.put(tree, [silent], "script:/usr/local/bin/look", 300)) == 1
    assert len(watch.put(tree, [silent], "none", 300)) == 1


def test_a_primitive_by_hand_is_left_to_its_author() -> None:
    by_hand = '<primitive id="web01" class="ocf" provider="snow" type="Xen"/>'
    with pytest.raises(ConfigurationError, match="by hand"):
        put(with_parts(resources=by_hand), "ping")


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ("tcp:22", True), ("tcp:65535", True), ("tcp:65536", False), ("tcp:0", False), ("tcp:022", False),
        ("tcp:", False), ("ping", True), ("ping:1", False), ("script:/usr/local/bin/look-at_it.sh", True),
        ("script:look", False), ("script:/a b", False), ("script:/a;b", False), ("none", True), ("", False),
        ("tcp:22\n", False), ("http", False),
    ],
)  # fmt: skip
def test_what_is_written_is_what_the_agent_knows(text: str, is_valid: bool) -> None:
    assert watch.is_valid(text) == is_valid


@pytest.mark.parametrize("text", ["script:/a b", "script:/a;b"])
def test_the_agent_takes_any_path_that_is_written_by_hand(text: str) -> None:
    assert watches.is_known(text)
