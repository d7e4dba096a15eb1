"""The shipped vendor definitions: golden pairs, and the whole population through each of them in both directions."""

from __future__ import annotations

import io
import tomllib
from pathlib import Path

import pytest
from lxml import etree

from adapters.population import Town
from adapters.population.record import Record
from adapters.sdk.types import VendorRecord
from adapters.simulators.a_juki_files import GAIJI as A_GAIJI
from adapters.simulators.a_juki_files import Records
from adapters.simulators.a_juki_items import a_items
from adapters.suite.golden import load_golden
from bus.core.errors import AdapterError
from bus.wire.contract import contracts
from bus.wire.records import to_element
from tests.vendors.world import VENDORS, definition, edition, sample_people

SAMPLES = VENDORS / "a" / "juki" / "samples"
TAX = (("a", "kojinjuminzei"), ("b", "kojinjuminzei"))


@pytest.fixture(scope="module")
def people() -> list[Record]:
    """All records of a town of 600 and of 1,000 events."""
    town = Town.generate(600, 5)
    history = [record for resident in town.people.values() for record in resident.history]
    return history + [event.record for change in town.changes(1_000) for event in change.events]


def test_the_golden_pair_of_a_juki_agrees_in_both_directions() -> None:
    """The vendor's file gives the standard records, and they give the vendor's file byte for byte."""
    made = definition("a", "juki")
    data = (SAMPLES / "jumin.dat").read_bytes()
    reading = made.codec.reader(io.BytesIO(data), "jumin.dat")
    found = list(reading)
    assert all(isinstance(one, VendorRecord) for one in found)
    records = [made.mapping.to_standard(one).values for one in found if isinstance(one, VendorRecord)]
    unit = edition().units["juki"]
    assert records == load_golden(SAMPLES / "jumin.xml", unit, unit.records["jumin"])
    written = [made.mapping.to_vendor(record).values for record in records]
    assert b"".join(made.codec.encode(written, reading.header)) == data


def test_the_golden_standard_is_valid_and_made_from_the_population() -> None:
    """Every record keeps the contract; the file is what ``tests.vendors.world`` writes today."""
    unit = edition().units["juki"]
    contract = contracts(edition())["juki"]
    records = load_golden(SAMPLES / "jumin.xml", unit, unit.records["jumin"])
    for record in records:
        payload = etree.Element(f"{{{unit.namespace}}}ido_tsuchi")
        to_element(payload, unit.namespace, unit.records["jumin"], record)
        assert contract.validate(payload) == ()
    assert records == sample_people()


def test_a_juki_says_what_the_register_means(people: list[Record]) -> None:
    """What vendor A writes natively becomes the population's own record, with nothing lost, and back again."""
    made, vendor = definition("a", "juki"), Records()
    for record in people:
        raw = vendor.pack(a_items(record))
        decoded = made.codec.decode_record(raw)
        converted = made.mapping.to_standard(decoded)
        assert converted.values == record
        assert not decoded.losses
        assert not converted.losses
        assert made.codec.encode_record(made.mapping.to_vendor(record).values) == raw


@pytest.mark.parametrize(("vendor", "unit"), TAX)
def test_a_tax_vendor_gives_back_every_item_it_holds(vendor: str, unit: str, people: list[Record]) -> None:
    """Through the vendor's bytes and back, each item that the vendor holds has the register's value."""
    made = definition(vendor, unit)
    held = held_items(vendor)
    for record in people:
        raw = made.codec.encode_record(made.mapping.to_vendor(record).values)
        back = made.mapping.to_standard(made.codec.decode_record(raw)).values
        assert back == {name: value for name, value in record.items() if name in held}


@pytest.mark.parametrize(("vendor", "unit"), [("a", "juki"), *TAX])
def test_somebody_whose_protection_is_unknown_comes_without_any_address(
    vendor: str, unit: str, people: list[Record]
) -> None:
    """支援措置区分 9: the register gives no address, and no vendor makes one up."""
    made = definition(vendor, unit)
    record = next(one for one in people if one["shiensochi_kubun"] == "9")
    back = made.mapping.to_standard(
        made.codec.decode_record(made.codec.encode_record(made.mapping.to_vendor(record).values))
    )
    items = edition().units["juki"].records["jumin"].items
    assert not {item.name for item in items if item.sensitivity == "address"} & back.values.keys()
    assert back.values["shiensochi_kubun"] == "9"


def test_both_tax_vendors_hold_the_same_items() -> None:
    """So that their ledgers can be compared item by item."""
    assert held_items("a") == held_items("b")
    assert len(held_items("a")) >= 45


