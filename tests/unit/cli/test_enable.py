"""What `enable` ends with: the cluster as `status` sees it then, and what to do next."""

from __future__ import annotations

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.cli import options
from snow_ha_plugin.guide import enable as forwards
from snow_ha_plugin.operations import cluster
from snow_ha_plugin.system.pacemaker import CibFile
from tests.captures import capture
from tests.unit.cli.conftest import Files


@pytest.fixture
def enabled(files: Files, mocker: MockerFixture) -> Files:
    mocker.patch.object(options, "require_root")
    mocker.patch.object(cluster, "load").return_value.store = CibFile(files.cib)
    run = mocker.Mock(report=[], dry_run=False)
    run.site.fencing, run.site.why, run.site.qdevice = "sbd", "it is", ""
    mocker.patch.object(forwards, "enable", side_effect=lambda *_, dry_run, **__: (run, []))
    return files


def test_it_ends_with_the_verdict_and_the_next_steps(enabled: Files) -> None:
    ended = enabled.run("enable")
    first, head, *_, last = ended.out.splitlines()
    assert first.startswith("[I] nothing to do: high availability is enabled")
    assert head == "DEGRADED  2 of 2 servers, 8 of 8 domains, any one server may fail"
    assert last.startswith("try: snow ha move DOMAIN    watch: snow ha status --watch")
    assert ended.status == 0


def test_what_is_wrong_then_is_told_with_its_remedy(enabled: Files) -> None:
    enabled.cib.write_bytes(capture("cibadmin-2.1.5-troubled.xml"))
    ended = enabled.run("enable")
    assert "BROKEN  " in ended.out
    assert "ERROR " in ended.out
    assert "      do: " in ended.out


def test_json_stays_one_object(enabled: Files) -> None:
    assert enabled.run("enable", "--json").json["changes"] == []
