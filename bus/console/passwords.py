"""Passwords as they lie in ``console.toml``: scrypt with a salt of its own (RFC 7914), never the password."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from hashlib import scrypt
from typing import Final

SCHEME: Final = "scrypt"
COST: Final = 15
"""Two to this power times 1 KiB of memory (32 MiB) and about 0.1 s for each try."""

SALT_BYTES: Final = 16
DIGEST_BYTES: Final = 32
LEAST_LENGTH: Final = 12
_ROOM: Final = 64 * 1024 * 1024


def hashed(password: str) -> str:
    """What to write into ``console.toml``."""
    salt = secrets.token_bytes(SALT_BYTES)
    parts = (base64.b64encode(part).decode() for part in (salt, _digest(password, salt, COST)))
    return f"{SCHEME}:{COST}:{':'.join(parts)}"


def matches(password: str, stored: str) -> bool:
    """Whether this is the password; takes as long for a wrong one as for the right one."""
    cost, salt, digest = _read(stored)
    return hmac.compare_digest(_digest(password, salt, cost), digest)


def well_formed(stored: str) -> bool:
    """Whether ``hashed`` can have written this."""
    try:
        cost, salt, digest = _read(stored)
    except (ValueError, binascii.Error):
        return False
    return cost == COST and len(salt) == SALT_BYTES and len(digest) == DIGEST_BYTES


def _read(stored: str) -> tuple[int, bytes, bytes]:
    scheme, cost, salt, digest = stored.split(":")
    if scheme != SCHEME:
        raise ValueError(scheme)
    return int(cost), base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)


def _digest(password: str, salt: bytes, cost: int) -> bytes:
    return scrypt(password.encode(), salt=salt, n=1 << cost, r=8, p=1, maxmem=_ROOM, dklen=DIGEST_BYTES)
