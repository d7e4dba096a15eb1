"""Statements of conformity for tests: signers and vendors are fictitious."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from conformance.signing import make_key, sign
from schemas.statements import Signed, Statement, address_digest

NOW = datetime(2026, 6, 1, tzinfo=UTC)
JUKI = "http://127.0.0.1:9/soap"
STATED = Statement(
    vendor="架空システム株式会社", product="住基 X", version="3.2.1", endpoints=(address_digest(JUKI),),
    profile="juki-provider", unit="juki", roles=("provider", "data", "wsdl"), edition="1.0", suite="1.0",
    catalogue="0" * 64, requirements=639, judged_on="2026-06-01", valid_until="2999-05-31", evidence="1" * 64,
    verdicts="2" * 64, result="conforms", counts={"pass": 100}, signer="試験署名者（架空）",
)  # fmt: skip


@cache
def signer(name: str = "試験署名者（架空）") -> tuple[bytes, bytes]:
    """Key and certificate of a signer, made once."""
    return make_key(name, NOW)


@cache
def authority() -> tuple[bytes, bytes, bytes]:
    """An authority's certificate, and key (ECDSA) and certificate of a signer whom it vouches for."""
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    top = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "試験認証局（架空）")])
    leaf = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "試験署名者 二（架空）")])

    def issue(name: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool) -> bytes:
        return (
            x509.CertificateBuilder().subject_name(name).issuer_name(top).public_key(key)
            .serial_number(x509.random_serial_number()).not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
            .sign(root, hashes.SHA256()).public_bytes(Encoding.PEM)
        )  # fmt: skip

    private = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return issue(top, root.public_key(), ca=True), private, issue(leaf, own.public_key(), ca=False)


def signed(**changes: object) -> Signed:
    """The statement with other values, signed by the first signer."""
    return sign(replace(STATED, **changes), *signer())
