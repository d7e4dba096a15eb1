"""What the pages show and what their JSON twins say; what must never be in them."""

from __future__ import annotations

import pytest

from bus.console.pages import WAYS
from bus.console.people import Right
from tests.console.room import CANARY, ELSEWHERE, NUMBER, Room
from tests.support.deliveries import MUNICIPALITY

pytestmark = pytest.mark.slow


async def test_the_situation_counts_what_is_open_and_why_it_is_parked(room: Room) -> None:
    """Two parked by two causes with what to do, one on its way with its age."""
    visitor = await room.visitor("all")
    found = (await visitor.get("/overview.json")).data
    assert (found["open"], found["parked"], found["states"]["ACCEPTED"]) == (3, 2, 1)
    assert {group["code"] for group in found["groups"]} == {"CB5004", "CB5007"}
    assert all(group["action_ja"] for group in found["groups"])
    (moving,) = [row for row in found["waiting"] if row["state"] == "ACCEPTED"]
    assert moving["age_s"] == 60
    page = (await visitor.get("/")).text
    assert 'lang="ja"' in page
    assert "保留" in page


async def test_the_map_counts_flows_by_what_became_of_them(room: Room) -> None:
    """One line for each flow with failures and what is under way; others' flows are not there; nothing older counts."""
    visitor, reader = await room.visitor("all"), await room.visitor("reader")
    found = (await visitor.get("/flows.json")).data
    counted = {
        (row["municipality"], row["target"]): (row["number"], row["failed"], row["waits"]) for row in found["flows"]
    }
    assert counted == {("990019", "tax"): (3, 2, 0), ("990019", ""): (1, 1, 0), ("990027", "tax"): (1, 0, 1)}
    assert {row["provider_s"] for row in found["flows"]} == {1.0, None}
    assert len(found["map"]["lines"]) == 2
    assert {each["id"] for each in found["map"]["systems"]} == {"juki", "tax"}
    assert [row["municipality"] for row in (await reader.get("/flows.json")).data["flows"]] == [ELSEWHERE]
    assert "<svg" in (await visitor.get("/flows")).text
    room.clock.at += 3600
    again = await room.visitor("all")
    assert not (await again.get("/flows.json")).data["flows"]


async def test_search_goes_on_page_by_page(room: Room) -> None:
    """Every row once, newest first; filters narrow; a wrong condition is told, never answered with nothing."""
    visitor = await room.visitor("all")
    seen: list[str] = []
    before = ""
    while True:
        page = (await visitor.get("/messages.json", limit="2", before=before)).data
        seen += [row["delivery_id"] for row in page["rows"]]
        before = page["next"]
        if not before:
            break
    assert len(seen) == len(set(seen)) == 5
    parked = (await visitor.get("/messages.json", state="PARKED")).data["rows"]
    assert [row["state"] for row in parked] == ["PARKED", "PARKED"]
    for wrong in ({"state": "NONE"}, {"since": "yesterday"}, {"limit": "0"}, {"limit": "-1"}, {"limit": "x"}):
        answer = await visitor.get("/messages.json", **wrong)
        assert (answer.status, answer.data["code"]) == (400, "CB8008"), wrong
    for strange in ("nothing-0", "x", "-", f"{room.notices[0].exchange_id}-x", "\u3042"):
        answer = await visitor.get("/messages.json", before=strange)
        assert (answer.status, answer.data["code"]) == (400, "CB8008"), strange


async def test_one_exchange_is_a_timeline_with_the_times_of_bus_and_provider(room: Room) -> None:
    """States in order, the two times, and what to do about the code."""
    visitor = await room.visitor("all")
    parked = room.notices[1]
    found = (await visitor.get(f"/messages/{parked.exchange_id}.json")).data
    assert [event["state"] for event in found["events"]] == ["ACCEPTED", "DISPATCHING", "PARKED"]
    (delivery,) = found["exchange"]["deliveries"]
    assert (delivery["provider_s"], delivery["bus_s"]) == (1, 0)
    assert delivery["remedy"]["action_en"]
    page = (await visitor.get(f"/messages/{parked.exchange_id}")).text
    assert page.count("<li><time>") == 3
    assert delivery["remedy"]["action_ja"] in page


