"""What passes by in a handshake, also in one that fails: certificates shown, authorities asked for, alerts."""

from __future__ import annotations

import ssl
from typing import Any, Final

from bus.core.certificates import certificate_of
from bus.core.channel import Certificate
from bus.core.errors import ConfigurationError

_ALERT: Final = 21
_HANDSHAKE: Final = 22
_CERTIFICATE: Final = 11
_CERTIFICATE_REQUEST: Final = 13
_AUTHORITIES: Final = 47
_TLS13: Final = 0x0304
_HEADER: Final = 4
_COMMON_NAME: Final = b"\x06\x03\x55\x04\x03"

MAX_SHOWN: Final = 100
"""Certificates or authorities that a report names; a server may ask for every authority it has ever heard of."""


class Listening:
    """Collects what the server says in a handshake, whatever becomes of it.

    The library gives the chain of a server that it refuses, and the authorities that a server asks for, to nobody but
    its debugging callback, which the standard library has without documenting it. ``spoke`` says that there was TLS at
    the other side at all; ``alert`` is the number of its last alert (RFC 8446, 6), 0 for none.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.chain: tuple[Certificate, ...] = ()
        self.asked = False
        self.authorities: tuple[bytes, ...] = ()
        self.spoke = False
        self.alert = 0
        context._msg_callback = self.hear  # type: ignore[attr-defined]  # not documented, hence not in typeshed

    def hear(self, _of: Any, direction: str, version: int, content: int, kind: int, data: bytes) -> None:
        """Take note of one message; whatever the other side sends, nothing is raised."""
        if direction != "read":
            return
        if content == _ALERT and len(data) > 1:
            self.spoke, self.alert = True, data[1]
        if content != _HANDSHAKE:
            return
        self.spoke = True
        if kind == _CERTIFICATE and not self.chain:
            self.chain = _certificates(data[_HEADER:], version)
        if kind == _CERTIFICATE_REQUEST:
            self.asked, self.authorities = True, _names(data[_HEADER:], version)

    def wants(self, name: bytes) -> bool:
        """Whether the server named this authority (its name in DER), or none at all."""
        return not self.authorities or name in self.authorities


def readable(name: bytes) -> str:
    """The common name in a distinguished name (DER), or the name in hexadecimal."""
    place = name.find(_COMMON_NAME)
    text = name[place + len(_COMMON_NAME) :] if place >= 0 else b""
    return text[2 : 2 + text[1]].decode("utf-8", "replace") if len(text) > 1 else name.hex()


def _take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    """What follows a length of ``size`` bytes, and where it ends."""
    begin = at + size
    end = begin + int.from_bytes(data[at:begin], "big")
    return data[begin:end], end


def _certificates(data: bytes, version: int) -> tuple[Certificate, ...]:
    """The certificates of a Certificate message (RFC 5246, 7.4.2; RFC 8446, 4.4.2)."""
    newer = version >= _TLS13
    at = _take(data, 0, 1)[1] if newer else 0
    listed, _ = _take(data, at, 3)
    found: list[Certificate] = []
    at = 0
    while at < len(listed) and len(found) < MAX_SHOWN:
        der, at = _take(listed, at, 3)
        if newer:
            at = _take(listed, at, 2)[1]
        try:
            found.append(certificate_of(der))
        except ConfigurationError:
            break
    return tuple(found)


def _names(data: bytes, version: int) -> tuple[bytes, ...]:
    """The authorities of a CertificateRequest (RFC 5246, 7.4.4; RFC 8446, 4.2.4)."""
    at = _take(data, 0, 1)[1]
    if version < _TLS13:
        at = _take(data, at, 2)[1]
        return _list(_take(data, at, 2)[0])
    extensions, _ = _take(data, at, 2)
    at = 0
    while at < len(extensions):
        kind = int.from_bytes(extensions[at : at + 2], "big")
        content, at = _take(extensions, at + 2, 2)
        if kind == _AUTHORITIES:
            return _list(_take(content, 0, 2)[0])
    return ()


def _list(listed: bytes) -> tuple[bytes, ...]:
    found: list[bytes] = []
    at = 0
    while at < len(listed):
        name, at = _take(listed, at, 2)
        found.append(name)
    return tuple(found)
