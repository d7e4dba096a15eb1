"""Keys of those who sign statements of conformity: made, read, used, and believed.

The door to ``cryptography`` in the suite. A signer has a private key and a certificate for it; a verifier believes
certificates that it holds, and those that an authority it holds has issued directly.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from schemas.statements import Signed, Statement, manifest_of, to_sign

Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
CURVES: Final = (ec.SECP256R1, ec.SECP384R1)
YEARS: Final = 5
DAY_S: Final = 24 * 3600


class SigningError(Exception):
    """A key or certificate cannot be used; the text says why."""


def make_key(name: str, now: datetime) -> tuple[bytes, bytes]:
    """A new Ed25519 key and a certificate that it signs itself, both PEM. ``name`` becomes the common name."""
    key = ed25519.Ed25519PrivateKey.generate()
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder().subject_name(named).issuer_name(named).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, None)
    )  # fmt: skip
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, certificate.public_bytes(Encoding.PEM)


def sign(statement: Statement, key: bytes, certificate: bytes) -> Signed:
    """Sign a statement with a key (PEM) and name its certificate (PEM). Errors: SigningError."""
    private, held = _private(key), _certificate(certificate)
    if _public(private.public_key()) != _public(held.public_key()):
        raise SigningError("証明書と鍵が対になっていません / the certificate is not that of the key")
    named = held.public_bytes(Encoding.PEM).decode()
    manifest = manifest_of(statement, named)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        algorithm, value = "Ed25519", private.sign(to_sign(manifest))
    else:
        algorithm, value = "ECDSA-SHA256", private.sign(to_sign(manifest), ec.ECDSA(hashes.SHA256()))
    return Signed(statement, manifest, algorithm, named, value)


def signer_name(certificate: bytes) -> str:
    """The common name of a certificate, else its whole subject. Errors: SigningError."""
    subject = _certificate(certificate).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else subject.rfc4514_string()


def signature_problem(signed: Signed) -> str:
    """Why the signature is not that of the certificate's key over the manifest; empty where it is."""
    try:
        public = _certificate(signed.certificate.encode()).public_key()
        if isinstance(public, ed25519.Ed25519PublicKey) and signed.algorithm == "Ed25519":
            public.verify(signed.value, signed.signed_bytes)
        elif isinstance(public, ec.EllipticCurvePublicKey) and signed.algorithm == "ECDSA-SHA256":
            public.verify(signed.value, signed.signed_bytes, ec.ECDSA(hashes.SHA256()))
        else:
            return "signature.algorithm: not that of the certificate's key"
    except SigningError as error:
        return f"signature.certificate: {error}"
    except InvalidSignature:
        return "signature: does not fit; manifest, signature or certificate was altered"
    return ""


def trust_problem(signed: Signed, trusted: Iterable[bytes]) -> str:
    """Why the signer is not believed; empty where it is. ``trusted`` are certificates (PEM). Errors: SigningError."""
    own = _certificate(signed.certificate.encode())
    if own.not_valid_before_utc.timestamp() >= signed.statement.begins + DAY_S:
        return "the certificate of the signer was not valid yet on the day of the statement"
    if own.not_valid_after_utc.timestamp() < signed.statement.begins:
        return "the certificate of the signer had ended on the day of the statement"
    for pem in trusted:
        held = _certificate(pem)
        if _public(held.public_key()) == _public(own.public_key()) or _issued(own, held):
            return ""
    return "the signer is not among those that are trusted"


def _issued(own: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether an authority has issued a certificate directly."""
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


def _private(pem: bytes) -> Private:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningError(f"鍵を読めません / the key cannot be read ({type(error).__name__})") from error
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, CURVES):
        return key
    raise SigningError(
        "鍵は Ed25519 か P-256・P-384 の ECDSA です / the key has to be Ed25519 or ECDSA on P-256 or P-384"
    )


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        held = x509.load_pem_x509_certificate(pem)
        _ = held.public_key(), held.subject, held.not_valid_before_utc, held.not_valid_after_utc  # read when asked for
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise SigningError(f"証明書を読めません / the certificate cannot be read ({type(error).__name__})") from error
    return held


def _public(key: object) -> bytes:
    if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey):
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
