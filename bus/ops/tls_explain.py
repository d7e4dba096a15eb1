"""Why a connection with TLS would be refused: connect as the bus does, listen, and name the one cause."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from bus.core import certificates
from bus.core.channel import Certificate, Revocation, TlsMaterial, Validity
from bus.core.tls import client_context
from bus.ops.tls_causes import FINE
from bus.ops.tls_listening import MAX_SHOWN, Listening, readable

SKEW_S: Final = 60.0
"""Two clocks that are this far apart are worth a word: certificates begin and end to the second."""

SOON_S: Final = 30 * 24 * 3600.0
"""A certificate that ends within this time is worth a word."""

MAX_ANSWER: Final = 16 * 1024

_VERIFY_CAUSES: Final = {
    9: "not-yet-valid",
    10: "expired",
    26: "wrong-usage",
    62: "wrong-name",
    64: "wrong-name",
    66: "weak",
    67: "weak",
    68: "weak",
}
"""By OpenSSL's numbers (X509_V_ERR_...); every other one is a chain that leads to no trusted authority."""

_ABOUT_OURS: Final = frozenset({42, 43, 44, 45, 46, 48, 49, 51, 116})
"""Alerts (RFC 8446, 6.2) by which a server refuses a client: its certificate, its lack of one, its key."""

_UNRECOGNIZED_NAME: Final = 112
_NO_CERTIFICATE_STATUS: Final = frozenset({400, 403, 495, 496})
"""How servers that finish the handshake first refuse a client without certificate (nginx 400, IIS and Apache 403)."""

_BAD_CERTIFICATE_STATUS: Final = frozenset({400, 495})
_UNVERIFIED: Final = frozenset(
    {"expired", "not-yet-valid", "issuer-dates", "wrong-name", "unknown-issuer", "wrong-usage", "weak"}
)
_OURS: Final = frozenset({"no-client-certificate", "client-dates", "client-unknown-issuer", "client-refused"})


class Target(NamedTuple):
    """What is connected to, and the name that its certificate must have."""

    host: str
    port: int
    name: str
    path: str = "/"


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate as a report shows it."""

    subject: str
    issuer: str
    not_before: float
    not_after: float
    validity: str
    key: str
    usages: tuple[str, ...]
    purposes: tuple[str, ...]
    names: tuple[str, ...]
    sha256: str


@dataclass(slots=True)
class Explained:
    """What was seen of a connection, and the cause where it is refused (``fine`` where it is not).

    ``client`` is what the server made of our certificate: ``not-asked``, ``none-needed``, ``accepted``, ``refused`` or
    ``unknown``. ``revocation`` is a word of ``Revocation``, or ``no-list``. ``skew_s`` is the other clock minus ours,
    ``None`` where it told no time. ``notes``: ``clock``, ``theirs-end-soon``, ``ours-end-soon``, ``no-answer``.
    """

    target: str
    name: str
    at: float
    cause: str = FINE
    reason: str = ""
    protocol: str = ""
    cipher: str = ""
    chain: tuple[Shown, ...] = ()
    trusted: bool | None = None
    name_matches: bool | None = None
    revocation: str = "no-list"
    own: Shown | None = None
    client: str = "unknown"
    client_authorities: tuple[str, ...] = ()
    own_issuer_asked_for: bool | None = None
    http_status: int = 0
    skew_s: float | None = None
    notes: list[str] = field(default_factory=list)


class _Heard(NamedTuple):
    """One attempt; ``error`` ended it, ``None`` when the other side did."""

    error: OSError | UnicodeError | None
    connected: bool
    shaken: bool
    protocol: str
    cipher: str
    answer: bytes

    @property
    def status(self) -> int:
        """Of HTTP, 0 without an answer."""
        found = re.match(rb"HTTP/1\.[01] (\d{3})", self.answer)
        return int(found[1]) if found else 0

    @property
    def reason(self) -> str:
        """The library's word for what went wrong."""
        if self.error is None:
            return ""
        return str(getattr(self.error, "reason", None) or type(self.error).__name__)


