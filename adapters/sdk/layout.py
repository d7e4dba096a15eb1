"""A vendor's record layout as frozen values; ``adapters.codecs.layout`` reads it from TOML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LayoutField:
    """One field of a record. ``bytes`` is its width (fixed only); ``type`` is X, N or 9.

    ``pad`` is right-space, left-zero or right-wide-space. ``path`` is the place in a JSON document, ``json`` the
    JSON type written there (string or number). A ``filler`` holds only spaces. ``value`` is a fixed content of a
    header or trailer field.

    ``usage`` is text, packed, zoned or binary; ``digits``, ``scale``, ``sign``, ``zone``, ``order`` and ``keep_zeros``
    are those of ``adapters.codecs.host_numbers``. ``wide``: double bytes only, without shifts. ``blank`` says which
    bytes stand for an absent value: low, high, space or zero. ``cell`` is what a cell of Excel has to be: text, number
    or date.
    """

    name: str
    type: str = "N"
    bytes: int = 0
    pad: str = "right-space"
    path: tuple[str, ...] = ()
    json: str = "string"
    filler: bool = False
    value: str = ""
    usage: str = "text"
    digits: int = 0
    scale: int = 0
    sign: str = "unsigned"
    zone: str = ""
    order: str = "big"
    keep_zeros: bool = False
    cell: str = "text"
    wide: bool = False
    blank: str = ""
    note: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Repeated columns of one vendor record that stand for one record each.

    ``items`` are the columns by their common name, each with its physical name per occurrence; ``number`` names an
    item that holds the number of the occurrence (``""``: none). An occurrence is there when one of its columns holds
    something other than one of ``blank``. On writing, records in a row whose ``key`` items agree become one vendor
    record. ``none`` says what a vendor record without any occurrence is: refuse or skip.
    """

    times: int
    items: tuple[tuple[str, tuple[str, ...]], ...]
    key: tuple[str, ...]
    number: str = ""
    blank: tuple[str, ...] = ()
    none: str = "refuse"


@dataclass(frozen=True, slots=True)
class Member:
    """One kind of record in a file of several: its ``role``, the mark in its first field and its own layout.

    ``role`` is header, parent, detail, trailer, end or other. ``counts`` are fields of a trailer or end record by
    what they count (detail, parent or all), ``totals`` its fields by the field of the details that they add up.
    """

    role: str
    mark: str
    layout: Layout
    counts: tuple[tuple[str, str], ...] = ()
    totals: tuple[tuple[str, str], ...] = ()
    alone: str = "refuse"


@dataclass(frozen=True, slots=True)
class Layout:
    """One record layout. ``items`` are the fields a mapping must speak of: structure and fillers left out.

    ``totals`` are fields of the trailer by the data field that they add up. With ``group`` or ``members`` this is the
    layout of the records that a mapping sees; ``inner`` is that of the repeated columns as they stand in the file.
    ``element``, ``root`` and ``namespace`` are names of XML. ``record_format`` is fixed, variable (each record behind
    its length) or blocked. ``sheet`` and ``first_row`` (that of the column names) are those of Excel.
    """

    id: str
    kind: str
    encoding: str
    fields: tuple[LayoutField, ...]
    gaiji: bool = False
    record_bytes: int = 0
    record_format: str = "fixed"
    line_end: str = "crlf"
    delimiter: str = ","
    quote: str = '"'
    quoting: str = "minimal"
    header_line: bool = False
    form: str = "object"
    absent: str = "empty"
    element: str = ""
    root: str = ""
    namespace: str = ""
    sheet: str = ""
    first_row: int = 1
    type_field: str = ""
    header_mark: str = ""
    data_mark: str = ""
    trailer_mark: str = ""
    count_field: str = ""
    totals: tuple[tuple[str, str], ...] = ()
    group: Group | None = None
    members: tuple[Member, ...] = ()
    inner: Layout | None = None
    header: tuple[LayoutField, ...] = ()
    trailer: tuple[LayoutField, ...] = ()
    path: Path = Path()

    @property
    def items(self) -> tuple[LayoutField, ...]:
        """The data fields that carry values."""
        return tuple(one for one in self.fields if not one.filler and one.name != self.type_field)

    @property
    def single(self) -> bool:
        """Whether a file holds exactly one record: a document of its own."""
        return self.kind in {"json", "xml"} and self.form == "object"

    def field(self, name: str) -> LayoutField:
        """The data field ``name`` (KeyError when there is none)."""
        for one in self.fields:
            if one.name == name:
                return one
        raise KeyError(name)

    @property
    def line_end_bytes(self) -> bytes:
        """The line end in bytes."""
        return {"crlf": b"\r\n", "lf": b"\n", "none": b""}[self.line_end]
