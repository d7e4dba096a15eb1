"""The judge's own reading of the data rules: lengths, check digits, uncertain dates, correlations.

Written from the text of the standard and sharing no code with the bus, so that the two can disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from schemas.model import CodeTable, Condition, Rule, Side

SELECTOR_RANGES = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
FORBIDDEN_RANGES = ((0xE000, 0xF8FF), (0xF0000, 0xFFFFF))
FULL_WIDTH_SPACE = "\u3000"
MISREAD_LEAD, MISREAD_REST = (0xE0, 0xF0), (0xA1, 0xBF)
"""Three bytes of UTF-8 that were read as Latin-1."""
ERA_IN_TABLE = "令和"


def is_selector(character: str) -> bool:
    """Whether the character is a variation selector."""
    return any(low <= ord(character) <= high for low, high in SELECTOR_RANGES)


def characters(text: str) -> int:
    """The number of characters, a base and its selector being one."""
    return sum(not is_selector(character) for character in text)


def misplaced(text: str) -> bool:
    """Whether a selector has no base, or a private-use character of plane 0 or 15 or mojibake occurs."""
    before_is_base = False
    for place, character in enumerate(text):
        if MISREAD_LEAD[0] <= ord(character) <= MISREAD_LEAD[1] and all(
            MISREAD_REST[0] <= ord(one) <= MISREAD_REST[1] for one in text[place + 1 : place + 3].rjust(2)
        ):
            return True
        if is_selector(character):
            if not before_is_base:
                return True
            before_is_base = False
        else:
            before_is_base = character != FULL_WIDTH_SPACE
            if any(low <= ord(character) <= high for low, high in FORBIDDEN_RANGES):
                return True
    return False


def _numbers(text: str) -> list[int]:
    return [int(digit) for digit in text]


def municipality_code(text: str) -> bool:
    """全国地方公共団体コード: five digits weighted 6, 5, 4, 3, 2."""
    digits = _numbers(text)
    weighted = 6 * digits[0] + 5 * digits[1] + 4 * digits[2] + 3 * digits[3] + 2 * digits[4]
    return (11 - weighted % 11) % 10 == digits[5]


def my_number(text: str) -> bool:
    """個人番号: the order of the ministry, n counted from the right of eleven digits."""
    digits = _numbers(text)
    factors = [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]
    rest = sum(a * b for a, b in zip(digits[:11], factors, strict=True)) % 11
    return digits[11] == (0 if rest < 2 else 11 - rest)


def corporate_number(text: str) -> bool:
    """法人番号: the first digit checks the twelve that follow."""
    digits = _numbers(text)
    rest = sum(digit * (2 if index % 2 else 1) for index, digit in enumerate(reversed(digits[1:]))) % 9
    return digits[0] == 9 - rest


def insurer_number(text: str) -> bool:
    """保険者番号: weights 2 and 1 from the right before the check digit, digit sums, modulus 10."""
    digits = _numbers(text)
    doubled = [sum(_numbers(str(digit * 2))) for digit in digits[-2::-2]]
    single = digits[-3::-2]
    return (sum(doubled) + sum(single) + digits[-1]) % 10 == 0


def uncertain_date(text: str, wordings: CodeTable, eras: CodeTable) -> bool:
    """Whether the text is one of the legal wordings; digits, era and the kind of blank may differ."""
    names = sorted({row.name_ja for row in eras.rows} | {"西暦"})
    shape = re.sub("元(?=年)|[0-9０-９]{1,4}", "○", text)
    for name in names:
        shape = shape.replace(name, ERA_IN_TABLE)
    known = {re.sub("[ \u3000]", "", re.sub("○+", "○", row.name_ja)) for row in wordings.rows}
    return re.sub("[ \u3000]", "", shape) in known


def named_checks(codes: Mapping[str, CodeTable]) -> Mapping[str, Callable[[str], bool]]:
    """The checks that ``formats.csv`` names."""
    return {
        "dantaikodo": municipality_code,
        "kojinbango": my_number,
        "hojinbango": corporate_number,
        "hokenshabango": insurer_number,
        "modulus10": insurer_number,
        "fushobi": lambda text: uncertain_date(text, codes["fushobi"], codes["gengo"]),
        "zenkaku": lambda text: not misplaced(text),
    }


def keeps(rule: Rule, values: Mapping[str, str]) -> bool:
    """Whether the values keep a correlation rule."""
    if not all(_holds(condition, values) for condition in rule.when):
        return True
    return all(_holds(condition, values) for condition in rule.then)


def _holds(condition: Condition, values: Mapping[str, str]) -> bool:
    if condition.op in ("==", "<=", "<"):
        return _compares(condition, values)
    return any(_one(condition, values.get(name)) for name in condition.items)


def _one(condition: Condition, value: str | None) -> bool:
    positive = condition.op in ("present", "in", "like")
    if value is None:
        return not positive
    if condition.op in ("in", "not in"):
        return (value in condition.values) == positive
    if condition.op in ("like", "unlike"):
        return (re.fullmatch(condition.values[0], value) is not None) == positive
    return positive


def _compares(condition: Condition, values: Mapping[str, str]) -> bool:
    """The order of two sums, or of two moments written year first; nothing is asked of a side that is not there."""
    left, right = condition.left, condition.right
    if not any(name in values for name in left.items) or not any(name in values for name in right.items):
        return True
    if condition.values == ("text",):
        first, second = _moment(values[left.plus[0]]), _moment(values[right.plus[0]])
        difference = (first > second) - (first < second)
    else:
        rest = _sum(left, values) - _sum(right, values)
        difference = (rest > 0) - (rest < 0)
    return difference in {"==": (0,), "<=": (-1, 0), "<": (-1,)}[condition.op]


def _sum(side: Side, values: Mapping[str, str]) -> Fraction:
    added = sum((Fraction(values[name]) for name in side.plus if name in values), Fraction())
    return added - sum((Fraction(values[name]) for name in side.minus if name in values), Fraction())


def _moment(text: str) -> list[int]:
    """The numbers of a moment from the greatest unit down."""
    return [int(number) for number in re.findall("[0-9]+", text)]
