"""The settings of snow.conf as snow-ha-settings(5) has them: what is a value, what is not, what holds without one."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import settings
from snow_ha_plugin.core.settings import Setting

BY_NAME = {setting.name: setting for setting in settings.SETTINGS}


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("SNOW_HA_MIGRATION_MIB_S", "80"),
        ("SNOW_HA_FENCING", ""),
        ("SNOW_HA_WATCHDOG_S", "15"),
        ("SNOW_HA_QDEVICE", ""),
        ("SNOW_HA_ALERT_MAIL", ""),
        ("SNOW_HA_WATCH_GRACE_S", "300"),
    ],
)
def test_without_a_value_the_documented_default_holds(name: str, default: str) -> None:
    assert BY_NAME[name].default == default
    assert BY_NAME[name].is_valid(default)


@pytest.mark.parametrize("setting", settings.SETTINGS, ids=lambda setting: setting.name)
def test_where_the_default_is_no_value_it_is_told_in_words(setting: Setting) -> None:
    assert bool(setting.otherwise) == (setting.default == "")
    assert setting.must


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("SNOW_HA_MIGRATION_MIB_S", ["1", "80", "1000000"]),
        ("SNOW_HA_FENCING", ["", "sbd"]),
        ("SNOW_HA_WATCHDOG_S", ["5", "120"]),
        ("SNOW_HA_QDEVICE", ["", "none", "q", "qnetd01.example.org", "10.0.0.1", "fd00::1"]),
        ("SNOW_HA_ALERT_MAIL", ["", "root", "a_b", "ops@example.org", "root, x+y@a-b.c  admin", "a.b%c@x"]),
        ("SNOW_HA_WATCH_GRACE_S", ["0", "86400"]),
    ],
)
def test_a_value_within_the_documented_limits_is_one(name: str, values: list[str]) -> None:
    assert [value for value in values if not BY_NAME[name].is_valid(value)] == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("SNOW_HA_MIGRATION_MIB_S", ["", "0", "1000001", "80.5", "-1", "+1", "²", "٣", " 1"]),
        ("SNOW_HA_FENCING", ["SBD", "none of them", "sbd "]),
        ("SNOW_HA_WATCHDOG_S", ["", "4", "121", "15s"]),
        ("SNOW_HA_QDEVICE", ["-x", "x-", "a b", "a;b", "a\n"]),
        ("SNOW_HA_ALERT_MAIL", ["-x", "root -x", "a;b", "a@", "a@-b", "a@b@c", "$(x)", "a@b\\n"]),
        ("SNOW_HA_WATCH_GRACE_S", ["", "-1", "86401"]),
    ],
)
def test_what_is_outside_of_them_is_none(name: str, values: list[str]) -> None:
    assert [value for value in values if BY_NAME[name].is_valid(value)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("a\nb c,d", ["a", "b", "c", "d"]),
        ("root,ops@example.org", ["root", "ops@example.org"]),
    ],
)
def test_addresses_are_apart_by_blanks_or_commas(text: str, found: list[str]) -> None:
    assert settings.addresses(text) == found


CONF = """# SNOW_HA_COMMENT=1
SNOW_NODES=(snow01 snow02)
  export SNOW_HA_WATCHDOG_S=15
declare -a -r SNOW_HA_ARRAY=(1)
readonly SNOW_RO+=x
typeset SNOW_T[3]=x
MY_SNOW_X=1
echo SNOW_HA_ECHO=1
SNOW_HA_WATCHDOGS=5
SNOW_NODE=(x)
SNOW_HA_XYZZY=1
SNOW_NOTES=1
"""


def test_each_form_of_an_assignment_is_found_with_its_line() -> None:
    assert list(settings.assigned(CONF)) == [
        (2, "SNOW_NODES"),
        (3, "SNOW_HA_WATCHDOG_S"),
        (4, "SNOW_HA_ARRAY"),
        (5, "SNOW_RO"),
        (6, "SNOW_T"),
        (9, "SNOW_HA_WATCHDOGS"),
        (10, "SNOW_NODE"),
        (11, "SNOW_HA_XYZZY"),
        (12, "SNOW_NOTES"),
    ]


def test_of_names_with_our_beginning_each_that_is_none_is_told_and_of_others_only_what_is_near() -> None:
    """SNOW_NOTES may be a variable of sNow!'s: one character is too many for it to be meant for SNOW_NODES."""
    text = "SNOW_RO=x\nSNOW_HA_WATCHDOGS=5\nSNOW_NODE=(x)\nSNOW_HA_XYZZY_QUUX=1\nSNOW_HA_FENCING=sbd\nSNOW_NODES=(a)\n"
    assert list(settings.unknown(text)) == [
        (2, "SNOW_HA_WATCHDOGS", "SNOW_HA_WATCHDOG_S"),
        (3, "SNOW_NODE", "SNOW_NODES"),
        (4, "SNOW_HA_XYZZY_QUUX", ""),
    ]
    assert [found for *_, found in settings.unknown("SNOW_NOTE=1\nSNOW_PATHS=1\n")] == []
