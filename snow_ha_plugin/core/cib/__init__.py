"""The CIB: what is in it as values, and the few ways in which we change it.

Rules that never differ between Pacemaker 1.1 and 3.0 are the only ones used here: constraints with `node` and
`score`, one set of each kind per element of ours. What is ours is known by its id (`ids`).
"""

from snow_ha_plugin.core.cib import former_ids, ids
from snow_ha_plugin.core.cib.cluster import (
    constraints,
    goes_by_sizes,
    migrations_at_once,
    nodes,
    option_is_on,
    options,
    overcommits,
    stale_nodes,
)
from snow_ha_plugin.core.cib.document import (
    Tree,
    add,
    clone,
    drop,
    empty,
    epoch,
    has_quorum,
    is_shared,
    parse,
    part,
    raise_epoch,
    raise_num_updates,
    reconfigured,
    section,
    serialize,
)
from snow_ha_plugin.core.cib.edit import add_operation, drop_pair, notes, put_notes, put_option, put_pairs, put_standby
from snow_ha_plugin.core.cib.nvpairs import ADMIN_OPTIONS, pairs
from snow_ha_plugin.core.cib.removal import remove_ours, remove_resource
from snow_ha_plugin.core.cib.resources import (
    domain,
    domains,
    meta,
    metas,
    operation_timeout_s,
    operations,
    primitives,
    primitives_of,
    resource,
    template_operation,
)
from snow_ha_plugin.core.cib.status import (
    arrivals,
    fail_counts,
    failed_migrations,
    is_calm,
    is_degraded,
    is_online,
    is_shutting_down,
    migration_target,
    running_since,
    shutting_down_since,
    started_since,
    took_ms,
    transient_standby,
    was_sent_since,
    was_started,
    was_told_to_leave,
)
from snow_ha_plugin.core.cib.values import INFINITY, boolean, interval_s, is_stopped, score, whole

__all__ = [
    "ADMIN_OPTIONS", "INFINITY", "Tree", "add", "add_operation", "arrivals", "boolean", "clone",
    "constraints", "domain", "domains", "drop", "drop_pair", "empty", "epoch", "fail_counts",
    "failed_migrations", "former_ids", "goes_by_sizes", "has_quorum", "ids", "interval_s", "is_calm", "is_degraded",
    "is_online", "is_shared", "is_shutting_down", "is_stopped", "meta", "metas", "migration_target",
    "migrations_at_once", "nodes", "notes", "operation_timeout_s", "operations", "option_is_on", "options",
    "overcommits", "pairs", "parse", "part", "primitives", "primitives_of", "put_notes", "put_option", "put_pairs",
    "put_standby", "raise_epoch", "raise_num_updates", "reconfigured", "remove_ours", "remove_resource",
    "resource", "running_since", "score", "section", "serialize", "shutting_down_since", "stale_nodes",
    "started_since", "template_operation", "took_ms", "transient_standby", "was_sent_since", "was_started",
    "was_told_to_leave", "whole",
]  # fmt: skip
