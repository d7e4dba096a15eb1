"""Make coded adapter errors whose findings name file, record, item and byte offset."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.sdk.types import Origin, Span
from bus.core.errors import AdapterError
from bus.core.types import Finding


def finding(
    code: str,
    origin: Origin,
    item: str = "",
    *,
    name_ja: str = "",
    span: Span | None = None,
    expected: str = "",
    got: str = "",
) -> Finding:
    """A finding about ``item`` of the record at ``origin``; ``got`` describes the value and never quotes it."""
    return Finding(code, path=item, name_ja=name_ja, expected=expected, got=got, place=origin.place(item, span))


def adapter_error(findings: Sequence[Finding]) -> AdapterError:
    """One error for all findings of a record; its code is that of the first."""
    return AdapterError(findings[0].code, findings)


def describe(text: str) -> str:
    """A value without its content: how many characters it has."""
    return f"{len(text)} characters"


def code_points(text: str) -> str:
    """Code points as ``U+845B U+E0101``, for single characters only."""
    return " ".join(f"U+{ord(char):04X}" for char in text)
