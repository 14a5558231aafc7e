"""What is read from Pacemaker's own output: captures in tests/data/ where there are any."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import views

DATA = Path(__file__).resolve().parents[1] / "data"

# As stonith_admin of 2.1.5 prints it.
HISTORY = """<pacemaker-result api-version="2.25" request="stonith_admin --history=* --output-as=xml">
  <fence_history target="*">
    <fence_event status="success" action="reboot" target="snow01" client="pacemaker-controld.9" origin="snow02"
        delegate="snow02" completed="2026-11-28 03:20:10.411 +01:00"/>
    <fence_event status="failed" action="reboot" target="snow02" client="pacemaker-controld.9" origin="snow01"
        completed="2026-11-28 03:21:10.411 +01:00"/>
    <fence_event status="pending" action="reboot" target="snow02" client="pacemaker-controld.9" origin="snow01"/>
    <fence_event status="success" action="on" target="snow02" client="pacemaker-controld.9" origin="snow01"
        completed="2026-11-28 03:22:10.411 +01:00"/>
  </fence_history>
  <status code="0" message="OK"/>
</pacemaker-result>"""


def test_a_cluster_in_which_all_is_well() -> None:
    seen = views.view((DATA / "crm_mon-2.1.5-all-running.xml").read_text())
    assert seen.online == {"snow01", "snow02"}
    assert (seen.dc, seen.fencing) == (True, False)
    assert seen.places["deploy01"] == "snow02"
    assert "" not in seen.places.values()


def test_what_is_stopped_unmanaged_or_blocked_is_nowhere() -> None:
    seen = views.view((DATA / "crm_mon-2.1.5-troubled.xml").read_text())
    assert {name for name, server in seen.places.items() if not server} == {"maui01", "nis01", "proxy01", "syslog01"}


def test_what_migrates_has_not_arrived() -> None:
    seen = views.view((DATA / "crm_mon-2.1.5-migrating.xml").read_text())
    assert "" in seen.places.values()


def test_a_member_that_is_unclean_or_pending_is_not_well() -> None:
    shown = (
        '<pacemaker-result><summary><current_dc present="false"/></summary><nodes>'
        '<node name="a" online="true" unclean="true"/><node name="b" online="true" pending="true"/>'
        '<node name="c" online="false"/><node name="d" online="true" pending="false" unclean="false"/></nodes>'
        '<fence_history><fence_event status="pending" action="reboot" target="a"/></fence_history></pacemaker-result>'
    )
    seen = views.view(shown)
    assert seen.online == {"d"}
    assert (seen.fencing, seen.dc) == (True, False)


def test_a_cluster_without_moves_has_no_leftovers() -> None:
    assert views.leftovers((DATA / "cibadmin-2.1.5-guide-domains.xml").read_text()) == []


def test_what_moves_leave_behind_is_found() -> None:
    cib = """<cib><configuration><resources><primitive id="nis01"><operations id="snow-ha--move.operations--nis01"/>
        </primitive></resources><constraints><rsc_location id="snow-ha--move--nis01"/>
        <rsc_location id="cli-prefer-web01"/><rsc_location id="snow-ha--place--web01"/></constraints></configuration>
        <status><node_state id="cli-1"/></status></cib>"""
    assert views.leftovers(cib) == ["cli-prefer-web01", "snow-ha--move--nis01", "snow-ha--move.operations--nis01"]


def test_only_a_fencing_that_has_ended_well_counts() -> None:
    assert {target for target, *_ in views.fenced(HISTORY)} == {"snow01"}


@pytest.mark.parametrize("text", ["", "crm_mon: Connection to cluster failed"])
def test_what_is_no_xml_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not XML"):
        views.view(text)
