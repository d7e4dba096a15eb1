"""The steps with attachments: what is kept, what is told, and what is never sent on."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from lxml import etree

from bus.core.errors import JournalError, WireError
from bus.core.ports import HttpReply
from bus.core.states import State
from bus.core.types import Attachment, Finding, Mode, Package, Route
from bus.deliver.outgoing import HouseOutgoing
from bus.pipeline import process, refuse
from bus.wire import envelope, safe_xml
from bus.wire.attachments.binary import Places, Room
from bus.wire.contract import Values
from bus.wire.fault import read_fault
from bus.wire.http import Request, Response
from tests.attachments.messages import SWA
from tests.pipeline.fakes import RIGHTS, ROUTES, World, site, world
from tests.pipeline.messages import JUKI, TOWN, addressing, edition, inquiry, notice, request, resident_reply
from tests.pipeline.sequences import Source, reliable_town
from tests.pipeline.test_late import LATE, answer, ask, asked
from tests.support.providers import Received, give_receipt

MESSAGE = envelope.build(inquiry())
NOTICE = envelope.build(notice())
FILE = Attachment("form@tax", "text/csv", "binary", 100, 4, 4, "d" * 64)
FREE = tuple(replace(right, withhold=frozenset()) for right in RIGHTS)


def package(name: str = "a", *, digest: str = "e" * 64) -> Package:
    """A package as the front hands it over."""
    return Package(name * 32 + ".mime", SWA, "text/xml; charset=utf-8", 5000, "f" * 64, digest, (FILE,))


def carrying(*, rights: tuple[object, ...] = FREE, opaque: bool = False) -> tuple[World, list[Package]]:
    """A town whose routes carry attachments, and the packages whose segments were let go."""
    routes = tuple(replace(route, attachments=True, opaque=opaque, unfiltered="試験") for route in ROUTES)
    town = world(site(routes=routes, rights=rights))
    gone: list[Package] = []
    town.house = replace(town.house, discard=lambda each: None if each.kept else gone.append(each))
    return town, gone


def with_package(body: bytes, given: Package, caller: str = "tax") -> Request:
    """A request with attachments."""
    return replace(request(body, caller=caller, content_type=SWA), package=given)


def code_of(response: Response) -> str:
    """The code of a fault."""
    return read_fault(envelope.read(safe_xml.parse(response.body)).body).code


async def test_an_accepted_message_holds_its_segment_with_its_size_and_digest() -> None:
    """The row says how large the whole was, and its digest covers the attachments."""
    town, _ = carrying()
    given = package()
    response = await process(town.house, with_package(MESSAGE, given))
    accepted = town.journal.only()
    assert response.status == 200
    assert (accepted.package, accepted.size, accepted.sha256) == (given, 5000, given.digest)
    assert given.kept
    assert town.sender.sent[0].package == given


async def test_a_queued_message_goes_to_the_outbox_with_its_envelope_only() -> None:
    """The broker carries what is small; the delivery reads the segment."""
    town, _ = carrying()
    given = package()
    response = await process(town.house, with_package(NOTICE, given, "juki"))
    assert response.status == 200
    assert given.kept
    assert {each.raw for each in town.outbox.handed} == {NOTICE}
    assert {each.content_type for each in town.outbox.handed} == {SWA}


async def test_what_could_not_be_stored_holds_nothing() -> None:
    """CB4001: the sender still has the message, and its segment may go."""
    town, _ = carrying()
    town.journal.failing = True
    given = package()
    response = await process(town.house, with_package(NOTICE, given, "juki"))
    assert code_of(response) == "CB4001"
    assert not given.kept


async def test_an_accept_that_is_cut_off_keeps_the_segment() -> None:
    """Nobody knows whether the row was written: a sweep may find out, a deletion could not be undone."""
    town, _ = carrying()
    given = package()

    def cut_off(_: object) -> None:
        raise KeyboardInterrupt

    town.journal.before_accept = cut_off
    with pytest.raises(KeyboardInterrupt):
        await process(town.house, with_package(NOTICE, given, "juki"))
    assert given.kept


async def test_a_repeated_message_keeps_its_first_segment_only() -> None:
    """The second one is let go, the first answer is given again."""
    town, _ = carrying()
    found = edition().operation("juki.jumin_shokai")
    assert found is not None
    body = envelope.build(inquiry(), addressing=addressing("urn:synthetic:1", found.action))
    first = await process(town.house, with_package(body, package("a")))
    again = package("b")
    second = await process(town.house, with_package(body, again))
    assert (first.status, second) == (200, first)
    assert len(town.sender.sent) == 1
    assert town.journal.only().package == replace(package("a"), kept=True)
    assert not again.kept


async def test_an_opaque_call_keeps_no_segment() -> None:
    """Its bytes are not journalled, and neither are its attachments."""
    town, _ = carrying(opaque=True)
    given = package()
    response = await process(town.house, with_package(MESSAGE, given))
    assert response.status == 200
    assert town.journal.only().package is None
    assert not given.kept


async def test_an_answer_with_attachments_is_held_by_the_row_of_its_delivery() -> None:
    """And told with the bytes of its segment."""
    town, gone = carrying()
    answer = package("c")
    town.sender.provider = lambda _: HttpReply(200, SWA, resident_reply(), 1.0, 1.1, answer)
    response = await process(town.house, with_package(MESSAGE, package()))
    assert (response.status, response.content_type, response.package) == (200, SWA, answer)
    assert town.journal.transitions[-1].reply_package == answer
    assert answer.kept
    assert gone == []


async def test_an_answer_that_is_refused_leaves_nothing() -> None:
    """CB1017: the provider answered with attachments where none are allowed, or with nonsense."""
    town, gone = carrying()
    answer = package("c")
    town.sender.provider = lambda _: HttpReply(200, SWA, b"<x/>", 1.0, 1.1, answer)
    response = await process(town.house, with_package(MESSAGE, package()))
    assert code_of(response) == "CB1017"
    assert gone == [answer]


async def test_an_answer_that_cannot_be_stored_leaves_nothing() -> None:
    """CB4001 to the caller, who asks again."""
    town, gone = carrying()
    answer = package("c")

    def provider(_: object) -> HttpReply:
        town.journal.failing = True
        return HttpReply(200, SWA, resident_reply(), 1.0, 1.1, answer)

    town.sender.provider = provider
    response = await process(town.house, with_package(MESSAGE, package()))
    assert code_of(response) == "CB4001"
    assert gone == [answer]


async def test_attachments_in_an_answer_need_the_route_too() -> None:
    """A plain request to a route that carries none gets no attachment back."""
    town, gone = world(site(rights=FREE)), list[Package]()
    town.house = replace(town.house, discard=gone.append)
    answer = package("c")
    town.sender.provider = lambda _: HttpReply(200, SWA, resident_reply(), 1.0, 1.1, answer)
    response = await process(town.house, request(MESSAGE))
    assert code_of(response) == "CB1017"
    assert gone == [answer]


@pytest.mark.parametrize(("body", "caller"), [(MESSAGE, "tax"), (NOTICE, "juki")])
async def test_where_items_are_withheld_no_attachment_passes(body: bytes, caller: str) -> None:
    """From the caller's answer, or from one of the receivers: refused before it is stored."""
    town, _ = carrying(rights=RIGHTS)
    given = package()
    response = await process(town.house, with_package(body, given, caller))
    assert code_of(response) in {"CB1050", "CB2002"}
    assert town.journal.rows == {}
    assert not given.kept


