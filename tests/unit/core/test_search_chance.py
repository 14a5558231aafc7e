from __future__ import annotations

from snow_ha_plugin.core.balancer.search.chance import Chance


def test_chance_is_the_minimal_standard_generator_from_one_on() -> None:
    """C++11 has the same one, minstd_rand, and names its 10000th number (26.5.5 of the standard)."""
    chance = Chance()
    picked = [chance.pick("abcdefgh") for _ in range(10_000)]
    assert chance.state == 399268537
    assert picked[:3] == ["abcdefgh"[number % 8] for number in (48271, 182605794, 1291394886)]
