"""Delimited records (CSV, TSV): one line per record, cells in the layout's order, optional line of column names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

from adapters.characters.charset import Charset
from adapters.characters.cp932 import looks_like_utf8
from adapters.characters.problem import CharacterError
from adapters.codecs.chunks import lines
from adapters.codecs.delimited_text import Cell, CellError, byte_positions, cells
from adapters.codecs.field_text import (
    HALF_WIDTH,
    byte_losses,
    foreign,
    type_finding,
    unreadable,
    unwritable,
    utf8_error,
)
from adapters.codecs.reading import FileReading, framed
from adapters.sdk.errors import adapter_error, finding
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.types import BadRecord, Loss, Origin, Span, VendorRecord
from bus.core.types import Finding

_NO_ORIGIN = Origin()


class DelimitedCodec:
    """Codec of ``kind = "delimited"``. Reads quoted and bare cells alike; writes as ``quoting`` says."""

    def __init__(self, layout: Layout, charset: Charset) -> None:
        self.layout = layout
        self._charset = charset
        self._encoding = charset.name
        self._cp932 = charset.name == "cp932"
        self._watch = charset.watch.search
        self._delimiter = layout.delimiter
        self._quote = layout.quote if layout.quoting != "none" else ""
        self._names = tuple(one.name for one in layout.fields)
        self._digits = tuple(index for index, one in enumerate(layout.fields) if one.type == "9")
        self._half = tuple(index for index, one in enumerate(layout.fields) if one.type == "X")
        self._plain = not any(one.filler or one.pad == "left-zero" for one in layout.fields)
        self._items = frozenset(one.name for one in layout.items)

    # reading

    def reader(self, stream: BinaryIO, file: str = "") -> FileReading:
        """Decode a stream; see ``adapters.sdk.protocols.Codec``."""
        return FileReading(self, lambda: lines(stream, self.layout.line_end_bytes), file)

    def decode(self, stream: BinaryIO, file: str = "") -> Iterator[VendorRecord | BadRecord]:
        """The records of a stream."""
        return iter(self.reader(stream, file))

    def mark(self, raw: bytes) -> str:
        """The first cell."""
        head = raw.split(self._delimiter.encode("ascii"), 1)[0].decode("ascii", "backslashreplace")
        return head.strip(self._quote) if self._quote else head

    def check_header_line(self, raw: bytes, origin: Origin) -> None:
        """Raise CB6014 when the column names are not the layout's, in its order."""
        names = self._read(raw, tuple(LayoutField(name) for name in self._names), origin)[0]
        wrong = [(want, got) for want, got in zip(self._names, names, strict=True) if want != got]
        if wrong:
            found = [finding("CB6014", origin, want, expected=want, got=got) for want, got in wrong]
            raise adapter_error(found)

    def decode_record(self, raw: bytes, origin: Origin | None = None) -> VendorRecord:
        """One record without line end; raises AdapterError CB6014, CB6002, CB6003 or E0002."""
        origin = origin or Origin(byte_length=len(raw))
        if self._cp932 and not raw.isascii() and looks_like_utf8(raw):
            raise utf8_error(raw, origin)
        try:
            text = raw.decode(self._encoding)
        except UnicodeDecodeError:
            return self._decode_carefully(raw, origin)
        if self._quote and self._quote in text:
            return self._decode_carefully(raw, origin)
        parts = text.split(self._delimiter)
        ordinary = self._plain and len(parts) == len(self._names) and not self._watch("".join(parts))
        if not ordinary or not self._typed(parts):
            return self._decode_carefully(raw, origin)
        return self._record(parts, raw, origin, ())

    def _typed(self, parts: list[str]) -> bool:
        for index in self._digits:
            value = parts[index]
            if value and not (value.isdigit() and value.isascii()):
                return False
        return all(parts[index].isascii() or HALF_WIDTH.match(parts[index]) for index in self._half)

    def _decode_carefully(self, raw: bytes, origin: Origin) -> VendorRecord:
        parts, losses = self._read(raw, self.layout.fields, origin)
        return self._record(parts, raw, origin, losses)

    def _record(self, parts: list[str], raw: bytes, origin: Origin, losses: tuple[Loss, ...]) -> VendorRecord:
        values = dict(zip(self._names, parts, strict=True))
        if len(values) != len(self._items):
            values = {name: value for name, value in values.items() if name in self._items}
        return VendorRecord(values, origin, raw, self._locate, losses)

    def decode_fields(self, raw: bytes, fields: tuple[LayoutField, ...], origin: Origin) -> dict[str, str]:
        """The values of a header or trailer record."""
        parts = self._read(raw, fields, origin)[0]
        return {one.name: part for one, part in zip(fields, parts, strict=True)}

    def _read(self, raw: bytes, fields: tuple[LayoutField, ...], origin: Origin) -> tuple[list[str], tuple[Loss, ...]]:
        found, places = self._cells(raw, fields, origin)
        if len(found) != len(fields):
            expected = f"{len(fields)} cells"
            raise adapter_error((finding("CB6014", origin, expected=expected, got=f"{len(found)} cells"),))
        parts: list[str] = []
        losses: list[Loss] = []
        findings: list[Finding] = []
        for one, cell in zip(fields, found, strict=True):
            inner = (cell.start + 1, cell.end - 1) if cell.quoted else (cell.start, cell.end)
            start, end = places[inner[0]], places[inner[1]]
            span = (origin.byte_offset + start, end - start)
            try:
                text, lost = self._charset.decode_carefully(raw[start:end])
            except CharacterError as error:
                findings.append(unreadable(error, origin, one.name, start))
                continue
            losses.extend(byte_losses(lost, origin, one.name, start))
            text = text.replace(self._quote * 2, self._quote) if cell.quoted else text
            problem = type_finding(one, text, origin, span)
            if one.filler and text:
                problem = finding("CB6014", origin, one.name, span=span, expected="an empty cell", got="content")
            if problem is not None:
                findings.append(problem)
            parts.append(text)
        if findings:
            raise adapter_error(findings)
        return parts, tuple(losses)

    def _cells(self, raw: bytes, fields: tuple[LayoutField, ...], origin: Origin) -> tuple[list[Cell], list[int]]:
        places = byte_positions(raw, self._encoding)
        try:
            text = raw.decode(self._encoding)
        except UnicodeDecodeError as error:
            before = raw[: error.start].decode(self._encoding, "surrogateescape")
            index = min(before.count(self._delimiter), len(fields) - 1)
            wrong = CharacterError("CB6002", 0, raw[error.start : error.start + 2].hex().upper(), error.reason)
            raise adapter_error((unreadable(wrong, origin, fields[index].name, error.start),)) from error
        try:
            return cells(text, self._delimiter, self._quote), places
        except CellError as error:
            span = (origin.byte_offset + places[error.position], 1)
            found = finding("CB6014", origin, span=span, expected="balanced quotes", got=error.reason)
            raise adapter_error((found,)) from error

    def _locate(self, raw: bytes) -> Mapping[str, Span]:
        found, places = self._cells(raw, self.layout.fields, Origin())
        spans = zip(self._names, found, strict=True)
        return {
            name: (places[cell.start], places[cell.end] - places[cell.start])
            for name, cell in spans
            if name in self._items
        }

    # writing

    def encode_record(self, values: Mapping[str, str]) -> bytes:
        """One record without line end; raises AdapterError CB6007, CB6014 or E0002."""
        marked = {**values, self.layout.type_field: self.layout.data_mark} if self.layout.type_field else values
        unknown = [name for name in values if name not in self._items and name != self.layout.type_field]
        return self._write(marked, self.layout.fields, unknown)

    def _write(self, values: Mapping[str, str], fields: tuple[LayoutField, ...], unknown: Iterable[str] = ()) -> bytes:
        findings = foreign(unknown)
        pieces: list[bytes] = []
        for one in fields:
            text = values.get(one.name, "") or one.value
            problem = type_finding(one, text, _NO_ORIGIN, None)
            if not self._quote and self._delimiter in text:
                problem = finding("CB6007", _NO_ORIGIN, one.name, expected="no delimiter in a value", got="a delimiter")
            if problem is not None:
                findings.append(problem)
                continue
            try:
                pieces.append(self._charset.encode(self._quoted(text)))
            except CharacterError as error:
                findings.append(unwritable(error, _NO_ORIGIN, one.name))
        if findings:
            raise adapter_error(findings)
        return self._delimiter.encode("ascii").join(pieces)

    def _quoted(self, text: str) -> str:
        quote = self._quote
        if not quote or (self.layout.quoting == "minimal" and quote not in text and self._delimiter not in text):
            return text
        return quote + text.replace(quote, quote * 2) + quote

    def encode(
        self,
        records: Iterable[Mapping[str, str]],
        header: Mapping[str, str] | None = None,
        trailer: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """A whole file in pieces; the trailer's count is filled in."""
        end = self.layout.line_end_bytes
        if self.layout.header_line:
            columns = tuple(LayoutField(name) for name in self._names)
            yield self._write({name: name for name in self._names}, columns) + end
        encoded = (self.encode_record(values) for values in records)
        for record in framed(self.layout, self._write, encoded, header, trailer):
            yield record + end