def test_the_same_resident_at_a_and_b_has_no_common_item() -> None:
    """The lock-in example: ソウム ショウコ 総務翔子 霞が関 二 at A, そうむ しょうこ 総務翔子 霞が関 ２ at B."""
    person = next(one for one in sample_people() if one["shimei"] == "総務\u3000翔子")
    at_a = definition("a", "kojinjuminzei").mapping.to_vendor(person).values
    at_b = definition("b", "kojinjuminzei").mapping.to_vendor(person).values
    assert [at_a[name] for name in ("名前１", "名前２", "名前（漢字）", "町名", "丁")] == [
        "ソウム",
        "ショウコ",
        "総務翔子",
        "霞が関",
        "二",
    ]
    names = ("氏名.氏名１", "氏名.氏名２", "氏名.氏名３", "住所.住所１", "住所.住所２")
    assert [at_b[name] for name in names] == ["そうむ", "しょうこ", "総務翔子", "霞が関", "２"]
    for vendor, values in (("a", at_a), ("b", at_b)):
        made = definition(vendor, "kojinjuminzei")
        back = made.mapping.to_standard(VendorRecord({**dict.fromkeys(values, ""), **full(vendor, values)})).values
        assert back["shimei"] == "総務\u3000翔子"
        assert back["shimei_furigana"] == "ソウム\u3000ショウコ"
        assert back["jusho_choaza"] == "霞が関二丁目"


def test_one_code_of_the_user_area_means_another_character_in_each_system() -> None:
    """F040 of A's register is not F040 of A's tax system: a private code never crosses without its scope."""
    register, tax = definition("a", "juki").codec, definition("a", "kojinjuminzei").codec
    first = "\u845b\U000e0100"
    assert b"\xf0\x40" in register.encode_record({"漢字氏名": first})
    assert b"\xf0\x40" not in tax.encode_record({"名前（漢字）": first})
    for sequence in A_GAIJI:
        assert register.decode_record(register.encode_record({"漢字氏名": sequence})).values["漢字氏名"] == sequence
        assert tax.decode_record(tax.encode_record({"名前（漢字）": sequence})).values["名前（漢字）"] == sequence


@pytest.mark.parametrize(
    ("item", "replacement", "code"),
    [
        ("漢字氏名", b"\xf9\xfc", "CB6003"),
        ("漢字氏名", b"\x81", "CB6002"),
        ("異動事由", b"00", "CB6004"),
        ("異動日", b"6010101", "CB6006"),
        ("世帯内順位", b"1x", "E0002"),
    ],
)
def test_a_bad_value_of_a_juki_is_refused_with_its_place(item: str, replacement: bytes, code: str) -> None:
    """The finding carries the code, the item and the byte offset."""
    vendor = Records()
    column = next(one for one in vendor.columns if one.name == item)
    raw = bytearray(vendor.pack(a_items(sample_people()[0])))
    raw[column.start : column.start + column.width] = replacement.ljust(column.width)
    made = definition("a", "juki")
    with pytest.raises(AdapterError) as caught:
        made.mapping.to_standard(made.codec.decode_record(bytes(raw)))
    assert caught.value.code == code
    finding = caught.value.findings[0]
    assert item in finding.path + finding.place
    assert f"byte={column.start}" in finding.place


def test_a_record_that_is_too_long_for_a_is_refused() -> None:
    """A family name of 51 characters does not fit A's item and is not cut."""
    person = sample_people()[0] | {"uji_nihonjin": "長" * 51}
    made = definition("a", "juki")
    with pytest.raises(AdapterError) as caught:
        made.codec.encode_record(made.mapping.to_vendor(person).values)
    assert caught.value.code in {"CB6005", "E0003"}


@pytest.mark.parametrize(
    ("vendor", "unit", "name", "values"),
    [
        ("a", "juki", "jumin_shokai", {"atenabango": "000000000001015", "kijunbi": "2026-01-01"}),
        ("a", "juki", "setai_shokai", {"setaibango": "000000000000001", "kijunbi": "2026-01-01"}),
        ("a", "kojinjuminzei", "shokai", {"atenabango": "000000000001015", "kijunbi": "2026-01-01"}),
        ("b", "kojinjuminzei", "shokai", {"atenabango": "000000000001015", "kijunbi": "2026-01-01"}),
        ("a", "kojinjuminzei", "shotoku_irai", {"atenabango": "000000000001015", "kazeinendo": "2026"}),
        ("b", "kojinjuminzei", "shotoku_irai", {"atenabango": "000000000001015", "kazeinendo": "2026"}),
    ],
)
def test_inquiries_go_through_unchanged(vendor: str, unit: str, name: str, values: dict[str, str]) -> None:
    """Standard to vendor bytes and back."""
    made = definition(vendor, unit, name)
    raw = made.codec.encode_record(made.mapping.to_vendor(values).values)
    assert made.mapping.to_standard(made.codec.decode_record(raw)).values == values


def test_every_definition_is_described_in_japanese() -> None:
    """Each vendor folder has a README whose first line is Japanese and which is also there in English."""
    for folder in sorted(VENDORS.glob("*/*/adapter.toml")):
        text = (folder.parent / "README.md").read_text("utf-8")
        assert any("\u3040" <= char <= "\u30ff" or char >= "\u4e00" for char in text.splitlines()[0])
        assert "English" in text


def held_items(vendor: str) -> set[str]:
    """The standard items that a tax vendor holds."""
    path: Path = VENDORS / vendor / "kojinjuminzei" / "mapping" / "jumin.toml"
    return {name for item in tomllib.loads(path.read_text("utf-8"))["item"] for name in item["standard"]}


def full(vendor: str, values: dict[str, str]) -> dict[str, str]:
    """Vendor values with every item of the layout present."""
    layout = definition(vendor, "kojinjuminzei").codec.layout
    return {field.name: values.get(field.name, "") for field in layout.items}
