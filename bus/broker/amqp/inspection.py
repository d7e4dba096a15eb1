"""What an operator asks of RabbitMQ: does it answer, is it new enough, may we, are the queues as they should be.

Nothing here changes a queue of the site; only ``prune`` and ``emptied`` do, on request.
"""

from __future__ import annotations

import re
import secrets
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bus.broker.amqp.link import Link
from bus.broker.amqp.publisher import declare
from bus.broker.amqp.topology import dead_name, exchange_name, lane_arguments, lane_queues
from bus.core.errors import BrokerError
from bus.core.settings import BrokerSettings
from bus.core.types import Finding

LEAST_VERSION: Final = (3, 10)
"""The first with at-least-once dead-lettering on quorum queues."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue; ``ready`` and ``consumers`` are -1 where it does not exist, ``configured`` is false for leftovers."""

    name: str
    endpoint: str
    lane: int
    ready: int
    consumers: int
    configured: bool

    @property
    def exists(self) -> bool:
        """Whether RabbitMQ has it."""
        return self.ready >= 0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. ``findings`` are problems; ``warnings`` can wait."""

    version: str
    cluster: str
    queues: tuple[QueueState, ...]
    dead: int
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


@asynccontextmanager
async def _connected(settings: BrokerSettings, context: ssl.SSLContext | None) -> AsyncIterator[Link]:
    link = await Link.open(settings, context, "inspection")
    try:
        yield link
    finally:
        await link.close()


async def inspect(
    settings: BrokerSettings, context: ssl.SSLContext | None, endpoints: Sequence[str], known: Iterable[str]
) -> Inspection:
    """Look at everything; ``known`` are names of queues that were declared at some time.

    Errors: ``BrokerError`` CB5010, CB5011 when there is nothing to look at.
    """
    findings: list[Finding] = []
    async with _connected(settings, context) as link:
        version = str(link.server.get("version", ""))
        if _number(version) < LEAST_VERSION:
            least = ".".join(map(str, LEAST_VERSION))
            findings.append(Finding("CB5017", path="RabbitMQ", expected=f">= {least}", got=version))
        findings += await _rights(settings, context)
        wanted = lane_queues(settings, endpoints)
        queues = [await _state(link, each.name, each.endpoint, each.lane, configured=True) for each in wanted]
        names = {each.name for each in wanted}
        left = [await _state(link, name, "", 0, configured=False) for name in sorted(set(known) - names)]
        dead = await link.look(dead_name(settings))
        cluster = str(link.server.get("cluster_name", ""))
    findings += await _properties(settings, context, queues)
    warnings = [
        Finding("CB5016", path=each.name, expected="configured", got=f"{each.ready}") for each in left if each.exists
    ]
    if dead is not None and dead[0]:
        warnings.append(Finding("CB5015", path=dead_name(settings), got=str(dead[0])))
    everything = (*queues, *(each for each in left if each.exists))
    return Inspection(version, cluster, everything, dead[0] if dead else 0, tuple(findings), tuple(warnings))


async def prune(
    settings: BrokerSettings, context: ssl.SSLContext | None, names: Iterable[str]
) -> tuple[list[str], list[QueueState]]:
    """Delete queues that are not configured, empty and without consumer; those deleted, and those that were left.

    Errors: CB5010, CB5011.
    """
    deleted: list[str] = []
    left: list[QueueState] = []
    async with _connected(settings, context) as link:
        await declare(link, settings)
        for name in sorted(names):
            state = await _state(link, name, "", 0, configured=False)
            if not state.exists:
                deleted.append(name)
            elif state.ready or state.consumers:
                left.append(state)
            else:
                await link.remove(name, exchange_name(settings))
                deleted.append(name)
    return deleted, left


async def emptied(settings: BrokerSettings, context: ssl.SSLContext | None, endpoints: Sequence[str]) -> int:
    """Empty every lane, so that a running bus publishes it anew; how many messages that were.

    Errors: CB5010, CB5011.
    """
    count = 0
    async with _connected(settings, context) as link:
        for each in lane_queues(settings, endpoints):
            if await link.look(each.name) is not None:
                count += await link.purge(each.name)
    return count


async def _state(link: Link, name: str, endpoint: str, lane: int, *, configured: bool) -> QueueState:
    ready, consumers = await link.look(name) or (-1, -1)
    return QueueState(name, endpoint, lane, ready, consumers, configured)


async def _rights(settings: BrokerSettings, context: ssl.SSLContext | None) -> list[Finding]:
    """Try configuring, writing and reading on a queue that only this connection sees and that goes with it."""
    name = f"{settings.prefix}.check-{secrets.token_hex(4)}"
    try:
        async with _connected(settings, context) as link:
            await link.trial(name)
    except BrokerError as error:
        return list(error.findings)
    return []


async def _properties(
    settings: BrokerSettings, context: ssl.SSLContext | None, queues: Sequence[QueueState]
) -> list[Finding]:
    """Declare what is there once more: that changes nothing, and RabbitMQ refuses it where properties differ."""
    findings: list[Finding] = []
    for queue in queues:
        if queue.exists:
            try:
                async with _connected(settings, context) as link:
                    await link.same(queue.name, lane_arguments(settings))
            except BrokerError as error:
                findings += error.findings
    return findings


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
