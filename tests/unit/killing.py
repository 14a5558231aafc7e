"""A process that kills itself where a test wants it."""

import os
import signal
from collections.abc import Callable


def killed(work: Callable[[], object]) -> bool:
    """Do something in a process of its own; whether that was killed (9), and not ended otherwise."""
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(3)
    return os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
