"""`start` and `confirm-off`: what is asked before a server counts as off."""

from __future__ import annotations

import sys

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.cli import options
from snow_ha_plugin.errors import TimedOutError
from snow_ha_plugin.operations import joining
from snow_ha_plugin.operations.site import Site
from tests.unit.cli.conftest import Files


@pytest.fixture
def asked(files: Files, mocker: MockerFixture) -> Files:
    """A site whose other server nobody can tell the power of."""
    mocker.patch.object(options, "require_root")
    servers = mocker.patch.object(Site, "load").return_value.servers
    servers.here, servers.names = "snow01", ("snow01", "snow02")
    mocker.patch.object(joining, "is_off", return_value=False)
    mocker.patch.object(joining, "start_alone")
    mocker.patch.object(joining, "confirm_off", return_value=True)
    return files


def type_in(mocker: MockerFixture, text: str) -> None:
    mocker.patch.object(sys, "stdin", mocker.Mock(isatty=lambda: True))
    mocker.patch("click.prompt", return_value=text)


@pytest.mark.parametrize("words", [["start", "--alone"], ["confirm-off", "snow02"]])
def test_only_the_whole_sentence_counts(asked: Files, mocker: MockerFixture, words: list[str]) -> None:
    for text in ("y", "", "snow02"):
        type_in(mocker, text)
        assert asked.run(*words).status == 130
    joining.start_alone.assert_not_called()  # type: ignore[attr-defined]
    joining.confirm_off.assert_not_called()  # type: ignore[attr-defined]
    type_in(mocker, "snow02 is off")
    ended = asked.run(*words)
    assert ended.status == 0
    assert "will run twice, and destroy its image" in ended.err


@pytest.mark.parametrize("words", [["start", "--alone"], ["confirm-off", "snow02"]])
def test_without_a_terminal_somebody_must_have_said_so(asked: Files, mocker: MockerFixture, words: list[str]) -> None:
    mocker.patch.object(sys, "stdin", mocker.Mock(isatty=lambda: False))
    ended = asked.run(*words)
    assert ended.status == 64
    assert "nobody says that snow02 is off; there is nobody to ask; add --yes" in ended.err
    assert asked.run(*words, "--yes").status == 0


def test_what_a_bmc_proves_is_not_asked(asked: Files, mocker: MockerFixture) -> None:
    mocker.patch.object(joining, "is_off", return_value=True)
    prompt = mocker.patch("click.prompt")
    assert asked.run("start", "--alone").status == 0
    prompt.assert_not_called()


@pytest.mark.parametrize("words", [["--alone", "snow02"], ["--yes"], ["snow02", "--yes"]])
def test_options_that_do_not_go_together(asked: Files, words: list[str]) -> None:
    assert asked.run("start", *words).status == 64


@pytest.mark.parametrize(
    ("words", "silent", "awaited"),
    [
        (["snow02"], [], ["snow02"]),
        ([], [], ["snow01", "snow02"]),
        ([], ["snow02"], ["snow01"]),
        (["--dry-run"], [], None),
    ],
)
def test_where_pacemaker_runs_already_it_must_be_in_the_cluster_too(
    asked: Files, mocker: MockerFixture, words: list[str], silent: list[str], awaited: list[str] | None
) -> None:
    mocker.patch.object(joining, "to_start", return_value=([], silent))
    start = mocker.patch.object(joining, "start")
    ended = asked.run("start", *words)
    assert (ended.status, "nothing to do" in ended.out + ended.err) == (0, True)
    assert [call.args[1] for call in start.call_args_list] == ([awaited] if awaited else [])
    start.side_effect = TimedOutError("snow02 did not come within 120 s")
    assert asked.run("start", *words).status == (124 if awaited else 0)
