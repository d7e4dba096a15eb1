"""Make a synthetic certificate authority, certificates and revocation lists, for trying out and testing only.

Everything made here says so in its subject (``TEST ONLY``). A real site gets its certificates from its own authority.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

MARK: Final = "TEST ONLY"
DAY: Final = 24 * 3600.0
BACK: Final = 3600.0
"""Certificates begin an hour ago, so that a clock that is slow by minutes accepts them."""

PURPOSES: Final = {
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
}


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate (PEM) and its private key (PEM)."""

    certificate: bytes
    key: bytes = field(repr=False)
    serial: int = 0


class Authority:
    """A certificate authority made now; ``now`` is in seconds since the epoch."""

    def __init__(
        self,
        name: str,
        now: float,
        *,
        days: float = 3650,
        above: Authority | None = None,
        path_length: int | None = None,
    ) -> None:
        """A root, or with ``above`` an intermediate authority that it signs."""
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        issuer = above or self
        self._certificate = (
            _builder(self._name, issuer._name, self._key, now - BACK, now + days * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(issuer._key, SHA256())
        )

    @classmethod
    def read(cls, pem: bytes, key_pem: bytes, now: float) -> Authority:
        """One that was made earlier. Errors: ``ValueError`` for what is none, or a key of another one."""
        made = cls.__new__(cls)
        key = load_pem_private_key(key_pem, None)
        certificate = x509.load_pem_x509_certificate(pem)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ValueError("not the key of the authority")
        made._now, made._key, made._name, made._certificate = now, key, certificate.subject, certificate
        return made

    @property
    def pem(self) -> bytes:
        """The authority's own certificate."""
        return self._certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """Its private key."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def issue(
        self,
        name: str,
        *,
        names: Sequence[str] = (),
        purposes: Sequence[str] = ("server_auth",),
        from_s: float = -BACK,
        days: float = 365,
        digital_signature: bool = True,
        key_pem: bytes = b"",
        passphrase: str = "",
        rsa_bits: int = 0,
    ) -> Made:
        """A leaf valid from ``from_s`` seconds after now for ``days``.

        ``names`` are ``dns:``, ``ip:`` or ``uri:`` texts; ``key_pem`` keeps an earlier key; ``rsa_bits`` makes an RSA
        key instead of EC P-256.
        """
        key = _key(key_pem, passphrase, rsa_bits)
        begin = self._now + from_s
        builder = (
            _builder(_name(name), self._name, key, begin, begin + days * DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                _usage(digital_signature=digital_signature, key_encipherment=not digital_signature), critical=True
            )
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if purposes:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([PURPOSES[each] for each in purposes]), critical=False
            )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(each) for each in names]), critical=False
            )
        certificate = builder.sign(self._key, SHA256())
        closing: KeySerializationEncryption = NoEncryption()
        if passphrase:
            closing = BestAvailableEncryption(passphrase.encode())
        return Made(
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, closing),
            certificate.serial_number,
        )

    def revocation_list(
        self, serials: Sequence[int] = (), *, days: float = 30, from_s: float = -BACK, number: int = 1
    ) -> bytes:
        """A CRL (PEM) that revokes ``serials`` and speaks from ``from_s`` seconds after now for ``days``."""
        begin = self._now + from_s
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(_moment(begin))
            .next_update(_moment(begin + days * DAY))
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_moment(begin)).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM)


def _key(key_pem: bytes, passphrase: str, rsa_bits: int) -> Key:
    if key_pem:
        loaded = load_pem_private_key(key_pem, passphrase.encode() if passphrase else None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        return loaded
    if rsa_bits:
        return rsa.generate_private_key(65537, rsa_bits)
    return ec.generate_private_key(ec.SECP256R1())


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, begin: float, end: float) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(begin))
        .not_valid_after(_moment(end))
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(seconds))


def _name(text: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, MARK),
            x509.NameAttribute(NameOID.COMMON_NAME, text),
        ]
    )


def _general(text: str) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    if kind == "ip":
        return x509.IPAddress(ipaddress.ip_address(value))
    return x509.UniformResourceIdentifier(value) if kind == "uri" else x509.DNSName(value)


def _usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