def explain(material: TlsMaterial, target: Target, clock: Callable[[], float], timeout_s: float = 10.0) -> Explained:
    """Connect once as the bus would, a second time without judging where that tells the time of the other clock.

    Nothing is sent but our certificate and an empty HEAD without a credential. Errors: ``ConfigurationError`` CB7046
    when our own certificate cannot be used.
    """
    context = client_context(material)
    listening = Listening(context)
    heard = _converse(context, target, timeout_s)
    now = clock()
    found = Explained(f"{target.host}:{target.port}", target.name, now, protocol=heard.protocol, cipher=heard.cipher)
    _describe(found, material, target, listening.chain, now)
    _describe_ours(found, material, listening, now)
    found.cause, found.reason = _cause(heard, listening, material, found)
    found.client = _client(found, heard, listening, material)
    if found.trusted is None and heard.shaken:
        found.trusted = True
    if found.cause in _UNVERIFIED:
        context = client_context(material)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        heard = _converse(context, target, timeout_s)
        found.protocol, found.cipher = heard.protocol, heard.cipher
    found.http_status = heard.status
    _note(found, heard, clock())
    return found


def _converse(context: ssl.SSLContext, target: Target, timeout_s: float) -> _Heard:
    """Connect, shake hands, ask for nothing but a head: with TLS 1.3 a refusal of our certificate comes only then."""
    connected = shaken = False
    protocol = cipher = ""
    answer = b""
    end = time.monotonic() + timeout_s
    try:
        with socket.create_connection((target.host, target.port), timeout_s) as plain:
            connected = True
            with context.wrap_socket(plain, server_hostname=target.name) as protected:
                shaken = True
                protocol = protected.version() or ""
                cipher = (protected.cipher() or ("",))[0]
                head = f"HEAD {target.path} HTTP/1.1\r\nHost: {target.name}\r\nConnection: close\r\n\r\n"
                with suppress(OSError):
                    # a server that has refused and gone may have left its alert behind
                    protected.sendall(head.encode("ascii", "replace"))
                while b"\r\n\r\n" not in answer and len(answer) < MAX_ANSWER:
                    protected.settimeout(max(0.01, end - time.monotonic()))
                    more = protected.recv(4096)
                    if not more:
                        break
                    answer += more
    except (OSError, UnicodeError) as error:
        return _Heard(error, connected, shaken, protocol, cipher, answer)
    return _Heard(None, connected, shaken, protocol, cipher, answer)


def _describe(
    found: Explained, material: TlsMaterial, target: Target, chain: tuple[Certificate, ...], now: float
) -> None:
    found.chain = tuple(shown(each, now) for each in chain)
    if not chain:
        return
    found.name_matches = certificates.fits_host(chain[0], target.name)
    authorities = certificates.read_certificates(material.authorities) if material.authorities else ()
    if authorities:
        found.trusted = bool(certificates.path_to_anchor(chain[0], chain[1:], authorities, now))
    if material.lists:
        lists = [each for content in material.lists for each in certificates.read_revocation_lists(content)]
        found.revocation = certificates.Revoked(lists, authorities).state(chain[0], now).value


def _describe_ours(found: Explained, material: TlsMaterial, listening: Listening, now: float) -> None:
    found.client_authorities = tuple(readable(name) for name in listening.authorities[:MAX_SHOWN])
    if material.certificate:
        own = certificates.read_certificates(material.certificate)
        found.own = shown(own[0], now)
        if listening.asked:
            found.own_issuer_asked_for = any(listening.wants(certificates.issuer_name(each)) for each in own)


def _cause(heard: _Heard, listening: Listening, material: TlsMaterial, found: Explained) -> tuple[str, str]:
    refused = listening.alert in _ABOUT_OURS or (listening.asked and not heard.answer and _ended(heard))
    if heard.connected and listening.spoke and refused and not _is_unverified(heard):
        return _ours(material, found), heard.reason or "closed"
    return _after(heard, listening, material, found) if heard.shaken else _before(heard, listening, found)


