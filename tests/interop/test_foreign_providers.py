"""Foreign SOAP stacks as providers behind the bus: what they answer is judged strictly and passed on unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interop.caller import ask, body_of
from tests.interop.cases import JUKI, SOAP, cases, differences, items_of
from tests.interop.conftest import Town, running_bus
from tests.interop.provider import told
from tests.interop.site import secret_of
from tests.interop.stacks import PROVIDERS, Workshop, providing
from tests.support.network import free_port
from tests.support.polling import until

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]

SENT = cases().with_expectation("receipt")
INQUIRIES = ["resident_names", "resident_dates", "resident_foreign", "nobody"]
HOUSEHOLDS = ["household_none", "household_one", "household_many"]
ASKED = [*INQUIRIES, *HOUSEHOLDS, "vendor_fault", "crash"]


@pytest.fixture(params=PROVIDERS)
def run(request: pytest.FixtureRequest, workshop: Workshop, tmp_path: Path) -> dict[str, Any]:
    """What came back for every call, and the notices the provider was told: once per stack and test run."""
    stack: str = request.param

    def make() -> dict[str, Any]:
        town: Town = request.getfixturevalue("town")
        port, site = free_port(), tmp_path / "site"
        site.mkdir()
        with (
            providing(stack, workshop, town.door.wsdl, port, secret_of(stack), tmp_path / "provider") as notices,
            running_bus(site, {stack: f"http://127.0.0.1:{port}/soap"}) as bus,
        ):
            calls = {**cases().calls, **cases().provider_calls}
            said = {call: ask(bus.door(stack), calls[call]) for call in [*ASKED, *SENT, "notice_fault"]}
            expected = [("DELIVERED", "")] * len(SENT) + [("PARKED", "CB5004")]
            until(lambda: bus.notices(stack) == expected, within_s=30, what="the notices to be delivered, one refused")
            return {"said": said, "notices": told(notices)}

    found: dict[str, Any] = workshop.once(f"provider-{stack}", make)
    return found


def wrong_records(run: dict[str, Any], calls: list[str]) -> list[str]:
    """Everything that is not as the cases say."""
    wrong = []
    for call in calls:
        said, expected = run["said"][call], cases().expected(call)
        answer = body_of(said)
        if (said["status"], answer.tag) != (200, f"{JUKI}{cases().calls[call]['operation']}_kaito"):
            wrong.append(f"{call}: {said}")
            continue
        got = [items_of(record) for record in answer]
        if len(got) != len(expected):
            wrong.append(f"{call}: {len(got)} records instead of {len(expected)}")
        for one, other in zip(got, expected, strict=False):
            wrong += [f"{call}: {line}" for line in differences(one, other)]
    return wrong


def test_a_provider_answers_inquiries_with_every_item_as_it_is(run: dict[str, Any]) -> None:
    """The bus judges the answer by the schema and the rules, and hands it on; nobody found is an empty answer."""
    assert wrong_records(run, INQUIRIES) == []


def test_a_provider_answers_with_households_of_nobody_one_and_two(run: dict[str, Any]) -> None:
    """Repeating records, none, one and many."""
    assert wrong_records(run, HOUSEHOLDS) == []


def test_a_provider_takes_notices_with_every_item_as_it_is(run: dict[str, Any]) -> None:
    """What the stack read is what was sent; its receipt names the message, or the bus would not take it for one."""
    arrived = {notice["atenabango"]: notice for notice in run["notices"]}
    wrong = []
    for call in SENT:
        sent = cases().sent(call)
        wrong += [f"{call}: {line}" for line in differences(arrived[sent["atenabango"]], sent)]
    assert wrong == []
    assert len(run["notices"]) == len(SENT)


def test_a_providers_fault_reaches_the_caller_as_it_is(run: dict[str, Any]) -> None:
    """500 with the stack's own SOAP 1.1 Fault, its text unchanged."""
    said = run["said"]["vendor_fault"]
    fault = body_of(said)
    assert (said["status"], fault.tag) == (500, f"{SOAP}Fault")
    assert fault.findtext("faultcode").rpartition(":")[2] == "Server"
    assert fault.findtext("faultstring") == cases().fault_text


def test_a_defect_of_a_provider_reaches_the_caller_as_a_fault(run: dict[str, Any]) -> None:
    """Whatever a stack makes of an error of its program: the caller gets a SOAP fault, never a page or nothing."""
    said = run["said"]["crash"]
    assert (said["status"], body_of(said).tag) == (500, f"{SOAP}Fault")
    assert said["type"].startswith("text/xml")
