"""Item tables: layout and mapping from one CSV, every mistake named with the table's file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.codecs import load_layout
from adapters.codecs.factory import make_codec
from adapters.mapping import load_mapping
from bus.core.errors import ConfigurationError
from bus.core.types import Finding
from schemas.catalog import load_edition

LAYOUT = """\
[layout]
id = "t.shokai"
kind = "fixed"
encoding = "cp932"
record_bytes = 25
table = "items/shokai.csv"
"""
MAPPING = """\
[mapping]
id = "t.shokai"
layout = "layout/shokai.toml"
record = "juki.jumin_shokai"
table = "items/shokai.csv"
"""
TABLE = """\
vendor,type,bytes,standard,conversion,options,loss,constant,reason
宛名コード,X,15,atenabango,copy,,,,
基準日,X,8,kijunbi,date_digits,absent=,,,
版,X,2,,,,,01,様式の版
"""


def folder(tmp_path: Path, *, table: str = TABLE, layout: str = LAYOUT, mapping: str = MAPPING) -> Path:
    """A vendor folder with these files."""
    for name, text in {
        "items/shokai.csv": table,
        "layout/shokai.toml": layout,
        "mapping/shokai.toml": mapping,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def problems(place: Path) -> list[Finding]:
    """What is wrong with the folder, layout first."""
    with pytest.raises(ConfigurationError) as caught:
        layout = load_layout(place / "layout/shokai.toml")
        assert layout is not None
        load_mapping(place / "mapping/shokai.toml", layout, load_edition())
    return list(caught.value.findings)


def test_one_table_makes_layout_and_mapping(tmp_path: Path) -> None:
    """A record goes there and back; a constant of the vendor's is written."""
    place = folder(tmp_path)
    layout = load_layout(place / "layout/shokai.toml")
    assert layout is not None
    mapping = load_mapping(place / "mapping/shokai.toml", layout, load_edition())
    assert mapping is not None
    values = {"atenabango": "000000000000019", "kijunbi": "2026-01-01"}
    raw = make_codec(layout).encode_record(mapping.to_vendor(values).values)
    assert raw == b"0000000000000192026010101"
    assert mapping.to_standard(make_codec(layout).decode_record(raw)).values == values


@pytest.mark.parametrize(
    ("old", "new", "path", "line"),
    [
        ("X,8,kijunbi", "X,eight,kijunbi", "基準日.bytes", 3),
        ("atenabango,copy", "atenabang,copy", "standard.atenabang", 2),
        ("date_digits", "date_digit", "conversion", 3),
        ("absent=", "absent", "options", 3),
        ("01,様式の版", "01,", "constant[0].reason", 4),
        ("版,X,2,,,,,01,様式の版", "版,X,2,,,,,,", "unmapped[0].reason", 4),
        ("copy,,,,", "copy,,,", "line 2", 2),
        ("loss,constant", "lost,constant", "lost", 1),
    ],
)
def test_a_mistake_is_named_with_the_line_of_the_table(
    tmp_path: Path, old: str, new: str, path: str, line: int
) -> None:
    """As in TOML, and in the table's own lines."""
    assert old in TABLE
    found = problems(folder(tmp_path, table=TABLE.replace(old, new, 1)))
    assert (path, line) in {(one.path.rpartition(": ")[2], one.line) for one in found} or any(
        one.line == line and path in one.path for one in found
    )


@pytest.mark.parametrize(
    "layout",
    [
        LAYOUT.replace("shokai.csv", "none.csv"),
        LAYOUT.replace("items/shokai.csv", "layout/shokai.toml"),
        LAYOUT + '[[field]]\nname = "x"\nbytes = 1\n',
    ],
)
def test_a_table_that_is_not_there_or_not_alone_is_a_mistake(tmp_path: Path, layout: str) -> None:
    """Either a table or blocks, never half of both."""
    assert {one.code for one in problems(folder(tmp_path, layout=layout))} == {"CB6008"}
