"""Pacemaker's events: whether each server takes them up, and can send what is to be told."""

from __future__ import annotations

from dataclasses import replace

from snow_ha_plugin.core import cib
from snow_ha_plugin.guide import events
from snow_ha_plugin.model import Severity
from snow_ha_plugin.operations.site import Site
from tests.unit.conftest import NAMES, Machines

# A systemctl that knows what is enabled on each server, and a systemd-tmpfiles.
SYSTEMCTL = """
case $* in
    "is-enabled $UNIT") [ -e $ROOT/$SERVER.enabled ] && echo enabled || { echo disabled; exit 1; } ;;
    "show --property=Id,ActiveState,UnitFileState $UNIT")
        [ -e $ROOT/$SERVER.enabled ] && set -- active enabled || set -- inactive disabled
        printf 'Id=%s\nActiveState=%s\nUnitFileState=%s\n' $UNIT $1 $2 ;;
    "--quiet enable --now $UNIT") touch $ROOT/$SERVER.enabled ;;
    "--quiet disable --now $UNIT") rm $ROOT/$SERVER.enabled ;;
    *) exit 64 ;;
esac
"""


def prepare(machines: Machines) -> None:
    script = SYSTEMCTL.replace("$UNIT", events.UNIT).replace("$ROOT", str(machines.root))
    machines.stand_in("systemctl", script)
    machines.stand_in("systemd-tmpfiles", '[ "$*" = "--create snow-ha.conf" ]')


def ids(site: Site) -> list[str]:
    site.servers.look_anew()
    return [finding.id for finding in events.check(site)]


def test_each_server_takes_up_events_from_enable_to_disable(site: Site, machines: Machines) -> None:
    prepare(machines)
    assert ids(site) == ["events-unseen"] * 2 and not events.is_there(site)
    events.apply(site)
    assert ids(site) == [] and events.is_there(site)
    (machines.root / "snow02.enabled").unlink()
    assert ids(site) == ["events-unseen"] and events.is_there(site)
    (found,) = events.check(site)
    assert (found.severity, found.remedy) == (Severity.ERROR, "snow ha enable")
    assert found.message.startswith("snow02 ")
    events.apply(site)
    events.remove(site)
    assert ids(site) == ["events-unseen"] * 2 and not events.is_there(site)


def test_who_has_an_address_needs_a_mailer(site: Site, machines: Machines, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    prepare(machines)
    events.apply(site)
    monkeypatch.setattr(events.mail, "PROGRAMS", ("sendmail-of-the-test",))
    assert ids(site) == []
    site = replace(site, conf=site.conf._replace(alert_mail=("root",)))
    assert ids(site) == ["no-mailer"] * 2
    assert [(found.severity, found.remedy) for found in events.check(site)] == [
        (Severity.WARNING, f"on {name}: apt install postfix") for name in NAMES
    ]
    machines.stand_in("sendmail-of-the-test", "")
    assert ids(site) == []


def test_the_setting_becomes_the_alert_of_the_cluster(site: Site) -> None:
    tree = cib.empty()
    site = replace(site, conf=site.conf._replace(alert_mail=("root", "ops@example.org")))
    assert [change.target for change in events.edit(site, tree)] == ["events", "mail"]
    assert events.edit(site, tree) == []
