"""Mappings are complete on both sides, or do not load; every mistake is named with its line, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.codecs import load_layout
from adapters.mapping import load_mapping
from adapters.mapping.coverage import FORMATS, coverage, render, summary
from bus.core.errors import ConfigurationError
from bus.core.types import Finding
from tests.mapping.small import ITEMS, LAYOUT_A, LAYOUT_B, MAPPING_A, MAPPING_B, VENDOR_A, edition, load, write


def problems(tmp_path: Path, text: str) -> list[Finding]:
    """The findings for a mapping of vendor A."""
    path = write(tmp_path, text)
    layout = load_layout(tmp_path / "layout" / "hito.toml")
    assert layout is not None
    with pytest.raises(ConfigurationError) as caught:
        load_mapping(path, layout, edition())
    assert {finding.code for finding in caught.value.findings} == {"CB6008"}
    return list(caught.value.findings)


def test_a_complete_mapping_loads(tmp_path: Path) -> None:
    """Its names and rules."""
    mapping, _ = load(tmp_path)
    assert (mapping.id, mapping.record, len(mapping.rules)) == ("a.hito", "t.hito", 11)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('vendor = ["番号"]', 'vendor = ["番後"]', "vendor.番後"),
        ('vendor = ["番号"]', 'vendor = "番号"\nx = 1', "item[0].x"),
        ('vendor = ["番号"]', "vendor = 5", "item[0].vendor"),
        ('vendor = ["番号"]', "", "item[0].vendor"),
        ('standard = ["atenabango"]', 'standard = ["atenabang"]', "standard.atenabang"),
        ('standard = ["shotoku"]', 'standard = ["biko"]', "standard.biko"),
        ('items = ["biko"]', "items = []", "unmapped[1].items"),
        ('conversion = "choaza_split"', 'conversion = "choaza"', "conversion"),
        ('conversion = "choaza_split"', 'conversion = "copy"', "copy"),
        ('options = { script = "half" }', 'options = "half"', "item[1].options"),
        ('options = { script = "half" }', 'options = { skript = "half" }', "options.skript"),
        ('loss = "record"', 'loss = "perhaps"', "unmapped[0].loss"),
        ('note = "空白を持たない"', 'loss = "never"', "item[2].loss"),
        ('side = "standard"\nitems', 'side = "left"\nitems', "unmapped[1].side"),
        ('reason = "A社の内部項目"', "", "unmapped[0].reason"),
        ('reason = "様式の版"', 'reason = ""', "constant[0].reason"),
        ('value = "1"', "value = 1", "constant[0].value"),
        ('value = "0"', 'value = "7"', "constant[1].value"),
        ('items = ["biko"]', 'items = ["biko", "shimei"]', "standard.shimei"),
        ('record = "t.hito"', 'record = "t.hitto"', "mapping.record"),
        ('record = "t.hito"', 'record = "t.hito"\ndirection = "in"', "mapping.direction"),
        ('record = "t.hito"', 'record = "t.hito"\ncodec_loss = "x"', "mapping.codec_loss"),
        ('record = "t.hito"', 'record = "t.hito"\nx = 1', "mapping.x"),
        ('id = "a.hito"', "", "mapping.id"),
        ("[[constant]]", "[[konstant]]", "konstant"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, old: str, new: str, path: str) -> None:
    """One change, and the finding's path says where."""
    assert old in MAPPING_A
    assert path in [finding.path for finding in problems(tmp_path, MAPPING_A.replace(old, new, 1))]


def test_what_nobody_speaks_of_is_named_on_both_sides(tmp_path: Path) -> None:
    """A mapping with a head only: every item of both sides is missing."""
    found = problems(tmp_path, MAPPING_A.partition("[[item]]")[0])
    assert {one.path for one in found} == {f"vendor.{name}" for name in VENDOR_A} | {
        f"standard.{item.name}" for item in ITEMS
    }


def test_mistakes_carry_file_and_line_and_the_nearest_name(tmp_path: Path) -> None:
    """So that nobody has to search."""
    found = problems(tmp_path, MAPPING_A.replace('vendor = ["性別"]', 'vendor = ["性別コード"]'))
    wrong = next(one for one in found if one.path == "vendor.性別コード")
    lines = MAPPING_A.splitlines()
    at = next(number for number, line in enumerate(lines, start=1) if line == 'vendor = ["性別"]')
    assert (wrong.line, "性別" in wrong.expected, wrong.place.endswith("mapping/hito.toml")) == (at - 1, True, True)


def test_a_mandatory_item_must_be_mapped_where_records_go_to_the_standard(tmp_path: Path) -> None:
    """Unmapped is no answer for it, unless the mapping only goes to the vendor."""
    text = MAPPING_B.replace('direction = "to_vendor"', "").replace(
        'items = ["shotoku"', 'items = ["seibetsu", "shotoku"'
    )
    start = text.index('[[item]]\nvendor = ["性別"]')
    text = text[:start] + text[text.index("[[unmapped]]") :]
    text = text.replace(
        'side = "standard"', 'side = "vendor"\nitems = ["性別"]\nreason = "x"\n[[unmapped]]\nside = "standard"'
    )

    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text, LAYOUT_B)
    assert [finding.path for finding in caught.value.findings] == ["standard.seibetsu"]
    load(tmp_path, text.replace('record = "t.hito"', 'record = "t.hito"\ndirection = "to_vendor"'), LAYOUT_B)


def test_structure_and_fillers_need_no_rule(tmp_path: Path) -> None:
    """A rule about the record type is a mistake: the codec writes it."""

    layout = LAYOUT_A.replace("record_bytes = 120", "record_bytes = 121").replace(
        'line_end = "crlf"\n',
        'line_end = "crlf"\n[records]\ntype_field = "区分"\ndata = "2"\n[[field]]\nname = "区分"\nbytes = 1\n',
        1,
    )
    load(tmp_path, layout=layout)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, MAPPING_A.replace('vendor = ["番号"]', 'vendor = ["区分", "番号"]'), layout)
    assert "vendor.区分" in [finding.path for finding in caught.value.findings]


@pytest.mark.parametrize("text", ["", "x", "[mapping]\n", "item = 1\n[mapping]\nid='x'\nrecord='t.hito'"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    """Empty, malformed, other shapes."""
    assert problems(tmp_path, text)


def test_the_coverage_table_has_every_item_of_both_sides(tmp_path: Path) -> None:
    """Mapped with its conversion, constant with its value, or left out with its reason."""
    rows = coverage(load(tmp_path)[0])
    assert [row.item for row in rows] == [*VENDOR_A, *(item.name for item in ITEMS)]
    assert all(row.counterpart and row.conversion for row in rows if row.state == "mapped")
    assert all(row.reason for row in rows if row.state != "mapped")
    assert summary(rows) == {
        "standard_constant": 1,
        "standard_mapped": 8,
        "standard_unmapped": 1,
        "vendor_constant": 1,
        "vendor_mapped": 10,
        "vendor_unmapped": 1,
    }


@pytest.mark.parametrize("form", FORMATS)
def test_the_coverage_table_is_written_in_every_format(tmp_path: Path, form: str) -> None:
    """Every item's Japanese name and every reason stand in it."""
    text = render("a.hito", coverage(load(tmp_path)[0]), form)
    for expected in ("a.hito", "生年月日_元号", "A社は保持しない", "choaza_split"):
        assert expected in text or (form == "csv" and expected == "a.hito")
