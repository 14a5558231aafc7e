from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import TimedOutError
from snow_ha_plugin.system import command, journal
from snow_ha_plugin.system.command import Result

SAID = """\
 notice: Requesting local execution of migrate_to operation for a01 on snow02
 notice: Result of migrate_to operation for a01 on snow02: error (earlier)
 notice: Result of migrate_to operation for a01b on snow02: error (another domain's)
 notice: Result of stop operation for a01 on snow02: ok
 notice: Result of migrate_to operation for a01 on snow02: error (a01 still runs here (as ever); no room)
 notice: Result of migrate_to operation for a01 on snow02: ok
"""


@pytest.mark.parametrize(
    ("resource", "task", "reason"),
    [
        ("a01", "migrate_to", "a01 still runs here (as ever); no room"),
        ("a01b", "migrate_to", "another domain's"),
        ("a01", "migrate_from", ""),
        ("a", "migrate_to", ""),
    ],
)
def test_the_last_reason_is_the_agents(mocker: MockerFixture, resource: str, task: str, reason: str) -> None:
    run = mocker.patch.object(command, "run", return_value=Result((), 0, SAID.encode(), b""))
    assert journal.reason(resource, task, 1795878635.7) == reason
    assert "--since=@1795878575" in run.call_args.args[0]


def test_a_journal_that_hangs_says_nothing(mocker: MockerFixture) -> None:
    mocker.patch.object(command, "run", side_effect=TimedOutError("journalctl did not end"))
    assert journal.reason("a01", "migrate_to", 0) == ""
