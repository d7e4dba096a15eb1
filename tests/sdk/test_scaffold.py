"""A new definition from a sample file: guessed, said, loadable, and exact on the sample it came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.characters.register import load_register
from adapters.suite.check_samples import check_samples
from adapters.suite.scaffold import guess
from adapters.suite.subject import VENDORS, load_subject
from bus.cli import run
from schemas.catalog import load_edition

CSV = '"宛名番号","氏名","生年月日"\r\n"0001","総務　翔子","1951/01/01"\r\n"0002","霞　太郎","1960/12/31"\r\n'.encode(
    "cp932"
)
MARKED = "1,20260101\n2,0001,山\n2,0002,川\n9,2\n".encode()
FIXED = b"".join(
    line.encode("cp932").ljust(30) + b"\r\n" for line in ("1IDO", "20001 ｿｳﾑ  総務翔子", "20002 ｶｽﾐ  霞太", "9000002")
)
JSON = b'[{"a":"1","b":{"c":"\xe5\xb1\xb1","d":5}},{"a":"2","b":{"c":"x","d":6}}]'
LINES = b'{"a":"1"}\n{"a":"2","b":"3"}\n'


def made(tmp_path: Path, name: str, data: bytes, *options: str) -> tuple[int, Path]:
    """Run ``adapter new`` on a sample; exit code and folder."""
    sample = tmp_path / name
    sample.write_bytes(data)
    folder = tmp_path / "made"
    command = ["adapter", "new", str(sample), "--record", "juki.jumin", "--folder", str(folder), "--json"]
    return run([*command, *options]), folder


@pytest.mark.parametrize(
    ("name", "data", "kind", "fields"),
    [
        ("s.csv", CSV, "delimited", ["宛名番号", "氏名", "生年月日"]),
        ("s.txt", MARKED, "delimited", ["項目02", "項目03"]),
        ("s.dat", FIXED, "fixed", ["項目02", "項目03", "項目04"]),
        ("s.json", JSON, "json", ["a", "b.c", "b.d"]),
        ("s.jsonl", LINES, "json", ["a", "b"]),
    ],
)
def test_a_guessed_definition_loads_and_is_exact_on_its_sample(
    tmp_path: Path, name: str, data: bytes, kind: str, fields: list[str]
) -> None:
    """Check passes, and the sample comes back byte for byte."""
    code, folder = made(tmp_path, name, data)
    assert code == 0
    subject = load_subject(folder, load_edition())
    layout = subject.pairs[0].layout
    assert (layout.kind, [one.name for one in layout.items]) == (kind, fields)
    assert [(one.check, one.ok) for one in check_samples(subject)] == [("sample-bytes", True)]
    assert run(["adapter", "check", "--folder", str(folder), "--json"]) == 0


def test_items_of_the_same_name_are_proposed_and_the_rest_is_to_be_confirmed(tmp_path: Path) -> None:
    """Nothing is mapped by likeness, nothing is forgotten."""
    _, folder = made(tmp_path, "s.csv", CSV)
    text = (folder / "mapping" / "jumin.toml").read_text(encoding="utf-8")
    assert 'standard = ["atenabango"]' in text
    assert text.count('reason = "要確認"') == 1
    assert "要確認" in (folder / "README.md").read_text(encoding="utf-8")


def test_what_was_guessed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Character set, line end, kind, record types."""
    made(tmp_path, "s.txt", MARKED)
    guessed = " ".join(json.loads(capsys.readouterr().out)["guessed"])
    assert all(word in guessed for word in ("utf-8", "lf", "delimited", "レコード区分"))


def test_widths_may_be_given(tmp_path: Path) -> None:
    """A fixed-length sample whose fields touch."""
    _, folder = made(tmp_path, "s.dat", b"0001AB\r\n0002CD\r\n", "--widths", "4,2")
    layout = load_subject(folder, load_edition()).pairs[0].layout
    assert [one.bytes for one in layout.fields] == [4, 2]


@pytest.mark.parametrize(
    "options", [("--record", "juki.jumim"), ("--widths", "a"), ("--folder", "/"), ("--widths", "0")]
)
def test_wrong_options_make_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Unknown record, no widths, a folder that exists: exit code 2."""
    code, folder = made(tmp_path, "s.csv", CSV, *options)
    assert code == 2
    assert not folder.exists()


def test_the_shipped_samples_are_guessed_as_what_they_are() -> None:
    """Kind, character set, record types and the user area of vendor A's file."""
    found = guess((VENDORS / "a" / "juki" / "samples" / "jumin.dat").read_bytes())
    assert (found.kind, found.encoding, found.line_end, found.marks) == ("fixed", "cp932", "crlf", ("1", "2", "9"))
    assert any("外字" in remark for remark in found.remarks)
    assert load_register(VENDORS / "a" / "juki" / "samples" / "gaiji.csv").rows


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe\x00", b"{", b"[1]", b"a,b", b"   \r\n"])
def test_any_bytes_give_a_guess(data: bytes) -> None:
    """It never raises."""
    assert guess(data).remarks
