"""Which verb is meant; the exit status; what is common to all verbs."""

from __future__ import annotations

import sys

from .session import Failure, Session
from .store import Absent

LISTING = ("list", "info", "domid", "domname")
LIFECYCLE = (
    "create", "shutdown", "reboot", "destroy", "pause", "unpause", "rename", "trigger", "console",
)  # fmt: skip
MIGRATION = ("migrate", "migrate-receive")


def main(words: list[str]) -> int:
    while words and words[0] in ("-v", "-vv", "-vvv", "-f", "-N", "-t", "-T"):
        words = words[1:]
    if not words:
        print("Usage xl [-vfNtT] <subcommand> [args]", file=sys.stderr)
        return 1
    verb, arguments = words[0], words[1:]
    if verb in LISTING:
        from . import listing as module
    elif verb in LIFECYCLE:
        from . import lifecycle as module
    elif verb in MIGRATION:
        from . import migration as module
    else:
        print("command not implemented", file=sys.stderr)
        return 1
    try:
        session = Session()
        session.pass_point(verb, _domain_of(verb, arguments))
        return getattr(module, verb.replace("-", "_"))(session, arguments)
    except Failure as failure:
        if failure.message:
            print(failure.message, file=sys.stderr)
        return failure.status
    except Absent:
        print("xencall: error: Could not obtain handle on privileged command interface", file=sys.stderr)
        return 1


def _domain_of(verb: str, arguments: list[str]) -> str | None:
    """The domain whose faults count: the first word that is no option (of `create`, the file's name less .cfg)."""
    first = next((word for word in arguments if not word.startswith("-")), None)
    return first.rsplit("/", 1)[-1].removesuffix(".cfg") if first and verb == "create" else first


def options(arguments: list[str], flags: str, valued: str = "") -> tuple[dict[str, str], list[str]]:
    """Splits short options (and the long ones that have a short name here) from operands."""
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        letters = word[2:3] if word.startswith("--") else word[1:]
        for at, letter in enumerate(letters):
            if letter in valued:
                found[letter] = letters[at + 1 :] or (rest.pop(0) if rest else "")
                break
            if letter not in flags:
                raise Failure(f"xl: invalid option -- '{letter}'", 2)
            found[letter] = ""
    return found, rest


def operands(rest: list[str], count: int, verb: str) -> list[str]:
    if len(rest) < count:
        raise Failure(f"'xl {verb}' requires at least {count} argument{'s' * (count > 1)}.\n", 2)
    return rest
