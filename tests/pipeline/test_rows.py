"""Which records go to whom: the kinds of tax, the units' own documents, the household that was asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest
from lxml import etree

from bus.core.errors import DeliveryError, RightsError
from bus.core.ports import HttpReply
from bus.core.types import Endpoint, Mode, Right, Route
from bus.ops.explain import explain
from bus.pipeline import outgoing_body, process
from bus.pipeline.rows import Subject, limit_of, subject_of, values_of
from bus.wire import envelope, safe_xml, withheld
from bus.wire.fault import read_fault
from bus.wire.http import XML, Response
from bus.wire.records import payload
from schemas.model import Condition, Disclosure
from schemas.rows import about_of
from tests.pipeline.fakes import World, endpoint, site, world
from tests.pipeline.messages import TOWN, compiled, edition, inquiry, request, resident_values
from tests.support.valid_records import valid

COLLECTION = edition().units["shutaino"]
STATE, RECEIPT = COLLECTION.records["shunojokyo"], COLLECTION.records["shuno"]
ASKED, TOLD, BULK = "shutaino.shunojokyo_shokai", "shutaino.shuno_tsuchi", "kojinjuminzei.chotei_ikkatsu_soshin"
PERSON = "000000000000019"
TOWNSFOLK = (
    endpoint("shu", "shutaino", "shuno"),
    endpoint("tax", "kojinjuminzei", "kazei"),
    endpoint("kei", "keijidoshazei", "kazei"),
    endpoint("kokuho", "kokuho", "kokuho"),
)


def collecting(*targets: str, mode: Mode = Mode.QUEUED) -> World:
    """A town whose collection answers questions and tells these endpoints what was paid."""
    purposes = {one.id: one.purpose for one in TOWNSFOLK}
    rights = [Right(TOWN, one, op, (purposes[one],)) for one in purposes for op in (ASKED, TOLD)]
    routes = (Route(TOWN, ASKED, ("shu",), Mode.DIRECT, deadline_s=5.0), Route(TOWN, TOLD, targets, mode))
    return world(site(endpoints=TOWNSFOLK, rights=tuple(rights), routes=routes if targets else routes[:1]))


def states(*kinds: str, seed: int = 1) -> list[dict[str, str]]:
    """Valid synthetic records of what was collected of these kinds of tax."""
    return [
        {**valid(COLLECTION, STATE, Random(seed)), "zeimoku": kind, "atenabango": PERSON, "kazeinendo": "2024"}
        for kind in kinds
    ]


def question(kind: str) -> bytes:
    """What a unit asks the collection about a person."""
    values = {"zeimoku": kind, "atenabango": PERSON}
    operation = COLLECTION.operations["shunojokyo_shokai"]
    return envelope.build(payload(operation.input, COLLECTION.records["shunojokyo_shokai"], values))


def answer(rows: list[dict[str, str]]) -> bytes:
    """The collection's answer."""
    operation = COLLECTION.operations["shunojokyo_shokai"]
    return envelope.build(payload(operation.output, carried=(STATE, rows)))


def paid(kind: str) -> bytes:
    """A notice of collection about one kind of tax."""
    values = {**valid(COLLECTION, RECEIPT, Random(3)), "zeimoku": kind}
    return envelope.build(payload(COLLECTION.operations["shuno_tsuchi"].input, carried=(RECEIPT, [values])))


def code(response: Response) -> str:
    """The code of a fault, empty for an answer."""
    read = envelope.read(safe_xml.parse(response.body)) if response.body else None
    return read_fault(read.body).code if read is not None and read.is_fault else ""


def kinds_in(body: bytes) -> list[str]:
    """The kinds of tax in a message, in order."""
    read = envelope.read(safe_xml.parse(body))
    return [element.text or "" for element in read.body.iter(f"{{{COLLECTION.namespace}}}zeimoku")]


async def test_a_unit_that_asks_for_the_taxes_of_another_is_refused_before_anybody_is_asked() -> None:
    """An empty answer would say that there are no arrears: the question itself is refused."""
    town = collecting()
    refused = await process(town.house, request(question("01"), caller="kokuho", unit="shutaino"))
    assert (code(refused), town.sender.sent) == ("CB3027", [])
    town.sender.provider = lambda sent: HttpReply(200, XML, answer(states("06")))
    assert kinds_in((await process(town.house, request(question("06"), caller="kokuho", unit="shutaino"))).body) == [
        "06"
    ]


