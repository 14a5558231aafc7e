"""What a step of the guide is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from snow_ha_plugin.core import cib
from snow_ha_plugin.model import Change, Finding
from snow_ha_plugin.operations.site import Site


class Step(NamedTuple):
    """A section of the guide. A step without `apply` only looks: an error that it finds stops `enable` at once.

    `check` returns what is not as it should be; `apply` mends all of that which is an error, may be killed
    anywhere and run again. `takes` says, while it does, why it takes its time.
    """

    name: str
    title: str
    check: Callable[[Site], list[Finding]]
    apply: Callable[[Site], None] | None = None
    takes: str = ""


class ConfigurationStep(NamedTuple):
    """A section of the guide that is a part of the CIB; all of these are committed together."""

    name: str
    title: str
    edit: Callable[[Site, cib.Tree], list[Change]]
