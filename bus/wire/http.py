"""Request and response as values, shared by the front, the pipeline and the management service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from bus.core.channel import Channel
from bus.core.types import Package
from bus.core.values import value

XML: Final = "text/xml; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"


@value(frozen=True, slots=True)
class Request:
    """A complete HTTP request. Header names are in lower case; repeated fields are joined by a comma.

    ``path`` is as sent, without the query; ``query`` without the question mark. With attachments ``body`` is only
    the envelope, and ``package`` the whole.
    ``channel`` is what TLS says of the connection, ``None`` on a plain one.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False, default=b"")
    query: str = ""
    peer: str = ""
    package: Package | None = None
    channel: Channel | None = None

    @property
    def size(self) -> int:
        """Bytes of the body as received."""
        return len(self.body) if self.package is None else self.package.size

    def header(self, name: str) -> str:
        """The field called ``name`` (lower case), or an empty text."""
        return self.headers.get(name, "")


@value(frozen=True, slots=True)
class Response:
    """What is answered; ``Content-Length`` and ``Content-Type`` are written from the fields.

    With ``package`` the bytes of its segment are sent, of which ``body`` is only the envelope.
    """

    status: int
    content_type: str = ""
    body: bytes = field(repr=False, default=b"")
    headers: tuple[tuple[str, str], ...] = ()
    package: Package | None = None
