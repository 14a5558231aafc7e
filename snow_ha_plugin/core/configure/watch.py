"""What is asked of a domain's guest: the parameters `watch` and `watch_grace` of its primitive (ocf_snow_Xen(7))."""

from __future__ import annotations

import re
from collections.abc import Iterable

from snow_ha_plugin import watches
from snow_ha_plugin.core import cib
from snow_ha_plugin.core.cib import ids
from snow_ha_plugin.core.cib.ids import Kind
from snow_ha_plugin.core.configure import primitive
from snow_ha_plugin.errors import ConfigurationError
from snow_ha_plugin.model import Change, Domain, Primitive

NONE = "none"
WATCH, GRACE = "watch", "watch_grace"

# The agent takes any path; here it is a word for a shell, in crm and pcs.
_WORD = re.compile(r"[A-Za-z0-9._/+:-]+")


def is_valid(text: str) -> bool:
    return text == NONE or (watches.is_known(text) and bool(_WORD.fullmatch(text)))


def put(tree: cib.Tree, domains: Iterable[Domain], wanted: str, grace_s: int) -> list[Change]:
    """Have these registered domains watched so, or with NONE no more."""
    return [change for domain in domains if (change := _put(tree, domain, wanted, grace_s))]


def of(domain: Primitive) -> str:
    """A domain's watch, or nothing."""
    return domain.parameters.get(WATCH, "")


def _put(tree: cib.Tree, domain: Domain, wanted: str, grace_s: int) -> Change | None:
    """ConfigurationError where nobody could be asked, or the primitive is none of ours."""
    name, element = domain.name, cib.resource(tree, domain.name)
    if element is None or not primitive.is_ours(tree, name):
        remedy = f"crm resource param {name} set {WATCH} {wanted}"
        raise ConfigurationError(f"{name} cannot be watched", "its primitive was written by hand", remedy)
    if wanted == NONE:
        pairs = [
            pair for key in (WATCH, GRACE) for pair in element.iterfind(f"instance_attributes/nvpair[@name='{key}']")
        ]
        for pair in pairs:
            cib.drop(pair)
        return Change("watch", name, f"leave the guest of {name} unwatched") if pairs else None
    if not wanted.startswith("script:") and not domain.addresses:
        why = f"{domain.config_path} gives no address (vif, ip=) at which its guest could be asked"
        raise ConfigurationError(f"{name} cannot be watched", why, "add it there, or give --watch script:PATH")
    values = {WATCH: wanted, GRACE: str(grace_s)}
    changed = cib.put_pairs(element, "instance_attributes", ids.of(Kind.PARAMETERS, name), values)
    text = f"have {name} restarted when its guest fails {wanted} twice in a row, from {grace_s} s after a start on"
    return Change("watch", name, text) if changed else None
