"""Queues that have lost their leader for good: found, and where only one node can have them, deleted to be made anew.

RabbitMQ writes down some seconds late which quorum queues it has. One that is younger than that when its only node is
killed is there after the restart, has nothing in it, and does nothing it is asked. What was in it stands in the
journal: to delete it loses no more than to empty it, which is done at every new connection anyway.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Sequence
from typing import Final

from bus.broker.amqp.link import Link
from bus.core.settings import BrokerSettings

AT_ONCE: Final = 16
"""Queues looked at together, each over a connection of its own: RabbitMQ may end the connection for an answer."""


def of_one_node(settings: BrokerSettings) -> bool:
    """Whether the site's RabbitMQ is one node. In a cluster the majority of a queue may be alive elsewhere."""
    return len(settings.nodes) == 1 and settings.replicas <= 1


async def renewed(settings: BrokerSettings, context: ssl.SSLContext | None, names: Sequence[str]) -> list[str]:
    """Delete those of these queues that have no leader, and empty the others; the names of those deleted.

    Nothing is touched in a cluster, nor while RabbitMQ gives no leader to a new queue either: then it is the node, or
    its majority, that is missing, and it comes back with everything. Errors: CB5010, CB5011.
    """
    if not of_one_node(settings):
        return []
    link = await Link.open(settings, context, "mending")
    try:
        if not await link.makes_leaders(f"{settings.prefix}.trial-{secrets.token_hex(4)}"):
            return []
    finally:
        await link.close()
    room = asyncio.Semaphore(AT_ONCE)

    async def leaderless(name: str) -> bool:
        async with room:
            link = await Link.open(settings, context, "mending")
            try:
                return not await link.has_leader(name)
            finally:
                await link.close()

    found = await asyncio.gather(*(leaderless(name) for name in names))
    gone = [name for name, lost in zip(names, found, strict=True) if lost]
    if gone:
        link = await Link.open(settings, context, "mending")
        try:
            await asyncio.gather(*(link.delete(name) for name in gone))
        finally:
            await link.close()
    return gone
