"""Values that travel between codec, mapping and host: VendorRecord, BadRecord, Origin, Converted, Loss, LineageStep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bus.core.errors import AdapterError

Span = tuple[int, int]
"""Byte offset and byte length."""

Side = Literal["vendor", "standard"]
LossPolicy = Literal["forbid", "record", "allow"]
NO_SPANS: Mapping[str, Span] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record came from. ``record_no`` counts data records from 1; offsets are bytes from the file's start."""

    file: str = ""
    record_no: int = 0
    byte_offset: int = 0
    byte_length: int = 0

    def place(self, item: str = "", span: Span | None = None) -> str:
        """The place in one line: file, record, item, byte offset (absolute) and length, what is known of them."""
        parts = [f"file={self.file}"] if self.file else []
        if self.record_no:
            parts.append(f"record={self.record_no}")
        if item:
            parts.append(f"item={item}")
        if span is not None:
            parts.append(f"byte={span[0]}+{span[1]}")
        elif self.byte_length:
            parts.append(f"byte={self.byte_offset}+{self.byte_length}")
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that did not go through unchanged, found by codec or mapping.

    ``item`` stands on ``side``; ``reason`` describes, it never quotes the value. ``code`` is of the error catalogue
    (what the policy ``forbid`` would have raised).
    """

    side: Side
    item: str
    reason: str
    policy: LossPolicy = "record"
    code: str = "CB6016"
    place: str = ""


def _no_spans(_raw: bytes) -> Mapping[str, Span]:
    return NO_SPANS


@dataclass(slots=True)
class VendorRecord:
    """One decoded data record of a vendor.

    ``values`` holds every item of the layout (structural fields left out); an absent value is ``""``.
    ``raw`` are the record's bytes as they stood in the file, line end excluded. ``locate`` computes the spans
    inside ``raw`` on demand, so that decoding does not pay for them. ``losses`` are byte pairs that the codec cannot
    write again as they stood (the character went through, the bytes would differ).
    """

    values: dict[str, str]
    origin: Origin = field(default_factory=Origin)
    raw: bytes = b""
    locate: Callable[[bytes], Mapping[str, Span]] = _no_spans
    losses: tuple[Loss, ...] = ()

    @property
    def spans(self) -> dict[str, Span]:
        """Byte offset (absolute in the file) and byte length of every item, padding included."""
        start = self.origin.byte_offset
        return {name: (start + offset, length) for name, (offset, length) in self.locate(self.raw).items()}

    def place(self, item: str) -> str:
        """File, record, item and byte offset in one line."""
        return self.origin.place(item, self.spans.get(item))


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that could not be decoded; the file goes on behind it.

    ``scope`` is ``"file"`` when the whole file is in doubt (truncated, header or trailer wrong), else ``"record"``.
    """

    error: AdapterError
    origin: Origin
    raw: bytes = b""
    scope: Literal["record", "file"] = "record"


@dataclass(frozen=True, slots=True)
class Source:
    """One item that a value came from. Offset and length are bytes in the file, both 0 when not read from bytes."""

    item: str
    name_ja: str = ""
    offset: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True)
class LineageStep:
    """How one target item came about: its sources, the conversion between, and the file and record.

    ``kind`` is ``item`` (converted), ``default`` (stands in for an absent value), ``constant`` (fixed by the mapping),
    ``derived`` (computed from items of its own side) or ``unmapped`` (left out); all but the first with their reason.
    ``line`` is that of the mapping's rule, in its TOML or its item table.
    """

    side: Side
    target: str
    target_ja: str
    kind: Literal["item", "default", "constant", "derived", "unmapped"]
    conversion: str
    sources: tuple[Source, ...]
    origin: Origin
    note: str = ""
    line: int = 0


@dataclass(slots=True)
class Converted:
    """A converted record: the target's values (absent items left out), what was lost, and the lineage on demand."""

    values: dict[str, str]
    losses: tuple[Loss, ...] = ()
    trace: Callable[[], tuple[LineageStep, ...]] = tuple

    @property
    def lineage(self) -> tuple[LineageStep, ...]:
        """One step for each target item that has a value, and for each source item that was left out."""
        return self.trace()
