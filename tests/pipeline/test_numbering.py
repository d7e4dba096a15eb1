"""Where a site says how its numbers are checked, no message with a wrong one passes; elsewhere nothing is asked."""

from __future__ import annotations

from dataclasses import replace

from bus.core.numbering import Numbering
from bus.pipeline import process
from bus.wire import envelope
from tests.pipeline.fakes import site, world
from tests.pipeline.messages import inquiry, notice, request

RIGHT, WRONG = "000000000000019", "000000000000018"


async def test_a_wrong_number_is_refused_where_the_site_asks_for_it() -> None:
    """Of a person and of a household, in notices and questions; the fault names the item and never the number."""
    asking = replace(site(), numbering=Numbering(check="modulus11"))
    people = {"atenabango": RIGHT, "setaibango": RIGHT}
    for body, caller, refused in (
        (notice(**people), "juki", ""),
        (notice(**(people | {"atenabango": WRONG})), "juki", "atenabango"),
        (notice(**(people | {"setaibango": WRONG})), "juki", "setaibango"),
        (inquiry(WRONG), "tax", "atenabango"),
    ):
        response = await process(world(asking).house, request(envelope.build(body), caller=caller))
        assert (b"E0002" in response.body) == bool(refused)
        assert refused.encode() in response.body
        assert WRONG.encode() not in response.body
    assert (
        await process(world().house, request(envelope.build(notice(atenabango=WRONG)), caller="juki"))
    ).status == 200
