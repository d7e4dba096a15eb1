"""The console as an ASGI application: sessions, rights, form keys and headers around the pages, in one place."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bus.console.desk import allowed, remedy
from bus.console.jobs import JobRunner
from bus.console.openapi import described
from bus.console.openers import Openers, Workers
from bus.console.pages import WAYS, House, Way
from bus.console.people import ConsoleSettings
from bus.console.rendering import Pages
from bus.console.sessions import Session, Sessions
from bus.console.visit import FORM_KEY, Moved, Visit, read_form
from bus.core import log
from bus.core.errors import ChiikibusError, ConsoleError, EnvironmentFault
from bus.core.ports import Clock
from bus.core.settings import Site
from schemas.model import Edition

COOKIE: Final = "chiikibus_console"
JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
NOT_SIGNED_IN, FOREIGN_FORM, NOT_THERE = "CB8001", "CB8005", "CB8006"
NOT_NOW: Final = "CB4004"

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer: no script at all, nothing from elsewhere, nothing kept by a browser or a proxy."""

ASSETS: Final = {"console.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}


def make_app(site: Site, settings: ConsoleSettings, edition: Edition, openers: Openers, clock: Clock) -> Starlette:
    """The application; it opens nothing before the first request."""
    workers = Workers(openers)
    doormen = ThreadPoolExecutor(1, thread_name_prefix="console-door")
    house = House(site, clock, workers, Sessions(settings, clock), doormen, item_names(edition))
    front = _Front(house, secure=settings.certificate is not None)
    routes = []
    for way in WAYS:
        twin = f"{way.path}.json" if way.path != "/" else "/overview.json"
        routes.append(Route(twin, front.answering(way, json=True), methods=[way.method]))
        routes.append(Route(way.path, front.answering(way, json=False), methods=[way.method]))
    routes.append(Route("/openapi.json", front.description, methods=["GET"]))
    routes += [Route(f"/static/{name}", _asset(name, kind), methods=["GET"]) for name, kind in ASSETS.items()]

    runner = JobRunner(openers.side, clock, f"console {socket.gethostname()}:{os.getpid()}")

    @asynccontextmanager
    async def living(_app: Starlette) -> Any:
        runner.start()
        yield
        await asyncio.to_thread(runner.stop)
        await asyncio.to_thread(doormen.shutdown)
        await asyncio.to_thread(workers.close)

    return Starlette(routes=routes, lifespan=living, exception_handlers={404: front.not_there, 405: front.not_there})


def item_names(edition: Edition) -> dict[str, dict[str, str]]:
    """Japanese names by unit, of records by element, of items by record and element, and by element where all agree."""
    found: dict[str, dict[str, str]] = {}
    for unit in edition.units.values():
        names = found.setdefault(unit.key, {})
        for record in unit.records.values():
            names[record.name] = record.name_ja
            for item in record.items:
                names[f"{record.name}/{item.name}"] = item.name_ja
                names[item.name] = item.name_ja if names.get(item.name, item.name_ja) == item.name_ja else ""
    return found


class _Front:
    """Lets visitors in, calls the page, and makes the answer."""

    def __init__(self, house: House, *, secure: bool) -> None:
        self._house = house
        self._pages = Pages()
        self._secure = secure

    def answering(self, way: Way, *, json: bool) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of one address, as a page or as its JSON twin."""

        async def answer(request: Request) -> Response:
            session: Session | None = None
            try:
                visit = Visit(None, path=request.path_params, query=dict(request.query_params))
                token = request.cookies.get(COOKIE, "")
                session = self._house.sessions.find(token) if token else None
                visit = replace(visit, session=session, token=token)
                await self._admit(request, way, session)
                if way.method == "POST":
                    visit = replace(visit, form=await self._form(request, way, session))
                made = await way.page(self._house, visit)
            except Exception as error:
                return self._refusal(request, error, session, json=json)
            if isinstance(made, Moved):
                return self._moved(made, json=json)
            if json:
                return _response(msgspec.json.encode(made.data), made.status, JSON)
            return self._page(way.template, request, session, made.data, made.status)

        return answer

    async def _admit(self, request: Request, way: Way, session: Session | None) -> None:
        """Errors: CB8001 not signed in, CB8004 no right, CB8005 the request comes from another site."""
        if way.method != "GET":
            origin, fetch = request.headers.get("origin", ""), request.headers.get("sec-fetch-site", "same-origin")
            foreign = origin and urlsplit(origin).netloc != request.headers.get("host", "")
            if foreign or fetch not in ("same-origin", "none"):
                raise ConsoleError(FOREIGN_FORM)
        if way.right is None:
            return
        if session is None:
            raise ConsoleError(NOT_SIGNED_IN)
        allowed(session.person, way.right)

    async def _form(self, request: Request, way: Way, session: Session | None) -> dict[str, str]:
        """Errors: CB8005 without the session's key, CB8008."""
        form = await read_form(request)
        if way.right is not None and (session is None or not session.accepts(form.get(FORM_KEY, ""))):
            raise ConsoleError(FOREIGN_FORM)
        return form

    def _page(
        self, template: str, request: Request, session: Session | None, data: Mapping[str, Any], status: int
    ) -> Response:
        language = session.language if session is not None else str(data.get("language", "ja"))
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        text = self._pages.page(template, language, data=data, session=session, here=here, path=request.url.path,
                                site_name=self._house.site.name_ja)  # fmt: skip
        return _response(text.encode(), status, HTML)

    def _refusal(self, request: Request, error: Exception, session: Session | None, *, json: bool) -> Response:
        """A coded answer to whatever went wrong; never a trace, a path or a statement."""
        if not isinstance(error, ChiikibusError):
            log.warn("console_failed", code="CB9001", reason=type(error).__name__)
            error = EnvironmentFault("CB9001")
        if error.code == NOT_SIGNED_IN and not json and request.method == "GET":
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return self._moved(Moved(f"/sign-in?next={quote(here, safe='')}"), json=False)
        status = _status(error)
        findings = [{k: v for k, v in each.as_dict().items() if k != "got"} for each in error.findings]
        data = {"code": error.code, "findings": findings, **remedy(error.code)}
        response = (
            _response(msgspec.json.encode(data), status, JSON)
            if json
            else self._page("refused.html", request, session, data, status)
        )
        if error.retry_after_s:
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response

    def _moved(self, made: Moved, *, json: bool) -> Response:
        response = _response(msgspec.json.encode({"to": made.to}), 200, JSON) if json else _response(b"", 303, HTML)
        if not json:
            response.headers["Location"] = made.to
        if made.cookie:
            response.set_cookie(COOKIE, made.cookie, httponly=True, samesite="strict", secure=self._secure, path="/")
        if made.forget:
            response.delete_cookie(COOKIE, path="/")
        return response

    async def description(self, request: Request) -> Response:
        """The OpenAPI document of the JSON twins, for who is signed in."""
        session = self._house.sessions.find(request.cookies.get(COOKIE, ""))
        if session is None:
            return self._refusal(request, ConsoleError(NOT_SIGNED_IN), None, json=True)
        return _response(msgspec.json.encode(described()), 200, JSON)

    async def not_there(self, request: Request, _error: Exception) -> Response:
        """An address that the console does not have."""
        session = self._house.sessions.find(request.cookies.get(COOKIE, ""))
        return self._refusal(request, ConsoleError(NOT_THERE), session, json=request.url.path.endswith(".json"))


def _status(error: ChiikibusError) -> int:
    """Refusals have their own; a thing that is not in the state for it is 409, what may pass by itself 503."""
    if isinstance(error, ConsoleError):
        return error.entry.http_status
    if error.code == NOT_NOW:
        return 409
    return 503 if error.entry.retryable else 500


def _asset(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = files("bus.console").joinpath("static", name).read_bytes()

    async def asset(_request: Request) -> Response:
        return _response(content, 200, kind)

    return asset


def _response(content: bytes, status: int, kind: str) -> Response:
    return Response(content, status, {**HEADERS, "Content-Type": kind})
