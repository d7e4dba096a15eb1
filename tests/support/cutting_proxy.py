"""A TCP proxy in the test's own event loop that cuts, refuses, and swallows what the server says."""

from __future__ import annotations

import asyncio
import contextlib


class CuttingProxy:
    """Listens on a port of its own before a server. ``refusing`` ends new connections, ``deaf`` loses answers.

    With ``answered`` a connection ends, with an orderly end of the stream, after so many bytes of the server.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.refusing = False
        self.deaf = False
        self.answered: int | None = None
        self.port = 0

    async def start(self) -> CuttingProxy:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Cut everything and listen no more."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(3):  # turns of the loop in which aborted transports close their sockets
            await asyncio.sleep(0)

    def cut(self) -> None:
        """End every connection at once, without a word."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.refusing:
            writer.transport.abort()
            return
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, forth}
        try:
            await asyncio.gather(self._pump(reader, forth, answers=False), self._pump(back, writer, answers=True))
        finally:
            self._open -= {writer, forth}
            writer.transport.abort()
            forth.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        left = self.answered if answers else None
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if left is not None and len(data) >= left:
                    writer.write(data[:left])
                    writer.close()
                    return
                if left is not None:
                    left -= len(data)
                if not (answers and self.deaf):
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()
