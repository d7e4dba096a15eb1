"""The engine: both ways, every refusal with its place, every loss by its policy, the lineage down to the bytes."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.characters.register import Gaiji, GaijiRegister
from adapters.mapping import Mapping
from adapters.mapping.fast import REMEMBER
from adapters.mapping.slow import Walk
from adapters.sdk.protocols import Codec
from adapters.sdk.types import Loss, Origin, VendorRecord
from bus.core.errors import AdapterError
from tests.mapping.small import ITEMS, LAYOUT_B, MAPPING_A, MAPPING_B, STANDARD, VENDOR_A, VENDOR_B, load


@cache
def a() -> tuple[Mapping, Codec]:
    """Vendor A."""
    return load(Path(mkdtemp()))


@cache
def b() -> tuple[Mapping, Codec]:
    """Vendor B, who keeps only a part."""
    return load(Path(mkdtemp()), MAPPING_B, LAYOUT_B)


def read(made: tuple[Mapping, Codec], values: dict[str, str]) -> VendorRecord:
    """A vendor record as the codec reads it, second of a file."""
    raw = made[1].encode_record(values)
    found = list(made[1].decode(io.BytesIO((raw + b"\r\n") * 2), "f.dat"))[1]
    assert isinstance(found, VendorRecord)
    return found


def refused(values: dict[str, str]) -> list[tuple[str, str]]:
    """Code and item of the findings for a record of A."""
    with pytest.raises(AdapterError) as caught:
        a()[0].to_standard(VendorRecord({**VENDOR_A, **values}, Origin("f.dat", 2, 122, 120)))
    assert caught.value.code == caught.value.findings[0].code
    assert all("file=f.dat record=2" in finding.place for finding in caught.value.findings)
    return [(finding.code, finding.path) for finding in caught.value.findings]


def test_the_same_resident_goes_through_both_vendors() -> None:
    """ソウム / ショウコ / 霞が関 / 二 at A and そうむ / しょうこ / 霞が関 / ２ at B are one standard record."""
    from_a = a()[0].to_standard(VendorRecord(VENDOR_A))
    assert from_a.values == STANDARD
    assert from_a.losses == ()
    assert b()[0].to_vendor(from_a.values).values == VENDOR_B
    from_b = b()[0].to_standard(VendorRecord(VENDOR_B)).values
    assert from_b == {name: value for name, value in STANDARD.items() if name not in ("shotoku", "sakujofuragu")}
    assert a()[0].to_vendor(STANDARD).values == VENDOR_A


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"番号": ""}, [("E0001", "atenabango")]),
        ({"番号": "00 1"}, [("E0002", "atenabango")]),
        ({"所得": "+5"}, [("E0002", "shotoku")]),
        ({"名前（漢字）": "総" * 21, "氏文字数": ""}, [("E0003", "shimei")]),
        ({"性別": "X"}, [("CB6004", "seibetsu")]),
        ({"生年月日": "3640108"}, [("CB6006", "seinengappi_gengo・seinengappi")]),
        ({"名前２": "山"}, [("CB6006", "shimei_furigana")]),
        ({"丁": "２"}, [("CB6006", "jusho_choaza")]),
        ({"版": "2"}, [("CB6016", "版")]),
        ({"性別": "X", "生年月日": "9"}, [("CB6006", "seinengappi_gengo・seinengappi"), ("CB6004", "seibetsu")]),
    ],
)
def test_a_value_that_cannot_go_is_named(values: dict[str, str], expected: list[tuple[str, str]]) -> None:
    """All of a record's problems, each with code, standard item, file and record."""
    assert refused(values) == expected


def test_the_finding_names_both_items_and_the_byte() -> None:
    """Vendor item and byte offset in the place, Japanese name of the standard item beside."""
    record = read(a(), {**VENDOR_A, "性別": "X"})
    with pytest.raises(AdapterError) as caught:
        a()[0].to_standard(record)
    finding = caught.value.findings[0]
    assert (finding.path, finding.name_ja) == ("seibetsu", "性別")
    assert finding.place == f"file=f.dat record=2 item=性別 byte={122 + 100}+1"
    assert "X" not in (finding.got, finding.expected)


