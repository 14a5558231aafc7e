"""What is told of a finding's code, whoever makes it and wherever it is found."""

from __future__ import annotations

from typing import NamedTuple

from snow_ha_plugin.model import Severity


class Entry(NamedTuple):
    """A page: `cause` says what the finding means and why that matters, `remedy` what to do.

    `severity` is the worst that it comes with. `may_run_twice`: a domain may run twice while it holds, or
    fencing does not do what it claims; nobody can accept that. `is_safe`: `check --fix` does what can be done about it
    without a question, since that disturbs no domain.
    """

    code: str
    severity: Severity
    title: str
    cause: str
    remedy: str
    see: tuple[str, ...] = ()
    may_run_twice: bool = False
    is_safe: bool = False
