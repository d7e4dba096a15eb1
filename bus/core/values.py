"""Values made once per message: frozen for the type checker, cheap to make for the interpreter.

A frozen dataclass writes each field through ``object.__setattr__``, which takes twice as long as a plain one. A message
makes a dozen of them: a sixth of the time of all steps. So ``mypy --strict``, which sees all code, forbids changing
one; at run time nothing does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen, slots):
        """A dataclass that compares and hashes like a frozen one."""
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["value"]
