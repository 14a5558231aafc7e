"""Bad input: one line, the right exit status, and nothing changed. Each status is that of errors.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snow_ha_plugin.operations import registration
from tests.unit.cli.conftest import Files

# Whoever asks for these on a real machine must not be root, nor be told of another error first.
LIVE = [
    ("status",), ("add", "web01"), ("remove", "web01"), ("sync",),
    ("enable", "--without-fencing"), ("disable",), ("check",),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("none", 105),
        ("a b", 64),
        ("a'b", 64),
        ('a"b', 64),
        ("a;b", 64),
        ("$(touch /tmp/x)", 64),
        ("`id`", 64),
        ("../domains/web01", 64),
        ("-x", 64),
        ("", 64),
        ("a\nb", 64),
        ("\x1b[31mred", 64),
        ("ä", 64),
        ("web01 ", 64),
        ("a--incoming", 64),
    ],
)
def test_a_name_that_is_no_domain(files: Files, name: str, status: int) -> None:
    before = files.cib.read_bytes()
    said = files.refused(files.add("web01", "--", name), status, before)
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = ", "line 1"),
        ("name = 'bad\nmemory = 1", "line 1"),
        ("import os; os.system('touch x')", "line 1"),
        ("memory = 512", "no 'name'"),
        ("name = 'other'", "names the domain 'other'"),
        ("name = 'bad'\nmemory = 'much'", "not a whole number"),
        ("name = 'bad'\nx = " + "[" * 10_000, "nested too deeply"),
    ],
)
def test_a_domain_file_that_will_not_do(files: Files, text: str, why: str) -> None:
    before = files.cib.read_bytes()
    files.write_domain("bad", text)
    assert why in files.refused(files.add("web01", "bad"), 65, before)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "nonsense",
        lambda text: "<html/>",
        lambda text: text.replace("<constraints/>", ""),
        lambda text: text.replace(' epoch="', ' epoch="x'),
        lambda text: '<!DOCTYPE cib [<!ENTITY e "x">]>' + text,
        lambda text: text.replace("<constraints/>", "<constraints><nonsense id='n'/></constraints>"),
        lambda text: text.replace('name="start"', 'nama="start"', 1),
        lambda text: text.replace('"pacemaker-3.9"', '"pacemaker-99"'),
    ],
    ids=["cut", "empty", "no-xml", "no-cib", "section", "epoch", "doctype", "unknown", "attribute", "schema"],
)
@pytest.mark.parametrize("verb", ["add", "remove"])
def test_a_cib_that_is_cut_short_or_invalid(files: Files, edit: object, verb: str) -> None:
    files.cib.write_text(edit(files.cib.read_text()))  # type: ignore[operator]
    before = files.cib.read_bytes()
    ended = files.add("web01") if verb == "add" else files.run("remove", "--cib", str(files.cib), "nis01")
    files.refused(ended, 65, before)


def test_status_of_a_cib_that_is_invalid(files: Files) -> None:
    files.cib.write_text(files.cib.read_text().replace("<constraints/>", "<constraints><x id='n'/></constraints>"))
    files.refused(files.run("status", "--cib", str(files.cib)), 65, files.cib.read_bytes())


@pytest.mark.parametrize("where", ["none.xml", ".", "cib.xml/x"])
@pytest.mark.parametrize("verb", [("add", "web01"), ("remove", "nis01"), ("status",), ("sync",)])
def test_a_cib_that_is_not_there(files: Files, where: str, verb: tuple[str, ...]) -> None:
    before = files.cib.read_bytes()
    options = [] if verb[0] in ("remove", "status") else ["--domains-dir", str(files.domains)]
    files.refused(files.run(*verb, *options, "--cib", str(files.directory / where)), 66, before)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--snow-conf", "none"], 66),
        (["--snow-conf", "writable"], 77),
        (["--snow-conf", "syntax"], 78),
        (["--snow-conf", "."], 77),
    ],
)
def test_a_snow_conf_that_will_not_do(files: Files, tmp_path: Path, options: list[str], status: int) -> None:
    directory = tmp_path / "domains"
    for name, text, mode in (("writable", "", 0o666), ("syntax", "IPMI_PASSWORD=geheim)\n", 0o600)):
        (directory / name).write_text(text)
        (directory / name).chmod(mode)
    before = files.cib.read_bytes()
    said = files.refused(files.add("web01", options[0], str(directory / options[1])), status, before)
    assert "geheim" not in said


def test_no_directory_of_domain_files(files: Files) -> None:
    before = files.cib.read_bytes()
    nowhere = ["--cib", str(files.cib), "--domains-dir", str(files.directory / "none")]
    files.refused(files.run("add", *nowhere, "web01"), 105, before)
    files.refused(files.run("sync", *nowhere), 66, before)


@pytest.mark.parametrize("kind", ["Dummy", "Stateful"])
def test_a_primitive_of_that_name_that_runs_no_domain(files: Files, kind: str) -> None:
    other = f'<primitive id="web01" class="ocf" provider="pacemaker" type="{kind}"/></resources>'
    files.cib.write_text(files.cib.read_text().replace("</resources>", other))
    before = files.cib.read_bytes()
    assert "of this id that runs no domain" in files.refused(files.add("web02", "web01"), 78, before)


def test_what_nobody_has_foreseen_is_one_line_and_a_defect(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object, **more: object) -> None:
        raise KeyError("nis01\nand more")

    monkeypatch.setattr(registration, "unregister", broken)
    ended = files.run("remove", "--cib", str(files.cib), "nis01")
    assert (ended.status, ended.out, ended.err.count("\n")) == (70, "", 1)
    assert ended.err.startswith("[E] KeyError: ")
    assert "a defect of snow-ha" in ended.err
    assert "--debug" in ended.err


@pytest.mark.parametrize("name", ["none", "snow-ha-floating-ip", "a;b", "nis01 ", ""])
def test_removing_what_is_not_registered(files: Files, name: str) -> None:
    before = files.cib.read_bytes()
    files.refused(files.run("remove", "--cib", str(files.cib), "nis01", name), 105, before)


@pytest.mark.parametrize(
    "words",
    [
        ("frobnicate",),
        ("--frobnicate",),
        ("add",),
        ("remove",),
        ("add", "--frobnicate", "web01"),
        ("status", "two", "names"),
        ("status", "--jsn"),
        ("--cib",),
        ("enable", "--floating-ip", "10.0.0.300/24", "--without-fencing"),
        ("event", "exploding", "web01"),
        ("--cib", "FILE", "enable", "--without-fencing"),
        ("--cib", "FILE", "disable"),
        ("--cib", "FILE", "check"),
        ("sync", "--domains-dir", "/tmp"),
        ("add", "--snow-conf", "/tmp/x", "web01"),
    ],
)
def test_a_command_line_that_makes_no_sense(files: Files, words: tuple[str, ...]) -> None:
    before = files.cib.read_bytes()
    ended = files.run(*(str(files.cib) if word == "FILE" else word for word in words))
    assert re.search(r"; see snow-ha.* --help\n$", files.refused(ended, 64, before))


@pytest.mark.parametrize("words", LIVE)
def test_a_live_cluster_needs_root(files: Files, words: tuple[str, ...]) -> None:
    files.monkeypatch.setattr("os.geteuid", lambda: 1000)
    said = files.refused(files.run(*words), 77, files.cib.read_bytes())
    assert "this needs root" in said


def test_without_a_verb_the_help_is_shown(files: Files) -> None:
    ended = files.run()
    assert (ended.status, ended.err) == (0, "")
    assert "Usage: snow-ha" in ended.out


def test_the_hooks_own_verb_is_not_for_people(files: Files) -> None:
    assert "event" not in files.run("--help").out.split("Look:")[1].split()


def test_an_interrupted_verb_says_how_to_go_on(files: Files) -> None:
    def interrupt(*words: object, **options: object) -> None:
        raise KeyboardInterrupt

    files.monkeypatch.setattr("snow_ha_plugin.operations.registration.register", interrupt)
    ended = files.add("web01")
    assert (ended.status, ended.out) == (130, "")
    # On a terminal ^C stands at the end of the line before.
    assert ended.err == "\n[W] interrupted; run the same command again to go on\n"
