"""The files and documents of the fictitious vendors, written and read without the adapters' codecs.

Vendor A: fixed-length records in JEF, numbers packed, texts with spaces on the right.
Vendor B: JSON documents, and CSV in UTF-8 with a line of names. Vendor C: the same CSV in CP932; its tax notices
are lines of several kinds in one file.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from adapters.simulators.dialects import DATA, NOTICE, ON_NOTICE, Column
from adapters.simulators.holdings import Interface
from adapters.simulators.host_bytes import HOST_SPACE, packed, text_field, text_of, unpacked

ENCODING: Final = "cp932"
"""Vendor C's."""

NUMBER, RESULT, CODE = "照会番号", "結果", "結果コード"
"""Columns of inquiry and answer files that are no data items."""

HEAD, TAIL = "1", "8"
"""What the first column says of a header and a trailer of vendor A."""

OWNER: Final = "shikuchosonkodo"
OWNER_BYTES, NUMBER_BYTES, COUNT_BYTES, TOTAL_BYTES = 6, 4, 5, 10

MARKS: Final = (NUMBER, RESULT, CODE)

AMOUNT: Final = "CHOTEIGAKU"
"""The amount whose total, signs apart, stands in the last line of vendor C's notices."""

Row = Mapping[str, str]


def fixed(columns: Sequence[Column], row: Row) -> bytes:
    """One record of vendor A. Errors: ValueError for a value that is longer than its field."""
    return b"".join(_field(one, row.get(one.name, "")) for one in columns)


def _field(one: Column, text: str) -> bytes:
    if one.kind in {"packed", "signed", "digits"}:
        return packed(text, one.bytes, signed=one.kind == "signed")
    return text_field(one.name, text or (DATA if one.kind == "mark" else ""), one.bytes)


def from_fixed(columns: Sequence[Column], record: bytes, start: int = 0) -> dict[str, str]:
    """The row of one record of vendor A that begins at ``start``."""
    row: dict[str, str] = {}
    for one in columns:
        raw = record[start : start + one.bytes]
        row[one.name] = unpacked(raw, one.digits) if one.kind in {"packed", "signed", "digits"} else text_of(raw)
        start += one.bytes
    return row


def host_file(face: Interface, rows: Sequence[Row], number: int = 1) -> bytes:
    """A file of vendor A: header, records, and a trailer with their count and the total of an amount."""
    width = size(face.columns)
    owner = next((one.name for one in face.columns if one.item is not None and one.item.name == OWNER), "")
    code = rows[0].get(owner, "") if rows and owner else ""
    head = text_field("", HEAD, 1) + text_field("", code, OWNER_BYTES) + packed(str(number), NUMBER_BYTES, signed=False)
    tail = text_field("", TAIL, 1) + packed(str(len(rows)), COUNT_BYTES, signed=False)
    if (amount := total_of(face)) is not None:
        total = sum(int(row.get(amount.name) or 0) for row in rows)
        tail += packed(str(total), TOTAL_BYTES, signed=True)
    records = [fixed(face.columns, row) for row in rows]
    return b"".join([head.ljust(width, HOST_SPACE), *records, tail.ljust(width, HOST_SPACE)])


def rows_of(face: Interface, data: bytes) -> list[dict[str, str]]:
    """The rows of such a file. ValueError when header, count or total are not as they must be."""
    width = size(face.columns)
    pieces = [data[start : start + width] for start in range(0, len(data), width)]
    head, *records, tail = pieces
    rows = [from_fixed(face.columns, one) for one in records]
    if (text_of(head[:1]), text_of(tail[:1])) != (HEAD, TAIL):
        raise ValueError("no header or no trailer")
    if int(unpacked(tail[1 : 1 + COUNT_BYTES]) or 0) != len(rows):
        raise ValueError("the trailer's count is not that of the records")
    if (amount := total_of(face)) is not None:
        stated = unpacked(tail[1 + COUNT_BYTES : 1 + COUNT_BYTES + TOTAL_BYTES])
        if int(stated or 0) != sum(int(row[amount.name] or 0) for row in rows):
            raise ValueError("the trailer's total is not that of the records")
    return rows


