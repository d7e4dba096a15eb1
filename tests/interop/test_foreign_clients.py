"""Foreign SOAP stacks, knowing only the served WSDL, use the bus as plain clients."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from tests.interop.cases import cases, differences, items_of, texts_of
from tests.interop.conftest import Town
from tests.interop.stacks import CLIENTS, Workshop, client_lines
from tests.support.polling import until

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]

Said = dict[str, dict[str, Any]]


@pytest.fixture(params=CLIENTS)
def run(request: pytest.FixtureRequest, workshop: Workshop) -> dict[str, Any]:
    """``said`` by call, and the ``notices`` that reached the provider: each stack makes its calls once per test run."""

    def make() -> dict[str, Any]:
        town: Town = request.getfixturevalue("town")
        before = len(town.provider.notices)
        lines = client_lines(request.param, workshop, town.door.url, town.door.user, town.door.secret)
        sent = len(cases().with_expectation("receipt"))
        until(lambda: len(town.provider.notices) >= before + sent, what="the notices to be delivered")
        return {"said": {line["call"]: line for line in lines}, "notices": town.provider.notices[before:]}

    found: dict[str, Any] = workshop.once(f"client-{request.param}", make)
    return found


def records_of(said: dict[str, Any]) -> list[dict[str, str]]:
    """The records that a client read; one that prints XML prints its strings from memory beside it."""
    records = []
    for record in said["jumin"]:
        items = record
        if "xml" in record:
            items = items_of(etree.fromstring(record["xml"].encode()))
            assert (items["shimei"], items.get("biko", "")) == (record["shimei"], record["biko"])
        records.append(items)
    return records


def wrong_records(said: Said, calls: list[str]) -> list[str]:
    """Everything that is not as the cases say."""
    wrong = []
    for call in calls:
        got, expected = records_of(said[call]), cases().expected(call)
        if len(got) != len(expected):
            wrong.append(f"{call}: {len(got)} records instead of {len(expected)}")
        for one, other in zip(got, expected, strict=False):
            wrong += [f"{call}: {line}" for line in differences(one, other)]
    return wrong


def test_a_client_reads_every_item_as_it_is(run: dict[str, Any]) -> None:
    """Leading zeros, U+3000 at the ends, IVS, supplementary plane; dates that are open, uncertain or in no calendar."""
    assert wrong_records(run["said"], ["resident_names", "resident_dates", "resident_foreign"]) == []


def test_a_client_is_told_that_nobody_has_this_number(run: dict[str, Any]) -> None:
    """Not found is an answer without a record, not a fault."""
    assert run["said"]["nobody"]["jumin"] == []


def test_a_client_reads_households_of_nobody_one_and_two(run: dict[str, Any]) -> None:
    """Repeating records: none, one and many are told apart, in their order."""
    assert wrong_records(run["said"], ["household_none", "household_one", "household_many"]) == []


def test_what_a_client_has_read_it_can_send_on_as_a_notice(run: dict[str, Any]) -> None:
    """Every item passes through the stack twice, in and out, and arrives unchanged; the receipt names a number."""
    arrived = {notice["atenabango"]: notice for notice in run["notices"]}  # order is kept for one person, not for all
    wrong = []
    for call in cases().with_expectation("receipt"):
        sent = cases().sent(call)
        wrong += [f"{call}: {line}" for line in differences(arrived[sent["atenabango"]], sent)]
        assert run["said"][call]["receipt"]["uketsukebango"]
    assert wrong == []


def test_a_client_can_read_a_refusal(run: dict[str, Any]) -> None:
    """Code, Japanese text and findings in the typed detail; both languages in the faultstring."""
    for call in cases().with_expectation("fault"):
        expect, fault = cases().calls[call]["expect"], run["said"][call]["fault"]
        japanese, english = texts_of(expect["fault"])
        assert (call, fault["kodo"]) == (call, expect["fault"])
        assert fault["bunmen_ja"] == japanese
        assert fault["faultstring"] == f"{japanese} / {english}"
        assert fault["shiteki"][0]["kodo"] == expect["fault"]
        assert expect.get("item", "") in fault["shiteki"][0]["komoku"]


def test_a_providers_own_fault_reaches_the_client_as_a_fault(run: dict[str, Any]) -> None:
    """A fault of nobody's catalogue keeps its text, down to the supplementary plane and the variation selector."""
    assert run["said"]["vendor_fault"]["fault"]["faultstring"] == cases().fault_text


def test_a_client_with_a_wrong_credential_is_refused(run: dict[str, Any]) -> None:
    """401: stacks that do not tell the status tell its phrase or number in a text."""
    said = run["said"]["wrong_credential"]
    assert said.get("status") == 401 or "401" in said.get("refused", "") or "Unauthorized" in said.get("refused", "")
