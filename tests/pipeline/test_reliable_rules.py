"""Who may have a sequence, what it must look like, and what is refused by which code."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from lxml import etree

from bus.core.sequences import SequenceKey
from bus.core.types import Addressing
from bus.wire import addressing as wsa
from bus.wire import envelope, splice
from bus.wire.http import XML, Response
from bus.wire.reliable import messages, names
from bus.wire.reliable.headers import acknowledgement_block, ask_block, sequence_block
from bus.wire.reliable.ranges import Ranges
from tests.pipeline.fakes import ENDPOINTS, site
from tests.pipeline.sequences import Source, handed, ids, read, reliable_town


async def test_a_last_number_below_what_arrived_is_refused(tmp_path: Path) -> None:
    """The two sides do not mean the same sequence."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        await source.tell(sequence, 2)
        assert (await source.end(names.CLOSE, sequence, 1)).code == "CB3010"


async def test_a_sequence_belongs_to_its_endpoint(tmp_path: Path) -> None:
    """Whoever else names it learns only that there is none."""
    async with reliable_town(tmp_path) as town:
        sequence = await Source(town).create()
        other = Source(town, "tax")
        assert (await other.ask(sequence, 1)).code == "CB3011"
        assert (await other.end(names.TERMINATE, sequence)).code == "CB3011"
        assert (await other.blocks(ask_block(sequence))).code == "CB3011"
        assert (await Source(town).tell(sequence, 1)).status == 200


async def test_the_creation_that_comes_again_creates_nothing_again(tmp_path: Path) -> None:
    """A lost response leaves no sequence behind."""
    async with reliable_town(tmp_path) as town:
        source, wish = Source(town), messages.CreateSequence(wsa.ANONYMOUS)
        first = await source.wish(wish, message_id="urn:uuid:create")
        again = await source.wish(wish, message_id="urn:uuid:create")
        assert first.raw == again.raw
        assert first.addressing.relates_to == "urn:uuid:create"
        assert first.addressing.action == names.action(names.CREATE_RESPONSE)
        assert len(town.house.journal.sequences()) == 1


@pytest.mark.parametrize(
    ("acks_to", "code"),
    [
        ("http://juki.example/soap", ""),
        ("http://tax.example/soap", "CB3016"),
        ("http://elsewhere.example/", "CB3016"),
        (wsa.NONE, "CB3016"),
    ],
)
async def test_acknowledgements_go_back_or_to_the_callers_registered_address(
    tmp_path: Path, acks_to: str, code: str
) -> None:
    """Nowhere else: no message makes the bus call a foreign place."""
    async with reliable_town(tmp_path) as town:
        answer = await Source(town).wish(messages.CreateSequence(acks_to))
        assert answer.code == code
        if code:
            assert answer.faultcode == "wsrm:CreateSequenceRefused"


@pytest.mark.parametrize(
    ("block", "name"),
    [
        (acknowledgement_block("urn:uuid:offered", Ranges.of([(1, 99)])), "InvalidAcknowledgement"),
        (acknowledgement_block("urn:uuid:nobody", Ranges.of([(1, 1)])), "UnknownSequence"),
        (ask_block("urn:uuid:nobody"), "UnknownSequence"),
    ],
)
async def test_a_wrong_block_that_rides_on_a_message_does_not_stop_it(
    tmp_path: Path, block: etree._Element, name: str
) -> None:
    """The message is taken, acknowledged and answered; the fault stands beside the answer. Alone it is a fault."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create(offer="urn:uuid:offered")
        answer = await source.post(splice.inserted(source.notice(sequence, 1), [copy.deepcopy(block)]))
        assert (answer.status, answer.spans) == (200, ((1, 1),))
        assert answer.headers.fault is not None
        assert answer.headers.fault.name == name
        assert handed(town) == ids(sequence, [1])
        alone = await source.blocks(copy.deepcopy(block))
        assert alone.status == 500
        assert alone.headers.fault == answer.headers.fault


@pytest.mark.parametrize(("asked", "lasts"), [(0.0, 500.0), (100.0, 100.0), (9000.0, 500.0)])
async def test_a_sequence_lasts_no_longer_than_was_asked_for(tmp_path: Path, asked: float, lasts: float) -> None:
    """Nor than the site allows; without end is not given to anybody. Nothing acknowledged is ever discarded."""
    async with reliable_town(tmp_path, expires_s=500.0) as town:
        answer = await Source(town).wish(messages.CreateSequence(wsa.ANONYMOUS, asked))
        assert answer.body is not None
        created = messages.read_create_response(answer.body)
        assert (created.expires_s, created.behavior, created.accepted_acks_to) == (lasts, "NoDiscard", "")


async def test_a_number_beyond_the_largest_is_told_with_its_sequence(tmp_path: Path) -> None:
    """MessageNumberRollover names the sequence and the largest number; the sequence goes on."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        raw = source.notice(sequence, 1).replace(b"MessageNumber>1<", b"MessageNumber>9223372036854775808<")
        answer = await source.post(raw)
        assert answer.headers.fault is not None
        assert (answer.headers.fault.name, answer.headers.fault.identifier) == ("MessageNumberRollover", sequence)
        assert answer.addressing.action == names.FAULT_ACTION
        assert b"9223372036854775807" in answer.raw
        assert (await source.tell(sequence, 1)).status == 200


