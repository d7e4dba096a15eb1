"""The judge's own reading of the rules of personal data: what a receiver may see, and numbers where none may be.

Written from ``docs/protection.md`` and sharing no code with the bus, so that the two can disagree. It reads the CSV
tables itself; of the catalogue it takes only the item lists.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from conformance.lexical import my_number
from schemas.model import Item, RecordType

NOT_GIVEN = "-"
TWELVE = 12
DASHES = "-－‐‑‒–—―−ー \u3000"


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _named(record: RecordType, text: str) -> set[str]:
    """The items that a cell of selectors names: first everything that is added, then everything taken out."""
    plus: set[str] = set()
    minus: set[str] = set()
    for part in text.split("|"):
        names = minus if part.startswith("!") else plus
        names.update(item.name for item in record.items if _means(part.lstrip("!"), item))
    return plus - minus


def _means(wanted: str, item: Item) -> bool:
    """Whether one selector means an item."""
    if wanted == "*":
        return item.sensitivity == ""
    if wanted == "**":
        return not item.mandatory
    if wanted.startswith("@"):
        return item.sensitivity == wanted[1:]
    return item.name.startswith(wanted[:-1]) if wanted.endswith("*") else item.name == wanted


def _kept(cell: str, consumer: str, values: Mapping[str, str]) -> bool:
    """Whether a record keeps every term of a cell of rows."""
    for term in cell.split(";") if cell not in "*-" else ():
        names, equals, wanted = term.partition("=")
        if names.startswith("!"):
            kept = names[1:] not in values
        elif equals:
            codes = [consumer if code == "$consumer" else code for code in wanted.split("|")]
            kept = any(values.get(name) in codes for name in names.split("|"))
        else:
            kept = any(name in values for name in names.split("|"))
        if not kept:
            return False
    return cell != NOT_GIVEN


class Disclosure:
    """The tables of one unit folder."""

    def __init__(self, folder: Path, records: Mapping[str, RecordType]) -> None:
        self._records = records
        self._disclosed = _rows(folder / "disclosure.csv")
        self._protected = [row for row in _rows(folder / "protection.csv") if row["effect"] == "withhold"]

    def visible(self, record: str, consumer: str, purpose: str, values: Mapping[str, str]) -> dict[str, str]:
        """Those of the values that a consuming unit gets for a purpose, in their order; none of a record that is not
        for it.
        """
        seen: set[str] = set()
        for row in self._disclosed:
            if (
                row["items"] != NOT_GIVEN
                and row["record"] == record
                and consumer in row["consumer"].split("|")
                and purpose in row["purpose"].split("|")
                and _kept(row["rows"], consumer, values)
            ):
                seen |= _named(self._records[record], row["items"])
        for row in self._protected:
            state = values.get(row["flag"], NOT_GIVEN)
            if row["record"] == record and state in row["values"].split("|"):
                seen -= _named(self._records[record], row["items"])
        return {name: value for name, value in values.items() if name in seen}


def strays(text: str) -> bool:
    """Whether a text holds a 個人番号: character by character, without a regular expression.

    Twelve digits (in either width) between which stands at most one dash or space at a time, that neither follow nor
    precede a digit directly.
    """
    signs = [_digit(character) for character in text]
    return any(my_number(number) for number in _twelves(signs))


def _twelves(signs: list[str]) -> Iterator[str]:
    for start, sign in enumerate(signs):
        if not sign.isdigit() or (start and signs[start - 1].isdigit()):
            continue
        number, at = "", start
        while at < len(signs) and len(number) < TWELVE:
            if signs[at].isdigit():
                number += signs[at]
            elif signs[at] != "-" or not signs[at - 1].isdigit():
                break
            at += 1
        if len(number) == TWELVE and not (at < len(signs) and signs[at].isdigit()):
            yield number


def _digit(character: str) -> str:
    """A digit of either width as ASCII, a dash or space as ``-``, anything else as ``x``."""
    if character in DASHES:
        return "-"
    wide = unicodedata.normalize("NFKC", character)
    return wide if wide in "0123456789" and len(wide) == 1 and character in "0123456789０１２３４５６７８９" else "x"
