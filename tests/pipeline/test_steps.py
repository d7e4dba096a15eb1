"""The thirteen steps are the documented ones, in their order."""

from __future__ import annotations

import inspect
import re
import sys
from types import FrameType
from typing import Any

from bus import pipeline
from bus.pipeline import STEPS, process
from bus.wire import envelope
from tests.pipeline.fakes import world
from tests.pipeline.messages import JUKI, addressing, inquiry, request

DOCUMENTED = (
    "identify",
    "parse",
    "envelope",
    "security",
    "authorise",
    "validate",
    "deduplicate",
    "route",
    "journal",
    "relay",
    "deliver",
    "answer",
    "record",
)


def test_there_are_thirteen_steps_in_the_documented_order() -> None:
    """The number and the names are those of the architecture."""
    assert [number for number, _, _ in STEPS] == list(range(1, 14))
    assert tuple(name for _, name, _ in STEPS) == DOCUMENTED


def test_the_first_page_tells_the_same_thirteen_steps() -> None:
    """What a newcomer reads first is what runs."""
    told = re.findall(r"^ ?(\d+) (\w+) ", pipeline.__doc__ or "", re.MULTILINE)
    assert told == [(str(number), name) for number, name, _ in STEPS]


async def test_a_direct_call_takes_every_step_but_the_relay_in_order() -> None:
    """The calls are observed from outside, not taken from the source."""
    town = world()
    seen: list[int] = []
    codes = {step.__code__: number for number, _, step in STEPS}

    def watch(frame: FrameType, event: str, _: Any) -> None:
        number = codes.get(frame.f_code)
        if event == "call" and number is not None and (not seen or seen[-1] != number):
            seen.append(number)

    raw = envelope.build(inquiry(), addressing=addressing("urn:uuid:1", f"{JUKI}/jumin_shokai"))
    sys.setprofile(watch)
    try:
        response = await process(town.house, request(raw))
    finally:
        sys.setprofile(None)
    assert response.status == 200
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13]


def test_every_step_of_the_list_is_called_by_process_with_its_number() -> None:
    """``process`` and its two halves carry the numbers beside the calls."""
    source = "".join(map(inspect.getsource, (process, pipeline._take, pipeline._call)))
    marked = {int(n) for line in source.splitlines() for n in re.findall(r"#\s(\d+)", line)}
    assert marked == set(range(1, 14))
