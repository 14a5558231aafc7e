"""How the agent reaches another server."""

from __future__ import annotations

from snow_ha_plugin.agent.host import SSH


def test_no_questions_and_a_cut_network_is_noticed_in_six_seconds() -> None:
    program, *options = SSH
    told = dict(option.removeprefix("-o").split("=") for option in options)
    assert (program, told["BatchMode"], told["ConnectTimeout"]) == ("ssh", "yes", "5")
    assert int(told["ServerAliveInterval"]) * int(told["ServerAliveCountMax"]) == 6
