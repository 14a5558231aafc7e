from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from snow_ha_plugin.cli import output
from snow_ha_plugin.system import snowtools
from tests.unit.cli.conftest import Files

# The fixture of all unit tests says yes.
REAL = snowtools.hook_is_in


@pytest.mark.parametrize("is_in", [True, False])
def test_commands_are_told_as_they_work_now(files: Files, monkeypatch: pytest.MonkeyPatch, *, is_in: bool) -> None:
    monkeypatch.setattr(snowtools, "hook_is_in", lambda: is_in)
    now, other = ("snow ha ", "snow-ha ") if is_in else ("snow-ha ", "snow ha ")
    cib = ("--cib", str(files.cib))
    files.cib.write_text(files.cib.read_text().replace('name="hv_memory" value="512"', 'name="other" value="1"'))
    for words in (
        ("status", *cib), ("status", "--json", *cib), ("explain", "no-fencing"), ("accept", "held", *cib),
    ):  # fmt: skip
        ended = files.run(*words)
        told = ended.out + ended.err
        assert now in told, words
        assert other not in told, words


def test_the_hook_is_looked_for_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNOW_ETC", raising=False)
    monkeypatch.setenv("SNOW_ROOT", str(tmp_path))
    assert not REAL()
    (hook,) = [snowtools.layout().hooks_dir / snowtools.HOOK]
    hook.parent.mkdir(parents=True)
    hook.touch()
    assert REAL()


def test_a_file_server_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    monkeypatch.setattr(snowtools, "HOOK_WITHIN_S", 0.1)
    monkeypatch.setattr(Path, "exists", lambda path: answers.wait(60))
    assert not REAL()
    answers.set()


def test_a_terminal_breaks_no_word_and_no_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "web01 has failed on snow02, and may run nowhere; mend that, then snow ha release web01; or wait"
    output.warning(text)
    assert capsys.readouterr().err == f"[W] {text}\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setenv("NO_COLOR", "1")
    output.warning(text)
    assert capsys.readouterr().err.splitlines() == [
        "[W] web01 has failed on snow02, and may run nowhere; mend that, then",
        "    snow ha release web01; or wait",
    ]


def test_no_color_means_none_also_in_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert output.style("[E]", fg="red", bold=True) == "\x1b[31m\x1b[1m[E]\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.style("[E]", fg="red", bold=True) == "[E]"


def test_what_was_done_is_output_and_what_moves_meanwhile_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with output.progress("Cluster running"):
        pass
    out, err = capsys.readouterr()
    assert re.fullmatch(r"\[\*\] Cluster running \.\.\. OK \(\d\.\d s\)\n", out)
    assert err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(ZeroDivisionError), output.progress("Cluster running", "10 s"):
        raise ZeroDivisionError
    out, err = capsys.readouterr()
    assert out == "[!] Cluster running ... FAIL\n"
    assert "Cluster running: 10 s" in err
