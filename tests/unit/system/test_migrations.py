from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.model import MigrationProgress
from snow_ha_plugin.system import migrations
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
    assert sorted(call.args[0] for call in run.call_args_list) == ["snow01", "snow02"]


def test_a_server_that_does_not_answer_is_no_error(mocker: MockerFixture) -> None:
    mocker.patch.object(Servers, "run", side_effect=UnavailableError("snow01 cannot be reached"))
    assert migrations.progress(Servers([]), {"web01": "snow01"}) == {}


@pytest.mark.parametrize(
    "note", ["", NOTE[:30], "null", "[]", "{}", '{"target": "snow02"}', NOTE.replace("120", '"much"')]
)
def test_a_note_that_is_missing_or_cut_off_tells_nothing(note: str) -> None:
    assert migrations.parse([f"web01 {note}\nweb02 {NOTE}\n"]) == {"web02": FOUND}
