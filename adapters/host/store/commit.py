"""The store's writer thread: one durable commit for all work that waits, each piece of work all or nothing."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from adapters.host.store.schema import connect, open_store
from bus.core.errors import AdapterError
from bus.core.types import Finding

T = TypeVar("T")
P = ParamSpec("P")
MAX_GROUP = 512
"""Pieces of work in one commit: bounds the time that the first of them waits for the last."""


@dataclass(slots=True)
class _Work:
    run: Callable[[sqlite3.Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def _storing_failed(error: sqlite3.Error) -> AdapterError:
    wrapped = AdapterError("CB6012", [Finding("CB6012", got=str(error))], retry_after_s=5)
    wrapped.__cause__ = error
    return wrapped


@dataclass(slots=True)
class Store:
    """An adapter's durable memory.

    ``write`` runs a function on the writing connection and returns after its commit is on disk; functions that
    wait at the same time share the commit. A function that raises leaves nothing behind and raises to its caller.
    Where storing fails (disk full, no permission) every waiting caller gets ``AdapterError`` CB6012 and nothing
    of theirs is stored. ``reader`` is for the event loop's own short reads.
    """

    path: Path
    _queue: queue.SimpleQueue[_Work | None] = field(default_factory=queue.SimpleQueue, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _database: sqlite3.Connection | None = field(default=None, init=False)
    _reader: sqlite3.Connection | None = field(default=None, init=False)

    def open(self) -> None:
        """Open or create the file and start the writer thread."""
        self._database = open_store(self.path)
        self._reader = connect(self.path, read_only=True)
        self._thread = threading.Thread(target=self._work, name=f"store {self.path.stem}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Commit what waits, then close."""
        if self._thread is None:
            return
        self._queue.put(None)
        self._thread.join()
        self._thread = None
        for database in (self._reader, self._database):
            if database is not None:
                database.close()

    @property
    def reader(self) -> sqlite3.Connection:
        """A read-only connection; sees every commit."""
        assert self._reader is not None, "the store is not open"
        return self._reader

    async def write(self, run: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **named: P.kwargs) -> T:
        """Run ``run(connection, ...)`` in the writer thread and wait until its effect is durable."""
        loop = asyncio.get_running_loop()
        work = _Work(lambda database: run(database, *args, **named), loop, loop.create_future())
        self._queue.put(work)
        result: T = await work.future
        return result

    def _work(self) -> None:
        assert self._database is not None
        going = True
        while going:
            group: list[_Work] = []
            item = self._queue.get()
            while item is not None:
                group.append(item)
                if len(group) >= MAX_GROUP or self._queue.empty():
                    break
                item = self._queue.get()
            going = item is not None
            if group:
                self._commit(self._database, group)
                for loop in {work.loop for work in group}:
                    _tell(loop, [work for work in group if work.loop is loop])

    @staticmethod
    def _commit(database: sqlite3.Connection, group: list[_Work]) -> None:
        try:
            database.execute("BEGIN IMMEDIATE")
            for work in group:
                _one(database, work)
            database.execute("COMMIT")
        except sqlite3.Error as error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            for work in group:
                work.error = _storing_failed(error)


def _one(database: sqlite3.Connection, work: _Work) -> None:
    """Run one piece of work so that its failure undoes only itself; a failing store fails the whole group."""
    database.execute("SAVEPOINT piece")
    try:
        work.result = work.run(database)
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            work.error = error
            database.execute("ROLLBACK TO piece")
        else:
            raise
    except Exception as error:
        work.error = error
        database.execute("ROLLBACK TO piece")
    database.execute("RELEASE piece")


def _tell(loop: asyncio.AbstractEventLoop, works: list[_Work]) -> None:
    def settle() -> None:
        for work in works:
            work.settle()

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)
