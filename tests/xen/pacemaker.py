"""Pacemaker on the servers of the Xen lab. Times are seconds."""

from tests.lab import host
from tests.xenlab.cluster import XenLab
from tests.xenlab.guest import Guest

DAEMONS = ("corosync", "pacemaker")
ONLINE_S = 240
# With Pacemaker and corosync on the same emulated processor a migration takes minutes.
MOVE_S = 900


def start(lab: XenLab) -> None:
    """Start the cluster on both servers and wait until it calls both online."""
    for server in lab.names:
        lab.run(server, ["systemctl", "start", "--no-block", *DAEMONS])

    def online() -> bool:
        said = lab.run(lab.names[0], ["crm_mon", "-1"], check=False).stdout
        return f"Online: [ {' '.join(lab.names)} ]" in said

    host.wait_until(online, ONLINE_S, "the servers are not online")


def stop(lab: XenLab) -> None:
    """Stop the cluster, which forgets all that it was told."""
    lab.run(lab.names[0], ["cibadmin", "--erase", "--force"])
    for server in lab.names:
        lab.run(server, ["systemctl", "stop", *reversed(DAEMONS)])


def primitive(guest: Guest) -> str:
    """A guest as Pacemaker's configuration has it, run by our agent."""
    operations = "".join(
        f'<op id="{guest.name}-{name}" name="{name}" timeout="{MOVE_S}s" interval="{interval}"/>'
        for name, interval in (("start", 0), ("stop", 0), ("monitor", "30s"), ("migrate_to", 0), ("migrate_from", 0))
    )
    return (
        f'<primitive id="{guest.name}" class="ocf" provider="snow" type="Xen">'
        f'<meta_attributes id="m"><nvpair id="m-a" name="allow-migrate" value="true"/>'
        f'<nvpair id="m-p" name="priority" value="1"/></meta_attributes>'
        f'<instance_attributes id="i"><nvpair id="i-x" name="xmfile" value="{guest.file}"/></instance_attributes>'
        f"<operations>{operations}</operations></primitive>"
    )


def settled(lab: XenLab, server: str, guest: Guest) -> str:
    """Where Pacemaker runs a guest once it has nothing left to do, as a server sees it; empty for nowhere."""
    lab.run(server, ["crm_resource", "--wait", f"--timeout={MOVE_S}s"], timeout=MOVE_S + 20)
    said = lab.run(server, ["crm_resource", "--locate", "--resource", guest.name]).stdout
    return said.partition("is running on:")[2].strip()
