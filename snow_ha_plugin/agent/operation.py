"""What Pacemaker gives the agent, and what it gets back: parameters, times, exit statuses, lines for the log.

Times are seconds, moments are of time.monotonic().
"""

import os
import time

SUCCESS, GENERIC, ARGS, UNIMPLEMENTED, PERM, INSTALLED, CONFIGURED, NOT_RUNNING = range(8)
# It runs, and not as it should (OCF 1.1): Pacemaker shows it, and does nothing about it.
DEGRADED = 190
# Of what the agent notes, for itself and for others; gone with a boot.
DIRECTORY = "/run/snow-ha"
# How long until the next look, wherever something is waited for.
POLL_S = 0.1
# How long a state of a domain may last that passes by itself: a guest reboots, a domain is being built.
PATIENCE_S = 5.0


class OcfError(Exception):
    """Ends the action with an OCF exit status and a line for the administrator."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class UnknownError(OcfError):
    """Something cannot be determined."""

    def __init__(self, text: str) -> None:
        super().__init__(GENERIC, text)


class Operation:
    """One call by Pacemaker: for which domain, since when, and when it must have ended; `doubt`: why the domain may
    have another name."""

    def __init__(self, domain: str, began: float, deadline: float, doubt: str = "") -> None:
        self.domain, self.began, self.deadline, self.doubt = domain, began, deadline, doubt


def parameter(name: str) -> str:
    return os.environ.get("OCF_RESKEY_" + name, "").strip()


def is_true(text: str) -> bool:
    return text.lower() in ("1", "yes", "true", "on", "ja")


def is_deep() -> bool:
    """Whether a monitor or validate-all is to look deeper than usual (OCF 1.1: check level 10)."""
    level = os.environ.get("OCF_CHECK_LEVEL", "")
    return level.isdigit() and int(level) >= 10


def is_recurring() -> bool:
    """Whether it is a monitor of what should run; a probe looks whether anything is there."""
    return parameter("CRM_meta_interval") not in ("", "0")


def one_answer_by(deadline: float) -> float:
    """Until when one answer of xl is waited for: where a question hangs for ever, the next one may be answered."""
    now = time.monotonic()
    return min(deadline, now + max(5.0, (deadline - now) / 2))


def note(path: str, text: str) -> None:
    """Write a file in DIRECTORY, whole or not at all; OSError if that cannot be."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.rename(path + ".new", path)


def log(text: str) -> None:
    """Write one line to Pacemaker's log, if that can be written."""
    try:
        os.write(2, (" ".join(text.split()) + "\n").encode())
    except OSError:
        return
