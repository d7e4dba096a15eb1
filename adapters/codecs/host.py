"""Fixed-length records of hosts, each field in its own form: single bytes, mixed with shifts, wide, or a host's number.

Used for ``kind = "fixed"`` where the encoding is a host's or a field holds a number in a host's form. Ordinary records
go through plans that take fields of one form together (``host_fast``); everything else goes field by field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import BinaryIO

from adapters.characters.charset import Charset
from adapters.characters.problem import CharacterError
from adapters.codecs.chunks import Chunk, described, lines, slices
from adapters.codecs.field_text import byte_losses, foreign, type_finding, unreadable, unwritable
from adapters.codecs.host_fast import Field, Reader, Writer, quick_reader, quick_writer
from adapters.codecs.host_fields import TextField, make_fields
from adapters.codecs.host_numbers import NumberError
from adapters.codecs.reading import FileReading, framed
from adapters.sdk.errors import adapter_error, finding
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.types import BadRecord, Loss, Origin, Span, VendorRecord
from bus.core.types import Finding

_NO_ORIGIN = Origin()


class HostCodec:
    """Codec of ``kind = "fixed"`` for host records; ``charset`` is that of the mixed fields."""

    def __init__(self, layout: Layout, charset: Charset) -> None:
        self.layout = layout
        self._fields = make_fields(layout, layout.fields, charset)
        self._header = make_fields(layout, layout.header, charset)
        self._trailer = make_fields(layout, layout.trailer, charset)
        self._items = frozenset(one.name for one in layout.items)
        self._spans = MappingProxyType({one.name: one.span for one in self._fields if one.name in self._items})
        self._size = layout.record_bytes
        self._space = self._fields[0].space
        self._blank = dict.fromkeys((one.name for one in layout.items), "")
        self._marked = {layout.type_field: layout.data_mark} if layout.type_field and layout.data_mark else {}
        self._mark_bytes = self._fields[0].write(layout.data_mark) if self._marked else b""

    @cached_property
    def _read(self) -> Reader:
        """The quick way of reading, made when it is first asked."""
        return quick_reader(self._fields, self._blank, self._marked)

    @cached_property
    def _write(self) -> Writer | None:
        """The quick way of writing, made when it is first asked."""
        return quick_writer(self._fields, self._blank, self._marked)

    # reading

    def reader(self, stream: BinaryIO, file: str = "") -> FileReading:
        """Decode a stream; see ``adapters.sdk.protocols.Codec``."""
        return FileReading(self, lambda: self._chunks(stream), file)

    def decode(self, stream: BinaryIO, file: str = "") -> Iterator[VendorRecord | BadRecord]:
        """The records of a stream."""
        return iter(self.reader(stream, file))

    def _chunks(self, stream: BinaryIO) -> Iterable[Chunk]:
        if self.layout.record_format != "fixed":
            return described(stream, self._size, blocked=self.layout.record_format == "blocked")
        end = self.layout.line_end_bytes
        return lines(stream, end) if end else slices(stream, self._size)

    def mark(self, raw: bytes) -> str:
        """The type field's content."""
        first = self._fields[0]
        if self._mark_bytes and raw.startswith(self._mark_bytes):
            return self.layout.data_mark
        try:
            return first.read(raw[: first.size])[0]
        except (CharacterError, NumberError):
            return ""

    def check_header_line(self, raw: bytes, origin: Origin) -> None:
        """Fixed-length files have no line of column names."""

    def _locate(self, _raw: bytes) -> Mapping[str, Span]:
        return self._spans

    def decode_record(self, raw: bytes, origin: Origin | None = None) -> VendorRecord:
        """One record; raises AdapterError CB6014, CB6002, CB6003, CB6020, CB6070 or E0002."""
        origin = origin or Origin(byte_length=len(raw))
        whole, losses = self._filled(raw, self._fields, origin)
        values = self._read(whole)
        if values is None:
            found, lost = self._carefully(whole, self._fields, origin)
            values, losses = {name: found[name] for name in self._blank}, (*losses, *lost)
        return VendorRecord(values, origin, raw, self._locate, losses)

    def _filled(self, raw: bytes, fields: tuple[Field, ...], origin: Origin) -> tuple[bytes, tuple[Loss, ...]]:
        """The record with what a variable-length one leaves out; CB6014 for another length."""
        if len(raw) == self._size:
            return raw, ()
        expected = f"{self._size} bytes"
        if self.layout.record_format != "fixed":
            expected = f"up to {self._size} bytes, ending at the end of a field"
            if any(one.start + one.size == len(raw) for one in fields):
                rest = b"".join(one.nothing for one in fields if one.start >= len(raw))
                loss = Loss("vendor", "", "a short record is written with its full length", place=origin.place())
                return (raw + rest).ljust(self._size, self._space), (loss,)
        raise adapter_error((finding("CB6014", origin, expected=expected, got=f"{len(raw)} bytes"),))

    def _carefully(
        self, raw: bytes, fields: tuple[Field, ...], origin: Origin
    ) -> tuple[dict[str, str], tuple[Loss, ...]]:
        """Field by field, every problem noted."""
        values: dict[str, str] = {}
        losses: list[Loss] = []
        findings: list[Finding] = []
        for one in fields:
            piece = raw[one.start : one.start + one.size]
            span = (origin.byte_offset + one.start, one.size)
            if one.field.filler:
                if piece != one.nothing:
                    findings.append(finding("CB6014", origin, one.name, span=span, expected="nothing", got="content"))
                continue
            try:
                text, lost = one.read_carefully(piece)
            except CharacterError as error:
                findings.append(unreadable(error, origin, one.name, one.start))
                continue
            except NumberError as error:
                got = f"{one.size} bytes"
                findings.append(finding(error.code, origin, one.name, span=span, expected=error.reason, got=got))
                continue
            losses.extend(byte_losses(lost, origin, one.name, one.start))
            values[one.name], problem = one.checked(text, piece, origin, span)
            if problem is not None:
                findings.append(problem)
        if findings:
            raise adapter_error(findings)
        return values, tuple(losses)

    def decode_fields(self, raw: bytes, fields: tuple[LayoutField, ...], origin: Origin) -> dict[str, str]:
        """The values of a header or trailer record, which may be followed by spaces up to the record's length."""
        own = self._header if fields == self.layout.header else self._trailer
        width = sum(one.size for one in own)
        rest = raw[width:]
        variable = self.layout.record_format != "fixed" and len(raw) == width
        if not variable and (len(raw) != self._size or rest.strip(self._space)):
            expected = f"{width} bytes of fields, then spaces up to {self._size}"
            raise adapter_error((finding("CB6014", origin, expected=expected, got=f"{len(raw)} bytes"),))
        return self._carefully(raw, own, origin)[0]

    # writing

    def encode_record(self, values: Mapping[str, str]) -> bytes:
        """One record; raises AdapterError CB6005, CB6007, CB6014, CB6016 or E0002."""
        if self._write is not None and (written := self._write(values)) is not None:
            return written
        marked = {**values, self.layout.type_field: self.layout.data_mark} if self.layout.type_field else values
        unknown = [name for name in values if name not in self._items and name != self.layout.type_field]
        return self._encode(marked, self._fields, unknown)

    def _encode(self, values: Mapping[str, str], fields: tuple[Field, ...], unknown: Iterable[str] = ()) -> bytes:
        pieces: list[bytes] = []
        findings = foreign(unknown)
        for one in fields:
            text = "" if one.field.filler else values.get(one.name, "") or one.field.value
            try:
                pieces.append(one.write(text))
            except CharacterError as error:
                findings.append(unwritable(error, _NO_ORIGIN, one.name))
                continue
            except NumberError as error:
                got = f"{len(text)} characters"
                findings.append(finding(error.code, _NO_ORIGIN, one.name, expected=error.reason, got=got))
                continue
            if isinstance(one, TextField) and (problem := type_finding(one.field, text, _NO_ORIGIN, None)):
                findings.append(problem)
        if findings:
            raise adapter_error(findings)
        return b"".join(pieces).ljust(self._size, self._space)

    def encode(
        self,
        records: Iterable[Mapping[str, str]],
        header: Mapping[str, str] | None = None,
        trailer: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """A whole file in pieces; the trailer's count is filled in."""
        encoded = (self.encode_record(values) for values in records)
        for record in framed(self.layout, self._edge, encoded, header, trailer):
            yield self._framed(record)

    def _edge(self, values: Mapping[str, str], fields: tuple[LayoutField, ...]) -> bytes:
        return self._encode(values, self._header if fields == self.layout.header else self._trailer)

    def _framed(self, record: bytes) -> bytes:
        """A record with what stands around it: a line end, or its length (one record to a block)."""
        if self.layout.record_format == "fixed":
            return record + self.layout.line_end_bytes
        variable = (len(record) + 4).to_bytes(2, "big") + b"\0\0" + record
        if self.layout.record_format == "blocked":
            return (len(variable) + 4).to_bytes(2, "big") + b"\0\0" + variable
        return variable
