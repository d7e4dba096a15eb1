"""A definition folder made from a vendor's sample file: what is guessed, and said so, for a person to confirm."""

from __future__ import annotations

from adapters.suite.scaffold.guess import guess
from adapters.suite.scaffold.model import Guess, GuessedField
from adapters.suite.scaffold.write import write_folder

__all__ = ["Guess", "GuessedField", "guess", "write_folder"]
