"""What happens in one round: every operation of every flow, from put-in to read-back, compared item by item.

Records go in through the sending vendor's own interface in that vendor's form, and are read back through the
receiving vendor's own interface in that one's; both forms are brought to the standard by the vendors' house rules
(``adapters.simulators.dialects``), never by the adapters' mappings. All data is synthetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hall import Hall
from plan import Link
from townhall import wait_for

from adapters.population.records import NoRecordError, atenabango, synthetic
from adapters.simulators import dialects
from schemas.model import Edition, Operation, RecordType, Unit

Values = Mapping[str, str]
Terms = frozenset[tuple[str, frozenset[str]]]
"""Items and the values with which the standard discloses a record to a consumer at all; empty: every record."""

NOTICES = 3
BULK = 5
QUESTIONS = 3
TRIES = 50
WITHIN_S = 180.0


@dataclass(slots=True)
class Outcome:
    """What was put in, what came, and what differs. ``lost`` counts records that never came."""

    links: set[tuple[str, str]] = field(default_factory=set)
    records: int = 0
    values: int = 0
    lost: int = 0
    doubled: int = 0
    differences: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Story:
    """One round. ``withheld`` gives the items that a consumer may not see, by operation and consumer."""

    hall: Hall
    edition: Edition
    links: list[Link]
    seed: int
    outcome: Outcome = field(default_factory=Outcome)
    _sent: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    _keys: set[tuple[str, str, tuple[str, ...]]] = field(default_factory=set)
    _own: dict[tuple[str, Terms], list[tuple[dict[str, str], dict[str, str]]]] = field(default_factory=dict)

    def play(self) -> Outcome:
        """Send all, ask all, wait, compare."""
        operations = {link.operation.key: link.operation for link in self.links}
        for link in self.links:
            if link.operation.pattern in {"inquiry", "late"}:
                self._enter(link)
        for operation in operations.values():
            if operation.pattern not in {"inquiry", "late"}:
                self._send(operation)
        asked = [link for link in self.links if link.operation.pattern in {"inquiry", "late"}]
        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(self._ask, asked):
                continue
        self._compare([link for link in self.links if link not in asked])
        return self.outcome

    def _parts(self, operation: Operation) -> tuple[Unit, RecordType]:
        unit = self.edition.units[operation.unit]
        return unit, unit.records[operation.record]

    def _terms(self, link: Link) -> Terms:
        """With which values a record goes to a consumer at all. The rows of one consumer name the same items."""
        unit, record = self._parts(link.operation)
        purpose = self.edition.purposes_for(link.operation, link.consumer)[0]
        found: dict[str, set[str]] = {}
        for row in unit.shares(record.name, link.consumer, purpose):
            for term in row.rows_for(link.consumer):
                found.setdefault(term.items[0], set()).update(term.values)
        return frozenset((name, frozenset(values)) for name, values in found.items())

    def _shown(self, link: Link, truth: Values) -> bool:
        return all(truth.get(name) in values for name, values in self._terms(link))

    def _records(
        self, operation: Operation, count: int, first: int, terms: Terms = frozenset()
    ) -> list[dict[str, str]]:
        unit, record = self._parts(operation)
        names = {item.name for item in record.items}
        found: dict[tuple[str, ...], dict[str, str]] = {}
        number = first
        while len(found) < count:
            random = Random(f"{self.seed}/{operation.key}/{number}")
            known = {"atenabango": atenabango(number)} if "atenabango" in names else {}
            known |= {name: random.choice(values) for name, values in _told(terms) if name in names}
            number += 1
            if number > first + TRIES:
                raise NoRecordError(operation.key)
            try:
                values = synthetic(unit, record, random, known)
            except NoRecordError:
                continue
            key = tuple(values[name] for name in record.key)
            if (unit.key, record.name, key) not in self._keys:
                self._keys.add((unit.key, record.name, key))
                found[key] = values
        return list(found.values())

    def _rows(self, owner: str, operation: Operation, records: Iterable[Values]) -> list[dict[str, str]]:
        unit, record = self._parts(operation)
        return [dialects.to_vendor(self.hall.who[owner], unit, record, one) for one in records]

    def _enter(self, link: Link) -> None:
        """Records that will be asked for, in the provider's own register: some for each right to ask."""
        operation, terms = link.operation, self._terms(link)
        if (operation.key, terms) in self._own:
            return
        name = f"{operation.unit}.{operation.record}"
        first = 7000 + 100 * len(self._own)
        pairs = [self._pair(operation, first + number, terms) for number in range(QUESTIONS)]
        self._own[operation.key, terms] = pairs
        rows = self._rows(operation.unit, operation, [truth for _, truth in pairs])
        self.hall.panel(operation.unit, "/own", {"record": name, "rows": rows})

    def _send(self, operation: Operation) -> None:
        """A notice for each right to receive; a bulk transfer of what all its receivers may have."""
        bulk = operation.pattern == "bulk"
        every = {self._terms(link) for link in self.links if link.operation.key == operation.key}
        if bulk:
            every = {_common(every)}
        first = 1000 + 50 * len(self._sent)
        records: list[dict[str, str]] = []
        for number, terms in enumerate(sorted(every, key=_told)):
            records += self._records(operation, BULK if bulk else NOTICES, first + 10_000 * number, terms)
        self._sent[operation.key] = records
        order = {"operation": operation.key, "rows": self._rows(operation.unit, operation, records)}
        self.hall.panel(operation.unit, "/send", order | ({"kind": "full"} if bulk else {}))

    def _ask(self, link: Link) -> None:
        operation, who = link.operation, self.hall.who
        unit, record = self._parts(operation)
        request = unit.records[operation.request_record]
        pairs = self._own[operation.key, self._terms(link)]
        rows = [dialects.to_vendor(who[link.consumer], unit, request, question) for question, _ in pairs]
        answers = self.hall.panel(link.consumer, "/ask", {"operation": operation.key, "rows": rows})["answers"]
        for (_, truth), answer in zip(pairs, answers, strict=True):
            got = [dialects.from_vendor(who[link.consumer], unit, record, row) for row in answer["rows"]]
            mine = [one for one in got if self._same(record, one, truth)]
            if not mine:
                self.outcome.lost += 1
                note = f"{operation.key} -> {link.consumer}: {answer['result']} {answer.get('code', '')}"
                self.outcome.differences.append(note)
                continue
            self._judge(link, record, truth, mine[0])
        self.outcome.links.add((operation.key, link.consumer))

    def _same(self, record: RecordType, one: Values, truth: Values) -> bool:
        return all(one.get(name) == truth[name] for name in record.key)

    def _pair(self, operation: Operation, number: int, terms: Terms) -> tuple[dict[str, str], dict[str, str]]:
        """A question and the record that answers it: they agree in every item that both have."""
        unit, record = self._parts(operation)
        request = unit.records[operation.request_record]
        shared = {item.name for item in request.items} & {item.name for item in record.items}
        for attempt in range(TRIES):
            random = Random(f"{self.seed}/{operation.key}/{number}/{attempt}")
            known = {"atenabango": atenabango(number)} if "atenabango" in shared else {}
            told = {name: random.choice(values) for name, values in _told(terms)}
            asked = {item.name for item in request.items}
            known |= {name: text for name, text in told.items() if name in asked}
            try:
                question = synthetic(unit, request, random, known, share=0.0)
                known = told | {name: text for name, text in question.items() if name in shared}
                return question, synthetic(unit, record, random, known)
            except NoRecordError:
                continue
        raise NoRecordError(operation.key)

    def _compare(self, sent: list[Link]) -> None:
        wanted = {(link.consumer, link.operation.unit, link.operation.record): 0 for link in sent}
        for link in sent:
            shown = sum(self._shown(link, truth) for truth in self._sent[link.operation.key])
            wanted[link.consumer, link.operation.unit, link.operation.record] += shown
        got: dict[tuple[str, str, str], Any] = {}

        def all_there() -> bool:
            for place, count in wanted.items():
                if len(got.get(place, {}).get("rows", ())) < count:
                    got[place] = self.hall.panel(place[0], f"/received/{place[1]}.{place[2]}")
            return all(len(got[place]["rows"]) >= count for place, count in wanted.items())

        try:
            wait_for("every record at its consumers", all_there, WITHIN_S, every_s=0.5)
        except Exception as error:
            self.outcome.differences.append(str(error))
        for link in sent:
            self._compare_link(link, got[link.consumer, link.operation.unit, link.operation.record])

    def _compare_link(self, link: Link, got: Mapping[str, Any]) -> None:
        unit, record = self._parts(link.operation)
        vendor = self.hall.who[link.consumer]
        rows = [dialects.from_vendor(vendor, unit, record, row) for row in got["rows"]]
        came = {
            tuple(row.get(name, "") for name in record.key): (row, times)
            for row, times in zip(rows, got["times"], strict=True)
        }
        for truth in self._sent[link.operation.key]:
            found = came.get(tuple(truth[name] for name in record.key))
            if not self._shown(link, truth):
                if found is not None:
                    self.outcome.differences.append(f"{link.operation.key} -> {link.consumer}: not to be told")
                continue
            if found is None:
                self.outcome.lost += 1
                continue
            self.outcome.doubled += found[1] > 1
            self._judge(link, record, truth, found[0])
        self.outcome.links.add((link.operation.key, link.consumer))

    def _visible(self, link: Link, record: RecordType, truth: Values) -> frozenset[str]:
        """The items that the consumer is to get: what the standard discloses, less what protects the person."""
        unit = self.edition.units[link.provider]
        purpose = self.edition.purposes_for(link.operation, link.consumer)[0]
        shown = unit.disclosed(record.name, link.consumer, purpose)
        names = frozenset(item.name for item in record.items) if shown is None else shown
        for row in unit.protections:
            if row.record == record.name and row.effect == "withhold" and row.holds(truth.get(row.flag)):
                names -= row.items
        return names

    def _judge(self, link: Link, record: RecordType, truth: Values, got: Values) -> None:
        self.outcome.records += 1
        seen = self._visible(link, record, truth)
        for item in record.items:
            self.outcome.values += 1
            wanted = truth.get(item.name, "") if item.name in seen else ""
            if wanted != got.get(item.name, ""):
                self.outcome.differences.append(f"{link.operation.key} -> {link.consumer}: {item.name}")


def _told(terms: Terms) -> list[tuple[str, list[str]]]:
    """Terms in an order that is always the same."""
    return sorted((name, sorted(values)) for name, values in terms)


def _common(every: Iterable[Terms]) -> Terms:
    """The values with which a record goes to all consumers."""
    found: dict[str, frozenset[str]] = {}
    for terms in every:
        for name, values in terms:
            found[name] = found.get(name, values) & values
    return frozenset(found.items())
