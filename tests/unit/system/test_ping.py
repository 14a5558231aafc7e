"""How long a guest was silent, by what ping -D prints."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snow_ha_plugin.system import ping

HEAD = "PING 10.1.0.9 (10.1.0.9) 56(84) bytes of data.\n"


def replies(*times: float) -> str:
    lines = [f"[{time:.6f}] 64 bytes from 10.1.0.9: icmp_seq={n} ttl=64 time=0.3 ms\n" for n, time in enumerate(times)]
    return HEAD + "".join(lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD, None),
        (replies(102.3, 102.5, 102.71, 102.9), 0.01),
        (replies(100.0, 100.2, 102.4, 102.6, 102.8), 2.0),
        (replies(100.0, 100.2), 2.6),
        (HEAD + 2 * "[100.500000] From 10.1.0.1 icmp_seq=1 Destination Host Unreachable\n", None),
    ],
)
def test_the_longest_gap_counts(text: str, expected: float | None) -> None:
    found = ping.longest_silence_s(text, ended=103.0)
    assert found == (None if expected is None else pytest.approx(expected, abs=0.001))


@pytest.mark.usefixtures("interruptible")
def test_it_is_asked_as_long_as_the_block_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = f'trap exit INT\ncat <<END\n{replies(100.0, 101.2)}END\necho "$*" >{tmp_path}/asked\n'
    (tmp_path / "ping").write_text(f"#!/bin/sh\n{begun}while :; do sleep 0.05; done\n")
    (tmp_path / "ping").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with ping.asking("10.1.0.9") as silence:
        while not (tmp_path / "asked").exists() or not (tmp_path / "asked").read_text():
            continue
        assert silence.longest_s is None
    # From a time of this script's to now.
    assert silence.longest_s is not None and silence.longest_s > 1000
    assert (tmp_path / "asked").read_text().endswith(" 10.1.0.9\n")


def test_nobody_is_asked_without_an_address_or_a_ping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for address in ("", "10.1.0.9"):
        with ping.asking(address) as silence:
            pass
        assert silence.longest_s is None
