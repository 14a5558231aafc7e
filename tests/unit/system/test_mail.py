from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.system import command, mail
from snow_ha_plugin.system.command import Result


def server_with(mocker: MockerFixture, *programs: str, status: int = 0) -> list[tuple[list[str], bytes]]:
    """A server that has these programs; what they are called with."""
    calls: list[tuple[list[str], bytes]] = []

    def run(argv: list[str], *, stdin: bytes, timeout_s: float) -> Result:
        calls.append((argv, stdin))
        return Result(tuple(argv), status, b"", b"queue full" if status else b"")

    mocker.patch.object(command, "is_installed", side_effect=programs.__contains__)
    mocker.patch.object(command, "run", side_effect=run)
    return calls


def test_sendmail_comes_first_and_gets_a_whole_mail(mocker: MockerFixture) -> None:
    calls = server_with(mocker, "mail", "sendmail")
    mail.send("root,ops@example.org", "web01 failed", "down\n")
    assert calls == [(["sendmail", "-t", "-i"], b"To: root,ops@example.org\nSubject: web01 failed\n\ndown\n")]


def test_mail_is_given_each_address(mocker: MockerFixture) -> None:
    calls = server_with(mocker, "mail")
    mail.send("root,ops@example.org", "web01 failed", "down\n")
    assert calls == [(["mail", "-s", "web01 failed", "root", "ops@example.org"], b"down\n")]


def test_what_nobody_takes_is_an_error(mocker: MockerFixture) -> None:
    server_with(mocker)
    with pytest.raises(UnavailableError, match="no mail goes to root"):
        mail.send("root", "web01 failed", "down\n")
    server_with(mocker, "sendmail", status=75)
    with pytest.raises(UnavailableError) as caught:
        mail.send("root", "web01 failed", "down\n")
    assert "queue full" in str(caught.value)
