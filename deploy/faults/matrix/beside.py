"""Faults of what runs beside the bus: its upkeep, an adapter, their supervisor; a node of a cluster, a failover."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from matrix.place import Place, command, together, until

SUSPENDED = 3
SEALED = """
[journal.seal]
every_s = 1
"""


async def beside_killed(place: Place, name: str, times: int = 5) -> int:
    """kill -9 of one process that ``chiikibus up`` keeps, at random moments; it is started again each time."""
    struck = 0
    for part in range(times):
        await place.accepted(0.1 + 0.15 * part + 0.1 * place.dice.random())
        await until(lambda: place.beside().get(name), 30, f"{name} to run")
        pid = place.beside()[name]
        place.mark()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            struck += 1
        await until(lambda pid=pid: place.beside().get(name, 0) not in {0, pid}, 60, f"{name} to run again")
    return struck


async def upkeep_killed(place: Place) -> int:
    """kill -9 of the process that seals; when everything has arrived, the chain of seals is whole."""
    struck = await beside_killed(place, "upkeep")
    await place.arrived(1.0)
    await place.down()
    await command(place, "journal", "seal", "now")
    await command(place, "journal", "verify")
    await place.up()
    return struck


async def supervisor_killed(place: Place) -> int:
    """kill -9 of ``chiikibus up``: the kernel ends what it kept; started again, three times."""
    for part in range(3):
        await place.accepted(0.2 + 0.2 * part)
        await place.kill()
        await place.up()
    return place.kills


async def machine_suspended(place: Place) -> int:
    """Bus, RabbitMQ and PostgreSQL stop together with their connections open, three times, as a suspended machine does.

    The pause between two is random: the next one falls into the recovery from the one before.
    """
    for part in range(SUSPENDED):
        await place.accepted(0.1 + 0.2 * part)
        await asyncio.sleep(8 * place.dice.random())
        servers = [each for each in (place.engines.broker, place.engines.journal) if each is not None]
        place.signal(signal.SIGSTOP)
        await together(*(each.pause for each in servers))
        await asyncio.sleep(place.dice.choice((6, 12, 20)))
        await together(*(each.resume for each in servers))
        place.signal(signal.SIGCONT)
        place.mark()
    return SUSPENDED


async def node_killed(place: Place) -> int:
    """kill -9 of each of three nodes in turn. The load goes on with two; then the node comes back."""
    nodes = list(place.engines.broker.nodes)
    place.dice.shuffle(nodes)
    for part, node in enumerate(nodes):
        await place.accepted(0.1 + 0.25 * part)
        place.mark()
        await together(node.kill)
        await place.accepted(0.2 + 0.25 * part)
        await place.arrived(0.15 + 0.25 * part)
        await together(node.start)
    return len(nodes)


async def failed_over(place: Place) -> int:
    """kill -9 of PostgreSQL; its synchronous standby is promoted, and the address leads to it."""
    assert place.database is not None
    await place.accepted(0.4)
    place.mark()
    await together(place.engines.journal.fail_over)
    place.database.target = place.engines.journal.port
    place.database.cut()
    return 1
