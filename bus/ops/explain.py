"""Why a call would be allowed or refused, and where it would go: the pipeline's own tables, read aloud."""

from __future__ import annotations

from dataclasses import dataclass

from bus.core.settings import Site
from bus.core.types import Endpoint, Right, Route
from bus.pipeline.tables import PreparedRoute, Tables, build_tables
from bus.pipeline.veil import Veil
from schemas.model import Edition
from schemas.rows import rows_text


@dataclass(frozen=True, slots=True)
class TargetExplanation:
    """One target: ``code`` says why it would not get the message, ``withheld`` what is taken out for it,
    ``records`` which records it gets (Japanese, empty for all).
    """

    endpoint: str
    address: str
    adapter: str
    paused: bool
    rule: str
    withheld: tuple[str, ...]
    code: str = ""
    records: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision for one call. ``right`` and ``route`` name the rule as ``rights.toml: right[2]``.

    ``code`` is empty when the call is allowed, else the code the sender would get. ``withheld`` is taken out of
    the answer to the sender, ``records`` says which records it may get (Japanese, empty for all).
    """

    sender: str
    operation: str
    purpose: str
    allowed: bool
    code: str
    right: str
    route: str
    mode: str
    deadline_s: float
    expires_s: float
    targets: tuple[TargetExplanation, ...]
    withheld: tuple[str, ...]
    address: str
    other_purposes: tuple[str, ...]
    records: str = ""


def explain(site: Site, edition: Edition, sender: Endpoint, operation: str, purpose: str = "") -> Explanation:
    """What the tables of a checked site say about ``sender`` calling ``operation`` (which must exist)."""
    return explain_tables(site, build_tables(site, edition, {}), sender, operation, purpose)


def explain_tables(site: Site, tables: Tables, sender: Endpoint, operation: str, purpose: str = "") -> Explanation:
    """The same with tables that are prepared already."""
    purpose = purpose or sender.purpose
    right = tables.rights.get((sender.key, operation, purpose))
    prepared = tables.route_for(sender, operation)
    targets = _targets(site, tables, prepared, operation)
    code = ""
    if right is None:
        code = "CB2003" if (sender.key, operation) in tables.known_rights else "CB2002"
        if (sender.key, operation, purpose) in tables.views.void:
            code = "CB2051"
    elif prepared is None:
        code = "CB2005"
    elif prepared.denied:
        code = "CB2056" if prepared.lapsed else "CB2002"
    elif prepared.route.mode == "direct" and any(target.paused for target in targets):
        code = "CB5005"
    route = prepared.route if prepared else None
    others = {one for each in _rights_of(site, sender, operation) for one in each.purposes} - {purpose}
    return Explanation(
        sender=sender.key,
        operation=operation,
        purpose=purpose,
        allowed=not code,
        code=code,
        right=_right_name(site, sender, operation, purpose),
        route=_route_name(site, route),
        mode=route.mode.value if route else "",
        deadline_s=route.deadline_s if route else 0.0,
        expires_s=route.expires_s if route else 0.0,
        targets=targets,
        withheld=_items(tables.views.answers.get((sender.key, operation, purpose))),
        address=f"/{sender.key}/{operation.partition('.')[0]}",
        other_purposes=tuple(sorted(others)),
        records=_records(tables, operation, tables.views.answers.get((sender.key, operation, purpose))),
    )


def _targets(
    site: Site, tables: Tables, prepared: PreparedRoute | None, operation: str
) -> tuple[TargetExplanation, ...]:
    """The route's targets with their own rights."""
    if prepared is None:
        return ()
    return tuple(
        TargetExplanation(
            endpoint=target.key,
            address=target.address,
            adapter=target.adapter,
            paused=target.paused,
            rule=_right_name(site, target, operation, target.purpose),
            withheld=_items(tables.views.deliveries.get((target.key, operation))),
            code=_refused(prepared, target),
            records=_records(tables, operation, tables.views.deliveries.get((target.key, operation))),
        )
        for target in prepared.targets
    )


def _refused(prepared: PreparedRoute, target: Endpoint) -> str:
    """Why a target would not get the message."""
    if target.key in prepared.lapsed:
        return "CB2056"
    return "CB2002" if target.key in prepared.denied else ""


def _items(veil: Veil | None) -> tuple[str, ...]:
    """What never passes a veil."""
    return tuple(sorted(veil.items)) if veil is not None else ()


def _records(tables: Tables, key: str, veil: Veil | None) -> str:
    """Which records pass a veil, in Japanese; empty where all of them do."""
    operation = tables.home.operations.get(key)
    if operation is None or veil is None or not veil.limits:
        return ""
    unit = tables.home.edition.units[operation.unit]
    rows = (
        " または ".join(rows_text(unit, operation.record, share.terms) for share in limit.shares)
        for limit in veil.limits
    )
    return "、かつ ".join(dict.fromkeys(rows))


def _rights_of(site: Site, endpoint: Endpoint, operation: str) -> list[Right]:
    """The rows of an endpoint for an operation."""
    wanted = (endpoint.municipality, endpoint.id, operation)
    return [right for right in site.rights if (right.municipality, right.endpoint, right.operation) == wanted]


def _right_name(site: Site, endpoint: Endpoint, operation: str, purpose: str) -> str:
    """``rights.toml: right[2]`` of the row that allows it, or an empty text."""
    for right in _rights_of(site, endpoint, operation):
        if purpose in right.purposes:
            return f"rights.toml: right[{site.rights.index(right)}]"
    return ""


def _route_name(site: Site, route: Route | None) -> str:
    """``routes.toml: route[0]``, or an empty text."""
    return f"routes.toml: route[{site.routes.index(route)}]" if route else ""