async def test_an_answer_with_another_kind_of_tax_is_stopped() -> None:
    """The provider answers what was not asked for: nothing of it passes, and the fault names no value."""
    town = collecting()
    town.sender.provider = lambda sent: HttpReply(200, XML, answer(states("06", "01")))
    response = await process(town.house, request(question("06"), caller="kokuho", unit="shutaino"))
    assert code(response) == "CB3030"
    assert PERSON not in response.body.decode()


async def test_a_notice_reaches_only_those_subscribers_whose_tax_it_is() -> None:
    """One route for everybody: each kind of tax goes to the unit that levies it, and nothing is said to the others."""
    for kind, wanted in (("01", ["tax"]), ("02", ["tax"]), ("05", ["kei"]), ("06", ["kokuho"])):
        town = collecting("tax", "kei", "kokuho")
        raw = paid(kind)
        assert (await process(town.house, request(raw, caller="shu", unit="shutaino"))).status == 200
        assert [each.target for each in town.outbox.handed] == wanted
        assert list(town.journal.only().targets) == wanted
        (each,) = town.outbox.handed
        body, _ = outgoing_body(town.house.tables, each.carrying(each.raw or raw, 1), each.raw or raw)
        assert kinds_in(body) == [kind]


async def test_a_notice_for_nobody_is_refused_to_its_sender() -> None:
    """It is not stored as if it had been delivered: the sender learns that no receiver may see it."""
    town = collecting("tax", "kokuho")
    response = await process(town.house, request(paid("08"), caller="shu", unit="shutaino"))
    assert (code(response), town.journal.rows, town.outbox.handed) == ("CB3028", {}, [])


async def test_a_receiver_that_may_no_longer_see_the_record_gets_nothing() -> None:
    """The tables have changed while the notice waited: the delivery is parked, not reduced to an empty message."""
    town = collecting("kokuho")
    raw = paid("06")
    await process(town.house, request(raw, caller="shu", unit="shutaino"))
    (each,) = town.outbox.handed
    with pytest.raises(RightsError) as refused:
        outgoing_body(town.house.tables, each.carrying(paid("01"), 1), paid("01"))
    assert refused.value.code == "CB3028"


async def test_a_bulk_part_with_a_record_that_is_not_for_its_receiver_goes_nowhere() -> None:
    """A part without it would not agree with the counts of the transfer any more: the sender is told."""
    tax = edition().units["kojinjuminzei"]
    chotei = tax.records["chotei"]
    operation = tax.operations["chotei_ikkatsu_soshin"]
    head = valid(tax, tax.records["ikkatsu_soshin"], Random(1))

    def part(*kinds: str) -> bytes:
        rows = [{**valid(tax, chotei, Random(seed)), "zeimoku": kind} for seed, kind in enumerate(kinds)]
        return envelope.build(payload(operation.input, tax.records["ikkatsu_soshin"], head, (chotei, rows)))

    right = Right(TOWN, "shu", BULK, ("shuno",))
    own = Right(TOWN, "tax", BULK, ("kazei",))
    town = world(site(endpoints=TOWNSFOLK[:2], rights=(right, own), routes=(Route(TOWN, BULK, ("shu",), Mode.QUEUED),)))
    refused = await process(town.house, request(part("01", "06"), caller="tax", unit="kojinjuminzei"))
    assert (code(refused), town.journal.rows) == ("CB3029", {})
    assert code(await process(town.house, request(part("01", "02"), caller="tax", unit="kojinjuminzei"))) == ""


async def test_rows_that_go_are_not_announced_but_journalled() -> None:
    """That a record is there is part of what it says: the message is silent, the journal has the count."""
    health = edition().units["kenkokanri"]
    seen = health.records["kenshin_umu"]
    operation = health.operations["kenshin_umu_shokai"]
    ends = (endpoint("kenko", "kenkokanri", "kenko"), TOWNSFOLK[3])
    town = world(
        site(
            endpoints=ends,
            rights=(Right(TOWN, "kokuho", operation.key, ("kokuho",)),),
            routes=(Route(TOWN, operation.key, ("kenko",), Mode.DIRECT, deadline_s=5.0),),
        )
    )
    rows = [
        {**valid(health, seen, Random(seed)), "atenabango": PERSON, "kenshin_shubetsu": kind}
        for seed, kind in enumerate(("01", "31", "11"))
    ]
    reply = envelope.build(payload(operation.output, carried=(seen, rows)))
    town.sender.provider = lambda sent: HttpReply(200, XML, reply)
    asked = payload(
        operation.input, health.records[operation.request_record], {"atenabango": PERSON, "jisshi_nendo": "2024"}
    )
    response = await process(town.house, request(envelope.build(asked), caller="kokuho", unit="kenkokanri"))
    read = envelope.read(safe_xml.parse(response.body))
    assert [values_of(one)[f"{{{health.namespace}}}kenshin_shubetsu"] for one in read.body] == ["01"]
    assert withheld.read(read.headers) == {}
    assert compiled()["kenkokanri"].validate(read.body) == ()
    (finding,) = json.loads(town.journal.transitions[-1].detail)
    assert (finding["code"], finding["path"]) == ("CB2050", "hani:2")


