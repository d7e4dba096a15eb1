"""What is known of a connection: how it is protected and whose certificate is at its other end. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Validity(StrEnum):
    """Where a moment lies relative to a certificate's dates."""

    VALID = "valid"
    NOT_YET = "not-yet"
    EXPIRED = "expired"


class Revocation(StrEnum):
    """What the revocation lists of a site say of a certificate.

    ``UNLISTED``: no list of its issuer is there. ``STALE``: the list's next update has passed.
    """

    GOOD = "good"
    REVOKED = "revoked"
    UNLISTED = "unlisted"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The facts of an X.509 certificate.

    Names are RFC 4514 texts, ``serial`` and ``sha256`` (of the DER form) lower-case hexadecimal, times seconds since
    the epoch. ``names`` are the subject's alternative names as ``dns:``, ``ip:``, ``uri:`` or ``email:`` and the value.
    ``usages`` and ``purposes`` are the bits of key usage and extended key usage, empty where the extension is absent;
    ``key`` is the kind and size of the public key, ``signature`` the hash that its issuer signed with. ``path_length``
    is -1 where an authority has none; ``unknown_critical`` holds the extensions (OIDs) that must be understood and are
    not: nothing is trusted by a certificate with one.
    """

    subject: str
    issuer: str
    serial: str
    not_before: float
    not_after: float
    sha256: str
    names: tuple[str, ...]
    key: str
    signature: str
    authority: bool
    usages: frozenset[str]
    purposes: frozenset[str]
    path_length: int = -1
    unknown_critical: frozenset[str] = frozenset()
    der: bytes = field(default=b"", repr=False)

    def validity(self, now: float) -> Validity:
        """Whether ``now`` lies between the certificate's dates."""
        if now < self.not_before:
            return Validity.NOT_YET
        return Validity.EXPIRED if now > self.not_after else Validity.VALID

    @property
    def own_issuer(self) -> bool:
        """Whether it names itself as its issuer."""
        return self.subject == self.issuer


@dataclass(frozen=True, slots=True)
class Binding:
    """Which certificate stands for an endpoint: every field that is not empty must agree.

    ``sha256`` is the fingerprint of one certificate; ``subject`` with ``issuer`` outlive a renewal by the same
    authority; ``name`` is an alternative name as in ``Certificate.names``.
    """

    sha256: str = ""
    subject: str = ""
    issuer: str = ""
    name: str = ""

    def fits(self, certificate: Certificate) -> bool:
        """Whether this is the certificate meant; a binding that says nothing fits none."""
        if self.sha256:
            return self.sha256 == certificate.sha256
        if not self.issuer or not (self.subject or self.name):
            return False
        return (
            self.issuer == certificate.issuer
            and self.subject in ("", certificate.subject)
            and (not self.name or self.name in certificate.names)
        )


@dataclass(frozen=True, slots=True)
class Channel:
    """A protected connection: protocol and cipher as negotiated, and the other side's verified certificate if any."""

    protocol: str
    cipher: str
    certificate: Certificate | None = None
