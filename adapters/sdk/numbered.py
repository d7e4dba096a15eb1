"""Numbered names: ``{n}``, ``{n:02}``, ``{n:wide}`` and ``{n+1}`` in texts of a definition, filled with a number."""

from __future__ import annotations

import re

_PLACE = re.compile(r"\{n(?:([+-])([0-9]{1,3}))?(?::([^{}]*))?\}")
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


class FormError(ValueError):
    """A placeholder has a form that is none."""


def numbered(text: str, number: int) -> str:
    """The text with every placeholder filled in; FormError names one of another form."""
    return _PLACE.sub(lambda match: _number(match, number), text)


def _number(match: re.Match[str], number: int) -> str:
    if match[1]:
        number += int(match[2]) * (1 if match[1] == "+" else -1)
    form = match[3] or ""
    if form == "wide":
        return str(number).translate(_WIDE)
    if form and not (form[0] == "0" and form.isdigit() and form.isascii()):
        raise FormError(match[0])
    return str(number).rjust(int(form or "0"), "0")