async def test_a_right_that_withholds_since_keeps_a_stored_message_from_going() -> None:
    """An envelope written anew cannot go with attachments that nobody looked into."""
    town, _ = carrying()
    await process(town.house, with_package(NOTICE, package(), "juki"))
    routes = tuple(replace(route, attachments=True, unfiltered="試験") for route in ROUTES)
    town.with_site(site(routes=routes))
    kokuho = town.house.tables.endpoints["990019", "kokuho"]
    to_kokuho = next(each for each in town.outbox.handed if each.target == "kokuho")
    with pytest.raises(WireError) as refused:
        HouseOutgoing(lambda: town.house).request(to_kokuho, kokuho)
    assert refused.value.code == "CB1050"


async def test_a_body_that_could_not_be_read_is_counted() -> None:
    """Who sent it, how much came, with which digest, and why it was refused."""
    town, _ = carrying()
    unread = Package("", SWA, "", 777, "b" * 64, "b" * 64)
    error = WireError("CB1051", [Finding("CB1051", path="multipart")])
    response = await refuse(town.house, with_package(b"", unread), error)
    (row,) = town.journal.rejected
    assert code_of(response) == "CB1051"
    assert (row.code, row.size, row.sha256, row.state) == ("CB1051", 777, "b" * 64, State.REJECTED)


async def test_a_body_that_found_no_room_is_not_counted() -> None:
    """The sender comes again with the same message."""
    town, _ = carrying()
    unread = Package("", SWA, "", 777, "b" * 64, "b" * 64)
    response = await refuse(town.house, with_package(b"", unread), JournalError("CB4001"))
    assert response.status == 503
    assert town.journal.rejected == []


async def test_a_message_in_a_sequence_carries_no_attachments(tmp_path: Path) -> None:
    """The blocks of its sequence would go on to the receiver with the bytes of the segment."""
    routes = tuple(replace(route, attachments=True, unfiltered="試験") for route in ROUTES)
    async with reliable_town(tmp_path, site(routes=routes, rights=FREE)) as town:
        source = Source(town)
        sequence = await source.create()
        given = package()
        response = await process(town.house, with_package(source.notice(sequence, 1), given, "juki"))
        assert code_of(response) == "CB1050"
        assert not given.kept
        assert town.house.journal.counts()["accepted_messages"] == 0


