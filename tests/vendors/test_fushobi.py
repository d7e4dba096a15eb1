"""The 14 wordings of uncertain dates and dates that are in no calendar, through contract, judge and every vendor."""

from __future__ import annotations

import re
from functools import cache

import pytest
from lxml import etree

from bus.core.datarules import fushobi_ok
from bus.core.errors import AdapterError
from bus.wire.contract import UnitContract, contracts
from bus.wire.records import to_element
from conformance.oracle import Oracle
from tests.vendors.world import definition, edition, sample_people

UNIT = edition().units["juki"]
WORDINGS = [row.name_ja for row in UNIT.codes["fushobi"].rows]
ERAS = [row.name_ja for row in UNIT.codes["gengo"].rows]
DAYS = ("2023-02-29", "1912-07-30", "1926-12-25", "1989-01-07")
VENDORS = [("a", "juki"), ("a", "kojinjuminzei"), ("b", "kojinjuminzei")]


@cache
def contract() -> UnitContract:
    """What the bus judges by."""
    return contracts(edition())["juki"]


@cache
def oracle() -> Oracle:
    """What the judge judges by."""
    return Oracle(edition(), UNIT)


def person(**changes: str) -> dict[str, str]:
    """A Japanese resident of the samples, with other values, in the order of the standard."""
    plain = next(
        one
        for one in sample_people()
        if one["juminshubetsu"] == "1" and one["juminjotai"] == "1" and "seinengappi_fushohyoki" not in one
    )
    values = {**plain, **changes}
    return {item.name: values[item.name] for item in UNIT.records["jumin"].items if values.get(item.name)}


def filled(wording: str, era: str) -> str:
    """A wording with an era and digits in its places; its blanks are full-width in a message."""
    return re.sub("○+", "３", wording).replace("令和", era).replace(" ", "\u3000")


def test_there_are_fourteen_wordings() -> None:
    """As many as the source has."""
    assert len(WORDINGS) == 14
    assert not fushobi_ok("令和３年ごろ")


@pytest.mark.slow
@pytest.mark.parametrize("wording", WORDINGS)
def test_wording_flag_and_substitute_date_travel_together_both_ways(wording: str) -> None:
    """Nobody makes up a date: the substitute comes back beside wording and flag, at every vendor."""
    for era in ERAS[-2:]:
        words = filled(wording, era)
        record = person(
            seinengappi_fushohyoki=words, seinengappi_fushofuragu="1", seinengappi="2021-03-01", seinengappi_gengo="5"
        )
        body = etree.Element(UNIT.operations["ido_tsuchi"].input)
        to_element(body, UNIT.namespace, UNIT.records["jumin"], record)
        assert contract().validate(body) == ()
        assert oracle().judge(etree.tostring(body, encoding="utf-8")) == ()
        for vendor, unit in VENDORS:
            made = definition(vendor, unit)
            raw = made.codec.encode_record(made.mapping.to_vendor(record).values)
            back = made.mapping.to_standard(made.codec.decode_record(raw)).values
            names = ("seinengappi", "seinengappi_fushofuragu", "seinengappi_fushohyoki")
            assert {name: back[name] for name in names} == {name: record[name] for name in names}, (vendor, unit)


@pytest.mark.slow
@pytest.mark.parametrize("day", DAYS)
def test_days_that_no_calendar_has_stay_what_they_are(day: str) -> None:
    """29 February of a common year, the last days of eras: text from end to end."""
    record = person(ido_todokedenengappi=day)
    for vendor, unit in VENDORS:
        made = definition(vendor, unit)
        raw = made.codec.encode_record(made.mapping.to_vendor(record).values)
        assert made.mapping.to_standard(made.codec.decode_record(raw)).values["ido_todokedenengappi"] == day


@pytest.mark.slow
@pytest.mark.parametrize("day", ["0000-01-01", "9999-12-31"])
def test_an_open_date_that_a_vendor_cannot_write_is_refused_and_never_replaced(day: str) -> None:
    """A vendor that writes eras has no place for it: the record is refused with its item."""
    for vendor, unit in VENDORS:
        made = definition(vendor, unit)
        try:
            raw = made.codec.encode_record(made.mapping.to_vendor(person(ido_todokedenengappi=day)).values)
        except AdapterError as error:
            assert [finding.path for finding in error.findings] == ["ido_todokedenengappi"]
            continue
        assert made.mapping.to_standard(made.codec.decode_record(raw)).values["ido_todokedenengappi"] == day


@pytest.mark.slow
def test_a_wording_without_its_flag_is_refused_by_both_judges() -> None:
    """The flag says that the date is a substitute; without it the date would be taken for the real one."""
    body = etree.Element(UNIT.operations["ido_tsuchi"].input)
    to_element(body, UNIT.namespace, UNIT.records["jumin"], person(seinengappi_fushohyoki="年月日不詳"))
    assert [finding.code for finding in contract().validate(body)] == ["E0004"]
    assert {verdict.code for verdict in oracle().judge(etree.tostring(body, encoding="utf-8"))} == {"E0004"}
