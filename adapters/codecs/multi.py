"""Files of several kinds of record: header, parents with their details, trailer with counts and totals, end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from adapters.codecs.chunks import Chunk, lines, slices
from adapters.codecs.totals import Sums
from adapters.sdk.errors import adapter_error, describe, finding
from adapters.sdk.layout import Layout, Member
from adapters.sdk.protocols import Codec
from adapters.sdk.types import BadRecord, Origin, Span, VendorRecord
from bus.core.errors import AdapterError

_NO_ORIGIN = Origin()
_ORDER = ("header", "body", "trailer", "end")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of record with its codec."""

    member: Member
    codec: Codec

    @property
    def mark_name(self) -> str:
        """The first field."""
        return self.member.layout.fields[0].name


@dataclass(slots=True)
class MultiReading:
    """One pass over a file. ``header`` and ``trailer`` are filled when met; details are counted as records."""

    codec: MultiCodec
    stream: BinaryIO
    file: str = ""
    header: dict[str, str] = field(default_factory=dict)
    trailer: dict[str, str] = field(default_factory=dict)
    count: int = 0
    _parents: int = field(default=0, init=False)
    _all: int = field(default=0, init=False)
    _found: int = field(default=0, init=False)
    _parent: VendorRecord | BadRecord | None = field(default=None, init=False)
    _details: int = field(default=0, init=False)
    _place: int = field(default=0, init=False)
    _seen: set[str] = field(default_factory=set, init=False)
    _sums: dict[str, Sums] = field(default_factory=dict, init=False)

    def __iter__(self) -> Iterator[VendorRecord | BadRecord]:
        """Details with their parent's items, and errors, in the order of the file."""
        self._sums = {role: Sums(one.member.totals) for role, one in self.codec.kinds.items() if one.member.totals}
        end = 0
        for chunk in self.codec.chunks(self.stream):
            end = chunk.offset + len(chunk.raw)
            yield from self._chunk(chunk)
            if chunk.ends_file:
                return
        yield from self._childless()
        for role in self.codec.kinds:
            if role in ("header", "trailer", "end") and role not in self._seen:
                yield self._bad("CB6001", Origin(self.file, 0, end), b"", "file", f"a {role} record", "end of file")

    def _chunk(self, chunk: Chunk) -> Iterator[VendorRecord | BadRecord]:
        kind = None if chunk.fault else self.codec.kind_of(chunk.raw)
        if kind is None:
            code, expected = ("CB6014", "the declared structure") if chunk.fault else ("CB6053", self.codec.marks)
            if chunk.ends_file:
                code, expected = "CB6001", "a whole record"
            self.count += not chunk.ends_file
            self._doubt()
            origin = Origin(self.file, 0 if chunk.ends_file else self.count, chunk.offset, len(chunk.raw))
            scope = "file" if chunk.ends_file else "record"
            yield self._bad(code, origin, chunk.raw, scope, expected, chunk.fault or "another record type")
            return
        self._all += 1
        role = kind.member.role
        yield from self._in_order(role, chunk)
        if role == "detail":
            yield self._detail(kind, chunk)
        elif role == "parent":
            yield from self._childless()
            self._begin(kind, chunk)
        elif role in ("header", "trailer", "end"):
            if role != "header":
                yield from self._childless()
            yield from self._edge(kind, chunk)

    def _in_order(self, role: str, chunk: Chunk) -> Iterator[BadRecord]:
        """Header first, then parents and details, then trailer and end, each edge once."""
        place = _ORDER.index(role) if role in _ORDER else 1
        wrong = place < self._place or (role in self._seen and place != 1)
        if place == 1 and "header" in self.codec.kinds and "header" not in self._seen:
            self._seen.add("header")
            wrong = True
        self._place = max(place, self._place)
        if role in _ORDER:
            self._seen.add(role)
        if wrong:
            origin = Origin(self.file, 0, chunk.offset, len(chunk.raw))
            yield self._bad("CB6053", origin, b"", "file", "records in the order of the layout", role)

    def _begin(self, kind: _Kind, chunk: Chunk) -> None:
        self._parents += 1
        self._details = 0
        origin = Origin(self.file, 0, chunk.offset, len(chunk.raw))
        try:
            self._parent = kind.codec.decode_record(chunk.raw, origin)
        except AdapterError as error:
            self._parent = BadRecord(error, origin, chunk.raw)
            self._doubt()

    def _childless(self) -> Iterator[BadRecord]:
        """A parent without details would go lost in silence."""
        parent, self._parent = self._parent, None
        if parent is None or self._details:
            return
        self.count += 1
        origin = replace(parent.origin, record_no=self.count)
        if isinstance(parent, BadRecord):
            yield BadRecord(parent.error, origin, parent.raw)
        elif self.codec.kinds["parent"].member.alone == "refuse":
            yield self._bad("CB6053", origin, parent.raw, "record", "a detail record behind its parent", "none")
        else:
            self.count -= 1

    def _detail(self, kind: _Kind, chunk: Chunk) -> VendorRecord | BadRecord:
        self.count += 1
        self._found += 1
        self._details += 1
        origin = Origin(self.file, self.count, chunk.offset, len(chunk.raw))
        parent = self._parent
        raw = self.codec.joined(parent.raw, chunk.raw) if parent is not None else chunk.raw
        if isinstance(parent, BadRecord):
            self._doubt()
            return BadRecord(parent.error, origin, raw)
        if parent is None and "parent" in self.codec.kinds:
            self._doubt()
            return self._bad("CB6053", origin, raw, "record", "a parent record before its details", "none")
        try:
            detail = kind.codec.decode_record(chunk.raw, origin)
            for sums in self._sums.values():
                sums.add(detail.values)
            return self.codec.combined(parent, detail, raw)
        except AdapterError as error:
            self._doubt()
            return BadRecord(error, origin, raw)

    def _doubt(self) -> None:
        for sums in self._sums.values():
            sums.whole = False

    def _edge(self, kind: _Kind, chunk: Chunk) -> Iterator[BadRecord]:
        origin = Origin(self.file, 0, chunk.offset, len(chunk.raw))
        role = kind.member.role
        try:
            values = kind.codec.decode_record(chunk.raw, origin).values
        except AdapterError as error:
            yield BadRecord(error, origin, chunk.raw, scope="file")
            return
        (self.header if role == "header" else self.trailer).update(values)
        findings = [
            finding("CB6014", origin, one.name, expected=one.value, got=describe(values[one.name]))
            for one in kind.member.layout.items
            if one.value and values[one.name] != one.value
        ]
        counted = {"detail": self._found, "parent": self._parents, "all": self._all}
        for name, what in kind.member.counts:
            stated = values[name]
            if not stated.isdigit() or int(stated) != counted[what]:
                expected = f"{stated or 'a count'} {what} records"
                findings.append(finding("CB6001", origin, name, expected=expected, got=str(counted[what])))
        if role in self._sums:
            findings += self._sums[role].problems(values, origin)
        if findings:
            yield BadRecord(adapter_error(findings), origin, chunk.raw, scope="file")

    @staticmethod
    def _bad(code: str, origin: Origin, raw: bytes, scope: str, expected: str, got: str) -> BadRecord:
        error = adapter_error((finding(code, origin, expected=expected, got=got),))
        return BadRecord(error, origin, raw, scope="file" if scope == "file" else "record")


