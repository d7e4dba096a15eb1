"""全銀 120-byte files: header 1, data 2, trailer 8, end 9, counts and totals judged, half-width kana."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from adapters.codecs import load_layout, make_codec
from adapters.sdk.protocols import Codec
from adapters.sdk.types import BadRecord, VendorRecord

WIDTH = 120
PARTS = {
    "header": [
        ("データ区分", 1, "X"),
        ("種別コード", 2, "X"),
        ("コード区分", 1, "X"),
        ("委託者コード", 10, "X"),
        ("委託者名", 40, "X"),
        ("引落日", 4, "X"),
        ("銀行番号", 4, "X"),
        ("銀行名", 15, "X"),
        ("支店番号", 3, "X"),
        ("支店名", 15, "X"),
        ("預金種目", 1, "X"),
        ("口座番号", 7, "X"),
        ("ダミー", 17, ""),
    ],
    "detail": [
        ("データ区分", 1, "X"),
        ("引落銀行番号", 4, "X"),
        ("引落銀行名", 15, "X"),
        ("引落支店番号", 3, "X"),
        ("引落支店名", 15, "X"),
        ("ダミー1", 4, ""),
        ("引落預金種目", 1, "X"),
        ("引落口座番号", 7, "X"),
        ("預金者名", 30, "X"),
        ("引落金額", 10, "9"),
        ("新規コード", 1, "X"),
        ("顧客番号", 20, "X"),
        ("振替結果コード", 1, "X"),
        ("ダミー2", 8, ""),
    ],
    "trailer": [
        ("データ区分", 1, "X"),
        ("合計件数", 6, "9"),
        ("合計金額", 12, "9"),
        ("振替済件数", 6, "9"),
        ("振替済金額", 12, "9"),
        ("振替不能件数", 6, "9"),
        ("振替不能金額", 12, "9"),
        ("ダミー", 65, ""),
    ],
    "end": [("データ区分", 1, "X"), ("ダミー", 119, "")],
}
MULTI = """
[layout]
id = "t.zengin"
kind = "multi"
[[record]]
role = "header"
mark = "1"
layout = "header.toml"
[[record]]
role = "detail"
mark = "2"
layout = "detail.toml"
[[record]]
role = "trailer"
mark = "8"
layout = "trailer.toml"
counts = { "合計件数" = "detail" }
totals = { "合計金額" = "引落金額" }
[[record]]
role = "end"
mark = "9"
layout = "end.toml"
"""


@cache
def shared() -> Codec:
    """The codec of 口座振替 files."""
    folder = Path(mkdtemp())
    for role, fields in PARTS.items():
        text = f'[layout]\nid = "z.{role}"\nkind = "fixed"\nencoding = "cp932"\nrecord_bytes = 120\nline_end = "crlf"\n'
        for name, width, kind in fields:
            text += f'[[field]]\nname = "{name}"\nbytes = {width}\n'
            text += "filler = true\n" if not kind else f'type = "{kind}"\n'
            text += 'pad = "left-zero"\n' if kind == "9" else ""
        (folder / f"{role}.toml").write_text(text, "utf-8")
    (folder / "zengin.toml").write_text(MULTI, "utf-8")
    found = load_layout(folder / "zengin.toml")
    assert found is not None
    return make_codec(found)


HEADER = {"種別コード": "91", "コード区分": "0", "委託者コード": "0000000001", "委託者名": "ﾁｲｷｼ", "引落日": "0131"}


def row(number: int, amount: int) -> dict[str, str]:
    """A direct debit of a synthetic person."""
    found = {name: "" for name, _, kind in PARTS["detail"][1:] if kind}
    return found | {
        "引落銀行番号": "9999",
        "預金者名": "ｶｸｳ ﾊﾅｺ",
        "引落金額": str(amount),
        "顧客番号": f"{number:020d}",
        "振替結果コード": "0",
    }


def split(data: bytes) -> tuple[list[VendorRecord], list[BadRecord]]:
    """Good and bad items of a file."""
    found = list(shared().decode(io.BytesIO(data), "zengin.dat"))
    return [one for one in found if isinstance(one, VendorRecord)], [one for one in found if isinstance(one, BadRecord)]


def written() -> bytes:
    """A file of two debits."""
    return b"".join(shared().encode([row(1, 12000), row(2, 800)], HEADER))


def test_a_file_has_its_four_kinds_of_records_counts_and_totals() -> None:
    """120 bytes each, half-width kana in one byte, and it comes back as it was."""
    lines = written().split(b"\r\n")[:-1]
    assert [line[:1] for line in lines] == [b"1", b"2", b"2", b"8", b"9"]
    assert {len(line) for line in lines} == {WIDTH}
    assert lines[3][1:19] == b"000002" + b"000000012800"
    assert "ｶｸｳ ﾊﾅｺ".encode("cp932") in lines[1]
    good, bad = split(written())
    assert bad == []
    assert [one.values["引落金額"] for one in good] == ["12000", "800"]


@pytest.mark.parametrize(("old", "new"), [(b"000002000000012800", b"000003000000012800"), (b"0012800", b"0012801")])
def test_a_wrong_count_or_total_puts_the_file_in_doubt(old: bytes, new: bytes) -> None:
    """Money that is not accounted for stops the whole file."""
    data = written().replace(old, new, 1)
    assert data != written()
    _, bad = split(data)
    assert [one.scope for one in bad] == ["file"]


def test_a_file_without_its_end_record_is_truncated() -> None:
    """CB6001."""
    _, bad = split(written()[: -(WIDTH + 2)])
    assert (bad[-1].error.code, bad[-1].scope) == ("CB6001", "file")
