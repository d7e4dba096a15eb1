"""What helps where a foreign stack breaks a requirement, read from ``remedies.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Remedy:
    """One remedy in both languages for the requirements it names."""

    key: str
    ja: str
    en: str
    requirements: tuple[str, ...]

    def helps(self, requirement: str) -> bool:
        """Whether it is the remedy for a requirement."""
        return any(
            requirement.startswith(one[:-1]) if one.endswith("*") else requirement == one for one in self.requirements
        )


@cache
def remedies() -> tuple[Remedy, ...]:
    """All remedies in their order."""
    found = tomllib.loads(TABLE.read_text("utf-8"))["remedy"]
    return tuple(Remedy(one["key"], one["ja"], one["en"], tuple(one["requirements"])) for one in found)


def remedy_for(requirement: str) -> Remedy:
    """The remedy for a requirement. Errors: KeyError where none is known: a new failure has to be looked at."""
    for one in remedies():
        if one.helps(requirement):
            return one
    raise KeyError(requirement)