@pytest.mark.parametrize("must", ["0", "1"])
@pytest.mark.parametrize("name", ["UsesSequenceSTR", "UsesSequenceSSL"])
async def test_a_sequence_is_not_bound_to_a_security_session(tmp_path: Path, name: str, must: str) -> None:
    """Whoever insists is refused (mustUnderstand); whoever does not gets a sequence without."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        block = etree.Element(f"{names.PREFIX}{name}")
        block.set("{http://schemas.xmlsoap.org/soap/envelope/}mustUnderstand", must)
        body = messages.create_body(messages.CreateSequence(wsa.ANONYMOUS))
        headers = Addressing(message_id="urn:uuid:c", action=names.action(names.CREATE))
        answer = await source.post(splice.inserted(envelope.build(body, addressing=headers), [block]))
        assert answer.code == ("CB1009" if must == "1" else "")


async def test_nobody_fetches_messages_from_the_bus(tmp_path: Path) -> None:
    """MakeConnection is not offered: neither its message nor its addresses."""
    namespace = "http://docs.oasis-open.org/ws-rx/wsmc/200702"
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        mine = f"{namespace}/anonymous?id=550e8400-e29b-11d4-a716-446655440000"
        refused = await source.wish(messages.CreateSequence(mine))
        assert (refused.code, refused.faultcode) == ("CB3016", "wsrm:CreateSequenceRefused")
        body = etree.Element(f"{{{namespace}}}MakeConnection")
        headers = Addressing(message_id="urn:uuid:mc", action=f"{namespace}/MakeConnection")
        assert (await source.post(envelope.build(body, addressing=headers))).code == "CB1013"


@dataclass(slots=True)
class Told:
    """Remembers what is to be told elsewhere."""

    keys: list[SequenceKey] = field(default_factory=list)
    faults: list[bytes] = field(default_factory=list)

    def tell(self, key: SequenceKey, fault: bytes = b"") -> None:
        """Keep it."""
        if fault:
            self.faults.append(fault)
        else:
            self.keys.append(key)


async def test_acknowledgements_for_an_address_do_not_go_back_with_the_answer(tmp_path: Path) -> None:
    """They, and faults about the sequence, are told there; the answer itself goes back as ever."""
    async with reliable_town(tmp_path) as town:
        told = Told()
        town.house = replace(town.house, acknowledger=told)
        source = Source(town)
        sequence = await source.create("http://juki.example/soap")
        answer = await source.tell(sequence, 1)
        assert (answer.status, answer.headers.acknowledgements) == (200, ())
        asked = await source.blocks(ask_block(sequence))
        assert (asked.status, asked.raw) == (202, b"")
        ended = await source.end(names.TERMINATE, sequence)
        assert ended.headers.acknowledgements == ()
        assert [key.identifier for key in told.keys] == [sequence] * 3
        assert told.faults == []
        refused = await source.tell(sequence, 2)
        assert refused.code == "CB3011"
        (fault,) = told.faults
        assert read(Response(500, XML, fault)).headers.fault == refused.headers.fault
        assert (await Source(town, "tax").end(names.TERMINATE, sequence)).code == "CB3011"
        assert len(told.faults) == 1


async def test_acknowledgements_that_need_reference_parameters_are_refused(tmp_path: Path) -> None:
    """Rather than sent without what the source needs to know them by."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        body = messages.create_body(messages.CreateSequence(wsa.ANONYMOUS))
        parameters = etree.SubElement(body[0], f"{wsa.PREFIX}ReferenceParameters")
        assert (await source.protocol(names.CREATE, body)).code == ""
        etree.SubElement(parameters, "{urn:x-example}own").text = "1"
        answer = await source.protocol(names.CREATE, body)
        assert (answer.code, answer.faultcode) == ("CB3016", "wsrm:CreateSequenceRefused")


