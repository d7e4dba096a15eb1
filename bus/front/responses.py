"""A ``Response`` as HTTP/1.1 bytes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from bus.wire.http import Response

_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def encode(
    response: Response, date: str, *, close: bool, announce_keep_alive: bool = False, head: bool = False
) -> bytes:
    """Status line, fields and body; a HEAD request gets the fields only. ``date`` is the whole Date field line.

    The bytes of a package follow by themselves (``bus.front.outflow``).
    """
    body = response.body
    length = len(body) if response.package is None else response.package.size
    lines = [_STATUS_LINES[response.status], date]
    if response.content_type:
        lines.append(f"Content-Type: {response.content_type}\r\n")
    lines.append(f"Content-Length: {length}\r\n")
    lines += [f"{name}: {value}\r\n" for name, value in response.headers]
    if close:
        lines.append("Connection: close\r\n\r\n")
    elif announce_keep_alive:
        lines.append("Connection: keep-alive\r\n\r\n")
    else:
        lines.append("\r\n")
    start = "".join(lines).encode("latin-1", "replace")
    return start if head or response.package is not None else start + body
