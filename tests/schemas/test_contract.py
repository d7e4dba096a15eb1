"""The contract on the message path: same answers fast and slow, no values in findings, official sets mounted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bus.core.errors import ConfigurationError
from bus.wire import records
from bus.wire.contract import UnitContract, contracts
from bus.wire.explain import MAX_FINDINGS, Explainer
from schemas.catalog import CatalogError, load_edition
from tests.conformance.cases import base, cases, payload

EDITION = load_edition()
CONTRACTS = contracts(EDITION)
JUKI = EDITION.units["juki"]
JUMIN = JUKI.records["jumin"]
SPACE = f"{{{JUKI.namespace}}}"
ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
RESIDENT = base("ido")[4]

names = st.sampled_from([item.name for item in JUMIN.items])
texts = st.one_of(
    st.sampled_from(
        ["1", "0", "2", "99", "地域　太郎", "2024-02-30", "2024-01-01", "990019", "年月日不詳", "子の子の子の子の子"]
    ),
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=60),
)


def notice(values: dict[str, str]) -> etree._Element:
    """A notice with one resident record."""
    return records.payload(f"{SPACE}ido_tsuchi", carried=(JUMIN, [values]))


@given(st.dictionaries(names, texts, max_size=5), st.sets(names, max_size=2))
def test_the_fast_and_the_slow_look_always_agree(changes: dict[str, str], removed: set[str]) -> None:
    """A message passes the one-pass check exactly when the item-by-item explanation finds nothing."""
    values = {name: value for name, value in {**RESIDENT, **changes}.items() if name not in removed}
    element = notice(values)
    contract = CONTRACTS["juki"]
    fast = contract._schema.validate(element) and contract._agrees(element)
    slow = Explainer(JUKI, lambda: contract._schema).explain(element, valid=True)
    assert fast == (slow == ())


@given(names, texts)
def test_no_finding_holds_the_value(name: str, value: str) -> None:
    """A refused value is described by its length or code point and never quoted."""
    marked = f"{value}秘密の値"
    for finding in CONTRACTS["juki"].validate(notice({**RESIDENT, name: marked})):
        assert "秘密の値" not in "".join(str(part) for part in finding.as_dict().values())


@pytest.mark.parametrize("case", cases(), ids=str)
def test_a_finding_names_item_line_and_expectation(case: object) -> None:
    """Each finding of the corpus carries a path below the payload, what was expected and, for items, the name."""
    name, changes = case.base, case.changes
    unit, _, tag, _, _ = base(name)
    for finding in CONTRACTS[unit.key].validate(etree.fromstring(payload(name, changes))):
        assert finding.path.startswith(tag.rpartition("}")[2] + "/")
        assert finding.line == 1
        assert finding.expected
        assert finding.name_ja or finding.code == "CB1016" or finding.path.endswith(("jumin", "shotoku"))


def test_a_payload_is_judged_where_it_stands_in_the_envelope() -> None:
    """The Body's child is validated in place, its prefixes declared above it, and the tree is left as it was."""
    raw = (
        f'<s:Envelope xmlns:s="{ENVELOPE[1:-1]}" xmlns:j="{JUKI.namespace}"><s:Body><j:jumin_shokai>'
        "<j:atenabango>000000000000019</j:atenabango><j:kijunbi>2024-01-01</j:kijunbi>"
        "</j:jumin_shokai></s:Body></s:Envelope>"
    )
    root = etree.fromstring(raw)
    before = etree.tostring(root)
    assert CONTRACTS["juki"].validate(root[0][0]) == ()
    root[0][0][1].text = "2024-02-31"
    assert [finding.code for finding in CONTRACTS["juki"].validate(root[0][0])] == ["E0002"]
    root[0][0][1].text = "2024-01-01"
    assert etree.tostring(root) == before
    assert root[0][0].getparent() is root[0]


def test_a_receipt_of_the_common_type_is_valid_and_a_broken_one_is_not() -> None:
    """Receipts are judged by the schema alone; its complaints become the same codes."""
    common = "urn:chiikibus:standard:1.0:common"
    receipt = records.receipt(f"{SPACE}ido_tsuchi_uketsuke", common, "urn:uuid:1", "1", "2024-04-01T00:00:00+09:00")
    contract = CONTRACTS["juki"]
    assert contract.validate(receipt) == ()
    receipt[2].text = "2024-04-01"
    assert [finding.code for finding in contract.validate(receipt)] == ["E0002"]
    receipt[0].text = "x" * 256
    assert {finding.code for finding in contract.validate(receipt)} == {"E0002", "E0003"}
    receipt.remove(receipt[2])
    receipt.remove(receipt[1])
    receipt[0].text = "x"
    assert [finding.code for finding in contract.validate(receipt)] == ["E0001"]


def test_an_element_that_the_unit_does_not_have_is_refused() -> None:
    """Another name or another namespace is CB1016."""
    for tag in (f"{SPACE}jumin_shokay", "{urn:other}jumin_shokai", "jumin_shokai"):
        assert [finding.code for finding in CONTRACTS["juki"].validate(etree.Element(tag))] == ["CB1016"]


def test_findings_are_bounded() -> None:
    """A part with thousands of wrong records yields as many findings as a fault can carry."""
    own = base("soshin")[3]
    rows = [{**RESIDENT, "seibetsu": "9"}] * 500
    part = records.payload(f"{SPACE}ikkatsu_soshin", JUKI.records["ikkatsu_soshin"], own, (JUMIN, rows))
    found = CONTRACTS["juki"].validate(part)
    assert len(found) == MAX_FINDINGS
    assert found[7].path == "ikkatsu_soshin/jumin[8]/seibetsu"


