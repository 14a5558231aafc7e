"""What `snow-ha` refuses on real servers: one clear line, the right exit status, and nothing changed."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import cluster_state as state
from tests.lab.cluster import Lab
from tests.lab.site import CONFIGURATION, DOMAIN_FILES, IPMI_PASSWORD

pytestmark = pytest.mark.lab

ENABLE = ["snow-ha", "enable", "--without-fencing"]
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
PACKAGE = Path("usr/lib/python3/dist-packages/snow_ha_plugin/__init__.py")
SECRETS = ("master secret of the lab", IPMI_PASSWORD)

Trouble = Callable[[Lab], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def site(hasty_lab: Lab) -> Lab:
    """Servers on which nothing of the cluster has been configured or started, and domains that run."""
    return hasty_lab


def edited(path: Callable[[Lab], Path], edit: Callable[[str], str]) -> Trouble:
    """A file with other content, for a while."""

    @contextmanager
    def trouble(lab: Lab) -> Iterator[None]:
        before = path(lab).read_text()
        path(lab).write_text(edit(before))
        try:
            yield
        finally:
            path(lab).write_text(before)

    return trouble


def snow_conf(lab: Lab) -> Path:
    return lab.shared / CONFIGURATION / "snow.conf"


def domain_file(lab: Lab) -> Path:
    return lab.shared / DOMAIN_FILES / "maui01.cfg"


@contextmanager
def no_trouble(lab: Lab) -> Iterator[None]:
    yield


@contextmanager
def without_snow_conf(lab: Lab) -> Iterator[None]:
    aside = snow_conf(lab).with_name("aside")
    snow_conf(lab).rename(aside)
    try:
        yield
    finally:
        aside.rename(snow_conf(lab))


def with_mode(mode: int) -> Trouble:
    @contextmanager
    def trouble(lab: Lab) -> Iterator[None]:
        snow_conf(lab).chmod(mode)
        try:
            yield
        finally:
            snow_conf(lab).chmod(0o600)

    return trouble


def with_corosync_conf(*servers: str) -> Trouble:
    @contextmanager
    def trouble(lab: Lab) -> Iterator[None]:
        paths = [lab.disk(server) / "etc/corosync/corosync.conf" for server in servers]
        for path in paths:
            path.write_text("nodelist {\n node {\n  ring0_addr: 192.0.2.1\n  name: elsewhere\n }\n}\n")
        try:
            yield
        finally:
            for path in paths:
                path.unlink()

    return trouble


@contextmanager
def without_network(lab: Lab) -> Iterator[None]:
    lab.cut("snow02")
    try:
        yield
    finally:
        lab.heal("snow02")


@contextmanager
def without_power(lab: Lab) -> Iterator[None]:
    guests = [guest.name for guest in state.world(lab).guests("snow02")]
    lab.power_off("snow02")
    try:
        yield
    finally:
        lab.power_on("snow02")
        for name in guests:
            lab.run("snow02", ["xl", "create", f"{state.DOMAIN_FILES}/{name}.cfg"])


def other_version(text: str) -> str:
    return re.sub(r'__version__ = ".*"', '__version__ = "0.0.1"', text)


def other_gateway(text: str) -> str:
    return text.replace("'10.77.0.254'", "'10.77.0.2'")


@dataclass(frozen=True)
class Case:
    """What is wrong, what is run then, and what it must answer."""

    trouble: Trouble
    argv: list[str]
    status: int
    says: str


CASES = {
    "not root": Case(no_trouble, AS_NOBODY + ENABLE, 77, "needs root"),
    "status not root": Case(no_trouble, [*AS_NOBODY, "snow-ha", "status"], 77, "needs root"),
    "no snow.conf": Case(without_snow_conf, ENABLE, 66, "snow.conf"),
    "snow.conf writable by the group": Case(with_mode(0o660), ENABLE, 77, "chmod 600"),
    "snow.conf writable by others": Case(with_mode(0o606), ENABLE, 77, "chmod 600"),
    "snow.conf with a syntax error": Case(
        edited(snow_conf, lambda text: text + "NET_X=( 'unclosed " + IPMI_PASSWORD + "\n"), ENABLE, 78, "syntax error"
    ),
    "a server without network": Case(without_network, ENABLE, 69, "snow02 cannot be reached"),
    "another version there": Case(
        edited(lambda lab: lab.disk("snow02") / PACKAGE, other_version), ENABLE, 78, "snow02 has snow-ha 0.0.1"
    ),
    "a domain file that does not parse": Case(
        edited(domain_file, lambda text: text + "vif = [ 'unclosed\n"), ENABLE, 65, "maui01.cfg"
    ),
    "a domain file without name": Case(
        edited(domain_file, lambda text: re.sub(r"(?m)^name\b.*$", "", text)), ENABLE, 65, "maui01.cfg"
    ),
    "a domain file of another name": Case(
        edited(domain_file, lambda text: text.replace("= 'maui01'", "= 'maui02'")), ENABLE, 65, "maui02"
    ),
    "a corosync.conf by hand on one server only": Case(with_corosync_conf("snow01"), ENABLE, 78, "was written by hand"),
    "a corosync.conf by hand for other servers": Case(
        with_corosync_conf("snow01", "snow02"), ENABLE, 78, "for elsewhere, not for SNOW_NODES"
    ),
    "an image on LVM": Case(
        edited(domain_file, lambda text: re.sub(r"file:[^,]*disk.img", "phy:/dev/snow_vg/maui01-disk", text)),
        ENABLE,
        78,
        "/dev/snow_vg/maui01-disk, is not there on snow01 and snow02",
    ),
    "a server's own address as the floating IP": Case(
        edited(snow_conf, other_gateway), ENABLE, 78, "10.77.0.2 is the address of snow02"
    ),
    "status without Pacemaker": Case(no_trouble, ["snow-ha", "status"], 3, "Pacemaker does not run"),
    "add without Pacemaker": Case(no_trouble, ["snow-ha", "add", "maui01"], 69, "Pacemaker does not run"),
    "a name that is no domain": Case(no_trouble, ["snow-ha", "add", "maui99"], 105, "no domain maui99"),
    "a name with a command in it": Case(no_trouble, ["snow-ha", "add", "$(touch /etc/x); 'a b'"], 64, "name"),
}


class TestRefused:
    @pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
    def test_with_one_line_its_status_and_nothing_changed(self, site: Lab, case: Case) -> None:
        with case.trouble(site):
            before = state.snapshot(site)
            assert_refused(site, case)
            assert before.difference(state.snapshot(site)) == []

    def test_server_without_power(self, site: Lab) -> None:
        with without_power(site):
            assert_refused(site, Case(without_power, ENABLE, 69, "snow02 cannot be reached"))
            for service in ("corosync", "pacemaker"):
                assert not state.is_active(site, "snow01", service)

    @pytest.mark.parametrize("server", ["snow02", "snow01"])
    def test_shared_directory_that_is_no_mount(self, site: Lab, server: str) -> None:
        before = state.snapshot(site)
        # What an unmounted server may well have: a directory with an old copy.
        site.run(server, ["sh", "-c", "cp -a /sNow /root/sNow && umount -l /sNow && cp -a /root/sNow/. /sNow"])
        try:
            assert_refused(site, Case(no_trouble, ENABLE, 78, f"/sNow is not a mount on {server}"))
            assert before.difference(state.snapshot(site)) == []
        finally:
            site.power_off(server)
            site.power_on(server)

    def test_enable_works_once_nothing_is_wrong(self, site: Lab) -> None:
        state.enable(site)
        assert state.online(site, "snow01") == site.names
        assert state.doubles(site) == []


def assert_refused(lab: Lab, case: Case) -> None:
    done = state.attempt(lab, case.argv)
    assert done.returncode == case.status, done.stdout + done.stderr
    assert re.fullmatch(r"\[E\] [^\n]*\n", done.stderr), done.stderr
    assert case.says in done.stderr
    for secret in SECRETS:
        assert secret not in done.stdout + done.stderr
