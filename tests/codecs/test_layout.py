"""Layouts: every problem at once, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.codecs import load_layout
from adapters.codecs.factory import codec_kinds, make_codec
from bus.core.errors import ConfigurationError
from bus.core.types import Finding
from tests.codecs.layouts import DELIMITED, FIXED, JSON, layout


def problems(tmp_path: Path, text: str) -> list[Finding]:
    """The findings for a layout text."""
    path = tmp_path / "layout.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_layout(path)
    assert all(finding.code == "CB6008" for finding in caught.value.findings)
    return list(caught.value.findings)


@pytest.mark.parametrize("text", [FIXED, DELIMITED, JSON])
def test_a_sound_layout_loads(tmp_path: Path, text: str) -> None:
    """Structure and fillers are no items."""
    found = layout(tmp_path, text)
    assert {"区分", "予備"}.isdisjoint(one.name for one in found.items)


@pytest.mark.parametrize(
    ("text", "old", "new", "path"),
    [
        (FIXED, "record_bytes = 40", "record_bytes = 41", "layout.record_bytes"),
        (FIXED, 'kind = "fixed"', "", "layout.kind"),
        (FIXED, 'id = "t.fixed"', "", "layout.id"),
        (FIXED, 'encoding = "cp932"', 'encoding = "sjis"', "layout.encoding"),
        (FIXED, 'line_end = "crlf"', 'line_end = "cr"', "layout.line_end"),
        (FIXED, "gaiji = true", 'gaiji = "yes"', "layout.gaiji"),
        (FIXED, "gaiji = true", "gaijii = true", "layout.gaijii"),
        (FIXED, 'name = "番号"\nbytes = 9', 'name = "番号"\nbytes = 0', "field.番号.bytes"),
        (FIXED, 'name = "カナ"', 'name = "番号"', "field.番号"),
        (FIXED, 'name = "氏名"\nbytes = 12\ntype = "N"', 'name = "氏名"\nbytes = 12\ntype = "Z"', "field.氏名.type"),
        (FIXED, 'name = "氏名"\nbytes = 12', 'name = "氏名"\nbytes = 12\npad = "left"', "field.氏名.pad"),
        (FIXED, 'name = "氏名"\nbytes = 12', 'name = "氏名"\nbytes = 12\npad = "left-zero"', "氏名.pad"),
        (FIXED, 'trailer = "9"', "", "records.trailer"),
        (FIXED, 'type_field = "区分"', "", "records.type_field"),
        (FIXED, 'data = "2"', 'data = "2"\ncount_field = "数"', "records.count_field"),
        (FIXED, '[[field]]\nname = "区分"\nbytes = 1\ntype = "X"\n', "", "field.番号"),
        (FIXED, "[[trailer]]", "[[trailor]]", "trailor"),
        (DELIMITED, 'delimiter = ","', 'delimiter = ",,"', "layout.delimiter"),
        (DELIMITED, 'delimiter = ","', 'delimiter = "\\""', "layout.quote"),
        (DELIMITED, 'line_end = "crlf"', 'line_end = "none"', "layout.line_end"),
        (DELIMITED, '[[field]]\nname = "番号"', '[[field]]\nnam = "番号"', "field.nam"),
        (DELIMITED, "[[field]]", "[[trailer]]", "field"),
        (JSON, 'encoding = "utf-8"', 'encoding = "cp932"', "layout.encoding"),
        (JSON, 'path = "氏名.カナ"', 'path = "氏名.漢字"', "カナ.path"),
        (JSON, 'path = "氏名.カナ"', 'path = "氏名"', "カナ.path"),
        (JSON, 'json = "number"', 'json = "int"', "field.金額.json"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, text: str, old: str, new: str, path: str) -> None:
    """One change, and the finding's path says where."""
    assert old in text
    assert path in [finding.path for finding in problems(tmp_path, text.replace(old, new))]


def test_all_mistakes_are_named_at_once_with_their_lines(tmp_path: Path) -> None:
    """Three mistakes, three findings, three lines."""
    text = FIXED.replace("record_bytes = 40", "record_bytes = 39").replace('pad = "left-zero"', 'pad = "zero"')
    found = problems(tmp_path, text)
    assert len(found) == 3
    assert all(finding.line > 0 for finding in found)


def test_the_nearest_known_name_is_suggested(tmp_path: Path) -> None:
    """A misspelt key."""
    found = problems(tmp_path, FIXED.replace("record_bytes", "record_byte"))
    assert "record_bytes" in next(one.expected for one in found if one.path == "layout.record_byte")


@pytest.mark.parametrize("text", ["", "[layout", "layout = 1", "[[layout]]"])
def test_what_is_no_layout_is_refused(tmp_path: Path, text: str) -> None:
    """Empty, malformed, other shapes."""
    assert problems(tmp_path, text)


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    """And not an exception of the operating system."""
    with pytest.raises(ConfigurationError):
        load_layout(tmp_path / "none.toml")


def test_an_unknown_kind_is_refused_when_its_codec_is_made(tmp_path: Path) -> None:
    """A vendor's own kind must be installed."""
    found = layout(tmp_path, JSON.replace('kind = "json"', 'kind = "ebcdic"'))
    assert "ebcdic" not in codec_kinds()
    with pytest.raises(ConfigurationError):
        make_codec(found)
