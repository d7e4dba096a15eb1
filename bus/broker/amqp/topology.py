"""Names and properties of exchanges and queues: what a site folder asks of RabbitMQ, as values.

One direct exchange carries everything; each endpoint has a quorum queue per lane with a single active consumer. What a
consumer cannot read goes, at least once, to the queue of the dead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bus.core.settings import BrokerSettings, Site

DEAD_LETTER: Final[Mapping[str, Any]] = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
"""At-least-once needs reject-publish; there is no length limit, since the relay bounds what it publishes."""

MAX_NAME: Final = 200
"""Bytes of a queue's name; AMQP allows 255."""


@dataclass(frozen=True, slots=True)
class LaneQueue:
    """The queue of one lane of an endpoint (``<municipality>/<id>``); its routing key is its name."""

    name: str
    endpoint: str
    lane: int


def exchange_name(settings: BrokerSettings) -> str:
    """The direct exchange of the site."""
    return f"{settings.prefix}.deliver"


def dead_name(settings: BrokerSettings) -> str:
    """Exchange and queue of what no consumer could read."""
    return f"{settings.prefix}.dead"


def lane_queue(settings: BrokerSettings, endpoint: str, lane: int) -> LaneQueue:
    """One lane's queue."""
    name = f"{settings.prefix}.{endpoint.replace('/', '.', 1)}.{lane}"
    if len(name.encode()) > MAX_NAME:
        name = f"{settings.prefix}.{hashlib.sha256(endpoint.encode()).hexdigest()}.{lane}"
    return LaneQueue(name, endpoint, lane)


def lane_queues(settings: BrokerSettings, endpoints: Iterable[str]) -> list[LaneQueue]:
    """All queues of these endpoints, in order."""
    return [
        lane_queue(settings, endpoint, lane)
        for endpoint in sorted(set(endpoints))
        for lane in range(settings.lanes_for(endpoint))
    ]


def receiving(site: Site) -> list[str]:
    """The endpoints of a site that have queues: those with an address, and those that a route names."""
    named = {f"{route.municipality}/{target}" for route in site.routes for target in route.targets}
    return sorted({each.key for each in site.endpoints if each.address or each.key in named})


def lane_arguments(settings: BrokerSettings) -> dict[str, Any]:
    """The properties of a lane's queue. A queue that is there with other ones is refused by RabbitMQ."""
    arguments: dict[str, Any] = {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-dead-letter-exchange": dead_name(settings),
        **DEAD_LETTER,
    }
    return arguments | _replicas(settings)


def dead_arguments(settings: BrokerSettings) -> dict[str, Any]:
    """The properties of the queue of the dead."""
    return {"x-queue-type": "quorum"} | _replicas(settings)


def _replicas(settings: BrokerSettings) -> dict[str, Any]:
    return {"x-quorum-initial-group-size": settings.replicas} if settings.replicas else {}


def definitions(settings: BrokerSettings, endpoints: Iterable[str]) -> dict[str, Any]:
    """What ``rabbitmqctl import_definitions`` takes: host, rights, exchanges, queues and bindings, without a password.

    The user is not part of it: with it would go its password.
    """
    vhost = settings.virtual_host
    place = {"vhost": vhost, "durable": True, "auto_delete": False}
    deliver, dead = exchange_name(settings), dead_name(settings)
    lanes = lane_queues(settings, endpoints)
    exchanges = [
        {"name": deliver, "type": "direct", "internal": False, "arguments": {}, **place},
        {"name": dead, "type": "fanout", "internal": False, "arguments": {}, **place},
    ]
    queues = [{"name": each.name, "arguments": lane_arguments(settings), **place} for each in lanes]
    queues.append({"name": dead, "arguments": dead_arguments(settings), **place})
    bindings = [_binding(vhost, deliver, each.name, each.name) for each in lanes]
    bindings.append(_binding(vhost, dead, dead, ""))
    return {"vhosts": [{"name": vhost}], "exchanges": exchanges, "queues": queues, "bindings": bindings}


def _binding(vhost: str, source: str, queue: str, key: str) -> dict[str, Any]:
    return {
        "source": source,
        "vhost": vhost,
        "destination": queue,
        "destination_type": "queue",
        "routing_key": key,
        "arguments": {},
    }


def rights(settings: BrokerSettings) -> tuple[str, str, str]:
    """Configure, write and read patterns for ``rabbitmqctl set_permissions``: only names of this site."""
    pattern = "^" + settings.prefix.replace(".", "\\.") + "\\."
    return pattern, pattern, pattern
