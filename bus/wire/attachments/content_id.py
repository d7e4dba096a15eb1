"""Content-IDs: what may be one, and when a cid: reference means one. They are names, and never become paths."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from bus.core.errors import WireError
from bus.core.types import Finding
from bus.wire.attachments.limits import MAX_CONTENT_ID

SCHEME: Final = "cid:"

_ALLOWED: Final = re.compile(r"[!#$&'()*+,./0-9:;=?@A-Z\[\]^_`a-z{|}~%-]+")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})?")
_NEVER_ESCAPED: Final = re.compile(r"[A-Za-z0-9._~-]")
"""What has no reason to be escaped: an escaped dot is somebody's attempt at a path."""


def read(field: str) -> str:
    """The name in ``<...>``, as it is compared: percent escapes decoded once. Errors: CB1054."""
    text = field.strip(" \t")
    if len(text) < 3 or text[0] != "<" or text[-1] != ">":
        raise bad("<name>", f"{len(text)} characters without brackets")
    return normal(text[1:-1])


def reference(href: str) -> str:
    """The name that ``cid:...`` means, as it is compared. Errors: CB1056 not a cid: reference, CB1054 no name."""
    if href[:4].lower() != SCHEME:
        scheme = href.partition(":")[0]
        raise WireError("CB1056", [Finding("CB1056", path="href", expected="cid:", got=scheme[:16])])
    return normal(href[4:])


def url(name: str) -> str:
    """The reference to a part of this name; names of ours need no escapes."""
    return SCHEME + name


def normal(text: str) -> str:
    """``text`` without escapes if it may be a name.

    Refused are control characters and blanks, anything like a path (a leading slash, a backslash, dot segments, a
    slash outside a URI), escapes of what needs none, and escapes inside escapes. Errors: CB1054.
    """
    if not 0 < len(text) <= MAX_CONTENT_ID:
        raise bad(f"1 to {MAX_CONTENT_ID} characters", str(len(text)))
    if _ALLOWED.fullmatch(text) is None:
        raise bad("printable ASCII without blanks, quotes and backslashes", "another character")
    if "%" in text:
        text = _decoded(text)
    if path_like(text):
        raise bad("a name", "a path")
    return text


def path_like(text: str) -> bool:
    """Whether a careless receiver could take the name for a path of its file system."""
    before, slashes, rest = text.partition("://")
    if "\\" in text or "/" in before or (before[:1] in {"~", "."} and before.strip("~.") == ""):
        return True
    if re.fullmatch(r"[A-Za-z]:.*", text) and not slashes:
        return True
    return any(segment in {".", ".."} for segment in (*rest.split("/"), before))


def _decoded(text: str) -> str:
    """Escapes decoded once."""
    for match in _ESCAPE.finditer(text):
        if match[1] is None:
            raise bad("%XX", "an incomplete escape")
        character = chr(int(match[1], 16))
        if character == "%" or not " " < character < "\x7f" or _NEVER_ESCAPED.match(character):
            raise bad("no needless escape", f"%{match[1]}")
    return unquote_to_bytes(text).decode("ascii")


def bad(expected: str, got: str) -> WireError:
    """CB1054; the name itself is not quoted."""
    return WireError("CB1054", [Finding("CB1054", path="Content-ID", expected=expected, got=got)])
