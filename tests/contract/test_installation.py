"""What is installed, by the Debian package and by pip: the same files, the same each time, and they work."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.captures import DATA
from tests.lab import host, package
from tests.lab.package import CHECKOUT

# One process for all of these: pip takes a while.
pytestmark = pytest.mark.xdist_group("installation")

MODULE = "snow_ha_plugin"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The content of the Debian package."""
    directory = tmp_path_factory.mktemp("deb")
    host.run(["dpkg-deb", "--extract", package.prepare(), directory])
    return directory


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment after `pip install CHECKOUT`, with what PyPI has of the libraries."""
    directory = tmp_path_factory.mktemp("pip")
    copy = directory / "checkout"
    copy_checkout(copy)
    host.run(["/usr/bin/python3", "-m", "venv", directory / "venv"])
    host.run([directory / "venv/bin/pip", "install", "-q", "--disable-pip-version-check", copy], 300)
    return directory / "venv"


def copy_checkout(target: Path) -> None:
    for name in package.files(CHECKOUT):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, target / name)


def modules(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in (directory / MODULE).rglob("*") if path.suffix != ".pyc"}


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


def test_two_builds_are_the_same_byte_for_byte(tmp_path: Path) -> None:
    copy = tmp_path / "a path of another length"
    copy_checkout(copy)
    host.run(["git", "init", "--quiet", copy])
    os.utime(copy / "README.md", (0, 0))
    build = ["env", "TZ=Pacific/Auckland", "LC_ALL=C.UTF-8", "DEB_BUILD_OPTIONS=nocheck", "DEB_BUILD_PROFILES=nocheck"]
    host.run(
        ["sh", "-c", 'umask 077 && exec "$@"', "sh", *build, copy / "packaging/build-deb", tmp_path / "out"],
        package.BUILD_TIMEOUT_S,
    )
    first = package.build(CHECKOUT, tmp_path / "first")
    (second,) = (tmp_path / "out").glob("*.deb")
    assert first.read_bytes() == second.read_bytes() == package.prepare().read_bytes()
    (source,) = (tmp_path / "out").glob("*.tar.xz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {str(name) for name in package.files(CHECKOUT)} - names <= {".gitignore"}


def test_debian_and_pip_install_the_module_as_it_is_here(unpacked: Path, environment: Path) -> None:
    expected = {str(name) for name in package.files(CHECKOUT) if name.parts[0] == MODULE}
    (site_packages,) = environment.glob("lib/python3.*/site-packages")
    for directory in (unpacked / "usr/lib/python3/dist-packages", site_packages):
        assert {name for name in modules(directory) if not (directory / name).is_dir()} == expected


def test_nothing_else_of_ours_can_be_imported(unpacked: Path) -> None:
    top = {path.name.partition("-")[0] for path in (unpacked / "usr/lib/python3/dist-packages").iterdir()}
    assert top == {MODULE, "snow_ha"}


def test_all_of_it_compiles(unpacked: Path, tmp_path: Path) -> None:
    module = unpacked / "usr/lib/python3/dist-packages" / MODULE
    host.run(["/usr/bin/python3", "-X", f"pycache_prefix={tmp_path}", "-m", "compileall", "-q", module])
    # Beside those that Python itself found uncompiled.
    ours = tmp_path / module.relative_to("/")
    assert len(list(ours.rglob("*.pyc"))) == len(list(module.rglob("*.py")))


def test_beside_the_module_pip_installs_what_debian_does(unpacked: Path, environment: Path) -> None:
    def others(root: Path, prefix: str) -> set[str]:
        found = {name.removesuffix(".gz") for name in files(root / prefix)}
        return {name for name in found if name.startswith(("share/snow-ha/5", "share/man/", "lib/ocf/", "share/bash"))}

    debian = others(unpacked, "usr")
    assert len(debian) > 5
    assert debian - others(environment, "") == {"share/bash-completion/completions/snow"}
    assert others(environment, "") <= debian


def test_the_agent_keeps_its_first_line_and_can_be_run(unpacked: Path) -> None:
    agent = unpacked / "usr/lib/ocf/resource.d/snow/Xen"
    assert agent.read_bytes() == (CHECKOUT / "ocf/Xen").read_bytes()
    shown = subprocess.run([agent, "meta-data"], capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize("way", ["unpacked", "environment"])
def test_the_agent_finds_the_module_that_it_imports(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    agent = next(request.getfixturevalue(way).rglob("lib/ocf/resource.d/snow/Xen"))
    file = tmp_path / "web01.cfg"
    file.write_text("name = 'web01'\nvnuma = [ [ 'pnode=0' ] ]\n")
    asked = subprocess.run(
        [agent, "validate-all"],
        env={"PATH": "/usr/bin:/bin", "OCF_RESKEY_xmfile": str(file)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (asked.returncode, asked.stderr) == (0, "")


def test_what_it_depends_on_names_no_version_of_python() -> None:
    depends = host.run(["dpkg-deb", "--field", package.prepare(), "Depends"]).strip().split(", ")
    assert "python3:any" in depends
    assert not [word for word in depends if word.startswith("python3") and "<<" in word]


def test_what_pip_installed_works(environment: Path) -> None:
    program = environment / "bin/snow-ha"
    shown = subprocess.run(
        [program, "--cib", DATA / "cibadmin-2.1.5-guide-domains.xml", "status"],
        cwd="/", capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    # There is no fencing in it.
    assert (shown.returncode, shown.stderr) == (1, "")
    assert "deploy01" in shown.stdout
    shipped = "from snow_ha_plugin.guide import hook; print(len(hook._shipped()))"
    assert int(host.run([environment / "bin/python", "-c", shipped])) > 0
