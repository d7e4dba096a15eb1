"""Definitions from samples of hosts and banks: JEF with shifts and packed decimals, 全銀, odd and hostile ones."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from random import Random

import pytest

from adapters.characters.charset import charset
from adapters.sdk.layout import Layout
from adapters.simulators.host_bytes import packed, text_field
from adapters.suite.scaffold import guess
from adapters.suite.scaffold.model import HIGH, LOW
from adapters.suite.scaffold.try_out import try_out
from adapters.suite.subject import VENDORS, load_subject
from bus.cli import run
from schemas.catalog import load_edition

pytestmark = pytest.mark.slow
SAMPLES = VENDORS / "a" / "interfaces" / "samples"
NAMES = ("架空　花子", "総務　翔子", "霞　太郎", "山", "地域　一郎")
SIZE = 64


def people(count: int, *, edges: bool = True) -> bytes:
    """A synthetic host file: mark, number, kana, name with shifts, packed amount and signed amount, 64 bytes each."""
    rows = [
        text_field("", "2", 1)
        + text_field("", f"{number:010d}", 10)
        + text_field("", ("ｶｸｳ ﾊﾅｺ", "ｿｳﾑ", "ﾁｲｷ ｲﾁﾛｳ")[number % 3], 15)
        + text_field("", NAMES[number % 5], 22)
        + packed(str(number * 1000), 4, signed=False)
        + packed(str(-number if number % 2 else number), 3, signed=True)
        + text_field("", "", 9)
        for number in range(1, count + 1)
    ]
    if not edges:
        return b"".join(rows)
    head = text_field("", "1", 1) + text_field("", "990019", 6)
    tail = text_field("", "8", 1) + packed(str(count), 4, signed=False)
    return b"".join([head.ljust(SIZE, b"\x40"), *rows, tail.ljust(SIZE, b"\x40")])


def zengin(kind: str = "21", count: int = 3, end: str = "\r\n", *, off: int = 0) -> str:
    """A synthetic file of the banks' form; ``off`` spoils its total."""
    head = f"1{kind}00000000001{'ﾁｲｷｼ':40}01319999{'ｶｸｳ':15}001{'ﾎﾝﾃﾝ':15}11234567{'':17}"
    last = {"21": "{:010d}          7        ", "11": "{:010d}          7        ", "91": "{:020d}0        "}[kind]
    rows = [
        f"29999{'ｶｸｳｷﾞﾝｺｳ':15}001{'ﾎﾝﾃﾝ':15}    1{at:07d}{'ｶｸｳ ﾊﾅｺ':30}{1000 * at:010d}0{last.format(at)}"
        for at in range(1, count + 1)
    ]
    total = sum(1000 * at for at in range(1, count + 1)) + off
    tail = f"8{count:06d}{total:012d}{'0' * 36 if kind == '91' else '':36}"
    records = [head, *rows, f"{tail:120}", f"{'9':120}"]
    assert {len(record) for record in records} == {120}
    return "".join(record + end for record in records)


def made(tmp_path: Path, data: bytes, *options: str, name: str = "s.dat") -> tuple[int, Path]:
    """Run ``adapter new``; exit code and folder."""
    sample, folder = tmp_path / name, tmp_path / "made"
    sample.write_bytes(data)
    command = ["adapter", "new", str(sample), "--record", "kokuho.chotei", "--folder", str(folder), "--json"]
    return run([*command, *options]), folder


def layout_of(folder: Path) -> Layout:
    """The layout that was made."""
    return load_subject(folder, load_edition()).pairs[0].layout


def finished(folder: Path) -> int:
    """What a newcomer does then: confirm, golden pairs, coverage, and the universal suite; its exit code."""
    path = folder / "mapping" / "chotei.toml"
    path.write_text(path.read_text("utf-8").replace('reason = "要確認"', 'reason = "この例では使わない"'), "utf-8")
    assert run(["adapter", "check", "--folder", str(folder), "--json"]) == 0
    assert run(["adapter", "golden", "--folder", str(folder), "--json"]) == 0
    assert run(["adapter", "coverage", "--folder", str(folder), "--write", "--json"]) == 0
    return run(["adapter", "suite", "--folder", str(folder), "--records", "50", "--json"])


