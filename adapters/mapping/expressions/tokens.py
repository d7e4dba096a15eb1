"""Cut the text of an expression into tokens: numbers, texts, names, operators; each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LENGTH = 1000  # characters; what needs more is a program and belongs into a conversion of its own
WORDS = frozenset({"and", "or", "not", "in", "div", "mod"})
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[0-9]+(?:\.[0-9]+)?)
      | (?P<text>"[^"]*"|'[^']*')
      | \[(?P<quoted>[^\[\]]+)\]
      | (?P<operator><>|<=|>=|[-+*/&=<>(),])
      | (?P<name>[^\W0-9][^\s"'()\[\],+\-*/&=<>]*)
    )""",
    re.VERBOSE,
)


class SyntaxProblem(ValueError):
    """The text is no expression; ``place`` counts characters from 1."""

    def __init__(self, expected: str, got: str, place: int) -> None:
        super().__init__(f"expected {expected}, got {got} at character {place}")
        self.expected = expected
        self.got = got
        self.place = place


@dataclass(frozen=True, slots=True)
class Token:
    """``kind`` is number, text, name, word (and, or, not, in, div, mod), operator or end."""

    kind: str
    text: str
    place: int


def tokens(text: str) -> list[Token]:
    """All tokens and the end; raises SyntaxProblem at the first character that begins none."""
    if len(text) > MAX_LENGTH:
        raise SyntaxProblem(f"at most {MAX_LENGTH} characters", str(len(text)), MAX_LENGTH)
    found: list[Token] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].lstrip()
            raise SyntaxProblem("a number, text, name or operator", rest[:1], len(text) - len(rest) + 1)
        found.append(_token(match))
        at = match.end()
    found.append(Token("end", "", end + 1))
    return found


def _token(match: re.Match[str]) -> Token:
    kind = str(match.lastgroup)
    text = match[kind]
    place = match.start(kind) + 1
    if kind == "quoted":
        return Token("name", text, place)
    if kind == "text":
        return Token("text", text[1:-1], place)
    if kind == "name" and text in WORDS:
        return Token("word", text, place)
    return Token(kind, text, place)
