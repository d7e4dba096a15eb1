"""The Content-Type of a message with attachments, and media types of parts, read strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bus.core.errors import WireError
from bus.core.types import Finding
from bus.wire.attachments import content_id
from bus.wire.attachments.limits import MAX_BOUNDARY

MULTIPART: Final = "multipart/related"
XML: Final = "text/xml"
XOP: Final = "application/xop+xml"

_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE: Final = re.compile(rf"({_NAME}/{_NAME})")
_PARAMETER: Final = re.compile(
    rf'[ \t]*;[ \t]*({_NAME})=({_NAME}(?:[:/?=@,]{_NAME})*|"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*")'
)
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-]")
_CHARSETS: Final = frozenset({"", "utf-8", "utf-16"})


def is_multipart(content_type: str) -> bool:
    """Whether a Content-Type is one of several parts; everything else about it is still to be judged."""
    return content_type[:10].lower() == "multipart/"


@dataclass(frozen=True, slots=True)
class Kind:
    """What the Content-Type of a multipart message says. ``start`` is a Content-ID without brackets, or empty."""

    boundary: bytes
    root: str
    start: str

    @property
    def mtom(self) -> bool:
        """Whether attachments stand for values of the envelope (XOP)."""
        return self.root == XOP


def read_kind(content_type: str) -> Kind:
    """The kind of a SOAP 1.1 message with attachments.

    Errors (WireError): CB1052 not multipart/related, or its type, start, start-info or boundary is missing or wrong.
    """
    media, parameters = parse(content_type)
    if media != MULTIPART:
        raise _bad("Content-Type", MULTIPART, media)
    root = parameters.get("type", "").partition(";")[0].strip().lower()
    if root not in {XML, XOP}:
        raise _bad("Content-Type type", f"{XML} | {XOP}", root)
    start_info = parameters.get("start-info", "").partition(";")[0].strip().lower()
    if root == XOP and start_info != XML:
        raise _bad("Content-Type start-info", XML, start_info)
    boundary = parameters.get("boundary", "")
    if not 0 < len(boundary) <= MAX_BOUNDARY or _BOUNDARY.fullmatch(boundary) is None:
        raise _bad("Content-Type boundary", "1 to 70 characters of RFC 2046", f"{len(boundary)} characters")
    start = content_id.read(parameters["start"]) if "start" in parameters else ""
    return Kind(boundary.encode("ascii"), root, start)


def root_type(content_type: str, kind: Kind) -> str:
    """The root part's own type as that of the XML in it, ``text/xml`` with its charset.

    Errors (WireError): CB1052 when it is not the type that the whole announces, CB1003 for another encoding.
    """
    media, parameters = parse(content_type)
    if media != kind.root:
        raise _bad("root Content-Type", kind.root, media)
    if kind.mtom and parameters.get("type", "").partition(";")[0].strip().lower() != XML:
        raise _bad("root Content-Type type", XML, parameters.get("type", ""))
    charset = parameters.get("charset", "").lower()
    if charset not in _CHARSETS:
        raise WireError(
            "CB1003", [Finding("CB1003", place="root Content-Type", expected="UTF-8 | UTF-16", got=charset[:32])]
        )
    return f"{XML}; charset={charset}" if charset else XML


def part_type(content_type: str) -> str:
    """The media type of an attachment in lower case. Errors: CB1052 unreadable, or again of several parts."""
    media, _ = parse(content_type)
    if media.startswith(("multipart/", "message/")):
        raise _bad("part Content-Type", "no parts inside a part", media)
    return media


def parse(content_type: str) -> tuple[str, dict[str, str]]:
    """Media type and parameters, names in lower case. Errors: CB1052 for anything that is not exactly that."""
    text = content_type.strip(" \t")
    found = _TYPE.match(text)
    if found is None:
        raise _bad("Content-Type", "type/subtype", f"{len(text)} characters")
    parameters: dict[str, str] = {}
    at = found.end()
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None:
            raise _bad("Content-Type", "; name=value", f"character {at + 1}")
        name, value = match[1].lower(), match[2]
        if name in parameters:
            raise _bad("Content-Type", "each parameter once", name[:32])
        parameters[name] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == '"' else value
        at = match.end()
    return found[1].lower(), parameters


def _bad(path: str, expected: str, got: str) -> WireError:
    """CB1052 at a place."""
    return WireError("CB1052", [Finding("CB1052", path=path, expected=expected, got=got[:64])])
