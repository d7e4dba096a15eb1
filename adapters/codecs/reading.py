"""Read a whole file through a codec: header, data, trailer with its count; errors are items, the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from adapters.codecs.chunks import Chunk
from adapters.sdk.errors import adapter_error, finding
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.types import BadRecord, Origin, VendorRecord
from bus.core.errors import AdapterError


class RecordDecoder(Protocol):
    """What the reader needs of a codec."""

    @property
    def layout(self) -> Layout:
        """The layout."""
        ...

    def mark(self, raw: bytes) -> str:
        """The record's type as it stands in the type field."""
        ...

    def decode_record(self, raw: bytes, origin: Origin | None = None) -> VendorRecord:
        """A data record."""
        ...

    def decode_fields(self, raw: bytes, fields: tuple[LayoutField, ...], origin: Origin) -> dict[str, str]:
        """The values of a header or trailer."""
        ...

    def check_header_line(self, raw: bytes, origin: Origin) -> None:
        """Raise AdapterError when the line of column names is not the layout's."""
        ...


@dataclass(slots=True)
class FileReading:
    """One pass over a file; ``header`` and ``trailer`` are filled when met, ``count`` counts bad data records too."""

    codec: RecordDecoder
    chunks: Callable[[], Iterable[Chunk]]
    file: str = ""
    header: dict[str, str] = field(default_factory=dict)
    trailer: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def __iter__(self) -> Iterator[VendorRecord | BadRecord]:
        """Data records and errors in the order of the file."""
        if self.codec.layout.type_field:
            yield from self._marked()
        else:
            yield from self._plain()

    def _plain(self) -> Iterator[VendorRecord | BadRecord]:
        decode = self.codec.decode_record
        file = self.file
        named = not self.codec.layout.header_line
        for chunk in self.chunks():
            if chunk.fault:
                yield self._faulty(chunk)
                continue
            if not named:
                named = True
                origin = Origin(file, 0, chunk.offset, len(chunk.raw))
                try:
                    self.codec.check_header_line(chunk.raw, origin)
                except AdapterError as error:
                    yield BadRecord(error, origin, chunk.raw, scope="file")
                    return
                continue
            self.count += 1
            raw = chunk.raw
            origin = Origin(file, self.count, chunk.offset, len(raw))
            try:
                yield decode(raw, origin)
            except AdapterError as error:
                yield BadRecord(error, origin, raw)

    def _marked(self) -> Iterator[VendorRecord | BadRecord]:
        layout = self.codec.layout
        first = True
        end = 0
        for chunk in self.chunks():
            end = chunk.offset + len(chunk.raw)
            if chunk.fault:
                yield self._faulty(chunk)
                first = False
                if chunk.ends_file:
                    return
                continue
            mark = self.codec.mark(chunk.raw)
            if first and layout.header:
                first = False
                if mark == layout.header_mark:
                    yield from self._edge(chunk, layout.header, self.header)
                    continue
                origin = Origin(self.file, 0, chunk.offset, len(chunk.raw))
                yield self._bad("CB6014", origin, b"", "file", f"a header record ({layout.header_mark})", mark)
            first = False
            if mark == layout.trailer_mark and layout.trailer and not self.trailer:
                yield from self._trailer(chunk)
                continue
            yield self._data(chunk, mark)
        if layout.trailer and not self.trailer:
            yield self._bad("CB6001", Origin(self.file, 0, end, 0), b"", "file", "a trailer record", "end of file")

    def _data(self, chunk: Chunk, mark: str) -> VendorRecord | BadRecord:
        layout = self.codec.layout
        self.count += 1
        origin = Origin(self.file, self.count, chunk.offset, len(chunk.raw))
        if self.trailer:
            return self._bad("CB6014", origin, chunk.raw, "record", "end of file after the trailer", "a record")
        if mark != layout.data_mark:
            expected = f"{layout.type_field} {layout.data_mark}"
            return self._bad("CB6014", origin, chunk.raw, "record", expected, "another record type")
        try:
            return self.codec.decode_record(chunk.raw, origin)
        except AdapterError as error:
            return BadRecord(error, origin, chunk.raw)

    def _edge(self, chunk: Chunk, fields: tuple[LayoutField, ...], into: dict[str, str]) -> Iterator[BadRecord]:
        origin = Origin(self.file, 0, chunk.offset, len(chunk.raw))
        try:
            into.update(self.codec.decode_fields(chunk.raw, fields, origin))
        except AdapterError as error:
            into[self.codec.layout.type_field] = self.codec.mark(chunk.raw)
            yield BadRecord(error, origin, chunk.raw, scope="file")
            return
        for one in fields:
            if one.value and into[one.name] != one.value:
                found = finding("CB6014", origin, one.name, expected=one.value, got=into[one.name])
                yield BadRecord(adapter_error((found,)), origin, chunk.raw, scope="file")

    def _trailer(self, chunk: Chunk) -> Iterator[BadRecord]:
        """A record marked as trailer that cannot be one is a damaged record; the real trailer may still come."""
        origin = Origin(self.file, self.count + 1, chunk.offset, len(chunk.raw))
        try:
            self.codec.decode_fields(chunk.raw, self.codec.layout.trailer, origin)
        except AdapterError as error:
            self.count += 1
            yield BadRecord(error, origin, chunk.raw)
            return
        yield from self._edge(chunk, self.codec.layout.trailer, self.trailer)
        yield from self._check_count(chunk)

    def _check_count(self, chunk: Chunk) -> Iterator[BadRecord]:
        name = self.codec.layout.count_field
        stated = self.trailer.get(name, "")
        if name and (not stated.isdigit() or int(stated) != self.count):
            origin = Origin(self.file, 0, chunk.offset, len(chunk.raw))
            found = finding("CB6001", origin, name, expected=f"{stated or 'a count'} records", got=str(self.count))
            yield BadRecord(adapter_error((found,)), origin, chunk.raw, scope="file")

    def _faulty(self, chunk: Chunk) -> BadRecord:
        if chunk.ends_file:
            origin = Origin(self.file, 0, chunk.offset, len(chunk.raw))
            return self._bad(chunk.code or "CB6001", origin, chunk.raw, "file", "a whole record", chunk.fault)
        self.count += 1
        origin = Origin(self.file, self.count, chunk.offset, len(chunk.raw))
        return self._bad(chunk.code or "CB6014", origin, chunk.raw, "record", "the declared structure", chunk.fault)

    @staticmethod
    def _bad(code: str, origin: Origin, raw: bytes, scope: str, expected: str, got: str) -> BadRecord:
        error = adapter_error((finding(code, origin, expected=expected, got=got),))
        return BadRecord(error, origin, raw, scope="file" if scope == "file" else "record")


def framed(
    layout: Layout,
    write: Callable[[Mapping[str, str], tuple[LayoutField, ...]], bytes],
    records: Iterable[bytes],
    header: Mapping[str, str] | None,
    trailer: Mapping[str, str] | None,
) -> Iterator[bytes]:
    """A file's records with its header and trailer, which carry their marks; the trailer's count is filled in."""
    if layout.header:
        yield write({**(header or {}), layout.type_field: layout.header_mark}, layout.header)
    count = 0
    for record in records:
        count += 1
        yield record
    if layout.trailer:
        own = {layout.type_field: layout.trailer_mark}
        if layout.count_field:
            own[layout.count_field] = str(count)
        yield write({**(trailer or {}), **own}, layout.trailer)
