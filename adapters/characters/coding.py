"""Host codings: single bytes, double bytes and the shift codes between them; exact, shift-aware, never replacing.

A coding reads in three ways. ``read`` is the fast one: the text if the bytes are exactly what ``write`` would give,
else ``None``. ``walk`` is the careful one: every code with its offset and what is wrong with it. ``feed`` is the
incremental one. Offsets are bytes from the start of what was given.
"""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from adapters.characters.pairs import PairTexts
from adapters.characters.problem import CharacterError

_SWAP = sys.byteorder == "little"
_UNDEFINED = "\ufffe"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_UNIT = f"[^{_SELECTORS}][{_SELECTORS}]?|."
_NO_CODE = "a character of the set"
_NOT_WRITTEN = "the character is written with other bytes"


@dataclass(frozen=True, slots=True)
class CodeTable:
    """The codes of one width. ``to_code`` holds only texts that read back as themselves.

    ``one_way`` are readable codes that are written otherwise; ``user`` maps the user area to its customary private-use
    characters; ``doubtful`` are codes that only the vendor's own table could tell; ``refused`` have no Unicode text.
    """

    name: str
    width: int
    to_text: Mapping[int, str]
    to_code: Mapping[str, bytes]
    one_way: frozenset[int] = frozenset()
    user: Mapping[int, str] = field(default_factory=dict)
    doubtful: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()

    def text(self, code: int) -> str:
        """The text of a code, ``""`` when it has none outside the user area."""
        return self.to_text.get(code, "")


def code_table(
    name: str,
    width: int,
    to_text: Mapping[int, str],
    *,
    never_written: frozenset[int] = frozenset(),
    second_choice: frozenset[int] = frozenset(),
    user: Mapping[int, str] | None = None,
    doubtful: frozenset[int] = frozenset(),
    refused: frozenset[int] = frozenset(),
) -> CodeTable:
    """A table from its readable codes: of several codes with one text the lowest of the first choice is written."""
    to_code: dict[str, bytes] = {}
    for code in sorted(to_text, key=lambda code: (code in second_choice, code)):
        if code not in never_written:
            to_code.setdefault(to_text[code], code.to_bytes(width))
    one_way = frozenset(code for code, text in to_text.items() if to_code.get(text) != code.to_bytes(width))
    return CodeTable(name, width, to_text, to_code, one_way, user or {}, doubtful, refused)


