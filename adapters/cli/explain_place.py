"""Where things stand: records by a byte of their file, bytes as they are in it, and the line of a mapping's rule."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from adapters.codecs.multi import MultiCodec
from adapters.sdk.item_table import KEY
from adapters.sdk.problems import Problems
from adapters.sdk.protocols import Codec
from adapters.sdk.toml import read_toml
from adapters.sdk.types import BadRecord, LineageStep, Origin, VendorRecord
from adapters.suite.subject import Pair
from bus.core.errors import AdapterError

SHOWN = 64
"""Bytes shown of a line that has no item at the place asked for."""

MOST = 65_536
"""Bytes looked at on both sides of a place for the ends of its line."""


def at_byte(records: Iterable[VendorRecord | BadRecord], byte: int) -> Iterator[VendorRecord | BadRecord]:
    """The records with an item that ``byte`` stands in: of repeated columns and of parents several may share it."""
    found = False
    for record in records:
        start, size = record.origin.byte_offset, record.origin.byte_length
        if isinstance(record, BadRecord):
            covers = size > 0 and start <= byte < start + size
        else:
            covers = bool(items_at(record, byte))
        if covers:
            yield record
            found = True
        elif start > byte and (found or start > byte + size):
            # a parent stands before its details: the first of them shows it, or none does
            return


def items_at(record: VendorRecord, byte: int) -> tuple[str, ...]:
    """The vendor's items that a byte of the file stands in."""
    return tuple(name for name, (offset, length) in record.spans.items() if offset <= byte < offset + length)


def bytes_of(file: Path, offset: int, length: int) -> bytes:
    """Bytes as they stand in the file."""
    with file.open("rb") as stream:
        stream.seek(offset)
        return stream.read(length)


@dataclass(slots=True)
class RuleLines:
    """Finds the file of a mapping's rule: its TOML, or the item table that the TOML names."""

    pair: Pair
    _table: Path | None = field(default=None, init=False)
    _rows: dict[int, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        path = self.pair.mapping.path
        file = read_toml(self._toml, Problems())
        head = file.data.get("mapping", {}) if file is not None else {}
        name = head.get(KEY) if isinstance(head, dict) else None
        self._table = self._toml.parent.parent / str(name) if name else path if path.suffix == ".csv" else None
        if self._table is not None and self._table.is_file():
            lines = csv.DictReader(self._table.read_text("utf-8").splitlines())
            for row in lines:
                sides = tuple(
                    frozenset(filter(None, (row.get(side) or "").split("+"))) for side in ("vendor", "standard")
                )
                if row.get("conversion") != "mapping":
                    self._rows[lines.line_num] = (sides[0], sides[1])

    @property
    def _toml(self) -> Path:
        """The TOML of the mapping; one with an item table may call itself by the table's name."""
        path = self.pair.mapping.path
        return path if path.suffix == ".toml" else path.parent.parent / self.pair.name

    def of(self, step: LineageStep) -> dict[str, str | int]:
        """File and line of the rule behind a step."""
        both = frozenset[str]().union(*self._rows.get(step.line, ()))
        in_table = {one.item for one in step.sources} | {step.target} <= both
        path = self._table if in_table and self._table is not None else self._toml
        return {"file": f"{path.parent.name}/{path.name}", "line": step.line}


def structure_at(file: Path, byte: int, codec: Codec) -> dict[str, Any]:
    """The line or record that a byte stands in when no item has it: header, trailer, mark, filler, line end.

    ``role`` and the field are told where the layout knows several kinds of record.
    """
    layout = codec.layout.inner or codec.layout
    with file.open("rb") as stream:
        start, raw = _physical(stream, byte, layout.line_end_bytes or b"", layout.record_bytes)
    found: dict[str, Any] = {"byte": start, "bytes": len(raw), "raw": _cut(raw), "role": "", "field": "", "value": ""}
    kind = codec.kind_of(raw.removesuffix(layout.line_end_bytes)) if isinstance(codec, MultiCodec) else None
    if kind is None:
        return found
    found["role"] = kind.member.role
    try:
        record = kind.codec.decode_record(
            raw.removesuffix(layout.line_end_bytes), Origin(file.name, 0, start, len(raw))
        )
    except AdapterError:
        return found
    for name in items_at(record, byte):
        found |= {"field": name, "value": record.values.get(name, "")}
    return found


def _physical(stream: BinaryIO, byte: int, line_end: bytes, size: int) -> tuple[int, bytes]:
    """Start and bytes of the line (or slice of ``size`` bytes) around a byte, at most ``MOST`` of them."""
    if not line_end and size:
        start = byte - byte % size
        stream.seek(start)
        return start, stream.read(min(size, MOST))
    back = max(0, byte - MOST)
    stream.seek(back)
    raw = stream.read(byte - back + MOST)
    mark = line_end or b"\n"
    first = raw.rfind(mark, 0, byte - back) + len(mark)
    first = first if raw.rfind(mark, 0, byte - back) >= 0 else 0
    last = raw.find(mark, max(byte - back - len(mark) + 1, first))
    return back + first, raw[first : last + len(mark) if last >= 0 else len(raw)]


def _cut(raw: bytes) -> str:
    """Bytes in hexadecimal, the first of many."""
    return raw[:SHOWN].hex(" ").upper() + (" …" if len(raw) > SHOWN else "")
