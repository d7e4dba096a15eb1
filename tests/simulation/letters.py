"""The messages of a simulated town: valid, synthetic, and made by replacing a few bytes of one that was built once."""

from __future__ import annotations

import re
from functools import cache

from bus.core.basic import basic_header
from bus.wire import envelope
from bus.wire.http import XML, Request
from tests.pipeline import messages
from tests.simulation.plan import TOWNS, Letter

SERIAL = re.compile(rb"<j:rirekibango>(\d+)</j:rirekibango>")
TOWN = re.compile(rb"<j:shikuchosonkodo>(\d+)</j:shikuchosonkodo>")
WITHHELD_ITEM = "todokedebango"
WITHHELD = f"<j:{WITHHELD_ITEM}".encode()
_PERSON, _HOUSEHOLD, _SERIAL, _TOWN = b"000000000012345", b"000000000067890", b">1</j:rirekibango>", TOWNS[0].encode()


@cache
def _notice() -> bytes:
    raw = envelope.build(messages.notice(todokedebango="1", rirekibango="1"))
    assert SERIAL.search(raw)
    assert WITHHELD in raw
    return raw


@cache
def _inquiry() -> bytes:
    return envelope.build(messages.inquiry())


@cache
def _resident() -> bytes:
    return messages.resident_reply()


@cache
def receipt() -> bytes:
    """What a receiver answers to a notice, or nothing at all: both are allowed."""
    return b""


def person_number(person: int) -> str:
    """A synthetic 宛名番号."""
    return f"9{person:014d}"


def household_number(household: int) -> str:
    """A synthetic 世帯番号."""
    return f"8{household:014d}"


def keys_of(letter: Letter) -> frozenset[str]:
    """What its order is kept by."""
    return frozenset({person_number(letter.person), household_number(letter.household)})


def message_id(letter: Letter) -> str:
    """Of the letter, or of the one whose id it uses again."""
    return f"urn:uuid:00000000-0000-4000-8000-{letter.of or letter.number:012x}"


def body_of(letter: Letter) -> bytes:
    """The bytes that its sender posts."""
    if letter.kind == "inquiry":
        return _inquiry().replace(_PERSON, person_number(letter.person).encode())
    raw = _notice().replace(_PERSON, person_number(letter.person).encode())
    raw = raw.replace(_HOUSEHOLD, household_number(letter.household).encode()).replace(_TOWN, letter.town.encode())
    raw = raw.replace(_SERIAL, b">%d</j:rirekibango>" % letter.number)
    return raw.replace(b"<j:shimei>", b"<j:shimei><b/>") if letter.kind == "broken" else raw


def sender_of(letter: Letter) -> str:
    """Which system of its town sends it."""
    return {"inquiry": "tax", "forbidden": "kokuho"}.get(letter.kind, "juki")


def request_of(letter: Letter) -> Request:
    """What arrives at the front of the bus."""
    sender = sender_of(letter)
    operation = "jumin_shokai" if letter.kind == "inquiry" else "ido_tsuchi"
    headers = {
        "host": "bus.example",
        "content-type": XML,
        "soapaction": f'"{messages.JUKI}/{operation}"',
        "authorization": basic_header(sender, secret_of(letter.town, sender)),
        "chiikibus-message-id": message_id(letter),
    }
    return Request("POST", f"/{letter.town}/{sender}/juki", headers, body_of(letter))


def secret_of(town: str, endpoint: str) -> str:
    """The credential of an endpoint; different in each town."""
    return f"secret-of-{town}-{endpoint}"


def resident(body: bytes, town: str) -> bytes:
    """The answer of the residents' system to an inquiry: about the person who was asked for."""
    asked = re.search(rb"atenabango>(\d+)<", body)
    assert asked is not None
    return _resident().replace(_PERSON, asked.group(1)).replace(_TOWN, town.encode())
