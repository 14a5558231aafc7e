"""`accept` on a CIB in a file, of the guide's cluster, which has no fencing."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from tests.captures import schema_errors
from tests.unit.cli.conftest import Ended, Files


def on_cib(files: Files, verb: str, *words: str) -> Ended:
    return files.run(verb, "--cib", str(files.cib), *words)


def ids(files: Files) -> set[str]:
    return {finding["id"] for finding in on_cib(files, "status", "--json").json["findings"]}


def test_what_is_accepted_is_one_word_and_counts_for_nothing(files: Files) -> None:
    before = on_cib(files, "status")
    assert "no-fencing" in ids(files)
    done = on_cib(files, "accept", "no-fencing", "--for", "2d", "--reason", "a test site")
    assert (done.status, done.out) == (0, "[*] leave no-fencing aside for 2 d\n")
    assert schema_errors(cib.parse(files.cib.read_bytes())) == ""
    after = on_cib(files, "status")
    assert (before.status, after.status) == (1, 0)
    assert after.out.startswith("HEALTHY")
    assert after.out.splitlines()[-1].endswith("; accepted: no-fencing")
    assert "no-fencing" not in ids(files)
    (told,) = on_cib(files, "status", "--json").json["accepted"]
    assert (told["id"], told["reason"]) == ("no-fencing", "a test site")


def test_what_is_accepted_is_listed_and_can_end(files: Files) -> None:
    assert on_cib(files, "accept", "--list").out == "[I] nothing is accepted\n"
    on_cib(files, "accept", "no-fencing", "--reason", "a test site")
    (line,) = on_cib(files, "accept", "--list").out.splitlines()
    assert line.startswith("no-fencing  until 2")
    assert line.endswith("  a test site")
    (shown,) = on_cib(files, "accept", "--list", "--json").json["accepted"]
    assert shown["until"] - shown["since"] == 30 * 86400
    assert on_cib(files, "accept", "--end", "no-fencing").out == "[*] leave no-fencing aside no longer\n"
    assert "no-fencing" in ids(files)


def test_another_server_is_told_all_the_same(files: Files) -> None:
    text = files.cib.read_text()
    files.cib.write_text(text.replace('name="hv_memory" value="4096"', 'name="hv_memory" value="9999"'))
    found = on_cib(files, "status", "--json").json["findings"]
    subjects = [finding["subject"] for finding in found if finding["id"] == "no-n+1"]
    assert len(subjects) == 2
    on_cib(files, "accept", "no-n+1", subjects[0])
    left = on_cib(files, "status", "--json").json["findings"]
    assert [finding["subject"] for finding in left if finding["id"] == "no-n+1"] == subjects[1:]
    on_cib(files, "accept", "no-n+1")
    assert "no-n+1" not in ids(files)


def test_a_dry_run_accepts_nothing(files: Files) -> None:
    before = files.cib.read_bytes()
    assert on_cib(files, "accept", "no-fencing", "--dry-run").out == "[I] would leave no-fencing aside for 30 d\n"
    assert files.cib.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("running-twice",), 107, "running-twice cannot be accepted; a domain could run twice meanwhile"),
        (("held",), 105, "there is no finding held now; see snow ha status"),
        (("no-fencing", "snow01"), 105, "there is no finding no-fencing snow01 now"),
        (("no-fencig",), 105, "did you mean no-fencing"),
        (("--end", "no-fencing"), 105, "no-fencing is not accepted"),
        ((), 64, "accept takes a CODE, or --list"),
        (("--list", "no-fencing"), 64, "accept takes a CODE, or --list"),
        (("no-fencing", "--for", "soon"), 64, "'soon' is no time such as 12h"),
        (("no-fencing", "--for", "0d"), 64, "'0d' is no time such as 12h"),
        (("no-fencing", "--for", "9999999999d"), 64, "of ten years at most"),
    ],
)
def test_bad_input_changes_nothing(files: Files, words: tuple[str, ...], status: int, told: str) -> None:
    before = files.cib.read_bytes()
    assert told in files.refused(on_cib(files, "accept", *words), status, before)
