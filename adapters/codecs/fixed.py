"""Fixed-length records: widths are bytes; a run of single-byte fields is decoded once and cut by position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO

from adapters.characters.charset import Charset
from adapters.characters.cp932 import looks_like_utf8
from adapters.characters.problem import CharacterError
from adapters.codecs.chunks import Chunk, lines, slices
from adapters.codecs.field_text import byte_losses, foreign, type_finding, unreadable, unwritable, utf8_error
from adapters.codecs.fixed_fast import quick_reader, quick_writer
from adapters.codecs.reading import FileReading, framed
from adapters.sdk.errors import adapter_error, describe, finding
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.types import BadRecord, Loss, Origin, Span, VendorRecord
from bus.core.types import Finding

_NO_ORIGIN = Origin()
_WIDE_SPACE = "\u3000"


@dataclass(frozen=True, slots=True)
class _Run:
    """Adjacent fields of half-width type: decoded together, cut by byte position."""

    start: int
    end: int
    members: tuple[tuple[str, int, int], ...]


def _spans(fields: tuple[LayoutField, ...]) -> dict[str, Span]:
    spans: dict[str, Span] = {}
    offset = 0
    for one in fields:
        spans[one.name] = (offset, one.bytes)
        offset += one.bytes
    return spans


def _plan(
    fields: tuple[LayoutField, ...], skip: frozenset[str]
) -> tuple[tuple[_Run, ...], tuple[tuple[str, int, int], ...]]:
    """Runs of plain half-width fields, and all other fields one by one, as (name, start, end)."""
    runs: list[_Run] = []
    single: list[tuple[str, int, int]] = []
    members: list[tuple[str, int, int]] = []
    start = offset = 0
    for one in fields:
        if one.name not in skip and one.type != "N" and one.pad != "right-wide-space":
            if not members:
                start = offset
            members.append((one.name, offset - start, offset - start + one.bytes))
        else:
            if members:
                runs.append(_Run(start, offset, tuple(members)))
                members = []
            if one.name not in skip:
                single.append((one.name, offset, offset + one.bytes))
        offset += one.bytes
    if members:
        runs.append(_Run(start, offset, tuple(members)))
    return tuple(runs), tuple(single)


class FixedCodec:
    """Codec of ``kind = "fixed"``."""

    def __init__(self, layout: Layout, charset: Charset) -> None:
        self.layout = layout
        self._charset = charset
        self._encoding = charset.name
        self._cp932 = charset.name == "cp932"
        self._watch = charset.watch.search
        skip = frozenset(one.name for one in layout.fields if one.filler or one.name == layout.type_field)
        self._runs, self._singles = _plan(layout.fields, skip)
        self._blank = dict.fromkeys((one.name for one in layout.items), "")
        self._digits = tuple(one.name for one in layout.items if one.type == "9")
        self._zeros = tuple(one.name for one in layout.items if one.pad == "left-zero")
        self._wide = any(one.pad == "right-wide-space" for one in layout.items)
        self._fillers = tuple(
            (one.name, start, start + one.bytes)
            for one, (start, _) in zip(layout.fields, _spans(layout.fields).values(), strict=True)
            if one.filler
        )
        self._spans = MappingProxyType(
            {name: span for name, span in _spans(layout.fields).items() if name in self._blank}
        )
        self._mark_bytes = layout.fields[0].bytes if layout.type_field else 0
        self._size = layout.record_bytes
        self._read = quick_reader(layout, charset) or self._quickly
        self._write = quick_writer(layout, charset)

    # reading

    def reader(self, stream: BinaryIO, file: str = "") -> FileReading:
        """Decode a stream; see ``adapters.sdk.protocols.Codec``."""
        return FileReading(self, lambda: self._chunks(stream), file)

    def decode(self, stream: BinaryIO, file: str = "") -> Iterator[VendorRecord | BadRecord]:
        """The records of a stream."""
        return iter(self.reader(stream, file))

    def _chunks(self, stream: BinaryIO) -> Iterable[Chunk]:
        end = self.layout.line_end_bytes
        return lines(stream, end) if end else slices(stream, self._size)

    def mark(self, raw: bytes) -> str:
        """The type field's content."""
        return raw[: self._mark_bytes].decode("ascii", "backslashreplace").rstrip(" ")

    def _locate(self, _raw: bytes) -> Mapping[str, Span]:
        return self._spans

    def decode_record(self, raw: bytes, origin: Origin | None = None) -> VendorRecord:
        """One record without line end; raises AdapterError CB6014, CB6002, CB6003 or E0002."""
        origin = origin or Origin(byte_length=len(raw))
        if self._cp932 and not raw.isascii() and looks_like_utf8(raw):
            raise utf8_error(raw, origin)
        if len(raw) != self._size:
            got = f"{len(raw)} bytes"
            raise adapter_error((finding("CB6014", origin, expected=f"{self._size} bytes", got=got),))
        values = self._read(raw)
        if values is None:
            return self._decode_carefully(raw, origin)
        return VendorRecord(values, origin, raw, self._locate)

    def _quickly(self, raw: bytes) -> dict[str, str] | None:
        """The values of an ordinary record; ``None`` when anything needs the careful way."""
        values = self._blank.copy()
        encoding = self._encoding
        try:
            for run in self._runs:
                text = raw[run.start : run.end].decode(encoding)
                if len(text) != run.end - run.start:
                    return None
                for name, start, end in run.members:
                    values[name] = text[start:end].rstrip(" ")
            for name, start, end in self._singles:
                piece = raw[start:end].rstrip(b" ")
                if piece:
                    values[name] = piece.decode(encoding)
        except UnicodeDecodeError:
            return None
        if self._wide or self._watch("".join(values.values())):
            return None
        return values if self._numbers(values) and self._blank_fillers(raw) else None

    def _numbers(self, values: dict[str, str]) -> bool:
        """Whether all digits are digits; zeros on the left are taken off."""
        for name in self._digits:
            value = values[name]
            if value and not (value.isdigit() and value.isascii()):
                return False
        for name in self._zeros:
            if value := values[name]:
                if len(value) != self._spans[name][1]:
                    return False
                values[name] = value.lstrip("0") or "0"
        return True

    def _blank_fillers(self, raw: bytes) -> bool:
        return not any(raw[start:end].strip(b" ") for _, start, end in self._fillers)

    def _decode_carefully(self, raw: bytes, origin: Origin) -> VendorRecord:
        """Field by field, every problem noted: for records that hold anything out of the ordinary."""
        values, losses = self._fields(raw, self.layout.fields, origin)
        values = {name: values[name] for name in self._blank}
        return VendorRecord(values, origin, raw, self._locate, losses)

    def decode_fields(self, raw: bytes, fields: tuple[LayoutField, ...], origin: Origin) -> dict[str, str]:
        """The values of a header or trailer record, which may be followed by spaces up to the record's length."""
        width = sum(one.bytes for one in fields)
        if len(raw) != self._size or raw[width:].strip(b" "):
            expected = f"{width} bytes of fields, then spaces up to {self._size}"
            raise adapter_error((finding("CB6014", origin, expected=expected, got=f"{len(raw)} bytes"),))
        return self._fields(raw, fields, origin)[0]

    def check_header_line(self, raw: bytes, origin: Origin) -> None:
        """Fixed-length files have no line of column names."""

    def _fields(
        self, raw: bytes, fields: tuple[LayoutField, ...], origin: Origin
    ) -> tuple[dict[str, str], tuple[Loss, ...]]:
        values: dict[str, str] = {}
        losses: list[Loss] = []
        findings: list[Finding] = []
        start = 0
        for one in fields:
            piece = raw[start : start + one.bytes]
            span = (origin.byte_offset + start, one.bytes)
            if one.filler:
                if piece.strip(b" "):
                    findings.append(finding("CB6014", origin, one.name, span=span, expected="spaces", got="content"))
            else:
                try:
                    bare = piece.rstrip(b" ")
                    text, lost = self._charset.decode_carefully(bare)
                    losses.extend(byte_losses(lost, origin, one.name, start))
                    values[one.name], problem = self._unpad(one, text, bare, piece, origin, span)
                except CharacterError as error:
                    problem = unreadable(error, origin, one.name, start)
                if problem is not None:
                    findings.append(problem)
            start += one.bytes
        if findings:
            raise adapter_error(findings)
        return values, tuple(losses)

    def _unpad(
        self, one: LayoutField, text: str, bare: bytes, piece: bytes, origin: Origin, span: Span
    ) -> tuple[str, Finding | None]:
        if one.pad == "left-zero" and text and len(bare) != one.bytes:
            return text, finding("E0002", origin, one.name, span=span, expected="zeros on the left", got="spaces")
        problem = type_finding(one, text, origin, span)
        if problem is None and one.pad == "left-zero" and text:
            return text.lstrip("0") or "0", None
        if one.pad == "right-wide-space":
            text = text.rstrip(_WIDE_SPACE)
            if text + _WIDE_SPACE * ((one.bytes - len(self._charset.encode(text))) // 2) != self._padded_text(piece):
                problem = finding(
                    "CB6014", origin, one.name, span=span, expected="wide spaces as padding", got="others"
                )
        return text, problem

    def _padded_text(self, piece: bytes) -> str:
        text = self._charset.decode(piece)
        return text.removesuffix(" ") if len(piece) % 2 else text

    # writing

    def encode_record(self, values: Mapping[str, str]) -> bytes:
        """One record without line end; raises AdapterError CB6005, CB6007, CB6014, CB6016 or E0002."""
        if self._write is not None and (written := self._write(values)) is not None:
            return written
        marked = {**values, self.layout.type_field: self.layout.data_mark} if self.layout.type_field else values
        unknown = [name for name in values if name not in self._blank and name != self.layout.type_field]
        return self._encode_fields(marked, self.layout.fields, unknown)

    def _encode_fields(
        self, values: Mapping[str, str], fields: tuple[LayoutField, ...], unknown: Iterable[str] = ()
    ) -> bytes:
        pieces: list[bytes] = []
        findings = foreign(unknown)
        for one in fields:
            text = values.get(one.name, "") or one.value
            if not text or one.filler:
                pieces.append(b" " * one.bytes)
                continue
            try:
                raw = self._charset.encode(text)
            except CharacterError as error:
                findings.append(unwritable(error, _NO_ORIGIN, one.name))
                continue
            problem = self._fits(one, text, raw)
            if problem is not None:
                findings.append(problem)
                continue
            pieces.append(self._pad(one, raw))
        if findings:
            raise adapter_error(findings)
        record = b"".join(pieces)
        return record + b" " * (self._size - len(record))

    @staticmethod
    def _fits(one: LayoutField, text: str, raw: bytes) -> Finding | None:
        if len(raw) > one.bytes:
            got = f"{len(raw)} bytes"
            return finding("CB6005", _NO_ORIGIN, one.name, expected=f"at most {one.bytes} bytes", got=got)
        kept = text.rstrip(" ")
        if one.pad == "right-wide-space":
            kept = kept.rstrip(_WIDE_SPACE)
        if one.pad == "left-zero":
            kept = text.lstrip("0") or "0"
        if kept != text:
            expected = "a value that keeps its spaces or zeros beside the padding"
            return finding("CB6016", _NO_ORIGIN, one.name, expected=expected, got=describe(text))
        return type_finding(one, text, _NO_ORIGIN, None)

    def _pad(self, one: LayoutField, raw: bytes) -> bytes:
        if one.pad == "left-zero":
            return raw.rjust(one.bytes, b"0")
        if one.pad == "right-wide-space":
            wide = self._charset.encode(_WIDE_SPACE)
            raw += wide * ((one.bytes - len(raw)) // len(wide))
        return raw.ljust(one.bytes)

    def encode(
        self,
        records: Iterable[Mapping[str, str]],
        header: Mapping[str, str] | None = None,
        trailer: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """A whole file in pieces; the trailer's count is filled in."""
        end = self.layout.line_end_bytes
        encoded = (self.encode_record(values) for values in records)
        for record in framed(self.layout, self._encode_fields, encoded, header, trailer):
            yield record + end
