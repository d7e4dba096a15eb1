"""What a provider does when it is asked in ordinary and in hostile ways: one row per case and requirement.

A case is a request that the driver sends (``conformance.driver.cases``); a row says which answer keeps the
requirement: ``answer`` a success with the element of the operation, ``answer:none`` one without a record,
``answer:own`` one about the key that was asked for, ``answer:same`` the payload of the case ``base``, ``fault`` any
fault, ``fault:<code>`` one of that code, ``code:<code>`` one whose detail names the error, ``detail`` one with the
detail of the standard, ``<status>``, ``4xx`` or ``2xx`` a status (a success says that no problem was found), ``wsdl``
a description, ``closed`` no answer (which says nothing), ``relates`` and ``action`` headers of WS-Addressing.
Alternatives stand with ``|`` between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from lxml import etree

from conformance.description import Element, qname
from conformance.documents import children, local
from conformance.evidence import IMPOSSIBLE
from conformance.findings import Finding, Missing, NotApplicable, Result
from conformance.messages import Message
from conformance.names import COMMON, WSA, wsdl
from conformance.rooms.population import PREDICATES


@dataclass(frozen=True, slots=True)
class Observed:
    """A case with the request that was sent, the answer that came and what became of the connection.

    ``base`` is the answer to the case ``base`` of the same evidence, ``None`` where it is not there. ``key`` names
    the item that an answer has to repeat, ``expected`` the element that answers the driven operation.
    """

    case: str
    outcome: str
    request: Message | None
    answer: Message | None
    base: Message | None = None
    key: str = ""
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement that a case shows."""

    case: str
    requirement: str
    expect: str


def _rows(text: str) -> tuple[Row, ...]:
    return tuple(Row(*line.split()) for line in text.strip().splitlines())


ROWS: Final = _rows("""
base BP-R1010 answer
base BP-R1017 answer
base BP-R1121 answer
base PROF-101 answer
base PROF-132 answer:own
again PROF-133 answer:same
wsdl BP-R0001 wsdl
get BP-R1114 405
get BP-R1125 4xx|2xx|closed
get HTTP-221 allow
put BP-R1114 405
json BP-R1115 415
json BP-R1125 4xx|2xx|closed
garbled-head BP-R1113 400
garbled-head BP-R1125 4xx|2xx|closed
two-hosts HTTP-224 400
length-and-chunked HTTP-225 400|closed
http10 BP-R1141 answer
chunked HTTP-222 answer
small-names HTTP-223 answer
action-empty BP-R1127 answer
utf16 PROF-103 answer
bom BP-R4001 answer
latin PROF-104 fault:Client|4xx
other-declaration PROF-105 fault:Client|4xx
soap12 BP-R1015 fault
soap12 SOAP-412 fault:VersionMismatch
no-envelope BP-R1015 fault
unknown-header BP-R1027 fault:MustUnderstand
unknown-header BP-R1025 fault:MustUnderstand
unknown-header-bad-body BP-R2725 fault:MustUnderstand
soap12-unknown-header BP-R2725 fault:VersionMismatch
header-next SOAP-422 fault:MustUnderstand
header-elsewhere SOAP-423 answer
header-optional SOAP-424 answer
headers-swapped BP-R2751 answer
two-entries SOAP-431 fault:Client
empty-body SOAP-432 fault:Client
no-body SOAP-433 fault:Client
doctype PROF-106 fault:Client|4xx
instruction PROF-107 fault:Client|4xx
entities PROF-108 fault:Client|4xx
truncated PROF-109 fault:Client|4xx
comment PROF-110 answer
prefixes PROF-111 answer
cdata PROF-112 answer
references PROF-113 answer
unknown-operation BP-R2724 fault:Client
missing-item BP-R2724 fault:Client
missing-item BP-R1029 fault|answer
missing-item PROF-121 code:E0001
missing-item PROF-125 detail
wrong-form PROF-122 code:E0002
too-long PROF-123 code:E0003
unknown-key PROF-131 answer:none
wsa WSA-316 relates
wsa WSA-317 action
wsa WSA-501 answer
wsa-no-id WSA-313 fault
wsa-two-actions WSA-404 fault
wsa-fault WSA-602 relates
""")


def judge_row(row: Row, seen: Observed) -> Result:
    """The result of one row on what was observed."""
    if seen.outcome == IMPOSSIBLE:
        return NotApplicable("駆動した操作では作れない場合です", "the driven operation has no such case")
    if row.expect == "answer:own" and not seen.key:
        return NotApplicable("宛名番号で照会する操作ではありません", "no inquiry by the number of an addressee")
    if row.expect in ("answer:own", "answer:same", "relates", "action") and seen.answer is None:
        return NotApplicable("応答がありません", "there is no answer")
    if any(_fits(one, seen) for one in row.expect.split("|")):
        return ()
    return (Finding(seen.case, row.expect.replace("|", " | "), actual(seen)),)


def actual(seen: Observed) -> str:
    """What came, in short: status and fault, or what became of the connection."""
    answer = seen.answer
    if answer is None:
        return seen.outcome
    status = str(answer.head.status) if answer.head else ""
    if answer.fault is not None:
        shogai = _shogai(answer)
        codes = " ".join(dict.fromkeys(_texts(shogai, "kodo"))) if shogai is not None else ""
        return f"{status} fault {fault_code(answer)} {codes}".rstrip()
    if answer.entries:
        return f"{status} {local(answer.entries[0])}"
    return f"{status} {answer.head.media_type if answer.head else ''}".strip()


