"""The site of the simulated towns: three systems in each, with the same names, their routes and rights, ids, broker."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from bus.broker.memory import MemoryBroker
from bus.core.ports import Consignment
from bus.core.settings import DeliverySettings, Municipality, Site
from bus.core.types import Endpoint, Mode, Right, Route
from bus.journal.schema import open_for_writing
from bus.pipeline import Tables, build_tables
from tests.pipeline import fakes, messages
from tests.simulation import letters
from tests.simulation.plan import RECEIVERS, TOWNS, Plan, Weather

SETTINGS = DeliverySettings(
    retry_first_s=0.5, retry_max_s=6.0, retry_limit=5, breaker_failures=3, breaker_open_s=3.0, sweep_s=1.0
)


@cache
def empty_journal() -> bytes:
    """The file of a new journal: made once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        open_for_writing(path).close()
        return path.read_bytes()


def endpoints(plan: Plan) -> tuple[Endpoint, ...]:
    """Three systems in each of two towns, with the same names."""
    units = (("juki", "juki", "jumin"), ("tax", "kojinjuminzei", "kazei"), ("kokuho", "kokuho", "kokuho"))
    return tuple(
        Endpoint(
            name, town, unit, purpose=purpose, address=f"http://{town}/{name}", secret=letters.secret_of(town, name),
            concurrency=plan.concurrency, timeout_s=plan.timeout_s,
        )
        for town in TOWNS
        for name, unit, purpose in units
    )  # fmt: skip


@cache
def tables(concurrency: int, timeout_s: float, expires_s: float, on_park: Any, paused: tuple[str, ...]) -> Tables:
    """The tables of such a site."""
    shape = Plan(0, (), (), 0, concurrency, expires_s, on_park, timeout_s)
    rights, routes = [], []
    for town in TOWNS:
        rights += [
            Right(town, "tax", "juki.jumin_shokai", ("kazei",)),
            Right(town, "juki", "juki.ido_tsuchi", ("jumin",)),
            Right(town, "tax", "juki.ido_tsuchi", ("kazei",)),
            Right(town, "kokuho", "juki.ido_tsuchi", ("kokuho",), frozenset({letters.WITHHELD_ITEM})),
        ]
        routes += [
            Route(town, "juki.jumin_shokai", ("juki",), Mode.DIRECT, deadline_s=3.0),
            Route(town, "juki.ido_tsuchi", RECEIVERS, Mode.QUEUED, expires_s=expires_s, on_park=on_park),
        ]
    own = tuple(replace(each, paused=each.key in paused) for each in endpoints(shape))
    site: Site = fakes.site(endpoints=own, rights=tuple(rights), routes=tuple(routes))
    site = replace(site, municipalities=tuple(Municipality(town, "地域市（架空）") for town in TOWNS))
    return build_tables(site, messages.edition(), messages.compiled())


class Ids:
    """Ids in order; a new life does not use those of the last one."""

    def __init__(self) -> None:
        self._next = itertools.count(1)

    def exchange(self) -> str:
        """32 hexadecimal digits that sort by time."""
        return f"{next(self._next):032x}"

    def message(self) -> str:
        """A message id of the bus itself."""
        return f"urn:uuid:11111111-0000-4000-8000-{next(self._next):012x}"


class FaultyBroker(MemoryBroker):
    """The broker in memory, out of reach at times, and saying no to what it took."""

    def __init__(self, load_body: Any, weather: Weather) -> None:
        super().__init__(64 * 1024, load_body)
        self._weather, self._calls = weather, itertools.count()

    async def publish(self, consignments: Sequence[Consignment]) -> None:
        """As the broker, or not."""
        call = next(self._calls)
        if self._weather.strikes("broker_gone", "", call):
            raise OSError("out of reach (simulated)")
        await super().publish(consignments)
        if self._weather.strikes("broker_doubles", "", call):
            raise OSError("unconfirmed (simulated)")