def household(*rows: Mapping[str, str]) -> bytes:
    """The answer to a household inquiry: residents by number and household."""
    juki = edition().units["juki"]
    people = [{**resident_values(), **row} for row in rows]
    return envelope.build(payload(juki.operations["setai_shokai"].output, carried=(juki.records["jumin"], people)))


def ask_household(**values: str) -> bytes:
    """A household inquiry by the number of the household or of one of its people."""
    juki = edition().units["juki"]
    return envelope.build(
        payload(
            juki.operations["setai_shokai"].input, juki.records["setai_shokai"], {**values, "kijunbi": "2024-01-01"}
        )
    )


def family_town() -> World:
    """Tax may ask for households."""
    right = Right(TOWN, "tax", "juki.setai_shokai", ("kazei",))
    route = Route(TOWN, "juki.setai_shokai", ("juki",), Mode.DIRECT, deadline_s=5.0)
    return world(site(endpoints=(endpoint("juki", "juki", "jumin"), TOWNSFOLK[1]), rights=(right,), routes=(route,)))


ONE, OTHER, HOME, ELSEWHERE = "000000000000019", "000000000000027", "000000000000035", "000000000000043"


@pytest.mark.parametrize(
    ("asked", "rows", "expected"),
    [
        ({"atenabango": ONE}, [(ONE, HOME), (OTHER, HOME)], ""),
        ({"setaibango": HOME}, [(ONE, HOME), (OTHER, HOME)], ""),
        ({"atenabango": ONE}, [], ""),
        ({"atenabango": ONE}, [(ONE, HOME), (OTHER, ELSEWHERE)], "CB3030"),
        ({"setaibango": HOME}, [(ONE, ELSEWHERE)], "CB3030"),
        ({"atenabango": ONE}, [(OTHER, HOME)], "CB3030"),
    ],
    ids=["of-a-person", "by-number", "nobody", "a-stranger", "another-household", "somebody-else"],
)
async def test_a_household_inquiry_is_answered_with_that_household_only(
    asked: dict[str, str], rows: list[tuple[str, str]], expected: str
) -> None:
    """Asked by the number of the household or of one of its people; whoever lives elsewhere stops the answer."""
    town = family_town()
    body = household(*({"atenabango": person, "setaibango": home} for person, home in rows))
    town.sender.provider = lambda sent: HttpReply(200, XML, body)
    response = await process(town.house, request(ask_household(**asked), caller="tax"))
    assert code(response) == expected
    assert not expected or OTHER not in response.body.decode()


def assets(*owners: tuple[str, str]) -> tuple[Subject, etree._Element]:
    """An answer about land of these owners, each with whether it is held in common; and what such answers are about."""
    unit = edition().units["koteishisanzei"]
    operation, land = unit.operations["tochi_shokai"], unit.records["tochi"]
    rows = [
        {
            **valid(unit, land, Random(4)),
            "kazeinendo": "2026",
            "bukkenbango": "B1",
            "atenabango": one,
            "kyoyu_umu": shared,
        }
        for one, shared in owners
    ]
    subject = subject_of(unit, operation)
    assert subject is not None
    return subject, payload(operation.output, carried=(land, rows))


