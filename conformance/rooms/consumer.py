"""What a consumer does with the answers that it gets: resending, waiting, ids, and what it takes for a success.

A subject is one scenario of a run: the requests that came, what each was answered, and how the consumer said it went.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from lxml import etree

from conformance.findings import KEPT, Finding, Missing, NotApplicable, Result, when
from conformance.messages import Message
from conformance.names import WSA

OUTCOMES: Final = "consumer/outcomes.json"
"""The file of the evidence with how the consumer said that each scenario went: success, failure or nothing."""
ID_FIELD: Final = "Chiikibus-Message-Id"
TOLERANCE_S: Final = 0.05
"""Clocks and schedulers are allowed this much."""
FAILURE: Final = "failure"
SUCCESS: Final = "success"


@dataclass(frozen=True, slots=True)
class Came:
    """One request, which answer the script gave it, and when it came and was answered (ISO 8601)."""

    message: Message
    step: str
    came: str
    answered: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A scenario as it went. ``outcome`` is what the consumer said, ``others`` are other first requests."""

    name: str
    requests: tuple[Came, ...]
    outcome: str = ""
    others: tuple[Message, ...] = ()


Predicate = Callable[[Scene], Result]
NOT_RESENT: Final = NotApplicable("送り直していません", "nothing was sent again")
ANOTHER: Final = NotApplicable("この場面の要件ではありません", "this scenario does not show it")
NOTHING_CAME: Final = Missing("この場面で電文を一つ送ってください", "send one message in this scenario")
UNTOLD: Final = Missing(
    "結果が分かりません（送り直さないときは、trigger の終了コードで知らせてください）",
    "it is not known how it went: what is not resent has to be told by the exit code of the trigger",
)


def message_id(message: Message) -> str:
    """The id that a request gives itself: wsa:MessageID, else the field of the bus; empty where it has none."""
    found = next((one for one in message.header_blocks if one.tag == f"{{{WSA}}}MessageID"), None)
    if found is not None:
        return (found.text or "").strip()
    return (message.head.value(ID_FIELD) or "") if message.head is not None else ""


def _body(message: Message) -> bytes:
    return b"".join(etree.tostring(one, method="c14n", exclusive=True) for one in message.entries)


def _resent(scene: Scene) -> Sequence[Came]:
    """The requests after the first."""
    return scene.requests[1:]


def same_id(scene: Scene) -> Result:
    """CON-101: what is sent again has the MessageID of the first time."""
    if not _resent(scene):
        return NOT_RESENT
    first = message_id(scene.requests[0].message)
    wrong = [message_id(one.message) for one in _resent(scene) if not first or message_id(one.message) != first]
    return tuple(Finding(scene.name, first or "a MessageID", other or "no MessageID") for other in wrong)


def same_body(scene: Scene) -> Result:
    """CON-102: what is sent again has the content of the first time."""
    if not _resent(scene):
        return NOT_RESENT
    first = _body(scene.requests[0].message)
    return tuple(Finding(scene.name, "the same Body", "another Body") for one in _resent(scene)
                 if _body(one.message) != first)  # fmt: skip


def waits(scene: Scene) -> Result:
    """CON-103: after 503 nothing is sent again before the time of Retry-After."""
    found: list[Finding] = []
    judged = False
    for before, after in zip(scene.requests, scene.requests[1:], strict=False):
        if before.step == "busy":
            judged = True
            least = RETRY_AFTER - TOLERANCE_S
            took = _seconds(before.answered, after.came)
            found += when(took >= least, scene.name, f"at least {RETRY_AFTER} s", f"{took:.2f} s")
    return tuple(found) if judged else ANOTHER


RETRY_AFTER: Final = 2


def _seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def comes_again(scene: Scene) -> Result:
    """CON-104: after 503 the message is sent again."""
    if scene.name != "busy":
        return ANOTHER
    return when(len(scene.requests) > 1, scene.name, "sent again", "not sent again")


def not_lost(scene: Scene) -> Result:
    """CON-105: a message without an answer is sent again, or told to be failed."""
    return _no_success(scene, "closed")


def _no_success(scene: Scene, *names: str) -> Result:
    """The first answer of these scenarios is no success: the message comes again, or is told to have failed."""
    if scene.name not in names:
        return ANOTHER
    if scene.outcome == FAILURE or len(scene.requests) > 1:
        return KEPT
    if scene.outcome == SUCCESS:
        return (Finding(scene.name, "no success", "taken for a success"),)
    return UNTOLD


def no_success(*names: str) -> Predicate:
    """The predicate that the first answer of these scenarios is not taken for a success."""
    return lambda scene: _no_success(scene, *names)


def unrelated(scene: Scene) -> Result:
    """CON-114: an answer that relates to another message is not taken, where the request was addressed."""
    if scene.name == "other-answer" and not any(WSA in str(one.tag) for one in scene.requests[0].message.header_blocks):
        return NotApplicable("要求にアドレスのヘッダーがありません", "the request is not addressed")
    return _no_success(scene, "other-answer")


def not_repeated(scene: Scene) -> Result:
    """CON-111: after a success nothing is sent again."""
    if scene.name not in ("success", "twice"):
        return ANOTHER
    return when(len(scene.requests) == 1, scene.name, "one request", f"{len(scene.requests)} requests")


def not_hammered(scene: Scene) -> Result:
    """CON-109: after a fault of the kind Client the same message is not sent again."""
    if scene.name != "client-fault":
        return ANOTHER
    return when(len(scene.requests) == 1, scene.name, "one request", f"{len(scene.requests)} requests")


def patient(scene: Scene) -> Result:
    """CON-113: an answer that takes a while is waited for."""
    if scene.name != "slow":
        return ANOTHER
    return when(len(scene.requests) == 1, scene.name, "one request", f"{len(scene.requests)} requests")


def own_id(scene: Scene) -> Result:
    """CON-112: another message has another MessageID."""
    mine = message_id(scene.requests[0].message)
    if not mine or not scene.others:
        return NotApplicable("MessageID のある電文が二つありません", "there are no two messages with a MessageID")
    double = [one for one in scene.others if message_id(one) == mine]
    return when(not double, scene.name, "an id of its own", mine)


def takes_success(scene: Scene) -> Result:
    """CON-117: a good answer is taken for a success."""
    if scene.name not in ("success", "slow", "twice"):
        return ANOTHER
    return when(scene.outcome != FAILURE, scene.name, "a success", "taken for a failure")


PREDICATES: Final[Mapping[str, Predicate]] = MappingProxyType(
    {
        "CON-101": same_id,
        "CON-102": same_body,
        "CON-103": waits,
        "CON-104": comes_again,
        "CON-105": not_lost,
        "CON-106": no_success("half"),
        "CON-107": no_success("page"),
        "CON-108": no_success("client-fault", "server-fault"),
        "CON-109": not_hammered,
        "CON-110": no_success("fault-200"),
        "CON-111": not_repeated,
        "CON-112": own_id,
        "CON-113": patient,
        "CON-114": unrelated,
        "CON-115": no_success("must-understand"),
        "CON-116": no_success("doctype"),
        "CON-117": takes_success,
    }
)


def judge_all(requirement: str, scenes: Sequence[Scene]) -> list[tuple[str, Result]]:
    """The results of a requirement by scenario."""
    predicate = PREDICATES[requirement]
    return [(one.name, predicate(one) if one.requests else NOTHING_CAME) for one in scenes]
