"""What may be asked of the guest of a domain, in the words of the parameter `watch`: for the agent and the plugin.

Imports nothing: the agent pays for it in every probe.
"""

# How long a domain is on a server before its guest is asked, where nobody says otherwise.
GRACE_S = 300


def is_known(wanted: str) -> bool:
    """Whether it is tcp:PORT, ping, or script:PATH."""
    kind, _, what = wanted.partition(":")
    is_port = what.isascii() and what.isdigit() and what[0] != "0" and int(what) < 1 << 16
    return wanted == "ping" or (kind == "tcp" and is_port) or (kind == "script" and what.startswith("/"))
