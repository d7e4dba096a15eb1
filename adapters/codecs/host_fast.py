"""The quick way of host records: fields of one form are read and written together, by plans made once for a layout.

Single bytes are joined, decoded or encoded in one go and cut again, double bytes likewise, packed numbers as one text
of half bytes. Whatever is out of the ordinary in any field makes the answer ``None``; then the codec goes field by
field and says what it is. Nothing here judges, and nothing is generated as program text.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from struct import Struct

from adapters.characters.charset import Charset
from adapters.characters.host_charset import HostCharset
from adapters.characters.pairs import BREAK, PairTexts
from adapters.characters.problem import CharacterError
from adapters.codecs.field_text import HALF_WIDTH, type_finding
from adapters.codecs.host_fields import NumberField, TextField
from adapters.codecs.host_numbers import NumberError
from adapters.codecs.host_packed import packed_kind, picked, read_packed, write_packed
from adapters.sdk.types import Origin

Field = TextField | NumberField
Reader = Callable[[bytes], dict[str, str] | None]
Writer = Callable[[Mapping[str, str]], bytes | None]
GroupReader = Callable[[bytes], "Sequence[str] | None"]
GroupWriter = Callable[[Mapping[str, str]], "Sequence[bytes] | None"]

_SEPARATOR = "\x1f"
_NOWHERE = Origin()
_PACKED = ("unsigned", "signed", "kept")


def quick_reader(fields: Sequence[Field], items: Iterable[str], marked: Mapping[str, str]) -> Reader:
    """Bytes of one record (of full length) to its values in the order of ``items``.

    ``marked`` are fields of fixed content; they and the fillers have to be as they would be written.
    """
    names = tuple(items)
    own = [one for one in fields if one.name in set(names)]
    groups = _grouped(own)
    plans = tuple(_reader(kind, members) for kind, members in groups)
    found = tuple(one.name for one in chain.from_iterable(members for _, members in groups))
    blank = dict.fromkeys(names, "")
    fixed = tuple(
        (one.start, one.start + one.size, one.write(marked[one.name]) if one.name in marked else one.nothing)
        for one in fields
        if one.field.filler or one.name in marked
    )
    typed = tuple(one.name for one in own if isinstance(one, TextField) and one.field.type == "9")

    def read(raw: bytes) -> dict[str, str] | None:
        for start, end, content in fixed:
            if raw[start:end] != content:
                return None
        texts: list[str] = []
        for group in plans:
            some = group(raw)
            if some is None:
                return None
            texts += some
        values = blank.copy()
        values.update(zip(found, texts, strict=True))
        digits = "".join([values[name] for name in typed])
        return None if digits and not (digits.isascii() and digits.isdigit()) else values

    return read


def quick_writer(fields: Sequence[Field], items: Iterable[str], marked: Mapping[str, str]) -> Writer | None:
    """Values of one record to its bytes; ``marked`` are fields of fixed content. ``None``: no quick way."""
    known = frozenset(items)
    if any(one.field.value for one in fields):
        return None
    groups = _grouped([one for one in fields if one.name in known])
    plans = tuple(_writer(kind, members) for kind, members in groups)
    written = [one.name for one in chain.from_iterable(members for _, members in groups)]
    fixed: list[bytes] = []
    for one in fields:
        if one.name not in known:
            written.append(one.name)
            fixed.append(one.write(marked.get(one.name, "")))
    fixed.append(b"")  # so that there are always several to put in order
    order = itemgetter(*(written.index(one.name) for one in fields), -1)

    def write(values: Mapping[str, str]) -> bytes | None:
        if not values.keys() <= known:
            return None
        pieces: list[bytes] = []
        for group in plans:
            found = group(values)
            if found is None:
                return None
            pieces += found
        return b"".join(order(pieces + fixed))

    return write


def _grouped(fields: Sequence[Field]) -> list[tuple[str, list[Field]]]:
    """The fields by what can be done with them together, those of one group with one character set."""
    groups: dict[tuple[str, object], list[Field]] = {}
    for one in fields:
        kind = _kind(one)
        charset = one.charset if isinstance(one, TextField) and kind != "other" else None
        groups.setdefault((kind, charset), []).append(one)
    return [(kind, members) for (kind, _), members in groups.items()]


def _kind(one: Field) -> str:
    if isinstance(one, NumberField):
        return packed_kind(one) or "other"
    if one.plain:
        return "single"
    pairs = one.charset.coding.pairs if isinstance(one.charset, HostCharset) else None
    if pairs is None or one.field.type != "N" or one.field.blank or not _pad(one):
        return "other"
    if one.field.wide:
        return f"wide {one.field.pad}"
    return "mixed" if one.field.pad == "right-space" and _shifts(one) else "other"


# single bytes


def _byte_texts(charset: Charset) -> str:
    """The half-width character of each byte about which nothing needs a look, U+FFFE for every other."""
    found = []
    for byte in range(256):
        try:
            text, lost = charset.decode_carefully(bytes([byte]))
        except CharacterError:
            text, lost = "", ()
        found.append(text if len(text) == 1 and not lost and HALF_WIDTH.match(text) else "\ufffe")
    return "".join(found)


def _slices(fields: Sequence[Field]) -> Callable[[bytes], tuple[bytes, ...]]:
    """Cuts the fields (in ascending order) out of a record in one go."""
    form, end = "", 0
    for one in fields:
        form += f"{one.start - end}x{one.size}s"
        end = one.start + one.size
    return Struct(form).unpack_from


def _watch(charset: Charset) -> Callable[[str], object]:
    """Tells texts that need a look: what goes through the register, and control characters."""
    if isinstance(charset, HostCharset):
        return charset.watches
    return charset.watch.search


def _read_single(fields: Sequence[Field]) -> GroupReader:
    charset, space = _text(fields[0]).charset, fields[0].space
    texts = _byte_texts(charset)
    if "\ufffe" not in texts:
        return _read_others(fields)
    break_byte = bytes([texts.index("\ufffe")])
    texts = texts[: break_byte[0]] + _SEPARATOR + texts[break_byte[0] + 1 :]
    watch, cut, count = _watch(charset), _slices(fields), len(fields)
    spaces = (space,) * count

    def read(raw: bytes) -> Sequence[str] | None:
        joined = break_byte.join(map(bytes.rstrip, cut(raw), spaces))
        try:
            text = codecs.charmap_decode(joined, "strict", texts)[0]
        except UnicodeDecodeError:
            return None
        found = text.split(_SEPARATOR)
        return None if len(found) != count or watch("".join(found)) else found

    return read


def _write_single(fields: Sequence[Field]) -> GroupWriter:
    charset, space = _text(fields[0]).charset, fields[0].space
    table, unknown = bytearray(256), bytearray()
    for byte in range(256):
        try:
            raw = charset.encode(bytes([byte]).decode("cp932"))
        except (CharacterError, UnicodeDecodeError):
            raw = b""
        if len(raw) == 1:
            table[byte] = raw[0]
        else:
            unknown.append(byte)
    codes, missing = bytes(table), bytes(unknown)
    pick, sizes = picked([one.name for one in fields]), tuple(one.size for one in fields)
    digits = tuple(at for at, one in enumerate(fields) if one.field.type == "9")
    width, cut = sum(sizes), Struct("".join(f"{size}s" for size in sizes)).unpack
    half, watch = HALF_WIDTH.match, _watch(charset)

    def write(values: Mapping[str, str]) -> Sequence[bytes] | None:
        texts = pick(values)
        text = "".join(texts)
        if not half(text) or watch(text) or " \x1f" in _SEPARATOR.join((*texts, "")):
            return None
        if digits and (number := "".join([texts[at] for at in digits])) and not number.isdigit():
            return None
        padded = "".join(map(str.ljust, texts, sizes))
        if len(padded) != width:
            return None
        raw = padded.encode("ascii" if padded.isascii() else "cp932").translate(codes, missing)
        return cut(raw) if len(raw) == width else None

    return write if codes[32:33] == space else _write_others(fields)


def _text(one: Field) -> TextField:
    if not isinstance(one, TextField):
        raise TypeError("a field of characters")
    return one


# double bytes


def _shifts(one: TextField) -> tuple[bytes, bytes] | None:
    """The shift codes around double bytes."""
    shifts = one.charset.coding.shifts if isinstance(one.charset, HostCharset) else None
    return (shifts.wide_in[0], shifts.wide_out) if shifts else None


def _pairs(one: TextField) -> tuple[HostCharset, PairTexts]:
    charset = one.charset
    if not isinstance(charset, HostCharset) or charset.coding.pairs is None:
        raise TypeError("a field of double bytes")
    return charset, charset.coding.pairs


def _read_mixed(fields: Sequence[Field]) -> GroupReader:
    first = _text(fields[0])
    charset, pairs = _pairs(first)
    into, out = _shifts(first) or (b"", b"")
    begin, end, between = len(into), -len(out), out + b"\0" + into
    cut, space, fast = _slices(fields), first.space, charset.read
    blanks = tuple(one.nothing for one in fields)

    def read(raw: bytes) -> Sequence[str] | None:
        found: list[bytes] = []
        for piece, blank in zip(cut(raw), blanks, strict=True):
            if piece == blank:
                found.append(b"")
            elif piece[(last := piece.rfind(out) - end) :] == blank[last:]:
                found.append(piece[:last])
            else:
                found.append(piece.rstrip(space))
        full = [piece for piece in found if piece]
        joined = b"\0".join(full)
        texts = None
        if joined.startswith(into) and joined.endswith(out) and joined.count(0) == len(full) - 1:
            texts = pairs.read(joined[begin:end].replace(between, BREAK), len(full))
            if texts is not None and charset.watches("".join(texts)):
                texts = None
        if texts is None:
            texts = []
            for piece in full:
                if (text := fast(piece)) is None:
                    return None
                texts.append(text)
        each = iter(texts)
        return [next(each) if piece else "" for piece in found]

    return read


def _write_pairs(fields: Sequence[Field]) -> GroupWriter:
    """Mixed fields and wide fields: quickest where all their texts have double bytes only."""
    first = _text(fields[0])
    charset, pairs = _pairs(first)
    into, out = _shifts(first) or (b"", b"")
    pick = picked([one.name for one in fields])
    parts = tuple((one.size, one.nothing) for one in fields)
    writers = tuple(_text(one).write for one in fields)
    width, pad = sum(one.size for one in fields), _pad(first)
    ends = (" \x1f", "\u3000\x1f") if first.field.pad == "right-wide-space" else (" \x1f",)

    def write(values: Mapping[str, str]) -> Sequence[bytes] | None:
        texts = pick(values)
        full = [text for text in texts if text]
        if not full:
            return [nothing for _, nothing in parts]
        if not charset.watches("".join(full)) and (bodies := pairs.write(full)) is not None:
            joined = _SEPARATOR.join((*full, ""))
            if any(map(joined.__contains__, ends)):
                return None
            each = iter(bodies)
            found = [
                (into + next(each) + out).ljust(size, pad) if text else nothing
                for text, (size, nothing) in zip(texts, parts, strict=True)
            ]
            return found if sum(map(len, found)) == width else None
        return [writer(text) for writer, text in zip(writers, texts, strict=True)]

    return _refusing(write)


def _pad(one: TextField) -> bytes:
    """The byte that fills a field, of which a pair is two; ``b""`` when the two differ."""
    pair = one.wide_space if one.field.wide and one.field.pad == "right-wide-space" else one.space * 2
    return pair[:1] if pair[:1] == pair[1:] else b""


# all others


def _read_others(fields: Sequence[Field]) -> GroupReader:
    parts = tuple((one.quickly(), one.start, one.start + one.size) for one in fields)

    def read(raw: bytes) -> Sequence[str] | None:
        found: list[str] = []
        try:
            for quickly, start, end in parts:
                text = quickly(raw[start:end])
                if text is None:
                    return None
                found.append(text)
        except (CharacterError, NumberError):
            return None
        return found

    return read


def _write_others(fields: Sequence[Field]) -> GroupWriter:
    parts = tuple((one.name, one.write, one.field if isinstance(one, TextField) else None) for one in fields)

    def write(values: Mapping[str, str]) -> Sequence[bytes] | None:
        found: list[bytes] = []
        for name, one, typed in parts:
            text = values.get(name) or ""
            if typed is not None and type_finding(typed, text, _NOWHERE, None):
                return None
            found.append(one(text))
        return found

    return _refusing(write)


def _refusing(write: GroupWriter) -> GroupWriter:
    """The same, with ``None`` for what a field refuses."""

    def guarded(values: Mapping[str, str]) -> Sequence[bytes] | None:
        try:
            return write(values)
        except (CharacterError, NumberError):
            return None

    return guarded


def _reader(kind: str, fields: Sequence[Field]) -> GroupReader:
    if kind == "single":
        return _read_single(fields)
    if kind == "mixed":
        return _read_mixed(fields)
    numbers = [one for one in fields if isinstance(one, NumberField)]
    return read_packed(numbers, _slices(fields)) if kind in _PACKED else _read_others(fields)


def _writer(kind: str, fields: Sequence[Field]) -> GroupWriter:
    if kind == "single":
        return _write_single(fields)
    if kind == "mixed" or kind.startswith("wide"):
        return _write_pairs(fields)
    numbers = [one for one in fields if isinstance(one, NumberField)]
    return write_packed(numbers) if kind in _PACKED else _write_others(fields)
