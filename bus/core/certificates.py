"""Certificates, keys and revocation lists as facts: read, compare, judge. Pure functions; nothing is fetched.

The only door to the library ``cryptography`` for X.509. Whoever wants the values alone imports ``bus.core.channel``,
which costs nothing.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from bus.core.channel import Certificate, Revocation, Validity
from bus.core.errors import ConfigurationError
from bus.core.types import Finding

MIN_RSA_BITS: Final = 2048
"""NIST SP 800-57 and the Japanese list of recommended ciphers (CRYPTREC) ask for no less."""

MIN_EC_BITS: Final = 256

WEAK_HASHES: Final = frozenset({"md5", "sha1"})
"""Signatures of issuers with these can be forged; nothing signed so is trusted (RFC 9155)."""

MAX_PATH: Final = 8
"""Certificates from a leaf to its anchor; real ones have two to four."""

_BLOCK: Final = re.compile(rb"-----BEGIN (CERTIFICATE|X509 CRL)-----\r?\n.*?-----END \1-----", re.DOTALL)
_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
_PURPOSES: Final = {
    ExtendedKeyUsageOID.SERVER_AUTH: "server_auth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "client_auth",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "email_protection",
    ExtendedKeyUsageOID.CODE_SIGNING: "code_signing",
    ExtendedKeyUsageOID.OCSP_SIGNING: "ocsp_signing",
    ExtendedKeyUsageOID.TIME_STAMPING: "time_stamping",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any",
}

_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A CRL: who issued it, how long it speaks, and the serials (hexadecimal) it revokes."""

    issuer: str
    this_update: float
    next_update: float
    revoked: frozenset[str]
    der: bytes = field(default=b"", repr=False)


def _bad(what: str, why: str) -> ConfigurationError:
    return ConfigurationError("CB7041", [Finding("CB7041", expected=what, got=why)])


def normal_name(text: str) -> str:
    """A distinguished name as ``Certificate.subject`` writes it, or an empty text when it is none."""
    try:
        return x509.Name.from_rfc4514_string(text).rfc4514_string()
    except ValueError:
        return ""


def certificate_of(der: bytes) -> Certificate:
    """The facts of one certificate. Errors: ``ConfigurationError`` CB7041 for bytes that are none."""
    try:
        return _facts(x509.load_der_x509_certificate(der), der)
    except (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType) as error:
        raise _bad("X.509 certificate", type(error).__name__) from error


def read_certificates(pem: bytes) -> tuple[Certificate, ...]:
    """Every certificate of a PEM file in its order. Errors: ``ConfigurationError`` CB7041, also when there is none."""
    found = []
    for kind, block in _blocks(pem):
        if kind == b"CERTIFICATE":
            try:
                der = x509.load_pem_x509_certificate(block).public_bytes(Encoding.DER)
            except ValueError as error:
                raise _bad("X.509 certificate (PEM)", type(error).__name__) from error
            found.append(certificate_of(der))
    if not found:
        raise _bad("X.509 certificate (PEM)", "none")
    return tuple(found)


def read_revocation_lists(pem: bytes) -> tuple[RevocationList, ...]:
    """Every CRL of a PEM file, or the one of a DER file. Errors: ``ConfigurationError`` CB7041."""
    try:
        blocks = [block for kind, block in _blocks(pem) if kind == b"X509 CRL"]
        lists = [x509.load_pem_x509_crl(block) for block in blocks] or [x509.load_der_x509_crl(pem)]
        return tuple(_list_facts(each) for each in lists)
    except ValueError as error:
        raise _bad("certificate revocation list", type(error).__name__) from error


def _blocks(pem: bytes) -> list[tuple[bytes, bytes]]:
    return [(found.group(1), found.group(0)) for found in _BLOCK.finditer(pem)]


def _list_facts(crl: x509.CertificateRevocationList) -> RevocationList:
    after = crl.next_update_utc
    return RevocationList(
        issuer=crl.issuer.rfc4514_string(),
        this_update=crl.last_update_utc.timestamp(),
        next_update=after.timestamp() if after else 0.0,
        revoked=frozenset(f"{entry.serial_number:x}" for entry in crl),
        der=crl.public_bytes(Encoding.DER),
    )


