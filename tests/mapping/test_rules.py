"""Rules beyond one item to one, in a whole mapping: conditions, computed and derived items, defaults, repetition."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.codecs import load_layout
from adapters.mapping import Mapping, load_mapping
from adapters.mapping.slow import Walk
from adapters.sdk.problems import Problems
from adapters.sdk.types import Origin, VendorRecord
from bus.core.errors import AdapterError
from schemas.model import Item
from tests.mapping.small import edition

NAMES = ("番号", "区分", "名称", "所得千円", "第１期", "第２期", "合計", "備考欄")
ITEMS = (
    Item("atenabango", "宛名番号", "X", 15, mandatory=True, format="atenabango"),
    Item("shimei", "氏名", "N", 40),
    Item("meisho", "名称", "N", 40),
    Item("shotoku", "所得", "S9", 12),
    Item("kibetsu01", "期別１", "9", 12),
    Item("kibetsu02", "期別２", "9", 12),
    Item("nengaku", "年額", "9", 12),
    Item("biko", "備考", "N", 30, mandatory=True),
)
LAYOUT = '[layout]\nid = "t.hito"\nkind = "delimited"\nencoding = "utf-8"\n' + "".join(
    f'[[field]]\nname = "{name}"\n' for name in NAMES
)
MAPPING = """
[mapping]
id = "t.hito"
layout = "layout/hito.toml"
record = "t.hito"
[[item]]
vendor = ["番号"]
standard = ["atenabango"]
conversion = "copy"
[[item]]
vendor = ["区分", "名称"]
standard = ["shimei", "meisho"]
[[item.case]]
when = { vendor = '区分 = "1"', standard = "present(shimei)" }
set = { vendor = { "区分" = "1" } }
item = [{ vendor = "名称", standard = "shimei", conversion = "copy" }]
[[item.case]]
when = { vendor = '区分 = "2"', standard = "present(meisho)" }
set = { vendor = { "区分" = "2" } }
item = [{ vendor = "名称", standard = "meisho", conversion = "affix", options = { prefix = "（法人）" } }]
[[item]]
vendor = ["所得千円"]
standard = ["shotoku"]
conversion = "compute"
options = { to_standard = { shotoku = "所得千円 * 1000" }, to_vendor = { "所得千円" = "shotoku div 1000" } }
loss = "record"
[[item]]
repeat = "1..2"
vendor = ["第{n:wide}期"]
standard = ["kibetsu{n:02}"]
conversion = "copy"
[[derived]]
side = "vendor"
item = "合計"
value = "sum(第１期, 第２期)"
reason = "A社は期別の合計を持つ"
[[derived]]
side = "standard"
item = "nengaku"
value = "sum(kibetsu01, kibetsu02)"
reason = "年額は期別の合計"
[[item]]
vendor = ["備考欄"]
standard = ["biko"]
conversion = "copy"
default = { standard = "なし", reason = "備考のない行は「なし」とする" }
"""
VENDOR = {
    "番号": "1",
    "区分": "2",
    "名称": "（法人）地域商会",
    "所得千円": "12",
    "第１期": "300",
    "第２期": "45",
    "合計": "345",
    "備考欄": "",
}
STANDARD = {
    "atenabango": "1",
    "meisho": "地域商会",
    "shotoku": "12000",
    "kibetsu01": "300",
    "kibetsu02": "45",
    "nengaku": "345",
    "biko": "なし",
}


def load(folder: Path, text: str = MAPPING) -> tuple[Mapping | None, Problems]:
    """The mapping with ``text``, and what is wrong with it."""
    for name, content in (("layout", LAYOUT), ("mapping", text)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "hito.toml").write_text(content, encoding="utf-8")
    problems = Problems()
    layout = load_layout(folder / "layout" / "hito.toml")
    assert layout is not None
    return load_mapping(folder / "mapping" / "hito.toml", layout, edition(ITEMS), problems), problems


def made(folder: Path, text: str = MAPPING) -> Mapping:
    """A mapping without problems."""
    found, problems = load(folder, text)
    assert problems.found == []
    assert found is not None
    return found


def refused(mapping: Mapping, values: dict[str, str], to: str = "standard") -> list[tuple[str, str]]:
    """Code and item of every finding."""
    with pytest.raises(AdapterError) as caught:
        mapping.to_standard(VendorRecord(values)) if to == "standard" else mapping.to_vendor(values)
    return [(one.code, one.path) for one in caught.value.findings]


def test_every_kind_of_rule_goes_both_ways_quickly_and_carefully(tmp_path: Path) -> None:
    """The compiled way and the careful way give the same, in both directions."""
    mapping = made(tmp_path)
    record = VendorRecord(VENDOR)
    assert mapping._in.run(VENDOR) == STANDARD
    assert Walk(mapping, Origin(), record).to_standard(VENDOR) == STANDARD
    assert mapping.to_vendor(STANDARD).values == VENDOR
    assert mapping._out.run(STANDARD) == VENDOR
    assert Walk(mapping, Origin(), None).to_vendor(STANDARD) == VENDOR


def test_a_person_takes_the_other_case(tmp_path: Path) -> None:
    """The condition of each direction picks the same case."""
    mapping = made(tmp_path)
    vendor = {**VENDOR, "区分": "1", "名称": "総務　翔子"}
    standard = {**STANDARD, "shimei": "総務　翔子"}
    del standard["meisho"]
    assert mapping.to_standard(VendorRecord(vendor)).values == standard
    assert mapping.to_vendor(standard).values == vendor


def test_no_case_and_two_at_once_are_refused(tmp_path: Path) -> None:
    """What the cases do not foresee is never dropped."""
    mapping = made(tmp_path)
    assert refused(mapping, {**VENDOR, "区分": "3"}) == [("CB6006", "shimei・meisho")]
    assert refused(mapping, {**STANDARD, "shimei": "総務"}, "vendor") == [("CB6016", "meisho")]


def test_a_computed_value_that_does_not_come_back_is_a_loss_by_policy(tmp_path: Path) -> None:
    """12,345 yen in a column of thousands: recorded here, refused by default."""
    loss = made(tmp_path).to_vendor({**STANDARD, "shotoku": "12345"}).losses
    assert [(one.side, one.item, one.policy) for one in loss] == [("standard", "shotoku", "record")]
    strict = made(tmp_path, MAPPING.replace('loss = "record"', ""))
    assert refused(strict, {**STANDARD, "shotoku": "12345"}, "vendor") == [("CB6016", "shotoku")]


def test_a_derived_item_is_computed_on_its_side_and_held_to_what_was_read(tmp_path: Path) -> None:
    """A total that is not the sum is refused, whichever side says so."""
    mapping = made(tmp_path)
    assert refused(mapping, {**VENDOR, "合計": "346"}) == [("CB6016", "合計")]
    assert refused(mapping, {**STANDARD, "nengaku": "1"}, "vendor") == [("CB6016", "nengaku")]
    recorded = made(tmp_path, MAPPING.replace('reason = "A社は', 'loss = "record"\nreason = "A社は'))
    assert [one.item for one in recorded.to_standard(VendorRecord({**VENDOR, "合計": "346"})).losses] == ["合計"]


def test_a_default_says_where_it_stands_in(tmp_path: Path) -> None:
    """Kind and reason in the lineage; written out by the vendor itself it would not come back: a loss."""
    mapping = made(tmp_path)
    steps = {step.target: step for step in mapping.to_standard(VendorRecord(VENDOR)).lineage}
    assert (steps["biko"].kind, steps["biko"].note) == ("default", "備考のない行は「なし」とする")
    assert (steps["nengaku"].kind, steps["nengaku"].conversion) == ("derived", "sum(kibetsu01, kibetsu02)")
    assert [source.item for source in steps["nengaku"].sources] == ["第１期", "第２期"]
    assert refused(mapping, {**VENDOR, "備考欄": "なし"}) == [("CB6016", "biko")]
    other = made(tmp_path, MAPPING.replace('standard = "なし"', 'canonical = "value", standard = "なし"'))
    assert refused(other, VENDOR) == [("CB6016", "biko")]
    assert other.to_vendor(STANDARD).values["備考欄"] == "なし"


def test_a_default_of_the_vendor_stands_for_an_absent_item(tmp_path: Path) -> None:
    """0 written where the standard has nothing, and read back as nothing."""
    text = MAPPING.replace(
        'standard = ["kibetsu{n:02}"]\nconversion = "copy"',
        'standard = ["kibetsu{n:02}"]\nconversion = "copy"\ndefault = { vendor = "0", reason = "空欄にできない" }',
    )
    mapping = made(tmp_path, text)
    standard = {name: value for name, value in STANDARD.items() if name != "kibetsu02"}
    vendor = {**VENDOR, "第２期": "0", "合計": "300"}
    assert mapping.to_vendor({**standard, "nengaku": "300"}).values == vendor
    assert mapping.to_standard(VendorRecord(vendor)).values == {**standard, "nengaku": "300"}


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('repeat = "1..2"', 'repeat = "2..1"', "item[3].repeat"),
        ('repeat = "1..2"', 'repeat = "1..1"', "vendor.第２期"),
        ("{n:wide}", "{n:roman}", "repeat"),
        ('value = "sum(第１期, 第２期)"', 'value = "sum(第１期, 第９期)"', "derived[0].value"),
        ('value = "sum(第１期, 第２期)"', 'value = "合計 + 1"', "derived[0].value"),
        ('item = "合計"', 'item = "備考欄"', "vendor.合計"),
        ('reason = "備考のない行は「なし」とする"', "x = 1", "default.reason"),
        ('{ standard = "なし"', '{ standard = "なし", vendor = "x"', "default"),
        ("present(meisho)", "meisho", "case[1].when.standard"),
        ('standard = "meisho", conv', 'standard = "shimei", conv', "standard.meisho"),
    ],
)
def test_a_wrong_rule_is_named_at_load_time(tmp_path: Path, old: str, new: str, path: str) -> None:
    """With the line of its block."""
    assert old in MAPPING
    mapping, problems = load(tmp_path, MAPPING.replace(old, new))
    assert mapping is None
    assert path in [one.path for one in problems.found]
