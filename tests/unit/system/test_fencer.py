"""What Pacemaker's fencer is asked and told, and what it remembers, by what stonith_admin prints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core.reports.events import Event, Kind
from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.system import command, fencer
from snow_ha_plugin.system.command import Result

# As fence-event-2.15.rng has it: neither who has done it nor when need be there.
HISTORY = b"""<pacemaker-result api-version="2.25" request="stonith_admin"><fence_history status="0">
<fence_event status="success" action="reboot" target="snow02" client="pacemaker-controld.7" origin="snow03"
 delegate="snow01" completed="2026-11-28 10:00:00 +01:00"/>
<fence_event status="failed" action="off" target="snow03" client="stonith_admin.9" origin="snow02"
 completed="2026-11-28 10:05:00 +01:00"/>
<fence_event status="pending" action="reboot" target="snow01" client="stonith_admin.9" origin="snow02"/>
<fence_event status="success"/>
</fence_history><status code="0" message="OK"/></pacemaker-result>"""
DEVICES = b"""<pacemaker-result><list name="fence" count="2"><item>snow-ha-fencing-sbd</item><item/></list>
<status code="0"/></pacemaker-result>"""


def at(hour: int, minute: int) -> int:
    return int(datetime(2026, 11, 28, hour, minute, tzinfo=UTC).timestamp())


def test_what_was_fenced_and_what_could_not_be_are_events_and_what_is_under_way_is_none(mocker: MockerFixture) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 0, HISTORY, b""))
    assert fencer.fencings() == (
        Event(at(9, 0), Kind.FENCING, "snow02", "snow01", "reboot by snow01", ok=True),
        Event(at(9, 5), Kind.FENCING, "snow03", "snow02", "off by snow02", ok=False),
        Event(0, Kind.FENCING, "", "", " by ", ok=True),
    )
    # Of all targets (stonith_admin(8)).
    assert run.call_args.args == (["stonith_admin", "--history", "*", "--output-as=xml"],)


def test_the_devices_of_a_node_are_those_that_its_fencer_lists(mocker: MockerFixture) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 0, DEVICES, b""))
    assert fencer.fencers("snow02") == ("snow-ha-fencing-sbd", "")
    assert run.call_args.args == (["stonith_admin", "--list", "snow02", "--output-as=xml"],)


@pytest.mark.parametrize(
    ("ask", "argv"),
    [
        (lambda: fencer.confirm_off("snow02"), "stonith_admin --confirm snow02"),
        # votequorum(5), "wait_for_all".
        (fencer.end_waiting_for_all, "corosync-cmapctl -s quorum.cancel_wait_for_all u8 1"),
    ],
)
def test_what_is_told_is_told_once(mocker: MockerFixture, ask: Callable[[], None], argv: str) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 0, b"", b""))
    ask()
    assert [" ".join(call.args[0]) for call in run.call_args_list] == [argv]


@pytest.mark.parametrize(
    "ask",
    [lambda: fencer.fencers("snow02"), fencer.fencings, lambda: fencer.confirm_off("a"), fencer.end_waiting_for_all],
)
def test_a_fencer_that_does_not_answer_is_told(mocker: MockerFixture, ask: Callable[[], object]) -> None:
    mocker.patch.object(command, "run", return_value=Result((), 102, b"", b"Not connected"))
    with pytest.raises(UnavailableError, match="Not connected"):
        ask()
