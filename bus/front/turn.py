"""What a connection has before it: requests that wait for their turn, and the fields that their heads may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from bus.wire.http import Request, Response

if TYPE_CHECKING:
    from bus.front.intake import Intake

ONCE: Final = frozenset({"content-length", "host", "authorization", "content-type", "soapaction", "expect"})
NAMES: Final = {
    name.encode(): name.lower()
    for names in (
        ("Host", "Content-Type", "Content-Length", "SOAPAction", "Authorization", "User-Agent", "Accept"),
        ("Connection", "Transfer-Encoding", "Expect", "Accept-Encoding"),
    )
    for original in names
    for name in (original, original.lower())
}


class Turn(NamedTuple):
    """A request that waits for its turn, or the answer that it already has."""

    request: Request | None
    response: Response | None
    method: str
    keep_alive: bool
    announce: bool
    reserved: int
    intake: Intake | None = None