@dataclass(frozen=True, slots=True)
class Shifts:
    """Shift codes. The first of ``wide_in`` is the one written; ``body`` matches any byte of a wide code.

    No byte of ``body`` begins a shift code.
    """

    wide_in: tuple[bytes, ...]
    wide_out: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One code: ``text`` is empty when it could not be read, and then ``error`` and ``reason`` say why.

    A shift code has no text and no error; ``loss`` says that the bytes would be written otherwise.
    """

    offset: int
    code: bytes
    text: str = ""
    error: str = ""
    reason: str = ""
    loss: str = ""

    def failure(self) -> CharacterError:
        """The error of this step."""
        return CharacterError(self.error, self.offset, self.code.hex().upper(), self.reason)


class HostCoding:
    """A coding of single bytes, of double bytes, or of both with shift codes.

    ``private`` also reads and writes the user area as private-use characters and control characters: for Python's codec
    machinery, never for messages.
    """

    def __init__(
        self,
        name: str,
        single: CodeTable | None,
        wide: CodeTable | None,
        shifts: Shifts | None = None,
        *,
        private: bool = False,
    ) -> None:
        self.name = name
        self.single = single
        self.wide = wide
        self.shifts = shifts
        self.private = private
        self._single_decode = _byte_decoder(single, shifts, private=private) if single else ""
        several = _several(wide) if wide else ()
        tails = "".join(sorted({text[-1] for text in several}))
        self._wide_decode = _pair_decoder(wide, tails, private=private) if wide else []
        # wide codes of characters that a mixed text writes in one byte
        self._hidden = frozenset(_hidden(single, wide)) if single and wide else frozenset()
        for code in self._hidden:
            self._wide_decode[_index(code)] = None
        allowed = [] if single is None else [text for text in single.to_code if private or not is_control(text)]
        self._single_encode = {ord(text): single.to_code[text][0] for text in allowed} if single else {}
        self._wide_encode = dict(wide.to_code) if wide else {}
        if wide and private:
            self._wide_encode.update({text: code.to_bytes(2) for code, text in wide.user.items()})
        for code in self._hidden:
            self._wide_encode.pop(wide.text(code) if wide else "", None)
        self._long = wide is not None and any(len(text) > 1 for text in wide.to_code)
        self._unit = re.compile("|".join([*map(re.escape, several), _UNIT]), re.DOTALL)
        self._belongs = re.compile(f"[{_SELECTORS}{re.escape(tails)}]")
        joining = "".join(tail for tail in tails if tail in self._wide_encode)
        self._joined = re.compile(f"[{re.escape(joining)}]").search if joining else None
        if shifts:
            leads = {one[:1] for one in (*shifts.wide_in, shifts.wide_out)}
            into, out = re.escape(shifts.wide_in[0]), re.escape(shifts.wide_out)
            self._canonical = re.compile(into + b"(" + shifts.body + b"+)" + out, re.DOTALL)
            self._pairs = re.compile(b"(?:" + shifts.body + b"{2})+", re.DOTALL)
            self._plain = re.compile(b"[^" + b"".join(re.escape(lead) for lead in leads) + b"]+", re.DOTALL)
            self._runs = re.compile("([" + re.escape("".join(map(chr, self._single_encode))) + "]+)")

    # reading

    def read(self, raw: bytes) -> str | None:
        """The text of bytes that are exactly what is written for it; ``None`` for everything that needs a look."""
        try:
            if self.wide is None:
                return codecs.charmap_decode(raw, "strict", self._single_decode)[0]
            if self.shifts is None:
                table = self._wide_decode
                return "".join([table[code] for code in memoryview(raw).cast("H")])  # type: ignore[misc] # None raises
            return self._read_mixed(raw)
        except (UnicodeDecodeError, TypeError):
            return None

    def _read_mixed(self, raw: bytes) -> str | None:
        whole = self._canonical.fullmatch(raw)
        if whole:
            table = self._wide_decode
            return "".join([table[code] for code in memoryview(whole[1]).cast("H")])  # type: ignore[misc] # None raises
        parts = self._canonical.split(raw)
        if len(parts) == 1:
            return codecs.charmap_decode(raw, "strict", self._single_decode)[0]
        table = self._wide_decode
        single = self._single_decode
        last = len(parts) - 1
        pieces: list[str] = []
        for number, part in enumerate(parts):
            if number % 2:
                pieces += [table[code] for code in memoryview(part).cast("H")]  # type: ignore[misc] # join raises
            elif part:
                pieces.append(codecs.charmap_decode(part, "strict", single)[0])
            elif 0 < number < last:
                return None
        return "".join(pieces)

    def decode(self, raw: bytes) -> str:
        """The text of ``raw``; raises CharacterError (CB6002, CB6003, CB6020, CB6021) at the first wrong byte."""
        text = self.read(raw)
        if text is not None:
            return text
        pieces: list[str] = []
        for step in self.walk(raw):
            if step.error:
                raise step.failure()
            pieces.append(step.text)
        return "".join(pieces)

    def feed(self, raw: bytes, *, wide: bool, final: bool) -> tuple[str, int, bool]:
        """Text, bytes consumed and the shift state after them; raises CharacterError.

        Bytes of a code or shift that is not complete yet are left for the next time unless ``final``.
        """
        if self.shifts is None:
            width = 2 if self.wide else 1
            end = len(raw) if final else len(raw) - len(raw) % width
            return self.decode(raw[:end]), end, wide
        pieces: list[str] = []
        position = 0
        while position < len(raw):
            run = (self._pairs if wide else self._plain).match(raw, position)
            if run:
                pieces.append(self._run(run.group(), position, wide=wide))
                position = run.end()
                continue
            shift = self._shift(raw, position)
            if shift:
                wide = shift != self.shifts.wide_out
                position += len(shift)
            elif final or len(raw) - position > 1:
                raise next(step for step in self.walk(raw[position:], position, wide=wide) if step.error).failure()
            else:
                break
        if final and wide:
            raise _open_end(len(raw)).failure()
        return "".join(pieces), position, wide

    def _run(self, raw: bytes, offset: int, *, wide: bool) -> str:
        try:
            if not wide:
                return codecs.charmap_decode(raw, "strict", self._single_decode)[0]
            table = self._wide_decode
            return "".join([table[code] for code in memoryview(raw).cast("H")])  # type: ignore[misc] # None raises
        except (UnicodeDecodeError, TypeError):
            pieces = []
            for step in self._codes(raw, offset, wide=wide):
                if step.error:
                    raise step.failure() from None
                pieces.append(step.text)
            return "".join(pieces)

    def _shift(self, raw: bytes, position: int) -> bytes:
        if self.shifts is not None:
            for one in (*self.shifts.wide_in, self.shifts.wide_out):
                if raw.startswith(one, position):
                    return one
        return b""

    def walk(self, raw: bytes, offset: int = 0, *, wide: bool | None = None) -> Iterator[Step]:
        """Every code of ``raw`` in order; goes on after a wrong one."""
        if self.shifts is None:
            yield from self._codes(raw, offset, wide=self.wide is not None)
            return
        wide = bool(wide)
        position = 0
        opened = -1
        while position < len(raw):
            shift = self._shift(raw, position)
            if shift:
                into = shift != self.shifts.wide_out
                loss = ""
                if into == wide or (not into and opened == position) or (into and shift != self.shifts.wide_in[0]):
                    loss = "another shift code is written here"
                elif into and position and raw.endswith(self.shifts.wide_out, 0, position):
                    loss = "no shift code is written here"
                yield Step(offset + position, shift, loss=loss)
                wide = into
                position += len(shift)
                opened = position if into else -1
                continue
            code = raw[position : position + (2 if wide else 1)]
            yield from self._codes(code, offset + position, wide=wide)
            position += len(code)
        if wide:
            yield _open_end(offset + len(raw))

    def _codes(self, raw: bytes, offset: int, *, wide: bool) -> Iterator[Step]:
        table = self.wide if wide else self.single
        if table is None:
            raise TypeError("the coding has no such codes")
        for position in range(0, len(raw), table.width):
            code = raw[position : position + table.width]
            yield self._step(table, code, offset + position)

    def _step(self, table: CodeTable, code: bytes, offset: int) -> Step:
        if len(code) < table.width:
            return Step(offset, code, error="CB6002", reason="a whole character")
        value = int.from_bytes(code)
        text = table.text(value) or (table.user.get(value, "") if self.private else "")
        if text and not self.private and is_control(text):
            return Step(offset, code, error="CB6002", reason="no control character")
        if text:
            lossy = value in table.one_way or (table is self.wide and value in self._hidden)
            return Step(offset, code, text, loss=_NOT_WRITTEN if lossy else "")
        for codes, error, reason in (
            (table.user, "CB6003", "a row of the gaiji register"),
            (table.doubtful, "CB6021", "the vendor's own table (characters.tables)"),
            (table.refused, "CB6003", "a row of the gaiji register: no Unicode text is known"),
        ):
            if value in codes:
                return Step(offset, code, error=error, reason=reason)
        return Step(offset, code, error="CB6002", reason=f"a code of {self.name}")

    # writing

    def write(self, text: str) -> bytes | None:
        """The bytes of ``text``, ``None`` when some character has none."""
        try:
            if self.wide is None:
                return codecs.charmap_encode(text, "strict", self._single_encode)[0]
            if self.shifts is None:
                return self._write_wide(text)
            into, out = self.shifts.wide_in[0], self.shifts.wide_out
            if text and ord(text[0]) not in self._single_encode:
                try:
                    return into + self._write_wide(text) + out
                except KeyError:
                    pass  # it goes on in single bytes, or something has none
            pieces = []
            for number, part in enumerate(self._runs.split(text)):
                if number % 2:
                    pieces.append(codecs.charmap_encode(part, "strict", self._single_encode)[0])
                elif part:
                    pieces.append(into + self._write_wide(part) + out)
            return b"".join(pieces)
        except (UnicodeEncodeError, KeyError):
            return None

    def _write_wide(self, text: str) -> bytes:
        table = self._wide_encode
        if self._joined is None or not self._joined(text):
            try:
                return b"".join([table[char] for char in text])
            except KeyError:
                if not self._long:
                    raise
        return b"".join([table[unit] for unit in self._unit.findall(text)])

    @cached_property
    def pairs(self) -> PairTexts | None:
        """Its double bytes for many texts at once, without shift codes; ``None`` where that cannot be told apart."""
        made = PairTexts(self._wide_decode, self._wide_encode, self._joined) if self.wide else None
        return made if made and made.possible and "\x1f" not in self._wide_encode else None

    def joins(self, char: str) -> bool:
        """Whether a character may belong to the one before it: a selector or a combining mark of the set."""
        return bool(self._belongs.match(char))

    def encode(self, text: str, code_of: Callable[[str], bytes] | None = None) -> bytes:
        """The bytes of ``text``; raises CharacterError CB6007 at the index of the first character without bytes.

        ``code_of`` may give a wide code for a unit before the table is asked (the gaiji register).
        """
        raw = self.write(text) if code_of is None else None
        return self._encode_carefully(text, code_of) if raw is None else raw

    def _encode_carefully(self, text: str, code_of: Callable[[str], bytes] | None) -> bytes:
        pieces: list[bytes] = []
        position = 0
        wide_now = False
        for unit in self._unit.findall(text):
            code = code_of(unit) if code_of and self.wide else b""
            wide = bool(code)
            if not code and len(unit) == 1 and ord(unit) in self._single_encode:
                code = bytes((self._single_encode[ord(unit)],))
            elif not code:
                code, wide = self._wide_encode.get(unit, b""), True
            if not code:
                shown = " ".join(f"U+{ord(char):04X}" for char in unit)
                reason = f"{_NO_CODE} {self.name} or a row of the gaiji register"
                raise CharacterError("CB6007", position, shown, reason)
            if self.shifts and wide != wide_now:
                pieces.append(self.shifts.wide_in[0] if wide else self.shifts.wide_out)
                wide_now = wide
            pieces.append(code)
            position += len(unit)
        if self.shifts and wide_now:
            pieces.append(self.shifts.wide_out)
        return b"".join(pieces)


def _open_end(offset: int) -> Step:
    return Step(offset, b"", error="CB6020", reason="a shift back to single bytes before the end")


def is_control(text: str) -> bool:
    """Whether a text is one of the control characters, which no item may hold."""
    return text < " " or "\x7f" <= text <= "\x9f"


def _byte_decoder(table: CodeTable, shifts: Shifts | None, *, private: bool) -> str:
    reserved = {one[0] for one in (*shifts.wide_in, shifts.wide_out)} if shifts else set()
    reserved |= {code for code, text in table.to_text.items() if not private and is_control(text)}
    texts = [table.text(code) if code not in table.one_way else "" for code in range(256)]
    return "".join(_UNDEFINED if not text or code in reserved else text for code, text in enumerate(texts))


def _several(table: CodeTable) -> tuple[str, ...]:
    """The texts of more than one character of which the last is no selector, longest first."""
    found = {text for text in table.to_code if len(text) > 1 and not re.search(f"[{_SELECTORS}]\\Z", text)}
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def _pair_decoder(table: CodeTable, tails: str, *, private: bool) -> list[str | None]:
    """Texts indexed by the code as this machine reads two bytes; ``None`` where a look is needed.

    A character that could join the one before it into another code (``tails``) needs one.
    """
    found: list[str | None] = [None] * 0x10000
    readable = {code: text for code, text in table.to_text.items() if code not in table.one_way and text not in tails}
    if private:
        readable.update(table.user)
    for code, text in readable.items():
        found[_index(code)] = text
    return found


def _index(code: int) -> int:
    return (code >> 8 | code << 8) & 0xFFFF if _SWAP else code


def _hidden(single: CodeTable, wide: CodeTable) -> Iterator[int]:
    for code, text in wide.to_text.items():
        if text in single.to_code:
            yield code
