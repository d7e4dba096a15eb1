"""Repeated columns: one vendor record with 期別 1 to 12 is read as up to twelve records, and written as one again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from adapters.characters.register import Gaiji
from adapters.sdk.errors import adapter_error, finding
from adapters.sdk.layout import Group, Layout
from adapters.sdk.protocols import Codec, Reading
from adapters.sdk.types import BadRecord, Origin, Span, VendorRecord
from bus.core.errors import AdapterError

_FRAME = re.compile(rb"\x00chiikibus:([0-9]{1,3})\x00")
"""Before a record's bytes: which occurrence of it is meant. No vendor's record begins so."""

STAND_IN = "\u3013"
MOST_UNKNOWN = 64  # rounds; each finds at least one more character, and a record has few


def framed(number: int, raw: bytes) -> bytes:
    """The bytes of a vendor record as those of its occurrence ``number``."""
    return b"\x00chiikibus:%d\x00" % number + raw


def unframed(raw: bytes) -> tuple[int, bytes]:
    """The occurrence and the vendor's bytes; 0 where the bytes name none."""
    match = _FRAME.match(raw)
    return (int(match[1]), raw[match.end() :]) if match else (0, raw)


@dataclass(slots=True)
class GroupedReading:
    """A reading of vendor records, taken apart; records are counted as they come out."""

    codec: GroupedCodec
    inner: Reading
    count: int = 0
    header: dict[str, str] = field(init=False)
    trailer: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.header = self.inner.header
        self.trailer = self.inner.trailer

    def __iter__(self) -> Iterator[VendorRecord | BadRecord]:
        """One record per occurrence; a vendor record that cannot be read is one error per occurrence it may hold."""
        for one in self.inner:
            if isinstance(one, BadRecord):
                if one.scope == "file":
                    yield one
                    continue
                for number in self.codec.guessed(one.raw) or (0,):
                    self.count += 1
                    raw = framed(number, one.raw) if number else one.raw
                    yield BadRecord(one.error, replace(one.origin, record_no=self.count), raw)
                continue
            for found in self.codec.apart(one):
                self.count += 1
                yield replace(found, origin=replace(found.origin, record_no=self.count))


