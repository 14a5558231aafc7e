"""Two servers that get snow-ha with apt, from a repository on their shared file system: as its administrator has them.

The repository has this checkout's package and one of a version before it, and what Debian has of corosync and
Pacemaker, which the servers lose at the beginning.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from snow_ha_plugin import __version__
from tests.cluster import cluster_state as state
from tests.lab import host, package
from tests.lab.cluster import Lab
from tests.lab.site import build_site

BEFORE = "0.0.1"
# The last one whose agent is a single file.
REVISION_BEFORE = "06479e0e2a70"
REPO = "/sNow/apt"
APT_WITHIN_S = 120
SERVICES = ("corosync", "pacemaker")
AGENT = "/usr/lib/ocf/resource.d/snow/Xen"
# What is not there, or not the same, after each boot and each run of apt anyway.
VOLATILE = (
    "dev", "lab", "proc", "run", "sNow", "sys", "tmp", "usr/lib/xl-stand-in", "var/cache", "var/lib/apt",
    "var/lib/dpkg", "var/lib/systemd", "var/log", "var/tmp",
)  # fmt: skip


@contextmanager
def up(name: str, debian: str) -> Iterator[Lab]:
    """A lab whose servers have neither snow-ha nor a cluster, and know the repository."""
    with Lab.up(name, debian=debian, site=build_site) as lab:
        for server in lab.names:
            apt(lab, server, "purge", "snow-ha", *SERVICES)
        with tempfile.TemporaryDirectory() as directory:
            debs = [before(Path(directory)), *(lab.disk("snow01") / "var/lib/lab-packages").glob("*.deb")]
            printed = publish(lab, debs)
        for server in lab.names:
            # No network leads from here to Debian.
            lab.run(server, ["sh", "-c", "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*"])
            for line in printed.replace(str(lab.shared / "apt"), REPO).splitlines():
                if line.startswith("    install ") or line.startswith("    echo "):
                    lab.run(server, ["sh", "-c", line])
            lab.run(server, ["apt-get", "-q", "update"])
        yield lab


def before(directory: Path) -> Path:
    """The package of REVISION_BEFORE, where this checkout's history goes back to it, else one like this checkout's; of
    a version before this one, and with another hook.
    """
    checkout = directory / "checkout"
    checkout.mkdir()
    git = ["git", "-C", str(package.CHECKOUT), "archive", REVISION_BEFORE]
    archive = subprocess.run(git, capture_output=True, check=False)
    if archive.returncode == 0:
        subprocess.run(["tar", "-x", "-C", checkout], input=archive.stdout, check=True)
    else:
        for name in package.files(package.CHECKOUT):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(package.CHECKOUT / name, checkout / name)
    for file in (checkout / "packaging/debian/changelog", checkout / "snow_ha_plugin/__init__.py"):
        text = file.read_text()
        assert __version__ in text
        file.write_text(text.replace(__version__, BEFORE, 1))
    with (checkout / "hooks/50-snow-ha.sh").open("a") as hook:
        hook.write(f"# {BEFORE}\n")
    host.run(["git", "init", "--quiet", checkout])
    return package.build(checkout, directory / "out")


def publish(lab: Lab, debs: Sequence[Path]) -> str:
    """Put packages into the repository; what an administrator is told."""
    program = package.CHECKOUT / "packaging/apt-repo"
    environment = [f"SNOW_HA_KEYS={lab.shared.parent / 'keys'}"]
    return host.run(["env", *environment, program, lab.shared / "apt", *debs])


def publish_this(lab: Lab) -> None:
    """Put this checkout's package into the repository, and let the servers know."""
    publish(lab, [package.prepare()])
    for server in lab.names:
        lab.run(server, ["apt-get", "-q", "update"])


def apt(lab: Lab, server: str, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    return lab.run(server, ["apt-get", "-q", "-y", *words], timeout=APT_WITHIN_S, check=check, env=env)


@contextmanager
def monitors(lab: Lab, server: str) -> Iterator[None]:
    """Monitors of a domain that runs there, and probes of one that does not, without a pause: each of them must come
    out well. The usual quick look is not enough for them.
    """
    name = next(name for name, (where, _) in state.domids(lab).items() if where == server)
    script = f"""
        export OCF_RESKEY_CRM_meta_timeout=60000 OCF_RESKEY_monitor_scripts=/bin/true
        while [ -e /run/monitors ]; do
            OCF_RESKEY_xmfile={state.DOMAIN_FILES}/{name}.cfg OCF_RESKEY_CRM_meta_interval=10000 {AGENT} monitor ||
                echo "monitor: $?"
            OCF_RESKEY_name=nowhere {AGENT} monitor
            status=$?
            [ $status = 7 ] || echo "probe: $status"
        done 2>&1
    """
    lab.run(server, ["touch", "/run/monitors"])
    with subprocess.Popen(lab.command(server, ["sh", "-c", script]), stdout=subprocess.PIPE, text=True) as asking:
        try:
            yield
        finally:
            lab.run(server, ["rm", "/run/monitors"])
            said, _ = asking.communicate(timeout=120)
    assert said == ""


def version(lab: Lab, server: str) -> str:
    """The version of the package on a server, empty where it is not installed."""
    words = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "snow-ha"]
    status, _, found = lab.run(server, words, check=False).stdout.partition(" ")
    return found if status == "installed" else ""


def is_enabled(lab: Lab, server: str) -> dict[str, str]:
    """Whether the cluster's services start at boot, as systemctl says it."""
    return {
        service: lab.run(server, ["systemctl", "is-enabled", service], check=False).stdout.strip()
        for service in SERVICES
    }


def is_down(lab: Lab, server: str) -> bool:
    return not any(state.is_active(lab, server, service) for service in SERVICES)


def paths(lab: Lab, server: str) -> set[str]:
    """Everything on a server's own disk that lasts."""
    pruned = [word for name in VOLATILE for word in ("-path", f"/{name}", "-o")][:-1]
    find = ["find", "/", "-xdev", "(", *pruned, ")", "-prune", "-o", "-name", "__pycache__", "-prune", "-o", "-print"]
    return set(lab.run(server, find).stdout.splitlines())
