"""Excel workbooks as input: rows of one sheet by column names, and everything refused that Excel may have changed.

The only module that imports openpyxl. Excel turns codes into numbers and loses their zeros, and dates of all kinds into
its own: a cell that is a number where the layout has no number, or a date where it has no date, is refused (CB6074),
and so is a formula or an error value (CB6073). Nothing is guessed back.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from adapters.characters.charset import Charset
from adapters.characters.problem import CharacterError
from adapters.codecs.field_text import type_finding, unreadable
from adapters.sdk.errors import adapter_error, finding
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.types import NO_SPANS, BadRecord, Origin, Span, VendorRecord
from bus.core.errors import AdapterError
from bus.core.types import Finding

MAX_UNPACKED = 1 << 30
"""Bytes of all parts of a workbook together: a sheet of a million rows stays below."""

MAX_PARTS = 2_000
MAX_ROWS = 1_048_576
EXACT_DIGITS = 15
"""Excel keeps no more digits of a number."""

_NO_ORIGIN = Origin()


class ExcelReading:
    """One pass over a workbook; there is neither header nor trailer record."""

    def __init__(self, codec: ExcelCodec, stream: BinaryIO, file: str) -> None:
        self.header: dict[str, str] = {}
        self.trailer: dict[str, str] = {}
        self._codec = codec
        self._stream = stream
        self._file = file

    def __iter__(self) -> Iterator[VendorRecord | BadRecord]:
        """The rows below the line of column names; rows without any content are no records."""
        try:
            rows = self._codec.rows(self._stream)
            names = next(rows, ())
            self._codec.check_names(names, Origin(self._file))
        except AdapterError as error:
            yield BadRecord(error, Origin(self._file), scope="file")
            return
        number = 0
        while True:
            try:
                row = next(rows, None)
            except AdapterError as error:
                yield BadRecord(error, Origin(self._file, number), scope="file")
                return
            if row is None:
                return
            if not any(kind for kind, _ in row):
                continue
            number += 1
            raw = json.dumps(row, ensure_ascii=False).encode("utf-8")
            origin = Origin(self._file, number)
            try:
                yield self._codec.decode_record(raw, origin)
            except AdapterError as error:
                yield BadRecord(error, origin, raw)


Cell = tuple[str, str]
"""Kind and text of a cell; the kind is empty for an empty one."""


class ExcelCodec:
    """Codec of ``kind = "excel"``: reading only. ``raw`` of a record is JSON of its cells, so that it can be held."""

    def __init__(self, layout: Layout, charset: Charset) -> None:
        self.layout = layout
        self._charset = charset
        self._names = tuple(one.name for one in layout.fields)
        self._items = frozenset(one.name for one in layout.items)

    # reading

    def reader(self, stream: BinaryIO, file: str = "") -> ExcelReading:
        """Decode a workbook; see ``adapters.sdk.protocols.Codec``."""
        return ExcelReading(self, stream, file)

    def decode(self, stream: BinaryIO, file: str = "") -> Iterator[VendorRecord | BadRecord]:
        """The records of a workbook."""
        return iter(self.reader(stream, file))

    def rows(self, stream: BinaryIO) -> Iterator[tuple[Cell, ...]]:
        """The rows of the sheet from the line of column names on; AdapterError CB6073, CB6081 for another file."""
        data = stream.read()
        _look_inside(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # openpyxl warns of parts that it does not read
                book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
                name = self.layout.sheet or book.sheetnames[0]
                if name not in book.sheetnames:
                    raise _no_workbook(f"a sheet called {name}", " | ".join(book.sheetnames[:10]))
                sheet = book[name]
                width = len(self._names)
                for number, row in enumerate(islice(sheet.iter_rows(min_row=self.layout.first_row), MAX_ROWS + 1)):
                    if number > MAX_ROWS:
                        raise AdapterError("CB6081", [Finding("CB6081", expected=f"<= {MAX_ROWS} rows")])
                    cells = [_cell(one) for one in row]
                    beyond = any(kind for kind, _ in cells[width:])
                    cells = cells[: width + beyond] + [("", "")] * (width - len(cells))
                    yield tuple(cells)
        except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, SyntaxError) as error:
            raise _no_workbook("a workbook (.xlsx)", type(error).__name__) from error

    def check_names(self, names: tuple[Cell, ...], origin: Origin) -> None:
        """Raise CB6014 when the column names are not the layout's, in its order."""
        got = [text for _, text in names]
        wrong = [
            finding("CB6014", origin, want, expected=want, got=have)
            for want, have in zip(self._names, got, strict=False)
            if want != have
        ]
        if len(got) != len(self._names):
            wrong.append(finding("CB6014", origin, expected=f"{len(self._names)} columns", got=f"{len(got)} columns"))
        if wrong:
            raise adapter_error(wrong)

    def decode_record(self, raw: bytes, origin: Origin | None = None) -> VendorRecord:
        """One row; raises AdapterError CB6073, CB6074, CB6014, CB6002, CB6003 or E0002."""
        origin = origin or Origin()
        cells: list[Cell] = [(kind, text) for kind, text in json.loads(raw)]
        if len(cells) != len(self._names):
            expected = f"{len(self._names)} cells"
            raise adapter_error((finding("CB6014", origin, expected=expected, got="content beside the columns"),))
        values: dict[str, str] = {}
        findings: list[Finding] = []
        for one, (kind, text) in zip(self.layout.fields, cells, strict=True):
            problem = _changed(one, kind, text, origin)
            if problem is None and kind == "text":
                try:
                    text = self._charset.decode(text.encode("utf-8", "surrogatepass"))  # noqa: PLW2901 (its characters)
                except CharacterError as error:
                    problem = unreadable(error, origin, one.name, 0)
            problem = problem or type_finding(one, text, origin, None)
            if problem is not None:
                findings.append(problem)
            elif one.name in self._items:
                values[one.name] = text
        if findings:
            raise adapter_error(findings)
        return VendorRecord(values, origin, raw, _no_spans)

    # writing

    def encode_record(self, values: Mapping[str, str]) -> bytes:
        """Workbooks are read only: AdapterError CB6073."""
        raise adapter_error((finding("CB6073", _NO_ORIGIN, expected="a layout that can be written: csv", got="excel"),))

    def encode(
        self,
        records: Iterable[Mapping[str, str]],
        header: Mapping[str, str] | None = None,
        trailer: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """Workbooks are read only: AdapterError CB6073."""
        yield self.encode_record({})


def _no_spans(_raw: bytes) -> Mapping[str, Span]:
    return NO_SPANS


def _look_inside(data: bytes) -> None:
    """Refuse what is no zip file of a bounded size, and any part with a document type."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            listed = parts.infolist()
            if len(listed) > MAX_PARTS or sum(one.file_size for one in listed) > MAX_UNPACKED:
                raise AdapterError("CB6081", [Finding("CB6081", expected=f"<= {MAX_UNPACKED} bytes unpacked")])
            for one in listed:
                if one.filename.endswith((".xml", ".rels")):
                    with parts.open(one) as part:
                        if b"<!DOCTYPE" in part.read(4096):
                            raise _no_workbook("no document type", one.filename[:60])
    except (zipfile.BadZipFile, RuntimeError, OSError, ValueError) as error:
        raise _no_workbook("a workbook (.xlsx)", type(error).__name__) from error


def _no_workbook(expected: str, got: str) -> AdapterError:
    return AdapterError("CB6073", [Finding("CB6073", expected=expected, got=got)])


def _cell(cell: Any) -> Cell:
    """Kind and text of a cell: text, number, date, time, formula, error, bool."""
    value = cell.value
    if value is None or value == "":
        return "", ""
    kind = getattr(cell, "data_type", "n")
    if kind in {"f", "e", "b"}:
        return {"f": "formula", "e": "error", "b": "bool"}[kind], ""
    if isinstance(value, dt.datetime):
        whole = value.time() == dt.time()
        return ("date", value.date().isoformat()) if whole else ("moment", value.isoformat())
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        return "moment", str(value)
    if isinstance(value, int | float):
        return "number", repr(value)
    return "text", str(value)


def _changed(one: LayoutField, kind: str, text: str, origin: Origin) -> Finding | None:
    """Why a cell is not used: what Excel computed, or may have changed."""
    code, expected = "CB6074", ""
    if kind in {"formula", "error", "bool"}:
        code, expected = "CB6073", "a text or number"
    elif one.cell == "date" and kind not in {"date", ""}:
        expected = "a cell that is a date without a time"
    elif kind in {"date", "moment"} and one.cell != "date":
        expected = "a cell formatted as text"
    elif kind == "number" and one.cell != "number":
        expected = "a cell formatted as text: zeros on the left are lost"
    elif kind == "number" and (not text.lstrip("-").isdigit() or len(text.lstrip("-")) > EXACT_DIGITS):
        expected = f"a whole number of at most {EXACT_DIGITS} digits"
    return finding(code, origin, one.name, expected=expected, got=kind) if expected else None
