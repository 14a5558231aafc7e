"""The cluster of sNow!'s HA guide, as people have it: stonith off, quorum ignored, ocf:heartbeat:Xen, and no snow-ha.

For comparison only. What of the guide is refused by today's programs is written as they want it. Times are seconds.
"""

from __future__ import annotations

from tests.chaos.scene import Scene
from tests.lab.cluster import Lab
from tests.lab.host import LabError, wait_until
from tests.lab.site import FLOATING_IP, GUIDE_DOMAINS

FORMED_WITHIN_S = 120
DOMAIN_FILES = "/sNow/snow-tools/etc/domains"
START = ["/usr/bin/systemctl", "start", "corosync", "pacemaker"]

NODE = """    node {{
        ring0_addr: {address}
        name: {name}
        nodeid: {number}
    }}
"""
COROSYNC_CONF = """totem {{
    version: 2
    cluster_name: snow
}}
nodelist {{
{nodes}}}
quorum {{
    provider: corosync_votequorum
{two_node}}}
"""
PRIMITIVE = (
    "primitive {name} ocf:heartbeat:Xen params xmfile={files}/{name}.cfg"
    " op monitor interval=40s timeout=60s op start interval=0 timeout=120s op stop interval=0 timeout=120s"
    " op migrate_to interval=0 timeout=120s op migrate_from interval=0 timeout=120s meta allow-migrate=true"
)
REST = f"""primitive floating-ip ocf:heartbeat:IPaddr2 params ip={FLOATING_IP} cidr_netmask=24 op monitor interval=10s
property stonith-enabled=no no-quorum-policy=ignore
rsc_defaults resource-stickiness=100
"""


def set_up(lab: Lab) -> None:
    """Form the cluster and register all domains; LabError where it does not come about."""
    nodes = "".join(
        NODE.format(address=lab.address(name), name=name, number=number) for number, name in enumerate(lab.names, 1)
    )
    conf = COROSYNC_CONF.format(nodes=nodes, two_node="    two_node: 1\n" if len(lab.names) == 2 else "")
    for server in lab.names:
        lab.run(server, ["systemctl", "disable", "--now", "pacemaker", "corosync"], timeout=FORMED_WITHIN_S)
        (lab.disk(server) / "etc/corosync/corosync.conf").write_text(conf)
        # Debian's cluster of one has left its configuration.
        lab.run(server, ["sh", "-c", "rm -f /var/lib/pacemaker/cib/*"])
    for server in lab.names:
        lab.run(server, START, timeout=FORMED_WITHIN_S)
    first = lab.names[0]
    wait_until(lambda: _is_formed(lab, first), FORMED_WITHIN_S, "the guide's cluster does not form")
    batch = "\n".join(PRIMITIVE.format(name=domain.name, files=DOMAIN_FILES) for domain in GUIDE_DOMAINS)
    lab.run(first, ["crm", "configure", "load", "update", "-"], input=f"{batch}\n{REST}".encode(), timeout=60)


def _is_formed(lab: Lab, server: str) -> bool:
    shown = lab.run(server, ["crm_mon", "--one-shot", "--output-as=xml"], check=False).stdout
    return shown.count(' online="true"') >= len(lab.names) and 'with_quorum="true"' in shown


def recover(scene: Scene, server: str, within_s: float) -> str:
    """What the guide's administrator does: start the cluster where it is down, and have failures forgotten."""
    said = []
    for each in scene.setting.servers:
        try:
            scene.lab.run(each, START, timeout=within_s)
        except LabError as error:
            said.append(str(error))
    scene.run(server, ["/usr/sbin/crm_resource", "--cleanup"])
    return "; ".join(said)
