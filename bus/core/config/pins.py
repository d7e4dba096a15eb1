"""Which edition an endpoint is pinned to and until when, and what can pass between endpoints of different editions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from bus.core.config.editions import shipped
from bus.core.config.parts import Parts
from bus.core.config.reader import MISSING, UNKNOWN_NAME, WRONG_VALUE, Table, one_of
from bus.core.datarules import standard_datetime
from bus.core.settings import Site
from bus.core.types import Endpoint, Finding, Mode, Route
from schemas.model import Edition, Operation

WARN_DAYS = 90
"""How long before its end ``check`` begins to announce that an edition ends."""


def check_pins(parts: Parts, others: Mapping[str, Edition]) -> None:
    """An endpoint of another edition has a known one and an end, and routes carry only what both sides understand."""
    home = parts.edition.version
    for entry in parts.endpoints:
        endpoint, table = entry.value, entry.table
        if endpoint.edition != home and endpoint.edition not in others:
            known = {home, *parts.site.editions, *shipped()}
            table.report(UNKNOWN_NAME, "edition", expected=one_of(endpoint.edition, known, ""), got=endpoint.edition)
        elif endpoint.edition != home and not endpoint.edition_until:
            table.report(MISSING, "edition_until", expected="YYYY-MM-DD")
        if endpoint.edition_until and day(endpoint.edition_until) is None:
            table.report(WRONG_VALUE, "edition_until", expected="YYYY-MM-DD", got=endpoint.edition_until)
    editions = {home: parts.edition, **others}
    for route in parts.routes:
        operation = parts.edition.operation(route.value.operation)
        if operation is not None:
            _route(parts, route.table, route.value, operation, editions)


def ending(site: Site, now: float) -> list[Finding]:
    """Endpoints whose edition has ended or ends within ``WARN_DAYS``: warnings, since nothing stops by itself."""
    found = []
    today = date.fromisoformat(standard_datetime(now)[:10])
    for endpoint in site.endpoints:
        until = day(endpoint.edition_until)
        if until is not None and (until - today).days < WARN_DAYS:
            got = f"{endpoint.edition} until {endpoint.edition_until}"
            found.append(Finding("CB7063", path=f"endpoints.toml: {endpoint.key}", expected=site.edition, got=got))
    return found


def day(text: str) -> date | None:
    """A day written ``YYYY-MM-DD``, ``None`` for anything else."""
    try:
        return date.fromisoformat(text) if len(text) == len("YYYY-MM-DD") else None
    except ValueError:
        return None


def _route(parts: Parts, table: Table, route: Route, operation: Operation, editions: Mapping[str, Edition]) -> None:
    """CB7062 where the endpoints of a route have different editions and the bus cannot carry over between them."""
    ends = {one.edition: one for one in _ends(parts, route) if one.edition in editions}
    if len(ends) < 2:
        return
    for version in sorted(ends):
        if editions[version].operation(operation.key) is None:
            expected = f"{operation.key} in edition {version} of {ends[version].key}"
            table.report("CB7062", "operation", expected=expected, got="none")
    if reason := _carried_as_it_is(route, operation):
        got = ", ".join(f"{ends[version].key} {version}" for version in sorted(ends))
        table.report("CB7062", "operation", expected=f"one edition for {reason}", got=got)


def _ends(parts: Parts, route: Route) -> Iterator[Endpoint]:
    """The targets of a route, and who may send: those it names, else those with a right to the operation."""
    for name in (*route.targets, *(route.senders or parts.holders(route.municipality, route.operation))):
        endpoint = parts.endpoint(route.municipality, name)
        if endpoint is not None:
            yield endpoint


def _carried_as_it_is(route: Route, operation: Operation) -> str:
    """Why a route's messages cannot be written in another edition, or ``""``."""
    if route.opaque:
        return "a body that is not read"
    if route.attachments:
        return "attachments"
    if operation.pattern == "late":
        return "an answer that may come later"
    receipt = operation.output.endswith("_uketsuke")
    return "" if route.mode is Mode.DIRECT or operation.pattern == "notice" or receipt else "a queued inquiry"
