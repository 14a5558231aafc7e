"""Our alert in a CIB: what Pacemaker calls with each event of a server, of a resource, and of fencing."""

from __future__ import annotations

from collections.abc import Sequence

from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.model import Change

AGENT = "/usr/share/snow-ha/alert"

# It only writes a file; Pacemaker's default is 30 s, for which a stopping server would wait for one that hangs.
TIMEOUT_S = 5

# Not attributes: they change all the time, and tell nothing that the others do not.
_SELECTED = ("select_nodes", "select_fencing", "select_resources")

ID = ids.of(Kind.ALERT)


def put(tree: cib.Tree, mail: Sequence[str]) -> list[Change]:
    """Have Pacemaker tell us of events, and notices sent to these addresses. Others' alerts stay as they are."""
    to = ",".join(mail)
    alert = tree.find(f"configuration/alerts/alert[@id='{ID}']")
    changes = []
    if alert is None:
        alert = cib.add(cib.section(tree, "alerts"), "alert", id=ID, path=AGENT)
        timeout = {"timeout": f"{TIMEOUT_S}s"}
        cib.put_pairs(alert, "meta_attributes", ids.of(Kind.ALERT, part=".meta"), timeout)
        selection = cib.add(alert, "select")
        for tag in _SELECTED:
            cib.add(selection, tag)
        changes.append(Change("alert", "events", "have Pacemaker tell snow-ha of events"))
    if to == mail_of(tree):
        return changes
    set_id = ids.of(Kind.ALERT, part=".to")
    if to:
        cib.put_pairs(alert, "instance_attributes", set_id, {"mail": to})
    else:
        cib.drop(cib.part(alert, "instance_attributes"))
    return [*changes, Change("alert", "mail", f"have notices sent to {to or 'nobody'}")]


def mail_of(tree: cib.Tree) -> str:
    return str(next(iter(tree.xpath("configuration/alerts/alert[@id=$id]//nvpair[@name='mail']/@value", id=ID)), ""))