def _facts(certificate: x509.Certificate, der: bytes) -> Certificate:
    extensions = certificate.extensions
    return Certificate(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
        sha256=hashlib.sha256(der).hexdigest(),
        names=_names(extensions),
        key=_key(certificate),
        signature=_signature(certificate),
        authority=_authority(extensions),
        usages=_usages(extensions),
        purposes=_purposes(extensions),
        path_length=_path_length(extensions),
        unknown_critical=frozenset(
            each.oid.dotted_string for each in extensions if each.critical and each.oid not in _UNDERSTOOD
        ),
        der=der,
    )


def _names(extensions: x509.Extensions) -> tuple[str, ...]:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    kinds: dict[type, str] = {
        x509.DNSName: "dns",
        x509.IPAddress: "ip",
        x509.UniformResourceIdentifier: "uri",
        x509.RFC822Name: "email",
    }
    found = [f"{kinds[type(name)]}:{name.value}" for name in names if type(name) in kinds]
    return tuple(name.lower() if name.startswith("dns:") else name for name in found)


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "unknown"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    return "Ed448" if isinstance(key, ed448.Ed448PublicKey) else type(key).__name__


def _signature(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "unknown"
    return algorithm.name if algorithm is not None else "intrinsic"


def _authority(extensions: x509.Extensions) -> bool:
    try:
        return bool(extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def _usages(extensions: x509.Extensions) -> frozenset[str]:
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(name for name in _USAGES if getattr(usage, name))


def _purposes(extensions: x509.Extensions) -> frozenset[str]:
    try:
        extended = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(_PURPOSES.get(each, each.dotted_string) for each in extended)


def _path_length(extensions: x509.Extensions) -> int:
    try:
        length = extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    except x509.ExtensionNotFound:
        return -1
    return -1 if length is None else length


def weaknesses(certificate: Certificate) -> tuple[str, ...]:
    """Why the certificate's own cryptography is not to be relied on; empty when it is."""
    found = []
    kind, _, size = certificate.key.partition(" ")
    if kind == "RSA" and int(size) < MIN_RSA_BITS:
        found.append(f"RSA {size} < {MIN_RSA_BITS}")
    if kind == "EC" and not re.search(r"(256|384|521)", size):
        found.append(f"EC {size} < {MIN_EC_BITS}")
    if kind not in {"RSA", "EC", "Ed25519", "Ed448"}:
        found.append(f"key {certificate.key}")
    if certificate.signature in WEAK_HASHES and not certificate.own_issuer:
        found.append(f"signed with {certificate.signature}")
    return tuple(found)


def unfit(certificate: Certificate, purpose: str) -> tuple[str, ...]:
    """Why a leaf does not serve ``server_auth``, ``client_auth`` or ``signing``; empty when it does."""
    found = []
    if certificate.authority:
        found.append("a certificate authority")
    if certificate.usages and "digital_signature" not in certificate.usages:
        found.append("key usage without digital_signature")
    wanted = {"any", purpose}
    if purpose != "signing" and certificate.purposes and not certificate.purposes & wanted:
        found.append(f"extended key usage without {purpose}")
    return tuple(found)


def issuer_name(certificate: Certificate) -> bytes:
    """The issuer's distinguished name in DER, as servers list the authorities they accept."""
    return x509.load_der_x509_certificate(certificate.der).issuer.public_bytes()


def fits_host(certificate: Certificate, name: str) -> bool:
    """Whether a server's certificate is for this host (RFC 6125: a star stands for one whole first label)."""
    try:
        return f"ip:{ipaddress.ip_address(name)}" in certificate.names
    except ValueError:
        pass
    name = name.lower().rstrip(".")
    return f"dns:{name}" in certificate.names or f"dns:*.{name.partition('.')[2]}" in certificate.names


def may_issue(certificate: Certificate) -> bool:
    """Whether it may sign other certificates."""
    return certificate.authority and (not certificate.usages or "key_cert_sign" in certificate.usages)


def issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer's key signed the certificate (names are compared too; dates are not looked at)."""
    try:
        x509.load_der_x509_certificate(certificate.der).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer.der)
        )
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def list_signed_by(crl: RevocationList, issuer: Certificate) -> bool:
    """Whether the issuer, which must be allowed to, signed the list."""
    if crl.issuer != issuer.subject or (issuer.usages and "crl_sign" not in issuer.usages):
        return False
    try:
        key = x509.load_der_x509_certificate(issuer.der).public_key()
        return x509.load_der_x509_crl(crl.der).is_signature_valid(key)  # type: ignore[arg-type]  # other keys: TypeError
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def path_to_anchor(
    leaf: Certificate, between: Iterable[Certificate], anchors: Iterable[Certificate], now: float
) -> tuple[Certificate, ...]:
    """The certificates from ``leaf`` to a trusted anchor, both included; empty when none leads there.

    Every step is a verified signature by a certificate that may issue; everything but the leaf is within its dates and
    of sound cryptography (the leaf's own are for the caller to judge). An extension that must be understood and is not,
    name constraints among them, ends a path. The first path that leads to an anchor is given.
    """
    trusted = tuple(anchors)
    known = {each.sha256 for each in trusted}
    candidates = (*trusted, *between)

    def usable(issuer: Certificate, path: tuple[Certificate, ...]) -> bool:
        return (
            may_issue(issuer)
            and issuer not in path
            and issuer.validity(now) is Validity.VALID
            and not issuer.unknown_critical
            and not weaknesses(issuer)
            and (issuer.path_length < 0 or issuer.path_length >= len(path) - 1)
        )

    def walk(path: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
        last = path[-1]
        if last.sha256 in known:
            return path
        if len(path) >= MAX_PATH or last.unknown_critical:
            return ()
        for issuer in candidates:
            if issuer.subject == last.issuer and usable(issuer, path) and issued_by(last, issuer):
                found = walk((*path, issuer))
                if found:
                    return found
        return ()

    return walk((leaf,))


def key_problem(key_pem: bytes, passphrase: str, certificate: Certificate | None) -> str:
    """What is wrong with a private key, ``""`` when it can be read and belongs to the certificate.

    ``unreadable``, ``passphrase`` or ``mismatch``.
    """
    try:
        key = load_pem_private_key(key_pem, passphrase.encode() if passphrase else None)
    except TypeError:
        return "passphrase"
    except (ValueError, UnsupportedAlgorithm):
        return "passphrase" if passphrase else "unreadable"
    if certificate is None:
        return ""
    try:
        own = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        theirs = x509.load_der_x509_certificate(certificate.der).public_key()
        return "" if own == theirs.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) else "mismatch"
    except (ValueError, UnsupportedAlgorithm):
        return "mismatch"


