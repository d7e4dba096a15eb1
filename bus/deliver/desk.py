"""All delivery workers of the bus: one per endpoint that can receive, kept in step with the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from bus.core.settings import DeliverySettings
from bus.core.types import Endpoint
from bus.deliver.lanes import BlockedKey
from bus.deliver.reliable import ReliableWorker
from bus.deliver.worker import DeliveryWorker, Kit, WorkerStatus


class DeliveryDesk:
    """Starts, reconfigures and stops the workers."""

    def __init__(self, kit: Kit, settings: DeliverySettings) -> None:
        self._kit = kit
        self._settings = settings
        self._workers: dict[str, DeliveryWorker] = {}

    async def start(self, endpoints: Iterable[Endpoint]) -> None:
        """One worker for every endpoint that has an address."""
        await self.reload(endpoints, self._settings)

    async def reload(self, endpoints: Iterable[Endpoint], settings: DeliverySettings) -> None:
        """Bring the workers in line: new ones start, changed ones go on, those of removed endpoints let go.

        What waits for a removed endpoint stays queued and in the journal until the endpoint comes back.
        """
        self._settings = settings
        wanted = {endpoint.key: endpoint for endpoint in endpoints if endpoint.address}
        removed = [
            self._workers.pop(key)
            for key, worker in list(self._workers.items())
            if key not in wanted or isinstance(worker, ReliableWorker) is not wanted[key].reliable
        ]
        await asyncio.gather(*(worker.stop(settings.retry_first_s) for worker in removed))
        for key, endpoint in wanted.items():
            worker = self._workers.get(key)
            if worker is None:
                kind = ReliableWorker if endpoint.reliable else DeliveryWorker
                worker = self._workers[key] = kind(endpoint, settings, self._kit)
                worker.start()
            else:
                worker.configure(endpoint, settings)

    async def stop(self, drain_s: float = 10.0) -> None:
        """Let what is on the wire finish for up to ``drain_s`` seconds, record it, stop everything."""
        workers, self._workers = list(self._workers.values()), {}
        await asyncio.gather(*(worker.stop(drain_s) for worker in workers))

    def status(self) -> list[WorkerStatus]:
        """How every worker stands, in order of endpoint."""
        return [self._workers[key].status() for key in sorted(self._workers)]

    def blocked(self) -> dict[str, list[BlockedKey]]:
        """Blocked ordering keys by endpoint, only endpoints that have any."""
        found = {key: worker.blocked() for key, worker in sorted(self._workers.items())}
        return {key: blocked for key, blocked in found.items() if blocked}
