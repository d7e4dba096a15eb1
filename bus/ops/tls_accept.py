"""Why the listener with TLS would refuse a caller: judged from its certificate alone, by the rules of the front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bus.core import certificates
from bus.core.channel import Binding, Certificate, Channel, TlsServer, Validity
from bus.core.errors import RightsError
from bus.core.settings import FrontSettings
from bus.core.types import Endpoint
from bus.ops.tls_causes import FINE
from bus.ops.tls_explain import Shown, shown
from bus.pipeline.identify import check_channel
from bus.pipeline.tables import RevocationOf, revocation_of

_BY_CODE: Final = {
    "CB2041": "caller-none",
    "CB2042": "caller-somebody-else",
    "CB2043": "caller-revoked",
    "CB2044": "caller-revocation-unknown",
}


@dataclass(slots=True)
class Judged:
    """What was seen of a caller's certificate, and the cause where it is refused (``fine`` where it is not).

    ``bindings`` are the certificates that stand for the endpoint; ``credential`` is what it has to bring.
    """

    endpoint: str
    listener: str
    client_certificates: str
    credential: str
    bindings: tuple[str, ...]
    at: float
    cause: str = FINE
    reason: str = ""
    chain: tuple[Shown, ...] = ()
    trusted: bool | None = None
    revocation: str = "no-list"


@dataclass(frozen=True, slots=True)
class _Trust:
    front: FrontSettings
    revocation: RevocationOf | None


def judge(front: FrontSettings, tls: TlsServer, endpoint: Endpoint, shows: bytes, now: float) -> Judged:
    """What the front, listening as ``tls`` says, makes of a caller that shows these certificates (PEM), or none.

    Errors: ``ConfigurationError`` CB7041 for what is no certificate.
    """
    caller = endpoint.caller
    found = Judged(
        endpoint=endpoint.key,
        listener=f"{tls.host}:{tls.port}",
        client_certificates=tls.client_certificates,
        credential=caller.credential,
        bindings=tuple(text_of(each) for each in caller.certificates),
        at=now,
    )
    chain = certificates.read_certificates(shows) if shows and tls.client_certificates != "none" else ()
    if chain:
        _describe(found, tls, chain, now)
    found.cause, found.reason = _handshake(tls, chain, found, now)
    if found.cause != FINE or not caller.asks_tls:
        return found
    trust = _Trust(front, revocation_of(front))
    if trust.revocation is not None and chain:
        found.revocation = trust.revocation(chain[0], now).value
    try:
        check_channel(trust, endpoint.key, caller, Channel("", "", chain[0] if chain else None), now)
    except RightsError as error:
        found.cause = _BY_CODE[error.code]
        found.reason = ", ".join(each.got for each in error.findings if each.got)
    return found


def _describe(found: Judged, tls: TlsServer, chain: tuple[Certificate, ...], now: float) -> None:
    authorities = certificates.read_certificates(tls.material.authorities) if tls.material.authorities else ()
    found.chain = tuple(shown(each, now) for each in chain)
    found.trusted = bool(certificates.path_to_anchor(chain[0], chain[1:], authorities, now))


def _handshake(tls: TlsServer, chain: tuple[Certificate, ...], found: Judged, now: float) -> tuple[str, str]:
    """What the library would say, in the order in which it looks."""
    if not chain:
        return ("caller-none-at-all" if tls.client_certificates == "required" else FINE), ""
    leaf = chain[0]
    weak = certificates.weaknesses(leaf)
    unfit = certificates.unfit(leaf, "client_auth")
    validity = leaf.validity(now)
    if not found.trusted:
        return "caller-unknown-issuer", leaf.issuer
    if weak:
        return "caller-weak", weak[0]
    if unfit:
        return "caller-wrong-usage", unfit[0]
    if validity is not Validity.VALID:
        return ("caller-expired" if validity is Validity.EXPIRED else "caller-not-yet-valid"), validity.value
    return FINE, ""


def text_of(binding: Binding) -> str:
    """A registered certificate in a line."""
    if binding.sha256:
        return f"sha256:{binding.sha256}"
    return " ".join(part for part in (binding.subject, binding.name, f"(issuer {binding.issuer})") if part)
