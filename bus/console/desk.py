"""What the pages show, within the municipalities of who asks. Plain data: a page and its JSON twin are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bus.console.openers import Connections
from bus.console.people import Person, Right
from bus.core.errors import ConsoleError, JournalError, error_entry
from bus.core.states import State
from bus.core.types import Finding
from bus.journal.schema import CALLING, FAN_OUT, OPEN_CLASS
from bus.journal.upkeep import audit

NOT_THERE: Final = "CB8006"
WRONG_QUESTION: Final = "CB8008"
PAGE: Final = 50
MOST: Final = 200

Row = dict[str, Any]

_OPEN: Final = (
    "SELECT e.municipality, d.target, d.state, count(*) AS number, min(e.received_at) AS oldest FROM delivery d"  # noqa: S608 (constants)
    f" JOIN exchange e ON e.n = d.n / {FAN_OUT} WHERE d.open IS NOT NULL AND d.open <> {CALLING}"
    " GROUP BY e.municipality, d.target, d.state ORDER BY e.municipality, d.target, d.state"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What a search asks for; empty for any."""

    municipality: str = ""
    operation: str = ""
    endpoint: str = ""
    state: str = ""
    message_id: str = ""
    since: float = 0.0
    until: float = 0.0
    before: str = ""
    limit: int = PAGE


def remedy(code: object) -> Row:
    """Title and what to do of a code in both languages; empty texts for a code that is not of our catalogue."""
    try:
        entry = error_entry(str(code))
    except KeyError:
        return {"title_ja": "", "title_en": "", "action_ja": "", "action_en": ""}
    return {
        "title_ja": entry.title_ja,
        "title_en": entry.title_en,
        "action_ja": entry.action_ja,
        "action_en": entry.action_en,
    }


def overview(now: float, person: Person, connections: Connections) -> Row:
    """What is open, by municipality, target and state, and why things are parked."""
    rows = [dict(row) for row in _rows(connections, _OPEN) if person.sees(row["municipality"])]
    for row in rows:
        row["age_s"] = max(0.0, now - row.pop("oldest"))
    states = {state.value: 0 for state in OPEN_CLASS}
    for row in rows:
        states[row["state"]] = states.get(row["state"], 0) + int(row["number"])
    return {"at": now, "open": sum(states.values()), "states": states, "waiting": rows} | parked(person, connections)


def parked(person: Person, connections: Connections) -> Row:
    """Parked deliveries by cause, the most numerous first, each with what to do."""
    groups = [row | remedy(row["code"]) for row in connections.reader.parked() if person.sees(str(row["municipality"]))]
    return {"parked": sum(int(str(row["count"])) for row in groups), "groups": groups}


def search(question: Question, person: Person, connections: Connections) -> Row:
    """Deliveries, newest first, with the id that continues. Errors: CB8006 not the person's municipality, CB8008."""
    within(person, question.municipality)
    if question.state and question.state not in list(State):
        raise ConsoleError(WRONG_QUESTION, [Finding(WRONG_QUESTION, path="state", expected=" | ".join(State))])
    try:
        rows = connections.reader.search(
            municipality=question.municipality,
            operation=question.operation,
            endpoint=question.endpoint,
            state=question.state,
            message_id=question.message_id,
            since=question.since,
            until=question.until,
            before=question.before,
            limit=min(question.limit, MOST),
        )
    except JournalError as error:
        if error.code != "CB4004":
            raise
        raise ConsoleError(WRONG_QUESTION, [Finding(WRONG_QUESTION, path="before", expected="delivery id")]) from error
    more = str(rows[-1]["delivery_id"]) if len(rows) == min(question.limit, MOST) else ""
    return {"rows": [dict(row) for row in rows], "next": more}


def exchange(wanted: str, person: Person, connections: Connections) -> Row:
    """One exchange with its deliveries and events. Errors: CB8006 not there, or not in the person's municipalities."""
    shown = connections.reader.show(wanted)
    if shown is None or not person.sees(shown["municipality"]):
        raise missing(wanted)
    deliveries: Any = shown["deliveries"]
    for each in deliveries:
        each["remedy"] = remedy(each["code"])
        answered = each["response_in"] and each["request_out"]
        each["bus_s"] = each["request_out"] - float(str(shown["received_at"])) if each["request_out"] else None
        each["provider_s"] = each["response_in"] - each["request_out"] if answered else None
    events = [dict(event) for event in connections.reader.iterate_events(wanted)]
    return {"exchange": shown, "events": events, "remedy": remedy(shown["code"])}


def audit_rows(person: Person, connections: Connections, *, before: int = 0, action: str = "") -> Row:
    """Who saw and did what, newest first, in the person's municipalities."""
    where, values = ["n < ?"], [before or 2**62]
    conditions: list[object] = list(values)
    if action:
        where.append("action = ?")
        conditions.append(action)
    if person.municipalities:
        where.append(f"municipality IN ({','.join('?' * len(person.municipalities))})")
        conditions += person.municipalities
    rows = connections.side.database.execute(
        f"SELECT {audit.COLUMNS} FROM audit WHERE {' AND '.join(where)} ORDER BY n DESC LIMIT ?",  # noqa: S608 (own names)
        (*conditions, PAGE),
    ).fetchall()
    names = audit.COLUMNS.split(",")
    found = [dict(zip(names, tuple(row), strict=True)) for row in rows]
    return {"rows": found, "next": found[-1]["n"] if len(found) == PAGE else 0}


def note(
    at: float,
    person: str,
    action: str,
    connections: Connections,
    *,
    municipality: str = "",
    subject: str = "",
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write down who did what, durably. Errors: CB4001."""
    with connections.side.transaction() as database:
        audit.note(database, at, actor(person), action, municipality=municipality, subject=subject, reason=reason,
                   detail=detail)  # fmt: skip


def actor(person: str) -> str:
    """How somebody of the console stands in events and in the audit."""
    return f"console:{person}"


def within(person: Person, municipality: str) -> None:
    """Whether a question stays in the person's municipalities. Errors: CB8006, as if there were no such one."""
    if person.municipalities and municipality not in person.municipalities:
        raise missing(municipality or "municipality")


def allowed(person: Person, right: Right) -> None:
    """Errors: CB8004 the person has not got the right."""
    if right not in person.rights:
        raise ConsoleError("CB8004", [Finding("CB8004", path="rights", expected=right.value)])


def missing(what: str) -> ConsoleError:
    """CB8006, the same for what is not there and for what is not to be seen."""
    return ConsoleError(NOT_THERE, [Finding(NOT_THERE, path=what[:80])])


def _rows(connections: Connections, statement: str) -> Sequence[Row]:
    found = connections.side.database.execute(statement).fetchall()
    names = ("municipality", "target", "state", "number", "oldest")
    return [dict(zip(names, tuple(row), strict=True)) for row in found]
