"""Who sends what to whom just now: the newest messages by flow, and where each system stands on the map."""

from __future__ import annotations

import math
from typing import Any, Final

from bus.console.desk import Row
from bus.console.openers import Connections
from bus.console.people import Person
from bus.core.states import State
from bus.journal.schema import FAN_OUT

NEWEST: Final = 5000
"""Messages that are looked at: the page costs the same on a journal of any size."""

WINDOW_S: Final = 3600.0
"""Nothing older counts, even where there are fewer."""

FAILED: Final = frozenset({State.PARKED.value, State.REJECTED.value, State.EXPIRED.value})
WAITS: Final = frozenset({State.ACCEPTED.value, State.PUBLISHED.value, State.DISPATCHING.value,
                          State.RETRY_WAIT.value, State.EARLY.value})  # fmt: skip

_FLOWS: Final = (
    "SELECT e.municipality, e.sender, coalesce(d.target, '') AS target, e.operation,"  # noqa: S608 (constants)
    " coalesce(d.state, 'REJECTED') AS state, count(*) AS number, min(e.received_at) AS first,"
    " sum(CASE WHEN d.response_in > 0 AND d.request_out > 0 THEN d.response_in - d.request_out ELSE 0 END) AS provider,"
    " sum(CASE WHEN d.response_in > 0 AND d.request_out > 0 THEN 1 ELSE 0 END) AS answered"
    " FROM (SELECT n, municipality, sender, operation, received_at FROM exchange ORDER BY n DESC LIMIT ?) e"
    f" LEFT JOIN delivery d ON d.n BETWEEN e.n * {FAN_OUT} AND e.n * {FAN_OUT} + {FAN_OUT - 1}"
    " WHERE e.received_at >= ? GROUP BY e.municipality, e.sender, coalesce(d.target, ''), e.operation,"
    " coalesce(d.state, 'REJECTED')"
)
_NAMES: Final = ("municipality", "sender", "target", "operation", "state", "number", "first", "provider", "answered")

WIDTH: Final = 960
HEIGHT: Final = 560
MARGIN: Final = 90


def flows(now: float, person: Person, connections: Connections) -> Row:
    """Flows of the last hour, at most of the newest ``NEWEST`` messages, the most failures first."""
    rows = connections.side.database.execute(_FLOWS, (NEWEST, now - WINDOW_S)).fetchall()
    found: dict[tuple[str, str, str, str], Row] = {}
    looked = 0
    oldest = now
    for row in rows:
        each = dict(zip(_NAMES, tuple(row), strict=True))
        looked += int(each["number"])
        oldest = min(oldest, float(each["first"]))
        if not person.sees(each["municipality"]):
            continue
        key = (each["municipality"], each["sender"], each["target"], each["operation"])
        flow = found.setdefault(key, dict(zip(("municipality", "sender", "target", "operation"), key, strict=True))
                                | {"number": 0, "failed": 0, "waits": 0, "provider": 0.0, "answered": 0})  # fmt: skip
        flow["number"] += int(each["number"])
        flow["failed"] += int(each["number"]) if each["state"] in FAILED else 0
        flow["waits"] += int(each["number"]) if each["state"] in WAITS else 0
        flow["provider"] += float(each["provider"])
        flow["answered"] += int(each["answered"])
    span = max(60.0, now - oldest)
    for flow in found.values():
        answered, provider = flow.pop("answered"), flow.pop("provider")
        flow["provider_s"] = provider / answered if answered else None
        flow["per_minute"] = flow["number"] * 60 / span
    ordered = sorted(found.values(), key=lambda flow: (-flow["failed"], -flow["waits"], -flow["number"]))
    return {"at": now, "since": oldest if rows else now - WINDOW_S, "whole": looked < NEWEST,
            "flows": ordered, "map": drawn(ordered)}  # fmt: skip


def drawn(flows: list[Row]) -> Row:
    """Places of systems on a circle and lines between them, in a picture of ``WIDTH`` by ``HEIGHT``."""
    names = sorted(
        {(flow["municipality"], name) for flow in flows for name in (flow["sender"], flow["target"]) if name}
    )
    middle = (WIDTH / 2, HEIGHT / 2)
    places: dict[tuple[str, str], tuple[float, float]] = {}
    for number, name in enumerate(names):
        angle = 2 * math.pi * number / max(1, len(names)) - math.pi / 2
        places[name] = (middle[0] + (middle[0] - MARGIN) * math.cos(angle),
                        middle[1] + (middle[1] - MARGIN / 2) * math.sin(angle))  # fmt: skip
    lines: dict[tuple[tuple[str, str], tuple[str, str]], Row] = {}
    for flow in flows:
        ends = ((flow["municipality"], flow["sender"]), (flow["municipality"], flow["target"]))
        if not flow["target"] or ends[0] == ends[1]:
            continue
        line = lines.setdefault(ends, {"number": 0, "failed": 0, "waits": 0})
        for count in ("number", "failed", "waits"):
            line[count] += flow[count]
    return {
        "systems": [{"municipality": name[0], "id": name[1], "x": round(x), "y": round(y)}
                    for name, (x, y) in places.items()],
        "lines": [_line(places[a], places[b], a, b, line) for (a, b), line in lines.items()],
    }  # fmt: skip


def _line(a: tuple[float, float], b: tuple[float, float], sender: Any, target: Any, counted: Row) -> Row:
    """A bent line, so that the way back is beside the way there."""
    across = (a[0] + b[0]) / 2 + (b[1] - a[1]) * 0.12, (a[1] + b[1]) / 2 - (b[0] - a[0]) * 0.12
    path = f"M{a[0]:.0f} {a[1]:.0f}Q{across[0]:.0f} {across[1]:.0f} {b[0]:.0f} {b[1]:.0f}"
    width = round(1.5 + math.log10(max(1, counted["number"])) * 1.5, 1)
    return {
        "municipality": sender[0],
        "sender": sender[1],
        "target": target[1],
        "path": path,
        "width": width,
        **counted,
    }
