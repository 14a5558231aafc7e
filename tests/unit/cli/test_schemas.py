"""docs/schema/ and what --json prints agree: what is there is described, and what is described is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from snow_ha_plugin.cli import check
from snow_ha_plugin.cli import status as status_verb
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure.acceptance import Acceptance
from snow_ha_plugin.core.reports import verdict
from snow_ha_plugin.core.reports.overview import DomainView, FencingView, Overview
from snow_ha_plugin.core.reports.verdict import Word
from snow_ha_plugin.guide.check import Checked
from snow_ha_plugin.model import Change, Finding, MigrationProgress, Severity
from tests.scenarios import cluster
from tests.schemas import SCHEMAS, agree
from tests.unit.cli.conftest import Files
from tests.unit.cli.test_balance import SKEWED

FINDING = Finding(Severity.ERROR, "image-missing", "the image is not there", "put it back", subject="web01")


@pytest.mark.parametrize("path", sorted(SCHEMAS.iterdir()), ids=lambda path: path.name)
def test_another_key_does_not_pass(path: Path) -> None:
    with pytest.raises(AssertionError):
        agree(path.stem, {"other": 1})


def test_status(files: Files) -> None:
    on_cib = ("--cib", str(files.cib))
    agree("status", files.run("status", "--json", *on_cib).json)
    files.run("accept", "no-fencing", *on_cib)
    files.run("remove", "nis01", *on_cib)
    agree("status", files.run("status", "--json", *on_cib).json)


def test_status_of_a_migration_and_without_the_schedulers_answer() -> None:
    domain = DomainView(
        "nis02", "migrating", "snow01", True, 512, 1, 1790000000, MigrationProgress("snow02", 1, 512, 60)
    )
    view = Overview(True, (), (domain,), (), FencingView(True, (), "by-hand", {"snow01": ""}), None, (FINDING,))
    agree("status", status_verb._json(view, verdict.of(view)))


@pytest.mark.parametrize("word", Word)
def test_check(word: Word) -> None:
    given = Acceptance("no-fencing", "", Severity.ERROR, 1, 2)
    checked = Checked(word, ("Bridges",), (FINDING,), (FINDING,), ((FINDING, given),))
    agree("check", check._json(checked, [Change("fix", "snow01", "put right: it was wrong")]))


def test_balance(files: Files) -> None:
    text = SKEWED.replace("web01 4096 2 on snow01", "web01 4096 2 on snow01 allow-migrate=false")
    files.cib.write_bytes(cib.serialize(cluster.read(text).tree))
    shown = files.run("balance", "--dry-run", "--json", "--cib", str(files.cib)).json
    assert shown["moves"] and shown["violations"] and shown["constraints"]
    agree("balance", shown)


@pytest.mark.parametrize("words", [("snow01",), ("snow01", "snow02"), ("--each",)])
def test_what_if(files: Files, words: tuple[str, ...]) -> None:
    agree("what-if", files.run("what-if", *words, "--json", "--cib", str(files.cib)).json)
