"""Cut host records into fields by what repeats in their columns: shifted text, packed decimals, wide text, the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.characters.charset import Charset, charset
from adapters.characters.problem import CharacterError
from adapters.codecs.factory import make_codec
from adapters.codecs.layout_host import with_digits
from adapters.sdk.layout import Layout, LayoutField
from adapters.suite.scaffold.model import HIGH, LOW, MEDIUM, TYPE_FIELD, GuessedField
from bus.core.errors import AdapterError

SPACE = 0x40
MOST_PACKED = 10
CHUNKS = (4, 2, 1)
"""Bytes of a binary number whose every value has digits enough."""
UNKNOWN = frozenset({"CB6003", "CB6021"})
"""Codes of characters that a gaiji register or the maker's table makes readable."""
SHARE = 0.3
"""From this share of the records on, a shift code at a column begins a field there."""
_DIGITS = frozenset(range(0xF0, 0xFA))


@dataclass(frozen=True, slots=True)
class Shift:
    """The shift codes of one maker: what begins double bytes, and what ends them."""

    name: str
    title: str
    starts: tuple[bytes, ...]
    end: bytes


@dataclass(frozen=True, slots=True)
class _Piece:
    """Columns from ``start`` to ``end`` and what they hold: mixed, packed, wide, text or filler."""

    start: int
    end: int
    kind: str
    sign: str = ""
    blank: str = ""


def cut(
    records: Sequence[bytes],
    encoding: str,
    shift: Shift,
    remarks: list[str],
    widths: Sequence[int] = (),
    *,
    marked: bool = False,
) -> list[GuessedField]:
    """The fields of records of one length; of ``widths`` given by a person only what they hold is guessed."""
    size = len(records[0]) if records else 0
    same = [record for record in records if len(record) == size]
    pieces: list[_Piece] = []
    if sum(widths) == size and widths:
        at = 0
        for width in widths:
            pieces.append(_whole(same, at, at + width, shift))
            at += width
    else:
        first = 1 if marked else 0
        pieces = [_Piece(0, 1, "text")] if marked else []
        pieces += _pieces(same, first, size, shift)
    whole, wide = charset(encoding, gaiji=False), charset(f"{encoding}-wide", gaiji=False)
    fields: list[GuessedField] = []
    for number, piece in enumerate(pieces, 1):
        name = TYPE_FIELD if marked and number == 1 else f"項目{number:02d}"
        fields.append(_field(name, piece, same, whole, wide))
    _tell(pieces, fields, same, remarks, given=bool(widths))
    return [
        kept for piece, one in zip(pieces, fields, strict=True) for kept in _kept(piece, one, same, encoding, remarks)
    ]


def _kept(
    piece: _Piece, one: GuessedField, records: Sequence[bytes], encoding: str, remarks: list[str]
) -> list[GuessedField]:
    """The field, or numbers of its bare bytes where the sample does not come back from it unchanged.

    So nothing of a record is lost or altered before a person has said what these bytes are.
    """
    raws = {record[piece.start : piece.end] for record in records}
    if one.filler or _exact(one, raws, encoding, gaiji=piece.kind == "mixed"):
        return [one]
    place = f"{one.name}（{piece.start + 1}桁目から {one.bytes} バイト）"
    remarks.append(
        f"{place}: 推定では元のバイトに戻らないので、意味の分からない数（binary）として持つ（確からしさ {LOW}）"
    )
    found: list[GuessedField] = []
    left = one.bytes
    while left:
        width = next(size for size in CHUNKS if size <= left)
        found.append(GuessedField(f"{one.name}不明{len(found) + 1}", "9", width, usage="binary", blank="low"))
        left -= width
    return found


def _exact(one: GuessedField, raws: set[bytes], encoding: str, *, gaiji: bool) -> bool:
    """Whether all these bytes are read and written again unchanged; unknown gaiji count as read."""
    field = LayoutField(
        one.name,
        one.type,
        one.bytes,
        usage=one.usage or "text",
        sign=one.sign or "unsigned",
        blank=one.blank,
        wide=one.wide,
    )
    layout = Layout("guess", "fixed", encoding, (with_digits(field),), True, one.bytes, line_end="none")
    codec = make_codec(layout)
    for raw in raws:
        try:
            if codec.encode_record(codec.decode_record(raw).values) != raw:
                return False
        except AdapterError as error:
            if not (gaiji and all(found.code in UNKNOWN for found in error.findings)):
                return False
    return True


