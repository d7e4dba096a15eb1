"""Repeated columns, files of several kinds of record, totals: read, written the same again, every damage named."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from adapters.characters.register import EMPTY, Gaiji, GaijiRegister
from adapters.codecs import load_layout, make_codec
from adapters.codecs.grouped import framed
from adapters.sdk.problems import Problems
from adapters.sdk.protocols import Codec
from adapters.sdk.types import BadRecord, VendorRecord
from bus.core.errors import AdapterError

CHOTEI = """
[layout]
id = "t.chotei"
kind = "fixed"
encoding = "cp932"
record_bytes = 41
line_end = "crlf"
[group]
times = 3
number = "期"
items = { "税額" = "第{n}期税額", "納期" = "第{n:wide}期納期" }
key = ["番号"]
blank = ["0"]
[[field]]
name = "番号"
bytes = 5
type = "X"
[[field]]
name = "氏名"
bytes = 12
type = "N"
""" + "".join(
    f'[[field]]\nname = "第{n}期税額"\nbytes = 4\ntype = "9"\npad = "left-zero"\n'
    f'[[field]]\nname = "第{wide}期納期"\nbytes = 4\ntype = "X"\n'
    for n, wide in ((1, "１"), (2, "２"), (3, "３"))
)
ROWS = [
    {"番号": "00001", "氏名": "総務　翔子", "期": "1", "税額": "300", "納期": "0630"},
    {"番号": "00001", "氏名": "総務　翔子", "期": "3", "税額": "45", "納期": "1031"},
    {"番号": "00002", "氏名": "山", "期": "2", "税額": "7", "納期": ""},
]
EDGE = """
[layout]
id = "t.edge"
kind = "fixed"
encoding = "cp932"
record_bytes = 24
line_end = "none"
[[field]]
name = "区分"
bytes = 1
type = "X"
"""
FILES = {
    "header.toml": EDGE + '[[field]]\nname = "種別"\nbytes = 2\ntype = "X"\nvalue = "21"\n'
    '[[field]]\nname = "空き"\nbytes = 21\nfiller = true\n',
    "kihon.toml": EDGE + '[[field]]\nname = "番号"\nbytes = 5\ntype = "X"\n[[field]]\nname = "氏名"\nbytes = 18\n'
    'type = "N"\n',
    "meisai.toml": EDGE + '[[field]]\nname = "番号"\nbytes = 5\ntype = "X"\n[[field]]\nname = "税額"\nbytes = 8\n'
    'type = "9"\npad = "left-zero"\n[[field]]\nname = "空き"\nbytes = 10\nfiller = true\n',
    "gokei.toml": EDGE + "".join(
        f'[[field]]\nname = "{name}"\nbytes = {width}\ntype = "9"\npad = "left-zero"\n'
        for name, width in (("件数", 5), ("人数", 5), ("合計", 13))
    ),
    "owari.toml": EDGE + '[[field]]\nname = "空き"\nbytes = 23\nfiller = true\n',
    "multi.toml": """
