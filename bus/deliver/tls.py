"""TLS towards providers: one context per way of calling, sessions remembered, failures told by their cause."""

from __future__ import annotations

import ssl
from typing import Final, NamedTuple

from bus.core import certificates
from bus.core.channel import Revocation, TlsMaterial, Validity
from bus.core.tls import ClientContext, client_context
from bus.deliver.connection import ClientConnection

_THEIRS_REFUSED: Final = "CB2046"
_OURS_REFUSED: Final = "CB2047"
_NOTHING_COMMON: Final = "CB2048"
_NO_TLS: Final = "CB2049"
_NOT_A_RECORD: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)
"""What the library says of bytes that are no record of TLS, such as an answer in plain HTTP."""

_ALERTS_ABOUT_OURS: Final = (
    "BAD_CERTIFICATE",
    "CERTIFICATE_REQUIRED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
    "UNSUPPORTED_CERTIFICATE",
    "ACCESS_DENIED",
    "HANDSHAKE_FAILURE",
    "DECRYPT_ERROR",
)
"""What the other side says in an alert when it is not content with the client (RFC 8446, 6.2). TLS 1.2 servers answer a
missing certificate with the same handshake_failure as missing common ciphers; the former is by far more frequent."""


class Refusal(NamedTuple):
    """Why TLS failed: a code of the error catalogue and the library's reason."""

    code: str
    reason: str


class ClientTls:
    """How the addresses of some endpoints are called. Errors: ``ConfigurationError`` CB7046."""

    def __init__(self, material: TlsMaterial, server_name: str) -> None:
        self.context: ClientContext = client_context(material)
        self._server_name = server_name
        self._stale = material.stale_lists
        self._revoked: certificates.Revoked | None = None
        if material.lists:
            lists = [each for content in material.lists for each in certificates.read_revocation_lists(content)]
            self._revoked = certificates.Revoked(lists, certificates.read_certificates(material.authorities))

    def name_for(self, host: str) -> str:
        """The name that the server's certificate must have."""
        return self._server_name or host

    def admit(self, connection: ClientConnection, now: float) -> Refusal | None:
        """What speaks against a connection whose handshake went well: dates (of a resumed session) and revocation."""
        protection = connection.protection
        der = protection.getpeercert(binary_form=True) if protection is not None else None
        if der is None:
            return Refusal(_THEIRS_REFUSED, "no certificate")
        certificate = certificates.certificate_of(der)
        validity = certificate.validity(now)
        if validity is not Validity.VALID:
            self.context.sessions.clear()
            return Refusal(_THEIRS_REFUSED, validity.value)
        if self._revoked is None:
            return None
        state = self._revoked.state(certificate, now)
        if state is Revocation.GOOD or (state is not Revocation.REVOKED and self._stale == "accept"):
            return None
        return Refusal(_THEIRS_REFUSED, state.value)

    def remember(self, connection: ClientConnection) -> None:
        """An answer has come over this new connection: its session spares the next one a full handshake."""
        protection = connection.protection
        if protection is not None:
            self.context.remember(protection)

    @staticmethod
    def refusal(error: BaseException) -> Refusal | None:
        """The cause of a failed connection when it is a matter of TLS, ``None`` when it is one of the network."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return Refusal(_THEIRS_REFUSED, error.verify_message or "not verified")
        if not isinstance(error, ssl.SSLError):
            return None
        reason = (error.reason or "").upper()
        if "ALERT" in reason and any(alert in reason for alert in _ALERTS_ABOUT_OURS):
            return Refusal(_OURS_REFUSED, reason.lower())
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or not reason:
            return None
        return Refusal(_NO_TLS if reason in _NOT_A_RECORD else _NOTHING_COMMON, reason.lower())
