"""The flows between business units: each is an operation that its consumers may use, and nothing flows beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from schemas.catalog import CatalogError, load_edition, load_flows
from schemas.model import Edition
from tests.support.repository import ROOT

EDITION = load_edition()
FLOWS = load_flows(EDITION)


def test_every_flow_whose_provider_has_a_contract_is_an_operation_of_it() -> None:
    """43 flows; the loader has checked that each pattern has an operation and each consumer may use it."""
    assert [flow.number for flow in FLOWS] == list(range(1, 44))
    assert [flow.number for flow in FLOWS if flow.provider in EDITION.units and not flow.keys] == []
    assert all(flow.provenance for flow in FLOWS)


def test_every_unit_can_send_request_and_confirm_its_main_record_in_bulk() -> None:
    """Systems are replaced in every unit, whether or not another unit asks for its data."""
    for unit in EDITION.units.values():
        for name in ("ikkatsu_irai", "ikkatsu_soshin", "ikkatsu_kakunin"):
            assert unit.operations[name].pattern == "bulk", unit.key
        assert unit.operations["ikkatsu_soshin"].repeats, unit.key


def test_nothing_is_given_to_a_unit_that_no_flow_names() -> None:
    """A record goes to the own unit, along a flow, or in bulk to those who are told or may ask for the same record."""
    for unit in EDITION.units.values():
        given: dict[str, set[str]] = {}
        for flow in FLOWS:
            for key in flow.keys:
                operation = EDITION.operation(key)
                if operation is not None and operation.unit == unit.key:
                    given.setdefault(operation.record, {unit.key}).update(flow.units)
        for operation in unit.operations.values():
            if operation.record:
                assert set(operation.consumers) <= given.get(operation.record, {unit.key}), operation.key


def test_what_collection_gets_is_the_same_record_from_every_unit() -> None:
    """収滞納管理 reads one form of 調定 whoever sends it: same items, codes, key and rules."""
    senders = [unit for unit in EDITION.units.values() if "chotei" in unit.records]
    assert len(senders) >= 4
    first = senders[0]
    for unit in senders:
        assert [
            (item.name, item.type, item.digits, item.code, item.mandatory) for item in unit.records["chotei"].items
        ] == [(item.name, item.type, item.digits, item.code, item.mandatory) for item in first.records["chotei"].items]
        assert unit.records["chotei"].key == first.records["chotei"].key


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("1,juki,", "1,jiki,", "nearest: juki"),
        (",inquiry|notice|bulk,", ",inquiry|notise|bulk,", "nearest: notice"),
        ("juki.jumin_shokai|", "juki.jumin_shoukai|", "nearest: juki.jumin_shokai"),
        ("2,juki,koseki,", "2,juki,koseki|inkan,", "juki.fuhyo_tsuchi may not be used by inkan"),
        (",notice,juki.fuhyo_tsuchi,", ",notice|inquiry,juki.fuhyo_tsuchi,", "no operation for inquiry"),
        ("1,juki,", "one,juki,", "not a number"),
    ],
)
def test_a_mistake_in_a_flow_is_named_with_its_line(tmp_path: Path, old: str, new: str, text: str) -> None:
    """Units, patterns and operations are known, and a flow is what its operations allow."""
    source = (EDITION.folder / "flows.csv").read_text(encoding="utf-8")
    assert old in source
    (tmp_path / "flows.csv").write_text(source.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        load_flows(Edition(EDITION.version, tmp_path, EDITION.units, EDITION.codes))
    assert any(text in problem and "flows.csv:" in problem for problem in caught.value.problems), caught.value.problems


def test_an_edition_without_flows_has_none(tmp_path: Path) -> None:
    """An official set need not bring the table."""
    assert load_flows(Edition("9", tmp_path, {})) == ()


def test_the_picture_shows_every_flow() -> None:
    """Each pattern from one unit to another is a mark in the matrix."""
    root = etree.parse(ROOT / "docs" / "images" / "flows-1.0.svg").getroot()
    marks = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text") if node.text in {"照", "通", "括"}]
    keys = list(EDITION.codes["gyomu"].codes)
    pairs = {
        (flow.provider, consumer, pattern)
        for flow in FLOWS
        for consumer in (keys if "*" in flow.units else flow.units)
        for pattern in flow.patterns
        if consumer != flow.provider
    }
    assert len(marks) == len(pairs)
