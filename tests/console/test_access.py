"""Who gets in, and what nobody gets without session, right, municipality or the key of a form."""

from __future__ import annotations

import pytest

from bus.console.app import HEADERS
from bus.console.pages import WAYS, Way
from bus.console.people import Right
from tests.console.room import ELSEWHERE, PASSWORD, Room, Visitor

pytestmark = pytest.mark.slow


def address(way: Way, room: Room) -> str:
    """The way's path with a record that is there."""
    path = way.path.replace("{exchange_id}", room.notices[0].exchange_id)
    return path.replace("{code}", "CB5004").replace("{number}", "1")


async def test_nothing_but_the_door_opens_without_a_session(room: Room) -> None:
    """Every address of the table: pages lead to the door, twins and changes are refused with CB8001."""
    for way in WAYS:
        nobody, path = Visitor(room.app), address(way, room)
        answer = await (nobody.get(path) if way.method == "GET" else nobody.post(path))
        if way.right is None:
            assert answer.status in {200, 401}, way
            continue
        assert answer.status == (303 if way.method == "GET" else 401), way
        twin = f"{path}.json" if path != "/" else "/overview.json"
        refused = await (nobody.get(twin) if way.method == "GET" else nobody.post(twin))
        assert (refused.status, refused.data["code"]) == (401, "CB8001"), way
    assert (await Visitor(room.app).get("/openapi.json")).status == 401


async def test_everything_that_changes_something_needs_the_key_of_the_session(room: Room) -> None:
    """Without key, with another session's key, from another site: CB8005, and nothing happens."""
    visitor, other = await room.visitor("all"), await room.visitor("all")
    for way in WAYS:
        if way.method == "GET" or way.right is None:
            continue
        path = address(way, room)
        for answer in (
            await visitor.post(path, key=""),
            await visitor.post(path, key=other.form_key),
            await visitor.post(path, headers={"origin": "http://elsewhere.example"}),
            await visitor.post(path, headers={"sec-fetch-site": "cross-site"}),
        ):
            assert answer.status == 403, way
            assert "CB8005" in answer.text, way
    assert (await visitor.get("/")).status == 200


async def test_every_way_asks_for_its_right(room: Room) -> None:
    """Somebody with the right to metadata alone gets CB8004 wherever another is needed."""
    visitor = await room.visitor("watcher")
    needed = [way for way in WAYS if way.right not in {None, Right.METADATA}]
    assert needed
    for way in needed:
        answer = await visitor.post(address(way, room), reason="a good reason")
        assert (answer.status, "CB8004" in answer.text) == (403, True), way


async def test_other_municipalities_are_as_if_they_were_not_there(room: Room) -> None:
    """Search, one exchange, its content, what is open and parked, the audit: only one's own."""
    watcher, reader = await room.visitor("watcher"), await room.visitor("reader")
    assert room.elsewhere is not None
    assert (await watcher.get(f"/messages/{room.elsewhere.exchange_id}")).status == 404
    assert (await watcher.get("/messages.json", municipality=ELSEWHERE)).status == 404
    own = room.notices[0].exchange_id
    refused = await reader.post(f"/messages/{own}/body", reason="a good reason")
    assert refused.status == 404
    unknown = await reader.post(f"/messages/{'0' * 32}/body", reason="a good reason")
    assert (unknown.status, unknown.text.count("CB8006")) == (404, refused.text.count("CB8006"))
    mine = (await watcher.get("/messages.json")).data
    assert {row["municipality"] for row in mine["rows"]} == {"990019"}
    assert len(mine["rows"]) == 4
    assert (await watcher.get("/overview.json")).data["parked"] == 2
    there = (await reader.get("/overview.json")).data
    assert (there["parked"], there["open"]) == (0, 1)
    assert {row["municipality"] for row in (await reader.get("/endpoints.json")).data["rows"]} <= {ELSEWHERE}
    everybody = await room.visitor("all")
    await everybody.post(f"/messages/{own}/body", reason="a good reason")
    assert not (await reader.get("/audit.json")).data["rows"]
    assert [row["action"] for row in (await watcher.get("/audit.json")).data["rows"]] == ["body.masked"]


async def test_a_name_is_locked_after_wrong_passwords_and_opens_again(room: Room) -> None:
    """Three wrong ones lock for a while, the right one too; what was tried stands in the audit, a guessed name not."""
    visitor = Visitor(room.app)
    for _ in range(3):
        answer = await visitor.sign_in("all", "wrong")
        assert (answer.status, "CB8002" in answer.text) == (401, True)
    locked = await visitor.sign_in("all")
    assert (locked.status, int(locked.headers["retry-after"])) == (429, 901 - 0)
    assert (await visitor.sign_in("not-there", PASSWORD)).status == 401
    room.clock.at += 900
    assert (await visitor.sign_in("all")).status == 303
    rows = (await visitor.get("/audit.json")).data["rows"]
    assert [(row["actor"], row["action"]) for row in reversed(rows)] == [
        *[("console:all", "sign-in.refused")] * 4,
        ("console:?", "sign-in.refused"),
        ("console:all", "sign-in"),
    ]


async def test_sessions_end(room: Room) -> None:
    """By themselves after a while without a request, and when somebody signs out; a made-up token opens nothing."""
    visitor = await room.visitor("all")
    room.clock.at += 599
    assert (await visitor.get("/")).status == 200
    room.clock.at += 601
    assert (await visitor.get("/")).status == 303
    again = await room.visitor("all")
    token = again.cookie
    assert (await again.post("/sign-out")).headers["location"] == "/sign-in"
    again.cookie = token
    assert (await again.get("/")).status == 303
    assert (await Visitor(room.app, cookie="x" * 43).get("/")).status == 303


async def test_the_door_leads_nowhere_else(room: Room) -> None:
    """Where somebody goes after signing in is an address of the console, whatever the link said."""
    for there in ("//elsewhere.example/", "https://elsewhere.example", "/\\elsewhere.example", "javascript:x", "/a\nb"):
        answer = await Visitor(room.app).post("/sign-in", name="all", password=PASSWORD, next=there)
        assert answer.headers["location"] == "/", there
    answer = await Visitor(room.app).post("/sign-in", name="all", password=PASSWORD, next="/parked")
    assert answer.headers["location"] == "/parked"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


async def test_every_answer_has_the_headers(room: Room) -> None:
    """Pages, twins, refusals, assets and addresses that are not there."""
    visitor = await room.visitor("all")
    for path in ("/", "/overview.json", "/messages?since=x", "/static/console.css", "/nowhere", "/sign-in", "/health"):
        answer = await visitor.get(path)
        assert {name.lower(): answer.headers[name.lower()] for name in HEADERS} == {
            name.lower(): value for name, value in HEADERS.items()
        }, path
        assert "<script" not in answer.text


async def test_a_form_is_bounded_and_of_its_kind(room: Room) -> None:
    """Too large, too many fields, another media type, bytes that are no text: CB8008."""
    visitor = await room.visitor("all")
    path = f"/messages/{room.notices[0].exchange_id}/body.json"
    for body, kind in (
        (b"reason=" + b"x" * 20_000, "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % at for at in range(100)), "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"reason=%ff%fe", "application/x-www-form-urlencoded"),
        (b"reason=\xff", "application/x-www-form-urlencoded"),
    ):
        answer = await visitor.ask("POST", path, body, {"content-type": kind})
        assert (answer.status, answer.data["code"]) == (400, "CB8008")
