"""The seam a vendor can fill with a program of its own: Codec (bytes and records)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Protocol

from adapters.sdk.layout import Layout
from adapters.sdk.types import BadRecord, Origin, VendorRecord


class Reading(Protocol):
    """A file while it is being decoded; ``header`` and ``trailer`` are filled as they are met."""

    header: dict[str, str]
    trailer: dict[str, str]

    def __iter__(self) -> Iterator[VendorRecord | BadRecord]:
        """Data records and errors in the order of the file."""
        ...


class Codec(Protocol):
    """Bytes to vendor records and back, exactly inverse for valid records."""

    @property
    def layout(self) -> Layout:
        """The layout this codec was made for."""
        ...

    def reader(self, stream: BinaryIO, file: str = "") -> Reading:
        """Decode a binary stream incrementally."""
        ...

    def decode(self, stream: BinaryIO, file: str = "") -> Iterator[VendorRecord | BadRecord]:
        """The records of ``reader``."""
        ...

    def decode_record(self, raw: bytes, origin: Origin | None = None) -> VendorRecord:
        """One record without its line end; raises AdapterError (CB6002, CB6003, CB6014, E0002)."""
        ...

    def encode_record(self, values: Mapping[str, str]) -> bytes:
        """One record without its line end; raises AdapterError (CB6005, CB6007, CB6014, E0002)."""
        ...

    def encode(
        self,
        records: Iterable[Mapping[str, str]],
        header: Mapping[str, str] | None = None,
        trailer: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """A whole file in pieces: header, records with line ends, trailer with the count."""
        ...
