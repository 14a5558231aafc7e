"""What the agent makes of a domain file that is there, or is not, or says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from snow_ha_plugin.agent import domain_file
from snow_ha_plugin.agent.operation import CONFIGURED, INSTALLED, OcfError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That of the resource web01, which has no parameter `name`."""
    monkeypatch.setenv("OCF_RESOURCE_INSTANCE", "web01")
    monkeypatch.setenv("OCF_RESKEY_xmfile", str(tmp_path / "a.cfg"))
    monkeypatch.delenv("OCF_RESKEY_name", raising=False)
    return tmp_path / "a.cfg"


@pytest.mark.parametrize(
    ("text", "name"), [("name = 'other'\n", "other"), ("memory = 512\n", "web01"), ("name = ''\n", "web01")]
)
def test_the_name_is_what_the_file_says_or_else_the_resource_s(file: Path, text: str, name: str) -> None:
    file.write_text(text)
    assert domain_file.domain_name() == name


def test_the_parameter_comes_before_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCF_RESKEY_name", "given")
    file.write_text("name = 'other'\n")
    assert domain_file.domain_name() == "given"


@pytest.mark.parametrize(("text", "why"), [(None, "No such file or directory"), ("name = \n", "line 1")])
def test_a_stop_needs_no_file(file: Path, capfd: pytest.CaptureFixture[str], text: str | None, why: str) -> None:
    if text is not None:
        file.write_text(text)
    assert domain_file.domain_name() == "web01"
    said = capfd.readouterr().err
    assert said.startswith(f"{file}: ") and why in said and "taking the resource's name" in said


def refused(action: object) -> tuple[int, str]:
    with pytest.raises(OcfError) as caught:
        action()  # type: ignore[operator]
    return caught.value.status, caught.value.text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = ['a']\n", "no usable domain name: ['a']"),
        ("name = 'a b'\n", "no usable domain name: 'a b'"),
        ("name = 7\n", "xl takes the name 7 for a domain id"),
    ],
)
def test_a_name_of_the_file_that_xl_would_misread_is_refused(file: Path, text: str, why: str) -> None:
    file.write_text(text)
    assert refused(domain_file.domain_name) == (CONFIGURED, why)


@pytest.mark.parametrize("path", ["", "a.cfg", "./a.cfg"])
def test_the_file_is_named_from_the_root(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("OCF_RESKEY_xmfile", path)
    assert refused(domain_file.path_given) == (CONFIGURED, f"xmfile must be an absolute path: {path!r}")
    monkeypatch.setenv("OCF_RESKEY_xmfile", " /a.cfg ")
    assert domain_file.path_given() == "/a.cfg"


def test_a_start_needs_a_file_that_can_be_used(file: Path) -> None:
    status, why = refused(domain_file.read_given)
    assert status == INSTALLED
    assert why == f"the domain file cannot be used on this server: {file}: No such file or directory"
    file.write_text("memory = 512\nname =\n")
    assert refused(domain_file.read_if_host_has_all)[0] == INSTALLED
    file.write_text("memory = 512\n")
    assert domain_file.read_given() == domain_file.read_if_host_has_all() == {"memory": "512"}


@pytest.mark.parametrize("key", ["kernel", "ramdisk", "disk"])
def test_a_start_needs_all_that_the_file_names(file: Path, tmp_path: Path, key: str) -> None:
    needed = tmp_path / "needed"
    file.write_text(f"{key} = " + (f"[ 'file:{needed},xvda,w' ]" if key == "disk" else f"'{needed}'") + "\n")
    assert refused(domain_file.read_if_host_has_all) == (
        INSTALLED,
        f"{needed} is missing or not readable on this server",
    )
    needed.touch()
    assert list(domain_file.read_if_host_has_all()) == [key]


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