def fault_code(message: Message) -> str:
    """The local part of a faultcode, up to a dot."""
    fault = message.fault
    code = next((one for one in children(fault) if local(one) == "faultcode"), None) if fault is not None else None
    return qname(code, code.text or "").rpartition("}")[2].partition(".")[0] if code is not None else ""


def _fits(expect: str, seen: Observed) -> bool:
    kind, _, detail = expect.partition(":")
    if kind == "closed":
        return seen.outcome != "answered"
    answer = seen.answer
    if answer is None or answer.head is None:
        return False
    if kind in ("2xx", "4xx"):
        return f"{answer.head.status // 100}xx" == kind
    if kind.isdecimal():
        return answer.head.status == int(kind)
    return _KINDS[kind](answer, detail, seen)


def _answer(answer: Message, detail: str, seen: Observed) -> bool:
    success = answer.head is not None and 200 <= answer.head.status < 300
    if not success or answer.fault is not None or [one.tag for one in answer.entries] != [seen.expected]:
        return False
    return _DETAILS[detail](answer.entries[0], seen)


def _texts(element: Element, name: str) -> list[str]:
    return [one.text or "" for one in element.iter("{*}*") if local(one) == name]


def _own_key(payload: Element, seen: Observed) -> bool:
    """Every record answers about the key of the request, character by character."""
    if seen.request is None or not seen.request.entries or not seen.key:
        return False
    asked = _texts(seen.request.entries[0], seen.key)
    return bool(children(payload)) and _texts(payload, seen.key) == asked[:1] * len(children(payload))


def _same(payload: Element, seen: Observed) -> bool:
    if seen.base is None or not seen.base.entries:
        return False
    return _canonical(payload) == _canonical(seen.base.entries[0])


def _canonical(element: Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True)


_DETAILS: Final[Mapping[str, Callable[[Element, Observed], bool]]] = MappingProxyType(
    {
        "": lambda _payload, _seen: True,
        "none": lambda payload, _seen: not children(payload),
        "own": _own_key,
        "same": _same,
    }
)


def _fault(answer: Message, detail: str, _seen: Observed) -> bool:
    return answer.fault is not None and detail in ("", fault_code(answer))


def _shogai(answer: Message) -> Element | None:
    fault = answer.fault
    return None if fault is None else next(fault.iter(f"{{{COMMON}}}shogai"), None)


def _code(answer: Message, detail: str, _seen: Observed) -> bool:
    shogai = _shogai(answer)
    return shogai is not None and detail in _texts(shogai, "kodo")


def _detail(answer: Message, _detail_text: str, _seen: Observed) -> bool:
    shogai = _shogai(answer)
    names = [local(one) for one in children(shogai)] if shogai is not None else []
    return names[:3] == ["kodo", "bunmen_ja", "bunmen_en"]


def _wsdl(answer: Message, _detail_text: str, _seen: Observed) -> bool:
    return answer.root is not None and answer.root.tag == wsdl("definitions")


def _allow(answer: Message, _detail_text: str, _seen: Observed) -> bool:
    head = answer.head
    return head is not None and (head.status != 405 or "POST" in (head.value("Allow") or ""))


def _header(message: Message | None, name: str) -> str:
    blocks = message.header_blocks if message is not None else []
    return next(((one.text or "").strip() for one in blocks if one.tag == f"{{{WSA}}}{name}"), "")


def _relates(answer: Message, _detail_text: str, seen: Observed) -> bool:
    asked = _header(seen.request, "MessageID")
    return bool(asked) and _header(answer, "RelatesTo") == asked


def _action(answer: Message, _detail_text: str, _seen: Observed) -> bool:
    return bool(_header(answer, "Action"))


_KINDS: Final[Mapping[str, Callable[[Message, str, Observed], bool]]] = MappingProxyType(
    {
        "answer": _answer, "fault": _fault, "code": _code, "detail": _detail, "wsdl": _wsdl, "allow": _allow,
        "relates": _relates, "action": _action,
    }
)  # fmt: skip
REQUIREMENTS: Final = frozenset(row.requirement for row in ROWS)
REFERENCE: Final = "reference"
"""All questions about the reference population, where cases are named."""
UNSENT: Final = Missing("この場合は送られていません（run で駆動します）", "this case was not sent; run drives it")


def cases_of(names: Iterable[str]) -> tuple[str, ...]:
    """The cases that show these requirements or are named, with ``base`` and ``wsdl``; none for no names."""
    listed = set(names)
    found = [row.case for row in ROWS if row.requirement in listed or row.case in listed]
    found += [REFERENCE for name in listed if name in PREDICATES]
    found += [name for name in listed if name.startswith(REFERENCE)]
    return tuple(dict.fromkeys(("base", "wsdl", *found))) if listed else ()


def judge_case(requirement: str, seen: Mapping[str, Observed]) -> list[tuple[str, Result]]:
    """The results of a requirement's rows over what was observed, by case."""
    return [
        (row.case, judge_row(row, seen[row.case]) if row.case in seen else UNSENT)
        for row in ROWS if row.requirement == requirement
    ]  # fmt: skip
