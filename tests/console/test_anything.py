"""Whatever stands in an address, a query or a form: an answer that says what is wrong, never a failure."""

from __future__ import annotations

from random import Random

import pytest

from bus.console.pages import WAYS
from tests.console.room import Room, Visitor
from tests.support.deliveries import MUNICIPALITY

pytestmark = pytest.mark.slow

ODD = (
    "", " ", "0", "-1", "9" * 14, "9" * 400, "1e999", "nan", "\x00", "\u3042", "\U0002000b", "%", "%zz", "'", '"', "--",
    "../..", "a" * 5000, "2026-02-30", "9999-12-31T23:59:59+23:59", "0001-01-01", "<b>", "{{1}}", "urn:x", "juki",
    "tax", "PARKED", "DELIVERED", "CB5004", MUNICIPALITY, "990027", "yes", "en",
)  # fmt: skip
FIELDS = ("reason", "plain", "municipality", "target", "operation", "code", "delivery", "language", "next", "name")


@pytest.mark.parametrize("seed", range(1))
async def test_nothing_that_is_asked_makes_the_console_fail(room: Room, seed: int) -> None:
    """Every address as page and twin, forty times each with odd and with right values mixed."""
    dice = Random(seed)
    visitor = await room.visitor("all")
    right = {"{exchange_id}": room.notices[1].exchange_id, "{number}": "1", "{code}": "CB5004"}
    ids = [*ODD, room.notices[1].delivery_id(0), room.notices[1].exchange_id]
    for way in WAYS:
        if way.path in {"/sign-in", "/sign-out"} and way.method == "POST":
            continue  # what a password costs, and the end of the session
        for _ in range(40):
            path = way.path
            for name, value in right.items():
                path = path.replace(name, dice.choice((value, value, "0", "x", "9" * 30)))
            path += dice.choice(("", ".json")) if path != "/" else ""
            fields = {
                name: dice.choice(ids) for name in dice.sample(way.query or FIELDS, min(3, len(way.query or FIELDS)))
            }
            answer = await _asked(visitor, way.method, path, fields)
            assert answer < 500, (way, path, fields)
    assert (await visitor.get("/")).status == 200


async def _asked(visitor: Visitor, method: str, path: str, fields: dict[str, str]) -> int:
    answer = await (visitor.get(path, **fields) if method == "GET" else visitor.post(path, **fields))
    return answer.status
