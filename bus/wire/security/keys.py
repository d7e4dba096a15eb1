"""Keys and certificates as the message security uses them: read from PEM, judged for strength, named for look-up.

What a certificate says is read by ``bus.core.certificates``, for TLS and for messages alike; here its key comes to it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha1
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bus.core.certificates import RevocationList, certificate_of, read_certificates, read_revocation_lists
from bus.core.channel import Certificate as Facts
from bus.core.errors import ConfigurationError
from bus.core.types import Finding

MIN_RSA_BITS: Final = 2048
"""CRYPTREC and NIST SP 800-57: 112 bits of security; smaller keys have not been allowed since 2014."""

MAX_RSA_BITS: Final = 8192
"""A verification grows with the square of the size: a foreign certificate must not decide how long the bus computes."""

MIN_EXPONENT: Final = 65537
"""FIPS 186-5; smaller ones have been the root of forgeries."""

UNREADABLE: Final = "CB2034"
WEAK: Final = "CB2037"
NO_PAIR: Final = "CB2039"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class UnusableKey(Exception):
    """A key or certificate that this bus does not use; ``finding`` says which and why. Not for senders."""

    def __init__(self, code: str, path: str, expected: str, got: str) -> None:
        self.finding = Finding(code, path=path, expected=expected, got=got[:160])
        super().__init__(f"{code} {path}: {got}")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its public key and the names that messages refer to it by."""

    facts: Facts
    public: object = field(repr=False)
    ski: bytes = field(repr=False)
    thumbprint: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, hexadecimal."""
        return self.facts.sha256

    @property
    def serial(self) -> int:
        """The serial number."""
        return int(self.facts.serial, 16)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and its certificate, which travels with every signature."""

    name: str
    private: PrivateKey = field(repr=False)
    certificate: Certificate
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DecryptionKey:
    """A private RSA key and the certificate that senders encrypt to."""

    name: str
    private: rsa.RSAPrivateKey = field(repr=False)
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom outgoing bodies are encrypted to."""

    certificate: Certificate
    public: rsa.RSAPublicKey = field(repr=False)


@lru_cache(maxsize=256)
def certificate_from(der: bytes) -> Certificate:
    """A certificate from DER; the last ones are remembered. Errors: ValueError for what is none."""
    try:
        return named(certificate_of(der))
    except (ConfigurationError, UnsupportedAlgorithm) as error:
        raise ValueError(type(error).__name__) from None


def named(facts: Facts) -> Certificate:
    """A certificate with its names. Errors: ValueError, UnsupportedAlgorithm for a key that cannot be read."""
    certificate = x509.load_der_x509_certificate(facts.der)
    try:
        ski = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        ski = b""
    thumbprint = sha1(facts.der, usedforsecurity=False).digest()  # names one of the registered ones, proves nothing
    return Certificate(facts, certificate.public_key(), ski, thumbprint)


def certificates_of(pem: bytes, path: str) -> list[Certificate]:
    """All certificates of a PEM file. Errors: ``UnusableKey`` CB2034."""
    try:
        return [named(each) for each in read_certificates(pem)]
    except (ConfigurationError, ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey(UNREADABLE, path, "PEM certificate", type(error).__name__) from error


def revocation_lists_of(raw: bytes, path: str) -> list[RevocationList]:
    """The revocation lists of a PEM or DER file. Errors: ``UnusableKey`` CB2034."""
    try:
        return list(read_revocation_lists(raw))
    except ConfigurationError as error:
        raise UnusableKey(UNREADABLE, path, "PEM or DER revocation list", error.code) from error


def read_private(pem: bytes, path: str) -> PrivateKey:
    """An unencrypted private key in PEM. Errors: ``UnusableKey`` CB2034, CB2037."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnusableKey(UNREADABLE, path, "PEM private key without pass phrase", type(error).__name__) from error
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        wrong = weakness(key.public_key())
        if not wrong:
            return key
        raise UnusableKey(WEAK, path, "RSA >= 2048 | EC P-256", wrong)
    raise UnusableKey(WEAK, path, "RSA >= 2048 | EC P-256", type(key).__name__)


def weakness(key: object) -> str:
    """Why a public key is not used for messages, empty when it is fine."""
    if isinstance(key, rsa.RSAPublicKey):
        if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            return f"RSA {key.key_size}"
        return "" if key.public_numbers().e >= MIN_EXPONENT else "RSA with a small exponent"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if isinstance(key.curve, ec.SECP256R1) else key.curve.name
    return type(key).__name__


def signing_key(name: str, private: PrivateKey, certificate: Certificate, path: str) -> SigningKey:
    """A key pair to sign with. Errors: ``UnusableKey`` CB2039 when the two do not belong together."""
    _pair(private, certificate, path)
    return SigningKey(name, private, certificate, base64.b64encode(certificate.facts.der).decode("ascii"))


def decryption_key(name: str, private: PrivateKey, certificate: Certificate, path: str) -> DecryptionKey:
    """A key pair to decrypt with. Errors: ``UnusableKey`` CB2037 for a key that is not RSA, CB2039."""
    if not isinstance(private, rsa.RSAPrivateKey):
        raise UnusableKey(WEAK, path, "RSA >= 2048", type(private).__name__)
    _pair(private, certificate, path)
    return DecryptionKey(name, private, certificate)


def recipient(certificate: Certificate, path: str) -> Recipient:
    """Whom to encrypt to. Errors: ``UnusableKey`` CB2037."""
    public = certificate.public
    if not isinstance(public, rsa.RSAPublicKey) or weakness(public):
        raise UnusableKey(WEAK, path, "RSA >= 2048", weakness(public) or type(public).__name__)
    usages = certificate.facts.usages
    if usages and not usages & {"key_encipherment", "data_encipherment"}:
        raise UnusableKey(WEAK, path, "key usage keyEncipherment", ", ".join(sorted(usages)))
    return Recipient(certificate, public)


def _pair(private: PrivateKey, certificate: Certificate, path: str) -> None:
    """Errors: CB2039 when the certificate is of another key."""
    if private.public_key() != certificate.public:
        raise UnusableKey(NO_PAIR, path, "certificate of this key", certificate.facts.subject)
