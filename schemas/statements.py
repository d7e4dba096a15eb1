"""The form of a statement of conformity (適合確認書): what it says, its canonical bytes, what of it was altered.

A statement is one JSON object ``{"manifest": ..., "signature": ..., "statement": ...}`` in canonical form: keys sorted,
no blanks, UTF-8, one line feed at the end. The manifest holds the SHA-256 of the canonical form of every field and of
the signer's certificate, so that what was altered is known by its name; what is signed is the canonical manifest after
a line with the format's name.
Whoever verifies the signature (``conformance``, the bus) does it with code of its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import urlsplit

FORMAT: Final = "chiikibus-statement/1"
MAX_BYTES: Final = 256 * 1024
"""A statement is two or three kilobytes; nothing larger is read."""
JAPAN: Final = timezone(timedelta(hours=9))
CERTIFICATE: Final = "signature.certificate"
ALGORITHMS: Final = ("Ed25519", "ECDSA-SHA256")
_PORTS: Final = {"http": 80, "https": 443}


class StatementError(Exception):
    """The bytes are no statement; ``problems`` says why, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class Statement:
    """What is stated. Days are ``YYYY-MM-DD`` in Japanese time, digests SHA-256 in hexadecimal.

    ``endpoints`` are digests of addresses (``address_digest``), ``catalogue`` is that of the requirements, ``evidence``
    that of the bundle, ``verdicts`` that of the canonical verdicts. ``counts`` has the number of each verdict.
    """

    vendor: str
    product: str
    version: str
    endpoints: tuple[str, ...]
    profile: str
    unit: str
    roles: tuple[str, ...]
    edition: str
    suite: str
    catalogue: str
    requirements: int
    judged_on: str
    valid_until: str
    evidence: str
    verdicts: str
    result: str
    counts: Mapping[str, int]
    signer: str

    @property
    def begins(self) -> float:
        """The moment (seconds since 1970) from which it holds."""
        return datetime.combine(date.fromisoformat(self.judged_on), datetime.min.time(), JAPAN).timestamp()

    @property
    def ends(self) -> float:
        """The moment at which it holds no longer: the end of its last day."""
        after = date.fromisoformat(self.valid_until) + timedelta(days=1)
        return datetime.combine(after, datetime.min.time(), JAPAN).timestamp()


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement with its manifest and signature. ``certificate`` is PEM, ``value`` the bytes of the signature."""

    statement: Statement
    manifest: Mapping[str, str]
    algorithm: str
    certificate: str
    value: bytes

    @property
    def altered(self) -> tuple[str, ...]:
        """The names of the fields that are not what the manifest says."""
        there = manifest_of(self.statement, self.certificate)
        return tuple(
            name for name in sorted(there.keys() | self.manifest) if there.get(name) != self.manifest.get(name)
        )

    @property
    def signed_bytes(self) -> bytes:
        """What the signature is over."""
        return to_sign(self.manifest)


def canonical(value: object) -> bytes:
    """The canonical form of a JSON value that holds no fractions."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(value: object) -> str:
    """SHA-256 of the canonical form."""
    return hashlib.sha256(canonical(value)).hexdigest()


def manifest_of(statement: Statement, certificate: str) -> dict[str, str]:
    """The digest of each field and of the signer's certificate (PEM)."""
    return {name: digest(value) for name, value in asdict(statement).items()} | {CERTIFICATE: digest(certificate)}


def to_sign(manifest: Mapping[str, str]) -> bytes:
    """The bytes that are signed."""
    return f"{FORMAT}\n".encode() + canonical(dict(manifest))


def written(signed: Signed) -> bytes:
    """The bytes of the file."""
    signature = {
        "algorithm": signed.algorithm,
        "certificate": signed.certificate,
        "value": base64.b64encode(signed.value).decode(),
    }
    statement = {"format": FORMAT, **asdict(signed.statement)}
    return canonical({"manifest": dict(signed.manifest), "signature": signature, "statement": statement}) + b"\n"


def parse(raw: bytes) -> Signed:
    """Read a statement; every byte counts. Errors: StatementError. The signature is not looked at."""
    if len(raw) > MAX_BYTES:
        raise StatementError((f"larger than {MAX_BYTES} bytes",))
    try:
        whole = json.loads(raw)
        stated, signature, manifest = dict(whole["statement"]), whole["signature"], whole["manifest"]
        if stated.pop("format", "") != FORMAT:
            raise StatementError((f"format: not {FORMAT}",))
        found = Signed(
            _statement(stated), {str(key): str(value) for key, value in manifest.items()},
            str(signature["algorithm"]), str(signature["certificate"]),
            base64.b64decode(str(signature["value"]), validate=True),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise StatementError((f"cannot be read as a statement ({type(error).__name__})",)) from error
    problems = [] if found.algorithm in ALGORITHMS else [f"signature.algorithm: none of {', '.join(ALGORITHMS)}"]
    if written(found) != raw:
        problems.append(_where(raw, written(found)))
    if problems:
        raise StatementError(tuple(problems))
    return found


def address_digest(address: str) -> str:
    """The digest of an address: scheme, host, port and path count, letter case of the first two does not."""
    url = urlsplit(address)
    port = url.port or _PORTS.get(url.scheme, 0)
    return hashlib.sha256(f"{url.scheme}://{url.hostname or ''}:{port}{url.path or '/'}".encode()).hexdigest()


def _statement(stated: Mapping[str, Any]) -> Statement:
    """The fields with their types. Errors: StatementError with every field that is missing, unknown or wrong."""
    names = {field.name: str(field.type) for field in fields(Statement)}
    problems = [f"{name}: missing" for name in names if name not in stated]
    problems += [f"{name}: not a field of a statement" for name in stated if name not in names]
    for name, kind in names.items():
        if name in stated and not _fits(stated[name], kind):
            problems.append(f"{name}: not of the type {kind}")
    for name in ("judged_on", "valid_until"):
        if isinstance(stated.get(name), str) and not _is_day(stated[name]):
            problems.append(f"{name}: not a day YYYY-MM-DD")
    if problems:
        raise StatementError(tuple(problems))
    given = dict(stated)
    return Statement(**given | {name: tuple(given[name]) for name in ("endpoints", "roles")})


def _fits(value: object, kind: str) -> bool:
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "str":
        return isinstance(value, str)
    if kind.startswith("tuple"):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, dict) and all(isinstance(one, int) for one in value.values())


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _where(raw: bytes, expected: bytes) -> str:
    length = min(len(raw), len(expected))
    at = next((index for index in range(length) if raw[index] != expected[index]), length)
    return f"byte {at + 1}: not the canonical form"
