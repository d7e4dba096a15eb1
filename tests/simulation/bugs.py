"""Bugs to be planted: each is one thing that a careless change of the core could do. None of it is in the product.

``planted`` puts one in for the time of a run and takes it out again. Every bug says in one line what it forgets, and by
which seed it is found; where a change of the plans moves that, ``simulate.py --bug NAME`` finds the new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any
from unittest.mock import patch

import bus.pipeline
from bus.broker.memory import MemoryBroker
from bus.core.states import State
from bus.deliver import courier, outgoing, retry
from bus.deliver.breaker import Breaker
from bus.deliver.courier import Courier
from bus.deliver.lanes import Lanes
from bus.deliver.worker import DeliveryWorker
from bus.journal import stored
from bus.journal.ledger import Ledger
from bus.journal.message_index import MessageIndex
from bus.journal.relay import Relay

Replacement = tuple[Any, str, Any]


@dataclass(frozen=True, slots=True)
class Bug:
    """One planted bug: the first seed that finds it, its name, what it forgets, the attributes it replaces."""

    seed: int
    name: str
    forgets: str
    replaces: tuple[Replacement, ...]


async def _told_before_stored(house: Any, exchange: Any) -> None:
    storing = asyncio.ensure_future(_ACCEPT(house, exchange))
    storing.add_done_callback(lambda done: done.exception())
    if exchange.mode.value == "direct":
        await storing
    else:
        await asyncio.sleep(0)


async def _sent_before_recorded(self: Any, transitions: Any) -> tuple[set[str], bool]:
    if transitions and transitions[0].state is State.DISPATCHING:
        storing = asyncio.ensure_future(_RECORDED(self, transitions))
        storing.add_done_callback(lambda done: done.exception())
        return set(), False
    return await _RECORDED(self, transitions)


async def _failed_storing_taken_for_done(self: Any, transitions: Any) -> tuple[set[str], bool]:
    refused, _ = await _RECORDED(self, transitions)
    return refused, False


def _new_id_on_retry(consignment: Any, endpoint: Any, **more: Any) -> Any:
    headers = dict(_HEADERS(consignment, endpoint, **more))
    if consignment.attempt > 1:
        headers["Chiikibus-Message-Id"] += f"-{consignment.attempt}"
    return list(headers.items())


def _only_first_key(self: Any, delivery_id: str, keys: Any, **more: Any) -> bool:
    return bool(_ADD(self, delivery_id, tuple(keys)[:1], **more))


def _retry_lets_others_by(self: Any, delivery_id: str, cause: str, since: float) -> None:
    _HOLD(self, delivery_id, cause, since)
    entry = self._entries[delivery_id]
    for key in entry.keys:
        line = self._lanes[key]
        if line[0] is entry and len(line) > 1 and cause.startswith("CB"):
            self._move_up(line[1])


async def _nothing_read_back(self: Any, only: Any) -> None:
    return None


def _interrupted_left_out(self: Any, *, after: str = "", limit: int = 1000) -> Any:
    return [each for each in _OPEN(self, after=after, limit=limit) if each.state is not State.DISPATCHING]


def _breaker_never_opens(self: Any, code: str = "") -> None:
    return None


def _breaker_never_closes(self: Any) -> None:
    self._in_a_row = 0


def _due_by_the_wall(self: Any, delivery_id: str, when: float) -> None:
    _RETRY_AT(self, delivery_id, when)

    def again() -> None:
        left = when - self._kit.clock.now()
        if self._due.get(delivery_id) == float("inf"):
            if left <= 0:
                self._release(delivery_id)
                self._work.set()
            else:
                asyncio.get_running_loop().call_later(min(left, 5.0), again)

    self._due[delivery_id] = float("inf")
    asyncio.get_running_loop().call_later(max(0.0, min(when - self._kit.clock.now(), 5.0)), again)


def _queue_by_name_alone(self: Any, endpoint_key: str) -> Any:
    return _QUEUE(self, endpoint_key.partition("/")[2])


def _tail_not_read_back(self: Any, connection: Any) -> None:
    _INDEX(self, connection)
    self._recent.clear()


def _content_not_compared(house: Any, exchange: Any, known: Any) -> None:
    return None


def _expiry_not_looked_at(self: Any, ids: Any) -> Any:
    for delivery_id in ids:
        parcel = self._parcels[delivery_id]
        parcel.consignment = replace(parcel.consignment, expires_at=float("inf"))
    return _STAGE(self, ids)


def _failed_commit_taken_for_done(self: Any) -> None:
    try:
        _COMMIT(self)
    except Exception:
        return


async def _outcome_forgotten_when_not_stored(self: Any) -> None:
    batch, self._outcomes = self._outcomes, []
    refused, failed = await self._recorded(batch)
    if failed:
        return
    self._outcomes = []
    gone = set(refused)
    for transition in batch:
        if transition.delivery_id not in refused and not self._kept(transition):
            gone.add(transition.delivery_id)
    await self._let_go(gone)
    self._work.set()


def _nothing_withheld(tables: Any, consignment: Any, raw: bytes, media_type: str) -> Any:
    return raw, None


async def _silence_taken_for_yes(self: Any, consignment: Any, attempt: int, endpoint: Any, settings: Any) -> Any:
    transition = await _ATTEMPT(self, consignment, attempt, endpoint, settings)
    if transition.code == "CB5002":
        return replace(transition, state=State.DELIVERED, code="", next_attempt_at=0.0)
    return transition


def _no_limit_of_attempts(sent: Any, settings: Any, verdict: Any, **more: Any) -> Any:
    return _AFTER(sent, replace(settings, retry_limit=10**6), verdict, **more)


def _overflow_forgotten(self: Any, consignments: Any) -> None:
    _HAND_OVER(self, consignments)
    for shelf in self._shelves.values():
        shelf.behind = False


def _parked_is_over(self: Any, transition: Any) -> bool:
    return False if transition.state is State.PARKED else bool(_KEPT(self, transition))


def _calls_left_open(self: Any) -> Any:
    async def nothing() -> None:
        return None

    return nothing()


_DEDUPLICATE = import_module("bus.pipeline.deduplicate")
_REPEAT = import_module("bus.pipeline.repeat")
_ACCEPT = bus.pipeline.accept
_RECORDED, _RETRY_AT, _STAGE = DeliveryWorker._recorded, DeliveryWorker._retry_at, DeliveryWorker._stage
_KEPT = DeliveryWorker._kept
_HEADERS = outgoing.outgoing_headers
_ADD, _HOLD = Lanes.add, Lanes.hold
_OPEN = stored.StoredJournal.open_deliveries
_QUEUE = MemoryBroker._queue
_INDEX = MessageIndex.__init__
_COMMIT = Ledger.commit
_ATTEMPT = Courier.attempt
_AFTER = courier.after_failure
_HAND_OVER = Relay.hand_over

BUGS: tuple[Bug, ...] = (
    Bug(1, "told-before-stored", "that 2xx waits for the commit", ((bus.pipeline, "accept", _told_before_stored),)),
    Bug(
        1,
        "sent-before-recorded",
        "that DISPATCHING is durable first",
        ((DeliveryWorker, "_recorded", _sent_before_recorded),),
    ),
    Bug(
        19,
        "storing-failed-unnoticed",
        "that CB4001 stored nothing",
        ((DeliveryWorker, "_recorded", _failed_storing_taken_for_done),),
    ),
    Bug(
        4, "new-id-on-retry", "that the same message keeps its id", ((outgoing, "outgoing_headers", _new_id_on_retry),)
    ),
    Bug(2, "only-first-key", "that households are kept in order too", ((Lanes, "add", _only_first_key),)),
    Bug(
        4, "retry-lets-others-by", "that a waiting delivery blocks its keys", ((Lanes, "hold", _retry_lets_others_by),)
    ),
    Bug(4, "nothing-read-back", "that open work is read at the start", ((Relay, "_read_back", _nothing_read_back),)),
    Bug(
        8,
        "interrupted-left-out",
        "that DISPATCHING is sent again",
        ((stored.StoredJournal, "open_deliveries", _interrupted_left_out),),
    ),
    Bug(38, "breaker-never-opens", "to stop after failures in a row", ((Breaker, "failure", _breaker_never_opens),)),
    Bug(
        38, "breaker-never-closes", "that a success ends the suspension", ((Breaker, "success", _breaker_never_closes),)
    ),
    Bug(
        4,
        "retry-at-once",
        "to wait before the next attempt",
        ((retry, "wait_s", lambda settings, attempt, random: 0.0),),
    ),
    Bug(120, "due-by-the-wall", "that the wall clock jumps", ((DeliveryWorker, "_retry_at", _due_by_the_wall),)),
    Bug(
        1,
        "queue-by-name-alone",
        "that queues carry the municipality",
        ((MemoryBroker, "_queue", _queue_by_name_alone),),
    ),
    Bug(
        8,
        "ids-forgotten-at-restart",
        "that known ids outlive the process",
        ((MessageIndex, "__init__", _tail_not_read_back),),
    ),
    Bug(
        2,
        "content-not-compared",
        "that an id stands for one content",
        ((_REPEAT, "check", _content_not_compared), (_DEDUPLICATE, "check", _content_not_compared)),
    ),
    Bug(45, "expiry-not-looked-at", "that a message expires", ((DeliveryWorker, "_stage", _expiry_not_looked_at),)),
    Bug(19, "failed-commit-unnoticed", "that a commit may fail", ((Ledger, "commit", _failed_commit_taken_for_done),)),
    Bug(
        16,
        "outcome-forgotten",
        "to keep an outcome that could not be stored",
        ((DeliveryWorker, "_record_outcomes", _outcome_forgotten_when_not_stored),),
    ),
    Bug(1, "nothing-withheld", "that a right withholds items", ((outgoing, "outgoing_body", _nothing_withheld),)),
    Bug(98, "silence-is-yes", "that no answer is no receipt", ((Courier, "attempt", _silence_taken_for_yes),)),
    Bug(68, "no-limit-of-attempts", "to park in the end", ((courier, "after_failure", _no_limit_of_attempts),)),
    Bug(4, "overflow-forgotten", "what did not fit into memory", ((Relay, "hand_over", _overflow_forgotten),)),
    Bug(30, "parked-is-over", "that a parked message blocks its keys", ((DeliveryWorker, "_kept", _parked_is_over),)),
    Bug(
        68,
        "calls-left-open",
        "to close calls that a crash interrupted",
        ((Relay, "_close_interrupted", _calls_left_open),),
    ),
)


def bug(name: str) -> Bug:
    """By its name. Errors: ``KeyError``."""
    return {each.name: each for each in BUGS}[name]


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The bug is in the core until the block ends; an empty name plants nothing."""
    with ExitStack() as stack:
        for owner, attribute, value in bug(name).replaces if name else ():
            stack.enter_context(patch.object(owner, attribute, value))
        yield
