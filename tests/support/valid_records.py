"""Random records that keep the standard, made from its tables alone: any unit, any record type."""

from __future__ import annotations

import re
from random import Random

from bus.core import datarules
from conformance.lexical import keeps
from schemas.model import Condition, Item, RecordType, Rule, Unit

SAMPLES = {
    "atenabango": "000000000000019",
    "choazakodo": "0001001",
    "juminhyokodo": "10000000019",
    "yubinbango": "9990001",
    "kisonenkinbango": "1234567890",
    "nengetsu": "2024-04",
    "ikkatsuid": "a-1",
    "daijesuto": "0" * 64,
    "fushobi": "年月日不詳",
    "kaigohihokenshabango": "0000000123",
    "kokihihokenshabango": "00000123",
    "kinyukikankodo": "0001",
    "shitenkodo": "001",
    "kozabango": "0000123",
    "fudosanbango": "0100000000123",
    "chibanbubun": "12",
    "denwabango": "000-0000-0000",
    "hyoshikibango": "12",
    "shokuinbango": "A00012",
    "bunshobango": "2024-0012",
    "kaokubango": "12-3",
    "shadaibango": "AB12-3456789",
    "denpyobango": "2024-000123",
    "yosankamoku": "02",
    "yosansaisetsu": "001",
    "tekikakuseikyusho": "T" + datarules.check_digit_hojinbango("000012345678") + "000012345678",
    "tsukihi": "04-01",
    "edaban2": "01",
    "nenkinkodo": "1150",
    "nenkinhokenshakodo": "001",
    "iryokikankodo": "9910000012",
    "jigyoshobango": "9970000012",
    "rottobango": "AB-0123",
    "jukyushashobango10": "0000000124",
    "dantaikodo": "990019",
    "kojinbango": "123456789018",
    "hokenshabango": "0" * 7 + datarules.check_digit_hokenshabango("0" * 7),
    "kohifutanshabango": "5400001" + datarules.check_digit_hokenshabango("5400001"),
    "hokenshabango6": "13805" + datarules.check_digit_hokenshabango("13805"),
    "kohijukyushabango": "000012" + datarules.check_digit_hokenshabango("000012"),
    "hojinbango": datarules.check_digit_hojinbango("000012345678") + "000012345678",
    "shimei": "地域　太郎",
}
MOMENTS = {
    "DATE": ("2023-01-31", "2024-02-29", "2024-06-30", "2025-03-31"),
    "YEAR": ("2022", "2023", "2024"),
    "nengetsu": ("2023-03", "2024-04", "2025-01"),
    "TIME": ("00:00:00", "08:30:00", "23:59:59"),
}
TYPES = {"YEAR": "2024", "DATE": "2024-02-29", "TIME": "08:30:00", "DATETIME": "2024-04-01T08:30:00+09:00"}
ROUNDS = 200


def value(unit: Unit, item: Item, random: Random) -> str:
    """A right value of one item; KeyError when its format has no sample."""
    if item.code:
        return random.choice(sorted(unit.codes[item.code].codes))
    if item.format:
        return SAMPLES[item.format]
    if item.type in TYPES:
        return TYPES[item.type]
    letter = {"N": "地", "X": "A"}.get(item.type, "1")
    return letter * random.randint(1, min(item.digits, 12))


def valid(unit: Unit, record: RecordType, random: Random) -> dict[str, str]:
    """Every mandatory and some of the other items, mended until each rule holds; AssertionError when none can be."""
    items = {item.name: item for item in record.items}
    values = {
        name: value(unit, item, random) for name, item in items.items() if item.mandatory or random.random() < 0.4
    }
    rules = [rule for rule in unit.rules if rule.record == record.name]
    for _ in range(ROUNDS):
        broken = [rule for rule in rules if not keeps(rule, values)]
        if not broken:
            return {name: values[name] for name in items if name in values}
        rule = random.choice(broken)
        if not _let_go(items, values, rule, random):
            for condition in rule.then:
                _mend(unit, items, values, condition, random)
    raise AssertionError(f"{unit.key}.{record.name}: no record keeps {broken[0].name}")


def hold(unit: Unit, record: RecordType, values: dict[str, str], condition: Condition, random: Random) -> None:
    """Make one condition of a rule hold in ``values``."""
    _mend(unit, {item.name: item for item in record.items}, values, condition, random)


def _let_go(items: dict[str, Item], values: dict[str, str], rule: Rule, random: Random) -> bool:
    """Now and then, take away an item that makes the rule apply, instead of doing what it asks."""
    reasons = [name for one in rule.when if not one.needs_no_item for name in one.items if name in values]
    free = [name for name in reasons if not items[name].mandatory]
    if not free or random.random() < 0.7:
        return False
    values.pop(random.choice(free))
    return True


def _mend(unit: Unit, items: dict[str, Item], values: dict[str, str], condition: Condition, random: Random) -> None:
    """Make one condition of a rule hold."""
    name = random.choice(condition.items)
    match condition.op:
        case "present":
            values.setdefault(name, value(unit, items[name], random))
        case "in":
            if values.get(name) not in condition.values:
                values[name] = random.choice(condition.values)
        case "absent" | "not in" | "unlike":
            if not items[name].mandatory:
                values.pop(name, None)
            else:
                values[name] = value(unit, items[name], random)
        case "like":
            values[name] = next(text for text in ("0", "1") if re.fullmatch(condition.values[0], text))
        case _:
            _balance(items, values, condition, random)


def _balance(items: dict[str, Item], values: dict[str, str], condition: Condition, random: Random) -> None:
    """Make a comparison hold: two moments in order; or one addend that evens it out; or nothing but zeros."""
    here = [name for name in condition.items if name in values]
    if not {*here} & {*condition.left.items} or not {*here} & {*condition.right.items}:
        return
    if condition.values:
        kind = items[condition.items[0]]
        pool = sorted(random.sample(MOMENTS[kind.format or kind.type], 2))
        if condition.op == "==":
            pool[0] = pool[1]
        values.update(zip(condition.items, pool, strict=True))
        return
    sides = [(name, 1) for name in condition.left.plus] + [(name, -1) for name in condition.left.minus]
    sides += [(name, -1) for name in condition.right.plus] + [(name, 1) for name in condition.right.minus]
    signs = dict(sides)
    name = random.choice(here)
    wanted = -sum(signs[other] * int(values[other]) for other in here if other != name) * signs[name]
    if (wanted >= 0 or items[name].type == "S9") and len(str(abs(wanted))) <= items[name].digits:
        values[name] = str(wanted)
    else:
        values.update(dict.fromkeys(here, "0"))
