"""Drift: what changed in a vendor's file is named before and after; few records and known shapes say nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.codecs import load_layout
from adapters.mapping.drift import changes, declared, load_profile, profile, shape
from bus.cli import run as chiikibus
from tests.mapping.small import VENDOR_A, load

SAMPLE = Path(__file__).parents[2] / "adapters" / "vendors" / "a" / "kojinjuminzei" / "samples" / "jumin.csv"


def file_of(folder: Path, **changed: str) -> bytes:
    """Ten records of vendor A."""
    _, codec = load(folder)
    return b"".join(codec.encode({**VENDOR_A, "番号": str(number), **changed} for number in range(10)))


def codes(before: bytes, after: bytes, folder: Path) -> list[tuple[str, str, str, str]]:
    """Code, item, before and after of every change."""
    mapping, codec = load(folder)
    found = changes(profile(mapping, codec, before), profile(mapping, codec, after))
    return [(one.code, one.path, one.expected, one.got) for one in found]


def test_a_file_like_the_accepted_one_has_not_drifted(tmp_path: Path) -> None:
    """Nor one with too few records to say."""
    mapping, codec = load(tmp_path)
    good = file_of(tmp_path)
    assert codes(good, good, tmp_path) == []
    assert changes(declared(mapping.layout), profile(mapping, codec, good)) == ()
    assert codes(good, good[: 122 * 3].replace(b"\r\n", b"  \r\n"), tmp_path) == []


def test_every_kind_of_change_is_named(tmp_path: Path) -> None:
    """Length, character set, codes, widths and emptiness."""
    good = file_of(tmp_path)
    assert codes(good, good.replace(b"\r\n", b"  \r\n"), tmp_path)[0] == ("CB6040", "bytes", "120", "122")
    utf8 = good.decode("cp932").encode("utf-8")
    assert ("CB6041", "charset", "cp932", "utf-8") in codes(good, utf8, tmp_path)
    assert ("CB6042", "性別", "F", "M") in codes(good, file_of(tmp_path, 性別="M"), tmp_path)
    wide = file_of(tmp_path, 町名="霞が関霞が関霞が関")
    assert ("CB6043", "町名", "up to 3 characters", "9 characters") in codes(good, wide, tmp_path)
    empty = file_of(tmp_path, 所得="")
    assert ("CB6043", "所得", "0% empty", "100% empty") in codes(good, empty, tmp_path)


def test_a_profile_holds_no_values_but_codes(tmp_path: Path) -> None:
    """It may lie beside the adapter's store."""
    mapping, codec = load(tmp_path)
    text = profile(mapping, codec, file_of(tmp_path)).dump()
    assert load_profile(text) == profile(mapping, codec, file_of(tmp_path))
    assert not any(value in text for value in ("総務", "ｿｳﾑ", "霞が関", "3260101"))
    with pytest.raises(TypeError):
        load_profile("[]")


def test_cells_of_a_delimited_file_count(tmp_path: Path) -> None:
    """One column more in every line."""
    (tmp_path / "t.toml").write_text(
        '[layout]\nid = "t"\nkind = "delimited"\nencoding = "utf-8"\n[[field]]\nname = "甲"\n[[field]]\nname = "乙"\n',
        encoding="utf-8",
    )
    layout = load_layout(tmp_path / "t.toml")
    assert layout is not None
    found = changes(declared(layout), shape(layout, b"1,2,3\r\n" * 8))
    assert [(one.code, one.expected, one.got) for one in found] == [("CB6040", "2", "3")]


def test_the_command_compares_and_accepts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A changed file is refused by name until it is accepted."""
    changed = tmp_path / "jumin.csv"
    lines = SAMPLE.read_bytes().split(b"\r\n")
    changed.write_bytes(b"\r\n".join(line + b",1" if line else line for line in lines))
    baseline = tmp_path / "accepted.json"
    arguments = ["--baseline", str(baseline), "--adapter", "a/kojinjuminzei", "--mapping", "jumin", "--json"]
    assert chiikibus(["adapter", "drift", str(SAMPLE), "--accept", *arguments]) == 0
    capsys.readouterr()
    assert chiikibus(["adapter", "drift", str(SAMPLE), *arguments]) == 0
    capsys.readouterr()
    assert chiikibus(["adapter", "drift", str(changed), *arguments]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["stops"] is True
    assert found["changes"][0]["code"] == "CB6040"