class GroupedCodec:
    """Wraps the codec of the physical records; ``layout`` is that of the records taken apart.

    ``scout`` makes the same codec with more characters in its register.
    """

    def __init__(self, layout: Layout, inner: Codec, scout: Callable[[tuple[Gaiji, ...]], Codec]) -> None:
        assert layout.group is not None
        self.layout = layout
        self._inner = inner
        self._scout = scout
        self._group: Group = layout.group
        self._columns = tuple(
            tuple((name, physical[at]) for name, physical in layout.group.items) for at in range(layout.group.times)
        )
        repeated = {column for columns in self._columns for _, column in columns}
        self._shared = tuple(one.name for one in inner.layout.items if one.name not in repeated)
        self._blank = frozenset(("", *layout.group.blank))

    # reading

    def reader(self, stream: BinaryIO, file: str = "") -> GroupedReading:
        """Decode a stream; see ``adapters.sdk.protocols.Codec``."""
        return GroupedReading(self, self._inner.reader(stream, file))

    def decode(self, stream: BinaryIO, file: str = "") -> Iterator[VendorRecord | BadRecord]:
        """The records of a stream."""
        return iter(self.reader(stream, file))

    def decode_record(self, raw: bytes, origin: Origin | None = None) -> VendorRecord:
        """One occurrence: the one named, or the only one; CB6050 when there is none, CB6014 when there are more."""
        number, bare = unframed(raw)
        record = self._inner.decode_record(bare, origin or Origin(byte_length=len(bare)))
        numbers = (number,) if number else self._numbers(record.values)
        if len(numbers) > 1:
            expected = "one occurrence of the repeated items"
            raise adapter_error((finding("CB6014", record.origin, expected=expected, got=str(len(numbers))),))
        if not numbers or (number and number not in self._numbers(record.values)):
            raise self._without(record.origin)
        return self._one(record, numbers[0])

    def apart(self, record: VendorRecord) -> Iterator[VendorRecord | BadRecord]:
        """The records of one vendor record; without any, an error or nothing as the group says."""
        numbers = self._numbers(record.values)
        if not numbers and self._group.none == "refuse":
            yield BadRecord(self._without(record.origin), record.origin, record.raw)
        for number in numbers:
            yield self._one(record, number)

    def guessed(self, raw: bytes) -> tuple[int, ...]:
        """The occurrences in bytes that only unknown characters keep from being read; ``()`` for other damage.

        They are read once more with something standing for each such character, only to see which are there.
        """
        unknown: dict[str, Gaiji] = {}
        codec = self._inner
        for _ in range(MOST_UNKNOWN):
            try:
                return self._numbers(codec.decode_record(raw).values)
            except AdapterError as error:
                found = {one.got: Gaiji(one.got, STAND_IN) for one in error.findings if one.code == "CB6003"}
                if len(found) < len({one.got for one in error.findings}) or found.keys() <= unknown.keys():
                    return ()
                unknown |= found
                codec = self._scout(tuple(unknown.values()))
        return ()

    def _numbers(self, values: Mapping[str, str]) -> tuple[int, ...]:
        return tuple(
            number
            for number, columns in enumerate(self._columns, start=1)
            if any(values[column] not in self._blank for _, column in columns)
        )

    def _one(self, record: VendorRecord, number: int) -> VendorRecord:
        values = {name: record.values[name] for name in self._shared}
        if self._group.number:
            values[self._group.number] = str(number)
        columns = self._columns[number - 1]
        values.update((name, record.values[column]) for name, column in columns)
        names = {column: name for name, column in columns} | {name: name for name in self._shared}
        bare, locate = record.raw, record.locate

        def spans(_raw: bytes) -> Mapping[str, Span]:
            return {names[column]: span for column, span in locate(bare).items() if column in names}

        losses = tuple(replace(one, item=names[one.item]) for one in record.losses if one.item in names)
        return VendorRecord(values, record.origin, framed(number, bare), spans, losses)

    @staticmethod
    def _without(origin: Origin) -> AdapterError:
        return adapter_error((finding("CB6050", origin, expected="at least one occurrence", got="none"),))

    # writing

    def encode_record(self, values: Mapping[str, str]) -> bytes:
        """A vendor record that holds this occurrence alone; raises AdapterError CB6051 and the codec's own."""
        return self._inner.encode_record(self._together([values]))

    def encode(
        self,
        records: Iterable[Mapping[str, str]],
        header: Mapping[str, str] | None = None,
        trailer: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """A whole file in pieces: records in a row with the same key become one vendor record."""
        return self._inner.encode(self._gathered(records), header, trailer)

    def _gathered(self, records: Iterable[Mapping[str, str]]) -> Iterator[Mapping[str, str]]:
        waiting: list[Mapping[str, str]] = []
        for values in records:
            if waiting and not self._belongs(values, waiting):
                yield self._together(waiting)
                waiting = []
            waiting.append(values)
        if waiting:
            yield self._together(waiting)

    def _belongs(self, values: Mapping[str, str], waiting: list[Mapping[str, str]]) -> bool:
        """Same key and other items, and a number above those before; else it begins a vendor record of its own."""
        first, last = waiting[0], waiting[-1]
        if any(values.get(name, "") != first.get(name, "") for name in (*self._group.key, *self._shared)):
            return False
        if not self._group.number:
            return len(waiting) < self._group.times
        return self._number(values) > self._number(last)

    def _number(self, values: Mapping[str, str]) -> int:
        text = values.get(self._group.number, "")
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= self._group.times):
            expected = f"1 to {self._group.times}"
            raise adapter_error((finding("CB6051", Origin(), self._group.number, expected=expected, got=text),))
        return int(text)

    def _together(self, records: list[Mapping[str, str]]) -> dict[str, str]:
        known = {*self._shared, *(name for name, _ in self._group.items), self._group.number}
        unknown = [name for name in records[0] if name not in known]
        if unknown:
            raise adapter_error(
                [finding("CB6014", Origin(), name, expected="an item of the layout") for name in unknown]
            )
        out = {name: records[0].get(name, "") for name in self._shared}
        for at, values in enumerate(records, start=1):
            number = self._number(values) if self._group.number else at
            columns = self._columns[number - 1]
            if all(values.get(name, "") in self._blank for name, _ in columns):
                raise self._without(Origin())
            out.update((column, values.get(name, "")) for name, column in columns)
        return out