@pytest.mark.parametrize(
    ("owners", "passes"),
    [
        ([(ONE, "0")], True),
        ([(ONE, "0"), (OTHER, "1")], True),
        ([(OTHER, "1")], True),
        ([(OTHER, "0")], False),
        ([(ONE, "0"), (OTHER, "0")], False),
        ([], True),
    ],
)
def test_land_of_another_passes_only_where_it_is_held_in_common(owners: list[tuple[str, str]], passes: bool) -> None:
    """Land in common stands under the number of the group; land of one owner under his, or it is not passed on."""
    subject, told = assets(*owners)
    prefix = f"{{{edition().units['koteishisanzei'].namespace}}}"
    asked = {prefix + "kazeinendo": "2026", prefix + "atenabango": ONE}
    records = [values_of(one) for one in told.iterchildren(prefix + "tochi")]
    assert not subject.holds(asked, records) or passes
    if passes:
        subject.check(asked, told)
        return
    with pytest.raises(DeliveryError) as refused:
        subject.check(asked, told)
    assert (refused.value.code, refused.value.findings[0].path) == ("CB3030", "atenabango")


def test_every_inquiry_about_a_person_is_bound_to_who_was_asked_for() -> None:
    """An inquiry whose question names a number of somebody has it in ``about``; the one exception has its reason."""
    numbers = {"atenabango", "setaibango", "kojinbango", "shokuinbango"}
    free = []
    for unit in edition().units.values():
        for one in unit.operations.values():
            if one.pattern in {"inquiry", "late"}:
                named = {item.name for item in unit.records[one.request_record].items} & numbers
                if named and not {about_of(term).item for term in one.about} & named:
                    free.append(one.key)
    assert free == ["keijidoshazei.sharyo_shokai"]  # the number asked for may be payer, owner, user or disabled person


def test_a_document_goes_to_the_unit_whose_it_is() -> None:
    """``$consumer`` is the receiving unit: each sees its own documents by one row of the table."""
    documents = edition().units["bunshokanri"]
    for unit, purpose in (("kokuho", "kokuho"), ("juki", "jumin"), ("jutogai", "jumin")):
        limit = limit_of(documents, "bunsho", unit, purpose)
        assert limit is not None
        tag = f"{{{documents.namespace}}}gyomu"
        assert limit.hides({tag: unit}) == frozenset()
        assert limit.hides({tag: "kaigo"}) is None
        assert limit.hides({}) is None


def test_what_a_comment_parts_is_read_as_a_whole() -> None:
    """A comment within a value neither hides a record that goes nor lets one pass."""
    tag = f"{{{COLLECTION.namespace}}}zeimoku"
    parted = etree.fromstring(f'<r xmlns="{COLLECTION.namespace}"><zeimoku><!-- -->0<!-- -->6</zeimoku></r>')
    assert values_of(parted) == {tag: "06"}


def test_rows_of_different_items_show_each_record_its_own() -> None:
    """Two rows for one purpose: a record shows what the rows show whose terms it keeps."""
    term = (Condition(("zeimoku",), "in", ("06",)),)
    names = frozenset(item.name for item in STATE.items)
    rows = (
        Disclosure("shunojokyo", ("kaigo",), ("kaigo",), names - {"biko"}, "x", rows=term),
        Disclosure("shunojokyo", ("kaigo",), ("kaigo",), names - {"shiensochi_kubun"}, "x"),
    )
    limit = limit_of(replace(COLLECTION, disclosure=rows), "shunojokyo", "kaigo", "kaigo")
    assert limit is not None
    tag = f"{{{COLLECTION.namespace}}}"
    assert limit.hides({f"{tag}zeimoku": "06"}) == frozenset()
    assert limit.hides({f"{tag}zeimoku": "01"}) == {f"{tag}shiensochi_kubun"}


def test_explain_says_which_records_reach_whom() -> None:
    """``routes explain`` names the kinds in words, for the asker and for each target."""
    ends: tuple[Endpoint, ...] = TOWNSFOLK
    rights = tuple(Right(TOWN, one.id, TOLD, (one.purpose,)) for one in ends)
    told = site(endpoints=ends, rights=rights, routes=(Route(TOWN, TOLD, ("tax", "kokuho"), Mode.QUEUED),))
    found = explain(told, edition(), ends[0], TOLD)
    assert [("01" in each.records, "06" in each.records) for each in found.targets] == [(True, False), (False, True)]


async def test_a_resident_inquiry_is_not_touched_by_any_of_this() -> None:
    """What has no terms has no limits: the tables hold nothing for it."""
    town = world()
    views = town.house.tables.views
    assert "juki.jumin_shokai" not in views.questions
    veil = views.answers[f"{TOWN}/tax", "juki.jumin_shokai", "kazei"]
    assert veil.limits == ()
    assert (await process(town.house, request(envelope.build(inquiry())))).status == 200
