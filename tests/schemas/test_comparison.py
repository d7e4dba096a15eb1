"""What two editions differ in, and for whom it matters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.catalog import load_edition
from schemas.comparison import ADDED, CHANGED, REMOVED, compare
from schemas.model import CodeRow, CodeTable, Edition, Item, Unit

OLD = load_edition()
SENKYO = OLD.units["senkyo"]
RECORD = SENKYO.records["senkyotoroku"]


def edition(unit: Unit) -> Edition:
    """The shipped edition's senkyo alone, as given."""
    return replace(OLD, units={"senkyo": unit})


def with_items(*items: Item) -> Edition:
    """The edition with other items in its record."""
    return edition(replace(SENKYO, records={**SENKYO.records, RECORD.name: replace(RECORD, items=items)}))


def with_item(name: str, **changes: object) -> Edition:
    """The edition with one item changed."""
    return with_items(*(replace(one, **changes) if one.name == name else one for one in RECORD.items))


def found(new: Edition) -> list[tuple[str, str, str, bool, bool]]:
    """Kind, end of the place, facet, and whether senders and receivers go on."""
    changes = compare(edition(SENKYO), new)
    return [(one.kind, one.place.rpartition("/")[2], one.what, one.senders, one.receivers) for one in changes]


def test_an_edition_does_not_differ_from_itself() -> None:
    """No change, so nobody has anything to do."""
    again = load_edition(folder=OLD.folder)
    assert again is not OLD
    assert compare(OLD, again) == ()


def test_a_new_optional_item_hinders_nobody_and_a_new_mandatory_one_those_who_send() -> None:
    """What was right stays right, and receivers get it without what is new."""
    new = Item("biko", "備考", "N", 300)
    assert found(with_items(*RECORD.items, new)) == [(ADDED, "biko", "item", True, True)]
    assert found(with_items(*RECORD.items, replace(new, mandatory=True))) == [(ADDED, "biko", "item", False, True)]


def test_an_item_that_is_gone_hinders_those_who_send_it_and_those_who_need_it() -> None:
    """A mandatory one is missed by its receivers."""
    left = [one for one in RECORD.items if one.name != "shorinengappi"]
    assert found(with_items(*left)) == [(REMOVED, "shorinengappi", "item", False, True)]
    left = [one for one in RECORD.items if one.name != "kijunbi"]
    assert found(with_items(*left)) == [(REMOVED, "kijunbi", "item", False, False)]


@pytest.mark.parametrize(
    ("changes", "what", "senders", "receivers"),
    [
        ({"digits": 20}, "digits", True, False),
        ({"digits": 8}, "digits", False, True),
        ({"mandatory": False}, "mandatory", True, False),
        ({"type": "9"}, "type", False, True),
        ({"type": "N"}, "type", False, False),
        ({"format": ""}, "format", True, False),
        ({"format": "bunshobango"}, "format", False, False),
        ({"name_ja": "宛名の番号"}, "name_ja", True, True),
        ({"sensitivity": "address"}, "sensitivity", False, False),
    ],
)
def test_each_facet_of_an_item_is_judged_for_both_sides(
    changes: dict[str, object], what: str, senders: bool, receivers: bool
) -> None:
    """Wider hinders receivers, narrower hinders senders."""
    assert found(with_item("atenabango", **changes)) == [(CHANGED, "atenabango", what, senders, receivers)]


def test_a_new_code_hinders_receivers_and_another_meaning_both() -> None:
    """A code that a receiver does not know is not understood by him."""
    umu = SENKYO.codes["umu"]

    def codes(*rows: CodeRow) -> Edition:
        return edition(replace(SENKYO, codes={**SENKYO.codes, "umu": CodeTable("umu", umu.name_ja, rows)}))

    def here(new: Edition) -> list[tuple[str, str, bool, bool]]:
        return [(kind, what, *sides) for kind, place, what, *sides in found(new) if place == "senkyo_toroku_umu"]

    assert here(codes(*umu.rows, CodeRow("9", "不明"))) == [(ADDED, "code umu", True, False)]
    assert here(codes(umu.rows[0])) == [(REMOVED, "code umu", False, True)]
    assert here(codes(umu.rows[0], replace(umu.rows[1], name_ja="別"))) == [(CHANGED, "code umu", False, False)]


def test_order_key_and_rules_bind_both_or_one_side() -> None:
    """A schema is a sequence; a key is how both count; a rule may refuse what was right."""
    items = RECORD.items
    assert (CHANGED, "senkyotoroku", "order", False, False) in found(with_items(*items[1:], items[0]))
    keyed = replace(SENKYO, records={**SENKYO.records, RECORD.name: replace(RECORD, key=("atenabango", "kijunbi"))})
    assert found(edition(keyed)) == [(CHANGED, "senkyotoroku", "key", False, False)]
    fewer = found(edition(replace(SENKYO, rules=SENKYO.rules[1:])))
    assert [change[0::2] for change in fewer] == [(REMOVED, "rule", False)]
    assert [one.kind for one in compare(edition(replace(SENKYO, rules=SENKYO.rules[1:])), edition(SENKYO))] == [ADDED]


def test_operations_and_units_are_compared() -> None:
    """Who loses an operation, a purpose or time to answer is told; more consumers hinder nobody."""
    notice = SENKYO.operations["senkyotoroku_tsuchi"]

    def changed(**facets: object) -> list[tuple[str, str, str, bool, bool]]:
        operations = {**SENKYO.operations, notice.name: replace(notice, **facets)}
        return found(edition(replace(SENKYO, operations=operations)))

    place = notice.key
    assert changed(consumers=("juki", "koseki")) == [(CHANGED, place, "consumers", True, True)]
    assert changed(consumers=("koseki",)) == [(CHANGED, place, "consumers", False, False)]
    assert changed(deadline_s=5.0) == [(CHANGED, place, "deadline_s", True, False)]
    assert changed(pattern="inquiry") == [(CHANGED, place, "pattern", False, False)]
    rest = {name: one for name, one in SENKYO.operations.items() if name != notice.name}
    assert found(edition(replace(SENKYO, operations=rest))) == [(REMOVED, place, "operation", False, False)]
    assert [(one.kind, one.place) for one in compare(OLD, edition(SENKYO))] == [
        (REMOVED, key) for key in OLD.units if key != "senkyo"
    ]
    assert all(one.compatible for one in compare(edition(SENKYO), OLD))
