"""TLS contexts from what a site says: protocol, ciphers and verification are stated here, each with its reason."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final

from bus.core.certificates import certificate_of, read_certificates
from bus.core.channel import Channel, TlsMaterial
from bus.core.errors import ConfigurationError
from bus.core.types import Finding

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK:!DSS:@SECLEVEL=2"
"""For TLS 1.2: forward secrecy and authenticated encryption only, no RSA below 2048 bits, no SHA-1. TLS 1.3 has its own
suites, all of this kind. (CRYPTREC's guide for TLS settings, "recommended"; RFC 9325.)"""

VERIFY: Final = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


SHAKING: Final[ContextVar[socket.socket | None]] = ContextVar("SHAKING", default=None)
"""The socket whose handshake the present task has begun; set by whoever accepts."""


class _ServerSide(ssl.SSLObject):
    """Tells the other side why its handshake failed.

    Neither asyncio nor uvloop sends what the library has to say last: the client would see a connection that ends
    without a reason. The alert is a few bytes, and nothing else is being written at that moment.
    """

    outgoing: ssl.MemoryBIO
    client: socket.socket | None

    def do_handshake(self) -> None:
        """As the base class."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self.client is not None:
                with suppress(OSError):
                    self.client.send(self.outgoing.read())
            raise


class _ServerContext(ssl.SSLContext):
    """Gives each connection its socket for a last word."""

    sslobject_class = _ServerSide

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As the base class."""
        made = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        assert isinstance(made, _ServerSide)
        made.outgoing, made.client = outgoing, SHAKING.get()
        return made


def server_context(material: TlsMaterial, client_certificates: str) -> ssl.SSLContext:
    """For a listener. Errors: ``ConfigurationError`` CB7046 when the library refuses the certificate."""
    context = _ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = VERIFY[client_certificates]
    _prepare(context, material)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_SINGLE_ECDH_USE
    return context


class ClientContext(ssl.SSLContext):
    """Remembers the last session with every server, so that a new connection needs no full handshake.

    asyncio and uvloop have no argument for a session; both make their TLS object through ``wrap_bio``.
    """

    sessions: dict[str, ssl.SSLSession]

    def __new__(cls, *arguments: Any) -> ClientContext:
        """An own memory for each."""
        context = super().__new__(cls, *arguments)
        context.sessions = {}
        return context

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As the base class, offering the remembered session."""
        return super().wrap_bio(
            incoming, outgoing, server_side, server_hostname, session or self.sessions.get(str(server_hostname))
        )

    def remember(self, connection: ssl.SSLObject) -> None:
        """Keep the session of a connection over which an answer has come: with TLS 1.3 it is known only then."""
        session = connection.session
        if session is not None and session.has_ticket and connection.server_hostname:
            self.sessions[connection.server_hostname] = session


def client_context(material: TlsMaterial) -> ClientContext:
    """For calling ``https`` addresses; without authorities of its own it trusts those of the machine.

    Errors: ``ConfigurationError`` CB7046 when the library refuses the certificate.
    """
    context = ClientContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    _prepare(context, material)
    if not material.authorities:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def _prepare(context: ssl.SSLContext, material: TlsMaterial) -> None:
    context.minimum_version = _VERSIONS[material.minimum]
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # An issuing authority alone may be the anchor: a site need not trust everything below its root.
    context.verify_flags |= ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        if material.authorities:
            # one by one in DER: comments and CRLs in the file do not matter
            for authority in read_certificates(material.authorities):
                context.load_verify_locations(cadata=authority.der)
        if material.certificate:
            with _file(material.certificate) as chain, _file(material.key) as key:
                context.load_cert_chain(chain, key, material.passphrase.encode)
    except (ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        raise ConfigurationError("CB7046", [Finding("CB7046", path="tls", got=str(why))]) from error


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A name for bytes, because the library reads files only; nothing is written to a disk."""
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def channel_of(connection: ssl.SSLObject) -> Channel:
    """What a finished handshake agreed on, and the other side's certificate if one was asked for and verified."""
    der = connection.getpeercert(binary_form=True)
    cipher = connection.cipher()
    return Channel(
        protocol=connection.version() or "",
        cipher=cipher[0] if cipher else "",
        certificate=certificate_of(der) if der else None,
    )
