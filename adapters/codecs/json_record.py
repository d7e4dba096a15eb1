"""JSON records in UTF-8: nested objects and arrays by path, compact on writing, every key accounted for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from adapters.characters.charset import Charset
from adapters.characters.problem import CharacterError
from adapters.codecs.chunks import Chunk, lines
from adapters.codecs.field_text import byte_losses, foreign, placed, type_finding, unreadable, unwritable
from adapters.codecs.json_scan import elements, leaves
from adapters.codecs.reading import FileReading
from adapters.sdk.errors import adapter_error, finding
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.types import BadRecord, Loss, Origin, Span, VendorRecord
from bus.core.types import Finding

_NO_ORIGIN = Origin()
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?\Z")


class _Number(str):
    """A JSON number with the digits it was written with."""

    __slots__ = ()


class _DoubleKey(ValueError):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DoubleKey("a key stands twice in one object")
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


class JsonCodec:
    """Codec of ``kind = "json"``; ``form`` is object (one record), array, or lines."""

    def __init__(self, layout: Layout, charset: Charset) -> None:
        self.layout = layout
        self._charset = charset
        self._watch = charset.watch.search
        self._by_path = {one.path: one for one in layout.fields}
        self._above = {one.path[:size] for one in layout.fields for size in range(1, len(one.path))}
        self._items = {one.name for one in layout.items}
        self._ordinary = frozenset(one.name for one in layout.fields if one.type == "N")

    # reading

    def reader(self, stream: BinaryIO, file: str = "") -> FileReading:
        """Decode a stream; see ``adapters.sdk.protocols.Codec``."""
        return FileReading(self, lambda: self._chunks(stream), file)

    def decode(self, stream: BinaryIO, file: str = "") -> Iterator[VendorRecord | BadRecord]:
        """The records of a stream."""
        return iter(self.reader(stream, file))

    def _chunks(self, stream: BinaryIO) -> Iterator[Chunk]:
        if self.layout.form == "lines":
            yield from lines(stream, self.layout.line_end_bytes)
            return
        raw = stream.read()
        if self.layout.form == "object":
            yield Chunk(0, raw)
            return
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            yield Chunk(error.start, raw[error.start :], fault="not UTF-8")
            return
        offset = position = 0
        try:
            for start, end in elements(text):
                offset += len(text[position:start].encode("utf-8"))
                piece = text[start:end].encode("utf-8")
                yield Chunk(offset, piece)
                offset += len(piece)
                position = end
        except ValueError as error:
            broken = int(error.args[0])
            offset += len(text[position:broken].encode("utf-8"))
            yield Chunk(offset, raw[offset:], fault="not an array of objects", ends_file=broken >= len(text.rstrip()))

    def mark(self, _raw: bytes) -> str:
        """JSON records have no type field."""
        return ""

    def check_header_line(self, raw: bytes, origin: Origin) -> None:
        """JSON files have no line of column names."""

    def decode_fields(self, raw: bytes, fields: tuple[LayoutField, ...], origin: Origin) -> dict[str, str]:
        """JSON files have neither header nor trailer records: always empty."""
        return {}

    def decode_record(self, raw: bytes, origin: Origin | None = None) -> VendorRecord:
        """One object; raises AdapterError CB6014, CB6002, CB6003 or E0002."""
        origin = origin or Origin(byte_length=len(raw))
        document = self._parse(raw, origin)
        values = dict.fromkeys((one.name for one in self.layout.fields), "")
        findings: list[Finding] = []
        self._collect(document, (), values, findings, origin)
        typed = (one for one in self.layout.fields if one.name not in self._ordinary)
        findings.extend(found for one in typed if (found := type_finding(one, values[one.name], origin, None)))
        if findings:
            raise adapter_error(placed(findings, self._locate(raw), origin))
        losses: tuple[Loss, ...] = ()
        if self._watch("".join(values.values())):
            values, losses = self._characters(values, raw, origin)
        return VendorRecord(values, origin, raw, self._locate, losses)

    def _parse(self, raw: bytes, origin: Origin) -> dict[str, Any]:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            wrong = CharacterError("CB6002", 0, raw[error.start : error.end].hex().upper(), "not UTF-8")
            raise adapter_error((unreadable(wrong, origin, "", error.start),)) from error
        try:
            document = json.loads(
                text, parse_int=_Number, parse_float=_Number, parse_constant=_constant, object_pairs_hook=_pairs
            )
        except json.JSONDecodeError as error:
            span = (origin.byte_offset + len(text[: error.pos].encode("utf-8")), 1)
            found = finding("CB6014", origin, span=span, expected="JSON", got=error.msg)
            raise adapter_error((found,)) from error
        except (ValueError, RecursionError) as error:
            found = finding("CB6014", origin, expected="JSON, each key once", got=type(error).__name__)
            raise adapter_error((found,)) from error
        if not isinstance(document, dict):
            raise adapter_error((finding("CB6014", origin, expected="an object", got=type(document).__name__),))
        return document

    def _collect(
        self,
        node: dict[str, Any],
        path: tuple[str, ...],
        values: dict[str, str],
        findings: list[Finding],
        origin: Origin,
    ) -> None:
        for key, value in node.items():
            self._take((*path, key), value, values, findings, origin)

    def _take(
        self, here: tuple[str, ...], value: Any, values: dict[str, str], findings: list[Finding], origin: Origin
    ) -> None:
        one = self._by_path.get(here)
        shown = one.name if one else ".".join(here)
        if one is None and isinstance(value, dict):
            self._collect(value, here, values, findings, origin)
        elif one is None and isinstance(value, list) and (*here, "#0") in self._by_path:
            for number, element in enumerate(value):
                self._take((*here, f"#{number}"), element, values, findings, origin)
        elif one is None and value is None and here in self._above:
            return
        elif one is None:
            findings.append(finding("CB6014", origin, shown, expected="a key of the layout", got="another key"))
        elif value is None:
            return
        elif isinstance(value, str) and isinstance(value, _Number) == (one.json == "number"):
            values[one.name] = str(value)
        else:
            findings.append(finding("CB6014", origin, shown, expected=f"a {one.json}", got=type(value).__name__))

    def _characters(
        self, values: dict[str, str], raw: bytes, origin: Origin
    ) -> tuple[dict[str, str], tuple[Loss, ...]]:
        spans = self._locate(raw)
        findings: list[Finding] = []
        losses: list[Loss] = []
        read: dict[str, str] = {}
        for name, value in values.items():
            start = spans.get(name, (0, 0))[0] + 1
            try:
                read[name], lost = self._charset.decode_carefully(value.encode("utf-8", "surrogatepass"))
            except CharacterError as error:
                findings.append(unreadable(error, origin, name, start))
                continue
            losses.extend(byte_losses(lost, origin, name, start))
        if findings:
            raise adapter_error(findings)
        return read, tuple(losses)

    def _locate(self, raw: bytes) -> Mapping[str, Span]:
        text = raw.decode("utf-8", "replace")
        spans: dict[str, Span] = {}
        for path, (start, end) in leaves(text).items():
            one = self._by_path.get(path)
            name = one.name if one else ".".join(path)
            spans[name] = (len(text[:start].encode("utf-8")), len(text[start:end].encode("utf-8")))
        return spans

    # writing

    def encode_record(self, values: Mapping[str, str]) -> bytes:
        """One compact object in the layout's order; raises AdapterError CB6007, CB6014 or E0002."""
        findings = foreign(name for name in values if name not in self._items)
        tree: dict[str, Any] = {}
        for one in self.layout.fields:
            text = values.get(one.name, "") or one.value
            problem = type_finding(one, text, _NO_ORIGIN, None)
            if text and one.json == "number" and not _NUMBER.match(text):
                problem = finding("E0002", _NO_ORIGIN, one.name, expected="a JSON number", got="other text")
            if problem is not None:
                findings.append(problem)
                continue
            if not text and self.layout.absent == "omit":
                continue
            try:
                self._place(tree, one, self._charset.encode(text).decode("utf-8"))
            except CharacterError as error:
                findings.append(unwritable(error, _NO_ORIGIN, one.name))
        if findings:
            raise adapter_error(findings)
        return self._write(tree).encode("utf-8")

    def _place(self, tree: dict[str, Any], one: LayoutField, text: str) -> None:
        node = tree
        for key in one.path[:-1]:
            node = node.setdefault(key, {})
        empty = None if self.layout.absent == "null" or one.json == "number" else ""
        node[one.path[-1]] = (_Number(text) if one.json == "number" else text) if text else empty

    def _write(self, node: Any) -> str:
        if isinstance(node, dict) and next(iter(node), "").startswith("#"):
            last = max(int(key[1:]) for key in node)
            return "[" + ",".join(self._write(node.get(f"#{number}")) for number in range(last + 1)) + "]"
        if isinstance(node, dict):
            members = (f"{json.dumps(key, ensure_ascii=False)}:{self._write(value)}" for key, value in node.items())
            return "{" + ",".join(members) + "}"
        return str(node) if isinstance(node, _Number) else json.dumps(node, ensure_ascii=False)

    def encode(
        self,
        records: Iterable[Mapping[str, str]],
        header: Mapping[str, str] | None = None,
        trailer: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """A whole document in pieces, as ``form`` says; header and trailer do not exist in JSON."""
        if header or trailer:
            raise adapter_error((finding("CB6014", _NO_ORIGIN, expected="no header or trailer in JSON"),))
        form = self.layout.form
        if form == "array":
            yield b"["
        for number, values in enumerate(records):
            if form == "object" and number:
                raise adapter_error((finding("CB6014", _NO_ORIGIN, expected="one record in an object"),))
            separator = b"," if form == "array" and number else b""
            yield separator + self.encode_record(values) + (self.layout.line_end_bytes if form == "lines" else b"")
        if form == "array":
            yield b"]"
