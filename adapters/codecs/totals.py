"""Counts and totals of a trailer: added up while records go by, held to what a file says, written where it is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from adapters.sdk.errors import adapter_error, describe, finding
from adapters.sdk.layout import Layout
from adapters.sdk.protocols import Codec, Reading
from adapters.sdk.types import BadRecord, Origin, VendorRecord
from bus.core.types import Finding


@dataclass(slots=True)
class Sums:
    """Totals by the trailer's field. ``whole`` turns False when a record went by that could not be read."""

    fields: tuple[tuple[str, str], ...]
    sums: dict[str, int] = field(init=False)
    whole: bool = True

    def __post_init__(self) -> None:
        self.sums = dict.fromkeys((total for total, _ in self.fields), 0)

    def add(self, values: Mapping[str, str]) -> None:
        """Add a record's amounts; a value that is no whole number makes the totals doubtful."""
        for total, name in self.fields:
            value = values.get(name, "")
            if value.removeprefix("-").isdigit() and value.isascii():
                self.sums[total] += int(value)
            elif value:
                self.whole = False

    def problems(self, stated: Mapping[str, str], origin: Origin) -> list[Finding]:
        """CB6052 for every total that is not the sum; nothing when records are missing from the sum."""
        if not self.whole:
            return []
        return [
            finding("CB6052", origin, total, expected=f"{found} (sum of {dict(self.fields)[total]})", got=_stated(text))
            for total, found in self.sums.items()
            if _number(text := stated.get(total, "")) != found
        ]


def _number(text: str) -> int | None:
    bare = text.removeprefix("-")
    return int(text) if bare.isdigit() and bare.isascii() and len(bare) <= 30 else None


def _stated(text: str) -> str:
    return text if _number(text) is not None else describe(text)


class Late(Mapping[str, str]):
    """Trailer values that are known only when all records have gone by."""

    def __init__(self, given: Mapping[str, str], sums: Sums) -> None:
        self._given = given
        self._sums = sums

    def __getitem__(self, key: str) -> str:
        return str(self._sums.sums[key]) if key in self._sums.sums else self._given[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._given, *self._sums.sums)))

    def __len__(self) -> int:
        return len({*self._given, *self._sums.sums})


@dataclass(slots=True)
class TotalsReading:
    """A reading whose trailer is held to the sums once the file is at its end."""

    inner: Reading
    sums: Sums
    file: str
    header: dict[str, str] = field(init=False)
    trailer: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.header = self.inner.header
        self.trailer = self.inner.trailer

    def __iter__(self) -> Iterator[VendorRecord | BadRecord]:
        """Records and errors; a wrong total is the last of them."""
        for one in self.inner:
            if isinstance(one, VendorRecord):
                self.sums.add(one.values)
            else:
                self.sums.whole = False
            yield one
        origin = Origin(self.file)
        problems = self.sums.problems(self.inner.trailer, origin)
        if problems:
            yield BadRecord(adapter_error(problems), origin, scope="file")


class TotalsCodec:
    """A codec whose files carry totals in their trailer; everything else is the codec's own."""

    def __init__(self, inner: Codec) -> None:
        self._inner = inner

    @property
    def layout(self) -> Layout:
        """The layout of the codec."""
        return self._inner.layout

    def reader(self, stream: BinaryIO, file: str = "") -> TotalsReading:
        """Decode a stream; see ``adapters.sdk.protocols.Codec``."""
        return TotalsReading(self._inner.reader(stream, file), Sums(self.layout.totals), file)

    def decode(self, stream: BinaryIO, file: str = "") -> Iterator[VendorRecord | BadRecord]:
        """The records of a stream."""
        return iter(self.reader(stream, file))

    def decode_record(self, raw: bytes, origin: Origin | None = None) -> VendorRecord:
        """One record."""
        return self._inner.decode_record(raw, origin)

    def encode_record(self, values: Mapping[str, str]) -> bytes:
        """One record."""
        return self._inner.encode_record(values)

    def encode(
        self,
        records: Iterable[Mapping[str, str]],
        header: Mapping[str, str] | None = None,
        trailer: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """A whole file in pieces, its totals filled in at the end."""
        sums = Sums(self.layout.totals)

        def counted() -> Iterator[Mapping[str, str]]:
            for values in records:
                sums.add(values)
                yield values

        return self._inner.encode(counted(), header, Late(trailer or {}, sums))
