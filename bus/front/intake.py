"""The body of a request with attachments: to disk as it comes, judged as it comes, answered when it is durable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Protocol

from bus.core.errors import ChiikibusError, JournalError, WireError
from bus.core.types import Finding, Package
from bus.front.desk import FrontDesk
from bus.journal.segments import Segments
from bus.journal.spill import MEMORY, Spill
from bus.wire.attachments.media import is_multipart
from bus.wire.fault import error_response
from bus.wire.http import Request, Response

IDENTITY: Final = frozenset({"", "identity"})


class Reading(Protocol):
    """The side of a transport that can be made to wait."""

    def pause_reading(self) -> None:
        """Read nothing for now."""
        ...

    def resume_reading(self) -> None:
        """Read on."""
        ...


def wanted(headers: Mapping[str, str]) -> bool:
    """Whether a request's head announces a message with attachments."""
    return is_multipart(headers.get("content-type", ""))


class Intake:
    """One such body. ``failed`` is told when the rest of it need not be read; ``answer`` then says why.

    Errors of the constructor: CB1050 nothing here may carry attachments, CB1052 the Content-Type, CB1057 larger than
    allowed, CB4002 no room in flight.
    """

    def __init__(
        self,
        desk: FrontDesk,
        segments: Segments,
        transport: Reading,
        head: Request,
        length: int,
        failed: Callable[[Intake], None],
    ) -> None:
        """``head`` is the request without its body, ``length`` what was announced, 0 when it was not."""
        desk.refuse_attachments(head.path)
        if head.header("content-encoding").lower() not in IDENTITY:
            finding = Finding("CB1052", path="Content-Encoding", expected="identity")
            raise WireError("CB1052", [finding])
        self._desk, self._segments, self._head = desk, segments, head
        self._report = failed
        self._memory = self._disk = 0
        self._received = 0
        self._spill = Spill(
            segments,
            head.header("content-type"),
            max_root=desk.settings.max_body,
            expected=length,
            pause=transport.pause_reading,
            resume=transport.resume_reading,
            failed=self._failed,
        )
        self._reserve(MEMORY, length)

    def feed(self, data: bytes) -> None:
        """The next piece; what is too much for now ends the request with CB4002."""
        self._received += len(data)
        spill = self._spill
        try:
            self._reserve(max(0, spill.root_size + MEMORY - self._memory), max(0, self._received - self._disk))
        except JournalError as error:
            spill.fail(error)
            return
        spill.feed(data)

    @property
    def waiting(self) -> bool:
        """Whether it is the disk that the sender waits for."""
        return self._spill.paused

    async def answer(self) -> Response:
        """Make it durable, take it through the steps, and let it go if no row holds it. Never raises a coded error."""
        try:
            try:
                package, root = await self._spill.finish()
            except ChiikibusError as error:
                return await self._desk.answer_unreadable(self._unread(), error)
            return await self._desk.answer_package(replace(self._head, body=root, package=package))
        finally:
            self._release()

    def abort(self) -> None:
        """The request does not come to its end."""
        self._spill.abort()
        self._release()

    def _unread(self) -> Request:
        """The request for the record of a refusal: how much came, with which digest."""
        head, spill = self._head, self._spill
        return replace(
            head, package=Package("", head.header("content-type"), "", spill.size, spill.sha256, spill.sha256)
        )

    def _failed(self) -> None:
        """The answer is known before the body is complete."""
        self._report(self)

    def _reserve(self, memory: int, disk: int) -> None:
        """Errors: CB4002."""
        if memory and not self._desk.budget.reserve(memory):
            raise JournalError("CB4002", retry_after_s=1)
        self._memory += memory
        if disk and not self._segments.budget.reserve(disk):
            self._release()
            raise JournalError("CB4002", retry_after_s=5)
        self._disk += disk

    def _release(self) -> None:
        self._desk.budget.release(self._memory)
        self._segments.budget.release(self._disk)
        self._memory = self._disk = 0


def take_in(
    desk: FrontDesk, transport: Reading | None, head: Request, length: int, failed: Callable[[Intake], None]
) -> Intake | Response:
    """An intake for a request, or the answer when its head is enough to refuse it."""
    assert transport is not None
    assert desk.segments is not None
    try:
        return Intake(desk, desk.segments, transport, head, length, failed)
    except ChiikibusError as error:
        return error_response(error)