class Revoked:
    """The revocation lists of one trust store, ready to be asked with every connection or message.

    Of several lists of an issuer the newest speaks. ``problems`` names lists that no known issuer signed (their
    issuers); they are not used.
    """

    __slots__ = ("_by_issuer", "_issuers", "problems")

    def __init__(self, lists: Sequence[RevocationList], issuers: Sequence[Certificate]) -> None:
        self._by_issuer: dict[str, RevocationList] = {}
        self._issuers = {issuer.subject: issuer for issuer in issuers}
        unsigned: list[str] = []
        for crl in sorted(lists, key=lambda each: each.this_update):
            if any(list_signed_by(crl, issuer) for issuer in issuers):
                self._by_issuer[crl.issuer] = crl
            else:
                unsigned.append(crl.issuer)
        self.problems = tuple(unsigned)

    @property
    def lists(self) -> tuple[RevocationList, ...]:
        """The lists that speak."""
        return tuple(self._by_issuer.values())

    def state(self, certificate: Certificate, now: float) -> Revocation:
        """What the lists say of a certificate and of the issuers above it that are known here; the worst counts."""
        worst = Revocation.GOOD
        for _ in range(MAX_PATH):
            one = self._one(certificate, now)
            if one is Revocation.REVOKED:
                return one
            if one is not Revocation.GOOD and worst is Revocation.GOOD:
                worst = one
            above = self._issuers.get(certificate.issuer)
            if above is None or above.own_issuer:
                break
            certificate = above
        return worst

    def _one(self, certificate: Certificate, now: float) -> Revocation:
        crl = self._by_issuer.get(certificate.issuer)
        if crl is None:
            return Revocation.UNLISTED
        if certificate.serial in crl.revoked:
            return Revocation.REVOKED
        return Revocation.STALE if now > crl.next_update else Revocation.GOOD
