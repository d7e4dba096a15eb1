"""Look through a vendor's bytes and say, by offset, everything about their characters that somebody has to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from adapters.characters.charset import Charset
from adapters.characters.host_charset import HostCharset
from adapters.characters.mj import unregistered, unstable
from adapters.characters.problem import CharacterError
from bus.core.repertoire import Repertoire

UNREADABLE = "unreadable"
LOSSY = "lossy"
UNSTABLE = "unstable"
UNREGISTERED = "unregistered"
OUTSIDE = "outside"
KINDS_JA: Mapping[str, str] = MappingProxyType(
    {
        UNREADABLE: "読めない・登録のない文字",
        LOSSY: "別のバイト列で書かれる文字",
        UNSTABLE: "正規化（NFC）で別の字になる文字",
        UNREGISTERED: "登録のない異体字列・単独の選択子",
        OUTSIDE: "取り決めた文字集合にない文字",
    }
)


@dataclass(frozen=True, slots=True)
class Remark:
    """One place: byte offset in the file, kind, the bytes or code points concerned, and why; ``code`` of an error."""

    offset: int
    kind: str
    subject: str
    reason: str
    code: str = ""


@dataclass(slots=True)
class Inspection:
    """What was found: the first ``keep`` remarks, and counts of all by kind and subject."""

    keep: int = 1000
    characters: int = 0
    size: int = 0
    remarks: list[Remark] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, remark: Remark) -> None:
        """Count a remark and keep it while there is room."""
        self.counts[remark.kind, remark.subject] += 1
        if len(self.remarks) < self.keep:
            self.remarks.append(remark)

    def of_kind(self, kind: str) -> int:
        """How many remarks of a kind there are."""
        return sum(count for (one, _), count in self.counts.items() if one == kind)


def texts(data: bytes, charset: Charset, record_bytes: int = 0) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of each text of a file: its records of a fixed length, or its lines without their ends.

    Host code has no line ends (0A begins a shift code of KEIS): without a length the whole file is one text.
    """
    if record_bytes or isinstance(charset, HostCharset):
        for offset in range(0, len(data), record_bytes or max(1, len(data))):
            yield offset, data[offset : offset + (record_bytes or len(data))]
        return
    offset = 0
    for line in data.splitlines(keepends=True):
        yield offset, line.rstrip(b"\r\n")
        offset += len(line)


def inspect(pieces: Iterator[tuple[int, bytes]], charset: Charset, repertoire: Repertoire | None = None) -> Inspection:
    """Look at pieces of a file (offset, bytes), each a whole text: a line, a field, a record."""
    found = Inspection()
    for offset, raw in pieces:
        found.size += len(raw)
        for start, part in _readable(found, charset, raw, offset):
            text, losses = charset.decode_carefully(part)
            found.characters += len(text)
            for loss in losses:
                found.note(Remark(start + loss.position, LOSSY, loss.subject, loss.reason))
            _remarks(found, text, start, repertoire)
    return found


def _readable(found: Inspection, charset: Charset, raw: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """The stretches of ``raw`` that can be read; what stands between them is noted."""
    if isinstance(charset, HostCharset):
        if not any(step.error for step in charset.steps(raw)):
            yield offset, raw
            return
        for step in charset.steps(raw):
            shown = step.code.hex().upper() or "-"
            if step.error:
                found.note(Remark(offset + step.offset, UNREADABLE, shown, step.reason, step.error))
            elif step.loss:
                found.note(Remark(offset + step.offset, LOSSY, shown, step.loss))
        return
    while raw:
        try:
            charset.decode(raw)
        except CharacterError as error:
            place = min(error.position, len(raw) - 1)
            width = max(1, len(error.subject) // 2) if not error.subject.startswith("U+") else _width(raw, place)
            found.note(Remark(offset + place, UNREADABLE, error.subject, error.reason, error.code))
            if place:
                yield offset, raw[:place]
            offset, raw = offset + place + width, raw[place + width :]
            continue
        yield offset, raw
        return


def _width(raw: bytes, place: int) -> int:
    """The length of the UTF-8 character at a place."""
    width = 1
    while place + width < len(raw) and raw[place + width] & 0xC0 == 0x80:
        width += 1
    return width


def _remarks(found: Inspection, text: str, offset: int, repertoire: Repertoire | None) -> None:
    for char in unstable().intersection(text):
        subject = f"U+{ord(char):04X}"
        for _ in range(text.count(char)):
            found.note(Remark(offset, UNSTABLE, subject, "NFC/NFKC を掛けない / never normalise"))
    for at in unregistered(text):
        subject = " ".join(f"U+{ord(char):04X}" for char in text[max(0, at - 1) : at + 1])
        found.note(Remark(offset, UNREGISTERED, subject, "a pair of the Ideographic Variation Database"))
    if repertoire is not None:
        for _, unit in repertoire.outside(text):
            subject = " ".join(f"U+{ord(char):04X}" for char in unit)
            found.note(Remark(offset, OUTSIDE, subject, repertoire.name_ja))