class MultiCodec:
    """Codec of ``kind = "multi"``, made of those of its kinds: its records are details with their parent's items."""

    def __init__(self, layout: Layout, kinds: Iterable[tuple[Member, Codec]]) -> None:
        self.layout = layout
        self._all = tuple(_Kind(member, codec) for member, codec in kinds)
        self.kinds = {one.member.role: one for one in self._all if one.member.role != "other"}
        self._detail = self.kinds["detail"]
        self._first = self.kinds.get("parent")
        self.marks = " | ".join(one.member.mark for one in self._all)

    def chunks(self, stream: BinaryIO) -> Iterable[Chunk]:
        """The records of the file, whatever their kind."""
        end = self.layout.line_end_bytes
        return lines(stream, end) if end else slices(stream, self.layout.record_bytes)

    def kind_of(self, raw: bytes) -> _Kind | None:
        """The kind whose mark stands first, ``None`` for another."""
        for kind in self._all:
            if self._marked(kind, raw):
                return kind
        return None

    @staticmethod
    def _marked(kind: _Kind, raw: bytes) -> bool:
        layout = kind.member.layout
        try:
            mark = kind.member.mark.encode(layout.encoding)
        except LookupError:
            written = kind.codec.encode_record({kind.mark_name: kind.member.mark})
            mark = written[: layout.fields[0].bytes]
        if layout.kind == "fixed":
            width = layout.fields[0].bytes
            return raw[:width] == mark.ljust(width) if len(mark) < width else raw[:width] == mark
        cell = raw.split(layout.delimiter.encode("ascii"), 1)[0]
        return cell.strip(layout.quote.encode("ascii")) == mark

    # reading

    def reader(self, stream: BinaryIO, file: str = "") -> MultiReading:
        """Decode a stream; see ``adapters.sdk.protocols.Codec``."""
        return MultiReading(self, stream, file)

    def decode(self, stream: BinaryIO, file: str = "") -> Iterator[VendorRecord | BadRecord]:
        """The records of a stream."""
        return iter(self.reader(stream, file))

    def joined(self, parent: bytes, detail: bytes) -> bytes:
        """The bytes of a parent and one of its details, as ``decode_record`` takes them."""
        return parent + self.layout.line_end_bytes + detail

    def decode_record(self, raw: bytes, origin: Origin | None = None) -> VendorRecord:
        """A detail, with its parent before it where the layout has parents; CB6053 for another sequence."""
        origin = origin or Origin(byte_length=len(raw))
        pieces = self._pieces(raw)
        found = [self.kind_of(piece) for piece in pieces]
        wanted = [self._first, self._detail] if self._first else [self._detail]
        if found != wanted:
            expected = " and ".join(kind.member.role for kind in wanted if kind)
            raise adapter_error((finding("CB6053", origin, expected=expected, got=f"{len(pieces)} records"),))
        parent = None
        if self._first is not None:
            parent = self._first.codec.decode_record(pieces[0], replace(origin, byte_length=len(pieces[0])))
        start = origin.byte_offset + len(raw) - len(pieces[-1])
        place = replace(origin, byte_offset=start, byte_length=len(pieces[-1]))
        return self.combined(parent, self._detail.codec.decode_record(pieces[-1], place), raw)

    def _pieces(self, raw: bytes) -> list[bytes]:
        end = self.layout.line_end_bytes
        if end:
            return raw.split(end)
        size = self.layout.record_bytes
        return [raw[at : at + size] for at in range(0, max(len(raw), 1), size)]

    def combined(self, parent: VendorRecord | None, detail: VendorRecord, raw: bytes) -> VendorRecord:
        """One record of both; CB6053 when items that both have differ."""
        mark = self._detail.mark_name
        values = dict(detail.values)
        del values[mark]
        if parent is None:
            return VendorRecord(values, detail.origin, raw, detail.locate, detail.losses)
        own = {name: value for name, value in parent.values.items() if name != mark}
        differing = [name for name in own.keys() & values.keys() if own[name] != values[name]]
        if differing:
            expected = "the same in parent and detail"
            raise adapter_error(
                [finding("CB6053", detail.origin, name, expected=expected, got="another") for name in sorted(differing)]
            )
        before = parent.origin.byte_offset - detail.origin.byte_offset

        def spans(_raw: bytes) -> Mapping[str, Span]:
            found = {name: (before + at, length) for name, (at, length) in parent.locate(parent.raw).items()}
            return {name: span for name, span in (found | dict(detail.locate(detail.raw))).items() if name != mark}

        return VendorRecord({**own, **values}, detail.origin, raw, spans, (*parent.losses, *detail.losses))

    # writing

    def encode_record(self, values: Mapping[str, str]) -> bytes:
        """A detail, with its parent before it where the layout has parents."""
        detail = self._record(self._detail, values)
        return self.joined(self._record(self._first, values), detail) if self._first else detail

    def _record(self, kind: _Kind, values: Mapping[str, str]) -> bytes:
        known = {one.name for one in self.layout.fields}
        unknown = [name for name in values if name not in known]
        if unknown:
            raise adapter_error(
                [finding("CB6014", _NO_ORIGIN, name, expected="an item of the layout") for name in unknown]
            )
        own = {one.name: values.get(one.name, "") for one in kind.member.layout.items}
        return kind.codec.encode_record({**own, kind.mark_name: kind.member.mark})

    def encode(
        self,
        records: Iterable[Mapping[str, str]],
        header: Mapping[str, str] | None = None,
        trailer: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """A whole file in pieces: a parent before the details that share its items; counts and totals at the end."""
        end = self.layout.line_end_bytes
        counted = {"detail": 0, "parent": 0, "all": 0}
        sums = {role: Sums(one.member.totals) for role, one in self.kinds.items()}
        if "header" in self.kinds:
            counted["all"] += 1
            yield self._edge_bytes(self.kinds["header"], header or {}) + end
        last: bytes | None = None
        for values in records:
            if self._first is not None:
                parent = self._record(self._first, values)
                if parent != last:
                    last = parent
                    counted["parent"] += 1
                    counted["all"] += 1
                    yield parent + end
            detail = self._record(self._detail, values)
            for one in sums.values():
                one.add(values)
            counted["detail"] += 1
            counted["all"] += 1
            yield detail + end
        for role in ("trailer", "end"):
            if role in self.kinds:
                kind = self.kinds[role]
                counted["all"] += 1
                own = {name: str(counted[what]) for name, what in kind.member.counts}
                own |= {name: str(found) for name, found in sums[role].sums.items()}
                yield self._edge_bytes(kind, {**(trailer or {}), **own}) + end

    @staticmethod
    def _edge_bytes(kind: _Kind, given: Mapping[str, str]) -> bytes:
        names = {one.name for one in kind.member.layout.items}
        values = {name: value for name, value in given.items() if name in names}
        return kind.codec.encode_record({**values, kind.mark_name: kind.member.mark})
