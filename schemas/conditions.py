"""Read the terms of the rules between items (``rules.csv``): what is there, codes, forms, and comparisons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from schemas.model import Condition, Item, Side

NUMBERS = frozenset({"9", "9V", "S9"})
MOMENTS = frozenset({"YEAR", "DATE", "TIME", "nengetsu"})
"""Types, and the format of a year with month, whose order as text is their order in time."""
_TERM = re.compile(r"(?P<absent>!?)(?P<items>[a-z0-9_|]+)(?:(?P<op>!=|!~|=|~)(?P<values>.+))?")
_COMPARISON = re.compile(r"(?P<left>[a-z0-9_+\-]+)(?P<op>==|<=|<)(?P<right>[a-z0-9_+\-]+)")
_SIGNED = re.compile(r"([+-]?)([a-z][a-z0-9_]*)")
_OPS = {"=": "in", "!=": "not in", "~": "like", "!~": "unlike"}


def conditions(
    text: str, items: Mapping[str, Item], *, may_compare: bool
) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
    """The terms of one side of a rule, separated by semicolons, and what is wrong with them.

    A term is ``a``, ``!a``, ``a|b``, ``a=1|2``, ``a!=1``, ``a~regex``, ``a!~regex``, ``a<=b``, ``a<b`` or ``a==b+c-d``.
    """
    found: list[Condition] = []
    problems: list[str] = []
    for term in filter(None, text.split(";")):
        condition = _condition(term.strip())
        if condition is None:
            problems.append(f"{term!r} is not a condition")
            continue
        if condition.compares:
            problems += _comparison_problems(condition, items, may_compare=may_compare)
            condition = _as_moments(condition, items)
        found.append(condition)
    return tuple(found), tuple(problems)


def _condition(term: str) -> Condition | None:
    match = _COMPARISON.fullmatch(term)
    if match is not None:
        left, right = _side(match["left"]), _side(match["right"])
        if left is None or right is None:
            return None
        return Condition(left.items + right.items, match["op"], left=left, right=right)
    match = _TERM.fullmatch(term)
    if match is None or (match["absent"] and match["op"]):
        return None
    names = tuple(match["items"].split("|"))
    if not match["op"]:
        return Condition(names, "absent" if match["absent"] else "present")
    if match["op"] == "=" and match["values"][0] in "=<":  # a comparison that is none
        return None
    values = (match["values"],) if "~" in match["op"] else tuple(match["values"].split("|"))
    return Condition(names, _OPS[match["op"]], values)


def _side(text: str) -> Side | None:
    """``a+b-c`` as a side of a comparison."""
    parts = _SIGNED.findall(text)
    if "".join(sign + name for sign, name in parts) != text or any(not sign for sign, _ in parts[1:]):
        return None
    plus = tuple(name for sign, name in parts if sign != "-")
    return Side(plus, tuple(name for sign, name in parts if sign == "-"))


def _kinds(condition: Condition, items: Mapping[str, Item]) -> set[str]:
    """The kinds of what is compared: type, or the format of a year and month."""
    found = [items[name] for name in condition.items if name in items]
    return {item.format if item.format == "nengetsu" else item.type for item in found}


def _comparison_problems(condition: Condition, items: Mapping[str, Item], *, may_compare: bool) -> list[str]:
    """What cannot be compared: other than numbers with numbers, or one moment with another of its type."""
    problems = [] if may_compare else ["a comparison belongs into then"]
    kinds = _kinds(condition, items)
    alone = len(condition.left.plus) == len(condition.right.plus) == 1 and len(condition.items) == 2
    if not (kinds <= NUMBERS or (len(kinds) == 1 and kinds <= MOMENTS and alone)):
        problems.append(f"{' and '.join(sorted(kinds))} cannot be compared so: {' '.join(condition.items)}")
    return problems


def _as_moments(condition: Condition, items: Mapping[str, Item]) -> Condition:
    """The condition, told to compare as text where it is about dates and times (written so that order is order)."""
    return condition if _kinds(condition, items) <= NUMBERS else replace(condition, values=("text",))
