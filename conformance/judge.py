"""The judge: a pure function from evidence and catalogue to verdicts. It calls nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TypeVar

from lxml import etree

from conformance import filed
from conformance.conversation import Conversation, Turn
from conformance.description import Description, load
from conformance.evidence import UNHELD, Bundle, Exchange
from conformance.findings import NotApplicable, Result
from conformance.messages import Message, from_wire
from conformance.records import operation_of, records_of
from conformance.registry import (
    ON_CONVERSATIONS,
    ON_MESSAGES,
    ON_PAYLOADS,
    ON_RECORDS,
    ON_TURNS,
    ON_WSDL,
    READABLE,
    PayloadPredicate,
)
from conformance.rooms.behaviour import REQUIREMENTS, Observed, judge_case
from conformance.rooms.consumer import OUTCOMES, Came, Scene
from conformance.rooms.consumer import PREDICATES as CONSUMER
from conformance.rooms.consumer import judge_all as consumer_all
from conformance.rooms.population import ANSWERS, PREDICATES, Compared, judge_all
from conformance.standard import Standard
from conformance.verdicts import Class, HarnessError, Verdict, combine, roll_up, with_prerequisites
from schemas.model import Requirement, Unit

SUBJECT = "subject"
UNREADABLE = NotApplicable("WSDL として読めません", "the document cannot be read as WSDL")
NO_TURN = NotApplicable("要求と応答の組がありません", "there is no request with its answer")
NO_RECORD = NotApplicable("レコードを運ぶ電文がありません", "no message carries a record")
_Subject = TypeVar("_Subject")
_Named = tuple[str, Result | HarnessError]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts in the order of the catalogue, the result of the whole, and the rows not judged."""

    verdicts: tuple[Verdict, ...]
    result: Class
    unjudged: tuple[Requirement, ...]

    def of(self, requirement: str) -> Verdict:
        """The verdict on a requirement (KeyError where it was not judged)."""
        for one in self.verdicts:
            if one.requirement == requirement:
                return one
        raise KeyError(requirement)


def judge(bundle: Bundle, standard: Standard) -> Judgement:
    """Judge the evidence by the rows that fall on its roles."""
    roles = bundle.circumstances.roles
    rows = [row for row in standard.catalogue if not row.retired and falls_on(row, roles)]
    judged = [row for row in rows if not row.not_judged_reason]
    results = _results(bundle, {row.id: row for row in judged}, standard)
    verdicts = with_prerequisites(
        (combine(row, results.get(row.id, ())) for row in judged if row.id in results),
        {row.id: row.requires for row in judged if row.requires},
    )
    return Judgement(verdicts, roll_up(verdicts), tuple(row for row in rows if row.not_judged_reason))


def falls_on(row: Requirement, roles: Iterable[str]) -> bool:
    """Whether a requirement falls on one of the roles; ``both`` falls on provider and consumer."""
    listed = set(roles)
    return row.role in listed or (row.role == "both" and not listed.isdisjoint({"provider", "consumer"}))


def _results(bundle: Bundle, rows: Mapping[str, Requirement], standard: Standard) -> dict[str, list[_Named]]:
    """What each predicate said, by requirement; only requirements that the kinds of evidence in the bundle concern."""
    found: dict[str, list[_Named]] = {}
    description = _description(bundle)
    if description is not None:
        readable = bool(description.definitions)
        for name, on_wsdl in ON_WSDL.items():
            if name in rows:
                result = _ask(on_wsdl, description) if readable or name in READABLE else UNREADABLE
                found[name] = [(description.main, result)]
    messages: tuple[Message, ...] = ()
    if bundle.circumstances.exchanges or OUTCOMES in bundle.files:
        conversation = _conversation(bundle, description)
        messages = tuple(one for _, one, own in conversation.messages() if own)
        for name, on_message in ON_MESSAGES.items():
            if name in rows:
                found[name] = [(one.name, _ask(on_message, one)) for one in messages if _author(rows[name], one)]
        found |= _over_conversation(conversation, rows)
        if "data" in bundle.circumstances.roles:
            _data(found, messages, rows, standard)
        shown_by = (_behaviour(bundle, description, standard), _population(bundle, standard), _consumer(bundle))
        for name, shown in chain(*shown_by):
            if name in rows:
                found.setdefault(name, []).extend(shown)
    if "data" in bundle.circumstances.roles:
        for name, shown in filed.shown(bundle, messages, standard, _ask):
            if name in rows:
                found.setdefault(name, []).extend(shown)
    return found


def _over_conversation(conversation: Conversation, rows: Mapping[str, Requirement]) -> dict[str, list[_Named]]:
    """What the predicates on exchanges and on whole recordings said."""
    found: dict[str, list[_Named]] = {}
    for name, on_turn in ON_TURNS.items():
        if name in rows:
            turns = (one for one in conversation.turns if _wrote(rows[name], one))
            found[name] = [(one.name, _ask(on_turn, one)) for one in turns] or [("", NO_TURN)]
    for name, on_all in ON_CONVERSATIONS.items():
        if name in rows:
            found[name] = [("", _ask(on_all, conversation))]
    return found


def _data(
    found: dict[str, list[_Named]], messages: tuple[Message, ...], rows: Mapping[str, Requirement], standard: Standard
) -> None:
    """Add what the predicates on payloads and records said."""
    for name, on_payload in ON_PAYLOADS.items():
        if name in rows:
            found[name] = [(one.name, _ask(partial(_swapped, on_payload, standard), one)) for one in messages]
    records = [record for one in messages for record in records_of(one, standard.edition)]
    for name, on_record in ON_RECORDS.items():
        if name in rows:
            found[name] = [(one.name, _ask(on_record, one)) for one in records] or [("", NO_RECORD)]


