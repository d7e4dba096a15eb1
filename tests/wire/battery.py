"""Read the battery: one line, one raw HTTP request and the answer it must get (tests/corpus/battery/README.md)."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bus.core.basic import basic_header
from tests.wire.corpus import BYTE, message

FOLDER = Path(__file__).parent.parent / "corpus" / "battery"
NAMESPACE = "urn:chiikibus:standard:1.0:juki"
ACTION = f"{NAMESPACE}/jumin_shokai"
PATH = "/990019/tax/juki"
NUMBER = "000000000012345"
INQUIRY = (
    f'<j:jumin_shokai xmlns:j="{NAMESPACE}"><j:atenabango>{NUMBER}</j:atenabango>'
    "<j:kijunbi>2026-01-01</j:kijunbi></j:jumin_shokai>"
)
BASIC = basic_header("tax", "secret-of-tax")
TEXTS = {
    "{inquiry}": INQUIRY,
    "{ns}": NAMESPACE,
    "{action}": ACTION,
    "{path}": PATH,
    "{basic}": BASIC,
    "{lower}": BASIC.replace("Basic", "basic"),
    "{juki}": basic_header("juki", "secret-of-juki"),
}
ESCAPE = {"\\r": "\r", "\\n": "\n", "\\t": "\t"}
REPEAT = re.compile(r"\[\[(\d+)\*(.*?)\]\]", re.DOTALL)
WHOLE = f"@B({INQUIRY})"


@dataclass(frozen=True, slots=True)
class Attack:
    """One request: what stands in its line, and what must come back. ``status`` 0: the connection just ends."""

    file: str
    name: str
    head: str
    message: str
    coding: str
    status: int
    code: str
    faultcode: str
    kept: bool

    @property
    def is_large(self) -> bool:
        """Whether the request has more than a megabyte, or stands for one that has."""
        counts = [int(count) * len(part) for count, part in REPEAT.findall(self.message + self.head + self.coding)]
        return sum(counts) > 1_000_000 or "bomb" in self.coding or "beyond" in self.coding

    def raw(self, number: int, listener: str) -> bytes:
        """The bytes; ``number`` makes ids unlike each other, ``listener`` is a host that must never be asked."""
        texts = {**TEXTS, "{id}": f"urn:uuid:battery-{number}", "{listener}": listener}
        body = self._body(texts)
        for step in self.coding.split("|") if self.coding else ():
            body = _coded(body, step)
        chunks = next((step for step in self.coding.split("|") if step.startswith("chunked")), "")
        if chunks:
            trailer = self.coding.partition("|trailer ")[2]
            body = _chunked(body, chunks, _expand(trailer, texts))
        head = self._head(len(body), texts)
        if self.message.startswith("RAW:"):
            plain = message(WHOLE, "")
            text = _expand(self.message[4:], texts)
            return _bytes(text).replace(b"{head}", head).replace(b"{whole}", self._head(len(plain), texts) + plain)
        return head + body

    def _body(self, texts: dict[str, str]) -> bytes:
        if self.message.startswith("RAW:"):
            return b""
        text = self.message or WHOLE
        for name, value in texts.items():
            text = text.replace(name, value)
        codec = next((step[7:] for step in self.coding.split("|") if step.startswith("encode ")), "")
        if codec == "utf-16 lone":
            return message(text, "").decode().replace("\\ud800", "\ud800").encode("utf-16", "surrogatepass")
        return message(text, codec.replace(" ", "-"))

    def _head(self, length: int, texts: dict[str, str]) -> bytes:
        start = f"POST {PATH} HTTP/1.1"
        fields: list[tuple[str, str | None]] = [
            ("Host", " bus.example"),
            ("Content-Type", " text/xml; charset=utf-8"),
            ("SOAPAction", f' "{ACTION}"'),
            ("Authorization", f" {BASIC}"),
        ]
        if "Transfer-Encoding" not in self.head or "Content-Length" in self.head:
            fields.append(("Content-Length", f" {length}"))
        for edit in filter(None, _repeat(self.head).split("|")):
            mark, rest = (edit[0], edit[2:]) if edit[:2] in {"= ", "- ", "< ", "+ "} else ("", edit)
            name, colon, value = rest.partition(":")
            known = [at for at, field in enumerate(fields) if field[0] == name]
            if mark == "=":
                start = rest
            elif mark == "-":
                fields = [field for field in fields if field[0] != name]
            elif mark == "" and known:
                fields[known[0]] = (name, value)
            else:
                fields.insert(0 if mark == "<" else len(fields), (name, value if colon else None))
        lines = [start, *(name if value is None else f"{name}:{value}" for name, value in fields)]
        return _bytes(_expand("\r\n".join(lines), {**texts, "{length}": str(length)}) + "\r\n\r\n")


def attacks() -> list[Attack]:
    """All lines of all files."""
    return [attack for path in sorted(FOLDER.glob("*.csv")) for attack in _read(path)]


def _read(path: Path) -> Iterator[Attack]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Attack(
                path.stem,
                row["name"],
                row["head"],
                row["message"],
                row["coding"],
                int(row["status"] or 0),
                row["code"],
                row["faultcode"],
                row["connection"] == "open",
            )


def _expand(text: str, texts: dict[str, str]) -> str:
    for name, value in texts.items():
        text = text.replace(name, value)
    return _repeat(text)


def _repeat(text: str) -> str:
    return REPEAT.sub(lambda match: match[2] * int(match[1]), text)


def _bytes(text: str) -> bytes:
    for escape, character in ESCAPE.items():
        text = text.replace(escape, character)
    return BYTE.sub(lambda match: bytes([int(match[1], 16)]), text.encode())


def _chunked(body: bytes, step: str, trailer: str) -> bytes:
    size, semicolon, extension = step.removeprefix("chunked ").partition(";")
    extension = semicolon + _repeat(extension)
    parts = [body[at : at + int(size)] for at in range(0, len(body), int(size))]
    chunks = b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension.encode(), part) for part in parts)
    return chunks + b"0\r\n" + (f"{trailer}\r\n" if trailer else "").encode() + b"\r\n"


def _coded(body: bytes, step: str) -> bytes:
    packed = gzip.compress(body, mtime=0)
    match step:
        case "gzip":
            return packed
        case "gzip parts":
            return gzip.compress(body[:50], mtime=0) + gzip.compress(body[50:], mtime=0)
        case "gzip wrong":
            return packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
        case "gzip more":
            return packed + b"more"
        case "gzip nothing":
            return gzip.compress(b"", mtime=0)
        case "gzip bomb":
            return gzip.compress(bytes(200_000_000), 9, mtime=0)
        case "gzip beyond":
            return gzip.compress(b"<" + bytes(range(1, 256)) * 70_000, mtime=0)
        case "deflate":
            return zlib.compress(body)
        case "cut":
            return body[:-10]
        case "cut1":
            return body[:-1]
        case _:
            return body
