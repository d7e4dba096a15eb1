"""A host coding as the character set of a layout: strict, with the gaiji register, without control characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from adapters.characters.coding import CodeTable, HostCoding, Step
from adapters.characters.codings import host_coding, parts_of
from adapters.characters.problem import CharacterLoss
from adapters.characters.register import EMPTY, GaijiRegister

_CONTROLS = "\x00-\x1f\x7f-\x9f"
_OTHER_BYTES = "the text is written with other bytes"


class HostCharset:
    """One system's JEF, KEIS, JIPS, IBM host code, EBCDIC or 住基 code.

    ``single`` and ``wide`` are the same system's character set for fields of one kind only (no shift codes), ``None``
    where it has none. ``space`` and ``wide_space`` are the bytes of U+0020 and U+3000, empty where there is none.
    """

    def __init__(
        self,
        name: str,
        register: GaijiRegister = EMPTY,
        *,
        gaiji: bool = True,
        tables: Path | None = None,
    ) -> None:
        self.name = name
        self.coding: HostCoding = host_coding(name, tables)
        self._arguments = (register, gaiji, tables)
        register = register.of_kind(private_use=False).of_codes(self._is_open) if gaiji else EMPTY
        self._register = register
        self._watched = bool(register.rows)
        self._read = self.coding.read
        self.watch = re.compile(f"[{_CONTROLS}{re.escape(register.first_characters)}]")

    def _is_open(self, code: str) -> bool:
        """Whether a decision may stand for a code: one that the set does not read by itself."""
        wide = self.coding.wide
        return wide is not None and int(code, 16) not in wide.to_text

    @property
    def single(self) -> HostCharset | None:
        """The set of its single-byte fields."""
        return self._part(parts_of(self.name)[0])

    @property
    def wide(self) -> HostCharset | None:
        """The set of its double-byte fields."""
        return self._part(parts_of(self.name)[1])

    def _part(self, name: str) -> HostCharset | None:
        register, gaiji, tables = self._arguments
        return HostCharset(name, register, gaiji=gaiji, tables=tables) if name else None

    @property
    def space(self) -> bytes:
        """The byte of a half-width space."""
        return _bytes_of(self.coding.single, " ")

    @property
    def wide_space(self) -> bytes:
        """The two bytes of a full-width space."""
        return _bytes_of(self.coding.wide, "\u3000")

    def watches(self, text: str) -> bool:
        """Whether something of a text goes through the register, or is a control character where there is one."""
        return self._watched and self.watch.search(text) is not None

    def read(self, raw: bytes) -> str | None:
        """The fast way: the text if nothing about it needs a look, else ``None``."""
        text = self._read(raw)
        return None if text is None or (self._watched and self.watch.search(text)) else text

    def decode(self, raw: bytes) -> str:
        """The text of ``raw``; raises CharacterError CB6002, CB6003 (gaiji), CB6020 (shift) or CB6021 (table)."""
        text = self._read(raw)
        if text is None or (self._watched and self.watch.search(text)):
            return self.decode_carefully(raw)[0]
        return text

    def decode_carefully(self, raw: bytes) -> tuple[str, tuple[CharacterLoss, ...]]:
        """The text and every place whose bytes would be written differently."""
        pieces: list[str] = []
        losses: list[CharacterLoss] = []
        for step in self.steps(raw):
            if step.error:
                raise step.failure()
            pieces.append(step.text)
            if step.loss:
                losses.append(CharacterLoss(step.offset, step.code.hex().upper(), step.loss))
        text = "".join(pieces)
        if not losses:
            losses.extend(self._difference(text, raw))
        return text, tuple(losses)

    def steps(self, raw: bytes) -> Iterator[Step]:
        """Every code of ``raw`` with its offset, read through the register; goes on after a wrong one."""
        for step in self.coding.walk(raw):
            sequence = self._register.sequence(step.code.hex().upper()) if step.error and len(step.code) == 2 else ""
            yield Step(step.offset, step.code, sequence) if sequence else step

    def _difference(self, text: str, raw: bytes) -> list[CharacterLoss]:
        """Where ``text`` would be written otherwise although each code by itself would not."""
        written = self.encode(text)
        if written == raw:
            return []
        position = next((i for i, (a, b) in enumerate(zip(written, raw, strict=False)) if a != b), len(raw))
        return [CharacterLoss(position, raw[position : position + 2].hex().upper(), _OTHER_BYTES)]

    def encode(self, text: str) -> bytes:
        """The bytes of ``text``; raises CharacterError CB6007 at the index of the character that has none."""
        if not self._watched:
            return self.coding.encode(text)
        raw = None if self.watch.search(text) else self.coding.write(text)
        return self.coding.encode(text, self._code) if raw is None else raw

    def _code(self, unit: str) -> bytes:
        return bytes.fromhex(self._register.code(unit))


def _bytes_of(table: CodeTable | None, text: str) -> bytes:
    return b"" if table is None else table.to_code.get(text, b"")