def _before(heard: _Heard, listening: Listening, found: Explained) -> tuple[str, str]:
    """A handshake that did not come to its end, for no reason of our certificate."""
    if isinstance(heard.error, ssl.SSLCertVerificationError):
        return _unverified(heard.error, found), heard.error.verify_message
    if not heard.connected:
        cause = "unreachable"
    elif not listening.spoke:
        cause = "no-tls"
    elif listening.alert == _UNRECOGNIZED_NAME:
        cause = "unrecognized-name"
    elif listening.alert or _is_of_tls(heard.error):
        cause = "nothing-common"
    else:
        cause = "broken-off"
    return cause, heard.reason


def _after(heard: _Heard, listening: Listening, material: TlsMaterial, found: Explained) -> tuple[str, str]:
    """What may still be wrong after a handshake that went well."""
    if listening.asked and heard.status in (_BAD_CERTIFICATE_STATUS if found.own else _NO_CERTIFICATE_STATUS):
        return _ours(material, found), f"HTTP {heard.status}"
    if found.revocation == Revocation.REVOKED:
        return "revoked", found.revocation
    if found.revocation in {Revocation.STALE, Revocation.UNLISTED} and material.stale_lists == "refuse":
        return "revocation-unknown", found.revocation
    return FINE, heard.reason


def _is_of_tls(error: BaseException | None) -> bool:
    """Whether our library did not go on, rather than the connection having ended."""
    return isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)


def _is_unverified(heard: _Heard) -> bool:
    return isinstance(heard.error, ssl.SSLCertVerificationError)


def _ended(heard: _Heard) -> bool:
    """Whether it was the other side that made an end of it; one that is silent has not refused yet."""
    return not isinstance(heard.error, TimeoutError)


def _unverified(error: ssl.SSLCertVerificationError, found: Explained) -> str:
    cause = _VERIFY_CAUSES.get(error.verify_code, "unknown-issuer")
    if cause in {"expired", "not-yet-valid"} and found.chain and found.chain[0].validity == Validity.VALID:
        return "issuer-dates"
    return cause


def _ours(material: TlsMaterial, found: Explained) -> str:
    """The server is not content with the client: with none, with an old one, or with one that it does not know."""
    if not material.certificate or found.own is None:
        return "no-client-certificate"
    if found.own.validity != Validity.VALID:
        return "client-dates"
    return "client-unknown-issuer" if found.own_issuer_asked_for is False else "client-refused"


def _client(found: Explained, heard: _Heard, listening: Listening, material: TlsMaterial) -> str:
    if found.cause in _OURS:
        return "refused"
    if not heard.shaken:
        return "unknown"
    if not listening.asked:
        return "not-asked"
    if not heard.answer:
        return "unknown"
    return "accepted" if material.certificate else "none-needed"


def _note(found: Explained, heard: _Heard, now: float) -> None:
    """What does not refuse a connection yet, and the other clock."""
    if found.cause == FINE and not heard.answer:
        found.notes.append("no-answer")
    for name, each in (("theirs-end-soon", found.chain[0] if found.chain else None), ("ours-end-soon", found.own)):
        if each is not None and now < each.not_after < now + SOON_S:
            found.notes.append(name)
    date = re.search(rb"^date:\s*(.+?)\s*$", heard.answer, re.MULTILINE | re.IGNORECASE)
    if date is None:
        return
    try:
        found.skew_s = round(parsedate_to_datetime(date[1].decode("latin-1")).timestamp() - now, 1)
    except (ValueError, OverflowError):
        return
    if abs(found.skew_s) > SKEW_S:
        found.notes.append("clock")


def shown(certificate: Certificate, now: float) -> Shown:
    """The facts that a person asks for."""
    return Shown(
        subject=certificate.subject,
        issuer=certificate.issuer,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        validity=certificate.validity(now).value,
        key=certificate.key,
        usages=tuple(sorted(certificate.usages)),
        purposes=tuple(sorted(certificate.purposes)),
        names=certificate.names,
        sha256=certificate.sha256,
    )
