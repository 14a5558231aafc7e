"""The man pages tell of every verb, option and parameter, and of nothing else; man finds nothing wrong with them."""

from __future__ import annotations

import os
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from snow_ha_plugin.cli.main import group
from snow_ha_plugin.core.settings import PREFIX, SETTINGS, Setting
from tests.packaging.program import arguments, options, verbs

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.[1-9]"))


def source(page: str) -> str:
    """The text of a page without the backslashes before hyphens and without fonts."""
    text = (ROOT / "docs" / page).read_text().replace("\\-", "-")
    return re.sub(r"\\f[BIPR]", "", text)


def verb_sections() -> dict[str, str]:
    part = source("snow-ha.8").partition("\n.SH VERBS\n")[2].partition("\n.SH ")[0]
    sections = re.split(r"^\.SS (.*)\n", part, flags=re.MULTILINE)[1:]
    return dict(zip(sections[::2], sections[1::2], strict=True))


def test_each_verb_has_a_section_and_each_section_a_verb() -> None:
    assert sorted(verb_sections()) == sorted(verbs())


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_the_section_of_a_verb_has_its_options_and_arguments_in_the_synopsis(verb: str) -> None:
    synopsis = verb_sections()[verb].partition("\n.PP\n")[0]
    assert set(re.findall(r"--[a-z-]+", synopsis)) == options(verbs()[verb])
    for argument in arguments(verbs()[verb]):
        assert argument in synopsis


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_an_option_of_one_verb_is_explained_there(verb: str) -> None:
    explained = set(re.findall(r"^\.(?:B|BI|BR) (--[a-z-]+)", source("snow-ha.8"), flags=re.MULTILINE))
    assert options(verbs()[verb]) <= explained


def test_options_before_the_verb_are_there() -> None:
    assert all(f" {option}" in source("snow-ha.8") for option in (*options(group), "--help"))


def test_each_exit_status_is_there() -> None:
    from snow_ha_plugin import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SnowHaError)]
    for kind in kinds:
        assert re.search(rf"^{kind.exit_code}\|", source("snow-ha.8"), flags=re.MULTILINE)


def test_each_parameter_and_action_of_the_agent_is_there() -> None:
    shown = subprocess.run([ROOT / "ocf/Xen", "meta-data"], capture_output=True, text=True, check=True, timeout=60)
    meta_data = ET.fromstring(shown.stdout)
    page = source("ocf_snow_Xen.7")
    for kind in ("parameter", "action"):
        for element in meta_data.iter(kind):
            assert element.get("name") in page.split(), element.get("name")


def test_each_setting_is_there() -> None:
    code = "".join((ROOT / f"snow_ha_plugin/system/{name}.py").read_text() for name in ("snow_conf", "snowtools"))
    names = set(re.findall(r"\"((?:SNOW|NET)_[A-Z_]+)\"", code))
    assert {"SNOW_NODES", "NET_SNOW", "SNOW_ETC"} <= names
    assert all(name in source("snow-ha-settings.5") for name in names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_man_has_nothing_to_warn_of(page: Path) -> None:
    # As lintian does it.
    shown = subprocess.run(
        ["man", "--warnings", "--encoding=UTF-8", "--local-file", "-Tutf8", "--ditroff", page],
        env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60,
    )  # fmt: skip
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_page_has_every_setting_with_its_default(setting: Setting) -> None:
    (entry,) = [
        part for part in source("snow-ha-settings.5").split(".TP\n") if f"{setting.name}=" in part.split("\n")[0]
    ]
    assert f"default {setting.default}" in entry if setting.default else f"default: {setting.otherwise}" in entry


def test_the_page_has_no_setting_that_is_none() -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]+(?==)", source("snow-ha-settings.5")))
    assert named == {setting.name for setting in SETTINGS}
