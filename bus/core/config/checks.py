"""What must agree between the files of a site folder and with the standard: every rule one small function."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator

from bus.core.config import disclosed
from bus.core.config.brokers import PASSWORD_FILE
from bus.core.config.files import secret_path
from bus.core.config.parts import Parts
from bus.core.config.reader import CONTRADICTION, TWICE, UNKNOWN_NAME, WRONG_VALUE, Table, one_of
from bus.core.types import Mode, Right, Route
from schemas.model import Edition, Operation

NO_RIGHT, NO_ROUTE, NO_TARGET, NO_ADDRESS = "CB7017", "CB7018", "CB7019", "CB7020"
BAD_PURPOSE, NO_SECRET, NOT_WRITABLE, OPEN_SECRET = "CB7021", "CB7022", "CB7023", "CB7025"


def check_all(parts: Parts, *, need_secrets: bool) -> None:
    """Run every rule; findings go to the documents."""
    codes = [entry.value.code for entry in parts.site.municipalities]
    for entries in (parts.adapters, parts.endpoints, parts.routes, parts.rights):
        for entry in entries:
            _municipality(entry.table, entry.value.municipality, codes)
    _mounted_units(parts)
    _adapters(parts)
    _endpoints(parts)
    _callers(parts)
    _routes(parts)
    _rights(parts)
    _listens(parts)
    _folders(parts)
    disclosed.exempt(parts)
    _broker(parts, need_secrets=need_secrets)
    _secrets(parts, need_secrets=need_secrets)


def _municipality(table: Table, code: str, known: Iterable[str]) -> None:
    if code and code not in known:
        table.report(UNKNOWN_NAME, "municipality", expected=one_of(code, known, "site.toml"), got=code)


def _mounted_units(parts: Parts) -> None:
    for unit in parts.site.mounts:
        if unit not in parts.edition.units:
            parts.site.table.table("mounts").report(UNKNOWN_NAME, unit, expected=one_of(unit, parts.edition.units, ""))


def known_units(edition: Edition) -> set[str]:
    """Units with a contract and every business of the standard's table: a system of those may still only call."""
    units = set(edition.units)
    if "gyomu" in edition.codes:
        units |= edition.codes["gyomu"].codes
    return units


def _operations(edition: Edition) -> Iterator[Operation]:
    for unit in edition.units.values():
        yield from unit.operations.values()


def known_purposes(edition: Edition) -> frozenset[str]:
    """The standard's table of purposes."""
    table = edition.codes.get("riyomokuteki")
    return table.codes if table else frozenset()


def _operation(parts: Parts, table: Table, key: str) -> Operation | None:
    """The operation of a route or right; an unknown one is a finding on its unit or on its name."""
    operation = parts.edition.operation(key)
    if operation is None and key:
        known = [operation.key for operation in _operations(parts.edition)]
        table.report(UNKNOWN_NAME, "operation", expected=one_of(key, known, "<unit>.<operation>"), got=key)
    return operation


def _adapters(parts: Parts) -> None:
    for entry in parts.adapters:
        spec, table = entry.value, entry.table
        if spec.unit and spec.unit not in parts.edition.units:
            table.report(UNKNOWN_NAME, "unit", expected=one_of(spec.unit, parts.edition.units, "unit"), got=spec.unit)
        if table.has("listen") and spec.port == 0:
            table.report(WRONG_VALUE, "listen", expected="port 1 .. 65535", got="0")
        if not spec.endpoint:
            continue
        endpoint = parts.endpoint(spec.municipality, spec.endpoint)
        if endpoint is None:
            known = parts.endpoint_ids(spec.municipality)
            table.report(UNKNOWN_NAME, "endpoint", expected=one_of(spec.endpoint, known, "endpoint"), got=spec.endpoint)
        elif endpoint.unit != spec.unit:
            table.report(CONTRADICTION, "unit", expected=f"unit of {endpoint.key}: {endpoint.unit}", got=spec.unit)


