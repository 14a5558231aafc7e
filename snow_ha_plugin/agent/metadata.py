"""How the agent describes itself to Pacemaker."""

# `reload` and version 1.0 rather than `reload-agent` and 1.1: ra-api-1.dtd knows only these, and Pacemaker takes
# both ways (pacemaker, controld_metadata.h); a parameter with unique="0" is then one that can change in place.
_DOCUMENT = """<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="Xen" version="1.0">
<version>1.0</version>
<longdesc lang="en">
Keeps a Xen domain running: start and stop it, see whether its guest runs, and live-migrate it between servers
(meta attribute allow-migrate). Takes the parameters of ocf:heartbeat:Xen.
</longdesc>
<shortdesc lang="en">Xen domain of an sNow! cluster</shortdesc>
<parameters>
%s</parameters>
<actions>
<action name="start" timeout="120s" />
<action name="stop" timeout="120s" />
<action name="monitor" depth="0" timeout="60s" interval="10s" />
<action name="monitor" depth="10" timeout="60s" interval="60s" />
<action name="status" timeout="60s" />
<action name="migrate_to" timeout="120s" />
<action name="migrate_from" timeout="120s" />
<action name="reload" timeout="20s" />
<action name="meta-data" timeout="5s" />
<action name="validate-all" timeout="5s" />
<action name="usage" timeout="5s" />
</actions>
</resource-agent>
"""
_PARAMETER = """<parameter name="{0}" unique="{1}" required="{2}">
<longdesc lang="en">{5}</longdesc>
<shortdesc lang="en">{4}</shortdesc>
<content type="{3}" />
</parameter>
"""
_PARAMETERS = (
    ("xmfile", 1, 1, "string", "Domain file", "Absolute path of its xl configuration, on every server."),
    ("name", 1, 0, "string", "Domain name", "Default: the name in the domain file; without one, the resource's name."),
    (
        "shutdown_timeout", 0, 0, "integer", "Time for an orderly shutdown, seconds",
        "The domain is destroyed if it has not shut down by then. Default: two thirds of the stop operation's timeout; "
        "0 destroys at once. Always ends early enough for the domain to be destroyed within the operation's timeout.",
    ),
    (
        "shutdown_acpi", 0, 0, "boolean", "Shut down by the power button",
        "Shut down with a simulated ACPI power button (xl trigger NAME power). Default: no.",
    ),
    (
        "node_ip_attribute", 0, 0, "string", "Node attribute with the migration address",
        "Node attribute that holds the address to migrate to, for a network of its own. Default: the node's name.",
    ),
    (
        "monitor_scripts", 0, 0, "string", "Programs that check the guest",
        "Absolute paths, separated by blanks; each must exit with 0 for a monitor to succeed. Default: none. A monitor "
        "with OCF_CHECK_LEVEL 10 also wants an answer to a ping, where the domain file has an address (vif, ip=).",
    ),
    (
        "watch", 0, 0, "string", "What a guest that works answers",
        "tcp:PORT (it takes a connection), ping, or script:PATH (the program exits with 0; it is given the domain's "
        "name). A recurring monitor fails when that has failed twice in a row; after three restarts in a row that "
        "have not helped, the domain is degraded instead, and runs on. Guests are asked at the addresses of the domain "
        "file (vif, ip=). Default: none.",
    ),
    (
        "watch_grace", 0, 0, "integer", "Time before the watch, seconds",
        "How long a domain may be on a server, since its start or a migration, before its watch counts. Default: 300.",
    ),
    (
        "allow_mem_management", 0, 0, "boolean", "Without effect",
        "Known for compatibility: domains keep the memory of their domain file. validate-all refuses to turn it on.",
    ),
    (
        "reserved_Dom0_memory", 0, 0, "string", "Without effect",
        "Known for compatibility: set dom0_mem on the hypervisor's command line.",
    ),
    (
        "autoset_utilization_cpu", 0, 0, "boolean", "Without effect",
        "Known for compatibility: snow-ha writes the utilization itself. validate-all refuses to turn it on.",
    ),
    (
        "autoset_utilization_hv_memory", 0, 0, "boolean", "Without effect",
        "Known for compatibility: snow-ha writes the utilization itself. validate-all refuses to turn it on.",
    ),
)  # fmt: skip


def meta_data() -> str:
    return _DOCUMENT % "".join(_PARAMETER.format(*each) for each in _PARAMETERS)
