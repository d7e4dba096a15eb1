"""Guess kind, character set, line end, delimiter, record types, fields and types of a sample file."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

from adapters.characters.cp932 import Cp932
from adapters.characters.problem import CharacterError
from adapters.codecs.delimited_text import CellError, cells
from adapters.suite.scaffold.host import host_guess
from adapters.suite.scaffold.model import HIGH, LOW, MEDIUM, Guess, GuessedField
from adapters.suite.scaffold.zengin import zengin_guess

DELIMITERS = (",", "\t", "|", ";")
_HALF = re.compile("[ -~\uff61-\uff9f]*\\Z")
_DATES = {
    "date_slash": re.compile(r"\d{4}/(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])\Z"),
    "date_digits": re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\Z"),
    "wareki": re.compile(r"[1-5]\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\Z"),
}
"""What dates look like, by the conversion that reads them."""
MANY, FEW, SHORT = 4, 12, 6
"""A column is like codes where at least so many values are of at most so many kinds, none longer than this, each seen
twice on average: what stands once may be a name and is not repeated in a remark."""
_NAME = re.compile(r"[^\W\d][\w（）()・－ー]*\Z")


def guess(raw: bytes, widths: Sequence[int] = ()) -> Guess:
    """Look at the whole sample. Never raises: what cannot be guessed becomes one field, and a remark says so."""
    special = zengin_guess(raw) or host_guess(raw, widths)
    if special is not None:
        return special
    found = Guess()
    _encoding(raw, found)
    if raw.lstrip()[:1] in (b"{", b"[") and _json(raw, found):
        return found
    lines = _lines(raw, found)
    if widths or not _delimited(lines, found):
        _fixed(lines, widths, found)
    return found


def _encoding(raw: bytes, found: Guess) -> None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        found.remarks.append(f"文字コード cp932: UTF-8 ではないバイトがある（確からしさ {_readable(raw)}）")
    else:
        found.encoding = "cp932" if text.isascii() else "utf-8"
        why = "半角英数字だけなので要確認" if text.isascii() else "UTF-8 として正しい"
        found.remarks.append(f"文字コード {found.encoding}: {why}（確からしさ {LOW if text.isascii() else HIGH}）")
    user_area = re.search(rb"[\xf0-\xf9][\x40-\x7e\x80-\xfc]", raw)
    found.gaiji = found.encoding == "cp932"
    if found.gaiji and user_area:
        found.remarks.append("外字領域 F040-F9FC に見えるバイトがある: 外字登録簿が要る")


def _readable(raw: bytes) -> str:
    """How sure CP932 is: whether its bytes are those of characters, the user area apart."""
    try:
        re.sub(rb"[\xf0-\xf9][\x40-\x7e\x80-\xfc]", b"", raw).decode("cp932")
    except UnicodeDecodeError:
        return LOW
    return MEDIUM


def _json(raw: bytes, found: Guess) -> bool:
    text = raw.decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        try:
            document = [json.loads(line) for line in text.splitlines() if line]
        except json.JSONDecodeError:
            return False
        found.form = "lines"
        found.line_end = "crlf" if "\r\n" in text else "lf"
    else:
        found.form = "array" if isinstance(document, list) else "object"
    records = document if isinstance(document, list) else [document]
    if not records or not all(isinstance(one, dict) for one in records):
        return False
    found.kind, found.encoding, found.gaiji = "json", "utf-8", False
    values: dict[str, list[object]] = {}
    for record in records:
        _leaves(record, "", values)
    for path, seen in values.items():
        texts = [str(value) for value in seen if isinstance(value, str)]
        numbers = any(isinstance(value, int | float) and not isinstance(value, bool) for value in seen)
        looks = _looks(path, texts, found)
        kind = "X" if numbers else _type(texts)
        found.fields.append(GuessedField(path, kind, path=path, number=numbers, conversion=looks))
    if any(len(seen) < len(records) for seen in values.values()):
        found.absent = "omit"
    elif any(value is None for seen in values.values() for value in seen):
        found.absent = "null"
    found.remarks.append(f"種類 json（{found.form}）: {len(records)} 件、{len(values)} 項目")
    return True


def _leaves(node: dict[str, object], before: str, values: dict[str, list[object]]) -> None:
    for key, value in node.items():
        path = f"{before}.{key}" if before else key
        if isinstance(value, dict):
            _leaves(value, path, values)
        else:
            values.setdefault(path, []).append(value)


def _lines(raw: bytes, found: Guess) -> list[bytes]:
    crlf, lf = raw.count(b"\r\n"), raw.count(b"\n")
    found.line_end = "none" if not lf else "crlf" if crlf == lf else "lf"
    found.remarks.append(f"改行 {found.line_end}: LF {lf} 個、うち CRLF {crlf} 個")
    parts = raw.split(b"\r\n" if found.line_end == "crlf" else b"\n") if lf else [raw]
    return [part for part in parts if part]


def _text(raw: bytes, found: Guess) -> str:
    try:
        return Cp932().decode(raw) if found.encoding == "cp932" else raw.decode("utf-8")
    except (CharacterError, UnicodeDecodeError):
        return raw.decode(found.encoding, "replace")


def _delimited(lines: list[bytes], found: Guess) -> bool:
    texts = [raw.decode(found.encoding, "replace") for raw in lines]
    best, columns = "", 0
    for delimiter in DELIMITERS:
        try:
            counts = Counter(len(cells(text, delimiter, '"')) for text in texts)
        except CellError:
            continue
        if not counts:
            return False
        count, times = counts.most_common(1)[0]
        if count > columns and count > 1 and times >= len(texts) - 2:
            best, columns = delimiter, count
    if not best:
        return False
    found.delimiter = best
    rows = [[text[cell.start : cell.end] for cell in cells(text, best, '"')] for text in texts]
    quoted = [value.startswith('"') for row in rows for value in row]
    found.quoting = "all" if all(quoted) else "minimal"
    table = [[value[1:-1].replace('""', '"') if value[:1] == '"' else value for value in row] for row in rows]
    sure = HIGH if len(rows) >= 3 and len(set(map(len, rows))) == 1 else MEDIUM
    found.remarks.append(
        f"種類 delimited: 区切り {best!r} で {columns} 列、引用符 {found.quoting}（確からしさ {sure}）"
    )
    table = _record_types(table, found)
    names = [f"項目{number:02d}" for number in range(1, len(table[0]) + 1)]
    if not any(found.marks) and _is_header(table):
        found.header_line = True
        names, table = table[0], table[1:]
        found.remarks.append("先頭行は項目名")
    columns_values = list(zip(*table, strict=False)) if table else [()] * len(names)
    found.fields = [
        GuessedField(name, _type(values), conversion=_looks(name, values, found))
        for name, values in zip(names, columns_values, strict=False)
    ]
    if any(found.marks):
        found.fields[0] = GuessedField("レコード区分", "X")
    return True


def _is_header(table: list[list[str]]) -> bool:
    first = table[0]
    return len(set(first)) == len(first) and all(_NAME.match(value) for value in first) and len(table) > 1


def _record_types(table: list[list[str]], found: Guess) -> list[list[str]]:
    """Header and trailer by the first cell: one kind on the first line, one on the last, another between."""
    firsts = [row[0] for row in table]
    inner = set(firsts[1:-1])
    if len(table) < 3 or len(inner) != 1 or not all(0 < len(mark) <= 2 for mark in firsts):
        return table
    data = inner.pop()
    if data in (firsts[0], firsts[-1]) or firsts[0] == firsts[-1]:
        return table
    found.marks = (firsts[0], data, firsts[-1])
    found.remarks.append(f"レコード区分: ヘッダー {firsts[0]}、データ {data}、トレーラー {firsts[-1]}")
    found.header = _edge(table[0], "ヘッダー")
    found.trailer = _edge(table[-1], "トレーラー", count=len(table) - 2)
    return table[1:-1]


def _edge(row: list[str], title: str, count: int = -1) -> list[GuessedField]:
    fields = [GuessedField("レコード区分", "X", len(row[0]))]
    for number, value in enumerate(row[1:], start=1):
        is_count = value.isdigit() and int(value) == count
        pad = "left-zero" if is_count and len(value) > 1 and value[0] == "0" else "right-space"
        name = "件数" if is_count else f"{title}{number:02d}"
        fields.append(
            GuessedField(name, "9" if is_count else _type([value]), len(value.encode("cp932", "replace")), "", pad)
        )
    return fields


def _type(values: Sequence[str]) -> str:
    present = [value for value in values if value]
    if present and all(value.isascii() and value.isdigit() for value in present):
        return "X"  # digits may be an identifier, whose zeros count: a person may make it 9
    return "X" if present and all(_HALF.match(value) for value in present) else "N"


def _looks(name: str, values: Sequence[str], found: Guess) -> str:
    """Whether values are dates or codes; a remark says so, and of how many values it was seen."""
    present = [value for value in values if value]
    for conversion, form in _DATES.items():
        if present and all(form.match(value) for value in present):
            found.remarks.append(f"{name}: 日付 {conversion}（{len(present)} / {len(values)} 件に値、すべて日付の形）")
            return conversion
    different = sorted(set(present))
    if (
        MANY <= len(present) >= 2 * len(different)
        and len(different) <= FEW
        and all(len(value) <= SHORT for value in different)
    ):
        shown = "・".join(different)
        found.remarks.append(f"{name}: コードらしい（{len(present)} 件に {len(different)} 種: {shown}。要確認）")
    return ""


def _fixed(lines: list[bytes], widths: Sequence[int], found: Guess) -> None:
    found.kind = "fixed"
    sizes = Counter(map(len, lines))
    size = sizes.most_common(1)[0][0] if lines else 0
    same = [line for line in lines if len(line) == size]
    found.record_bytes = size
    sure = HIGH if len(same) == len(lines) >= 3 else LOW
    found.remarks.append(f"種類 fixed: {size} バイトのレコードが {len(same)} / {len(lines)} 件（確からしさ {sure}）")
    marks = [line[:1].decode("ascii", "replace") for line in same]
    if len(same) >= 3 and len(set(marks[1:-1])) == 1 and len({marks[0], marks[1], marks[-1]}) == 3:
        found.marks = (marks[0], marks[1], marks[-1])
        found.remarks.append(f"レコード区分（1バイト目）: {marks[0]} / {marks[1]} / {marks[-1]}")
        found.header = _fixed_edge(same[0])
        found.trailer = _fixed_edge(same[-1], count=len(same) - 2)
        same = same[1:-1]
    cuts = list(widths) or _cut(same, size, first=1 if any(found.marks) else 0)
    how = "指定された幅" if widths else "空白の切れ目から推定した幅（要確認）"
    found.remarks.append(f"項目 {len(cuts)} 個: {how}")
    offset = 0
    for number, width in enumerate(cuts, start=1):
        texts = [_text(line[offset : offset + width].rstrip(b" "), found) for line in same]
        name = "レコード区分" if number == 1 and any(found.marks) else f"項目{number:02d}"
        found.fields.append(GuessedField(name, _type(texts), width, conversion=_looks(name, texts, found)))
        offset += width
    if offset < size:
        found.fields.append(GuessedField(f"項目{len(cuts) + 1:02d}", "N", size - offset))


def _fixed_edge(line: bytes, count: int = -1) -> list[GuessedField]:
    rest = line[1:].rstrip(b" ")
    fields = [GuessedField("レコード区分", "X", 1)]
    if rest and count >= 0 and rest.isdigit() and int(rest) == count:
        pad = "left-zero" if rest[:1] == b"0" else "right-space"
        return [*fields, GuessedField("件数", "9", len(rest), "", pad)]
    return [*fields, GuessedField("ヘッダー01" if count < 0 else "トレーラー01", "N", len(rest))] if rest else fields


def _cut(lines: list[bytes], size: int, first: int) -> list[int]:
    """Widths from columns that are blank in every record: a field begins behind such a column."""
    blank = [all(line[at : at + 1] == b" " for line in lines) for at in range(size)]
    starts = {0, first}
    starts |= {at for at in range(1, size) if blank[at - 1] and not blank[at]}
    ordered = sorted(start for start in starts if start < size)
    if not ordered:
        return []
    return [end - start for start, end in zip(ordered, [*ordered[1:], size], strict=True)]
