"""A sNow! site on disk: everything below /sNow that the servers of a lab share.

The layout is that of sNow! 1.1.16. Its programs are the stand-in in tests/lab/snow or, where SNOW_TOOLS names
a checkout of the real snow-tools, a copy of that. xen-tools, which the lab lacks, is always the stand-in.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
HOOK = PROJECT / "hooks" / "50-snow-ha.sh"
STAND_IN = PROJECT / "tests" / "lab" / "snow"

FLOATING_IP = "10.77.0.254"
# Of all BMCs: with what a shell would take apart, but without a space, which the lab's BMCs cannot be given, and of
# the 20 bytes that IPMI 2.0 allows at most.
IPMI_USER = "admin"
IPMI_PASSWORD = 'bmc$ecret&of"lab*1'
# Places in the site, Links in snow-tools/etc lead to the configuration, as `snow init` has it.
CONFIGURATION = Path("snow-configspace/system_files/etc")
DOMAIN_FILES = Path("snow-tools/etc/domains")
HOOKS = Path("snow-tools/share/hooks.d")


@dataclass(frozen=True)
class SiteDomain:
    """A domain that is in domains.conf and, unless `deployed` is false, has a domain file and images."""

    name: str
    role: str
    memory_mib: int = 2048
    vcpus: int = 1
    deployed: bool = True


# The domains of sNow!'s HA guide: 11.5 GiB together, so that one server of the lab (16 GiB) takes them all.
GUIDE_DOMAINS = (
    SiteDomain("deploy01", "deploy", 2048, 2),
    SiteDomain("proxy01", "proxy", 1024, 1),
    SiteDomain("monitor01", "monitor", 4096, 2),
    SiteDomain("nis01", "nis", 512, 1),
    SiteDomain("syslog01", "syslog", 1024, 1),
    SiteDomain("maui01", "maui", 2048, 2),
    SiteDomain("nis02", "nis", 512, 1),
    SiteDomain("flexlm01", "flexlm", 512, 1),
)


def build_site(
    shared: Path,
    servers: Mapping[str, str],
    domains: Sequence[SiteDomain] = GUIDE_DOMAINS,
    snow_tools: Path | None = None,
    *,
    hook: bool = False,
    **settings: str,
) -> None:
    """Fill `shared`, which the servers see as /sNow.

    `servers` maps names to addresses on the network 10.77.0.0/24. `snow_tools` is a checkout of the real
    host, by default the one that SNOW_TOOLS names. `hook` installs snow-ha's hook, which `enable` would do
    otherwise. `settings` are variables of snow.conf, their values bash text: `IMG_DST="'lvm=snow_vg'"`.
    """
    if snow_tools is None and os.environ.get("SNOW_TOOLS"):
        snow_tools = Path(os.environ["SNOW_TOOLS"])
    _install_programs(shared, snow_tools)
    _write_configuration(shared, servers, domains, settings)
    for kernel_file in ("vmlinuz", "initrd.img"):
        _write(shared / "boot" / kernel_file, "not booted by anything here\n")
    for index, domain in enumerate(domains, start=1):
        if domain.deployed:
            _create_domain(shared, domain, index, settings.get("IMG_DST", "dir=/sNow").strip("'\""))
    if hook:
        shutil.copy(HOOK, shared / HOOKS)


def _install_programs(shared: Path, snow_tools: Path | None) -> None:
    tools = shared / "snow-tools"
    shutil.copytree(snow_tools or STAND_IN, tools, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    shutil.copytree(STAND_IN / "bin", tools / "bin", dirs_exist_ok=True)
    for directory in (shared / DOMAIN_FILES, shared / HOOKS, shared / "log", shared / CONFIGURATION):
        directory.mkdir(parents=True, exist_ok=True)


def _write_configuration(
    shared: Path, servers: Mapping[str, str], domains: Sequence[SiteDomain], settings: Mapping[str, str]
) -> None:
    # Assignments in an order in which each may use those before it.
    snow_conf = {
        "SNOW_PATH": "/sNow",
        "SNOW_HOME": "/home",
        "SNOW_SOFT": "${SNOW_PATH}/easybuild",
        "SNOW_CONF": "${SNOW_PATH}/snow-configspace",
        "SNOW_TOOL": "${SNOW_PATH}/snow-tools",
        "SNOW_LOG": "${SNOW_PATH}/log",
        "LOGFILE": "${SNOW_LOG}/snow.log",
        # Where this site has its xen-tools.
        "PATH": "${PATH}:${SNOW_TOOL}/bin",
        "NFS_SERVER": "nfs01",
        "VIRT_TECH": "XEN",
        "IMG_DST": "'dir=/sNow'",
        "SNOW_NODES": f"( {' '.join(servers)} )",
        "ADMIN_USERS": '"root snow"',
        "MASTER_PASSWORD": "'master secret of the lab'",
        "NET_PUB": "( 'xpub0' '192.0.2.254' '' '192.0.2.' '255.255.255.0' '-pub' )",
        "NET_SNOW": f"( 'xsnow0' '{FLOATING_IP}' '10.77.0.1' '10.77.0.' '255.255.255.0' '' )",
        "NET_COMP": f"( 'xsnow0' '{FLOATING_IP}' '10.77.0.129' '10.77.0.' '255.255.255.0' '' )",
        "NET_MGMT": "( 'xmgmt0' '10.78.0.254' '10.78.0.1' '10.78.0.' '255.255.255.0' '-mgmt' )",
        "IPMI_TYPE": "lanplus",
        "IPMI_USER": IPMI_USER,
        "IPMI_PASSWORD": f"'{IPMI_PASSWORD}'",
        "BLOCKN": "12",
        "BLOCKD": "5",
        "CLUSTERS": '([mycluster]="n[01-04]")',
        "DOWNLD": "wget",
        "DOMAIN": "lab.invalid",
        "MOUNT_NFS[1]": '"${NFS_SERVER}:${SNOW_PATH} ${SNOW_PATH} nfs bg,tcp,noatime,defaults 0 0"',
        **settings,
    }
    lines = ["# The site of a lab.", *(f"{name}={value}" for name, value in snow_conf.items())]
    _write(shared / CONFIGURATION / "snow.conf", "\n".join(lines) + "\n")
    # It holds passwords.
    (shared / CONFIGURATION / "snow.conf").chmod(0o600)

    rows = ["#  hostname  role  vif0 ip bridge mac mask gw  vif1 ip bridge mac mask gw"]
    for index, (name, address) in enumerate(servers.items(), start=1):
        rows.append(_row(name, "snow", address, index))
    for index, domain in enumerate(domains, start=1):
        rows.append(_row(domain.name, domain.role, _address(index), 100 + index))
    _write(shared / CONFIGURATION / "domains.conf", "\n".join(rows) + "\n")
    active = [f"{name} snow" for name in servers] + [f"{each.name} {each.role}" for each in domains]
    _write(shared / CONFIGURATION / "active-domains.conf", "\n".join(active) + "\n")
    for name in ("snow.conf", "domains.conf", "active-domains.conf"):
        link = shared / "snow-tools" / "etc" / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(Path("../..") / CONFIGURATION / name)
    # The host's database of compute nodes: none here.
    _write(shared / "snow-tools" / "etc" / "nodes.json", '{"compute": {}}\n')


def _row(name: str, role: str, address: str, index: int) -> str:
    first = f"eth0 {address:>12} xsnow0 {_mac(index)} 255.255.255.0 {FLOATING_IP}"
    return f"{name:>12}\t {role:>12} {first} eth1 none none none none none"


def _create_domain(shared: Path, domain: SiteDomain, index: int, image_destination: str) -> None:
    subprocess.run(
        [
            shared / "snow-tools" / "bin" / "xen-create-image",
            f"--hostname={domain.name}",
            f"--memory={domain.memory_mib}",
            f"--vcpus={domain.vcpus}",
            f"--ip={_address(index)}",
            f"--mac={_mac(100 + index)}",
            "--bridge=xsnow0",
            f"--{image_destination}",
        ],
        check=True,
    )


def _address(index: int) -> str:
    """The address of the domain at this place, from 1, in a list of at most 150."""
    return f"10.77.0.{100 + index}"


def _mac(index: int) -> str:
    return f"76:fd:31:9e:{index >> 8:02x}:{index & 255:02x}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
