"""Which configurations are kept, where, and for how long."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent, migration
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import Move
from snow_ha_plugin.system import configurations, record
from tests.captures import guide_cluster


def of_version(epoch: int, idle_s: int = 60) -> cib.Tree:
    """Each version says another thing."""
    tree = guide_cluster()
    tree.set("epoch", str(epoch))
    cib.put_option(tree, "x", "cluster-delay", f"{idle_s}s")
    return tree


def keep(tree: cib.Tree, *, committed: bool = True) -> None:
    with configurations.kept(tree) as kept:
        if committed:
            kept()


def versions() -> list[str]:
    return [kept.version for kept in configurations.listed()]


@pytest.fixture(autouse=True)
def clock(mocker: MockerFixture) -> None:
    """A minute goes by between one look and the next."""
    times = [time.gmtime(at) for at in range(1764340000, 1764350000, 60)]
    mocker.patch.object(configurations.time, "gmtime", side_effect=times)


def away() -> Path:
    raise UnavailableError("away")


def test_the_latest_comes_first_with_when_it_was_replaced() -> None:
    keep(of_version(7, 1))
    keep(of_version(8, 2))
    one, other = configurations.listed()
    assert (one.version, one.at, other.version, other.at) == ("0.8", 1764340060, "0.7", 1764340000)
    assert cib.options(one.read())["cluster-delay"] == "2s"


def test_within_a_second_the_epoch_tells_which_is_the_latest(mocker: MockerFixture) -> None:
    mocker.patch.object(configurations.time, "gmtime", return_value=time.gmtime(1764340000))
    keep(of_version(9, 1))
    keep(of_version(10, 2))
    keep(of_version(11, 2))
    assert versions() == ["0.11", "0.9"]


def test_one_that_was_not_replaced_is_not_kept(shared_record: Path) -> None:
    keep(of_version(7), committed=False)
    assert list(shared_record.iterdir()) == []


def test_of_two_that_say_the_same_the_latest_is_kept() -> None:
    keep(of_version(7, 1))
    keep(of_version(8, 2))
    keep(of_version(9, 2))
    assert versions() == ["0.9", "0.7"]


@pytest.mark.parametrize(
    "verb",
    [
        lambda tree: migration.put(tree, [Move("nis01", "snow01", "snow02", 512)]),
        lambda tree: intent.pause(tree, ["nis01"]),
        lambda tree: migration.end_live(tree, ["nis01"]),
    ],
)
def test_what_lasts_only_as_long_as_a_verb_is_not_kept(verb: object) -> None:
    tree = of_version(7)
    verb(tree)  # type: ignore[operator]
    keep(tree)
    assert versions() == []


def test_what_is_kept_on_this_server_goes_to_all_with_the_next(
    shared_record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(record, "shared", away)
        keep(of_version(7, 1))
        assert versions() == ["0.7"]
    assert not shared_record.exists()
    keep(of_version(8, 2))
    assert versions() == ["0.8", "0.7"]
    assert list(record.LOCAL.glob("*.xml")) == []


def test_a_commit_does_without_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "shared", away)
    monkeypatch.setattr(record, "LOCAL", Path("/proc/nowhere"))
    keep(of_version(7))
    assert versions() == []


def test_other_files_are_none(shared_record: Path) -> None:
    keep(of_version(7))
    for name in ("x.xml", "20251301-000000-0.1.xml", "20250101-000000-0.1.new", "snow01.jsonl"):
        (shared_record / name).write_text("x")
    assert versions() == ["0.7"]
