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
    _own: dict[str, list[tuple[dict[str, str], dict[str, str]]]] = field(default_factory=dict)

    def play(self) -> Outcome:
        """Send all, ask all, wait, compare."""
        operations = {link.operation.key: link.operation for link in self.links}
        for operation in operations.values():
            if operation.pattern in {"inquiry", "late"}:
                self._enter(operation)
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

    def _records(self, operation: Operation, count: int, first: int) -> list[dict[str, str]]:
        unit, record = self._parts(operation)
        names = {item.name for item in record.items}
        found: dict[tuple[str, ...], dict[str, str]] = {}
        number = first
        while len(found) < count:
            random = Random(f"{self.seed}/{operation.key}/{number}")
            known = {"atenabango": atenabango(number)} if "atenabango" in names else {}
            values = synthetic(unit, record, random, known)
            found.setdefault(tuple(values[name] for name in record.key), values)
            number += 1
        return list(found.values())

    def _rows(self, owner: str, operation: Operation, records: Iterable[Values]) -> list[dict[str, str]]:
        unit, record = self._parts(operation)
        return [dialects.to_vendor(self.hall.who[owner], unit, record, one) for one in records]

    def _enter(self, operation: Operation) -> None:
        """Records that will be asked for, in the provider's own register."""
        name = f"{operation.unit}.{operation.record}"
        first = 7000 + 100 * len(self._own)
        self._own[operation.key] = [self._pair(operation, first + number) for number in range(QUESTIONS)]
        rows = self._rows(operation.unit, operation, [truth for _, truth in self._own[operation.key]])
        self.hall.panel(operation.unit, "/own", {"record": name, "rows": rows})

    def _send(self, operation: Operation) -> None:
        bulk = operation.pattern == "bulk"
        records = self._records(operation, BULK if bulk else NOTICES, 1000 + 50 * len(self._sent))
        self._sent[operation.key] = records
        order = {"operation": operation.key, "rows": self._rows(operation.unit, operation, records)}
        self.hall.panel(operation.unit, "/send", order | ({"kind": "full"} if bulk else {}))

    def _ask(self, link: Link) -> None:
        operation, who = link.operation, self.hall.who
        unit, record = self._parts(operation)
        request = unit.records[operation.request_record]
        pairs = self._own[operation.key]
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

    def _pair(self, operation: Operation, number: int) -> tuple[dict[str, str], dict[str, str]]:
        """A question and the record that answers it: they agree in every item that both have."""
        unit, record = self._parts(operation)
        request = unit.records[operation.request_record]
        shared = {item.name for item in request.items} & {item.name for item in record.items}
        for attempt in range(TRIES):
            random = Random(f"{self.seed}/{operation.key}/{number}/{attempt}")
            known = {"atenabango": atenabango(number)} if "atenabango" in shared else {}
            try:
                question = synthetic(unit, request, random, known, share=0.0)
                known = {name: text for name, text in question.items() if name in shared}
                return question, synthetic(unit, record, random, known)
            except NoRecordError:
                continue
        raise NoRecordError(operation.key)

    def _compare(self, sent: list[Link]) -> None:
        wanted = {(link.consumer, link.operation.unit, link.operation.record): 0 for link in sent}
        for link in sent:
            wanted[link.consumer, link.operation.unit, link.operation.record] += len(self._sent[link.operation.key])
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