async def test_a_late_answer_brings_its_attachments_to_who_asked() -> None:
    """Its segment belongs to the forwarded message and to the answered request."""
    late = Route(TOWN, LATE, ("tax",), Mode.DIRECT, deadline_s=5.0, attachments=True, unfiltered="試験")
    town = world(site(routes=(*ROUTES[:2], late), rights=FREE))
    exchange_id = await asked(town)
    given = package()
    posted = replace(request(answer(), caller="tax", unit="kojinjuminzei", content_type=SWA), package=given)
    response = await process(town.house, posted)
    assert (response.status, response.body) == (202, b"")
    assert town.journal.transitions[-1].reply_package == given
    (forwarded,) = town.outbox.handed
    assert town.journal.package(forwarded.exchange_id) == given
    assert forwarded.content_type == SWA
    assert given.kept
    known = town.journal.exchange_of(TOWN, "urn:uuid:q")
    assert known is not None
    assert (known.exchange_id, known.reply_package) == (exchange_id, given)


async def test_an_answer_at_once_brings_its_attachments_too() -> None:
    """The provider of a queued request answers in the connection: kept, forwarded, and not let go."""
    late = Route(TOWN, LATE, ("tax",), Mode.DIRECT, deadline_s=5.0, attachments=True, unfiltered="試験")
    town = world(site(routes=(*ROUTES[:2], late), rights=FREE))
    gone: list[Package] = []
    town.house = replace(town.house, discard=lambda each: None if each.kept else gone.append(each))
    await process(town.house, request(ask(), caller="kokuho", unit="kojinjuminzei"))
    (queued,) = town.outbox.handed
    given = package()
    verdict = await HouseOutgoing(lambda: town.house).judge(queued, HttpReply(200, SWA, answer(), 1.0, 1.1, given))
    assert verdict.state is State.REPLIED
    assert verdict.reply is not None
    assert verdict.reply.package == given
    assert given.kept
    assert gone == []


async def test_a_receipt_with_attachments_is_a_receipt() -> None:
    """Nobody asked for them: they are not kept."""
    town, gone = carrying()
    await process(town.house, with_package(NOTICE, package(), "juki"))
    queued = town.outbox.handed[0]
    received = Received("", {"chiikibus-message-id": queued.message_id}, b"")
    _, receipt = give_receipt(edition(), "juki.ido_tsuchi")(received)
    given = package("c")
    verdict = await HouseOutgoing(lambda: town.house).judge(queued, HttpReply(200, SWA, receipt, 1.0, 1.1, given))
    assert verdict.state is State.DELIVERED
    assert gone == [given]


@pytest.mark.parametrize(
    ("root", "code"),
    [
        (b"no XML at all", "CB1004"),
        (b"", "CB1004"),
        (b"<!DOCTYPE x []>" + MESSAGE.partition(b"?>")[2], "CB1005"),
        (
            MESSAGE.replace(b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"),
            "CB1007",
        ),
        (MESSAGE.decode().encode("utf-16-le"), "CB1003"),
        (MESSAGE.replace(b"000000000012345", "１２３４５".encode("shift_jis")), "CB1003"),
        (MESSAGE.replace(b"000000000012345", b"a" * 16), "E0003"),
    ],
)
async def test_the_root_part_is_judged_like_any_message(root: bytes, code: str) -> None:
    """XML, DOCTYPE, version, encoding, contract: nothing is looser in a multipart body."""
    town, _ = carrying()
    given = package()
    response = await process(town.house, with_package(root, given))
    assert code_of(response) == code
    assert not given.kept
    assert town.journal.rows == {}


FILE_AS_DATE = Places({f"{{{JUKI}}}kijunbi": Room(2, 4)})


@dataclass(frozen=True, slots=True)
class Binary:
    """A contract whose inquiry takes a file as its date."""

    asked: list[str]
    places: Places = FILE_AS_DATE

    def values(self, payload: etree._Element) -> None:
        """Nothing is known of what a payload says."""

    def validate(self, payload: etree._Element, values: Values | None = None) -> tuple[Finding, ...]:
        """Keep what stands where the file belongs."""
        assert values is None
        self.asked.append(payload.findtext(f"{{{JUKI}}}kijunbi") or "")
        return ()


INCLUDE = b'<i:Include xmlns:i="http://www.w3.org/2004/08/xop/include" href="cid:form@tax"/>'


@pytest.mark.parametrize(
    ("old", "size", "code"),
    [(b"2023-01-01", 4, ""), (b"2023-01-01", 5, "CB1016"), (b"000000000012345", 4, "CB1056")],
)
async def test_an_include_is_judged_as_the_content_it_stands_for(old: bytes, size: int, code: str) -> None:
    """Where the contract wants binary content, of a length that it allows; the message goes on as it came."""
    town, _ = carrying()
    contract = Binary([])
    town.house = replace(
        town.house,
        tables=replace(town.house.tables, home=replace(town.house.tables.home, contracts={"juki": contract})),
    )
    given = replace(package(), mtom=True, attachments=(replace(FILE, size=size),))
    body = MESSAGE.replace(old, INCLUDE)
    response = await process(town.house, with_package(body, given))
    if code:
        assert code_of(response) == code
        assert contract.asked == []
    else:
        assert len(base64.b64decode(contract.asked[0])) == size
        assert town.journal.only().raw == body
