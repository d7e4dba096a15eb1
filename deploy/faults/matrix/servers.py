"""Servers of cells that need more than one: a cluster of three RabbitMQ nodes, a PostgreSQL with a standby."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from harness.engines import library

NODES = 3


class Servers(Protocol):
    """What a town needs to know of its servers; ``harness.engines.Engines`` has the same attributes."""

    broker: Any
    journal: Any

    def stop(self) -> None:
        """End them."""
        ...


class Trio:
    """One cluster of three RabbitMQ nodes, whose queues have a replica on each."""

    def __init__(self, folder: Path) -> None:
        make = library("private_rabbitmq").PrivateRabbitMq
        first = make(folder / "rabbitmq-0")
        self.nodes = [first, *(make(folder / f"rabbitmq-{number}", cluster=first) for number in range(1, NODES))]
        self.password = first.password
        try:
            first.start()
            with ThreadPoolExecutor(NODES - 1) as pool:
                list(pool.map(lambda node: node.start().join(first), self.nodes[1:]))
        except BaseException:
            self.stop()
            raise

    @property
    def ports(self) -> list[int]:
        """Where they listen."""
        return [node.port for node in self.nodes]

    def stop(self) -> None:
        """End all, the first with the epmd of all of them last."""
        for node in reversed(self.nodes):
            node.stop()


class Pair:
    """A PostgreSQL with a synchronous standby; ``fail_over`` kills the first and makes the second the server."""

    def __init__(self) -> None:
        make = library("private_postgres").PrivatePostgres
        self.first = make(settings=("wal_keep_size=1GB",))
        self.second: Any = None
        try:
            self.first.start()
            self.second = make(of=self.first)
            self.second.start()
            self.first.follow_synchronously()
        except BaseException:
            self.remove()
            raise
        self._now = self.first

    @property
    def port(self) -> int:
        """Where the server of now listens."""
        return int(self._now.port)

    def dsn(self, *, tcp: bool) -> str:
        """How to connect to the server of now."""
        return str(self._now.dsn(tcp=tcp))

    def fail_over(self) -> None:
        """kill -9 of the server; its standby takes over. Errors: ``PostgresFailed``."""
        self.first.kill()
        self.second.promote()
        self._now = self.second

    def remove(self) -> None:
        """End and remove both."""
        for each in (self.second, self.first):
            if each is not None:
                each.remove()


class Own:
    """Servers of one cell alone. Errors: ``RuntimeError`` of the programs that do not start."""

    def __init__(self, folder: Path, *, cluster: bool = False, standby: bool = False) -> None:
        self.broker: Any = None
        self.journal: Any = None
        try:
            rabbit = library("private_rabbitmq").PrivateRabbitMq
            self.broker = Trio(folder) if cluster else rabbit(folder / "rabbitmq").start()
            self.journal = Pair() if standby else library("private_postgres").PrivatePostgres()
            if not standby:
                self.journal.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End and remove them."""
        if self.broker is not None:
            self.broker.stop()
        if self.journal is not None:
            self.journal.remove()