def _endpoints(parts: Parts) -> None:
    units, purposes = known_units(parts.edition), known_purposes(parts.edition)
    specs = {entry.value.id: entry.value for entry in parts.adapters}
    for entry in parts.endpoints:
        endpoint, table = entry.value, entry.table
        if endpoint.unit and endpoint.unit not in units:
            table.report(UNKNOWN_NAME, "unit", expected=one_of(endpoint.unit, units, "unit"), got=endpoint.unit)
        if endpoint.purpose and purposes and endpoint.purpose not in purposes:
            expected = one_of(endpoint.purpose, purposes, "purpose")
            table.report(BAD_PURPOSE, "purpose", expected=expected, got=endpoint.purpose)
        if endpoint.reliable and not endpoint.address:
            table.report(CONTRADICTION, "reliable", expected="address", got="none")
        if set("/: ") & set(endpoint.id):
            table.report(WRONG_VALUE, "id", expected="no '/', ':' or blank", got=endpoint.id)
        spec = specs.get(endpoint.adapter)
        if spec and (spec.municipality, spec.unit, spec.endpoint) != (
            endpoint.municipality,
            endpoint.unit,
            endpoint.id,
        ):
            got = f"{spec.municipality}/{spec.endpoint or '-'} {spec.unit}"
            table.report(CONTRADICTION, "adapter", expected=f"adapter of {endpoint.key} {endpoint.unit}", got=got)


def _callers(parts: Parts) -> None:
    """What an endpoint asks of its connection, the front must be able to give."""
    tls = parts.site.front.tls
    for entry in parts.endpoints:
        caller, table = entry.value.caller, entry.table
        if caller.asks_tls and tls is None:
            table.report(CONTRADICTION, "caller", expected="[front.tls] in site.toml", got="none")
        elif caller.asks_certificate and tls is not None and tls.client_certificates == "none":
            expected = 'client_certificates = "required" | "optional" in [front.tls]'
            table.report(CONTRADICTION, "caller", expected=expected, got="none")


def _routes(parts: Parts) -> None:
    seen: dict[tuple[str, str, str], int] = {}
    allowed = {(entry.value.municipality, entry.value.operation) for entry in parts.rights}
    for entry in parts.routes:
        route, table = entry.value, entry.table
        operation = _operation(parts, table, route.operation)
        if not parts.endpoint_ids(route.municipality):
            continue  # the unknown municipality is the finding
        _targets(parts, table, route, operation)
        if operation:
            _receivers(parts, table, route, operation)
        for number, sender in enumerate(route.senders):
            _endpoint_name(parts, table, ("from", number), route.municipality, sender)
        if operation and (route.attachments or route.opaque):
            disclosed.unread(parts, table, route, operation)
        if operation and (route.municipality, route.operation) not in allowed:
            table.report(NO_RIGHT, "operation", expected=f"right for {route.operation}", got="none")
        for sender in route.senders or ("",):
            key = (route.municipality, route.operation, sender)
            if key in seen:
                table.report(TWICE, "operation", expected=f"once; see line {seen[key]}", got=route.operation)
            seen[key] = table.document.lines.get(table.path, 0)


def _endpoint_name(parts: Parts, table: Table, key: tuple[str, int], municipality: str, name: str) -> None:
    known = parts.endpoint_ids(municipality)
    if name not in known:
        expected = one_of(name, known, "endpoint of endpoints.toml")
        table.document.report(UNKNOWN_NAME, (*table.path, *key), expected=expected, got=name)


def _targets(parts: Parts, table: Table, route: Route, operation: Operation | None) -> None:
    if not route.targets:
        table.report(NO_TARGET, "to", expected="at least one endpoint")
    if route.mode is Mode.DIRECT and len(route.targets) > 1:
        table.report(CONTRADICTION, "to", expected="direct: exactly one endpoint", got=str(len(route.targets)))
    if operation and operation.pattern == "inquiry" and route.mode is Mode.QUEUED:
        table.report(CONTRADICTION, "mode", expected="direct", got="queued")
    if len(set(route.targets)) < len(route.targets):
        table.report(TWICE, "to", expected="each endpoint once")
    for number, target in enumerate(route.targets):
        _endpoint_name(parts, table, ("to", number), route.municipality, target)
        endpoint = parts.endpoint(route.municipality, target)
        if endpoint is None:
            continue
        place = (*table.path, "to", number)
        if not endpoint.address and not endpoint.adapter:
            table.document.report(NO_ADDRESS, place, expected="address | adapter", got=endpoint.key)
        if operation and operation.pattern in {"inquiry", "late"} and endpoint.unit != operation.unit:
            expected = f"endpoint of unit {operation.unit}"
            table.document.report(CONTRADICTION, place, expected=expected, got=f"{target}: {endpoint.unit}")


