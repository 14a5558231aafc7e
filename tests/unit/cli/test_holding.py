"""`hold` and `release`, and what `remove` remembers, on a CIB in a file."""

from __future__ import annotations

import pytest

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.configure import intent
from tests.captures import guide_cluster, schema_errors, schemas
from tests.unit.cli.conftest import Ended, Files
from tests.unit.core.test_cib import canonical
from tests.unit.core.test_primitive import known


def tree(files: Files) -> cib.Tree:
    return cib.parse(files.cib.read_bytes())


def on_cib(files: Files, verb: str, *words: str) -> Ended:
    return files.run(verb, "--cib", str(files.cib), *words)


def with_files(files: Files) -> Files:
    """A domain file for each domain of the CIB."""
    files.cib.write_text(files.cib.read_text().replace("/sNow/snow-tools/etc/domains", str(files.domains)))
    for found in known(guide_cluster()):
        files.write_domain(found.name)
    files.sync()
    return files


def test_held_domains_are_unmanaged_and_told_until_released(files: Files) -> None:
    # The first change gives what an earlier version wrote the ids of this one.
    files.add("web01")
    found = tree(files)
    ended = on_cib(files, "hold", "nis01", "maui01", "nis01")
    assert ended.out == "[*] keep Pacemaker's hands off nis01\n[*] keep Pacemaker's hands off maui01\n"
    assert schema_errors(tree(files)) == ""
    shown = on_cib(files, "status")
    assert "Pacemaker keeps its hands off maui01 and nis01" in shown.out
    assert "snow ha release maui01 nis01" in shown.out
    assert shown.out.count("running on snow02; it is held: ") == 2
    assert on_cib(files, "hold", "nis01").out == "[I] held already: nis01\n"
    assert on_cib(files, "release", "--all").out.count("look after") == 2
    assert on_cib(files, "release", "nis01").out == "[I] not held: nis01\n"
    after = tree(files)
    after.set("epoch", found.get("epoch"))
    after.set("num_updates", found.get("num_updates"))
    assert canonical(after) == canonical(found)


def test_all_domains_can_be_held(files: Files) -> None:
    assert on_cib(files, "hold", "--all", "--dry-run").out.count("[I] would ") == len(cib.domains(guide_cluster()))
    on_cib(files, "hold", "--all")
    after = tree(files)
    assert all(intent.is_held(after, name) for name in cib.domains(after))


@pytest.mark.parametrize("verb", ["hold", "release"])
def test_neither_names_nor_all_nor_both_can_be_meant(files: Files, verb: str) -> None:
    before = files.cib.read_bytes()
    for words in ([], ["--all", "nis01"]):
        assert "name domains, or give --all" in files.refused(on_cib(files, verb, *words), 64, before)
    assert "snow ha add web01" in files.refused(on_cib(files, verb, "web01"), 105, before)


def test_a_domain_that_was_removed_is_not_registered_by_sync(files: Files) -> None:
    with_files(files)
    on_cib(files, "remove", "web01")
    assert files.sync().out == "[I] nothing to do: the CIB matches the domain files\n"
    assert "web01" not in files.registered()
    shown = on_cib(files, "status")
    assert [line.split()[:3] for line in shown.out.splitlines() if "web01" in line] == [["web01", "not", "protected"]]
    states = {row["name"]: row["state"] for row in on_cib(files, "status", "--json").json["domains"]}
    assert states["web01"] == "not protected"


def test_removing_twice_has_nothing_to_do(files: Files) -> None:
    files.add("web01")
    on_cib(files, "remove", "web01")
    assert on_cib(files, "remove", "web01").out == "[I] nothing to do\n"


def test_adding_forgets_that_a_domain_was_removed(files: Files) -> None:
    with_files(files)
    on_cib(files, "remove", "web01")
    assert files.add("web01").err == ""
    assert intent.left_out(tree(files)) == ()
    assert "web01" in files.registered()


@pytest.mark.parametrize("schema", schemas())
def test_each_schema_takes_what_is_remembered(schema: str) -> None:
    remembered = guide_cluster()
    intent.leave_out(remembered, ["web01", "web02"])
    intent.hold(remembered, ["nis01"])
    intent.pause(remembered, ["maui01"])
    assert schema_errors(remembered, schema) == ""
