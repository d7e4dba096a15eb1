"""bus-to-file and bus-to-rest: what was accepted reaches the vendor once, in order per person, whatever happens."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from adapters.host import process
from adapters.host.process import Host
from adapters.host.store import received
from adapters.host.store.schema import connect
from adapters.population import Town
from adapters.transports.rest import HttpSite, bearer, guard, json_object, json_reply
from schemas.model import Edition
from tests.host.place import Caller, Place
from tests.support.polling import until_async
from tests.support.residents import message, resident

NOTICE = "juki.ido_tsuchi"


def written(place: Place) -> list[tuple[str, list[dict[str, str]]]]:
    """The vendor's incoming files by name, with their rows."""
    found = []
    for path in sorted(place.path("a-tax", "in").glob("*.CSV")):
        assert path.with_name(path.name + ".END").exists()
        found.append((path.name, list(csv.DictReader(io.StringIO(path.read_bytes().decode("cp932", "replace"))))))
    return found


async def send(host: Host, edition: Edition, rows: list[dict[str, str]]) -> None:
    """Bring notices to the face; the id of each is its event."""
    for row in rows:
        event = f"urn:uuid:{row['atenabango']}-{row['rirekibango']}-{row.get('ido_jiyu', '')}"
        status, _, body = await Caller(host).post(message(edition, NOTICE, row, event))
        assert status == 200, body


async def test_notices_become_batches_in_their_order(place: Place, edition: Edition) -> None:
    """Numbered files with end marks; rows as accepted."""
    rows = [resident(rirekibango=str(number)) for number in range(1, 8)]
    async with place.running("a-tax") as host:
        await send(host, edition, rows)
        await place.idle("a-tax")
    files = written(place)
    assert [row["履歴番号"] for _, found in files for row in found] == [str(n) for n in range(1, 8)]
    assert [name for name, _ in files] == [f"IDO{number:010d}.CSV" for number in range(1, len(files) + 1)]


async def test_shuffled_and_repeated_notices_end_in_the_same_state(place: Place, edition: Edition) -> None:
    """Only ever upwards per person: the last line of everybody is that of the highest history number."""
    town = Town.generate(30, 3)
    events = [event.record for change in town.changes(120) for event in change.events]
    shuffled = events * 2
    random.Random(1).shuffle(shuffled)
    async with place.running("a-tax") as host:
        await send(host, edition, shuffled)
        await place.idle("a-tax")
    latest: dict[str, int] = {}
    lines = 0
    for _, found in written(place):
        for row in found:
            assert int(row["履歴番号"]) > latest.get(row["宛名番号"], 0)
            latest[row["宛名番号"]] = int(row["履歴番号"])
            lines += 1
    truth: dict[str, int] = {}
    for row in events:
        truth[row["atenabango"]] = max(truth.get(row["atenabango"], 0), int(row["rirekibango"]))
    status = place.status("a-tax")
    assert latest == truth
    assert lines + status["superseded"] == len(events)


async def test_the_same_event_in_another_message_is_a_duplicate(place: Place, edition: Edition) -> None:
    """Key and content decide, not the message id."""
    async with place.running("a-tax") as host:
        for number in (1, 2):
            await Caller(host).post(message(edition, NOTICE, resident(), f"urn:uuid:other-{number}"))
        await place.idle("a-tax")
    assert place.status("a-tax")["duplicates"] == 1
    assert sum(len(found) for _, found in written(place)) == 1


async def test_a_notice_sent_again_with_other_content_replaces(place: Place, edition: Edition) -> None:
    """The same history number, corrected: handed to the vendor and counted."""
    async with place.running("a-tax") as host:
        await Caller(host).post(message(edition, NOTICE, resident(), "urn:uuid:r-1"))
        await Caller(host).post(message(edition, NOTICE, resident(shimei="架空　葉子"), "urn:uuid:r-2"))
        await place.idle("a-tax")
    assert place.status("a-tax")["replaced"] == 1
    assert [row["名前（漢字）"] for _, found in written(place) for row in found] == ["架空花子", "架空葉子"]


def set_state(place: Place, state: str) -> None:
    """Put the first batch back to what a crash would have left."""
    database = connect(place.folder / "var" / "adapters" / "a-tax.sqlite")
    database.execute("UPDATE batches SET state = ? WHERE number = 1", (state,))
    database.execute("UPDATE received SET state = 'batched'")
    database.close()


@pytest.mark.parametrize("state", [received.OPEN, received.WRITTEN])
async def test_a_batch_in_work_at_a_crash_is_completed_identically(place: Place, edition: Edition, state: str) -> None:
    """Bound to its rows, or written but without its end mark: the same file under the same name."""
    rows = [resident(atenabango=f"{number:015d}") for number in range(1, 4)]
    async with place.running("a-tax") as host:
        await send(host, edition, rows)
        await until_async(lambda: place.status("a-tax")["received"] == {"new": 3} or written_files(place))
        await place.idle("a-tax")
    files = sorted(place.path("a-tax", "in").glob("*.CSV"))
    database = connect(place.folder / "var" / "adapters" / "a-tax.sqlite")
    kept = {path.name: path.read_bytes() for path in files}
    database.execute("UPDATE batches SET state = ?", (state,))
    database.close()
    for path in files:
        path.with_name(path.name + ".END").unlink()
        if state == received.OPEN:
            path.write_bytes(b"half")
    restore_payloads(place, edition, rows)
    async with place.running("a-tax"):
        await until_async(lambda: place.status("a-tax")["batches"] == {"published": len(files)})
    assert {path.name: path.read_bytes() for path in files} == kept
    assert [name for name, _ in written(place)] == [path.name for path in files]


