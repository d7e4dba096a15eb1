"""Answers and faults that go to a registered address, over real sockets and a real journal, across a restart."""

from __future__ import annotations

import asyncio

import pytest

from bus.core.types import Addressing
from bus.wire import envelope, safe_xml
from bus.wire.addressing import NONE
from bus.wire.fault import read_fault
from bus.wire.records import from_element
from tests.app.conftest import Town
from tests.support.polling import until_async
from tests.support.providers import Received
from tests.support.residents import ATENABANGO, RESIDENT, message

MESSAGE_ID = "urn:uuid:00000000-0000-4000-8000-00000000002a"
INQUIRY = "juki.jumin_shokai"
TWO = pytest.param(2, id="two workers", marks=pytest.mark.slow)
pytestmark = pytest.mark.parametrize("town", [pytest.param(1, id="one process"), TWO], indirect=True)


def question(town: Town, base_date: str = "2026-01-01", **more: str) -> bytes:
    """An inquiry with these properties."""
    values = {"atenabango": ATENABANGO, "kijunbi": base_date}
    read = envelope.read(safe_xml.parse(message(town.edition, INQUIRY, values, MESSAGE_ID)))
    head = Addressing(MESSAGE_ID, read.addressing.action, **more)
    return envelope.build(read.body, addressing=head)


def place(town: Town) -> str:
    """The registered address of tax."""
    return f"http://127.0.0.1:{town.tax.port}/soap"


def take(town: Town) -> None:
    """Tax takes what is delivered."""
    town.tax.behaviour = lambda _received: (202, b"")


def told(received: Received) -> envelope.Envelope:
    """What came in."""
    return envelope.read(safe_xml.parse(received.body))


async def test_an_answer_goes_to_the_registered_address(town: Town) -> None:
    """202 now; juki is asked through the queue, and tax gets the record with RelatesTo."""
    take(town)
    assert await town.post("tax", INQUIRY, question(town, reply_to=place(town))) == (202, b"")
    await until_async(lambda: town.counts() == {"REPLIED": 1, "DELIVERED": 1}, what="the answer")
    (received,) = town.tax.received
    read = told(received)
    assert (read.addressing.relates_to, read.addressing.to) == (MESSAGE_ID, place(town))
    assert from_element(read.body[0]) == dict(RESIDENT)
    assert await town.post("tax", INQUIRY, question(town, reply_to=place(town))) == (202, b"")
    await asyncio.sleep(0)
    assert len(town.juki.received) == len(town.tax.received) == 1


@pytest.mark.slow
async def test_a_fault_waits_for_its_receiver_through_a_restart(town: Town) -> None:
    """It was stored before 202 was said, and goes once tax is back."""
    take(town)
    port = town.tax.port
    await town.tax.stop()
    assert await town.post("tax", INQUIRY, question(town, "2026-13-01", fault_to=place(town))) == (202, b"")
    await until_async(lambda: town.counts().get("RETRY_WAIT") == 1, what="a failed attempt")
    await town.restart()
    await town.tax.start(port)
    await until_async(lambda: town.counts() == {"REJECTED": 1, "DELIVERED": 1}, within_s=20, what="the fault")
    (received,) = town.tax.received
    fault = read_fault(told(received).body)
    assert (fault.code, told(received).addressing.relates_to) == ("E0002", MESSAGE_ID)
    assert received.headers["chiikibus-sender"] == "990019/chiikibus"


@pytest.mark.slow
async def test_nobody_is_told_and_the_journal_knows(town: Town) -> None:
    """ReplyTo none."""
    assert await town.post("tax", INQUIRY, question(town, reply_to=NONE)) == (202, b"")
    await until_async(lambda: town.counts() == {"REPLIED": 1}, what="the outcome")
    assert len(town.juki.received) == 1
