"""Statements of conformity of a site: read, checked by keys that the site trusts, compared with its endpoints.

Only routes with ``require_statement`` ask for them, when a site is loaded; a message never does. The form is that of
``schemas.statements``; signatures are verified here, by code of the bus's own. What time alone ends is told apart from
what is wrong: an expired statement closes its routes and leaves the rest of the bus running.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bus.core.settings import Site
from bus.core.types import Endpoint, Finding
from schemas.statements import MAX_BYTES, Signed, StatementError, address_digest, parse

FOLDER: Final = "statements"
TRUSTED: Final = "trusted"
MISSING, EXPIRED, ALTERED, UNTRUSTED, OTHER, ENDING = "CB7075", "CB7076", "CB7077", "CB7078", "CB7079", "CB7080"
WARN_DAYS: Final = 30
DAY_S: Final = 24 * 3600.0
CONFORMS: Final = "conforms"
UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
"""What the library raises for bytes that are no certificate of a kind it knows."""


@dataclass(frozen=True, slots=True)
class Held:
    """A statement that lies in the site folder, with the name of its file."""

    name: str
    signed: Signed


def standings(folder: Path, endpoints: Iterable[Endpoint]) -> tuple[dict[str, float], list[Finding]]:
    """Until when (seconds since 1970) a genuine statement of each endpoint holds, and what is wrong.

    An endpoint of which the statement has only ended is in the mapping: ``lapsed`` compares with the time.
    """
    held, findings = _read(folder / FOLDER)
    found: dict[str, float] = {}
    for endpoint in endpoints:
        own = [one for one in held if address_digest(endpoint.address) in one.signed.statement.endpoints]
        fitting = [one for one in own if not _differences(one, endpoint)]
        if fitting:
            found[endpoint.key] = max(one.signed.statement.ends for one in fitting)
        elif own:
            findings += [
                Finding(OTHER, path=f"{FOLDER}/{one.name}: {name}", expected=expected, got=got)
                for one in own
                for name, expected, got in _differences(one, endpoint)
            ]
        else:
            of_unit = [one.name for one in held if one.signed.statement.unit == endpoint.unit]
            code, got = (OTHER, f"{', '.join(of_unit)}: another address") if of_unit else (MISSING, "none")
            findings.append(Finding(code, path=f"{FOLDER}: {endpoint.key}", expected=endpoint.address, got=got))
    return found, findings


def lapsed(site: Site, now: float) -> frozenset[str]:
    """The endpoints whose statement has ended."""
    return frozenset(key for key, until in site.statements.items() if now >= until)


def with_lapsed(site: Site, now: float) -> Site:
    """The site as it stands at this moment: what has ended closes its routes."""
    return replace(site, lapsed=lapsed(site, now)) if site.statements else site


def next_change(site: Site, now: float) -> float:
    """The moment at which the next statement ends; infinite where none will."""
    return min((until for until in site.statements.values() if until > now), default=float("inf"))


def at_this_time(site: Site, now: float) -> tuple[list[Finding], list[Finding]]:
    """Statements that have ended (problems), and those that end within ``WARN_DAYS`` (warnings)."""
    problems, warnings = [], []
    for key, until in sorted(site.statements.items()):
        left = (until - now) / DAY_S
        if left <= 0:
            problems.append(Finding(EXPIRED, path=f"{FOLDER}: {key}", got=f"{-left:.0f} days ago"))
        elif left < WARN_DAYS:
            warnings.append(Finding(ENDING, path=f"{FOLDER}: {key}", got=f"in {left:.0f} days"))
    return problems, warnings


def _read(folder: Path) -> tuple[list[Held], list[Finding]]:
    """The genuine statements of a folder: unaltered, signed, and by somebody whom the site trusts."""
    trusted, findings = _trusted(folder / TRUSTED)
    held = []
    for file in sorted(folder.glob("*.json")):
        path = f"{FOLDER}/{file.name}"
        try:
            with file.open("rb") as opened:
                signed = parse(opened.read(MAX_BYTES + 1))
        except OSError as error:
            findings.append(Finding(ALTERED, path=path, got=type(error).__name__))
            continue
        except StatementError as error:
            findings += [Finding(ALTERED, path=path, got=problem) for problem in error.problems]
            continue
        wrong = [f"{name}: altered" for name in signed.altered] or [one for one in (_signature(signed),) if one]
        findings += [Finding(ALTERED, path=path, got=problem) for problem in wrong]
        if not wrong and not _believed(signed, trusted):
            findings.append(Finding(UNTRUSTED, path=path, expected=f"{FOLDER}/{TRUSTED}", got=signed.statement.signer))
        elif not wrong:
            held.append(Held(file.name, signed))
    return held, findings


def _trusted(folder: Path) -> tuple[list[x509.Certificate], list[Finding]]:
    found, findings = [], []
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            found += x509.load_pem_x509_certificates(file.read_bytes())
        except (OSError, *UNREADABLE) as error:
            path = f"{FOLDER}/{TRUSTED}/{file.name}"
            findings.append(Finding(UNTRUSTED, path=path, expected="certificate (PEM)", got=type(error).__name__))
    return found, findings


def _differences(one: Held, endpoint: Endpoint) -> list[tuple[str, str, str]]:
    """What a statement says otherwise than the site folder: field, what the site says, what it says."""
    stated = one.signed.statement
    found = [("unit", endpoint.unit, stated.unit), ("edition", endpoint.edition, stated.edition)]
    found.append(("result", CONFORMS, stated.result))
    found += [] if "provider" in stated.roles else [("roles", "provider", " ".join(stated.roles))]
    return [(name, expected, got) for name, expected, got in found if expected != got]


def _signature(signed: Signed) -> str:
    try:
        own = x509.load_pem_x509_certificate(signed.certificate.encode())
        key, _ = own.public_key(), (own.not_valid_before_utc, own.not_valid_after_utc)
        if isinstance(key, ed25519.Ed25519PublicKey) and signed.algorithm == "Ed25519":
            key.verify(signed.value, signed.signed_bytes)
            return ""
        if isinstance(key, ec.EllipticCurvePublicKey) and signed.algorithm == "ECDSA-SHA256":
            key.verify(signed.value, signed.signed_bytes, ec.ECDSA(hashes.SHA256()))
            return ""
    except UNREADABLE:
        return "signature.certificate: cannot be read"
    except InvalidSignature:
        return "signature: does not fit"
    return "signature.algorithm: not that of the key"


def _believed(signed: Signed, trusted: Iterable[x509.Certificate]) -> bool:
    """Whether the site holds the signer's own certificate or that of the authority which issued it directly."""
    own = x509.load_pem_x509_certificate(signed.certificate.encode())
    begins = signed.statement.begins
    if own.not_valid_before_utc.timestamp() >= begins + DAY_S or own.not_valid_after_utc.timestamp() < begins:
        return False
    mine = own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for one in trusted:
        if one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == mine or _issued(own, one):
            return True
    return False


def _issued(own: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        allowed = authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        own.verify_directly_issued_by(authority)
    except (
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        ValueError,
        TypeError,
        InvalidSignature,
        UnsupportedAlgorithm,
    ):
        return False
    return allowed


def files(folder: Path) -> Mapping[str, bytes]:
    """Everything that decides, by its name: a part of the hash of the tables."""
    home = folder / FOLDER
    there = [*sorted(home.glob("*.json")), *sorted((home / TRUSTED).glob("*"))]
    return {str(one.relative_to(folder)): one.read_bytes() for one in there if one.is_file()}
