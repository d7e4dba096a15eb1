"""What each address of the console does: from a visit to the data that is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bus.console import bodies, desk, flows, jobs
from bus.console.openers import Workers
from bus.console.people import Person, Right
from bus.console.rendering import LANGUAGES, epoch
from bus.console.sessions import Sessions
from bus.console.visit import Moved, Shown, Visit
from bus.core.errors import ConsoleError
from bus.core.ports import Clock
from bus.core.settings import Site
from bus.core.types import Finding

Answer = Shown | Moved
Page = Callable[["House", Visit], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class House:
    """What the pages work with. ``names`` are Japanese item names by unit and element name."""

    site: Site
    clock: Clock
    workers: Workers
    sessions: Sessions
    doormen: ThreadPoolExecutor = field(repr=False)
    names: Mapping[str, Mapping[str, str]] = field(repr=False)

    def municipalities(self, person: Person) -> list[tuple[str, str]]:
        """Codes and names that the person may choose from."""
        return [(each.code, each.name_ja) for each in self.site.municipalities if person.sees(each.code)]


async def overview(house: House, visit: Visit) -> Answer:
    """What is open and what is parked, now."""
    person = visit.known.person
    return Shown(await house.workers.run(partial(desk.overview, house.clock.now(), person)))


async def flow_map(house: House, visit: Visit) -> Answer:
    """Who sends what to whom just now."""
    return Shown(await house.workers.run(partial(flows.flows, house.clock.now(), visit.known.person)))


async def messages(house: House, visit: Visit) -> Answer:
    """Search, newest first."""
    person, query = visit.known.person, visit.query
    choices = house.municipalities(person)
    municipality = query.get("municipality", "") or (choices[0][0] if person.municipalities and choices else "")
    question = desk.Question(
        municipality=municipality,
        operation=query.get("operation", "").strip(),
        endpoint=query.get("endpoint", "").strip(),
        state=query.get("state", ""),
        message_id=query.get("message_id", "").strip(),
        since=_time(query, "since"),
        until=_time(query, "until"),
        before=query.get("before", ""),
        limit=_number(query, "limit", desk.PAGE),
    )
    found = await house.workers.run(partial(desk.search, question, person))
    asked = {name: query.get(name, "") for name in ("operation", "endpoint", "state", "message_id", "since", "until")}
    return Shown({**found, "asked": asked | {"municipality": municipality},
                  "municipalities": [list(each) for each in choices]})  # fmt: skip


async def exchange(house: House, visit: Visit) -> Answer:
    """One exchange as a timeline."""
    return Shown(await house.workers.run(partial(desk.exchange, visit.path["exchange_id"], visit.known.person)))


async def body(house: House, visit: Visit) -> Answer:
    """The content, masked or plain, for a reason that is written down."""
    asked = partial(
        bodies.body,
        visit.path["exchange_id"],
        visit.form.get("reason", ""),
        house.clock.now(),
        visit.known.person,
        house.names,
        plain=visit.form.get("plain", "") == "yes",
    )
    return Shown(await house.workers.run(asked))


async def parked(house: House, visit: Visit) -> Answer:
    """Parked deliveries by cause."""
    return Shown(await house.workers.run(partial(desk.parked, visit.known.person)))


async def audit(house: House, visit: Visit) -> Answer:
    """Who saw and did what."""
    before, action = _number(visit.query, "before", 0), visit.query.get("action", "")
    found = await house.workers.run(partial(desk.audit_rows, visit.known.person, before=before, action=action))
    return Shown({**found, "action": action})


async def endpoints(house: House, visit: Visit) -> Answer:
    """The systems of the site with their addresses' hosts and what they may be sent."""
    person = visit.known.person
    rows = [
        {"municipality": each.municipality, "id": each.id, "name_ja": each.name_ja, "unit": each.unit,
         "edition": each.edition, "edition_until": each.edition_until, "adapter": each.adapter, "paused": each.paused,
         "receives": sorted(route.operation for route in house.site.routes
                            if route.municipality == each.municipality and each.id in route.targets)}
        for each in house.site.endpoints if person.sees(each.municipality)
    ]  # fmt: skip
    return Shown({"rows": rows})


async def code(_house: House, visit: Visit) -> Answer:
    """What a code means and what to do. Errors: CB8006."""
    wanted = visit.path["code"]
    found = desk.remedy(wanted)
    if not found["title_ja"]:
        raise desk.missing(wanted)
    return Shown({"code": wanted, **found})


async def job_list(house: House, visit: Visit) -> Answer:
    """Resend jobs, newest first."""
    before = _number(visit.query, "before", 0)
    return Shown(await house.workers.run(partial(jobs.listed, house.clock, visit.known.person, before=before)))


async def job(house: House, visit: Visit) -> Answer:
    """One resend job: what was planned, how far it is, what became of each message."""
    number, after = _path_number(visit), _number(visit.query, "after", 0)
    return Shown(await house.workers.run(partial(jobs.shown, number, house.clock, visit.known.person, after=after)))


async def plan(house: House, visit: Visit) -> Answer:
    """Plan a resend of a cause or of one delivery; nothing is sent yet."""
    number = await house.workers.run(partial(jobs.plan, visit.form, house.clock, visit.known.person))
    return Moved(f"/jobs/{number}")


def changing(what: str) -> Page:
    """The page that starts, pauses or cancels a job."""

    async def change(house: House, visit: Visit) -> Answer:
        number = _path_number(visit)
        await house.workers.run(partial(jobs.changed, what, number, house.clock, visit.known.person))
        return Moved(f"/jobs/{number}")

    return change


