"""The exception tree: every failure is a coded class bound to a row of ``schemas/errors.csv``.

ChiikibusError
├── WireError            CB1xxx, E0001-E0004   the message itself is wrong
├── RightsError          CB2xxx, CB3027-CB3029 the caller may not do this or see these records; nobody is registered
├── DuplicateError       CB3001, CB3002        the message id was seen before
├── ReliableError        CB301x to CB303x      a sequence of reliable messages, its numbers or acknowledgements
├── JournalError         CB4xxx                the message could not be stored, or the bus is at its limit
├── DeliveryError        CB5xxx                the other side could not take it
├── AdapterError         CB6xxx, E0001-E0004   a vendor's bytes, items, codes or characters are wrong
├── ConfigurationError   CB7xxx                the site folder or a table is wrong (carries all problems)
└── EnvironmentFault     CB9xxx                the machine lacks something
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import ClassVar

from bus.core.types import Finding, Problem
from schemas.catalog import load_errors
from schemas.model import ErrorEntry


@cache
def error_entry(code: str) -> ErrorEntry:
    """The catalogue row of ``code``; an unknown code is a programming error (KeyError)."""
    return load_errors()[code]


class ChiikibusError(Exception):
    """A failure with a code of the error catalogue and, where known, its findings.

    ``problem`` is what WS-Addressing calls it, for a caller that speaks WS-Addressing. ``str()`` gives
    ``<code> <Japanese title>`` and the findings, without personal data.
    """

    prefixes: ClassVar[tuple[str, ...]] = ("CB", "E0")

    def __init__(
        self, code: str, findings: Sequence[Finding] = (), *, retry_after_s: int = 0, problem: Problem | None = None
    ) -> None:
        if not code.startswith(self.prefixes):
            raise ValueError(f"{type(self).__name__} does not carry {code}")
        self.code = code
        self.findings = tuple(findings)
        self.retry_after_s = retry_after_s
        self.problem = problem
        super().__init__(code)

    @property
    def entry(self) -> ErrorEntry:
        """The catalogue row: titles, fault code, HTTP status, retryable, action."""
        return error_entry(self.code)

    def __str__(self) -> str:
        where = "; ".join(" ".join(f"{k}={v}" for k, v in finding.as_dict().items()) for finding in self.findings[:5])
        more = f" (+{len(self.findings) - 5})" if len(self.findings) > 5 else ""
        return f"{self.code} {self.entry.title_ja} / {self.entry.title_en}" + (f": {where}{more}" if where else "")


class WireError(ChiikibusError):
    """The received bytes are not an acceptable message, or its glyphs and their names disagree (CB6018)."""

    prefixes = ("CB1", "E0", "CB6018")


class RightsError(ChiikibusError):
    """Unknown caller, missing right, purpose, route or registered address; records that are not disclosed."""

    prefixes = ("CB2", "CB3027", "CB3028", "CB3029")


class DuplicateError(ChiikibusError):
    """The message id is known: with other content, or still in process."""

    prefixes = ("CB3",)


class ReliableError(ChiikibusError):
    """A sequence of WS-ReliableMessaging: unknown, ended, or used against its rules."""

    prefixes = ("CB301", "CB302", "CB303")


class JournalError(ChiikibusError):
    """Storing failed or is not possible now; nothing was accepted."""

    prefixes = ("CB4",)


class DeliveryError(ChiikibusError):
    """The target could not be reached, timed out, refused, answered badly or about others (CB3030), takes no glyphs by
    name (CB6019); or TLS with it failed (CB2046-CB2049).
    """

    prefixes = ("CB5", "CB1017", "CB2046", "CB2047", "CB2048", "CB2049", "CB3030", "CB6019")


class BrokerError(ChiikibusError):
    """The broker is unreachable, refuses, does not confirm, or has other queues than the site folder asks for."""

    prefixes = ("CB501", "CB707")


class AdapterError(ChiikibusError):
    """Vendor bytes, items, codes, characters or the vendor system itself."""

    prefixes = ("CB6", "E0")


class ConfigurationError(ChiikibusError):
    """The site folder, a mapping or a table is wrong; ``findings`` holds every problem at once."""

    prefixes = ("CB7", "CB6008", "CB6067", "CB6089")


class ConsoleError(ChiikibusError):
    """The console refuses: not signed in, no right, no reason, nothing there."""

    prefixes = ("CB8",)


class EnvironmentFault(ChiikibusError):
    """Something this machine should have is missing, or a process cannot start."""

    prefixes = ("CB9",)
