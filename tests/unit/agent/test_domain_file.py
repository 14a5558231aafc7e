"""What the agent makes of a domain file that is there, or is not, or says something else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from snow_ha_plugin.agent import domain_file
from snow_ha_plugin.agent.operation import CONFIGURED, GENERIC, INSTALLED, OcfError

LATER = float("inf")


def refused(action: Callable[..., object], *given: object) -> tuple[int, str]:
    with pytest.raises(OcfError) as caught:
        action(*given)
    return caught.value.status, caught.value.text


@pytest.mark.parametrize("path", ["", "a.cfg", "./a.cfg"])
def test_the_file_is_named_from_the_root(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("OCF_RESKEY_xmfile", path)
    assert refused(domain_file.path_given) == (CONFIGURED, f"xmfile must be an absolute path: {path!r}")
    monkeypatch.setenv("OCF_RESKEY_xmfile", " /a.cfg ")
    assert domain_file.path_given() == "/a.cfg"


def test_a_start_needs_a_file_that_can_be_used(file: Path) -> None:
    status, why = refused(domain_file.read_given, LATER)
    assert status == INSTALLED
    assert why == f"the domain file cannot be used on this server: {file}: No such file or directory"
    file.write_text("memory = 512\nname =\n")
    assert refused(domain_file.read_if_host_has_all, LATER)[0] == INSTALLED
    file.write_text("memory = 512\n")
    assert domain_file.read_given(LATER) == domain_file.read_if_host_has_all(LATER) == {"memory": "512"}


def test_bytes_that_are_no_text_are_those_of_the_path(file: Path) -> None:
    file.write_bytes(b"kernel = '/boot/\xff'\n")
    assert domain_file.read_given(LATER) == {"kernel": os.fsdecode(b"/boot/\xff")}


def test_storage_that_does_not_answer_is_not_waited_for(file: Path) -> None:
    os.mkfifo(file)
    until = time.monotonic() + 0.6
    why = f"{file} cannot be read in time: its storage does not answer"
    assert refused(domain_file.read_given, until) == (GENERIC, why)
    assert time.monotonic() < until


@pytest.mark.parametrize("key", ["kernel", "ramdisk", "disk"])
def test_a_start_needs_all_that_the_file_names(file: Path, tmp_path: Path, key: str) -> None:
    needed = tmp_path / "needed"
    file.write_text(f"{key} = " + (f"[ 'file:{needed},xvda,w' ]" if key == "disk" else f"'{needed}'") + "\n")
    assert refused(domain_file.read_if_host_has_all, LATER) == (
        INSTALLED,
        f"{needed} is missing or not readable on this server",
    )
    needed.touch()
    assert list(domain_file.read_if_host_has_all(LATER)) == [key]


@pytest.mark.parametrize(
    ("config", "needs"),
    [
        ({"kernel": "/k", "ramdisk": "/r"}, ["/k", "/r"]),
        ({"kernel": ["/k"], "ramdisk": ""}, []),
        ({"disk": ["/a.img,raw,xvda", ",empty,hdc:cdrom,r"]}, ["/a.img"]),
        (
            {"vif": ["bridge=br0 ", "mac=00:16:3e:00:00:01", "bridge=br1,script="]},
            ["/sys/class/net/br0", "/sys/class/net/br1"],
        ),
        ({"vif": ["bridge=br0,backend=net", "bridge=br1,script=vif-openvswitch"]}, []),
        ({}, []),
    ],
)
def test_a_server_must_have_what_is_a_path_on_it(config: dict[str, object], needs: list[str]) -> None:
    assert domain_file.needs_of(config) == needs  # type: ignore[arg-type]


def test_a_disk_that_xl_will_not_take_is_told_and_the_others_are_looked_at(capfd: pytest.CaptureFixture[str]) -> None:
    assert domain_file.needs_of({"disk": ["/a,zip,xvda", "/b,raw,xvdb"]}) == ["/b"]
    assert "xl will not take the disk '/a,zip,xvda'" in capfd.readouterr().err
