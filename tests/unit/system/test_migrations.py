from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import MigrationProgress
from snow_ha_plugin.system import command, migrations
from snow_ha_plugin.system.command import Result
from snow_ha_plugin.system.servers import Servers

NOTE = '{"target": "snow02", "sent_mib": 120, "memory_mib": 512, "mib_per_s": 60}'
FOUND = MigrationProgress("snow02", 120, 512, 60)


def test_each_source_is_asked_once_for_all_of_its_domains(mocker: MockerFixture) -> None:
    def answer(server: str, argv: list[str], **_: object) -> Result:
        return Result((), 0, "".join(f"{name} {NOTE}\n" for name in argv[4:]).encode(), b"")

    run = mocker.patch.object(Servers, "run", side_effect=answer)
    found = migrations.progress(Servers([]), {"web01": "snow01", "web02": "snow01", "db01": "snow02"})
    assert found == {"web01": FOUND, "web02": FOUND, "db01": FOUND}
    asked = sorted((call.args[0], *call.args[1][4:]) for call in run.call_args_list)
    assert asked == [("snow01", "web01", "web02"), ("snow02", "db01")]
    # Who looks at the cluster's state does not wait long for it.
    assert {call.kwargs["timeout_s"] for call in run.call_args_list} == {5}


def test_the_notes_are_read_where_the_agent_leaves_them(mocker: MockerFixture) -> None:
    servers = Servers([])
    run = mocker.patch.object(command, "run", return_value=Result((), 0, f"web01 {NOTE}\n".encode(), b""))
    assert migrations.progress(servers, {"web01": servers.here}) == {"web01": FOUND}
    shell, option, script, name, *words = run.call_args.args[0]
    assert (shell, option, name, words) == ("sh", "-c", "sh", ["web01"])
    assert "cd /run/snow-ha " in script and "$name.migration" in script


def test_a_server_that_does_not_answer_is_no_error(mocker: MockerFixture) -> None:
    mocker.patch.object(Servers, "run", side_effect=UnavailableError("snow01 cannot be reached"))
    assert migrations.progress(Servers([]), {"web01": "snow01"}) == {}


@pytest.mark.parametrize(
    "note", ["", NOTE[:30], "null", "[]", "{}", '{"target": "snow02"}', NOTE.replace("120", '"much"')]
)
def test_a_note_that_is_missing_or_cut_off_tells_nothing(note: str) -> None:
    assert migrations.parse([f"web01 {note}\nweb02 {NOTE}\n"]) == {"web02": FOUND}
