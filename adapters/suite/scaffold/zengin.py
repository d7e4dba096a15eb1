"""Recognise files of the banks' 120-byte form (全銀): header 1, data 2, trailer 8, end 9, with or without line ends.

The positions are those of the Japanese Bankers Association's record forms for transfers (総合振込, 給与・賞与振込) and
direct debits (口座振替), as every bank prints them for its customers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from adapters.suite.scaffold.model import HIGH, LOW, MEDIUM, Guess, GuessedField, GuessedKind

WIDTH = 120
_EBCDIC = "ebcdik-fujitsu"
_AMOUNT, _COUNT = "金額", "件数"
Fields = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Form:
    """A kind of file by its 種別コード: names and widths of header, data and trailer."""

    title: str
    header: Fields
    data: Fields
    trailer: Fields
    amount: str


def _header(who: str, day: str, bank: str) -> Fields:
    names = ("データ区分", "種別コード", "コード区分", f"{who}コード", f"{who}名", day)
    more = (f"{bank}番号", f"{bank}名", "支店番号", "支店名", "預金種目", "口座番号", "ダミー")
    return tuple(zip((*names, *more), (1, 2, 1, 10, 40, 4, 4, 15, 3, 15, 1, 7, 17), strict=True))


_TOTAL: Fields = (("データ区分", 1), ("合計件数", 6), ("合計金額", 12), ("ダミー", 101))
_BANK: Fields = (("データ区分", 1), ("金融機関番号", 4), ("金融機関名", 15), ("支店番号", 3), ("支店名", 15))
_SENDER = _header("振込依頼人", "取組日", "仕向金融機関")
_TRANSFER = _Form(
    "総合振込",
    _SENDER,
    (
        *_BANK, ("手形交換所番号", 4), ("預金種目", 1), ("口座番号", 7), ("受取人名", 30), ("振込金額", 10),
        ("新規コード", 1), ("顧客コード1", 10), ("顧客コード2", 10), ("振込指定区分", 1), ("識別表示", 1),
        ("ダミー", 7),
    ),
    _TOTAL,
    "振込金額",
)  # fmt: skip
_PAY = _Form(
    "給与・賞与振込",
    _SENDER,
    (
        *_BANK, ("手形交換所番号", 4), ("預金種目", 1), ("口座番号", 7), ("受取人名", 30), ("振込金額", 10),
        ("新規コード", 1), ("社員番号", 10), ("所属コード", 10), ("振込指定区分", 1), ("ダミー", 8),
    ),
    _TOTAL,
    "振込金額",
)  # fmt: skip
_DEBIT = _Form(
    "口座振替",
    _header("委託者", "引落日", "取引銀行"),
    (
        *_BANK, ("ダミー1", 4), ("預金種目", 1), ("口座番号", 7), ("預金者名", 30), ("引落金額", 10),
        ("新規コード", 1), ("顧客番号", 20), ("振替結果コード", 1), ("ダミー2", 8),
    ),
    (
        ("データ区分", 1), ("合計件数", 6), ("合計金額", 12), ("振替済件数", 6), ("振替済金額", 12),
        ("振替不能件数", 6), ("振替不能金額", 12), ("ダミー", 65),
    ),
    "引落金額",
)  # fmt: skip
_FORMS: Mapping[str, _Form] = MappingProxyType(
    {"21": _TRANSFER, **dict.fromkeys(("11", "12", "71", "72"), _PAY), "91": _DEBIT}
)
_END: Fields = (("データ区分", 1), ("ダミー", 119))


def zengin_guess(raw: bytes) -> Guess | None:
    """The guess for such a file, ``None`` for another."""
    line_end = "crlf" if raw[WIDTH : WIDTH + 2] == b"\r\n" else "lf" if raw[WIDTH : WIDTH + 1] == b"\n" else "none"
    mark = {"crlf": b"\r\n", "lf": b"\n", "none": b""}[line_end]
    step = WIDTH + len(mark)
    records = [raw[at : at + WIDTH] for at in range(0, len(raw), step)]
    if len(raw) % step or len(records) < 2:
        return None
    ebcdic = raw[:1] == b"\xf1"
    if ebcdic and line_end != "none":
        return None
    encoding = "cp037" if ebcdic else "cp932"
    kinds = [record[:1].decode(encoding, "replace") for record in records]
    if kinds[0] != "1" or not set(kinds) <= {"1", "2", "8", "9"} or "2" not in kinds:
        return None
    code = records[0][1:3].decode(encoding, "replace")
    form = _FORMS.get(code)
    if form is None and not {"8", "9"} <= set(kinds):
        return None
    found = Guess(kind="multi", encoding=_EBCDIC if ebcdic else "cp932", line_end=line_end, record_bytes=WIDTH)
    known = f"種別コード {code} {form.title}" if form else f"種別コード {code} は知らないので総合振込と仮定"
    order = kinds == ["1", *["2"] * kinds.count("2"), "8", "9"]
    shown = "・".join(f"{one}が{kinds.count(one)}件" for one in dict.fromkeys(kinds))
    sure = HIGH if form and order else MEDIUM if order else LOW
    found.remarks.append(f"全銀の120バイト: {shown}、{known}、改行 {line_end}（確からしさ {sure}）")
    coding = f"文字コード {found.encoding}: データ区分が {'F1' if ebcdic else '31'} で始まる（確からしさ {HIGH}）"
    found.remarks.append(coding)
    if not order:
        found.remarks.append(
            f"1・2…・8・9 の順ではない: 複数の依頼がつながっている場合は1つずつに分けてください（確からしさ {LOW}）"
        )
    form = form or _TRANSFER
    texts = [record.decode(encoding, "replace") for record in records]
    _totals(form, texts, kinds, found)
    parts = {
        "header": ("1", form.header),
        "detail": ("2", form.data),
        "trailer": ("8", form.trailer),
        "end": ("9", _END),
    }
    for role, (kind, names) in parts.items():
        rows = [text for text, one in zip(texts, kinds, strict=True) if one == kind]
        if not rows:
            continue
        fields = _fields(names, rows)
        counts = (("合計件数", "detail"),) if role == "trailer" else ()
        totals = (("合計金額", form.amount),) if role == "trailer" else ()
        found.kinds.append(GuessedKind(role, kind, fields, counts, totals))
        if role == "detail":
            found.fields = [one for one in fields[1:] if not one.filler]
    return found


def _totals(form: _Form, texts: Sequence[str], kinds: Sequence[str], found: Guess) -> None:
    """Whether the trailer's count and total are those of the data records: that proves the positions."""
    trailer = next((text for text, kind in zip(texts, kinds, strict=True) if kind == "8"), "")
    start = 0
    for name, width in form.data:
        if name == form.amount:
            break
        start += width
    amounts = [text[start : start + 10] for text, kind in zip(texts, kinds, strict=True) if kind == "2"]
    if not trailer:
        found.remarks.append(f"トレーラー（8）がない: 途中で切れている（確からしさ {LOW}）")
    elif all(one.isdigit() for one in (*amounts, trailer[1:7], trailer[7:19])):
        agree = (int(trailer[1:7]), int(trailer[7:19])) == (len(amounts), sum(map(int, amounts)))
        said = "一致する" if agree else "一致しない"
        found.remarks.append(f"トレーラーの件数・金額がデータの合計と{said}（確からしさ {HIGH if agree else LOW}）")


def _fields(names: Fields, rows: Sequence[str]) -> tuple[GuessedField, ...]:
    """The fields with their widths; what should be blank and is not is an item, amounts without zeros are text."""
    fields: list[GuessedField] = []
    at = 0
    for name, width in names:
        values = [row[at : at + width] for row in rows]
        at += width
        if name.startswith("ダミー") and not any(value.strip(" ") for value in values):
            fields.append(GuessedField(name, "X", width, filler=True))
        elif name.endswith((_AMOUNT, _COUNT)) and all(value.isdigit() for value in values):
            fields.append(GuessedField(name, "9", width, pad="left-zero"))
        else:
            fields.append(GuessedField(name, "X", width))
    return tuple(fields)
