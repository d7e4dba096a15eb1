"""Excel as input: texts come through, and whatever Excel may have changed is refused with its row and column."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import openpyxl
import pytest

from adapters.sdk.protocols import Codec
from adapters.sdk.types import BadRecord, VendorRecord
from bus.core.errors import AdapterError, ConfigurationError
from tests.codecs.layouts import codec

pytestmark = pytest.mark.slow

LAYOUT = """
[layout]
id = "t.excel"
kind = "excel"
gaiji = true
sheet = "住民"
first_row = 3
[[field]]
name = "宛名番号"
type = "X"
[[field]]
name = "氏名"
type = "N"
[[field]]
name = "金額"
type = "9"
cell = "number"
[[field]]
name = "生年月日"
type = "X"
cell = "date"
"""
NAMES = ["宛名番号", "氏名", "金額", "生年月日"]
ROW = ["000000000000018", "架空　花子", 1200, dt.datetime(1990, 4, 1)]
VALUES = {"宛名番号": "000000000000018", "氏名": "架空　花子", "金額": "1200", "生年月日": "1990-04-01"}


@cache
def shared(change: str = "") -> Codec:
    """A codec; ``change`` is ``old=>new`` in the layout."""
    old, _, new = change.partition("=>")
    return codec(Path(mkdtemp()), LAYOUT.replace(old, new) if change else LAYOUT)


def workbook(*rows: list[Any], names: list[str] | None = None, sheet: str = "住民") -> bytes:
    """A workbook with a title, an empty row, the column names and these rows."""
    book = openpyxl.Workbook()
    page = book.create_sheet(sheet)
    page.append(["住民の一覧（架空）"])
    page.append([])
    page.append(names or NAMES)
    for row in rows:
        page.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def split(data: bytes, made: Codec | None = None) -> tuple[list[VendorRecord], list[BadRecord]]:
    """Good and bad items of a file."""
    found = list((made or shared()).decode(io.BytesIO(data), "f.xlsx"))
    return [one for one in found if isinstance(one, VendorRecord)], [one for one in found if isinstance(one, BadRecord)]


def test_rows_come_by_their_column_names() -> None:
    """Texts as they are, numbers without a point, dates in ISO; empty rows are none, empty cells are absent."""
    good, bad = split(workbook(ROW, [None] * 4, ["000000000000026", None, None, None]))
    assert bad == []
    assert [one.values for one in good] == [
        VALUES,
        {"宛名番号": "000000000000026", "氏名": "", "金額": "", "生年月日": ""},
    ]
    assert [one.origin.record_no for one in good] == [1, 2]
    assert shared().decode_record(good[0].raw).values == VALUES


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        (0, 18, "CB6074"),
        (0, 18.0, "CB6074"),
        (0, dt.datetime(2026, 1, 2), "CB6074"),
        (1, 12, "CB6074"),
        (2, 12.5, "CB6074"),
        (2, 1234567890123456, "CB6074"),
        (2, "12", ""),
        (3, "1990-04-01", "CB6074"),
        (3, 32964, "CB6074"),
        (3, dt.datetime(1990, 4, 1, 12), "CB6074"),
        (0, "=A1", "CB6073"),
        (2, "=1+1", "CB6073"),
        (0, "#N/A", "CB6073"),
        (2, True, "CB6073"),
        (1, "\ue000", "CB6003"),
        (1, "架空\n花子", "CB6002"),
        (0, "全角", "E0002"),
    ],
)
def test_what_excel_may_have_changed_is_refused_and_the_next_row_goes_on(column: int, value: Any, code: str) -> None:
    """Numbers where zeros may be lost, dates, formulas, errors; the finding names the column."""
    row = list(ROW)
    row[column] = value
    good, bad = split(workbook(row, ROW))
    assert good[-1].values == VALUES
    assert [(one.error.findings[0].code, one.error.findings[0].path) for one in bad] == (
        [(code, NAMES[column])] if code else []
    )


def test_a_number_that_is_text_in_a_column_of_numbers_is_taken_as_it_is() -> None:
    """Type 9 decides."""
    (one,), _ = split(workbook(["1", "架空", "007", None]))
    assert one.values["金額"] == "007"


def test_readings_above_the_characters_are_no_part_of_them() -> None:
    """Excel stores what was typed (ふりがな) beside the text."""
    data = workbook(ROW)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename == "xl/sharedStrings.xml":
                reading = '<rPh sb="0" eb="2"><t>カクウ</t></rPh><phoneticPr fontId="1"/></si>'.encode()
                content, count = re.subn(b"(<t>[^<]*\xe8\x8a\xb1[^<]*</t>)</si>", b"\\1" + reading, content)
                assert count == 1
            new.writestr(part, content)
    (one,), _ = split(out.getvalue())
    assert one.values == VALUES


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "CB6073"),
        (b"no zip", "CB6073"),
        (workbook(ROW, sheet="別"), "CB6073"),
        (workbook(ROW, names=["宛名", *NAMES[1:]]), "CB6014"),
        (workbook(ROW, names=[*NAMES, "備考"]), "CB6014"),
        (workbook(ROW)[:-200], "CB6073"),
    ],
)
def test_another_file_is_in_doubt_as_a_whole(data: bytes, code: str) -> None:
    """No workbook, another sheet, other columns, broken off."""
    good, bad = split(data)
    assert good == []
    assert [(one.error.code, one.scope) for one in bad] == [(code, "file")]


def test_content_beside_the_columns_is_refused() -> None:
    """A note in a column without a name would go lost in silence."""
    good, (bad,) = split(workbook([*ROW, "備考"], ROW))
    assert bad.error.code == "CB6014"
    assert len(good) == 1


def packed(name: str, content: bytes) -> bytes:
    """A zip file with one part."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr(name, content)
    return out.getvalue()


def test_a_bomb_or_a_document_type_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """CB6081 by the sizes that the file itself states, CB6073 for a DOCTYPE."""
    monkeypatch.setattr("adapters.codecs.excel.MAX_UNPACKED", 1000)
    _, (bomb,) = split(packed("xl/x.xml", b"0" * 1001))
    assert bomb.error.code == "CB6081"
    _, (typed,) = split(packed("xl/workbook.xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"))
    assert typed.error.code == "CB6073"


def test_workbooks_are_never_written() -> None:
    """CB6073 in both ways of writing."""
    with pytest.raises(AdapterError):
        shared().encode_record(VALUES)
    with pytest.raises(AdapterError):
        list(shared().encode([VALUES]))


@pytest.mark.parametrize("change", ['gaiji = true=>encoding = "cp932"', "first_row = 3=>first_row = 0"])
def test_a_layout_that_cannot_be_is_refused(change: str) -> None:
    """CB6008."""
    with pytest.raises(ConfigurationError):
        shared(change)
