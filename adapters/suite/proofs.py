"""What can be said of a definition before a record has come: what is proved, what sampling shows, what will not fit.

Nothing here is an error: a value that does not fit is refused with a code when it comes. A vendor wants to know before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.characters.charset import HOST_ENCODINGS
from adapters.mapping.conversions.chain import Default, Steps
from adapters.mapping.conversions.code import Code
from adapters.mapping.conversions.kana import HalfFull
from adapters.mapping.conversions.text import Copy
from adapters.mapping.rules import DerivedRule, ItemRule
from adapters.sdk.layout import LayoutField
from adapters.suite.subject import Pair, Subject
from schemas.model import Item

SHIFTS = 2
"""Bytes of the shift codes around full-width text in a host field."""
_WHY = {
    "choose": "行き先で同じ場合が選ばれるかは値による / the case picked on the way back depends on the value",
    "compute": "式の逆は証明できない / the inverse of an expression is not proved",
}
_ANY = "元の書き方が1つとは限らない。値ごとに戻して確かめる / several spellings; each value is tried back"


@dataclass(frozen=True, slots=True)
class Note:
    """``kind`` is sampled, width, repertoire, one-way, missing-code or unused; ``about`` names items or the table."""

    kind: str
    mapping: str
    about: str
    says: str

    def as_dict(self) -> dict[str, str]:
        """As JSON-ready fields."""
        return {"kind": self.kind, "mapping": self.mapping, "about": self.about, "says": self.says}


def notes(subject: Subject) -> Iterator[Note]:
    """Everything worth knowing, mapping by mapping; then code tables that nothing uses."""
    used: set[str] = set()
    for pair in subject.pairs:
        yield from _repertoire(pair)
        for rule in pair.mapping.rules:
            if isinstance(rule, DerivedRule):
                says = "算出: 読むときに一致を確かめる / computed; agreement is checked for each record"
                yield Note("sampled", pair.name, rule.item, says)
            elif isinstance(rule, ItemRule):
                about = f"{'・'.join(rule.vendor)} ↔ {'・'.join(rule.standard)}"
                if not rule.conversion.exact:
                    yield Note("sampled", pair.name, about, f"{rule.name}: {_WHY.get(rule.name, _ANY)}")
                for code in _codes(rule):
                    used.add(code.table_name)
                    yield from _one_way(pair, about, code)
                yield from _widths(pair, rule)
    for path in sorted((subject.folder / "codes").glob("*.csv")):
        if f"codes/{path.name}" not in used:
            yield Note("unused", "", f"codes/{path.name}", "どの対応定義も使っていない / no mapping uses it")


def counts(subject: Subject) -> dict[str, int]:
    """Converting rules proved exact at load time, rules that sampling shows, and the other notes by kind."""
    rules = [rule for pair in subject.pairs for rule in pair.mapping.rules if isinstance(rule, ItemRule)]
    found = {"proved": sum(rule.conversion.exact for rule in rules)}
    for one in notes(subject):
        found[one.kind] = found.get(one.kind, 0) + 1
    return found


def _codes(rule: ItemRule) -> Iterator[Code]:
    conversion = rule.conversion.inner if isinstance(rule.conversion, Default) else rule.conversion
    for one in conversion.inner if isinstance(conversion, Steps) else (conversion,):
        if isinstance(one, Code):
            yield one


def _one_way(pair: Pair, about: str, code: Code) -> Iterator[Note]:
    ways = [row.direction for row in code.rows]
    one_way = ways.count("to_standard") + ways.count("to_vendor")
    if one_way:
        yield Note(
            "one-way", pair.name, about, f"{code.table_name}: 片方向の行 / one-way rows: {one_way} / {len(ways)}"
        )
    if "none" in ways:
        says = f"{code.table_name}: ベンダーにないコード（CB6004） / codes the vendor lacks: {ways.count('none')}"
        yield Note("missing-code", pair.name, about, says)


def _repertoire(pair: Pair) -> Iterator[Note]:
    encoding = pair.layout.encoding
    wide = [one.name for one in pair.layout.items if one.type == "N"]
    if encoding != "utf-8" and wide:
        how = "拒否 / refused（CB6007）"
        if pair.layout.gaiji:
            how = "外字登録簿になければ保留 / held until the gaiji register has it（CB6003）"
        yield Note("repertoire", pair.name, f"{len(wide)} 項目", f"{encoding} にない文字: {how}")


def _widths(pair: Pair, rule: ItemRule) -> Iterator[Note]:
    """A field of fixed width that is narrower than the longest value of its item."""
    if pair.layout.kind not in ("fixed", "multi") or len(rule.vendor) != 1 or len(rule.standard) != 1:
        return
    if not isinstance(rule.conversion, Copy | HalfFull):
        return
    one, item = pair.layout.field(rule.vendor[0]), pair.mapping.checks[rule.standard[0]].item
    room = _room(one, pair.layout.encoding, half=isinstance(rule.conversion, HalfFull))
    if one.usage != "text" and one.digits:
        room = one.digits
    if 0 < room < item.digits:
        says = f"{one.bytes} バイト = {room} 字 < 標準 {item.digits} 字: 長い値は拒否 / longer is refused（CB6005）"
        yield Note("width", pair.name, f"{one.name} ↔ {item.name}", says)
    elif room > item.digits and not _may_be_longer(item):
        says = f"{room} 字 > 標準 {item.digits} 字: 長い値は拒否 / longer is refused（E0003）"
        yield Note("width", pair.name, f"{one.name} → {item.name}", says)


def _room(one: LayoutField, encoding: str, *, half: bool) -> int:
    """Characters that certainly fit into the field, full-width where its type is N."""
    if one.usage == "packed":
        return one.bytes * 2 - 1
    if one.usage != "text" or one.type != "N":
        return one.bytes // 2 if half else one.bytes
    if encoding == "utf-8":
        return one.bytes // 3
    shifts = SHIFTS if encoding in HOST_ENCODINGS and not one.wide else 0
    return (one.bytes - shifts) // 2


def _may_be_longer(item: Item) -> bool:
    """Whether a wider field is usual: numbers with sign and point, items whose form or codes say what they hold."""
    return item.type in ("9", "S9", "9V", "DATE") or bool(item.format or item.code)