def test_an_item_the_record_does_not_have_is_refused() -> None:
    """Nothing that comes from the bus is dropped unseen."""
    with pytest.raises(AdapterError) as caught:
        a()[0].to_vendor({**STANDARD, "shin_komoku": "1"})
    assert [(one.code, one.path) for one in caught.value.findings] == [("E0002", "shin_komoku")]


def test_absent_optional_items_stay_absent() -> None:
    """No empty values towards the standard, every item towards the vendor."""
    values = {name: STANDARD[name] for name in ("atenabango", "shimei", "seinengappi_gengo", "seinengappi", "seibetsu")}
    out = a()[0].to_vendor(values).values
    assert set(out) == set(VENDOR_A)
    assert a()[0].to_standard(VendorRecord(out)).values == {**values, "sakujofuragu": "0"}


LOSSY_IN = {"町名": "霞が関二丁目", "丁": ""}


@pytest.mark.parametrize(("policy", "losses"), [("record", [("vendor", "町名"), ("vendor", "丁")]), ("allow", [])])
def test_a_value_that_comes_back_differently_is_lost_by_policy(
    tmp_path: Path, policy: str, losses: list[tuple[str, str]]
) -> None:
    """record: converted and reported; allow: converted in silence."""
    text = MAPPING_A.replace('conversion = "choaza_split"', f'conversion = "choaza_split"\nloss = "{policy}"')
    mapping, codec = load(tmp_path, text)
    converted = mapping.to_standard(read((mapping, codec), {**VENDOR_A, **LOSSY_IN}))
    assert converted.values["jusho_choaza"] == "霞が関二丁目"
    assert [(loss.side, loss.item) for loss in converted.losses] == losses
    assert all(loss.place.startswith("file=f.dat record=2 item=") for loss in converted.losses)


def test_a_value_that_comes_back_differently_is_refused_by_default() -> None:
    """forbid is the policy of a rule that says nothing."""
    assert {code for code, _ in refused(LOSSY_IN)} == {"CB6016"}


def test_the_standards_side_has_the_same_policies(tmp_path: Path) -> None:
    """A trailing U+3000 that two parts cannot hold."""
    values = {**STANDARD, "shimei_furigana": "ソウム　"}
    with pytest.raises(AdapterError) as caught:
        a()[0].to_vendor(values)
    assert [(one.code, one.path) for one in caught.value.findings] == [("CB6016", "shimei_furigana")]
    text = MAPPING_A.replace('options = { script = "half" }', 'options = { script = "half" }\nloss = "record"')
    assert [loss.item for loss in load(tmp_path, text)[0].to_vendor(values).losses] == ["shimei_furigana"]


@pytest.mark.parametrize(("policy", "count"), [("record", 1), ("allow", 0)])
def test_items_left_out_are_lost_by_policy(tmp_path: Path, policy: str, count: int) -> None:
    """On either side; an absent value is no loss."""
    mapping, _ = load(tmp_path, MAPPING_A.replace('loss = "record"', f'loss = "{policy}"'))
    assert len(mapping.to_standard(VendorRecord({**VENDOR_A, "内部番号": "77"})).losses) == count
    assert len(mapping.to_vendor({**STANDARD, "biko": "山"}).losses) == count
    assert mapping.to_vendor(STANDARD).losses == ()


def test_items_left_out_are_refused_when_that_is_forbidden(tmp_path: Path) -> None:
    """CB6016 names the item."""
    mapping, _ = load(tmp_path, MAPPING_A.replace('loss = "record"', ""))
    with pytest.raises(AdapterError) as caught:
        mapping.to_vendor({**STANDARD, "biko": "山"})
    assert [(one.code, one.path) for one in caught.value.findings] == [("CB6016", "biko")]


