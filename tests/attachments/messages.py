"""Multipart messages for tests, written by hand or by the standard library, never by the writer under test."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from email.generator import BytesGenerator
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import HTTP
from functools import cache
from io import BytesIO
from pathlib import Path

from bus.core.types import Package
from bus.wire.attachments.limits import PackageLimits
from bus.wire.attachments.package import PackageReader

CORPUS = Path(__file__).with_name("corpus") / "hostile.toml"
SWA = 'multipart/related; boundary=b; type="text/xml"'
MTOM = 'multipart/related; boundary=b; type="application/xop+xml"; start-info="text/xml"'
ENVELOPE = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x xmlns="urn:x"/></s:Body></s:Envelope>'
)
LIMITS = PackageLimits(max_root=64 * 1024)


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the corpus."""

    name: str
    content_type: str
    body: bytes
    code: str


@cache
def cases() -> tuple[Case, ...]:
    """The corpus with its abbreviations written out."""
    rows = tomllib.loads(CORPUS.read_text("utf-8"))["case"]
    return tuple(Case(row["name"], row.get("type", SWA), _written_out(row["body"]), row["code"]) for row in rows)


def _written_out(body: str) -> bytes:
    """The abbreviations of the corpus."""
    abbreviations = {
        "{root}": "--b¶Content-Type: text/xml¶¶{envelope}¶",
        "{part}": "--b¶Content-Type: text/csv¶Content-ID: <a@x>¶¶a,b¶",
        "{envelope}": ENVELOPE.decode(),
        "{long}": "x" * 300,
        "{huge}": "x" * 70_000,
        "{fields}": "X-Field: y¶" * 900,
        "{many}": "".join(f"--b¶Content-ID: <p{n}>¶¶x¶" for n in range(10_000)),
        "¶": "\r\n",
    }
    for short, text in abbreviations.items():
        body = body.replace(short, text)
    return body.encode()


def read(
    body: bytes, content_type: str = SWA, *, sizes: tuple[int, ...] = (), limits: PackageLimits = LIMITS
) -> tuple[Package, bytes]:
    """The package and its root; ``sizes`` are those of the first pieces, the rest comes as one."""
    reader = PackageReader(content_type, limits)
    at = 0
    for size in sizes:
        reader.feed(body[at : at + size])
        at += size
    reader.feed(body[at:])
    return reader.finish("segment"), bytes(reader.root)


def part(name: str, content: bytes, *, media: str = "application/octet-stream", more: str = "") -> bytes:
    """One attachment with the boundary before it, boundary ``b``."""
    return f"--b\r\nContent-Type: {media}\r\nContent-ID: <{name}>\r\n{more}\r\n".encode() + content + b"\r\n"


def swa(envelope: bytes, *parts: bytes) -> bytes:
    """A SwA message of boundary ``b``."""
    root = b"--b\r\nContent-Type: text/xml; charset=utf-8\r\nContent-ID: <root@x>\r\n\r\n" + envelope + b"\r\n"
    return root + b"".join(parts) + b"--b--\r\n"


def mtom(envelope: bytes, *parts: bytes) -> bytes:
    """An MTOM message of boundary ``b``."""
    media = b'application/xop+xml; charset=utf-8; type="text/xml"'
    root = b"--b\r\nContent-Type: " + media + b"\r\nContent-ID: <root@x>\r\n\r\n" + envelope + b"\r\n"
    return root + b"".join(parts) + b"--b--\r\n"


def by_email(envelope: bytes, files: dict[str, bytes]) -> tuple[str, bytes]:
    """A SwA message as Python's own ``email`` package writes it: Content-Type and body."""
    whole = MIMEMultipart("related", type="text/xml", start="<root@x>", policy=HTTP)
    root = MIMEText(envelope.decode(), "xml", "utf-8", policy=HTTP)
    root["Content-ID"] = "<root@x>"
    whole.attach(root)
    for name, content in files.items():
        one = MIMEApplication(content, policy=HTTP)
        one["Content-ID"] = f"<{name}>"
        whole.attach(one)
    return _flat(whole)


def _flat(whole: Message) -> tuple[str, bytes]:
    target = BytesIO()
    BytesGenerator(target, policy=HTTP).flatten(whole)
    _, _, body = target.getvalue().partition(b"\r\n\r\n")
    return " ".join(str(whole["Content-Type"]).split()), body


CASES = cases()
