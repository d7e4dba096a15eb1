"""Where the time of a direct call goes: each step of the pipeline on its own, with journal and network taken out.

The steps run exactly as in the bus, on the same tables, with a journal that stores nothing and a sender that answers
at once; so every coroutine runs to its end without waiting, and the time inside a step is processor time.
"""

from __future__ import annotations

import base64
import inspect
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from statistics import median
from typing import Any

from bus import pipeline
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.ids import SystemIds
from bus.core.ports import HttpReply
from bus.pipeline import STEPS, House, build_tables
from bus.wire.contract import contracts
from bus.wire.http import XML, Request
from harness.bus import MUNICIPALITY, write_site
from harness.messages import Pair, content
from schemas.catalog import load_edition

ROUNDS = 2000
BLOCK = 200


class NoJournal:
    """Stores nothing, knows nothing."""

    async def accept(self, acceptance: Any) -> None:
        """Take it."""

    async def record(self, transitions: Sequence[Any]) -> None:
        """Take them."""

    def find(self, municipality: str, sender: str, message_id: str) -> None:
        """Nothing is known."""


@dataclass
class Echo:
    """Answers every call with the same reply."""

    reply: bytes

    async def post(self, endpoint: Any, body: bytes, headers: Any, deadline_s: float) -> HttpReply:
        """The reply, at once."""
        now = time.time()
        return HttpReply(200, XML, self.reply, now, now)


@dataclass
class Watch:
    """Seconds inside each step."""

    seconds: dict[str, float] = field(default_factory=dict)

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function with its time taken."""
        self.seconds[name] = 0.0

        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def timed_async(*arguments: Any) -> Any:
                start = time.perf_counter()
                try:
                    return await function(*arguments)
                finally:
                    self.seconds[name] += time.perf_counter() - start

            return timed_async

        @wraps(function)
        def timed(*arguments: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                self.seconds[name] += time.perf_counter() - start

        return timed


def run_now(coroutine: Any) -> Any:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("a step waited although journal and sender answer at once")


def measure(folder: Path, pair: Pair, *, opaque: bool) -> dict[str, float]:
    """Microseconds per message of each step of a direct call, medians over blocks of calls; ``total`` is all of it."""
    keys = write_site(folder, port=0, target="http://127.0.0.1:9/", opaque=opaque)
    site = load_site(folder)
    edition = load_edition(site.edition)
    clock = SystemClock()
    written: list[int] = []
    house = House(
        tables=build_tables(site, edition, contracts(edition)),
        journal=NoJournal(),
        sender=Echo(pair.reply),
        outbox=None,
        clock=clock,
        ids=SystemIds(clock),
        log=lambda *arguments, **fields: written.append(1),
    )
    credential = base64.b64encode(f"caller:{keys['caller']}".encode()).decode("ascii")
    headers: Mapping[str, str] = {
        "content-type": XML,
        "soapaction": f'"{pair.action}"',
        "authorization": f"Basic {credential}",
    }
    request = Request("POST", f"/{MUNICIPALITY}/caller/juki", headers, pair.request)
    logging.disable(logging.CRITICAL)
    watch = Watch()
    names = {step: function.__name__ for _, step, function in STEPS}
    originals = {name: getattr(pipeline, name) for name in names.values()}
    samples: dict[str, list[float]] = {}
    try:
        for step, name in names.items():
            setattr(pipeline, name, watch.wrap(step, originals[name]))
        for block in range(ROUNDS // BLOCK + 1):
            watch.seconds = dict.fromkeys(watch.seconds, 0.0)
            start = time.perf_counter()
            for _ in range(BLOCK):
                response = run_now(pipeline.process(house, request))
                if response.status != 200 or content(response.body) != content(pair.reply):
                    raise RuntimeError(f"wrong answer {response.status}: {response.body[:300]!r}")
            total = time.perf_counter() - start
            if block:  # the first one warms up
                for step, seconds in {**watch.seconds, "total": total}.items():
                    samples.setdefault(step, []).append(seconds / BLOCK * 1e6)
    finally:
        for name, original in originals.items():
            setattr(pipeline, name, original)
        logging.disable(logging.NOTSET)
    return {step: median(values) for step, values in samples.items()}