def test_a_constant_of_the_standard_holds_for_what_comes() -> None:
    """Another value would come back as the constant: refused; an absent one is nothing lost."""
    with pytest.raises(AdapterError) as caught:
        a()[0].to_vendor({**STANDARD, "sakujofuragu": "1"})
    assert [(one.code, one.path) for one in caught.value.findings] == [("CB6016", "sakujofuragu")]
    without = {name: value for name, value in STANDARD.items() if name != "sakujofuragu"}
    assert a()[0].to_vendor(without).values == VENDOR_A


@pytest.mark.parametrize("policy", ["record", "forbid", "allow"])
def test_double_codes_of_the_character_set_are_lost_by_policy(tmp_path: Path, policy: str) -> None:
    """codec_loss: record is the default, forbid refuses the record."""
    text = MAPPING_A.replace('record = "t.hito"', f'record = "t.hito"\ncodec_loss = "{policy}"')
    mapping, codec = load(tmp_path, text)
    raw = codec.encode_record({**VENDOR_A, "町名": "\u2160丁", "丁": ""})
    record = codec.decode_record(raw.replace(bytes.fromhex("8754"), bytes.fromhex("FA4A")))
    assert record.losses
    if policy == "forbid":
        with pytest.raises(AdapterError) as caught:
            mapping.to_standard(record)
        assert caught.value.code == "CB6016"
    else:
        assert len(mapping.to_standard(record).losses) == (policy == "record")


def test_a_name_with_gaiji_goes_both_ways(tmp_path: Path) -> None:
    """The family name is one character of two code points; the count says 1."""
    mapping, codec = load(tmp_path, register=GaijiRegister((Gaiji("F040", "\u845b\U000e0101"),)))
    values = {**STANDARD, "shimei": "\u845b\U000e0101　翔子"}
    vendor = mapping.to_vendor(values).values
    assert vendor["氏文字数"] == "1"
    raw = codec.encode_record(vendor)
    assert bytes.fromhex("F040") in raw
    assert mapping.to_standard(codec.decode_record(raw)).values == values


def test_an_error_of_the_codec_gets_the_standards_name() -> None:
    """What the codec cannot know is added by the mapping."""
    vendor = a()[0].to_vendor({**STANDARD, "jusho_choaza": "\U00020b9f町"}).values
    with pytest.raises(AdapterError) as caught:
        a()[1].encode_record(vendor)
    named = a()[0].named(caught.value)
    assert (named.code, named.findings[0].path, named.findings[0].name_ja) == ("CB6007", "町名", "住所_町字")


def test_lineage_leads_from_an_item_to_its_bytes() -> None:
    """Target, conversion with its options, sources with offset and length in the file, record and file."""
    record = read(a(), {**VENDOR_A, "内部番号": "77"})
    steps = {step.target: step for step in a()[0].to_standard(record).lineage}
    kana = steps["shimei_furigana"]
    assert kana.conversion == 'kana_split{"script": "half"}'
    assert [(one.item, one.offset, one.length) for one in kana.sources] == [("名前１", 137, 10), ("名前２", 147, 10)]
    assert (kana.origin.file, kana.origin.record_no) == ("f.dat", 2)
    assert steps["sakujofuragu"].kind == "constant"
    assert (steps["内部番号"].kind, steps["内部番号"].note) == ("unmapped", "A社の内部項目")
    assert [step.target for step in steps.values() if step.side == "standard"] == [
        item.name for item in ITEMS if item.name != "biko"
    ]


def test_lineage_leads_back_too() -> None:
    """From a vendor item to the standard's items, in the layout's order."""
    steps = a()[0].to_vendor({**STANDARD, "biko": "山"}, Origin("x.xml", 3)).lineage
    assert [step.target for step in steps if step.side == "vendor"] == [name for name in VENDOR_A if name != "内部番号"]
    assert next(step for step in steps if step.target == "氏文字数").sources[0].item == "shimei"
    assert [step.target for step in steps if step.kind == "unmapped"] == ["biko", "sakujofuragu"]


