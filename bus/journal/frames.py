"""What a worker and the owner of the journal say to each other: MessagePack frames over a socket pair.

A frame is four bytes of length and an array of notes. Everything that one side says in one turn of its event loop is
one frame and one write: under load a frame carries many notes, and the cost of the socket is shared by them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from bus.core.ports import Acceptance, Transition
from bus.core.settings import Site
from bus.core.types import Finding
from bus.wire.http import Request, Response

LENGTH: Final = 4


class Accept(msgspec.Struct, array_like=True, tag="accept"):
    """Worker: store this acceptance; when it is for the queue, hand it over after the commit."""

    number: int
    acceptance: Acceptance


class Record(msgspec.Struct, array_like=True, tag="record"):
    """Worker: apply these transitions."""

    number: int
    transitions: tuple[Transition, ...]


class Ask(msgspec.Struct, array_like=True, tag="ask"):
    """Worker: take this whole request yourself."""

    number: int
    request: Request


class Took(msgspec.Struct, array_like=True, tag="took"):
    """Worker: I work by the site of this number now; 0 when it could not be taken over."""

    generation: int


class Load(msgspec.Struct, array_like=True, tag="load"):
    """Worker: how many connections and bytes of bodies I hold. Said all the time: it shows that I am not hung."""

    connections: int
    in_flight: int


class Open(msgspec.Struct, array_like=True, tag="open"):
    """Owner: work by this site from now on; each reload has the next number.

    ``log`` is ``json``, ``console`` or empty for none.
    """

    generation: int
    site: Site
    log: str


class Drain(msgspec.Struct, array_like=True, tag="drain"):
    """Owner: answer what is under way, at most so long, and end."""

    grace_s: float


class Stored(msgspec.Struct, array_like=True, tag="stored"):
    """Owner: durable."""

    number: int


class Taken(msgspec.Struct, array_like=True, tag="taken"):
    """Owner: nothing was stored, the message id is known."""

    number: int


class Failed(msgspec.Struct, array_like=True, tag="failed"):
    """Owner: nothing was stored; the fields of the ``JournalError``."""

    number: int
    code: str
    findings: tuple[Finding, ...]
    retry_after_s: int


class Answered(msgspec.Struct, array_like=True, tag="answered"):
    """Owner: the answer to a request it took itself."""

    number: int
    response: Response


class Circuit(msgspec.Struct, array_like=True, tag="circuit"):
    """Either: the circuit breaker of this endpoint has opened, or closed."""

    endpoint: str
    opened: bool


FromWorker = Accept | Record | Ask | Took | Load | Circuit
FromOwner = Open | Drain | Stored | Taken | Failed | Answered | Circuit


def _to_text(value: Any) -> str:
    """Paths are the only values of a site that MessagePack does not have."""
    return str(cast("Path", value))


def _from_text(kind: type, value: Any) -> Any:
    """A path again."""
    return kind(value)


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_to_text)
FROM_WORKER: Final = msgspec.msgpack.Decoder(list[FromWorker])
FROM_OWNER: Final = msgspec.msgpack.Decoder(list[FromOwner], dec_hook=_from_text)


class Channel(asyncio.Protocol):
    """One end of the socket pair. ``heard`` gets every note in order, ``lost`` is called once at the end."""

    def __init__(
        self, decoder: msgspec.msgpack.Decoder[Any], heard: Callable[[Any], None], lost: Callable[[], None]
    ) -> None:
        self._decode = decoder.decode
        self._heard = heard
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._rest = bytearray()
        self._gathered: list[Any] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to speak."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        del exc
        self._transport = None
        self._lost()

    def say(self, note: FromWorker | FromOwner) -> None:
        """Send a note with the others of this turn; nothing happens when the other side is gone."""
        self._gathered.append(note)
        if len(self._gathered) == 1:
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Send what was said and end."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Every complete frame; most arrive whole, and then nothing is copied."""
        if self._rest:
            self._rest += data
            data = bytes(self._rest) if len(self._rest) >= self._wanted() else b""
            if not data:
                return
            self._rest.clear()
        view, start, size = memoryview(data), 0, len(data)
        while size - start >= LENGTH:
            end = start + LENGTH + int.from_bytes(view[start : start + LENGTH], "big")
            if end > size:
                break
            for note in self._decode(view[start + LENGTH : end]):
                self._heard(note)
            start = end
        if start < size:
            self._rest += view[start:]

    def _wanted(self) -> int:
        """The size of the first frame of what is left over."""
        if len(self._rest) < LENGTH:
            return LENGTH
        return LENGTH + int.from_bytes(self._rest[:LENGTH], "big")

    def _flush(self) -> None:
        notes, self._gathered = self._gathered, []
        if notes and self._transport is not None:
            frame = _ENCODER.encode(notes)
            self._transport.writelines((len(frame).to_bytes(LENGTH, "big"), frame))
