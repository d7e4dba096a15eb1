"""HTTP Basic credentials (RFC 7617, UTF-8): write the header, read it, compare secrets in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import NamedTuple

BUS_USER = "chiikibus"


class Credential(NamedTuple):
    """User and secret of an ``Authorization: Basic`` header."""

    user: str
    secret: str

    def __repr__(self) -> str:
        return f"Credential(user={self.user!r})"


def basic_header(user: str, secret: str) -> str:
    """The value of an ``Authorization`` header."""
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode("ascii")


def read_basic(header: str) -> Credential | None:
    """The credential of an ``Authorization`` value; ``None`` when it is absent or not well-formed Basic."""
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, secret = base64.b64decode(token.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return Credential(user, secret) if colon else None


def same_secret(given: str, expected: str) -> bool:
    """Whether the secrets agree, in constant time; an empty expectation never agrees."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())
