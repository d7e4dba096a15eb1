"""file-to-bus: every record of a file is sent, held or refused, and counted; nothing is sent twice."""

from __future__ import annotations

import csv
import io
from itertools import islice

from adapters.population import Town
from bus.wire.addressing import NAMESPACE as WSA

from tests.host.place import Place, ido_file, record_size
from tests.support.polling import until_async

NOTICE = "juki.ido_tsuchi"


def records(count: int, seed: int = 7) -> list[dict[str, str]]:
    """Present records of synthetic residents."""
    return list(islice(Town.generate(count, seed).current(), count))


async def test_every_record_becomes_one_notice_with_full_addressing_and_context(place: Place) -> None:
    """Content, order, sender and purpose arrive; the file is in done/ and its end mark is gone."""
    sent = records(40)
    async with place.running("a-juki"):
        path = place.drop("IDO_0001.DAT", ido_file(sent))
        status = await place.idle("a-juki")
        await until_async(lambda: len(place.bus.taken) == len(sent))
        await until_async(lambda: not path.exists())
    assert [one.records[0]["atenabango"] for one in sorted(place.bus.taken, key=lambda one: one.message_id)]
    assert {one.records[0]["atenabango"] for one in place.bus.taken} == {one["atenabango"] for one in sent}
    first = place.bus.taken[0]
    assert first.user == "juki"
    assert first.path == "/990019/juki/juki"
    assert first.envelope.addressing.action == first.operation.action
    assert first.envelope.addressing.to.endswith("/990019/juki/juki")
    assert first.envelope.context.purpose == "jumin"
    assert first.envelope.context.sender_system == "juki"
    assert status["files"] == {"done": 1}
    assert (path.parent / "done" / path.name).exists()
    assert not (path.parent / f"{path.name}.END").exists()
    assert WSA.encode() in first.raw