async def test_content_is_masked_first_and_every_look_is_written_down(room: Room) -> None:
    """Masked: names of items and lengths. Plainly: the value. Both with who, what and why, before it is shown."""
    visitor = await room.visitor("all")
    path = f"/messages/{room.notices[0].exchange_id}/body"
    masked = await visitor.post(path, reason="市民からの照会（架空）")
    assert masked.status == 200
    assert CANARY not in masked.text
    assert "●" * len(CANARY) in masked.text
    assert "氏名" in masked.text
    plain = await visitor.post(path, reason="市民からの照会（架空）", plain="yes")
    assert CANARY in plain.text
    rows = (await visitor.get("/audit.json")).data["rows"]
    looks = [(row["action"], row["subject"], row["reason"]) for row in rows if row["action"].startswith("body.")]
    assert looks == [
        ("body.plain", room.notices[0].exchange_id, "市民からの照会（架空）"),
        ("body.masked", room.notices[0].exchange_id, "市民からの照会（架空）"),
    ]
    for reason in ("", "  a ", "x" * 201):
        refused = await visitor.post(f"{path}.json", reason=reason)
        assert (refused.status, refused.data["code"]) == (400, "CB8007")


async def test_nobodys_data_stands_on_any_page_that_does_not_show_content(
    room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name and number of the resident are on no page, in no twin, no refusal and no log."""
    visitor = await room.visitor("all")
    exchange = room.notices[1].exchange_id
    await visitor.post("/jobs", reason="a good reason", municipality=MUNICIPALITY, target="tax", code="CB5004")
    for way in WAYS:
        if way.method != "GET":
            continue
        path = way.path.replace("{code}", "CB5004").replace("{exchange_id}", exchange).replace("{number}", "1")
        for address in (path, f"{path}.json" if path != "/" else "/overview.json"):
            answer = await visitor.get(address)
            assert answer.status == 200, address
            assert CANARY not in answer.text
            assert NUMBER not in answer.text
    told = capsys.readouterr()
    assert CANARY not in told.out + told.err


PROBE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


async def test_what_somebody_typed_stays_text(room: Room) -> None:
    """In every query of every page, and in a reason: shown as text or refused, never as markup."""
    visitor = await room.visitor("all")
    for way in WAYS:
        if way.method != "GET" or "{" in way.path:
            continue
        for name in way.query:
            answer = await visitor.get(way.path, **{name: PROBE})
            assert "<script>alert" not in answer.text, (way.path, name)
            assert "<img src=x" not in answer.text, (way.path, name)
    shown = await visitor.post(f"/messages/{room.notices[0].exchange_id}/body", reason=PROBE)
    assert "<script>alert" not in shown.text
    assert "&lt;script&gt;" in shown.text
    assert "<script>alert" not in (await visitor.get("/audit")).text


async def test_every_page_is_there_in_both_languages(room: Room) -> None:
    """The switch changes all pages; English pages have no Japanese but the names of the site and the button."""
    visitor = await room.visitor("all")
    assert (await visitor.post("/language", language="en", next="/parked")).headers["location"] == "/parked"
    for way in WAYS:
        if way.method == "GET" and way.right is Right.METADATA and "{" not in way.path:
            page = (await visitor.get(way.path)).text
            assert '<html lang="en">' in page, way.path
    assert "What to do" in (await visitor.get("/parked")).text
    assert (await visitor.post("/language.json", language="fr")).data["code"] == "CB8008"


async def test_the_description_names_every_address(room: Room) -> None:
    """OpenAPI 3.1, from the same table."""
    visitor = await room.visitor("all")
    described = (await visitor.get("/openapi.json")).data
    assert described["openapi"] == "3.1.0"
    assert sum(len(methods) for methods in described["paths"].values()) == len(WAYS)


async def test_a_code_is_explained_and_an_unknown_one_is_not_there(room: Room) -> None:
    """What to do in both languages."""
    visitor = await room.visitor("all")
    assert (await visitor.get("/codes/CB5004.json")).data["action_en"]
    assert (await visitor.get("/codes/CB0000.json")).status == 404