def _receivers(parts: Parts, table: Table, route: Route, operation: Operation) -> None:
    """A target outside the providing unit sees the message, so it needs a right of its own."""
    held = set(parts.holders(route.municipality, route.operation))
    for number, target in enumerate(route.targets):
        endpoint = parts.endpoint(route.municipality, target)
        if endpoint and held and endpoint.unit != operation.provider and target not in held:
            place = (*table.path, "to", number)
            table.document.report(NO_RIGHT, place, expected=f"right of {target} for {route.operation}", got="none")


def _rights(parts: Parts) -> None:
    seen: dict[tuple[str, str, str, str], int] = {}
    routed = {(entry.value.municipality, entry.value.operation.partition(".")[0]) for entry in parts.routes}
    for entry in parts.rights:
        right, table = entry.value, entry.table
        operation = _operation(parts, table, right.operation)
        known = parts.endpoint_ids(right.municipality)
        if right.endpoint and known and right.endpoint not in known:
            expected = one_of(right.endpoint, known, "endpoint of endpoints.toml")
            table.report(UNKNOWN_NAME, "endpoint", expected=expected, got=right.endpoint)
        for purpose in right.purposes:
            key = (right.municipality, right.endpoint, right.operation, purpose)
            if key in seen:
                table.report(TWICE, "purposes", expected=f"once; see line {seen[key]}", got=" ".join(key[1:]))
            seen[key] = table.document.lines.get(table.path, 0)
        if operation is None:
            continue
        if (right.municipality, operation.unit) not in routed:
            table.report(NO_ROUTE, "operation", expected=f"route for {operation.unit}", got="none")
        _purposes(table, right, operation)
        disclosed.right(parts, table, right, operation)


def _purposes(table: Table, right: Right, operation: Operation) -> None:
    for number, purpose in enumerate(right.purposes):
        if purpose == "*" or (operation.purposes and purpose not in operation.purposes):
            expected = one_of(purpose, operation.purposes, "purpose of the operation")
            table.document.report(BAD_PURPOSE, (*table.path, "purposes", number), expected=expected, got=purpose)


def _listens(parts: Parts) -> None:
    front = parts.site.front
    taken = {(front.host, front.port): "site.toml: front.listen"} if front.port else {}
    if front.tls is not None and front.tls.port:
        taken[front.tls.host, front.tls.port] = "site.toml: front.tls.listen"
    for entry in parts.adapters:
        spec = entry.value
        if not spec.port:
            continue
        where = (spec.host, spec.port)
        if where in taken:
            entry.table.report(TWICE, "listen", expected=f"unique; see {taken[where]}", got=f"{spec.host}:{spec.port}")
        taken.setdefault(where, f"adapters.toml: {spec.id}")


def _folders(parts: Parts) -> None:
    site = parts.site.table
    for table, key, folder in (
        (site.table("journal"), "path", parts.site.journal.path.parent),
        (site.table("site"), "run", parts.site.run_folder),
        (site.table("attachments"), "folder", parts.site.attachments.folder),
    ):
        present = folder
        while not present.exists() and present != present.parent:
            present = present.parent
        if not present.is_dir() or not os.access(present, os.W_OK | os.X_OK):
            table.report(NOT_WRITABLE, key, expected="writable folder", got=str(present))


def _secrets(parts: Parts, *, need_secrets: bool) -> None:
    for entry in parts.endpoints:
        endpoint = entry.value
        path = secret_path(parts.folder, endpoint.municipality, endpoint.id)
        if need_secrets and not endpoint.secret and endpoint.caller.credential != "certificate":
            entry.table.report(NO_SECRET, "id", expected=f"secrets/{path.name}", got="missing")
        if endpoint.secret and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            entry.table.report(OPEN_SECRET, "id", expected="mode 600", got=f"secrets/{path.name}")


def _broker(parts: Parts, *, need_secrets: bool) -> None:
    settings = parts.site.broker
    table = parts.site.table.table("broker")
    known = [entry.value.key for entry in parts.endpoints]
    for endpoint, _ in settings.lanes_of:
        if endpoint not in known:
            table.table("lanes_of").report(UNKNOWN_NAME, endpoint, expected=one_of(endpoint, known, "endpoint"))
    if need_secrets and settings.engine == "rabbitmq" and not settings.password:
        place = table.text("password_file", PASSWORD_FILE)
        table.report(NO_SECRET, "password_file", expected=place, got="missing")
