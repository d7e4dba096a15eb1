"""One request as the pages see it, and the two things a page can answer with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from bus.console.sessions import Session
from bus.core.errors import ConsoleError
from bus.core.types import Finding

MOST_FORM: Final = 16 * 1024
MOST_FIELDS: Final = 50
FORM_KEY: Final = "form_key"


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks (``None`` on the pages that everybody may see), with what in path, query and form."""

    session: Session | None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str = field(default="", repr=False)

    @property
    def known(self) -> Session:
        """The session of a page that nobody sees without one. Errors: CB8001."""
        if self.session is None:
            raise ConsoleError("CB8001")
        return self.session


@dataclass(frozen=True, slots=True)
class Shown:
    """A page's data: rendered by its template, or given as JSON just so."""

    data: Mapping[str, Any]
    status: int = 200


@dataclass(frozen=True, slots=True)
class Moved:
    """Go there. ``cookie`` is the token of a new session, ``forget`` takes it away."""

    to: str
    cookie: str = field(default="", repr=False)
    forget: bool = False


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form of ours. Errors: CB8008 another media type, too large, too many, not UTF-8."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise _wrong("content-type", "application/x-www-form-urlencoded")
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > MOST_FORM:
            raise _wrong("form", f".. {MOST_FORM} bytes")
    try:
        return dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise _wrong("form", f".. {MOST_FIELDS}, UTF-8") from error


def _wrong(path: str, expected: str) -> ConsoleError:
    return ConsoleError("CB8008", [Finding("CB8008", path=path, expected=expected)])