def test_what_is_remembered_is_bounded() -> None:
    """More different values than the limit: still right, and the memory starts anew."""
    mapping, _ = a()
    for number in range(REMEMBER + 50):
        day = f"3{number % 60 + 2:02d}{number // 60 % 12 + 1:02d}{number // 720 % 28 + 1:02d}"
        values = mapping.to_standard(VendorRecord({**VENDOR_A, "生年月日": day})).values
        assert values["seinengappi"][5:7] == day[3:5]
    assert all(len(single.known) <= REMEMBER for single in mapping._in.singles)


vendor_values = st.fixed_dictionaries(
    {
        "番号": st.text(alphabet="019A- ", max_size=15),
        "名前１": st.text(alphabet="ｿｳﾑﾞ ", max_size=5),
        "名前２": st.text(alphabet="ｼｮｳ", max_size=5),
        "名前（漢字）": st.text(alphabet="総務翔子　A", max_size=22),
        "氏文字数": st.sampled_from(["", "0", "1", "2", "22", "x"]),
        "町名": st.text(alphabet="霞関二丁目", max_size=8),
        "丁": st.sampled_from(["", "二", "十二", "2", "〇"]),
        "生年月日": st.sampled_from(["", "3260101", "1450730", "2010730", "3640108", "9999999"]),
        "性別": st.sampled_from(["", "M", "F", "N", "X"]),
        "所得": st.sampled_from(["", "0", "-5", "+5", "123456789012", "1234567890123"]),
        "内部番号": st.sampled_from(["", "1"]),
        "版": st.sampled_from(["", "1", "2"]),
    }
)


@given(vendor_values)
def test_the_compiled_way_agrees_with_the_careful_way(values: dict[str, str]) -> None:
    """For any record: the same values and losses, or the same findings; and what passes comes back."""
    mapping, _ = a()
    record = VendorRecord(values)
    walk = Walk(mapping, record.origin, record)
    careful = walk.to_standard(values)
    try:
        converted = mapping.to_standard(record)
    except AdapterError as error:
        assert list(error.findings) == walk.findings
        return
    assert walk.findings == []
    assert converted.values == careful
    assert list(converted.losses) == walk.losses
    assert {loss.item for loss in converted.losses} <= {"内部番号"}
    assert mapping.to_vendor(converted.values).values == {**values, "内部番号": ""}


standard_values = st.fixed_dictionaries(
    {},
    optional={
        "atenabango": st.just("1"),
        "shimei": st.text(alphabet="総務　", min_size=1, max_size=8),
        "shimei_furigana": st.text(alphabet="ソウム　ヰ", min_size=1, max_size=8),
        "jusho_choaza": st.text(alphabet="霞関二十丁目２", min_size=1, max_size=8),
        "seinengappi_gengo": st.sampled_from("12345"),
        "seinengappi": st.sampled_from(["1951-01-01", "1912-07-30", "2020-02-30", "9999-12-31"]),
        "seibetsu": st.sampled_from(["0", "1", "2", "9"]),
        "biko": st.just("山"),
        "sakujofuragu": st.sampled_from(["0", "1"]),
        "shiranai": st.just("1"),
    },
)


@given(standard_values)
def test_the_compiled_way_back_agrees_with_the_careful_way(values: dict[str, str]) -> None:
    """The same for the other direction."""
    mapping, _ = a()
    walk = Walk(mapping, Origin(), None)
    careful = walk.to_vendor(values)
    try:
        converted = mapping.to_vendor(values)
    except AdapterError as error:
        assert list(error.findings) == walk.findings
        return
    assert (converted.values, list(converted.losses), walk.findings) == (careful, walk.losses, [])


def test_a_loss_says_where_and_never_what() -> None:
    """The reason is the rule's, the value is not quoted."""
    loss = a()[0].to_standard(VendorRecord({**VENDOR_A, "内部番号": "998877"})).losses[0]
    assert isinstance(loss, Loss)
    assert "998877" not in f"{loss.reason}{loss.place}"