def total_of(face: Interface) -> Column | None:
    """The first amount of a record: its total stands in the trailer of vendor A's files."""
    return next((one for one in face.columns if one.kind in {"packed", "signed"} and one.name.endswith("額")), None)


def size(columns: Sequence[Column]) -> int:
    """Bytes of a record of vendor A."""
    return sum(one.bytes for one in columns)


def document(columns: Sequence[Column], row: Row, *, question: bool = False) -> dict[str, Any]:
    """A row as vendor B's JSON: objects and arrays nested, numbers as numbers.

    Records say ``null`` for what is absent, questions leave it out.
    """
    whole: dict[str, Any] = {}
    for one in columns:
        text = row.get(one.name, "")
        if question and not text:
            continue
        place = whole
        for name in one.path[:-1]:
            place = place.setdefault(name, {})
        place[one.path[-1]] = None if not text else int(text) if one.kind == "number" else text
    return {name: _listed(value) for name, value in whole.items()}


def _listed(value: Any) -> Any:
    """Places #0, #1 and so on as an array."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(one) for name, one in value.items()}
    return list(inner.values()) if next(iter(inner)).startswith("#") else inner


def from_document(columns: Sequence[Column], value: Mapping[str, Any]) -> dict[str, str]:
    """The row of vendor B's JSON."""
    row: dict[str, str] = {}
    for one in columns:
        place: Any = value
        for name in one.path:
            if isinstance(place, Mapping):
                place = place.get(name)
            elif isinstance(place, list) and name.startswith("#") and int(name[1:]) < len(place):
                place = place[int(name[1:])]
            else:
                place = None
        if place is not None and isinstance(place, int) != (one.kind == "number"):
            raise ValueError(f"{one.name}: not of the declared type")
        row[one.name] = "" if place is None else str(place)
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


def open_file(face: Interface, rows: Sequence[Row], number: int = 1) -> bytes:
    """A file of vendor C: CSV with names; notices as H, then each notice (T) with its instalments (K), then E."""
    if face.record.name != NOTICE:
        return table(face.columns, rows, ENCODING)
    own, each = _kinds(face)
    lines: list[list[str]] = [["H", rows[0].get(own[0], "") if rows else "", str(number)]]
    notices = 0
    for notice, instalments in groupby(rows, lambda row: [row.get(name, "") for name in own]):
        notices += 1
        lines.append(["T", *notice])
        lines += [["K", *(row.get(name, "") for name in each)] for row in instalments]
    total = sum(int(row.get(AMOUNT) or 0) for row in rows)
    lines.append(["E", str(notices), str(len(rows)), str(total)])
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return out.getvalue().encode(ENCODING)


def from_open_file(face: Interface, data: bytes) -> list[dict[str, str]]:
    """The rows of such a file. ValueError when kinds, counts or the total are not as they must be."""
    if face.record.name != NOTICE:
        return from_table(data, ENCODING)
    own, each = _kinds(face)
    (mark, *_), *lines, tail = csv.reader(io.StringIO(data.decode(ENCODING), newline=""))
    rows: list[dict[str, str]] = []
    notice: dict[str, str] = {}
    notices = 0
    for kind, *cells in lines:
        if kind == "T":
            notice, notices = dict(zip(own, cells, strict=True)), notices + 1
        elif kind == "K" and notice:
            rows.append(notice | dict(zip(each, cells, strict=True)))
        else:
            raise ValueError(f"a line of kind {kind} in this place")
    total = sum(int(row[AMOUNT] or 0) for row in rows)
    if (mark, tail) != ("H", ["E", str(notices), str(len(rows)), str(total)]):
        raise ValueError("no header, or the last line's counts and total are not those of the file")
    return rows


def _kinds(face: Interface) -> tuple[list[str], list[str]]:
    """The columns of a notice, and those of an instalment."""
    names = [one.name for one in face.columns]
    return [name for name in names if name in ON_NOTICE], [name for name in names if name not in ON_NOTICE]


def dumps(value: Any) -> bytes:
    """JSON in UTF-8 without spaces, characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