def test_one_contract_serves_many_threads() -> None:
    """Right and wrong messages judged side by side keep their own findings."""

    def judge(number: int) -> bool:
        values = {**RESIDENT, "seibetsu": "9"} if number % 2 else RESIDENT
        found = [finding.code for finding in CONTRACTS["juki"].validate(notice(values))]
        return found == (["E0002"] if number % 2 else [])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(judge, range(200)))


OFFICIAL_XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:official:jk"
  elementFormDefault="qualified"><xs:element name="JuminShokaiReq"><xs:complexType><xs:sequence>
  <xs:element name="AtenaNo"><xs:simpleType><xs:restriction base="xs:string"><xs:maxLength value="15"/>
  </xs:restriction></xs:simpleType></xs:element><xs:element name="Kijunbi" type="xs:date"/>
  </xs:sequence></xs:complexType></xs:element><xs:element name="JuminShokaiRes"><xs:complexType><xs:sequence>
  <xs:element name="Shimei" type="xs:string" minOccurs="0"/></xs:sequence></xs:complexType></xs:element></xs:schema>
"""
OFFICIAL_UNIT = """[unit]
key = "juki"
number = 1
name_ja = "住民基本台帳"
name_en = "Basic Resident Register"
namespace = "urn:official:jk"
wsdl = "Juki.wsdl"
schemas = ["Juki.xsd"]
[[operation]]
name = "jumin_shokai"
name_ja = "住民照会"
pattern = "inquiry"
input = "JuminShokaiReq"
output = "JuminShokaiRes"
action = "http://official/JuminShokai"
reply_action = "http://official/JuminShokaiResponse"
consumers = ["*"]
purposes = ["kazei"]
"""


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """A set as a licensee might hold it: other names, other namespace, no item tables."""
    (tmp_path / "unit.toml").write_text(OFFICIAL_UNIT, encoding="utf-8")
    (tmp_path / "Juki.xsd").write_text(OFFICIAL_XSD, encoding="utf-8")
    (tmp_path / "Juki.wsdl").write_text("<definitions xmlns='http://schemas.xmlsoap.org/wsdl/'/>", encoding="utf-8")
    return tmp_path


def test_an_official_set_takes_the_place_of_a_unit_without_a_code_change(official: Path) -> None:
    """Names, namespace and actions come from the mounted folder; the other units stay."""
    edition = load_edition(mounts={"juki": official})
    operation = edition.operation("juki.jumin_shokai")
    assert operation is not None
    assert operation.input == "{urn:official:jk}JuminShokaiReq"
    assert operation.action == "http://official/JuminShokai"
    assert set(edition.units) == set(EDITION.units)
    contract = UnitContract(edition.units["juki"])
    request = etree.Element("{urn:official:jk}JuminShokaiReq")
    etree.SubElement(request, "{urn:official:jk}AtenaNo").text = "1" * 16
    assert [(f.code, f.path) for f in contract.validate(request)] == [
        ("E0003", "AtenaNo"),
        ("E0001", "JuminShokaiReq/Kijunbi"),
    ]
    request[0].text = "1"
    etree.SubElement(request, "{urn:official:jk}Kijunbi").text = "yesterday"
    assert [finding.code for finding in contract.validate(request)] == ["E0002"]
    request[1].text = "2024-01-01"
    assert contract.validate(request) == ()
    etree.SubElement(request, "{urn:official:jk}Sonota").text = "x"
    assert [finding.code for finding in contract.validate(request)] == ["CB1016"]


def test_a_mounted_folder_that_lacks_a_file_is_named(official: Path) -> None:
    """A missing WSDL is found when the edition is loaded and not when the first message comes."""
    (official / "Juki.wsdl").unlink()
    with pytest.raises(CatalogError, match=r"no file Juki\.wsdl"):
        load_edition(mounts={"juki": official})


def test_a_schema_that_does_not_compile_is_a_configuration_error(official: Path) -> None:
    """CB7003 at start-up."""
    (official / "Juki.xsd").write_text(OFFICIAL_XSD.replace('"xs:date"', '"xs:dote"'), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        UnitContract(load_edition(mounts={"juki": official}).units["juki"])
    assert caught.value.code == "CB7003"


def test_a_record_survives_its_element() -> None:
    """Values go into an element in the order of the standard and come back as they were; empty ones are left out."""
    element = records.to_element(None, JUKI.namespace, JUMIN, {**RESIDENT, "honseki": ""})
    back = records.from_element(element)
    assert back == {name: value for name, value in RESIDENT.items() if name != "honseki"}
    assert [*back] == [item.name for item in JUMIN.items if item.name in back]


def test_an_item_that_the_record_does_not_have_is_refused_when_writing() -> None:
    """A misspelt name is an error of the caller and not a lost value."""
    with pytest.raises(ValueError, match="seibetu"):
        records.to_element(None, JUKI.namespace, JUMIN, {**RESIDENT, "seibetu": "1"})


def test_carried_records_are_found_and_own_items_are_kept_apart() -> None:
    """The items of a bulk part and the records it carries are read separately."""
    own = base("soshin")[3]
    rows = [RESIDENT, {**RESIDENT, "atenabango": "000000000000027"}]
    part = records.payload(f"{SPACE}ikkatsu_soshin", JUKI.records["ikkatsu_soshin"], own, (JUMIN, rows))
    assert records.from_element(part) == own
    found = records.carried_elements(part, JUKI.operations["ikkatsu_soshin"])
    assert [records.from_element(element)["atenabango"] for element in found] == ["000000000000019", "000000000000027"]
    assert records.carried_elements(part, JUKI.operations["ikkatsu_kakunin"]) == []
