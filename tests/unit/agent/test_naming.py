"""What the agent takes for the name of a resource's domain: by its parameters, its file, and what it has noted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from snow_ha_plugin.agent import domain_file, naming
from snow_ha_plugin.agent.naming import domain_name, name_elsewhere
from snow_ha_plugin.agent.operation import CONFIGURED, OcfError, UnknownError
from snow_ha_plugin.agent.process import Result
from tests.unit.agent.conftest import HERE, Servers
from tests.unit.agent.xl_lists import DOM0, HEADER, line

LATER = time.monotonic() + 3600


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(naming, "DIRECTORY", str(tmp_path / "run"))
    return tmp_path / "run"


@pytest.fixture
def hang(file: Path) -> Callable[[], float]:
    """From now on, who opens the file waits for ever; a deadline that is soon over."""

    def hang() -> float:
        file.unlink(missing_ok=True)
        os.mkfifo(file)
        return time.monotonic() + 0.6

    return hang


@pytest.fixture
def runs(servers: Servers) -> Callable[[str], None]:
    """This domain runs here, and nothing else."""

    def runs(name: str) -> None:
        servers.programs["xl"] = Result(["xl", "list"], 0, HEADER + DOM0 + line(name, 7, "-b----", 1.0), "")

    runs("nothing")
    return runs


@pytest.mark.parametrize(
    ("text", "name"), [("name = 'other'\n", "other"), ("memory = 512\n", "web01"), ("name = ''\n", "web01")]
)
def test_the_name_is_what_the_file_says_or_else_the_resource_s(file: Path, text: str, name: str) -> None:
    file.write_text(text)
    assert domain_name(LATER) == (name, "")


def test_the_parameter_comes_before_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCF_RESKEY_name", "given")
    file.write_text("name = 'other'\n")
    assert domain_name(LATER) == ("given", "")
    assert name_elsewhere(LATER) == "given"


@pytest.mark.parametrize(("text", "why"), [(None, "No such file or directory"), ("name = \n", "line 1")])
def test_a_stop_needs_no_file(file: Path, capfd: pytest.CaptureFixture[str], text: str | None, why: str) -> None:
    if text is not None:
        file.write_text(text)
    assert domain_name(LATER) == ("web01", "")
    said = capfd.readouterr().err
    assert said.startswith(f"{file}: ") and why in said and "taking the resource's name" in said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = ['a']\n", "no usable domain name: ['a']"),
        ("name = 'a b'\n", "no usable domain name: 'a b'"),
        ("name = 7\n", "xl takes the name 7 for a domain id"),
    ],
)
def test_a_name_of_the_file_that_xl_would_misread_is_refused(file: Path, notes: Path, text: str, why: str) -> None:
    file.write_text(text)
    with pytest.raises(OcfError) as caught:
        domain_name(LATER)
    assert (caught.value.status, caught.value.text) == (CONFIGURED, why)
    assert not notes.exists()


@pytest.mark.parametrize(
    ("given", "resource", "expected"),
    [("web01", "other", "web01"), ("", "web01", "web01"), ("", "web01:0", "web01"), (" web01 ", "", "web01")],
)
def test_the_name_comes_from_the_parameter_or_else_the_resource(
    monkeypatch: pytest.MonkeyPatch, given: str, resource: str, expected: str
) -> None:
    monkeypatch.setenv("OCF_RESKEY_name", given)
    monkeypatch.setenv("OCF_RESOURCE_INSTANCE", resource)
    monkeypatch.delenv("OCF_RESKEY_xmfile", raising=False)
    assert domain_name(LATER) == (expected, "")


@pytest.mark.parametrize("name", ["", "a b", "-x", "7", "a'b"])
def test_a_name_that_xl_would_misread_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("OCF_RESKEY_name", name)
    monkeypatch.delenv("OCF_RESKEY_xmfile", raising=False)
    monkeypatch.delenv("OCF_RESOURCE_INSTANCE", raising=False)
    with pytest.raises(OcfError) as caught:
        domain_name(LATER)
    assert caught.value.status == CONFIGURED


def test_storage_that_does_not_answer_is_not_waited_for_and_what_it_said_before_counts(
    file: Path, hang: Callable[[], float], capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text("name = 'other'\n")
    domain_name(LATER)
    until = hang()
    assert domain_name(until) == ("other", "")
    assert time.monotonic() < until
    assert "cannot be read in time: its storage does not answer: taking other" in capfd.readouterr().err


def test_who_needs_the_file_waits_for_it(hang: Callable[[], float]) -> None:
    until = hang()
    assert domain_name(until, needs_file=True)[1] != ""
    assert time.monotonic() >= until


def test_where_it_never_said_anything_the_resource_s_name_is_doubted(hang: Callable[[], float], notes: Path) -> None:
    name, doubt = domain_name(hang())
    assert name == "web01"
    assert "its storage does not answer" in doubt
    assert not notes.exists()


def test_what_another_file_has_said_does_not_count(
    file: Path, tmp_path: Path, hang: Callable[[], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "b.cfg"
    other.write_text("name = 'other'\n")
    with monkeypatch.context() as patched:
        patched.setenv("OCF_RESKEY_xmfile", str(other))
        assert domain_name(LATER) == ("other", "")
    assert domain_name(hang())[0] == "web01"


def test_a_domain_keeps_the_name_that_it_was_started_with_until_it_ends(
    file: Path, runs: Callable[[str], None], capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text("name = 'web01'\n")
    domain_name(LATER)
    runs("web01")
    file.write_text("name = 'web02'\n")
    assert domain_name(LATER) == ("web01", "")
    assert "web02 still has the name that it was started with, web01" in capfd.readouterr().err
    runs("nothing")
    assert domain_name(LATER) == ("web02", "")
    runs("web01")
    assert domain_name(LATER) == ("web02", ""), "the former name is another domain's now"


def test_a_domain_whose_file_gets_a_name_that_is_none_can_be_stopped_and_not_started(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text("name = 'web01'\n")
    domain_name(LATER)
    file.write_text("name = 'web 02'\n")
    assert domain_name(LATER) == ("web01", "")
    assert "no usable domain name: 'web 02': taking web01" in capfd.readouterr().err
    with pytest.raises(OcfError):
        domain_name(LATER, needs_file=True)


def test_where_nobody_knows_what_runs_a_new_name_is_not_believed(
    file: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("name = 'web01'\n")
    domain_name(LATER)
    monkeypatch.setattr(domain_file, "read", lambda path, until: {"name": "web02"})
    servers.silent.add(HERE)
    with pytest.raises(UnknownError):
        domain_name(servers.now + 10)


@pytest.mark.parametrize(
    ("text", "name"), [("name = 'web02'\n", "web02"), ("memory = 512\n", "web01"), (None, "web01")]
)
def test_another_server_goes_by_the_file_and_by_the_resource(file: Path, text: str | None, name: str) -> None:
    if text is not None:
        file.write_text(text)
    assert name_elsewhere(LATER) == name


def test_another_server_goes_by_the_resource_while_storage_does_not_answer(hang: Callable[[], float]) -> None:
    assert name_elsewhere(hang()) == "web01"


@pytest.mark.parametrize("text", ["", "web01\n", "web01\n/a.cfg\nmore\n"])
def test_a_note_that_is_none_says_nothing(file: Path, notes: Path, hang: Callable[[], float], text: str) -> None:
    notes.mkdir()
    (notes / "web01.name").write_text(text)
    assert domain_name(hang())[1] != ""


def test_where_nothing_can_be_noted_the_name_is_told_all_the_same(
    file: Path, notes: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    notes.touch()
    file.write_text("name = 'other'\n")
    assert domain_name(LATER) == ("other", "")
    assert "the name of other cannot be noted: " in capfd.readouterr().err
