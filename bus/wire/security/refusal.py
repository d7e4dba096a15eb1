"""Why a message fails its security check: a coded reason for the operator that its sender never sees."""

from __future__ import annotations

from typing import Final

from lxml import etree

from bus.core.errors import ChiikibusError
from bus.core.types import Finding
from bus.wire.safe_xml import line_of

TOLD: Final = "CB2020"
"""The one code that a sender is told, whatever the reason was."""


class SecurityRefusal(ChiikibusError):
    """CB2021 to CB2032: for journal, log and the operator's command. ``told()`` is what the sender gets."""

    prefixes = ("CB20",)

    def __init__(self, code: str, path: str, *, line: int = 0, expected: str = "", got: str = "") -> None:
        super().__init__(code, [Finding(code, path=path, line=line, expected=expected, got=got[:160])])


def refuse(code: str, element: etree._Element | None, path: str, expected: str = "", got: str = "") -> SecurityRefusal:
    """A refusal at an element of the message."""
    line = line_of(element) if element is not None else 0
    return SecurityRefusal(code, path, line=line, expected=expected, got=got)
