"""Bulk operations that belong together: a unit has one set for its main record and may have more, told by a prefix.

``juki.ikkatsu_soshin`` belongs to the family ``juki``, ``kokuho.chotei_ikkatsu_soshin`` to ``kokuho.chotei``.
"""

from __future__ import annotations

from typing import Literal

from schemas.model import Operation

Step = Literal["irai", "soshin", "kakunin"]
_MARK = "ikkatsu_"


def family_of(operation: Operation) -> str:
    """The family of a bulk operation."""
    prefix = operation.name.rpartition(_MARK)[0].rstrip("_")
    return f"{operation.unit}.{prefix}" if prefix else operation.unit


def member(family: str, step: Step) -> str:
    """The operation of the family that asks (irai), sends (soshin) or confirms (kakunin)."""
    unit, _, prefix = family.partition(".")
    return f"{unit}.{prefix}_{_MARK}{step}" if prefix else f"{unit}.{_MARK}{step}"
