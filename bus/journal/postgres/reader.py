"""The read side on PostgreSQL: every search goes along an index, whatever it asks for, and newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bus.core.states import State
from bus.journal.message_key import message_key
from bus.journal.postgres.database import Place
from bus.journal.postgres.schema import day_of, first_of
from bus.journal.postgres.side import open_link
from bus.journal.reader import COLUMNS, LEFT, Row, TableReader, flat
from bus.journal.schema import CALLING, FAN_OUT, GATHERED, HELD, MOVING, WAITING

_BY_DELIVERY: Final = f"delivery d JOIN exchange e ON e.n = d.n / {FAN_OUT}"
_RARE: Final = {
    State.ACCEPTED: f"d.open = {MOVING} AND d.state = 'ACCEPTED'",
    State.PUBLISHED: f"d.open = {MOVING} AND d.state = 'PUBLISHED'",
    State.DISPATCHING: f"d.open IN ({MOVING}, {CALLING}) AND d.state = 'DISPATCHING'",
    State.RETRY_WAIT: f"d.open = {WAITING}",
    State.PARKED: f"d.open = {HELD}",
    State.EARLY: f"d.open = {GATHERED}",
    State.EXPIRED: "d.ended = 1",
    State.CANCELLED: "d.ended = 2",
}
"""States that few deliveries have, as the condition of the partial index that holds exactly them."""

_MUNICIPALITIES: Final = (
    "WITH RECURSIVE m (code) AS ((SELECT min(municipality) FROM exchange) UNION ALL"
    " SELECT (SELECT min(e.municipality) FROM exchange e WHERE e.municipality > m.code) FROM m"
    " WHERE m.code IS NOT NULL) SELECT code FROM m WHERE code IS NOT NULL"
)
"""Which municipalities there are, in as many steps along the index."""


RARE: Final = 1000
"""An operation or a sender with no more messages than this is looked for by their numbers: along the order of all
messages nearly everything would be passed before the first of them."""


class PostgresReader(TableReader):
    """Reads beside a running bus or after it. Errors: CB4003."""

    def __init__(self, place: Place, municipalities: Sequence[str] = (), *, rare: int = RARE) -> None:
        """``municipalities`` are those that the site has now; others are looked for only where these do not help."""
        self._rare = rare
        self._municipalities = tuple(municipalities)
        self._link = open_link(place, purpose="reader", named=True)
        super().__init__(self._link)

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def search(
        self,
        *,
        municipality: str = "",
        operation: str = "",
        endpoint: str = "",
        state: str = "",
        message_id: str = "",
        since: float = 0.0,
        until: float = 0.0,
        before: str = "",
        limit: int = 50,
    ) -> Sequence[Row]:
        """As ``bus.core.ports.JournalReader.search``: an endpoint is looked for as sender and as target, each along
        its own index."""
        where: list[str] = []
        values: list[Any] = []
        for condition, value in (
            ("e.municipality = ?", municipality),
            ("e.operation = ?", operation),
            ("e.received_at >= ?", since),
            ("e.received_at < ?", until),
        ):
            if value:
                where.append(condition)
                values.append(value)
        if since:
            # A message gets its number on the day on which it is received, or later: older partitions are left out.
            where.append("e.n >= ?")
            values.append(first_of(day_of(since) - 1))
        if message_id:
            where.append("e.n = ANY(?::int8[]) AND e.message_id = ?")
            values += [self._numbers(municipality, message_id), message_id]
        else:
            self._narrow(municipality, operation, (since, until), where, values)
        if before:
            n, index = self._place(before)
            where.append("(e.n < ? OR (e.n = ? AND d.n < ?)) AND e.n <= ?")
            values += [n, n, n * FAN_OUT + index, n]
        wanted = State(state) if state else None
        if wanted in _RARE:
            where += [_RARE[wanted], *(["d.n < ?"] if before else [])]
            values += [n * FAN_OUT + index] if before else []
        elif wanted is State.REJECTED:
            where.append("e.refused = 1")
        elif wanted is not None:
            where.append("d.state = ?")
            values.append(wanted.value)
        source = _BY_DELIVERY if wanted in _RARE else LEFT
        order = "d.n DESC" if wanted in _RARE else "e.n DESC, d.n DESC"
        found = self._rows(source, where, values, order, limit) if not endpoint else {}
        if endpoint:
            sent, its = [*where, "e.sender = ?"], [*values, endpoint]
            few = not municipality and not message_id and source == LEFT
            if few:
                self._along_few({"sender = ?": endpoint}, "municipality, n", sent, its)
            found = self._rows(source, sent, its, order, limit)
            # Ids repeat from municipality to municipality: where one is named, its own messages are gone through.
            wide = not municipality or source == _BY_DELIVERY
            taken, along = (_BY_DELIVERY, "d.n DESC") if wide else (LEFT, order)
            got, its = [*where, "d.target = ?"], [*values, endpoint]
            if few:
                # A range, although of one value: for an equal value the index would give no order of its own.
                self._along_few({"target >= ?": endpoint, "target <= ?": endpoint}, "target, n", got, its, "delivery")
            found |= self._rows(taken, got, its, along, limit)
        return [found[place] for place in sorted(found, reverse=True)[:limit]]

    def _rows(
        self, source: str, where: Sequence[str], values: Sequence[Any], order: str, limit: int
    ) -> dict[tuple[int, int], Row]:
        """Rows by their place in the order: the message's number, and the delivery's."""
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        rows = self._link.execute(
            f"SELECT {COLUMNS}, e.n AS place FROM {source} {condition} ORDER BY {order} LIMIT {int(limit)}",  # noqa: S608 (own text)
            values,
        ).fetchall()
        found: dict[tuple[int, int], Row] = {}
        for row in rows:
            shown = flat(row)
            found[shown.pop("place"), row["delivery"] or 0] = shown  # type: ignore[index]  # the place is a number
        return found

    def _along_few(
        self, wanted: Mapping[str, Any], order: str, where: list[str], values: list[Any], table: str = "exchange"
    ) -> None:
        """Where few rows are as ``wanted``, look at these alone. The order is that of an index, so that it is used."""
        condition = " AND ".join(wanted)
        rows = self._link.execute(
            f"SELECT n FROM {table} WHERE {condition} ORDER BY {order} LIMIT {self._rare + 1}",  # noqa: S608 (own text)
            tuple(wanted.values()),
        ).fetchall()
        if len(rows) <= self._rare:
            where.append(f"{table[0]}.n = ANY(?::int8[])")
            values.append([row[0] for row in rows])

    def _narrow(
        self, municipality: str, operation: str, bounds: Sequence[float], where: list[str], values: list[Any]
    ) -> None:
        """An operation wherever it is, or a time of one municipality: the numbers of what fits, where it is little."""
        since, until = bounds
        if operation and not municipality:
            self._along_few({"operation = ?": operation}, "municipality, n", where, values)
        elif municipality and since:
            wanted: dict[str, Any] = {"municipality = ?": municipality, "received_at >= ?": since}
            wanted |= {"received_at < ?": until} if until else {}
            self._along_few(wanted, "municipality, received_at", where, values)

    def _numbers(self, municipality: str, message_id: str) -> list[int]:
        if municipality:
            return self._keyed([municipality], message_id)
        found = self._keyed(self._municipalities, message_id) if self._municipalities else []
        if found:
            return found
        return self._keyed([row[0] for row in self._link.execute(_MUNICIPALITIES).fetchall()], message_id)

    def _keyed(self, municipalities: Sequence[str], message_id: str) -> list[int]:
        keys = [message_key(code, message_id) for code in municipalities]
        rows = self._link.execute("SELECT n FROM exchange_key WHERE key = ANY(?::int8[])", (keys,))
        return [row[0] for row in rows.fetchall()]
