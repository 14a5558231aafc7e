"""What `check` makes of a server that is silent, of a section that fails, and of what the CIB lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytest_mock import MockerFixture

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.reports.overview import Overview
from snow_ha_plugin.errors import ConfigurationError, SnowHaError, TimedOutError, UnavailableError
from snow_ha_plugin.guide import check
from snow_ha_plugin.guide.section import ConfigurationStep
from snow_ha_plugin.model import Change, Finding, Severity
from snow_ha_plugin.operations import sight
from snow_ha_plugin.operations.site import Site
from tests.captures import guide_cluster


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (UnavailableError("snow02 cannot be reached", "No route to host"), "No route to host"),
        (UnavailableError("snow02 cannot be reached"), "snow02 cannot be reached"),
        (TimedOutError("ssh did not end within 3 s", "ssh snow02 -- true"), "nothing came within 3 s"),
    ],
    ids=["details", "none", "late"],
)
def test_a_silent_server_is_an_error_of_its_own_with_the_reason(error: SnowHaError, why: str) -> None:
    found = check._unreachable("snow02", error)
    assert (found.severity, found.id, found.subject) == (Severity.ERROR, "unreachable", "snow02")
    assert found.exit_code == UnavailableError.exit_code
    assert found.message.endswith(f"was not looked at: {why}")
    assert "snow ha start snow02" in found.remedy and "ssh snow02 true" in found.remedy


def test_a_section_that_fails_is_a_finding_of_that_section() -> None:
    fine = [Finding(Severity.INFO, "corosync-by-hand", "by hand")]
    assert check._found("corosync.conf", fine) is fine
    error = ConfigurationError("snow.conf is wrong", "line 7", "mend it")
    (found,) = check._found("Settings", error)
    assert (found.severity, found.id, found.subject) == (Severity.ERROR, "not-looked-at", "Settings")
    assert (found.message, found.remedy) == ("Settings: snow.conf is wrong; line 7", "mend it")
    assert found.exit_code == ConfigurationError.exit_code != UnavailableError.exit_code


def test_of_two_that_say_the_same_of_one_subject_the_first_is_told() -> None:
    one = Finding(Severity.ERROR, "server-offline", "first", subject="snow02")
    other = Finding(Severity.ERROR, "server-offline", "second", subject="snow02")
    third = Finding(Severity.ERROR, "server-offline", "first", subject="snow01")
    plain = [Finding(Severity.ERROR, "corosync-conf", text) for text in ("this", "that")]
    assert set(check._once([one, third, other, *plain, plain[0]])) == {one, third, *plain}
    assert check._once([one, third, *plain]) == [one, third, *plain]
    assert check._once([]) == []


@pytest.mark.parametrize("tree", [None, guide_cluster()], ids=["no-cluster", "a-cluster"])
def test_what_the_cib_lacks_is_told_and_not_written(site: Site, mocker: MockerFixture, tree: cib.Tree | None) -> None:
    before = None if tree is None else cib.serialize(tree)
    mocker.patch.object(check.xen, "looked_at", return_value=replace(site, why="looked at"))

    def edit(looked: Site, planned: cib.Tree) -> list[Change]:
        assert looked.why == "looked at"
        assert len(cib.domains(planned)) == (0 if tree is None else 8)
        is_new = cib.put_option(planned, "ours", "cluster-delay", "61s")
        return [Change("option", "cluster-delay", "put cluster-delay")] if is_new else []

    step = ConfigurationStep("option", "Option", edit)
    mocker.patch.object(check, "CONFIGURATION_STEPS", (step, step))
    (found,) = check._missing_configuration(site, tree)
    assert (found.severity, found.id, found.subject) == (Severity.ERROR, "not-configured", "cluster-delay")
    assert (found.message, found.remedy) == ("still to do in the CIB: put cluster-delay", "snow ha enable")
    assert tree is None or cib.serialize(tree) == before


def test_that_a_silent_server_is_not_in_the_cluster_is_not_told_once_more(mocker: MockerFixture) -> None:
    offline = [Finding(Severity.ERROR, "server-offline", "offline", subject=name) for name in ("snow01", "snow02")]
    standby = Finding(Severity.WARNING, "server-standby", "standby", subject="snow02")
    view = mocker.MagicMock(spec=Overview, findings=[*offline, standby], accepted=[(standby, object())])
    assert check._of_cluster(view, {"snow02"}) == [offline[0], standby, standby]


def test_without_pacemaker_there_is_no_view_of_the_cluster(site: Site, mocker: MockerFixture) -> None:
    mocker.patch.object(sight, "outlook", side_effect=UnavailableError("Pacemaker does not run"))
    assert check._view(site) is None
    mocker.patch.object(sight, "outlook", return_value="outlook")
    look = mocker.patch.object(sight, "look")
    assert check._view(site) is look.return_value
    look.assert_called_once_with(site.cluster, "outlook")
