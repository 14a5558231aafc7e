"""Pacemaker's events: its alert agent puts them aside on each server, and a unit of systemd there takes them up."""

from __future__ import annotations

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import alerts
from snow_ha_plugin.guide.section import ConfigurationStep, Step
from snow_ha_plugin.model import Change, Finding, Severity
from snow_ha_plugin.operations.site import Site
from snow_ha_plugin.system import mail

UNIT = "snow-ha-events.path"

_LOOK = """
for question in is-enabled is-active; do echo "$question=$(systemctl "$question" "$1" 2>/dev/null)"; done
shift
for program; do command -v "$program" >/dev/null && echo mails; done
:
"""
_PUT = 'systemd-tmpfiles --create snow-ha.conf && systemctl --quiet enable --now "$1"'


def check(site: Site) -> list[Finding]:
    def look(server: str) -> list[str]:
        words = ["sh", "-c", _LOOK, "sh", UNIT, *mail.PROGRAMS]
        return site.servers.must(server, words, looks=True).text.split()

    findings = []
    for server, words in site.servers.each(look).items():
        if not {"is-enabled=enabled", "is-active=active"} <= set(words):
            message = f"{server} does not take up Pacemaker's events: nothing records or tells them"
            findings.append(Finding(Severity.ERROR, "events-unseen", message, "snow ha enable"))
        if site.conf.alert_mail and "mails" not in words:
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
