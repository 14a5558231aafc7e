from __future__ import annotations

from snow_ha_plugin.core.reports.losses import Failure, Sizes, of_failure, worse

SIZES = Sizes({"snow01": 8192, "snow02": 8192}, {"a": 4096, "b": 4096, "c": 4096})


def test_what_runs_nowhere_is_lost() -> None:
    found = of_failure({"a": ("snow01",), "off": ()}, {"a": (), "off": ()}, SIZES, ["snow02"])
    assert (found.lost, found.squeezed) == (("a",), ())


def test_who_comes_to_a_server_that_cannot_hold_all_is_squeezed() -> None:
    before = {"a": ("snow01",), "b": ("snow02",), "c": ("snow02",)}
    found = of_failure(before, dict.fromkeys("abc", ("snow02",)), SIZES, ["snow02"])
    assert (found.lost, found.squeezed) == ((), ("a",))


def test_where_memory_is_unknown_nobody_is_squeezed() -> None:
    sizes = Sizes({}, SIZES.needs)
    assert (
        of_failure(dict.fromkeys("abc", ("snow01",)), dict.fromkeys("abc", ("snow02",)), sizes, ["snow02"]).victims
        == ()
    )


def test_worse_is_more_victims_than_today_and_names_the_new_ones() -> None:
    today = {"snow01": Failure(("a",)), "snow02": Failure()}
    assert worse(today, {"snow01": Failure(("b",)), "snow02": Failure()}) == {}
    assert worse(today, {"snow01": Failure(("a",), ("b",)), "snow02": Failure((), ("c",))}) == {
        "snow01": ("b",),
        "snow02": ("c",),
    }
