"""`xl list`, `info`, `domid`, `domname`: column widths and key names as tools/xl/xl_info.c prints them."""

from __future__ import annotations

import os
import time

from .cli import operands, options
from .session import Failure, Session
from .store import DOM0_MEMORY_MIB, free_mib, host, setting

# running, blocked, paused, shutdown, its reason, dying; as seen on real Xen 4.17
FLAGS = {
    "building": "--p---",
    "running": "-b----",
    "paused": "--p---",
    "suspended": "---ss-",
    "off": "---s--",
    "rebooting": "---sr-",
    "crashed": "----c-",
    "dying": "-----d",
}
DOM0 = {
    "name": "Domain-0", "domid": 0, "memory_mib": DOM0_MEMORY_MIB, "vcpus": 2, "state": "dom0",
    "uuid": "00000000-0000-0000-0000-000000000000", "cpu_s": 100.0, "since": 0.0, "config": {"type": "pv"},
}  # fmt: skip


def list(session: Session, arguments: list[str]) -> int:
    found, rest = options(arguments, "lvZcn")
    tree = session.look()
    if rest:
        domains = [DOM0] if rest[0] in ("0", "Domain-0") else [session.domain(tree, rest[0])]
    else:
        domains = [DOM0, *host(tree, session.server)["domains"]]
    if "l" in found:
        print(_details(domains))
        return 0
    header = "Name                                        ID   Mem VCPUs\tState\tTime(s)"
    print(header + ("   UUID                            Reason-Code\tSecurity Label" if "v" in found else ""))
    for domain in domains:
        name, flags = domain["name"] or "(null)", FLAGS.get(domain["state"], "r-----")
        running_s = time.monotonic() - domain["since"] if domain["state"] == "running" else 0
        line = f"{name:<40} {domain['domid']:5} {_memory(domain):5} {domain['vcpus']:5}     {flags}  "
        line += f"{domain['cpu_s'] + running_s:8.1f}"
        if "v" in found:
            line += f" {domain['uuid']} {'-':>8} {'-':>16}"
        print(line)
    return 0


def _memory(domain: dict) -> int:
    """A domain that is migrating in grows while it is copied."""
    begun, seconds = domain.get("grows", (0.0, 0.0))
    share = min(1.0, (time.monotonic() - begun) / seconds) if seconds else 1.0
    return int(domain["memory_mib"] * share)


def _details(domains: list[dict]) -> str:
    import json

    shown = [
        {
            "domid": domain["domid"],
            "config": {
                "c_info": {
                    "type": domain["config"].get("type", "pv"),
                    "name": domain["label"] if "label" in domain else domain["name"],
                    "uuid": domain["uuid"],
                    "run_hotplug_scripts": "True",
                },
                "b_info": {
                    "max_vcpus": domain["vcpus"],
                    "max_memkb": domain["memory_mib"] * 1024,
                    "target_memkb": domain["memory_mib"] * 1024,
                    "kernel": domain["config"].get("kernel", ""),
                },
                "on_poweroff": domain["config"].get("on_poweroff", "destroy"),
                "on_reboot": domain["config"].get("on_reboot", "restart"),
                "on_crash": domain["config"].get("on_crash", "destroy"),
            },
        }
        for domain in domains
        # libxl has no stored configuration of a domain that is half built or half received
        if domain["state"] not in ("building", "dying") and not domain["name"].endswith("--incoming")
    ]
    return json.dumps(shown, indent=4) if shown else "[ ]"


def info(session: Session, arguments: list[str]) -> int:
    _, rest = options(arguments, "n")
    tree = session.look()
    there = host(tree, session.server)
    system = os.uname()
    shadow = " shadow" if setting(tree, "shadow", session.server) else ""
    lines = {
        "host": session.server,
        "release": system.release,
        "version": system.version,
        "machine": system.machine,
        "nr_cpus": 8,
        "max_cpu_id": 7,
        "nr_nodes": 1,
        "cores_per_socket": 8,
        "threads_per_core": 1,
        "cpu_mhz": "2400.000",
        "hw_caps": "178bf3ff:f6d8320b:2e500800:244037ff:0000000f:219c91a9:00400004:00000500",
        "virt_caps": f"pv hvm hvm_directio pv_directio hap{shadow} gnttab-v1 gnttab-v2",
        "total_memory": there["memory_mib"],
        "free_memory": free_mib(tree, session.server),
        "sharing_freed_memory": 0,
        "sharing_used_memory": 0,
        "outstanding_claims": 0,
        "free_cpus": 0,
        "xen_major": 4,
        "xen_minor": 17,
        "xen_extra": ".5" if shadow else ".7",
        "xen_version": "4.17.5" if shadow else "4.17.7",
        "xen_caps": "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ",
        "xen_scheduler": "credit2",
        "xen_pagesize": 4096,
        "platform_params": "virt_start=0xffff800000000000",
        "xen_changeset": "",
        "xen_commandline": f"placeholder dom0_mem={DOM0_MEMORY_MIB}M,max:{DOM0_MEMORY_MIB}M",
        "xend_config_format": 4,
    }
    for key, value in lines.items():
        if not rest:
            print(f"{key:<23}: {value}")
        elif key.startswith(rest[0]):
            print(value)
    return 0


def domid(session: Session, arguments: list[str]) -> int:
    (name, *_) = operands(arguments, 1, "domid")
    if name == "Domain-0":
        print(0)
        return 0
    found = [domain for domain in host(session.look(), session.server)["domains"] if domain["name"] == name]
    if not found:
        raise Failure(f"Can't get domid of domain name '{name}', maybe this domain does not exist.")
    print(found[0]["domid"])
    return 0


def domname(session: Session, arguments: list[str]) -> int:
    (number, *_) = operands(arguments, 1, "domname")
    if not number.isdigit():
        raise Failure("Invalid domain id.\n")
    if number == "0":
        print("Domain-0")
        return 0
    print(session.domain(session.look(), number)["name"] or "(null)")
    return 0