def written_files(place: Place) -> list[Path]:
    """The vendor's incoming files."""
    return list(place.path("a-tax", "in").glob("*.CSV"))


def restore_payloads(place: Place, edition: Edition, rows: list[dict[str, str]]) -> None:
    """Give the rows back what is cleared once a batch is published."""

    host = process.load(place.folder, "a-tax")
    flow: Any = host.flows[0]
    database = connect(place.folder / "var" / "adapters" / "a-tax.sqlite")
    for seq, row in enumerate(rows, 1):
        payload = msgspec.json.encode(flow._receiving.translator().to_vendor(row).values)
        database.execute("UPDATE received SET state = 'batched', payload = ? WHERE seq = ?", (payload, seq))
    database.close()


async def test_a_batch_that_the_vendor_took_is_not_written_again(place: Place, edition: Edition) -> None:
    """Recorded as written and gone from the folder: the vendor has it."""
    async with place.running("a-tax") as host:
        await send(host, edition, [resident()])
        await place.idle("a-tax")
    for path in place.path("a-tax", "in").iterdir():
        path.unlink()
    set_state(place, received.WRITTEN)
    async with place.running("a-tax"):
        await until_async(lambda: place.status("a-tax")["batches"] == {"published": 1})
    assert list(place.path("a-tax", "in").iterdir()) == []
    assert place.status("a-tax")["received"] == {"done": 1}


@dataclass(slots=True)
class Vendor:
    """B社's writing face as the tests need it: may be away, busy or unwilling."""

    status: int = 200
    refused: frozenset[str] = frozenset()
    got: list[dict[str, Any]] = field(default_factory=list)
    site: HttpSite | None = None
    port: int = 0

    async def start(self) -> None:
        """Listen."""
        app = web.Application(middlewares=[guard(bearer("token-rest"), realm="B")])
        app.router.add_put("/api/v1/kojin/{number}", self._put)
        self.site = HttpSite(app, port=self.port, drain_s=0.1)
        await self.site.start()
        self.port = self.site.port

    async def stop(self) -> None:
        """Be away."""
        if self.site is not None:
            await self.site.stop()
            self.site = None

    async def _put(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        assert document["宛名番号"] == request.match_info["number"]
        if self.status != 200 or request.match_info["number"] in self.refused:
            return json_reply({}, status=self.status if self.status != 200 else 422)
        self.got.append(document)
        return json_reply({"受付": "ok"})


@pytest.fixture
async def vendor(place: Place) -> AsyncIterator[Vendor]:
    """A writing face that is there."""
    made = Vendor()
    await made.start()
    place.settings["b-tax"]["rest"] = f"http://127.0.0.1:{made.port}"
    yield made
    await made.stop()


async def test_records_are_written_to_the_rest_face_in_order_per_person(
    place: Place, edition: Edition, vendor: Vendor
) -> None:
    """One PUT each; the vendor's own items."""
    rows = [resident(atenabango=f"{who:015d}", rirekibango=str(n)) for n in range(1, 6) for who in (1, 2, 3)]
    async with place.running("b-tax") as host:
        await send(host, edition, rows)
        await place.idle("b-tax")
    assert len(vendor.got) == 15
    for who in (1, 2, 3):
        mine = [one["履歴番号"] for one in vendor.got if one["宛名番号"] == f"{who:015d}"]
        assert mine == ["1", "2", "3", "4", "5"]


async def test_while_the_vendor_is_away_notices_are_accepted_and_written_later(
    place: Place, edition: Edition, vendor: Vendor
) -> None:
    """Acceptance is durable storage, not the vendor's presence."""
    await vendor.stop()
    rows = [resident(atenabango=f"{who:015d}") for who in range(1, 11)]
    async with place.running("b-tax") as host:
        await send(host, edition, rows)
        assert place.status("b-tax")["received"] == {"new": 10}
        await vendor.start()
        await place.idle("b-tax")
    assert len(vendor.got) == 10


async def test_a_busy_vendor_is_asked_again(place: Place, edition: Edition, vendor: Vendor) -> None:
    """503 and 429 are for now."""
    vendor.status = 503
    async with place.running("b-tax") as host:
        await send(host, edition, [resident()])
        await until_async(lambda: place.status("b-tax")["received"] == {"new": 1})
        vendor.status = 200
        await place.idle("b-tax")
    assert len(vendor.got) == 1


async def test_a_record_that_the_vendor_refuses_is_kept_with_its_reason(
    place: Place, edition: Edition, vendor: Vendor
) -> None:
    """422 is final: CB6010, counted, and the others go on."""
    vendor.refused = frozenset({"000000000000002"})
    rows = [resident(atenabango=f"{who:015d}") for who in range(1, 5)]
    async with place.running("b-tax") as host:
        await send(host, edition, rows)
        await place.idle("b-tax")
    status = place.status("b-tax", detail=True)
    assert status["received"] == {"done": 3, "refused": 1}
    assert [row["code"] for row in status["refused_list"]] == ["CB6010"]
    assert len(vendor.got) == 3
