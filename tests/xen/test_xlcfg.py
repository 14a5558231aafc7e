"""The table of domain files, put to real `xl create -n`, which reads a file whole and creates nothing."""

import json
from typing import Any

import pytest

from tests.xenlab.cluster import XenLab
from tests.xlcfg_table import DISKS, REFUSED, REFUSED_DISKS, TAKEN

# What no domain can do without; the line of a fault comes behind these.
HEAD = 'name = "table"\ntype = "pv"\nkernel = "/guest/vmlinux"\nmemory = 96\n'

# Prints for each file what xl said, and the configuration that it read, or null.
ASK = """
import json, subprocess, sys
answers = []
for text in json.loads(sys.argv[1]):
    with open("/tmp/table.cfg", "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)
    done = subprocess.run(["xl", "create", "-n", "/tmp/table.cfg"], capture_output=True)
    output = done.stdout.decode("utf-8", "replace")
    read = json.loads(output[output.index("{"):]) if done.returncode == 0 else None
    answers.append([done.stderr.decode("utf-8", "replace"), read])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def ask(xenlab: XenLab) -> Any:
    def answers(texts: list[str]) -> list[Any]:
        words = ["python3", "-c", ASK, json.dumps([HEAD + text for text in texts])]
        return json.loads(xenlab.run("snow01", words, timeout=600).stdout)

    return answers


def test_xl_takes_what_our_reader_takes(ask: Any) -> None:
    answers = ask([case.text for case in TAKEN.values()])
    refused = {name: said for name, (said, read) in zip(TAKEN, answers, strict=True) if read is None}
    assert refused == {}


def test_xl_refuses_what_our_reader_refuses_at_the_same_line(ask: Any) -> None:
    wrong = {}
    for (name, case), (said, read) in zip(REFUSED.items(), ask([case.text for case in REFUSED.values()]), strict=True):
        line = HEAD.count("\n") + case.line
        # xl counts the end of a line to the line before.
        if read is not None or not any(f"/tmp/table.cfg:{at}: config parsing error" in said for at in (line, line - 1)):
            wrong[name] = said or read
    assert wrong == {}


def test_a_disk_is_what_xl_makes_of_its_line(ask: Any) -> None:
    wrong = {}
    for (line, expected), (said, read) in zip(DISKS.items(), ask([disk(line) for line in DISKS]), strict=True):
        found = read["disks"][0] if read else {}
        made = tuple(found.get(key) or "" for key in ("pdev_path", "format", "vdev", "script"))
        if made != expected:
            wrong[line] = said or made
    assert wrong == {}


def test_xl_refuses_the_disks_that_our_reader_refuses(ask: Any) -> None:
    answers = ask([disk(line) for line in REFUSED_DISKS])
    taken = {line: read for line, (_, read) in zip(REFUSED_DISKS, answers, strict=True) if read is not None}
    assert taken == {}


def disk(line: str) -> str:
    return f'disk = [ "{line}" ]\n'
