"""Guess host files: EBCDIC or EBCDIK, whose shift codes, how long a record is, and where its fields are.

A host file has no line ends and says nothing of itself. What is found here is found by what repeats from record to
record; every remark says from what, and how sure that is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.characters.charset import charset
from adapters.characters.problem import CharacterError
from adapters.suite.scaffold.host_fields import Shift, cut
from adapters.suite.scaffold.model import HIGH, LOW, MEDIUM, TYPE_FIELD, Guess, GuessedField
from bus.core.errors import ConfigurationError

LOOK = 262_144
"""Bytes of a sample that are looked at."""
MOST_RECORD = 32_768
SHORTEST = 8
NEAR = 0.75
"""Lengths that fit this well of the best: the shortest of them is taken, the others are its multiples."""
LEAST = 0.08
"""What repeats less than this repeats by chance."""
MARKED = 0.5
"""How much first bytes that tell header, data and trailer count."""

SHIFTS = (
    Shift("jef", "JEF", (b"\x28", b"\x38"), b"\x29"),
    Shift("keis83", "KEIS", (b"\x0a\x42",), b"\x0a\x41"),
    Shift("jips-e", "JIPS(E)", (b"\x3f\x75",), b"\x3f\x76"),
    Shift("ibm930", "IBM", (b"\x0e",), b"\x0f"),
)
_OTHER_SINGLE = {"jef": "jef-ebcdic", "keis83": "keis83-ebcdic", "ibm930": "ibm939"}
"""The same double bytes beside single bytes with lower-case letters instead of kana."""

_CLASSES = bytes(
    0 if byte == 0x40 else 1 if 0xF0 <= byte <= 0xF9 else 2 if byte < 0x40 else 3 if byte < 0xA1 else 4
    for byte in range(256)
)
_LOWER = frozenset((*range(0x81, 0x8A), *range(0x91, 0x9A), *range(0xA2, 0xAA)))
_KANA_ONLY = frozenset(
    (*range(0x41, 0x4A), *range(0x51, 0x57), 0x58, *range(0x8C, 0x90), *range(0x9D, 0xA0), *range(0xAC, 0xC0))
)


@dataclass(frozen=True, slots=True)
class _Coding:
    """The character set that was guessed; ``shift`` is that of its double bytes."""

    name: str
    shift: Shift


def host_guess(raw: bytes, widths: Sequence[int] = ()) -> Guess | None:
    """The guess for a host file, ``None`` for bytes that look like ASCII, CP932 or UTF-8."""
    look = raw[:LOOK]
    if not _is_host(look):
        return None
    found = Guess(kind="fixed", line_end="none", gaiji=True)
    coding = _coding(look, found)
    found.encoding = coding.name
    size = _record_bytes(raw, sum(widths), coding.shift, found)
    found.record_bytes = size
    records = [raw[at : at + size] for at in range(0, len(raw) - size + 1, size)] or [raw]
    if len(raw) % size:
        found.remarks.append(
            f"末尾に {len(raw) % size} バイト余る: 途中で切れているか、レコード長が違う（確からしさ {LOW}）"
        )
    data = _marks(records, found, coding)
    found.fields = cut(data, coding.name, coding.shift, found.remarks, widths, marked=any(found.marks))
    return found


def _is_host(look: bytes) -> bool:
    """By spaces and digits: of EBCDIC at 40 and F0 to F9, of ASCII at 20 and 30 to 39."""
    if len(look) < 2:
        return False
    host = look.count(0x40) + sum(look.count(byte) for byte in range(0xF0, 0xFA))
    ascii_ = look.count(0x20) + sum(look.count(byte) for byte in range(0x30, 0x3A)) + 4 * look.count(b"\r\n")
    return host * 4 > len(look) * 0.6 and host > 2 * ascii_


def _coding(look: bytes, found: Guess) -> _Coding:
    counts = {shift.name: _shifted(look, shift, found) for shift in SHIFTS}
    best = max(SHIFTS, key=lambda shift: counts[shift.name])
    times = counts[best.name]
    others = sum(counts.values()) - times
    if times:
        sure = HIGH if times >= 3 and others * 4 <= times else MEDIUM
        shown = " / ".join(one.hex(" ").upper() for one in best.starts)
        why = f"{shown} から {best.end.hex(' ').upper()} までの漢字が {times} か所、その表で読める"
        found.remarks.append(f"文字コード {best.title} 系（シフトコード）: {why}（確からしさ {sure}）")
    else:
        why = "EBCDIC の空白 40 と数字 F0-F9 が多い。シフトコードは見つからない"
        found.remarks.append(f"文字コード EBCDIC 系、漢字は JEF と仮定: {why}（確からしさ {LOW}）")
    return _Coding(_single(look, best, found), best)


def _shifted(look: bytes, shift: Shift, found: Guess) -> int:
    """How many runs between the shift codes are readable text of double bytes; 0 without the maker's table."""
    starts = b"|".join(re.escape(one) for one in shift.starts)
    pattern = re.compile(b"(?:" + starts + b")((?:[\x40-\xfe]{2}){1,100}?)" + re.escape(shift.end), re.DOTALL)
    times = 0
    try:
        wide = charset(f"{shift.name}-wide", gaiji=False)
    except ConfigurationError:
        if count := len(pattern.findall(look)):
            why = f"シフトコードらしい並びが {count} か所。読むにはメーカーの文字表（tables）が要る"
            found.remarks.append(f"{shift.title} かもしれない: {why}（確からしさ {LOW}）")
        return 0
    for match in pattern.finditer(look):
        try:
            times += bool(wide.decode(match[1]).strip("\u3000"))
        except CharacterError:
            continue
    return times


