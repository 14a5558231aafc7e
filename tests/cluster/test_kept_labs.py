"""The lab of a test that failed: gone, or kept and told. Without any lab."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from tests.lab import cluster
from tests.lab.cluster import Equipment, Lab


@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("keep", [True, False])
def test_only_the_lab_of_a_failed_test_is_kept_and_only_where_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keep: bool, fails: bool
) -> None:
    gone: list[str] = []
    monkeypatch.setattr(cluster, "STATE", tmp_path)
    monkeypatch.setattr(cluster, "down", gone.append)
    monkeypatch.setattr(cluster, "failures", ["one of another lab"])
    monkeypatch.delenv("SNOW_HA_KEEP_LAB", raising=False)
    if keep:
        monkeypatch.setenv("SNOW_HA_KEEP_LAB", "1")
    (tmp_path / "mine").mkdir()
    with warnings.catch_warnings(record=True) as told, Lab("mine", Equipment(2)):
        warnings.simplefilter("always")
        if fails:
            cluster.failures.append("test_x")
    assert gone == ([] if keep and fails else ["mine"])
    assert ["--name mine" in str(warning.message) for warning in told] == ([True] if keep and fails else [])
