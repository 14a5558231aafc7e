"""A server is reset for a test: it has been once it is back with another boot, and not before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lxml import etree
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import fencing
from snow_ha_plugin.core.configure.fencing import Timing
from snow_ha_plugin.errors import NoSuchObjectError, SnowHaError, TimedOutError, UnavailableError, UnsafeError
from snow_ha_plugin.operations import fencing_test
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import fencer, waiting
from tests.captures import guide_cluster
from tests.unit.conftest import Machines
from tests.unit.operations.test_transaction import BAN, Memory
from tests.unit.system.test_waiting import Clock

# By server: the looks at it, one after the other: when its first process began, and the boot's id. `off`: it does not
# answer.
CAT = """
looks=$(cat "$ROOT/$SERVER.looks")
set -- $looks
shift
echo "$*" >"$ROOT/$SERVER.looks"
set -- $looks
[ "$1" != off ] || exit 255
echo "1 (systemd) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 ${1%/*} 170000000 2000"
echo "${1#*/}"
"""


@pytest.mark.parametrize(
    ("looks", "is_back"),
    [
        ("1/a off off 1/b", True),
        # A container has its host's id.
        ("100/a off off 200/a", True),
        # It answers for a moment more after the fencing device has said that it is off.
        ("1/a 1/a off 1/b", True),
        ("1/a 1/a 1/a 1/a", False),
        ("1/a off off off", False),
        # Nobody knows which boot it had: it answers again.
        ("off off 1/b 1/b", True),
    ],
)
def test_it_is_back_with_another_boot(
    site: Site, machines: Machines, mocker: MockerFixture, looks: str, is_back: bool
) -> None:
    fence = mocker.patch.object(fencer, "fence")
    mocker.patch.object(waiting, "turns", lambda *_: iter([True, True, False]))
    machines.stand_in("cat", CAT.replace("$ROOT", str(machines.root)).replace("$(cat ", "$(/bin/cat "))
    (machines.root / "snow02.looks").write_text(looks)
    if is_back:
        assert 0 <= fencing_test.reset(site, "snow02") < 60
    else:
        with pytest.raises(TimedOutError, match="is not back after"):
            fencing_test.reset(site, "snow02")
    fence.assert_called_once_with("snow02", 2 * Timing(site.conf.watchdog_s, 2).stonith_s)
    # Neither is told by a clock that may be set (proc(5)).
    assert set(machines.calls) == {("snow02", ("cat", "/proc/1/stat", "/proc/sys/kernel/random/boot_id"))}


def fenced() -> cib.Tree:
    """The guide's cluster with fencing by sbd."""
    tree = guide_cluster()
    fencing.put(tree, ("snow01", "snow02"), Timing(15), {})
    return tree


def offline(tree: cib.Tree) -> None:
    tree.xpath("status/node_state[@uname='snow02']")[0].set("crmd", "offline")


def unfenced(tree: cib.Tree) -> None:
    cib.put_option(tree, "x", "stonith-enabled", "false")


def only_there(tree: cib.Tree) -> None:
    """A domain of snow02 that may not run on snow01."""
    cib.section(tree, "constraints").append(etree.fromstring(BAN.format("nis01", "snow01")))


def immobile(tree: cib.Tree) -> None:
    """A domain of snow02 that cannot migrate."""
    (primitive,) = tree.xpath("//primitive[@id='nis01']")
    cib.put_pairs(primitive, "meta_attributes", "nis01-meta_attributes", {"allow-migrate": "false"})


@pytest.mark.parametrize(
    ("server", "spoil", "error", "words"),
    [
        ("snow03", None, NoSuchObjectError, "there is no server snow03"),
        ("snow01", None, UnsafeError, "snow01 would reset itself"),
        ("snow02", offline, UnavailableError, "snow02 is not in the cluster; snow ha start snow02"),
        ("snow02", unfenced, UnsafeError, "no fencing to test"),
        ("snow02", only_there, UnsafeError, "without snow02 nis01 would not run"),
    ],
)
def test_what_speaks_against_a_reset_is_told(
    site: Site, server: str, spoil: Callable[[cib.Tree], None] | None, error: type[SnowHaError], words: str
) -> None:
    tree = fenced()
    if spoil:
        spoil(tree)
    with pytest.raises(error, match=words):
        fencing_test.refuse(replace(site, cluster=Memory(tree)), server)


def test_nothing_speaks_against_the_reset_of_a_server_that_the_others_can_stand_in_for(site: Site) -> None:
    outcome = fencing_test.refuse(replace(site, cluster=Memory(fenced())), "snow02")
    assert {outcome.after[name] for name, place in outcome.before.items() if place == "snow02"} == {"snow01"}
    assert outcome.restarted == ()


def test_what_it_restarts_is_told_before(site: Site) -> None:
    tree = fenced()
    immobile(tree)
    assert fencing_test.refuse(replace(site, cluster=Memory(tree)), "snow02").restarted == ("nis01",)


def test_the_domains_of_a_server_are_those_that_run_there(site: Site) -> None:
    site = replace(site, cluster=Memory(guide_cluster()))
    assert fencing_test.domains_of(site, "snow02") == ["deploy01", "maui01", "nis01", "proxy01"]


def test_it_takes_domains_again_and_the_day_is_remembered(site: Site) -> None:
    tree = fenced()
    cib.put_standby(tree, "snow02", on=True)
    cluster = Memory(tree)
    told = fencing_test.take_back(replace(site, cluster=cluster), "snow02", drained=False)
    assert [change.target for change in told] == ["snow02"]
    assert not cluster.tree.xpath("//nvpair[@name='standby' and @value='on']")
    when = fencing.tested(cluster.tree)
    assert when["snow01"] == ""
    since = datetime.now(UTC) - datetime.strptime(when["snow02"], "%Y-%m-%dT%H:%M:%S%z")
    assert 0 <= since.total_seconds() < 60


def test_a_server_that_was_drained_before_stays_so(site: Site) -> None:
    tree = fenced()
    cib.put_standby(tree, "snow02", on=True)
    cluster = Memory(tree)
    fencing_test.take_back(replace(site, cluster=cluster), "snow02", drained=True)
    assert cluster.tree.xpath("//node[@uname='snow02']//nvpair[@name='standby' and @value='on']")
    assert fencing.tested(cluster.tree)["snow02"]


@pytest.mark.parametrize(
    ("drained", "remedy", "told"),
    [
        (False, "power it on", "power it on, then: snow ha start snow02; snow ha undrain snow02"),
        (True, "", "snow ha start snow02"),
    ],
)
def test_an_error_tells_what_is_left_to_do(drained: bool, remedy: str, told: str) -> None:
    left = fencing_test.left_to_do("snow02", drained=drained)
    with pytest.raises(TimedOutError) as caught, fencing_test.telling(left):
        raise TimedOutError("snow02 is not back", remedy=remedy)
    assert caught.value.remedy == told


def test_what_is_told_is_how_long_the_fencing_took_and_not_the_boot(
    site: Site, machines: Machines, mocker: MockerFixture
) -> None:
    clock = Clock()
    for module in (fencing_test, waiting):
        mocker.patch.object(module, "time", clock)
    mocker.patch.object(fencer, "fence", side_effect=lambda *_: clock.sleep(42))
    mocker.patch.object(waiting, "POLL_S", 30)
    machines.stand_in("cat", CAT.replace("$ROOT", str(machines.root)).replace("$(cat ", "$(/bin/cat "))
    (machines.root / "snow02.looks").write_text("1/a off off off off 1/b")
    assert fencing_test.reset(site, "snow02") == 42
    assert clock.now_s == 100 + 42 + 4 * 30
