"""Where things stand in a JSON text: the leaves of an object, and the elements of an array."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_LEXEME = re.compile(r'[ \t\r\n]*("(?:[^"\\]|\\.)*"|[{}\[\],:]|[^ \t\r\n{}\[\],:"]+)')


def leaves(text: str) -> dict[tuple[str, ...], tuple[int, int]]:
    """Start and end (characters) of every scalar of a well-formed object, by its path; ``#0`` is an array's first."""
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    steps: list[str] = []
    arrays: list[bool] = []
    key = ""
    position = 0
    expect_key = False
    while match := _LEXEME.match(text, position):
        lexeme = match.group(1)
        start, position = match.span(1)
        if lexeme in ("{", "["):
            steps.append(key)
            arrays.append(lexeme == "[")
            expect_key = not arrays[-1]
            key = "#0"
        elif lexeme in ("}", "]"):
            arrays.pop()
            key = steps.pop()
            expect_key = False
        elif lexeme == ",":
            expect_key = not arrays[-1]
            key = key if expect_key else f"#{int(key[1:]) + 1}"
        elif lexeme == ":":
            expect_key = False
        elif expect_key and lexeme[0] == '"':
            key = json.loads(lexeme)
        else:
            found[(*steps[1:], key)] = (start, position)
    return found


def elements(text: str) -> Iterator[tuple[int, int]]:
    """Start and end (characters) of every element of a top-level array.

    Raises ValueError with the position when the text is no array; a text that breaks off gives its length.
    """
    decoder = json.JSONDecoder()
    position = _space(text, 0)
    if not text.startswith("[", position):
        raise ValueError(position)
    position = _space(text, position + 1)
    if text.startswith("]", position):
        _end(text, position + 1)
        return
    while True:
        try:
            _, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise ValueError(error.pos) from error
        except RecursionError as error:
            raise ValueError(position) from error
        yield position, end
        position = _space(text, end)
        if text.startswith("]", position):
            _end(text, position + 1)
            return
        if not text.startswith(",", position):
            raise ValueError(position)
        position = _space(text, position + 1)


def _space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _end(text: str, position: int) -> None:
    if _space(text, position) != len(text):
        raise ValueError(position)
