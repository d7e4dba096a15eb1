"""A vendor's own table: every kind of row, and what the coding makes of it. The table here is made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.characters.coding import HostCoding
from adapters.characters.external import read_table
from adapters.characters.host_charset import HostCharset
from adapters.characters.problem import CharacterError
from bus.core.errors import ConfigurationError

ROWS: list[dict[str, Any]] = [
    {"code": "4040", "unicode": "3000", "options": []},
    {"code": "A1A1", "unicode": "3000", "options": ["decode_only"]},
    {"code": "B0A1", "unicode": "4E9C", "options": []},
    {"code": "B2AA", "unicode": "9DD7", "hd": "E0101", "options": []},
    {"code": "41A5", "unicode": "4E9C", "hd": "E0103", "options": ["oneway"]},
    {"code": "41A6", "unicode": "4E08", "hd": "E0101", "options": []},
    {"code": "41A7", "unicode": "4E08", "hd": "E0102", "options": []},
    {"code": "41A8", "unicode": "5F0E", "options": ["oneway", "unmappable"]},
    {"code": "42BB", "unicode": "4FAE", "hd": "E0101", "options": []},
    {"code": "42BB", "unicode": "FA30", "options": ["cjk_ci"]},
    {"code": "B3EC", "unicode": "FA60", "options": ["cjk_ci"]},
    {"code": "A1AB", "unicode": "309B", "options": []},
    {"code": "A1AB", "unicode": "3099", "options": ["encode_only"]},
    {"code": "71AE", "unicode": "1B02A", "sp": "3099", "options": ["substitution"]},
]


def table(tmp_path: Path, rows: object = None) -> HostCoding:
    """The coding of double bytes that the rows give."""
    (tmp_path / "t.json").write_text(json.dumps(ROWS if rows is None else rows), encoding="utf-8")
    return HostCoding("t", None, read_table(tmp_path, "t.json", 2, {0x80A1: "\ue000"}))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("4040", "\u3000"),
        ("B0A1", "\u4e9c"),
        ("B2AA", "\u9dd7"),
        ("41A5", "\u4e9c\U000e0103"),
        ("41A6", "\u4e08"),
        ("41A7", "\u4e08\U000e0102"),
        ("42BB", "\u4fae"),
        ("B3EC", "\ufa60"),
        ("A1AB", "\u309b"),
        ("71AE", "\U0001b02a\u3099"),
    ],
)
def test_a_code_and_its_text_belong_together(tmp_path: Path, code: str, text: str) -> None:
    """A selector stands only where the plain character belongs to another code."""
    coding = table(tmp_path)
    assert coding.decode(bytes.fromhex(code)) == text
    assert coding.encode(text) == bytes.fromhex(code)


def test_what_would_come_back_as_another_character_is_not_written(tmp_path: Path) -> None:
    """Write-only rows and second texts are no way in; a second code is a loss."""
    coding = table(tmp_path)
    for text in ("\u3099", "\ufa30", "\u5f0e"):
        with pytest.raises(CharacterError) as caught:
            coding.encode(text)
        assert caught.value.code == "CB6007"
    (step,) = coding.walk(bytes.fromhex("A1A1"))
    assert (step.text, bool(step.loss)) == ("\u3000", True)


@pytest.mark.parametrize(("code", "error"), [("41A8", "CB6003"), ("80A1", "CB6003"), ("FEFE", "CB6002")])
def test_what_has_no_text_waits_for_the_register_or_is_refused(tmp_path: Path, code: str, error: str) -> None:
    """A character without Unicode and a user code can be decided; what is no code cannot."""
    with pytest.raises(CharacterError) as caught:
        table(tmp_path).decode(bytes.fromhex(code))
    assert caught.value.code == error


@pytest.mark.parametrize("rows", [{"a": 1}, [{"unicode": "3000"}], [{"code": "XX"}], "text", [["4040"]]])
def test_a_file_of_another_shape_is_named(tmp_path: Path, rows: object) -> None:
    """ConfigurationError with the file; so is a folder without the file."""
    with pytest.raises(ConfigurationError) as caught:
        table(tmp_path, rows)
    assert "t.json" in caught.value.findings[0].path
    with pytest.raises(ConfigurationError):
        HostCharset("jef", tables=tmp_path)