def _pieces(records: Sequence[bytes], first: int, size: int, shift: Shift) -> list[_Piece]:
    found: list[_Piece] = []
    at = first
    for start, end in _mixed(records, first, size, shift):
        found += _plain(records, at, start)
        found.append(_Piece(start, end, "mixed"))
        at = end
    return found + _plain(records, at, size)


def _mixed(records: Sequence[bytes], first: int, size: int, shift: Shift) -> list[tuple[int, int]]:
    """Fields with shift codes: where they begin in many records, and the blank columns behind the last end."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for record in records:
        at = first
        while at < size:
            stop = _run(record, at, shift)
            if stop:
                starts[at] = starts.get(at, 0) + 1
                ends[at] = max(ends.get(at, 0), stop)
            at = stop or at + 1
    found: list[tuple[int, int]] = []
    for start in sorted(starts):
        if starts[start] < max(1, SHARE * len(records)) or (found and start < found[-1][1]):
            if found and found[-1][0] < start < found[-1][1]:
                found[-1] = (found[-1][0], max(found[-1][1], ends[start]))
            continue
        if found:
            found[-1] = (found[-1][0], min(_blank_to(records, found[-1][1], start), start))
        found.append((start, ends[start]))
    if found:
        found[-1] = (found[-1][0], _blank_to(records, found[-1][1], size))
    return found


def _run(record: bytes, at: int, shift: Shift) -> int:
    """The place behind a run of double bytes that begins at ``at``; 0 where none does."""
    mark = next((one for one in shift.starts if record.startswith(one, at)), b"")
    if not mark:
        return 0
    place = at + len(mark)
    while place + 1 < len(record):
        if record.startswith(shift.end, place):
            return place + len(shift.end) if place > at + len(mark) else 0
        if record[place] < SPACE or record[place + 1] < SPACE:
            return 0
        place += 2
    return place + len(shift.end) if record.startswith(shift.end, place) and place > at + len(mark) else 0


def _blank_to(records: Sequence[bytes], at: int, size: int) -> int:
    while at < size and all(record[at] == SPACE for record in records):
        at += 1
    return at


def _plain(records: Sequence[bytes], start: int, end: int) -> list[_Piece]:
    """Columns without shift codes: packed decimals, and the text between them."""
    found: list[_Piece] = []
    at, text = start, start
    while at < end:
        piece = _packed(records, text, at, end)
        if piece is None:
            at += 1
            continue
        found += _text(records, text, piece.start)
        found.append(piece)
        at = text = piece.end
    return found + _text(records, text, end)


def _packed(records: Sequence[bytes], lowest: int, at: int, end: int) -> _Piece | None:
    """A packed decimal whose sign stands at column ``at``, with its digits to the left."""
    column = [record[at] for record in records]
    present = [byte for byte in column if byte not in {0x00, SPACE}]
    if not present or not all(byte & 0x0F in {0x0C, 0x0D, 0x0F} and byte >> 4 <= 9 for byte in present):
        return None
    full = [record for record in records if record[at] not in {0x00, SPACE}]
    rest = [record for record in records if record[at] in {0x00, SPACE}]
    absent = {record[at] for record in rest}
    if len(absent) > 1:
        return None
    start = at
    while start > lowest and at - start < MOST_PACKED - 1 and _packed_digits(full, rest, start - 1):
        start -= 1
    pieces = [record[start : at + 1] for record in full]
    if not any(byte < SPACE for piece in pieces for byte in piece):
        return None
    signs = {piece[-1] & 0x0F for piece in pieces}
    blank = {0x00: "low", SPACE: "space"}[absent.pop()] if absent else ""
    return _Piece(start, at + 1, "packed", "unsigned" if signs == {0x0F} else "signed", blank)


def _packed_digits(full: Sequence[bytes], rest: Sequence[bytes], at: int) -> bool:
    """Whether a column holds two digits wherever the number is there, and what its end holds wherever it is not."""
    column = [record[at] for record in full]
    if not all(byte >> 4 <= 9 and byte & 0x0F <= 9 for byte in column):
        return False
    if any(record[at] != record[at + 1] for record in rest):
        return False
    return column.count(SPACE) * 3 <= len(column) and any(byte < SPACE for byte in column)


def _text(records: Sequence[bytes], start: int, end: int) -> list[_Piece]:
    """Text cut behind blank columns, and where digits in every record begin or end; blanks alone are filler."""
    found: list[_Piece] = []
    at = start
    kinds = [_kind(records, column) for column in range(start, end)]
    for column in range(start + 1, end):
        before, here = kinds[column - 1 - start], kinds[column - start]
        edges = {"digits", "low"}
        if (before == "blank" and here != "blank") or (
            here != "blank" and before != "blank" and edges & {before, here} and before != here
        ):
            found.append(_Piece(at, column, "text"))
            at = column
    if at < end:
        found.append(_Piece(at, end, "text"))
    return [_Piece(one.start, one.end, _whole_kind(kinds[one.start - start : one.end - start])) for one in found]


def _whole_kind(kinds: Sequence[str]) -> str:
    return {"blank": "filler", "low": "low"}.get(kinds[0], "text") if len(set(kinds)) == 1 else "text"


def _kind(records: Sequence[bytes], column: int) -> str:
    values = {record[column] for record in records}
    if values <= {SPACE}:
        return "blank"
    if values <= {0x00}:
        return "low"
    return "digits" if values <= _DIGITS else "other"


def _whole(records: Sequence[bytes], start: int, end: int, shift: Shift) -> _Piece:
    """What a field of given width holds."""
    if all(set(record[start:end]) <= {SPACE} for record in records):
        return _Piece(start, end, "filler")
    if any(_run(record, at, shift) for record in records for at in range(start, end)):
        return _Piece(start, end, "mixed")
    piece = _packed(records, start, end - 1, end) if records else None
    return piece if piece is not None and piece.start == start else _Piece(start, end, "text")


def _field(name: str, piece: _Piece, records: Sequence[bytes], whole: Charset, wide: Charset) -> GuessedField:
    width = piece.end - piece.start
    raws = [record[piece.start : piece.end] for record in records]
    if piece.kind == "filler":
        return GuessedField(name.replace("項目", "余白"), "X", width, filler=True)
    if piece.kind == "low":
        return GuessedField(name, "X", width, blank="low")
    if piece.kind == "packed":
        seen = raws[0].hex()[:-1].lstrip("0") or "0" if len(raws) == 1 else ""
        # no packed number is all low values: they can stand for one that is absent until a person knows better
        blank = piece.blank or "low"
        return GuessedField(name, "9", width, usage="packed", sign=piece.sign, blank=blank, seen=seen)
    if piece.kind == "mixed":
        return GuessedField(name, "N", width)
    texts = [_read(whole, raw.rstrip(b"\x40")) for raw in raws]
    if None in texts and width % 2 == 0 and all(_read(wide, raw) is not None for raw in raws):
        return GuessedField(name, "N", width, wide=True)
    seen = (texts[0] or "").lstrip("0") or "0" if len(raws) == 1 else ""
    return GuessedField(name, "X" if None not in texts else "N", width, seen=seen)


def _read(coding: Charset, raw: bytes) -> str | None:
    try:
        return coding.decode(raw)
    except CharacterError:
        return None


def _tell(
    pieces: Sequence[_Piece],
    fields: Sequence[GuessedField],
    records: Sequence[bytes],
    remarks: list[str],
    *,
    given: bool,
) -> None:
    """What was found in the columns, and how sure it is."""
    many = len(records) >= 5
    how = "指定された幅" if given else "桁ごとのバイトの種類の変わり目から推定した幅"
    remarks.append(f"項目 {len(fields)} 個: {how}（確からしさ {HIGH if given else LOW}。要確認）")
    for piece, one in zip(pieces, fields, strict=True):
        place = f"{one.name}（{piece.start + 1}桁目から {one.bytes} バイト）"
        if piece.kind == "mixed":
            remarks.append(f"{place}: シフトコードで始まる漢字混在（確からしさ {HIGH if many else MEDIUM}）")
        elif piece.kind == "packed":
            kind = "符号付き" if piece.sign == "signed" else "符号なし"
            blank = {"low": "、空は 00", "space": "、空は 40"}.get(piece.blank, "、空は見られないので 00 と仮定")
            remarks.append(
                f"{place}: パック10進・{kind}{blank}（確からしさ {HIGH if many and one.bytes > 1 else MEDIUM}）"
            )
        elif piece.kind == "low":
            remarks.append(f"{place}: どのレコードも 00: 値のない項目と仮定（確からしさ {LOW}）")
        elif one.wide:
            remarks.append(f"{place}: シフトコードのない漢字だけの項目（確からしさ {MEDIUM}）")
        elif one.bytes > 8 and all(set(record[piece.start : piece.end]) <= _DIGITS for record in records):
            remarks.append(f"{place}: 数字だけが続く。中の切れ目は --widths で示す（確からしさ {LOW}）")
