"""What is known of a connection: how it is protected and whose certificate is at its other end. Values only."""

from __future__ import annotations

import hashlib
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
    authority; ``name`` is an alternative name as in ``Certificate.names``. ``file`` is where the fingerprint was read
    from, relative to the site folder, empty where it was not.
    """

    sha256: str = ""
    subject: str = ""
    issuer: str = ""
    name: str = ""
    file: str = field(default="", compare=False)

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


@dataclass(frozen=True, slots=True)
class Caller:
    """How an endpoint proves who it is when it calls the bus.

    ``credential`` is ``basic`` (secret), ``certificate`` or ``both``; ``tls`` says that the plain listener refuses it.
    ``certificates`` are the ones that stand for it: two at a time let one replace the other without a gap.
    """

    credential: str = "basic"
    tls: bool = False
    certificates: tuple[Binding, ...] = ()

    @property
    def asks_certificate(self) -> bool:
        """Whether a certificate is needed."""
        return self.credential != "basic"

    @property
    def asks_tls(self) -> bool:
        """Whether only a protected connection will do."""
        return self.tls or self.asks_certificate


ANYBODY_WITH_THE_SECRET = Caller()


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What one side of TLS shows and trusts: the PEM files as they were when the site was read.

    Kept as bytes, so that certificate and key of one reading stay together whatever happens to the files. ``digest``
    changes with any of them. ``stale_lists`` is ``refuse`` or ``accept``: what a revocation list past its next update,
    or a missing one, means once any list is given. ``minimum`` is ``1.2`` or ``1.3``.
    """

    certificate: bytes = field(default=b"", repr=False, compare=False)
    key: bytes = field(default=b"", repr=False, compare=False)
    passphrase: str = field(default="", repr=False, compare=False)
    authorities: bytes = field(default=b"", repr=False, compare=False)
    lists: tuple[bytes, ...] = field(default=(), repr=False, compare=False)
    stale_lists: str = "refuse"
    minimum: str = "1.2"
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """The digest covers everything, so that two equal digests are equal material."""
        found = hashlib.sha256()
        for part in (
            self.certificate,
            self.key,
            self.passphrase.encode(),
            self.authorities,
            *self.lists,
            self.stale_lists.encode(),
            self.minimum.encode(),
        ):
            found.update(len(part).to_bytes(8, "big") + part)
        object.__setattr__(self, "digest", found.hexdigest())


@dataclass(frozen=True, slots=True)
class TlsServer:
    """A listener with TLS. ``client_certificates`` is ``required``, ``optional`` or ``none``."""

    host: str
    port: int
    material: TlsMaterial
    client_certificates: str = "required"
    handshake_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class TlsClient:
    """How the bus calls an ``https`` address; ``server_name`` is checked instead of the host of the address."""

    material: TlsMaterial
    server_name: str = ""