def _swapped(predicate: PayloadPredicate, standard: Standard, message: Message) -> Result:
    return predicate(message, standard)


def _behaviour(
    bundle: Bundle, description: Description | None, standard: Standard
) -> Iterator[tuple[str, list[_Named]]]:
    """What the rows of behaviour said, where the suite drove the subject."""
    driven = [one for one in bundle.circumstances.exchanges if one.request_by == "suite" and one.case]
    if not driven:
        return
    key, expected = _key(bundle, standard), ""
    observed: dict[str, Observed] = {}
    for one in driven:
        sides = dict(_sides(one, bundle.files, description))
        if one.case == "base" and "request" in sides:
            found = operation_of(sides["request"], standard.edition)
            expected = found[1].output if found is not None else ""
            key = key if expected.endswith("_kaito") else ""
        base = observed["base"].answer if "base" in observed else None
        observed[one.case] = Observed(
            one.case, one.outcome, sides.get("request"), sides.get("response"), base, key, expected
        )
    for requirement in sorted(REQUIREMENTS):
        yield requirement, [*judge_case(requirement, observed)]


def _population(bundle: Bundle, standard: Standard) -> Iterator[tuple[str, list[_Named]]]:
    """What the rows about the reference population said, where the suite asked for it."""
    driven = [one for one in bundle.circumstances.exchanges if one.request_by == "suite" and one.case]
    unit = standard.edition.units.get(bundle.circumstances.unit)
    if not driven or unit is None or ANSWERS not in bundle.files:
        return
    compared = tuple(_compared(bundle, driven, unit, standard))
    for requirement in PREDICATES:
        yield requirement, [*judge_all(requirement, compared)]


def _consumer(bundle: Bundle) -> Iterator[tuple[str, list[_Named]]]:
    """What the rows about consumers said, where the mock peer was called."""
    if OUTCOMES not in bundle.files:
        return
    outcomes = json.loads(bundle.files[OUTCOMES])
    came: dict[str, list[Came]] = {name: [] for name in outcomes}
    for one in bundle.circumstances.exchanges:
        if one.case in came and one.request:
            message = from_wire(one.request, bundle.files[one.request], "request", None, one.case)
            came[one.case].append(Came(message, one.outcome, one.started, one.ended))
    firsts = {name: listed[0].message for name, listed in came.items() if listed}
    scenes = [
        Scene(name, tuple(listed), outcomes[name], tuple(one for other, one in firsts.items() if other != name))
        for name, listed in came.items()
    ]
    for requirement in CONSUMER:
        yield requirement, [*consumer_all(requirement, scenes)]


def _compared(bundle: Bundle, driven: Iterable[Exchange], unit: Unit, standard: Standard) -> Iterator[Compared]:
    known = json.loads(bundle.files[ANSWERS])
    for one in driven:
        if one.case in known:
            kind = unit.records[unit.operations[known[one.case]["operation"]].record]
            came = None
            for direction, message in _sides(one, bundle.files, None):
                if direction == "response" and operation_of(message, standard.edition) is not None:
                    listed = records_of(message, standard.edition)
                    came = tuple(each.values for each in listed if each.type.name == kind.name)
            yield Compared(one.case, kind, tuple(known[one.case]["records"]), came, held=one.outcome != UNHELD)


def _key(bundle: Bundle, standard: Standard) -> str:
    """The item of the driven inquiry that its answer has to repeat: the number of an addressee, where there is one."""
    unit = standard.edition.units.get(bundle.circumstances.unit)
    records = unit.records.values() if unit else ()
    return "atenabango" if any(item.name == "atenabango" for record in records for item in record.items) else ""


def _sides(one: Exchange, files: Mapping[str, bytes], description: Description | None) -> Iterator[tuple[str, Message]]:
    for direction, name in (("request", one.request), ("response", one.response)):
        if name:
            yield direction, from_wire(name, files[name], direction, description, one.case)


def _author(row: Requirement, message: Message) -> bool:
    """Whether the role of the row is that of the message's author: consumers write requests, providers responses."""
    return row.role not in ("provider", "consumer") or (row.role == "consumer") == (message.direction == "request")


def _ask(predicate: Callable[[_Subject], Result], subject: _Subject) -> Result | HarnessError:
    """The predicate's result; an error of the suite is never held against the vendor."""
    try:
        return predicate(subject)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, etree.LxmlError) as error:
        return HarnessError(type(error).__name__)


def _description(bundle: Bundle) -> Description | None:
    main = bundle.circumstances.wsdl
    return load(main, bundle.files) if main else None


def _conversation(bundle: Bundle, description: Description | None) -> Conversation:
    """All exchanges with the messages of both sides."""
    turns = []
    for one in bundle.circumstances.exchanges:
        sides = dict(_sides(one, bundle.files, description))
        turns.append(
            Turn(
                one.id, sides.get("request"), sides.get("response"),
                one.request_by == SUBJECT, one.response_by == SUBJECT,
            )
        )  # fmt: skip
    return Conversation(tuple(turns))


def _wrote(row: Requirement, turn: Turn) -> bool:
    """Whether the role of the row wrote a side of the exchange that is there."""
    request, response = turn.own_request and turn.request is not None, turn.own_response and turn.response is not None
    return {"consumer": request, "provider": response}.get(row.role, request or response)
