"""The key under which a message id is looked up."""

from __future__ import annotations

import hashlib


def message_key(municipality: str, message_id: str) -> int:
    """A 63-bit key of a message id; two ids may share it, so the row itself decides."""
    digest = hashlib.blake2b(f"{municipality}\x1f{message_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
