"""Make synthetic keys for a site's message security, for trying out only: an authority, keys of bus and endpoints.

Every subject says ``TEST ONLY``. Nothing that exists is overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bus.core.errors import ConfigurationError
from bus.core.types import Finding
from bus.ops.certificate_maker import Authority, Made

AUTHORITY: Final = Path("trust") / "ca" / "test-only-authority.crt"
REVOCATION: Final = Path("trust") / "crl" / "test-only-authority.crl"
OWN: Final = Path("secrets") / "security"
ENDPOINTS: Final = Path("trust") / "endpoints"
HANDED_OUT: Final = Path("secrets") / "test-only-endpoints"
SIGN, DECRYPT = "bus-sign", "bus-decrypt"
DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class MadeKeys:
    """The files that were written, and a ``security.toml`` that uses them."""

    files: tuple[str, ...]
    toml: str


def make_keys(folder: Path, endpoints: Sequence[tuple[str, str]], now: float, *, rsa: bool = False) -> MadeKeys:
    """Keys for the bus and for ``endpoints`` (municipality, id). Errors: CB7015 for a file that exists already."""
    bits = 2048 if rsa else 0
    authority = Authority("chiikibus test authority", now)
    files: list[tuple[Path, bytes, int]] = [
        (AUTHORITY, authority.pem, 0o644),
        (REVOCATION, authority.revocation_list(days=DAYS), 0o644),
        *_own(SIGN, authority.issue("chiikibus signing", purposes=(), rsa_bits=bits, days=DAYS)),
        *_own(
            DECRYPT,
            authority.issue("chiikibus decryption", purposes=(), rsa_bits=2048, digital_signature=False, days=DAYS),
        ),
    ]
    for municipality, name in endpoints:
        made = authority.issue(f"{municipality}-{name}", purposes=(), rsa_bits=bits, days=DAYS)
        files.append((ENDPOINTS / f"{municipality}-{name}.crt", made.certificate, 0o644))
        files.append((HANDED_OUT / f"{municipality}-{name}.key", made.key, 0o600))
    there = [
        Finding("CB7015", path=str(path), expected="no file", got="exists")
        for path, _, _ in files
        if (folder / path).exists()
    ]
    if there:
        raise ConfigurationError("CB7001", there)
    for path, content, mode in files:
        _write(folder / path, content, mode)
    return MadeKeys(tuple(str(path) for path, _, _ in files), _toml(endpoints))


def _own(name: str, made: Made) -> list[tuple[Path, bytes, int]]:
    return [(OWN / f"{name}.key", made.key, 0o600), (OWN / f"{name}.crt", made.certificate, 0o644)]


def _write(path: Path, content: bytes, mode: int) -> None:
    """Readable by its owner only from the first moment where it is a key."""
    path.parent.mkdir(mode=0o700 if mode == 0o600 else 0o755, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _toml(endpoints: Sequence[tuple[str, str]]) -> str:
    """The settings that go with the keys."""
    text = f'[keys]\nsign = ["{SIGN}"]\ndecrypt = ["{DECRYPT}"]\n'
    for municipality, name in endpoints:
        text += (
            f'\n[[policy]]\nmunicipality = "{municipality}"\nendpoint = "{name}"\n'
            f'inbound = "signed"\noutbound = "signed"\ncertificates = ["file:{ENDPOINTS}/{municipality}-{name}.crt"]\n'
        )
    return text
