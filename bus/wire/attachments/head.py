"""The fields of one part, read strictly: names are tokens, lines end with CRLF, the three that count stand once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bus.core.errors import WireError
from bus.core.types import Finding
from bus.wire.attachments import content_id
from bus.wire.attachments.limits import PackageLimits
from bus.wire.attachments.transfer import ENCODINGS

_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", re.DOTALL)
_FOLD: Final = re.compile(rb"\r\n[ \t]+")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_ONCE: Final = frozenset({"content-id", "content-type", "content-transfer-encoding"})
MAX_TYPE: Final = 255


@dataclass(frozen=True, slots=True)
class PartHead:
    """What a part says of itself. ``content_id`` is as compared and empty when absent; ``encoding`` in lower case."""

    content_type: str
    content_id: str
    encoding: str


def read_head(raw: bytes, limits: PackageLimits) -> PartHead:
    """The fields in ``raw``, without the empty line that ends them.

    Errors (WireError): CB1053 syntax or too many fields, CB1054 Content-ID, CB1055 Content-Transfer-Encoding.
    """
    fields: dict[str, str] = {}
    lines = _FOLD.sub(b" ", raw).split(b"\r\n") if raw else []
    if len(lines) > limits.max_fields:
        raise _bad(f"<= {limits.max_fields} fields", str(len(lines)))
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None or _CONTROL.search(match[2]) is not None:
            raise _bad("name: value", "a line that is none")
        name = match[1].decode("ascii").lower()
        if name in _ONCE:
            if name in fields:
                raise _bad("each field once", name)
            if not match[2].isascii():
                raise _bad("ASCII", name)
            fields[name] = match[2].decode("ascii")
    content_type = fields.get("content-type", "")
    if len(content_type) > MAX_TYPE:
        raise _bad(f"<= {MAX_TYPE} characters", "content-type")
    encoding = fields.get("content-transfer-encoding", "binary").lower()
    if encoding not in ENCODINGS:
        finding = Finding("CB1055", path="Content-Transfer-Encoding", expected=" | ".join(ENCODINGS), got=encoding[:32])
        raise WireError("CB1055", [finding])
    name = content_id.read(fields["content-id"]) if "content-id" in fields else ""
    return PartHead(content_type, name, encoding)


def _bad(expected: str, got: str) -> WireError:
    """CB1053; what a sender wrote is not quoted."""
    return WireError("CB1053", [Finding("CB1053", path="part", expected=expected, got=got)])
