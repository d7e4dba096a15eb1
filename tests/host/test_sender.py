"""What the bus's answers mean for a letter: taken, again later, or refused for good."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from bus.core.errors import ChiikibusError
from tests.host.fake_bus import Taken, fault
from tests.host.place import Place, ido_file
from tests.host.test_file_to_bus import residents
from tests.support.polling import until_async


def text(status: int, body: str, **headers: str) -> web.Response:
    """An HTTP-level refusal."""
    return web.Response(status=status, text=body, content_type="text/plain", headers=headers)


@pytest.mark.parametrize(
    "response",
    [
        lambda: text(401, "CB2001 認証できません / no"),
        lambda: text(404, "CB1015 宛先が見つかりません / no"),
        lambda: text(502, "bad gateway"),
        lambda: text(429, "slow down", **{"Retry-After": "1"}),
        lambda: fault(ChiikibusError("CB4001")),
        lambda: web.Response(status=200, body=b"<html>", headers={"Content-Type": "text/html"}),
        lambda: web.Response(status=500, body=b"<broken", headers={"Content-Type": "text/xml"}),
    ],
)
@pytest.mark.slow
async def test_what_says_nothing_about_the_message_is_repeated(place: Place, response: object) -> None:
    """Wrong credential or address, gateways, a full bus: the letter waits and goes when the answer is better."""
    answers: list[int] = []

    async def behave(_taken: Taken) -> web.Response | None:
        answers.append(1)
        return response() if len(answers) == 1 else None

    place.bus.behaviour = behave
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", ido_file(residents(1)))
        await until_async(lambda: place.status("a-juki")["outbox"] == {"sent": 1})
    assert len(answers) == 2


@pytest.mark.parametrize("code", ["CB1013", "CB2003", "CB2005", "CB3001", "E0001", "CB5006"])
async def test_a_fault_that_no_repetition_mends_refuses_the_letter(place: Place, code: str) -> None:
    """The code of the bus stands in the store; nothing is sent twice."""
    asked: list[int] = []

    async def behave(_taken: Taken) -> web.Response | None:
        asked.append(1)
        return fault(ChiikibusError(code))

    place.bus.behaviour = behave
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", ido_file(residents(1)))
        await until_async(lambda: place.status("a-juki")["outbox"] == {"refused": 1})
        await until_async((place.path("a-juki", "out") / "error" / "IDO_0001.DAT.ERR.csv").exists)
    assert len(asked) == 1
    assert place.status("a-juki", detail=True)["refused_list"][0]["code"] == code


@pytest.mark.slow
async def test_a_bus_that_does_not_answer_is_asked_again_after_the_deadline(place: Place) -> None:
    """A hanging bus holds nothing up for ever."""

    hang = asyncio.Event()

    async def behave(_taken: Taken) -> web.Response | None:
        if not hang.is_set():
            hang.set()
            await asyncio.Event().wait()
        return None

    place.bus.behaviour = behave
    async with place.running("a-juki") as host:
        host.sender.deadline_s = 0.3
        place.drop("IDO_0001.DAT", ido_file(residents(1)))
        await until_async(lambda: place.status("a-juki")["outbox"] == {"sent": 1})
    assert len(place.bus.taken) == 1
