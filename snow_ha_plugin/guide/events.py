"""Pacemaker's events: its alert agent puts them aside on each server, and a unit of systemd there takes them up."""

from __future__ import annotations

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import alerts
from snow_ha_plugin.guide.section import ConfigurationStep, Step
from snow_ha_plugin.model import Change, Finding, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import mail, units

UNIT = "snow-ha-events.path"

_LOOK = f"""
for program; do command -v "$program" >/dev/null && echo mails; done
exec {" ".join(units.SHOW)} {UNIT}
"""
_PUT = 'systemd-tmpfiles --create snow-ha.conf && systemctl --quiet enable --now "$1"'


def check(site: Site) -> list[Finding]:
    def look(server: str) -> str:
        return site.servers.must(server, ["sh", "-c", _LOOK, "sh", *mail.PROGRAMS], looks=True).text

    findings = []
    for server, text in site.servers.each(look).items():
        of_systemd = units.parse(text)
        if UNIT not in of_systemd.enabled & of_systemd.active:
            message = f"{server} does not take up Pacemaker's events: nothing records or tells them"
            findings.append(Finding(Severity.ERROR, "events-unseen", message, "snow ha enable"))
        if site.conf.alert_mail and "mails" not in text.split():
            message = f"{server} cannot send the notices of SNOW_HA_ALERT_MAIL: there is neither sendmail nor mail"
            findings.append(Finding(Severity.WARNING, "no-mailer", message, f"on {server}: apt install postfix"))
    return findings


def apply(site: Site) -> None:
    site.servers.each(lambda name: site.servers.must(name, ["sh", "-c", _PUT, "sh", UNIT]))


def is_there(site: Site) -> bool:
    words = ["systemctl", "is-enabled", UNIT]
    answers = site.servers.each(lambda name: site.servers.run(name, words))
    return any(answer.text.strip() == "enabled" for answer in answers.values())


def remove(site: Site) -> None:
    site.servers.each(lambda name: site.servers.must(name, ["systemctl", "--quiet", "disable", "--now", UNIT]))


def edit(site: Site, tree: cib.Tree) -> list[Change]:
    return alerts.put(tree, site.conf.alert_mail)


SERVERS = Step("events", "Pacemaker's events", check, apply)
STEP = ConfigurationStep("events", "Pacemaker's events", edit)