async def sign_in_form(_house: House, visit: Visit) -> Answer:
    """The form."""
    language = visit.query.get("language", "ja")
    return Shown({"next": local(visit.query.get("next", "/")), "language": language if language in LANGUAGES else "ja"})


async def sign_in(house: House, visit: Visit) -> Answer:
    """Open a session. Errors: CB8002, CB8003. What was tried is written down, a password never."""
    name = visit.form.get("name", "")[:40]
    loop = asyncio.get_running_loop()
    try:
        token, session = await loop.run_in_executor(
            house.doormen, house.sessions.sign_in, name, visit.form.get("password", "")[:1000]
        )
    except ConsoleError as error:
        known = name if house.sessions.knows(name) else "?"
        await _written(house, known, "sign-in.refused", detail={"code": error.code})
        raise
    session.language = visit.form.get("language", "ja") if visit.form.get("language") in LANGUAGES else "ja"
    await _written(house, session.person.name, "sign-in", subject=session.person.name)
    return Moved(local(visit.form.get("next", "/")), cookie=token)


async def sign_out(house: House, visit: Visit) -> Answer:
    """End the session."""
    house.sessions.end(visit.token)
    await _written(house, visit.known.person.name, "sign-out", subject=visit.known.person.name)
    return Moved("/sign-in", forget=True)


async def language(_house: House, visit: Visit) -> Answer:
    """Change the language of the session."""
    wanted = visit.form.get("language", "")
    if wanted not in LANGUAGES:
        raise _wrong("language", " | ".join(LANGUAGES))
    visit.known.language = wanted
    return Moved(local(visit.form.get("next", "/")))


async def health(house: House, _visit: Visit) -> Answer:
    """Whether the console can read the journal. Errors: CB4003, CB9005."""
    await house.workers.run(lambda connections: connections.side.database.execute("SELECT 1").fetchone())
    return Shown({"ok": True})


async def _written(house: House, name: str, action: str, **more: object) -> None:
    await house.workers.run(
        lambda connections: desk.note(house.clock.now(), name, action, connections, **more)  # type: ignore[arg-type]  # keywords of note
    )


def local(path: str) -> str:
    """A path on this console, whatever was asked for."""
    good = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isascii() and path.isprintable()
    return path if good and "\\" not in path else "/"


def _time(query: Mapping[str, str], name: str) -> float:
    try:
        return epoch(query.get(name, "").strip())
    except (ValueError, OverflowError, OSError) as error:
        raise _wrong(name, "2026-04-01T09:00") from error


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 15 or int(text) < 1:
        raise _wrong(name, "1 ..")
    return int(text)


def _path_number(visit: Visit) -> int:
    """The number in the path. Errors: CB8006."""
    text = visit.path["number"]
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise desk.missing(text)
    return int(text)


def _wrong(path: str, expected: str) -> ConsoleError:
    return ConsoleError(desk.WRONG_QUESTION, [Finding(desk.WRONG_QUESTION, path=path, expected=expected)])


@dataclass(frozen=True, slots=True)
class Way:
    """One address: ``right`` is what it takes (``None``: nothing), ``template`` is empty where it only moves on."""

    method: str
    path: str
    page: Page
    right: Right | None
    template: str = ""
    summary: str = ""
    query: tuple[str, ...] = ()


WAYS: Final = (
    Way("GET", "/", overview, Right.METADATA, "overview.html", "現在の状況 / the situation now"),
    Way("GET", "/flows", flow_map, Right.METADATA, "flows.html", "流れの地図 / who sends what to whom"),
    Way("GET", "/messages", messages, Right.METADATA, "messages.html", "電文の検索 / search of messages",
        ("municipality", "operation", "endpoint", "state", "message_id", "since", "until", "before", "limit")),
    Way("GET", "/messages/{exchange_id}", exchange, Right.METADATA, "exchange.html", "一つの連携 / one exchange"),
    Way("POST", "/messages/{exchange_id}/body", body, Right.BODY, "body.html", "本文（理由を記録） / its content"),
    Way("GET", "/parked", parked, Right.METADATA, "parked.html", "保留 / what is parked, by cause"),
    Way("GET", "/jobs", job_list, Right.METADATA, "jobs.html", "再送 / resend jobs", ("before",)),
    Way("GET", "/jobs/{number}", job, Right.METADATA, "job.html", "一つの再送 / one resend job", ("after",)),
    Way("POST", "/jobs", plan, Right.ACT, summary="再送の計画 / plan a resend"),
    Way("POST", "/jobs/{number}/start", changing("start"), Right.ACT, summary="再送の実行 / start"),
    Way("POST", "/jobs/{number}/pause", changing("pause"), Right.ACT, summary="再送の一時停止 / pause"),
    Way("POST", "/jobs/{number}/cancel", changing("cancel"), Right.ACT, summary="再送の取消し / cancel"),
    Way("GET", "/endpoints", endpoints, Right.METADATA, "endpoints.html", "システム / systems"),
    Way("GET", "/audit", audit, Right.METADATA, "audit.html", "監査記録 / who saw and did what", ("before", "action")),
    Way("GET", "/codes/{code}", code, Right.METADATA, "code.html", "コードの説明 / what a code means"),
    Way("GET", "/sign-in", sign_in_form, None, "sign_in.html", "サインイン / sign in", ("next", "language")),
    Way("POST", "/sign-in", sign_in, None, summary="サインイン / sign in"),
    Way("POST", "/sign-out", sign_out, Right.METADATA, summary="サインアウト / sign out"),
    Way("POST", "/language", language, Right.METADATA, summary="言語 / language"),
    Way("GET", "/health", health, None, "health.html", "稼働確認 / health"),
)  # fmt: skip
"""Every address but the assets and the description of all. A test goes through this table with wrong visitors."""
