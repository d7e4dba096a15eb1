"""Say in Japanese what a rule between items asks: when it applies, and what then holds."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.model import Condition, Item, Rule, Side, Unit

SIGNS = {"==": "＝", "<=": "≦", "<": "＜"}
FORMS = {"0*[1-9][0-9]*": "が0より大きい", "(-.+|0+)": "が0以下", "0*([0-9]|1[0-2])": "が12以下"}
"""What patterns over numbers mean; any other pattern is shown as it is."""


def condition_of(unit: Unit, rule: Rule) -> str:
    """``A＝1（はい）のとき、B あり`` in the names of the items and of the codes."""
    items = {item.name: item for item in unit.records[rule.record].items}
    asked = "、".join(_term(unit, items, one) for one in rule.then)
    if not rule.when:
        return asked
    return f"{'、'.join(_term(unit, items, one) for one in rule.when)} のとき、{asked}"


def _term(unit: Unit, items: Mapping[str, Item], term: Condition) -> str:
    if term.compares:
        return f"{_side(items, term.left)}{SIGNS[term.op]}{_side(items, term.right)}"
    names = "・".join(f"「{items[name].name_ja}」" for name in term.items)
    which = f"{names}のどれか" if len(term.items) > 1 else names
    codes = _codes(unit, items, term)
    pattern = term.values[0] if term.values else ""
    form = which + FORMS.get(pattern, f"の形が `{pattern}`")
    said = {
        "present": f"{which}あり",
        "absent": f"{which}なし",
        "in": f"{which}＝{codes}",
        "not in": f"{which}≠{codes}",
    }
    return {**said, "like": form, "unlike": f"{form} でない"}[term.op]


def _codes(unit: Unit, items: Mapping[str, Item], term: Condition) -> str:
    """The codes with their names; of many, only the codes."""
    code = items[term.items[0]].code
    names = {row.code: row.name_ja for row in unit.codes[code].rows} if code and len(term.values) <= 4 else {}
    return "・".join(f"{value}（{names[value]}）" if value in names else value for value in term.values)


def _side(items: Mapping[str, Item], side: Side) -> str:
    added = "＋".join(f"「{items[name].name_ja}」" for name in side.plus)
    return added + "".join(f"−「{items[name].name_ja}」" for name in side.minus)
