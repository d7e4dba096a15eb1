"""Packed numbers of a host record, read and written together as one text of half bytes; only what is ordinary.

``None`` stands for anything else: another sign, a digit that is none, zeros that would not come back, too many digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from struct import Struct

from adapters.codecs.host_fields import NumberField

_SEPARATOR = "\x1f"
_REFUSED = "?"


def packed_kind(one: NumberField) -> str:
    """``unsigned``, ``signed`` or ``kept`` (with all its zeros) for numbers that go together, else ``""``."""
    form = one.form
    marks = "cd" if form.sign == "signed" else "f"
    usual = form.usage == "packed" and form.sign in {"unsigned", "signed"} and form.digits == form.most
    if not usual or form.scale or (one.absent and one.nothing.hex()[-1] in marks):
        return ""
    if form.keep_zeros:
        return "" if form.sign == "signed" else "kept"
    return form.sign


def read_packed(
    fields: Sequence[NumberField], cut: Callable[[bytes], tuple[bytes, ...]]
) -> Callable[[bytes], Sequence[str] | None]:
    """Bytes of a record to the texts of ``fields`` (all of one kind), which ``cut`` takes out of it."""
    kind, start = packed_kind(fields[0]), 0
    places: list[tuple[int, int]] = []
    for one in fields:
        places.append((start, start + 2 * one.size - 1))
        start += 2 * one.size
    parts, ends = tuple(places), [end for _, end in places]
    marked: Callable[[str], Sequence[str]] = itemgetter(*ends, ends[0])
    blanks = tuple({one.nothing: ""} if one.absent else {} for one in fields)
    zeros, nought = ("", "") if kind == "kept" else ("0", "0")

    def read(raw: bytes) -> Sequence[str] | None:
        pieces = cut(raw)
        nibbles = b"".join(pieces).hex()
        numbers = [nibbles[begin:end].lstrip(zeros) for begin, end in parts]
        if (digits := "".join(numbers)) and not digits.isdigit():
            return None
        each = zip(numbers, marked(nibbles), pieces, blanks, strict=False)
        try:
            if kind == "signed":
                return [
                    (number or "0") if mark == "c" else f"-{number}" if mark == "d" and number else blank[piece]
                    for number, mark, piece, blank in each
                ]
            return [(number or nought) if mark == "f" else blank[piece] for number, mark, piece, blank in each]
        except KeyError:
            return None

    return read


def picked(names: Sequence[str]) -> Callable[[Mapping[str, str]], Sequence[str]]:
    """A function that takes the texts of ``names`` out of a record, ``""`` for absent ones."""
    at_once: Callable[[Mapping[str, str]], Sequence[str]] = itemgetter(*names, names[0])

    def pick(values: Mapping[str, str]) -> Sequence[str]:
        try:
            return at_once(values)[:-1]
        except KeyError:
            return [values.get(name) or "" for name in names]

    return pick


def write_packed(fields: Sequence[NumberField]) -> Callable[[Mapping[str, str]], Sequence[bytes] | None]:
    """Values of a record to the bytes of ``fields`` (all of one kind)."""
    kind = packed_kind(fields[0])
    pick = picked([one.name for one in fields])
    widths = tuple(2 * one.size - 1 for one in fields)
    blanks = tuple(one.nothing.hex() if one.absent else _REFUSED for one in fields)
    length = sum(2 * one.size for one in fields)
    cut = Struct("".join(f"{one.size}s" for one in fields)).unpack

    def write(values: Mapping[str, str]) -> Sequence[bytes] | None:
        numbers = pick(values)
        marks: Sequence[str] = "f" * len(numbers)
        if kind == "signed":
            if "-" in numbers or "-0" in numbers:
                return None
            marks = ["d" if number[:1] == "-" else "c" for number in numbers]
            numbers = [number[1:] if mark == "d" else number for number, mark in zip(numbers, marks, strict=True)]
        digits = "".join(numbers)
        if digits and not (digits.isascii() and digits.isdigit()):
            return None
        each = zip(numbers, widths, marks, blanks, strict=True)
        if kind == "kept":
            halves = [
                number + mark if len(number) == width else _REFUSED if number else blank
                for number, width, mark, blank in each
            ]
        elif "\x1f0" in _SEPARATOR.join(("", *numbers)) and any(one[:1] == "0" and one != "0" for one in numbers):
            return None
        else:
            halves = [number.zfill(width) + mark if number else blank for number, width, mark, blank in each]
        nibbles = "".join(halves)
        return None if _REFUSED in nibbles or len(nibbles) != length else cut(bytes.fromhex(nibbles))

    return write