def test_a_host_file_is_recognised_field_by_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Character set, record length, header and trailer with its count, kanji, packed numbers; each with its reason."""
    code, folder = made(tmp_path, people(12))
    document = json.loads(capsys.readouterr().out)
    assert (code, document["tried"]["same"], document["tried"]["records"]) == (0, True, 12)
    layout = layout_of(folder)
    assert (layout.encoding, layout.record_bytes, layout.line_end) == ("jef", SIZE, "none")
    assert (layout.header_mark, layout.data_mark, layout.trailer_mark) == ("1", "2", "8")
    assert layout.count_field == "件数"
    numbers = [(one.bytes, one.sign) for one in layout.fields if one.usage == "packed"]
    assert numbers == [(4, "unsigned"), (3, "signed")]
    (name,) = [one for one in layout.fields if one.type == "N"]
    assert name.bytes == 22
    assert all("確からしさ" in remark for remark in document["guessed"])
    assert any(f"レコード長 {SIZE}" in remark and HIGH in remark for remark in document["guessed"])


@pytest.mark.parametrize(
    "data",
    [people(12), people(3), people(40, edges=False), people(1), people(12)[:-7]],
    ids=["ordinary", "three records", "no header and trailer", "one record", "cut off"],
)
def test_a_scaffold_of_a_host_file_passes_the_universal_suite(tmp_path: Path, data: bytes) -> None:
    """Once its items are confirmed; a file that is cut off is one record, bytes and all, and says so."""
    code, folder = made(tmp_path, data)
    assert code == 0
    assert finished(folder) == 0


@pytest.mark.parametrize("kind", ["21", "11", "91"])
@pytest.mark.parametrize("end", ["\r\n", "\n", ""])
def test_files_of_the_banks_are_recognised_by_their_form(tmp_path: Path, kind: str, end: str) -> None:
    """Transfers, salaries and debits, with and without line ends: four kinds of record, counts and totals checked."""
    code, folder = made(tmp_path, zengin(kind, end=end).encode("cp932"))
    assert code == 0
    layout = layout_of(folder)
    assert [one.role for one in layout.members] == ["header", "detail", "trailer", "end"]
    assert layout.members[2].counts == (("合計件数", "detail"),)
    assert layout.members[2].totals == (("合計金額", "引落金額" if kind == "91" else "振込金額"),)
    subject = load_subject(folder, load_edition())
    assert try_out(subject.samples[0]).same
    if not end:
        assert finished(folder) == 0


def test_a_bank_file_in_ebcdic_is_recognised_too(tmp_path: Path) -> None:
    """By F1 in its first byte; kana in one byte."""
    code, folder = made(tmp_path, charset("ebcdik-fujitsu").encode(zengin("91", end="")))
    assert code == 0
    assert layout_of(folder).encoding == "ebcdik-fujitsu"
    assert finished(folder) == 0


def test_how_sure_a_bank_file_is_depends_on_its_totals_and_its_order() -> None:
    """A wrong total, another order, no trailer: said, and no more than low."""
    good = guess(zengin().encode("cp932"))
    assert all(LOW not in remark for remark in good.remarks)
    lines = zengin().splitlines(keepends=True)
    for spoilt in (zengin(off=1), "".join([lines[0], lines[4], *lines[1:4], lines[5]]), "".join(lines[:4])):
        found = guess(spoilt.encode("cp932"))
        assert found.kinds
        assert any(LOW in remark for remark in found.remarks)


def test_given_widths_cut_a_host_record_where_the_person_says(tmp_path: Path) -> None:
    """What they hold is guessed all the same."""
    code, folder = made(tmp_path, people(12), "--widths", "1,4,6,15,22,4,3,9")
    assert code == 0
    fields = layout_of(folder).fields
    assert [one.bytes for one in fields] == [1, 4, 6, 15, 22, 4, 3, 9]
    assert [one.usage for one in fields if one.bytes in {4, 3} and one.usage == "packed"] == ["packed", "packed"]


def test_every_sample_of_the_mainframe_vendor_comes_back_from_its_scaffold(tmp_path: Path) -> None:
    """Dense synthetic records, some alone in their file: the length is right or said to be unknown, no byte is lost."""
    right = known = 0
    for number, path in enumerate(sorted(SAMPLES.glob("*.dat"))[::6]):
        folder = tmp_path / str(number)
        folder.mkdir()
        code, new = made(folder, path.read_bytes(), name=path.name)
        assert code == 0, path.name
        subject = load_subject(new, load_edition())
        assert try_out(subject.samples[0]).same, path.name
        stem = path.name.removesuffix(".golden.dat").removesuffix(".dat")
        text = (VENDORS / "a" / "interfaces" / "layout" / f"{stem}.toml").read_text("utf-8")
        size = tomllib.loads(text)["layout"]["record_bytes"]
        known += 1
        right += subject.pairs[0].layout.record_bytes == size
        if subject.pairs[0].layout.record_bytes != size:
            assert any("1レコードと仮定" in remark for remark in guess(path.read_bytes()).remarks), path.name
    assert known > 30
    assert right >= known * 0.85


def keis(text: str) -> bytes:
    """Text of a Hitachi host, padded to a field of 30 bytes."""
    return charset("keis83").encode(text).ljust(30, b"\x40")


def test_shift_codes_of_other_makers_are_told_apart() -> None:
    """KEIS by its two-byte shifts, IBM by 0E and 0F; beside digits and kana."""
    digits = [charset("ebcdik-hitachi").encode(f"{number:08d}") for number in range(1, 13)]
    found = guess(b"".join(one + keis(NAMES[at % 5]) for at, one in enumerate(digits)))
    assert (found.encoding, found.record_bytes) == ("keis83", 38)
    ibm = charset("ibm930")
    rows = [ibm.encode(f"{at:08d}") + ibm.encode(NAMES[at % 5]).ljust(20, b"\x40") for at in range(1, 13)]
    assert guess(b"".join(rows)).encoding == "ibm930"


@pytest.mark.parametrize("seed", range(2))
def test_no_bytes_break_the_guessing_and_what_is_guessed_loads(tmp_path: Path, seed: int) -> None:
    """Random bytes that look like a host's: they come back, but for what the maker's table or a register must read."""
    dice = Random(seed)
    alphabet = bytes((0x40,)) * 8 + bytes(range(0xF0, 0xFA)) * 2 + b"\x28\x29\x38\x00\x0c\x1c\xff\xc1\xa4\xa2"
    for number in range(8):
        raw = bytes(dice.choice(alphabet) for _ in range(dice.randrange(2, 900)))
        folder = tmp_path / str(number)
        folder.mkdir()
        code, new = made(folder, raw)
        assert code == 0
        tried = try_out(load_subject(new, load_edition()).samples[0])
        assert tried.same or {code for code, _, _ in tried.problems} & {"CB6003", "CB6021"}


@pytest.mark.parametrize(
    "raw",
    [b"\x40" * 4000, b"\xf1" * 119, b"\x28" * 500 + b"\xf0" * 2000, b"\xf1\x40" * 60_000, people(1) * 4000],
    ids=["spaces", "one byte short", "shifts without end", "two bytes again and again", "a quarter of a megabyte"],
)
def test_awkward_files_are_guessed_in_bounded_work(tmp_path: Path, raw: bytes) -> None:
    """Nothing to hold on to, or a great deal: a definition that loads, and every byte of the sample back."""
    code, folder = made(tmp_path, raw)
    assert code == 0
    assert try_out(load_subject(folder, load_edition()).samples[0]).same