def _single(look: bytes, best: Shift, found: Guess) -> str:
    """EBCDIK or EBCDIC by the bytes that are kana in one and lower-case letters, or nothing, in the other."""
    starts = b"|".join(re.escape(one) for one in best.starts)
    outside = re.sub(b"(?:" + starts + b")(?:[\x40-\xfe]{2}){1,100}?" + re.escape(best.end), b"", look, flags=re.DOTALL)
    kana = sum(outside.count(byte) for byte in _KANA_ONLY)
    lower = sum(outside.count(byte) for byte in _LOWER)
    other = _OTHER_SINGLE.get(best.name, best.name)
    if lower > 5 * max(kana, 1) and other != best.name:
        found.remarks.append(f"1バイト文字 {other}: 英小文字の位置のバイトだけがある（確からしさ {MEDIUM}）")
        return other
    sure = HIGH if kana > lower // 2 and kana > 3 else LOW
    why = f"カナだけの位置のバイトが {kana} 個" if kana else "カナも英小文字も見つからない"
    found.remarks.append(f"1バイト文字 {best.name}（EBCDIK）: {why}（確からしさ {sure}）")
    return best.name


def _record_bytes(raw: bytes, given: int, shift: Shift, found: Guess) -> int:
    """The length at which the kinds of bytes repeat better than beside it, and at which no kanji are cut in two."""
    if given and len(raw) % given == 0:
        found.remarks.append(f"レコード長 {given} バイト: 指定された幅の合計（確からしさ {HIGH}）")
        return given
    size = len(raw)
    lengths = [n for n in range(SHORTEST, min(size // 2, MOST_RECORD) + 1) if size % n == 0]
    runs = _runs(raw[:LOOK], shift)
    lengths = [n for n in lengths if not any(start // n != (end - 1) // n for start, end in runs)]
    scores = {n: _score(raw, n) for n in lengths}
    best = max(scores.values(), default=0.0)
    if best < LEAST:
        why = "同じ桁に同じ種類のバイトが繰り返す長さがない"
        found.remarks.append(f"レコード長 {size} バイト: {why}ので1レコードと仮定（確からしさ {LOW}）")
        return max(size, 1)
    chosen = min(n for n in lengths if scores[n] >= best * NEAR)
    times, marked = size // chosen, _marked(raw, chosen)
    sure = HIGH if (times >= 8 and scores[chosen] > 0.3) or (marked and times >= 4) else MEDIUM if times >= 3 else LOW
    why = f"{times} レコードに割り切れ、同じ桁のバイトの種類がその前後の長さより {scores[chosen]:.2f} 多く一致"
    why += "、先頭・中・末尾の1バイト目が区分になる" if marked else ""
    why += f"、漢字 {len(runs)} か所がどれもレコードをまたがない" if runs else ""
    found.remarks.append(f"レコード長 {chosen} バイト: {why}（確からしさ {sure}）")
    return chosen


def _runs(look: bytes, shift: Shift) -> list[tuple[int, int]]:
    """Where kanji begin and end, shift codes included."""
    starts = b"|".join(re.escape(one) for one in shift.starts)
    pattern = re.compile(b"(?:" + starts + b")(?:[\x41-\xfe]{2}|\x40\x40){2,100}?" + re.escape(shift.end), re.DOTALL)
    return [match.span() for match in pattern.finditer(look)]


def _marked(raw: bytes, size: int) -> bool:
    """Whether first bytes are a digit for a header, another for all data, a third for a trailer.

    Of few records that is chance, unless the digits are the usual ones.
    """
    firsts = raw[::size]
    inner = set(firsts[1:-1])
    three = {firsts[0], *inner, firsts[-1]}
    usual = firsts[0] == 0xF1 and firsts[-1] in {0xF8, 0xF9}
    distinct = len(inner) == 1 and len(three) == 3 and all(0xF0 <= one <= 0xF9 for one in three)
    return distinct and len(firsts) >= (3 if usual else 5)


def _score(raw: bytes, size: int) -> float:
    """How much better bytes agree one record apart than a little more or less apart; record types count besides."""
    times = len(raw) // size
    inner = raw[size : len(raw) - size] if times >= 4 and _marked(raw, size) else raw
    classes = inner[:LOOK].translate(_CLASSES)
    beside = [_agreement(classes, size + by) for by in (-3, -2, -1, 1, 2, 3) if size + by > 0]
    return _agreement(classes, size) - sum(beside) / len(beside) + (MARKED if _marked(raw, size) else 0.0)


def _agreement(classes: bytes, step: int) -> float:
    """Of the bytes that are no space, or meet none, the share whose kind is that of the byte one step before."""
    pairs = len(classes) - step
    if pairs <= 0:
        return 0.0
    one, other = int.from_bytes(classes[:-step], "big"), int.from_bytes(classes[step:], "big")
    spaces = (one | other).to_bytes(pairs, "big").count(0)
    same = (one ^ other).to_bytes(pairs, "big").count(0)
    return (same - spaces) / (pairs - spaces) if pairs > spaces else 0.0


def _marks(records: list[bytes], found: Guess, coding: _Coding) -> list[bytes]:
    """Header and trailer by the first byte: one kind first, one last, another between. The data records."""
    firsts = [record[:1] for record in records]
    if not _marked(b"".join(records), len(records[0])) or len({len(one) for one in records}) > 1:
        return records
    try:
        marks = [charset(coding.name, gaiji=False).decode(one) for one in (firsts[0], firsts[1], firsts[-1])]
    except CharacterError:
        return records
    found.marks = (marks[0], marks[1], marks[2])
    usual = marks[0] == "1" and marks[2] in {"8", "9"}
    sure = HIGH if usual and len(records) >= 4 else MEDIUM if usual or len(records) >= 5 else LOW
    shown = f"ヘッダー {marks[0]}、データ {marks[1]}、トレーラー {marks[2]}"
    found.remarks.append(f"レコード区分（1バイト目）: {shown}（確からしさ {sure}）")
    silent: list[str] = []
    count = len(records) - 2
    found.header = [
        _renamed(one, "ヘッダー") for one in cut(records[:1], coding.name, coding.shift, silent, marked=True)
    ]
    trailer = cut(records[-1:], coding.name, coding.shift, silent, marked=True)
    counting = next((one for one in trailer if one.seen == str(count)), None)
    found.trailer = [_renamed(one, "トレーラー", count if one is counting else -1) for one in trailer]
    if not any(one.name == "件数" for one in found.trailer):
        found.remarks.append(f"トレーラーにデータの件数 {count} と等しい項目は見つからない（確からしさ {LOW}）")
    return records[1:-1]


def _renamed(one: GuessedField, title: str, count: int = -1) -> GuessedField:
    if one.name == TYPE_FIELD:
        return one
    name = "件数" if count >= 0 else one.name.replace("項目", title).replace("余白", f"{title}余白")
    return one.renamed(name)
