"""Synthetic records of any unit that keep the standard, made from its tables alone. No value belongs to anybody."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final

from bus.core import datarules
from bus.wire.rules import compile_rule
from schemas.model import Condition, Item, RecordType, Rule, Unit

MUNICIPALITY: Final = "990019"
ROUNDS: Final = 400
"""Attempts at mending a record whose rules contradict its first values."""

_KANJI: Final = "架空地域試験合成見本町村山川田中林森東西南北春夏秋冬澤邉齋廣薔薇"
_KANA: Final = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲンガギグゲゴパピプペポ"
)
_SURNAMES: Final = (("架空", "カクウ"), ("試験", "シケン"), ("見本", "ミホン"), ("合成", "ゴウセイ"))
_GIVEN: Final = (("太郎", "タロウ"), ("花子", "ハナコ"), ("葵", "アオイ"), ("廣", "ヒロシ"), ("薫子", "カオルコ"))
_WORDINGS: Final = ("年月日不詳",)
_FIXED: Final[Mapping[str, str]] = {
    "dantaikodo": MUNICIPALITY,
    "kohifutanshabango": "5400001" + datarules.check_digit_hokenshabango("5400001"),
    "hokenshabango6": "13805" + datarules.check_digit_hokenshabango("13805"),
    "daijesuto": "0" * 64,
    "nenkinkodo": "1150",
    "shimei": "",
}
_DIGITS: Final[Mapping[str, int]] = {
    "choazakodo": 7,
    "juminhyokodo": 11,
    "yubinbango": 7,
    "kisonenkinbango": 10,
    "kaigohihokenshabango": 10,
    "kokihihokenshabango": 8,
    "kinyukikankodo": 4,
    "shitenkodo": 3,
    "kozabango": 7,
    "fudosanbango": 13,
    "chibanbubun": 3,
    "hyoshikibango": 4,
    "nenkinhokenshakodo": 3,
    "iryokikankodo": 10,
    "jigyoshobango": 10,
    "edaban2": 2,
    "jukyushashobango10": 10,
    "yosankamoku": 2,
    "yosansaisetsu": 3,
}


class NoRecordError(ValueError):
    """No values were found that keep every rule of a record; the text names record and rule."""


def atenabango(number: int) -> str:
    """The ``number``-th 宛名番号 of the synthetic town."""
    return f"{number:014d}{datarules.check_digit_atenabango(f'{number:014d}') or '0'}"


def synthetic(
    unit: Unit, record: RecordType, random: Random, known: Mapping[str, str] | None = None, *, share: float = 0.5
) -> dict[str, str]:
    """A record with every mandatory item and about ``share`` of the others, mended until each rule holds.

    ``known`` are values that stay. Errors: NoRecordError.
    """
    known = known or {}
    items = {item.name: item for item in record.items}
    values = {
        name: known[name] if name in known else value(unit, item, random)
        for name, item in items.items()
        if name in known or item.mandatory or random.random() < share
    }
    for name in [name for name in values if name.endswith("_katagaki") and name not in known]:
        start = name.removesuffix("katagaki")
        if not values.keys() & {f"{start}choaza", f"{start}banchigohyoki"} and not items[name].mandatory:
            del values[name]
    rules = [rule for rule in unit.rules if rule.record == record.name]
    checks = [(rule, compile_rule(rule)) for rule in rules]
    for _ in range(ROUNDS):
        broken = [rule for rule, holds in checks if not holds(values)]
        if not broken:
            return {name: values[name] for name in items if name in values}
        _mend(unit, items, values, random.choice(broken), random, known)
    raise NoRecordError(f"{unit.key}.{record.name}: {broken[0].name}")


def value(unit: Unit, item: Item, random: Random) -> str:
    """A right value of one item."""
    if item.code:
        return random.choice(sorted(unit.codes[item.code].codes))
    if item.format:
        return _formatted(item, random)
    return _typed(item, random)


def _formatted(item: Item, random: Random) -> str:  # noqa: PLR0911, PLR0912 (one format, one line)
    kind = item.format
    if kind in _DIGITS:
        width = min(_DIGITS[kind], item.digits)
        return f"{random.randrange(1, 10**width):0{width}d}"
    match kind:
        case "atenabango":
            return atenabango(random.randrange(1, 100_000))
        case "kojinbango":
            first = f"{random.randrange(10**11):011d}"
            return first + datarules.check_digit_kojinbango(first)
        case "hojinbango":
            rest = f"{random.randrange(10**12):012d}"
            return datarules.check_digit_hojinbango(rest) + rest
        case "hokenshabango":
            first = f"{random.randrange(10**7):07d}"
            return first + datarules.check_digit_hokenshabango(first)
        case "kohijukyushabango":
            first = f"{random.randrange(10**6):06d}"
            return first + datarules.check_digit_hokenshabango(first)
        case "nengetsu":
            return f"{random.randint(1990, 2026)}-{random.randint(1, 12):02d}"
        case "fushobi":
            return random.choice(_WORDINGS)
        case "shimei":
            return _name(item, random)
        case "denwabango":
            return f"000-0000-{random.randrange(10**4):04d}"
        case "tekikakuseikyusho":
            rest = f"{random.randrange(10**12):012d}"
            return f"T{datarules.check_digit_hojinbango(rest)}{rest}"
        case "tsukihi":
            return f"{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
        case "kaokubango":
            return f"{random.randint(1, 999)}-{random.randint(1, 99)}"
        case "ikkatsuid" | "bunshobango" | "rottobango" | "shokuinbango" | "shadaibango" | "denpyobango":
            return f"{random.choice('ABCDEF')}{random.randrange(10**5):05d}"
        case _:
            return _FIXED[kind]


def _name(item: Item, random: Random) -> str:
    surname, given = random.choice(_SURNAMES), random.choice(_GIVEN)
    kana = item.name.endswith("furigana")
    return f"{surname[kana]}\u3000{given[kana]}"


def _typed(item: Item, random: Random) -> str:  # noqa: PLR0911 (one type, one line)
    match item.type:
        case "DATE":
            return f"{random.randint(1990, 2025)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
        case "YEAR":
            return str(random.randint(2018, 2026))
        case "TIME":
            return f"{random.randrange(24):02d}:{random.randrange(60):02d}:{random.randrange(60):02d}"
        case "DATETIME":
            return f"2026-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}T08:30:00+09:00"
        case "9":
            return str(random.randrange(10 ** min(item.digits, 7)))
        case "S9":
            return str(random.randrange(-(10 ** min(item.digits, 6)), 10 ** min(item.digits, 7)))
        case "9V":
            whole = str(random.randrange(10 ** min(item.digits, 5)))
            return f"{whole}.{random.randrange(10**item.scale):0{item.scale}d}" if item.scale else whole
        case "N" if item.name.endswith(("choaza", "banchigohyoki")):
            return _place(item, random)
        case "N":
            letters = _KANA if "furigana" in item.name else _KANJI
            return "".join(random.choice(letters) for _ in range(random.randint(1, min(item.digits, 14))))
        case _:
            return "".join(
                random.choice("0123456789ABCDEFGHJKLMNP") for _ in range(random.randint(1, min(item.digits, 9)))
            )


def _place(item: Item, random: Random) -> str:
    """A town with or without its 丁目, or a lot as towns write them."""
    if item.name.endswith("choaza"):
        town = "".join(random.choice(_KANJI) for _ in range(random.randint(2, 4)))
        return (town + random.choice(("", "一丁目", "二丁目", "十二丁目")))[: item.digits]
    lot = random.choice(("１", "１２", "１－２", "３０－４－５", "１２番３号", "５６番地", "７番地の８"))
    return lot[: item.digits]


def _mend(
    unit: Unit, items: Mapping[str, Item], values: dict[str, str], rule: Rule, random: Random, known: Mapping[str, str]
) -> None:
    """Make the rule hold, or now and then make it not apply by taking an item away that asks for it."""
    free = [
        name
        for one in rule.when
        if not one.needs_no_item
        for name in one.items
        if name in values and name not in known and not items[name].mandatory
    ]
    if free and random.random() < 0.3:
        values.pop(random.choice(free))
        return
    for condition in rule.then:
        _make(unit, items, values, condition, random, known)


def _make(
    unit: Unit,
    items: Mapping[str, Item],
    values: dict[str, str],
    condition: Condition,
    random: Random,
    known: Mapping[str, str],
) -> None:
    if condition.compares:
        _balance(items, values, condition, random, known)
        return
    name = random.choice(condition.items)
    if name in known:
        return
    match condition.op:
        case "present":
            values.setdefault(name, value(unit, items[name], random))
        case "in":
            if values.get(name) not in condition.values:
                values[name] = random.choice(condition.values)
        case "like":
            values[name] = random.choice(("0", value(unit, items[name], random)))
        case _:
            if items[name].mandatory:
                values[name] = value(unit, items[name], random)
            else:
                values.pop(name, None)


def _balance(
    items: Mapping[str, Item],
    values: dict[str, str],
    condition: Condition,
    random: Random,
    known: Mapping[str, str],
) -> None:
    """Make a comparison hold: two moments in order, one addend that evens it out, or nothing but zeros."""
    here = [name for name in condition.items if name in values]
    left, right = condition.left, condition.right
    free = [name for name in here if name not in known]
    if not free or not {*here} & {*left.items} or not {*here} & {*right.items}:
        return
    if condition.values:
        _order(items, values, condition, random, free)
        return
    signs = dict.fromkeys((*left.plus, *right.minus), 1) | dict.fromkeys((*left.minus, *right.plus), -1)
    name = random.choice(free)
    if any("." in values[other] for other in here):
        values.update(dict.fromkeys(free, "0"))
        return
    wanted = -sum(signs[other] * int(values[other]) for other in here if other != name) * signs[name]
    if (wanted >= 0 or items[name].type == "S9") and len(str(abs(wanted))) <= items[name].digits:
        values[name] = str(wanted)
    else:
        values.update(dict.fromkeys(free, "0"))


def _order(
    items: Mapping[str, Item], values: dict[str, str], condition: Condition, random: Random, free: list[str]
) -> None:
    """Bring two moments into the order that is asked for; what is known stays."""
    first, second = condition.items
    if len(free) == 1:
        (name,) = free
        other = second if name == first else first
        values[name] = values[other] if condition.op != "<" else value_of_moment(items[name], random)
    elif condition.op == "==":
        values[second] = values[first]
    else:
        values[first], values[second] = sorted((values[first], value_of_moment(items[second], random)))


def value_of_moment(item: Item, random: Random) -> str:
    """A date, year, month or time."""
    return _formatted(item, random) if item.format else _typed(item, random)
