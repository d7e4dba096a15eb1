"""What is known of the reference population: every record comes back whole, item by item and code point by code point.

A subject is one case of a run: the records of the answer beside those that are known to answer the question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from conformance.findings import Finding, Missing, NotApplicable, Result
from schemas.model import Item, RecordType

UNHOLDABLE: Final = NotApplicable(
    "対象のシステムには入れられない文字があります", "characters that the subject's system has not"
)
NOT_ASKED: Final = Missing("基準住民・基準レコードを入れてください", "load the reference population")
Values = Mapping[str, str]
Predicate = Callable[["Compared"], Result]
ANSWERS: Final = "reference/answers.json"
"""The file of the evidence with the records that answer each case: operation, question and records by case."""
NOTHING: Final = NotApplicable("比べる項目がありません", "no item to compare")


@dataclass(frozen=True, slots=True)
class Compared:
    """The records that are known and those that came, of one record type; ``came`` is ``None``: there was no answer.

    ``held`` says whether the subject's system can hold the records at all.
    """

    case: str
    type: RecordType
    known: tuple[Values, ...]
    came: tuple[Values, ...] | None
    held: bool = True

    @property
    def pairs(self) -> tuple[tuple[Values, Values], ...]:
        """Known records with those that came: by key, what is left over in its order."""
        left = list(self.came or ())
        found: list[tuple[int, Values, Values]] = []
        rest: list[tuple[int, Values]] = []
        for place, one in enumerate(self.known):
            same = next((each for each in left if self._key(each) == self._key(one)), None)
            if same is None:
                rest.append((place, one))
            else:
                left.remove(same)
                found.append((place, one, same))
        found += [(place, one, other) for (place, one), other in zip(rest, left, strict=False)]
        return tuple((one, other) for _, one, other in sorted(found, key=lambda each: each[0]))

    def _key(self, values: Values) -> tuple[str, ...]:
        return tuple(values.get(name, "") for name in self.type.key)


def described(text: str) -> str:
    """A value by its code points where it is no plain ASCII; reference values are synthetic and may be quoted."""
    return text if text.isascii() else f"{text} ({' '.join(f'U+{ord(one):04X}' for one in text)})"


def counted(compared: Compared) -> Result:
    """POP-101: a question is answered with as many records as are known, each once."""
    if compared.came is None:
        return (Finding(compared.case, f"{len(compared.known)} {compared.type.name}", "no answer"),)
    kept = len(compared.came) == len(compared.known)
    return () if kept else (Finding(compared.case, f"{len(compared.known)} records", str(len(compared.came))),)


def of_kind(wanted: Callable[[Item], bool]) -> Predicate:
    """The predicate that items of a kind come back as they are; what is missing or added is another row's matter."""

    def predicate(compared: Compared) -> Result:
        found: list[Finding] = []
        judged = False
        for known, came in compared.pairs:
            for item in compared.type.items:
                if wanted(item) and item.name in known and item.name in came:
                    judged = True
                    if known[item.name] != came[item.name]:
                        found.append(
                            Finding(f"{compared.type.name}/{item.name}", described(known[item.name]),
                                    described(came[item.name]))
                        )  # fmt: skip
        return tuple(found) if judged else NOTHING

    return predicate


def whole(compared: Compared) -> Result:
    """POP-107: no item is left out."""
    return _names(compared, lambda known, came: known.keys() - came.keys(), "a value", "absent")


def bare(compared: Compared) -> Result:
    """POP-108: no item is added."""
    return _names(compared, lambda known, came: came.keys() - known.keys(), "absent", "a value")


def _names(compared: Compared, unequal: Callable[[Values, Values], set[str]], expected: str, actual: str) -> Result:
    if not compared.pairs:
        return NOTHING
    return tuple(
        Finding(f"{compared.type.name}/{name}", expected, actual)
        for known, came in compared.pairs
        for name in sorted(unequal(known, came))
    )


def _types(*names: str) -> Callable[[Item], bool]:
    return lambda item: item.type in names and not item.code


PREDICATES: Final[Mapping[str, Predicate]] = MappingProxyType(
    {
        "POP-101": counted,
        "POP-102": of_kind(_types("N")),
        "POP-103": of_kind(_types("X")),
        "POP-104": of_kind(_types("9", "9V", "S9")),
        "POP-105": of_kind(_types("YEAR", "DATE", "TIME", "DATETIME")),
        "POP-106": of_kind(lambda item: bool(item.code)),
        "POP-107": whole,
        "POP-108": bare,
    }
)


def judge_all(requirement: str, cases: Sequence[Compared]) -> list[tuple[str, Result]]:
    """The results of a requirement by case; something has to be asked."""
    if not any(one.held for one in cases):
        return [("", NOT_ASKED)]
    return [(one.case, PREDICATES[requirement](one) if one.held else UNHOLDABLE) for one in cases]