[layout]
id = "t.multi"
kind = "multi"
[[record]]
role = "header"
mark = "1"
layout = "header.toml"
[[record]]
role = "parent"
mark = "2"
layout = "kihon.toml"
[[record]]
role = "detail"
mark = "3"
layout = "meisai.toml"
[[record]]
role = "trailer"
mark = "8"
layout = "gokei.toml"
counts = { "件数" = "detail", "人数" = "parent" }
totals = { "合計" = "税額" }
[[record]]
role = "end"
mark = "9"
layout = "owari.toml"
""",
}  # fmt: skip
DETAILS = [
    {"番号": "00001", "氏名": "総務", "税額": "300"},
    {"番号": "00001", "氏名": "総務", "税額": "45"},
    {"番号": "00002", "氏名": "山", "税額": "7"},
]


def chotei(folder: Path, register: GaijiRegister = EMPTY, text: str = CHOTEI) -> Codec:
    """The codec of the repeated columns."""
    (folder / "chotei.toml").write_text(text, encoding="utf-8")
    layout = load_layout(folder / "chotei.toml")
    assert layout is not None
    return make_codec(layout, register)


def multi(folder: Path, register: GaijiRegister = EMPTY, **changed: str) -> Codec:
    """The codec of the file with five kinds of record."""
    for name, text in FILES.items():
        (folder / name).write_text(changed.get(name.removesuffix(".toml"), text), encoding="utf-8")
    layout = load_layout(folder / "multi.toml")
    assert layout is not None
    return make_codec(layout, register)


def read(codec: Codec, raw: bytes) -> tuple[list[VendorRecord], list[tuple[str, str]]]:
    """Good records, and code and scope of every error."""
    found = list(codec.decode(io.BytesIO(raw), "f.dat"))
    bad = [(one.error.code, one.scope) for one in found if isinstance(one, BadRecord)]
    return [one for one in found if isinstance(one, VendorRecord)], bad


def test_repeated_columns_are_one_record_each_and_written_as_one_again(tmp_path: Path) -> None:
    """Three instalments of two persons are three records; the file comes back byte for byte."""
    codec = chotei(tmp_path)
    raw = b"".join(codec.encode(ROWS))
    assert len(raw) == 2 * 43
    good, bad = read(codec, raw)
    assert bad == []
    assert [one.values for one in good] == ROWS
    assert [one.origin.record_no for one in good] == [1, 2, 3]
    assert b"".join(codec.encode([one.values for one in good])) == raw


def test_an_occurrence_knows_its_bytes_in_the_file(tmp_path: Path) -> None:
    """Offset and length of its own columns, and of what it shares with the others."""
    codec = chotei(tmp_path)
    raw = b"".join(codec.encode(ROWS))
    good, _ = read(codec, raw)
    spans = good[1].spans
    assert raw[slice(spans["税額"][0], sum(spans["税額"]))] == b"0045"
    assert raw[slice(spans["番号"][0], sum(spans["番号"]))] == b"00001"
    assert good[2].spans["番号"] == (43, 5)


def test_an_occurrence_can_be_read_alone(tmp_path: Path) -> None:
    """From the bytes that are kept of it, and from a vendor record that holds no other."""
    codec = chotei(tmp_path)
    good, _ = read(codec, b"".join(codec.encode(ROWS)))
    assert [codec.decode_record(one.raw).values for one in good] == ROWS
    assert codec.decode_record(codec.encode_record(ROWS[1])).values == ROWS[1]
    with pytest.raises(AdapterError) as caught:
        codec.decode_record(good[0].raw.rpartition(b"\x00")[2])
    assert caught.value.code == "CB6014"
    with pytest.raises(AdapterError) as caught:
        codec.decode_record(framed(2, good[0].raw.rpartition(b"\x00")[2]))
    assert caught.value.code == "CB6050"


def test_an_unknown_character_holds_every_occurrence_and_each_comes_back(tmp_path: Path) -> None:
    """Two records wait for one decision; after it each is read from its own bytes."""
    register = GaijiRegister((Gaiji("F040", "葛\U000e0101"),))
    text = CHOTEI.replace('encoding = "cp932"', 'encoding = "cp932"\ngaiji = true')
    rows = [{**one, "氏名": "葛\U000e0101城"} for one in ROWS[:2]]
    raw = b"".join(chotei(tmp_path, register, text).encode(rows))
    found = list(chotei(tmp_path, EMPTY, text).decode(io.BytesIO(raw), "f.dat"))
    assert [(one.error.code, one.origin.record_no) for one in found if isinstance(one, BadRecord)] == [
        ("CB6003", 1),
        ("CB6003", 2),
    ]
    later = chotei(tmp_path, register, text)
    assert [later.decode_record(one.raw).values for one in found] == rows


def test_a_vendor_record_without_any_occurrence_is_refused_unless_it_may_be_skipped(tmp_path: Path) -> None:
    """CB6050 instead of silence; 0 counts as nothing where the layout says so."""
    codec = chotei(tmp_path)
    raw = b"00003".ljust(17) + b"0000    " * 3 + b"\r\n"
    assert read(codec, raw) == ([], [("CB6050", "record")])
    lenient = chotei(tmp_path, EMPTY, CHOTEI.replace("times = 3", 'times = 3\nnone = "skip"'))
    assert read(lenient, raw) == ([], [])


def test_records_that_do_not_fit_together_become_vendor_records_of_their_own(tmp_path: Path) -> None:
    """The same number twice, or another name: nothing is overwritten."""
    codec = chotei(tmp_path)
    rows = [ROWS[0], ROWS[0], {**ROWS[1], "氏名": "別"}]
    good, _ = read(codec, b"".join(codec.encode(rows)))
    assert [one.values for one in good] == rows
    with pytest.raises(AdapterError) as caught:
        codec.encode_record({**ROWS[0], "期": "4"})
    assert caught.value.code == "CB6051"
    with pytest.raises(AdapterError) as caught:
        codec.encode_record({**ROWS[0], "税額": "", "納期": ""})
    assert caught.value.code == "CB6050"


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("times = 3", "times = 1", "group.times"),
        ("times = 3", "times = 4", "group.items.税額"),
        ("第{n}期税額", "第{n:kanji}期税額", "group.items.税額"),
        ('"第{n}期税額", ', '"番号", ', "group.items.税額"),
        ('key = ["番号"]', 'key = ["第1期税額"]', "group.key"),
        ('number = "期"', 'number = "番号"', "group"),
        ('blank = ["0"]', "blank = 0", "group.blank"),
        ("times = 3", 'times = 3\nnone = "drop"', "group.none"),
        ("times = 3", "times = 3\ntime = 3", "group.time"),
    ],
)
def test_a_wrong_group_is_named(tmp_path: Path, old: str, new: str, path: str) -> None:
    """Unknown columns, columns twice, other shapes: with the line of [group]."""
    (tmp_path / "chotei.toml").write_text(CHOTEI.replace(old, new), encoding="utf-8")
    problems = Problems()
    assert load_layout(tmp_path / "chotei.toml", problems) is None
    assert path in [one.path for one in problems.found]


def test_details_carry_their_parent_and_the_file_comes_back(tmp_path: Path) -> None:
    """Header, parents, details, counts, total and end are written as they were read."""
    codec = multi(tmp_path)
    raw = b"".join(codec.encode(DETAILS))
    assert [raw[at : at + 1] for at in range(0, len(raw), 24)] == [b"1", b"2", b"3", b"3", b"2", b"3", b"8", b"9"]
    assert raw[144:168] == b"8" + b"00003" + b"00002" + b"0000000000352"
    reading = codec.reader(io.BytesIO(raw), "f.dat")
    good = [one for one in reading if isinstance(one, VendorRecord)]
    assert [one.values for one in good] == DETAILS
    assert (reading.header["種別"], reading.trailer["合計"]) == ("21", "352")
    assert b"".join(codec.encode([one.values for one in good], reading.header, reading.trailer)) == raw
    spans = good[1].spans
    assert raw[slice(spans["氏名"][0], sum(spans["氏名"]))].rstrip() == "総務".encode("cp932")
    assert raw[slice(spans["税額"][0], sum(spans["税額"]))] == b"00000045"
    assert [codec.decode_record(one.raw).values for one in good] == DETAILS


@pytest.mark.parametrize(
    ("change", "bad", "good"),
    [
        (lambda raw: raw[:-24], [("CB6001", "file")], 3),
        (lambda raw: raw[:-48] + raw[-24:], [("CB6001", "file")], 3),
        (lambda raw: raw[24:], [("CB6053", "file")], 3),
        (lambda raw: raw[:24] + raw[48:], [("CB6053", "record")] * 2 + [("CB6001", "file")], 1),
        (lambda raw: raw[:48] + raw[72:], [("CB6001", "file")], 2),
        (lambda raw: raw[:48] + raw[96:], [("CB6053", "record"), ("CB6001", "file")], 1),
        (lambda raw: raw.replace(b"00000045", b"00000046"), [("CB6052", "file")], 3),
        (lambda raw: raw.replace(b"00000045", b"0000004X"), [("E0002", "record")], 2),
        (lambda raw: raw.replace(b"30000100000045", b"30000900000045"), [("CB6053", "record")], 2),
        (lambda raw: raw[:72] + b"7" + raw[73:], [("CB6053", "record"), ("CB6001", "file")], 2),
        (lambda raw: raw[:-30], [("CB6001", "file")], 3),
        (lambda raw: raw + raw[48:72], [("CB6053", "file"), ("CB6053", "record")], 3),
        (lambda raw: raw.replace(b"121", b"122"), [("CB6014", "file")], 3),
        (lambda raw: raw[:25] + b"00001\x80" + raw[31:], [("CB6002", "record")] * 2, 1),
    ],
)
def test_damage_in_a_file_of_several_kinds_is_named(
    tmp_path: Path, change: object, bad: list[tuple[str, str]], good: int
) -> None:
    """Missing edges, orphans, childless parents, wrong counts and totals; the rest goes on."""
    codec = multi(tmp_path)
    raw = b"".join(codec.encode(DETAILS))
    assert callable(change)
    found, errors = read(codec, change(raw))
    assert errors == bad
    assert len(found) == good


def test_a_parent_with_an_unknown_character_holds_all_its_details(tmp_path: Path) -> None:
    """Each detail keeps parent and detail, and goes on after the decision."""
    changed = {
        name: text.replace('encoding = "cp932"', 'encoding = "cp932"\ngaiji = true') for name, text in FILES.items()
    }
    texts = {name.removesuffix(".toml"): text for name, text in changed.items()}
    register = GaijiRegister((Gaiji("F040", "葛\U000e0101"),))
    rows = [{**one, "氏名": "葛\U000e0101城"} for one in DETAILS[:2]]
    raw = b"".join(multi(tmp_path, register, **texts).encode(rows))
    found = list(multi(tmp_path, EMPTY, **texts).decode(io.BytesIO(raw), "f.dat"))
    assert [one.error.code for one in found if isinstance(one, BadRecord)] == ["CB6003", "CB6003"]
    later = multi(tmp_path, register, **texts)
    assert [later.decode_record(one.raw).values for one in found] == rows


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('role = "parent"', 'role = "detail"', "record.detail"),
        ('mark = "3"', 'mark = "2"', "record.mark"),
        ('layout = "meisai.toml"', 'layout = "none.toml"', "record[2].layout"),
        ('"合計" = "税額"', '"合計" = "税学"', "record.trailer.totals.合計"),
        ('"人数" = "parent"', '"人数" = "child"', "record[3].counts.人数"),
        ('"人数" = "parent"', '"人" = "parent"', "record[3].counts.人"),
        ('role = "end"', 'role = "other"', "record[4].reason"),
        ('mark = "9"', "", "record[4].mark"),
        ('id = "t.multi"', "", "layout.id"),
    ],
)
def test_a_wrong_layout_of_several_kinds_is_named(tmp_path: Path, old: str, new: str, path: str) -> None:
    """All at load time."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace(old, new) if name == "multi.toml" else text, encoding="utf-8")
    problems = Problems()
    assert load_layout(tmp_path / "multi.toml", problems) is None
    assert path in [one.path for one in problems.found]


TOTALS = """
[layout]
id = "t.kingaku"
kind = "delimited"
encoding = "utf-8"
[records]
type_field = "区分"
data = "2"
trailer = "9"
totals = { "合計" = "金額" }
[[field]]
name = "区分"
[[field]]
name = "金額"
[[trailer]]
name = "区分"
[[trailer]]
name = "件数"
[[trailer]]
name = "合計"
"""


def test_the_total_of_a_plain_file_is_written_and_held_to_its_records(tmp_path: Path) -> None:
    """CB6052 for another sum; no judgement where a record could not be read."""
    (tmp_path / "t.toml").write_text(TOTALS, encoding="utf-8")
    layout = load_layout(tmp_path / "t.toml")
    assert layout is not None
    codec = make_codec(layout)
    raw = b"".join(codec.encode([{"金額": "300"}, {"金額": "-45"}]))
    assert raw.splitlines()[-1] == b"9,2,255"
    assert read(codec, raw)[1] == []
    assert read(codec, raw.replace(b"255", b"256"))[1] == [("CB6052", "file")]
    assert read(codec, raw.replace(b"255", b""))[1] == [("CB6052", "file")]
    assert read(codec, raw.replace(b"300", b"\xff"))[1] == [("CB6002", "record")]