async def test_an_endpoint_has_so_many_sequences_and_unused_ones_give_way(tmp_path: Path) -> None:
    """A source that dies between creating and sending does not lock itself out."""
    async with reliable_town(tmp_path, max_sequences=2) as town:
        source = Source(town)
        used, unused = await source.create(), await source.create()
        await source.tell(used, 1)
        third = await source.create()
        await source.tell(third, 1)
        assert (await source.tell(unused, 1)).code == "CB3012"
        assert (await source.wish(messages.CreateSequence(wsa.ANONYMOUS))).code == "CB3016"
        assert (await Source(town, "tax").wish(messages.CreateSequence(wsa.ANONYMOUS))).code == ""


async def test_an_offer_with_an_address_of_its_own_is_not_accepted(tmp_path: Path) -> None:
    """Answers go back with the request: the sequence is created without a counterpart."""
    async with reliable_town(tmp_path) as town:
        wish = messages.CreateSequence(wsa.ANONYMOUS, 0, messages.Offer("urn:uuid:o", "http://juki.example/soap"))
        answer = await Source(town).wish(wish)
        assert answer.body is not None
        assert messages.read_create_response(answer.body).accepted_acks_to == ""


async def test_an_endpoint_may_be_held_to_reliable_messaging(tmp_path: Path) -> None:
    """Without a number its messages are refused by the protocol's own fault."""
    endpoints = tuple(replace(each, reliable_required=each.id == "juki") for each in ENDPOINTS)
    async with reliable_town(tmp_path, site(endpoints=endpoints)) as town:
        source = Source(town)
        sequence = await source.create()
        plain = splice.without(source.notice(sequence, 1), lambda tag: tag == names.SEQUENCE)
        for raw in (plain, splice.inserted(plain, [ask_block(sequence)])):
            answer = await source.post(raw)
            assert (answer.code, answer.faultcode) == ("CB3017", "wsrm:WSRMRequired")
        assert (await source.tell(sequence, 1)).status == 200


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("no id", "CB1011"),
        ("unknown", "CB3011"),
        ("rollover", "CB3014"),
        ("no number", "CB3010"),
        ("number without content", "CB3010"),
        ("creation with a number", "CB3010"),
        ("action", "CB1010"),
        ("empty", "CB1008"),
        ("foreign reply", "CB1011"),
    ],
)
async def test_what_breaks_the_rules_is_refused_by_its_code(tmp_path: Path, what: str, code: str) -> None:
    """And uses up no number."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        raw = source.notice(sequence, 1)
        create = messages.create_body(messages.CreateSequence(wsa.ANONYMOUS))
        if what == "no id":
            answer = await source.post(splice.without(raw, lambda tag: tag == f"{wsa.PREFIX}MessageID"))
        elif what == "unknown":
            answer = await source.tell("urn:uuid:nobody", 1)
        elif what == "rollover":
            answer = await source.post(raw.replace(b"MessageNumber>1<", b"MessageNumber>9223372036854775808<"))
        elif what == "no number":
            answer = await source.post(raw.replace(b"MessageNumber>1<", b"MessageNumber>0<"))
        elif what == "number without content":
            answer = await source.blocks(sequence_block(sequence, 1))
        elif what == "creation with a number":
            headers = Addressing(message_id="urn:uuid:c", action=names.action(names.CREATE))
            whole = envelope.build(create, addressing=headers)
            answer = await source.post(splice.inserted(whole, [sequence_block(sequence, 1)]))
        elif what == "action":
            answer = await source.protocol(names.CLOSE, create)
        elif what == "empty":
            answer = await source.post(b'<s:Envelope xmlns:s="%s"><s:Body/></s:Envelope>' % splice.SOAP.encode())
        else:
            answer = await source.wish(messages.CreateSequence(wsa.ANONYMOUS), reply_to="http://juki.example/soap")
        assert (answer.code, answer.status) == (code, 500)
        assert (await source.blocks(ask_block(sequence))).spans == ()


async def test_a_message_without_blocks_asks_the_journal_nothing_about_sequences(tmp_path: Path) -> None:
    """The path of every other message is what it was."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        plain = splice.without(source.notice("urn:uuid:none", 1), lambda tag: tag == names.SEQUENCE)
        asked: list[str] = []

        class Watched:
            """The journal, with an ear for questions about sequences."""

            def __getattr__(self, name: str) -> object:
                asked.append(name)
                return getattr(town_journal, name)

        town_journal = town.house.journal
        town.house = replace(town.house, journal=Watched())
        assert (await source.post(plain)).headers.acknowledgements == ()
        assert set(asked) == {"find", "accept"}
