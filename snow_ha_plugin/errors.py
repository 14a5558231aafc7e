"""Errors that a user can do something about. Each kind has one exit status (sysexits.h, Pacemaker's crm_exit_t)."""

from __future__ import annotations


class SnowHaError(Exception):
    """What went wrong, why, and what to do about it; `cli.main` prints the three as one line.

    `others` are errors that stand beside this one, to be printed before it.
    """

    exit_code = 70
    others: tuple[SnowHaError, ...] = ()

    def __init__(self, message: str, details: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.remedy = remedy

    @property
    def reason(self) -> str:
        """What and why, for whoever tells the remedy apart."""
        return "; ".join(part for part in (self.message, self.details) if part)

    def __str__(self) -> str:
        parts = (self.message, self.details, self.remedy)
        return "; ".join(" ".join(part.split()) for part in parts if part)


class UsageError(SnowHaError):
    exit_code = 64


class DataError(SnowHaError):
    """A file that was given or found does not make sense."""

    exit_code = 65


class NoInputError(SnowHaError):
    exit_code = 66


class UnavailableError(SnowHaError):
    """A server, a daemon or a program does not answer."""

    exit_code = 69


class TryAgainError(SnowHaError):
    exit_code = 75


class PermissionDeniedError(SnowHaError):
    exit_code = 77


class ConfigurationError(SnowHaError):
    exit_code = 78


class NoSuchObjectError(SnowHaError):
    exit_code = 105


class NoQuorumError(SnowHaError):
    exit_code = 106


class UnsafeError(SnowHaError):
    """Going on could stop, restart or double a domain."""

    exit_code = 107


class TimedOutError(SnowHaError):
    exit_code = 124
