"""The files and documents of the fictitious vendors, written and read without the adapters' codecs.

Vendor A: fixed-length records in JEF, numbers packed, texts with spaces on the right.
Vendor B: JSON documents, and CSV in UTF-8 with a line of names. Vendor C: the same CSV in CP932.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from adapters.characters.coding import HostCoding
from adapters.characters.codings import host_coding
from adapters.simulators.dialects import Column

ENCODING: Final = "cp932"
"""Vendor C's."""

HOST: Final = "jef"
"""Vendor A's: JEF, single bytes in EBCDIK."""

HOST_SPACE: Final = b"\x40"
NUMBER, RESULT, CODE = "照会番号", "結果", "結果コード"
"""Columns of inquiry and answer files that are no data items."""

MARKS: Final = (NUMBER, RESULT, CODE)

Row = Mapping[str, str]


@cache
def _host() -> HostCoding:
    return host_coding(HOST)


def fixed(columns: Sequence[Column], row: Row) -> bytes:
    """One record of vendor A. Errors: ValueError for a value that is longer than its field."""
    return b"".join(
        _packed(row.get(one.name, ""), one.bytes, signed=one.item.type == "S9")
        if one.packed
        else plain_field(one.name, row.get(one.name, ""), one.bytes)
        for one in columns
    )


def plain_field(name: str, text: str, width: int) -> bytes:
    """A field of text: JEF, full-width text between shift codes, spaces on the right."""
    raw = _host().encode(text)
    if len(raw) > width:
        raise ValueError(f"{name}: {len(raw)} > {width} bytes")
    return raw.ljust(width, HOST_SPACE)


def host_text(raw: bytes) -> str:
    """The text of such a field."""
    return _host().decode(raw.rstrip(HOST_SPACE))


def _packed(text: str, width: int, *, signed: bool) -> bytes:
    """Packed decimal: a digit in each half byte, the sign in the last one; X'00' where there is none."""
    if not text:
        return bytes(width)
    sign = ("d" if text.startswith("-") else "c") if signed else "f"
    return bytes.fromhex(text.lstrip("-").rjust(width * 2 - 1, "0") + sign)


def _unpacked(raw: bytes) -> str:
    digits = raw.hex()
    if not any(raw):
        return ""
    return ("-" if digits[-1] == "d" else "") + (digits[:-1].lstrip("0") or "0")


def from_fixed(columns: Sequence[Column], record: bytes, start: int = 0) -> dict[str, str]:
    """The row of one record of vendor A that begins at ``start``."""
    row: dict[str, str] = {}
    for one in columns:
        raw = record[start : start + one.bytes]
        row[one.name] = _unpacked(raw) if one.packed else host_text(raw)
        start += one.bytes
    return row


def size(columns: Sequence[Column]) -> int:
    """Bytes of a record of vendor A."""
    return sum(one.bytes for one in columns)


def document(columns: Sequence[Column], row: Row) -> dict[str, Any]:
    """A row as vendor B's JSON: groups nested, absent items left out."""
    found: dict[str, Any] = {}
    for one in columns:
        if text := row.get(one.name, ""):
            place = found
            for name in one.path[:-1]:
                place = place.setdefault(name, {})
            place[one.path[-1]] = text
    return found


def from_document(columns: Sequence[Column], value: Mapping[str, Any]) -> dict[str, str]:
    """The row of vendor B's JSON."""
    row: dict[str, str] = {}
    for one in columns:
        place: Any = value
        for name in one.path:
            place = place.get(name, "") if isinstance(place, Mapping) else ""
        row[one.name] = str(place)
    return row


def table(columns: Sequence[Column], rows: Iterable[Row], encoding: str = "utf-8", before: Sequence[str] = ()) -> bytes:
    """CSV with a line of names, CRLF; ``before`` are columns that stand first and are no data items."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    names = [*before, *(one.name for one in columns)]
    writer.writerow(names)
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    return out.getvalue().encode(encoding)


def from_table(data: bytes, encoding: str = "utf-8") -> list[dict[str, str]]:
    """The rows of such a file."""
    return list(csv.DictReader(io.StringIO(data.decode(encoding), newline="")))


def dumps(value: Any) -> bytes:
    """JSON in UTF-8 without spaces, characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
