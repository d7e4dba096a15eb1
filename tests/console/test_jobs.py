"""Resending from the pages: planned, looked at, started; each step with its right, its reason and its trace."""

from __future__ import annotations

import pytest

from bus.core.states import State
from tests.console.room import ELSEWHERE, Room, Visitor
from tests.support.deliveries import MUNICIPALITY
from tests.support.polling import until_async

pytestmark = pytest.mark.slow

CAUSE = {"municipality": MUNICIPALITY, "target": "tax", "operation": "juki.ido_tsuchi", "code": "CB5004"}


async def planned(visitor: Visitor, **form: str) -> int:
    """The number of a new plan."""
    answer = await visitor.post("/jobs", **{"reason": "原因を取り除いた（架空）", **form})
    assert answer.status == 303, answer.text
    return int(answer.headers["location"].rpartition("/")[2])


async def test_a_cause_is_planned_started_and_sent_once(room: Room) -> None:
    """The plan sends nothing; started twice it sends once; the audit and the delivery's course name who did it."""
    visitor = await room.visitor("all")
    number = await planned(visitor, **CAUSE)
    found = (await visitor.get(f"/jobs/{number}.json")).data
    assert (found["job"]["state"], found["job"]["summary"]["number"]) == ("PLANNED", 1)
    (item,) = found["items"]
    assert item["delivery_id"] == room.notices[1].delivery_id(0)
    assert room.journal.states([item["delivery_id"]]) == {item["delivery_id"]: State.PARKED}
    for _ in range(2):
        assert (await visitor.post(f"/jobs/{number}/start")).status == 303

    async def sent() -> bool:
        room.clock.at += 1
        return bool((await visitor.get(f"/jobs/{number}.json")).data["job"]["counts"].get("SENT"))

    await until_async(sent, within_s=30)
    assert room.journal.states([item["delivery_id"]]) == {item["delivery_id"]: State.RETRY_WAIT}
    course = (await visitor.get(f"/messages/{room.notices[1].exchange_id}.json")).data["events"]
    assert [event["state"] for event in course].count("RETRY_WAIT") == 1
    assert "console:all" in course[-1]["actor"]
    done = [(row["action"], row["actor"]) for row in (await visitor.get("/audit.json")).data["rows"]]
    assert ("resend.plan", "console:all") in done
    assert ("resend.start", "console:all") in done
    assert "RUNNING" in (await visitor.get("/jobs.json")).text
    page = (await visitor.get(f"/jobs/{number}")).text
    assert "実行中" in page
    assert 'http-equiv="refresh"' in page


async def test_one_delivery_is_planned_and_cancelled(room: Room) -> None:
    """A plan of one delivery; after the cancel nothing can be started, and it is parked as before."""
    visitor = await room.visitor("all")
    wanted = room.notices[2].delivery_id(0)
    number = await planned(visitor, municipality=MUNICIPALITY, delivery=wanted)
    assert (await visitor.post(f"/jobs/{number}/cancel")).status == 303
    refused = await visitor.post(f"/jobs/{number}/start.json")
    assert (refused.status, refused.data["code"]) == (409, "CB4004")
    assert room.journal.states([wanted]) == {wanted: State.PARKED}


async def test_a_plan_stays_in_the_municipalities_of_who_makes_it(room: Room) -> None:
    """Another municipality's cause or job, a delivery under a wrong municipality: CB8006; no choice: CB8008."""
    visitor, watcher = await room.visitor("all"), await room.visitor("watcher")
    wanted = room.notices[2].delivery_id(0)
    for form, code in (
        ({"municipality": ELSEWHERE, "delivery": wanted}, "CB8006"),
        ({"municipality": MUNICIPALITY, "delivery": "nothing"}, "CB8006"),
        ({"municipality": MUNICIPALITY}, "CB8008"),
        ({**CAUSE, "reason": ""}, "CB8007"),
    ):
        answer = await visitor.post("/jobs.json", **{"reason": "a good reason", **form})
        assert answer.data["code"] == code, form
    number = await planned(visitor, municipality=MUNICIPALITY, delivery=wanted)
    assert (await watcher.get(f"/jobs/{number}")).status == 200
    reader = await room.visitor("reader")
    assert (await reader.get(f"/jobs/{number}")).status == 404
    assert not (await reader.get("/jobs.json")).data["rows"]
    for strange in ("0", "99", "x", "1" * 30, "-1"):
        assert (await visitor.get(f"/jobs/{strange}.json")).status == 404, strange
