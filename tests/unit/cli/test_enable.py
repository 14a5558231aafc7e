"""What `enable` ends with, the cluster as `status` sees it then, and what `disable` asks first."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from unittest.mock import Mock

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.cli import options
from snow_ha_plugin.guide import disable as backwards
from snow_ha_plugin.guide import enable as forwards
from snow_ha_plugin.guide.run import Looked
from snow_ha_plugin.model import Change, Finding, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import lock
from snow_ha_plugin.system.cluster_in_file import ClusterInFile
from tests.captures import capture
from tests.unit.cli.conftest import Files


@pytest.fixture
def run(mocker: MockerFixture) -> Mock:
    run: Mock = mocker.Mock(report=[], dry_run=False)
    run.site.fencing, run.site.why, run.site.qdevice = "sbd", "it is", ""
    return run


@pytest.fixture
def enabled(files: Files, run: Mock, mocker: MockerFixture) -> Files:
    mocker.patch.object(options, "require_root")
    mocker.patch.object(Site, "load").return_value.cluster = ClusterInFile(files.cib)
    mocker.patch.object(forwards, "enable", side_effect=lambda *_, dry_run, **__: (run, []))
    return files


def test_it_ends_with_the_verdict_and_the_next_steps(enabled: Files) -> None:
    ended = enabled.run("enable")
    first, head, *_, last = ended.out.splitlines()
    assert first.startswith("[I] nothing to do: high availability is enabled")
    assert head == "DEGRADED  2 of 2 servers, 8 of 8 domains, any one server may fail"
    assert last.startswith("try: snow ha move DOMAIN    watch: snow ha status --watch")
    assert ended.status == 0


def test_the_site_is_read_once_with_what_was_asked_for(enabled: Files, mocker: MockerFixture) -> None:
    load = mocker.spy(Site, "load")
    assert enabled.run("enable", "--floating-ip", "10.1.0.254/16").status == 0
    ((_, options),) = load.call_args_list
    assert str(options["floating_ip"]) == "10.1.0.254/16"


def test_what_is_wrong_then_is_told_with_its_remedy(enabled: Files) -> None:
    enabled.cib.write_bytes(capture("cibadmin-2.1.5-troubled.xml"))
    ended = enabled.run("enable")
    assert "BROKEN  " in ended.out
    assert "ERROR " in ended.out
    assert "      do: " in ended.out


@pytest.mark.parametrize(
    ("report", "changes"),
    [
        ([], [Change("option", "no-quorum-policy", "stop")]),
        ([(None, [Finding(Severity.ERROR, "authkey", "no key")])], []),
    ],
)
def test_what_it_has_changed_is_in_the_verdict(
    enabled: Files, run: Mock, mocker: MockerFixture, report: list[Looked], changes: list[Change]
) -> None:
    def enable(*_: object, **__: object) -> tuple[Mock, list[Change]]:
        enabled.cib.write_bytes(capture("cibadmin-2.1.5-troubled.xml"))
        return run, changes

    run.report = report
    mocker.patch.object(forwards, "enable", enable)
    assert "BROKEN  " in enabled.run("enable").out


def test_json_stays_one_object(enabled: Files) -> None:
    assert enabled.run("enable", "--json").json["changes"] == []


@pytest.fixture
def asked(enabled: Files, mocker: MockerFixture) -> Files:
    part = backwards.Part(Change("stop", "snow01", "stop the cluster on snow01"), lambda: None)
    mocker.patch.object(backwards, "plan", return_value=[part])
    mocker.patch.object(lock, "held", side_effect=lambda *words: nullcontext())
    return enabled


def test_disable_asks_and_takes_nothing_for_yes(asked: Files, mocker: MockerFixture) -> None:
    ended = asked.run("disable")
    assert (ended.status, ended.err) == (64, "[E] there is nobody to ask; add --yes, or --dry-run\n")
    mocker.patch.object(sys, "stdin", mocker.Mock(isatty=lambda: True))
    asking = mocker.patch("click.termui.visible_prompt_func", return_value="n")
    ended = asked.run("disable")
    assert (ended.status, "is disabled" in ended.out) == (130, False)
    assert "nothing starts a domain whose server is lost" in ended.err
    asking.return_value = "y"
    assert "high availability is disabled" in asked.run("disable").out
    assert "high availability is disabled" in asked.run("disable", "--yes").out


def test_where_nothing_is_enabled_disable_asks_nothing(asked: Files, mocker: MockerFixture) -> None:
    mocker.patch.object(backwards, "plan", return_value=[])
    ended = asked.run("disable")
    assert (ended.status, "nothing to do" in ended.out) == (0, True)
