"""How long a site keeps what its journal holds: settings as frozen values, read by ``bus.core.config.keepings``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

LAW_DAYS: Final = 2557
"""Seven years, leap days included: how long records of who gave what to whom have to be kept (番号法第23条,
番号法施行令第29条). No record of an operator's act and no record of a removal is kept for less."""

DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Periods:
    """Days since reception after which payloads, and then the rows about them, are removed."""

    payload_days: int
    metadata_days: int


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Other periods for some messages. Empty fits everything; ``operation`` may end with ``.*`` for a whole unit."""

    municipality: str
    operation: str
    periods: Periods

    def fits(self, municipality: str, operation: str) -> bool:
        """Whether the rule is about these messages."""
        if self.municipality not in ("", municipality):
            return False
        if self.operation.endswith(".*"):
            return operation.startswith(self.operation[:-1])
        return self.operation in ("", operation)


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """The periods of a site; the first rule that fits wins. ``at`` is minutes after midnight in Japan."""

    periods: Periods
    audit_days: int = LAW_DAYS
    at: int = 150
    rules: tuple[RetentionRule, ...] = ()

    def of(self, municipality: str, operation: str) -> Periods:
        """The periods of such messages."""
        for rule in self.rules:
            if rule.fits(municipality, operation):
                return rule.periods
        return self.periods

    @property
    def shortest(self) -> Periods:
        """The smallest number of days of each kind that any message has."""
        every = [self.periods, *(rule.periods for rule in self.rules)]
        return Periods(min(each.payload_days for each in every), min(each.metadata_days for each in every))


@dataclass(frozen=True, slots=True)
class SealSettings:
    """How the journal is sealed: every so many seconds, signed with ``key`` (Ed25519, PEM, mode 600).

    ``trust`` holds the public keys of all seals, those of former keys too; the newest seal is also written to the file
    ``anchor``, which is what tells when the end of the journal was cut off.
    """

    every_s: float
    key: Path
    trust: Path
    anchor: Path


@dataclass(frozen=True, slots=True)
class EncryptionSettings:
    """Where the site's keys come from: files (32 bytes in base64, mode 600), or a command that prints one a line.

    The first key of all encrypts, the others only read.
    """

    keys: tuple[Path, ...] = ()
    command: tuple[str, ...] = ()
