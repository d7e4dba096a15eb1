"""The key that signs seals and removals (Ed25519), and the keys that are believed."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from bus.core.errors import ConfigurationError
from bus.core.keeping import SealSettings
from bus.core.types import Finding

NO_KEY: Final = "CB7072"


class Signer:
    """Signs with the site's key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.name = name_of(key.public_key())

    def sign(self, text: bytes) -> bytes:
        """The signature under a text."""
        return self._key.sign(text)


class Trust:
    """The public keys by name. A signature by any other key counts for nothing."""

    def __init__(self, keys: dict[str, Ed25519PublicKey]) -> None:
        self._keys = keys

    def public(self) -> dict[str, bytes]:
        """The 32 bytes of each key by its name."""
        return {name: key.public_bytes(Encoding.Raw, PublicFormat.Raw) for name, key in self._keys.items()}

    def holds(self, name: str, signature: bytes, text: bytes) -> bool:
        """Whether the key of this name signed this text."""
        key = self._keys.get(name)
        if key is None:
            return False
        try:
            key.verify(signature, text)
        except InvalidSignature:
            return False
        return True


def name_of(key: Ed25519PublicKey) -> str:
    """What a key is called: the first 16 hexadecimal digits of its digest."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def load_signer(settings: SealSettings) -> Signer:
    """The site's key. Errors: CB7072 it is missing or no Ed25519 key."""
    try:
        key = load_pem_private_key(settings.key.read_bytes(), None)
    except FileNotFoundError as error:
        raise _no_key(settings.key, "missing") from error
    except (ValueError, TypeError, UnsupportedAlgorithm, OSError) as error:
        raise _no_key(settings.key, type(error).__name__) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(settings.key, type(key).__name__)
    return Signer(key)


def load_trust(settings: SealSettings) -> Trust:
    """All public keys of the folder. Errors: CB7072 none, or one that is no Ed25519 key."""
    keys: dict[str, Ed25519PublicKey] = {}
    for path in sorted(settings.trust.glob("*.pem")):
        try:
            key = load_pem_public_key(path.read_bytes())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _no_key(path, type(error).__name__) from error
        if not isinstance(key, Ed25519PublicKey):
            raise _no_key(path, type(key).__name__)
        keys[name_of(key)] = key
    if not keys:
        raise _no_key(settings.trust, "no key")
    return Trust(keys)


def create_key(settings: SealSettings) -> str:
    """Make a key where none is, or replace the present one, whose public half stays believed; the name of the new one.

    The former private key is kept beside it with its name as ending.
    """
    key = Ed25519PrivateKey.generate()
    name = name_of(key.public_key())
    settings.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.trust.mkdir(parents=True, exist_ok=True)
    if settings.key.exists():
        settings.key.replace(settings.key.with_name(f"{settings.key.name}.{load_signer(settings).name}"))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (settings.trust / f"{name}.pem").write_bytes(public)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    handle = os.open(settings.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(private)
    return name


def _no_key(path: Path, got: str) -> ConfigurationError:
    return ConfigurationError(NO_KEY, [Finding(NO_KEY, path=path.name, expected="Ed25519, PEM", got=got)])
