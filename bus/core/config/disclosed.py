"""What a site's rights and routes must agree on with the standard's tables of disclosure and protection."""

from __future__ import annotations

from bus.core.config.parts import Parts
from bus.core.config.reader import CONTRADICTION, UNKNOWN_NAME, Table, one_of
from bus.core.types import Endpoint, Right, Route
from schemas.disclosure import left_invalid
from schemas.model import Operation

NOT_DISCLOSED = "CB2051"


def right(parts: Parts, table: Table, held: Right, operation: Operation) -> None:
    """The standard discloses something for each purpose, and what is left after withholding is still a message of the
    standard: the receiver validates it too.
    """
    unit = parts.edition.units[operation.unit]
    records = [unit.records.get(name) for name in (operation.record, operation.request_record)]
    items = {item.name: item for record in records if record for item in record.items}
    names = {record.name for record in records if record}
    for name in sorted(held.withhold):
        if name not in items:
            table.report(UNKNOWN_NAME, "withhold", expected=one_of(name, items, "item of the record"), got=name)
        elif items[name].mandatory:
            table.report(CONTRADICTION, "withhold", expected="an item that is not mandatory", got=name)
    views = [held.withhold]
    endpoint = parts.endpoint(held.municipality, held.endpoint)
    for number, purpose in enumerate(held.purposes):
        seen = _seen(parts, endpoint, operation, purpose)
        if seen is None or (not seen and not _is_meant(parts, endpoint, operation, purpose)):
            continue
        if not seen:
            expected = f"disclosure.csv of {operation.unit}: {operation.record}"
            got = f"{endpoint.unit if endpoint else ''} {purpose}"
            table.document.report(NOT_DISCLOSED, (*table.path, "purposes", number), expected=expected, got=got)
            continue
        views.append(held.withhold | (frozenset(i.name for i in unit.records[operation.record].items) - seen))
    for rule in unit.rules:
        if held.withhold and rule.record in names and any(left_invalid(rule, hidden) for hidden in views):
            expected = f"{rule.name}: {rule.text_ja} / {rule.text_en}"
            table.report(CONTRADICTION, "withhold", expected=expected, got=" ".join(sorted(held.withhold)))


def unread(parts: Parts, table: Table, route: Route, operation: Operation) -> None:
    """Items cannot be taken out of what the bus does not look into (an opaque body, an attachment).

    Where a right of the site withholds some, no such route can be; where the standard does, the route says why.
    """
    limited = []
    for entry in parts.rights:
        held = entry.value
        if (held.municipality, held.operation) != (route.municipality, route.operation):
            continue
        if held.withhold and route.attachments:
            expected = f"no withhold in the right of {held.endpoint}"
            table.report(CONTRADICTION, "attachments", expected=expected, got=" ".join(sorted(held.withhold)))
        endpoint = parts.endpoint(held.municipality, held.endpoint)
        if any(_is_limited(parts, endpoint, operation, purpose) for purpose in held.purposes):
            limited.append(held.endpoint)
    if limited and not route.unfiltered:
        expected = 'unfiltered = "理由 (reason)"'
        key = "attachments" if route.attachments else "opaque"
        table.report(CONTRADICTION, key, expected=expected, got=f"{operation.key}: {' '.join(limited)}")


def exempt(parts: Parts) -> None:
    """The mixing guard exempts items that there are; a misspelt name would exempt nothing and look as if it did."""
    known = {item.name for unit in parts.edition.units.values() for r in unit.records.values() for item in r.items}
    table = parts.site.table.table("guard")
    for name in sorted(parts.site.guard.exempt - known):
        table.report(UNKNOWN_NAME, "exempt", expected=one_of(name, known, "item of a record"), got=name)


def _seen(parts: Parts, endpoint: Endpoint | None, operation: Operation, purpose: str) -> frozenset[str] | None:
    """What the standard lets the holder see; ``None`` where it does not limit it."""
    if endpoint is None or not operation.record or endpoint.unit == operation.provider:
        return None
    return parts.edition.units[operation.unit].disclosed(operation.record, endpoint.unit, purpose)


def _is_meant(parts: Parts, endpoint: Endpoint | None, operation: Operation, purpose: str) -> bool:
    """Whether unit and purpose exist; what does not is another problem, and reported as that."""
    table = parts.edition.codes.get("gyomu")
    units = set(parts.edition.units) | (set(table.codes) if table else set())
    return endpoint is not None and endpoint.unit in units and purpose in operation.purposes


def _is_limited(parts: Parts, endpoint: Endpoint | None, operation: Operation, purpose: str) -> bool:
    """Whether the standard's tables keep anything from the holder."""
    seen = _seen(parts, endpoint, operation, purpose)
    if seen is None or not seen:
        return False
    unit = parts.edition.units[operation.unit]
    protected = any(row.record == operation.record and row.effect == "withhold" for row in unit.protections)
    return protected or len(seen) < len(unit.records[operation.record].items)
