"""A TCP proxy before a server of the matrix: it cuts, refuses, and swallows what one side or both say."""

from __future__ import annotations

import asyncio
import contextlib


class Proxy:
    """Listens on a port of its own. What it swallows is lost; the connection stays open, as behind a dead line."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.refusing = False
        self.answers_lost = False
        self.requests_lost = False
        self.port = 0

    async def start(self) -> Proxy:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Cut everything and listen no more."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End every connection at once, without a word."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._open.add(writer)
        forth: asyncio.StreamWriter | None = None
        try:
            if not self.refusing:
                back, forth = await asyncio.open_connection("127.0.0.1", self.target)
                self._open.add(forth)
                await asyncio.gather(self._pump(reader, forth, answers=False), self._pump(back, writer, answers=True))
        except (OSError, asyncio.CancelledError):
            pass  # the server behind it is down, or the town is closed
        finally:
            for each in (writer, forth):
                if each is not None:
                    self._open.discard(each)
                    each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not (self.answers_lost if answers else self.requests_lost):
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()
