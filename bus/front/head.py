"""The head of a request by the rules of HTTP/1.1 (RFC 9110, RFC 9112): what is read from it, and what refuses it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_HOST: Final = re.compile(
    r"(?:\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._~-]+)?\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]{0,5})?"
)
_ABSOLUTE: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


def target(raw: str) -> tuple[str, str] | None:
    """Path and query of a request target, or ``None`` for one that is neither a path nor an absolute URL.

    The authority of an absolute URL (RFC 9112, 3.2.2) is passed over: the bus answers under any name.
    """
    if not raw.startswith("/") and raw != "*":
        absolute = _ABSOLUTE.match(raw)
        if absolute is None:
            return None
        raw = raw[absolute.end() :] or "/"
        if not raw.startswith("/"):
            raw = f"/{raw}"
    path, _, query = raw.partition("?")
    return path, query


def problem(method: str, path: str, version: str, headers: Mapping[str, str]) -> str:
    """The code by which a head is refused, or an empty text.

    CB1014 malformed, CB1019 an expectation that cannot be met, CB1020 a transfer coding that is not understood.
    """
    coding = headers.get("transfer-encoding")
    if coding is not None:
        codings = [each.strip() for each in coding.lower().split(",") if each.strip()]
        if version != "1.1" or codings[-1:] != ["chunked"]:
            return "CB1014"
        if len(codings) > 1:
            return "CB1020"
    if version != "1.1" and version != "1.0":  # noqa: PLR1714 - two comparisons take less than a membership test
        return "CB1014"
    if not host_is_one(headers.get("host", "" if version == "1.0" else "/")):
        return "CB1014"
    if method == "CONNECT" or (path == "*" and method != "OPTIONS"):
        return "CB1014"
    expected = headers.get("expect")
    return "CB1019" if expected is not None and expected.lower() != "100-continue" else ""


@lru_cache(maxsize=256)
def host_is_one(host: str) -> bool:
    """Whether a Host field holds one host with an optional port (RFC 9110, 7.2)."""
    return len(host) < 256 and _HOST.fullmatch(host) is not None
