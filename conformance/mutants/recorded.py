"""Seeded nonconformities of descriptions and recordings: rows of CSV tables that edit a base without fault.

Rows of one id belong together: each is one edit, the first says what must fail. ``fails`` are exactly the requirements
that may object; ``keeps`` are requirements that must be judged and pass all the same. Operations on a file of the base:
``replace`` the first occurrence, ``replace-all``, ``encode`` into a codec (``find`` is empty), ``prefix`` bytes in
hexadecimal, ``drop`` the file, ``none`` for a control. The length of an HTTP body is written anew unless ``raw-``
stands before the operation. A base that holds ``NAME.request`` and ``NAME.response`` files is a recording of exchanges
in the order of their names, where an edit names one of them.
Line ends of heads are CRLF. Escapes such as ``\\u3000``, ``\\r`` and ``\\n`` are read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from conformance.evidence import Bundle, Circumstances, Exchange

HOME: Final = Path(__file__).parent
MAIN: Final = "service.wsdl"
SIDES: Final = (".request", ".response")
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[rnt\\])")
_LENGTH: Final = re.compile(rb"(?m)^Content-Length: [0-9]+")
_PLAIN: Final = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}


class MutantError(Exception):
    """A table of mutants is wrong: an edit that changes nothing, a base that is not there."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of one file."""

    file: str
    op: str
    find: str
    replace: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A nonconformity: its edits, the requirements that must fail and those that must pass all the same."""

    id: str
    base: str
    fails: frozenset[str]
    keeps: frozenset[str]
    text_ja: str
    text_en: str
    edits: tuple[Edit, ...]


def load(path: Path) -> tuple[Mutant, ...]:
    """The mutants of a table in its order."""
    found: dict[str, Mutant] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            edit = Edit(row["file"], row["op"], unescape(row["find"]), unescape(row["replace"]))
            if row["id"] in found:
                before = found[row["id"]]
                found[row["id"]] = replace(before, edits=(*before.edits, edit))
            else:
                found[row["id"]] = Mutant(
                    row["id"], row["base"], frozenset(row["fails"].split()), frozenset(row["keeps"].split()),
                    row["text_ja"], row["text_en"], (edit,),
                )  # fmt: skip
    return tuple(found.values())


def tables() -> Iterator[Path]:
    """The tables of recordings and descriptions."""
    yield from (
        HOME / name
        for name in ("wsdl.csv", "messages.csv", "addressing.csv", "security.csv", "reliability.csv", "attachments.csv")
    )


def unescape(text: str) -> str:
    """The text with its escapes read."""

    def one(match: re.Match[str]) -> str:
        sign = match.group(1)
        return _PLAIN[sign] if sign in _PLAIN else chr(int(sign[1:], 16))

    return _ESCAPE.sub(one, text)


def bundle(mutant: Mutant) -> Bundle:
    """The evidence that a mutant leaves: its description, and the message that its edits are about."""
    folder = HOME / "bases" / mutant.base
    files = {one.name: one.read_bytes() for one in sorted(folder.iterdir())}
    message = next((edit.file for edit in mutant.edits if edit.file.endswith(".http")), "")
    if message:
        files[message] = on_the_wire((HOME / "bases" / "messages" / message).read_bytes())
    files |= {name: on_the_wire(raw) for name, raw in files.items() if name.endswith(SIDES)}
    for edit in mutant.edits:
        _edit(files, edit, mutant.id)
    spoken = any(edit.file.endswith(SIDES) for edit in mutant.edits)
    exchanges = (_conversation(files) if spoken else ()) if not message else (_exchange(message, files[message]),)
    roles = ("provider", "consumer") if exchanges else ("wsdl",)
    main = MAIN if MAIN in files else ""
    return Bundle(Circumstances("mutant", roles, mutant.id, "", "1.0", wsdl=main, exchanges=exchanges), files)


def _conversation(files: Mapping[str, bytes]) -> tuple[Exchange, ...]:
    """The exchanges of a base that is a recording: files ``NAME.request`` and ``NAME.response``, by name."""
    names = dict.fromkeys(name.rpartition(".")[0] for name in sorted(files) if name.endswith(SIDES))
    sides = ({side: f"{name}{side}" if f"{name}{side}" in files else "" for side in SIDES} for name in names)
    return tuple(Exchange(name, "", side[SIDES[0]], side[SIDES[1]]) for name, side in zip(names, sides, strict=True))


def _exchange(name: str, raw: bytes) -> Exchange:
    answer = raw.startswith(b"HTTP/")
    return Exchange(name, "", "" if answer else name, name if answer else "")


def on_the_wire(text: bytes) -> bytes:
    """An HTTP message from a file: CRLF in its head and in a multipart body, its length written in."""
    head, _, body = text.partition(b"\n\n")
    if b"multipart/" in head:
        body = body.replace(b"\n", b"\r\n")
    return with_length(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body.rstrip(b"\r\n"))


def with_length(raw: bytes) -> bytes:
    """The message with the right Content-Length, where it has one."""
    head, separator, body = raw.partition(b"\r\n\r\n")
    return _LENGTH.sub(b"Content-Length: %d" % len(body), head, count=1) + separator + body


def _edit(files: dict[str, bytes], edit: Edit, name: str) -> None:
    before = files.get(edit.file)
    if before is None:
        raise MutantError(f"{name}: there is no {edit.file}")
    op = edit.op.removeprefix("raw-")
    if op == "none":
        return
    if op == "drop":
        del files[edit.file]
        return
    after = changed(before, op, edit)
    if after == before:
        raise MutantError(f"{name}: the edit of {edit.file} changes nothing")
    files[edit.file] = (
        with_length(after) if edit.file.endswith((".http", *SIDES)) and not edit.op.startswith("raw-") else after
    )


def changed(before: bytes, op: str, edit: Edit) -> bytes:
    """The bytes after an edit."""
    head, separator, body = before.rpartition(b"\r\n\r\n")
    if op == "prefix":
        return head + separator + bytes.fromhex(edit.replace) + body
    if op == "encode":
        return head + separator + body.decode().encode(edit.replace)
    count = -1 if op == "replace-all" else 1
    return before.replace(edit.find.encode(), edit.replace.encode(), count)
