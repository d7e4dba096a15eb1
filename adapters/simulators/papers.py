"""The files and documents of the fictitious vendors, written and read without the adapters' codecs.

Vendor A: fixed-length records in JEF, numbers packed, texts with spaces on the right.
Vendor B: JSON documents, and CSV in UTF-8 with a line of names. Vendor C: the same CSV in CP932.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from adapters.simulators.dialects import Column
from adapters.simulators.host_bytes import packed, text_field, text_of, unpacked

ENCODING: Final = "cp932"
"""Vendor C's."""

NUMBER, RESULT, CODE = "照会番号", "結果", "結果コード"
"""Columns of inquiry and answer files that are no data items."""

MARKS: Final = (NUMBER, RESULT, CODE)

Row = Mapping[str, str]


def fixed(columns: Sequence[Column], row: Row) -> bytes:
    """One record of vendor A. Errors: ValueError for a value that is longer than its field."""
    return b"".join(
        packed(row.get(one.name, ""), one.bytes, signed=one.item.type == "S9")
        if one.packed
        else text_field(one.name, row.get(one.name, ""), one.bytes)
        for one in columns
    )


def from_fixed(columns: Sequence[Column], record: bytes, start: int = 0) -> dict[str, str]:
    """The row of one record of vendor A that begins at ``start``."""
    row: dict[str, str] = {}
    for one in columns:
        raw = record[start : start + one.bytes]
        row[one.name] = unpacked(raw) if one.packed else text_of(raw)
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
