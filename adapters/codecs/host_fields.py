"""One field of a host record: how its bytes become text and back, padding and absence included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from adapters.characters.charset import Charset
from adapters.characters.problem import CharacterError, CharacterLoss
from adapters.codecs.field_text import type_finding
from adapters.codecs.host_numbers import NumberError, NumberForm
from adapters.sdk.errors import finding
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.types import Origin, Span
from bus.core.types import Finding

_WIDE_SPACE = "\u3000"


@runtime_checkable
class Parts(Protocol):
    """A character set that knows its single-byte and its double-byte half (``adapters.characters.host_charset``)."""

    @property
    def single(self) -> Charset | None:
        """The set of single-byte fields."""
        ...

    @property
    def wide(self) -> Charset | None:
        """The set of double-byte fields, without shifts."""
        ...

    @property
    def space(self) -> bytes:
        """The byte of a half-width space."""
        ...

    def read(self, raw: bytes) -> str | None:
        """The text, ``None`` when it needs a look."""
        ...


@dataclass(frozen=True, slots=True)
class TextField:
    """A field of characters: single bytes, mixed with shifts, or wide.

    ``fast`` gives the text of bytes about which nothing needs a look, else ``None``.
    """

    field: LayoutField
    start: int
    charset: Charset
    space: bytes
    wide_space: bytes
    nothing: bytes
    fast: Callable[[bytes], str | None]

    @property
    def name(self) -> str:
        """The field's name."""
        return self.field.name

    @property
    def size(self) -> int:
        """Width in bytes."""
        return self.field.bytes

    @property
    def span(self) -> Span:
        """Offset and width."""
        return self.start, self.size

    @property
    def plain(self) -> bool:
        """Whether it may be decoded together with its neighbours: single bytes, spaces on the right."""
        one = self.field
        return one.type != "N" and not (one.filler or one.blank or one.pad != "right-space")

    def quick(self, raw: bytes) -> str | None:
        """The text of single bytes when one byte is one character and nothing needs a look."""
        text = self.fast(raw)
        return text if text is not None and len(text) == len(raw) else None

    def _bare(self, raw: bytes) -> bytes:
        """The bytes without padding."""
        if raw == self.nothing:
            return b""
        if not self.field.wide:
            return raw.rstrip(self.space)
        end = len(raw)
        pads = {self.wide_space} if self.field.pad == "right-wide-space" else {self.space * 2}
        while end >= 2 and raw[end - 2 : end] in pads:
            end -= 2
        return raw[:end]

    def quickly(self) -> Callable[[bytes], str | None]:
        """A function from ordinary bytes to their value; ``None`` for everything that needs a look."""
        fast, space, nothing, one = self.fast, self.space, self.nothing, self.field
        pad = self.wide_space if one.pad == "right-wide-space" else space * 2
        if one.blank or one.pad == "left-zero" or (one.pad == "right-wide-space" and not one.wide):
            return self._exactly
        if not one.wide:

            def mixed(raw: bytes) -> str | None:
                bare = raw.rstrip(space)
                return fast(bare) if bare else ""

            return mixed
        if pad[0] != pad[1]:
            return self._exactly

        def wide(raw: bytes) -> str | None:
            if raw == nothing:
                return ""
            bare = raw.rstrip(pad[:1])
            return fast(bare if len(bare) % 2 == 0 else bare + pad[:1])

        return wide

    def _exactly(self, raw: bytes) -> str | None:
        text, exact = self.read(raw)
        return text if exact else None

    def read(self, raw: bytes) -> tuple[str, bool]:
        """The text, and whether it would be written with these bytes; raises CharacterError."""
        bare = self._bare(raw)
        if not bare:
            return "", raw == self.nothing
        text = self.fast(bare)
        if text is not None and self.field.pad == "left-zero":
            right = len(bare) == self.size and text.isascii() and text.isdigit()
            return (text.lstrip("0") or "0", True) if right else (text, False)
        if text is None:
            text, lost = self.charset.decode_carefully(bare)
            return text, not lost and self._same(text, raw)
        return text, self.field.pad != "right-wide-space" or self.field.wide or self._same(text, raw)

    def _same(self, text: str, raw: bytes) -> bool:
        try:
            return self.write(text) == raw
        except (CharacterError, NumberError):
            return False

    def read_carefully(self, raw: bytes) -> tuple[str, tuple[CharacterLoss, ...]]:
        """The text and what of it would be written differently."""
        bare = self._bare(raw)
        if not bare:
            other = (
                () if raw == self.nothing else (CharacterLoss(0, raw[:1].hex().upper(), "another way to be absent"),)
            )
            return "", other
        return self.charset.decode_carefully(bare)

    def checked(self, text: str, raw: bytes, origin: Origin, span: Span) -> tuple[str, Finding | None]:
        """The value without padding characters, and what is wrong with it."""
        one = self.field
        if text and one.pad == "left-zero" and len(self._bare(raw)) != one.bytes:
            return text, finding("E0002", origin, one.name, span=span, expected="zeros on the left", got="spaces")
        problem = type_finding(one, text, origin, span)
        if problem is None and text and one.pad == "left-zero":
            return text.lstrip("0") or "0", None
        if one.pad == "right-wide-space" and not one.wide:
            text = text.rstrip(_WIDE_SPACE)
        return text, problem

    def write(self, text: str) -> bytes:
        """The bytes with padding; raises CharacterError, NumberError CB6005 or CB6016."""
        one = self.field
        if not text:
            return self.nothing
        raw = self.charset.encode(text)
        if len(raw) > one.bytes:
            raise NumberError("CB6005", f"at most {one.bytes} bytes")
        kept = text.rstrip(" ")
        if one.pad == "right-wide-space":
            kept = kept.rstrip(_WIDE_SPACE)
        if one.pad == "left-zero":
            kept = text.lstrip("0") or "0"
        if kept != text:
            raise NumberError("CB6016", "a value that keeps its spaces or zeros beside the padding")
        if one.pad == "left-zero":
            return raw.rjust(one.bytes, self.charset.encode("0"))
        if one.wide:
            pad = self.wide_space if one.pad == "right-wide-space" else self.space * 2
            return raw + pad * ((one.bytes - len(raw)) // 2)
        if one.pad == "right-wide-space":
            wide = self.charset.encode(text + _WIDE_SPACE)
            while len(wide) <= one.bytes:
                raw, text = wide, text + _WIDE_SPACE
                wide = self.charset.encode(text + _WIDE_SPACE)
        return raw.ljust(one.bytes, self.space)


@dataclass(frozen=True, slots=True)
class NumberField:
    """A field that holds a number in a host's form."""

    field: LayoutField
    start: int
    form: NumberForm
    space: bytes
    nothing: bytes
    absent: bool

    @property
    def name(self) -> str:
        """The field's name."""
        return self.field.name

    @property
    def size(self) -> int:
        """Width in bytes."""
        return self.field.bytes

    @property
    def span(self) -> Span:
        """Offset and width."""
        return self.start, self.size

    def quickly(self) -> Callable[[bytes], str | None]:
        """A function from ordinary bytes to the number; ``None`` for everything that needs a look."""
        form, most = self.form, self.form.digits
        if form.usage != "packed" or form.scale or form.sign == "none":
            return self._exactly
        plus, minus = ("c", "d") if form.sign == "signed" else ("f", "")
        least = most if form.keep_zeros else 1

        def packed(raw: bytes) -> str | None:
            nibbles = raw.hex()
            mark, digits = nibbles[-1], nibbles[:-1].lstrip("0")
            if mark not in {plus, minus} or len(digits) > most or not (digits.isdigit() or not digits):
                return None
            if mark == minus:
                return f"-{digits.zfill(least)}" if digits else None
            return digits.zfill(least)

        def or_absent(raw: bytes) -> str | None:
            return "" if raw == self.nothing else packed(raw)

        return or_absent if self.absent else packed

    def _exactly(self, raw: bytes) -> str | None:
        text, exact = self.read(raw)
        return text if exact else None

    def read(self, raw: bytes) -> tuple[str, bool]:
        """The number; raises NumberError CB6070."""
        if self.absent and raw == self.nothing:
            return "", True
        return self.form.decode(raw)

    def read_carefully(self, raw: bytes) -> tuple[str, tuple[CharacterLoss, ...]]:
        """The number and whether its bytes would be written differently."""
        text, exact = self.read(raw)
        return text, () if exact else (CharacterLoss(0, raw[-1:].hex().upper(), "the sign is written otherwise"),)

    def checked(self, text: str, _raw: bytes, _origin: Origin, _span: Span) -> tuple[str, Finding | None]:
        """A number that was read is one."""
        return text, None

    def write(self, text: str) -> bytes:
        """The bytes; raises NumberError CB6005, CB6016 or E0002, CB6014 where the field cannot be absent."""
        if text:
            return self.form.encode(text)
        if not self.absent:
            raise NumberError("CB6014", "a number: the field has no way to be absent (blank)")
        return self.nothing


def make_fields(
    layout: Layout, fields: tuple[LayoutField, ...], charset: Charset
) -> tuple[TextField | NumberField, ...]:
    """The fields of a record in their order."""
    host = isinstance(charset, Parts)
    parts = cast(Parts, charset) if host else None
    single = (parts.single if parts else None) or charset
    wide = (parts.wide if parts else None) or charset
    space = (parts.space if parts else b"") or b" "
    wide_space = wide.encode(_WIDE_SPACE) if any(one.wide for one in fields) else b""
    found: list[TextField | NumberField] = []
    start = 0
    for one in fields:
        blanks = {"low": b"\0", "high": b"\xff", "space": space}
        if one.usage != "text":
            form = NumberForm(
                one.usage, one.bytes, one.digits, one.scale, one.sign, zone_of(layout, one, ebcdic=space == b"\x40"),
                one.order, one.keep_zeros,
            )  # fmt: skip
            nothing = form.zero if one.blank == "zero" else blanks.get(one.blank, b"\0") * one.bytes
            found.append(NumberField(one, start, form, space, nothing, absent=bool(one.blank)))
        else:
            chosen = wide if one.wide else single if one.type != "N" else charset
            nothing = blanks.get(one.blank, space) * one.bytes
            if one.wide and not one.blank and one.pad == "right-wide-space":
                nothing = wide_space * (one.bytes // 2)
            found.append(TextField(one, start, chosen, space, wide_space, nothing, _fast(chosen)))
        start += one.bytes
    return tuple(found)


def _fast(charset: Charset) -> Callable[[bytes], str | None]:
    """How a character set reads bytes about which nothing needs a look."""
    if isinstance(charset, Parts):
        return charset.read
    watch = charset.watch.search

    def ascii_only(raw: bytes) -> str | None:
        text = raw.decode("ascii") if raw.isascii() else None
        return None if text is None or watch(text) else text

    return ascii_only


def zone_of(layout: Layout, one: LayoutField, *, ebcdic: bool) -> str:
    """The zone of a zoned number: what the field says, else that of the character set."""
    return one.zone or ("ebcdic" if ebcdic else "ascii")
