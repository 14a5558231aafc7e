"""validate-all and reload: the parameters by themselves; the host too where OCF_CHECK_LEVEL is 10 (OCF 1.1)."""

from snow_ha_plugin import watches
from snow_ha_plugin.agent import domain_file
from snow_ha_plugin.agent.host import Host
from snow_ha_plugin.agent.operation import CONFIGURED, SUCCESS, OcfError, Operation, is_deep, is_true, parameter

NO_EFFECT = ("allow_mem_management", "autoset_utilization_cpu", "autoset_utilization_hv_memory")


def validate(operation: Operation) -> int:
    domain_file.path_given()
    for key in ("shutdown_timeout", "watch_grace"):
        given = parameter(key)
        if given and not given.isdigit():
            raise OcfError(CONFIGURED, f"{key} must be a number of seconds: {given!r}")
    watched = parameter("watch")
    if watched and not watches.is_known(watched):
        raise OcfError(CONFIGURED, f"watch must be tcp:PORT, ping or script:PATH: {watched!r}")
    for key in NO_EFFECT:
        if is_true(parameter(key)):
            text = f"{key} has no effect any more: remove it (domains keep the memory of their file)"
            raise OcfError(CONFIGURED, text)
    if is_deep():
        domain_file.read_if_host_has_all(operation.deadline)
        Host(operation.domain).instances(operation.deadline)
    return SUCCESS
