"""Everything that is certified, running: vendors' systems and adapters in a thread of this process, the bus beside it.

The vendors' systems hold the reference population of the suite, each in its own form (its house rules, not the
adapters' mappings, brought it there).
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adapters.host.process import Host, find_adapter
from adapters.simulators import dialects
from adapters.simulators.a_juki import AJuki
from adapters.simulators.a_juki import serve as serve_juki
from adapters.simulators.estate import CloudEstate, Estate, HostEstate, OpenEstate
from adapters.simulators.estate import serve as serve_estate
from bus.core.config import load_site
from conformance import reference
from conformance.peer import Peer, serving
from schemas.model import Edition, RecordType
from tests.certify.site import MUNICIPALITY, Subject, write_site
from tests.support.network import accepts
from tests.support.polling import until
from tests.support.processes import running

OWN_SYSTEMS = frozenset({("a", "juki")})
"""Units of vendors whose system is a simulation of its own, beside the estate of the vendor."""
SPACE = "\u3000"
TOKEN = "certify-token"
START_S = 300.0


@dataclass(slots=True)
class Loop:
    """An event loop in a thread of its own, with what runs in it until ``stop``."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    stops: list[Callable[[], Any]] = field(default_factory=list)
    running: list[Any] = field(default_factory=list)

    def start(self) -> None:
        """Begin."""
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    thread: threading.Thread = field(init=False)

    def do(self, work: Any) -> Any:
        """The result of a coroutine that runs in the loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(START_S)

    def keep(self, work: Any, end: Callable[[Any], Any]) -> None:
        """Run a coroutine until the end; ``end`` is told its task."""

        async def begin() -> asyncio.Task[Any]:
            return asyncio.create_task(work)

        task = self.do(begin())
        self.running.append(task)
        self.stops.append(lambda: end(task))

    def stop(self) -> None:
        """End everything, last first, and the thread."""

        async def ended() -> None:
            for stop in reversed(self.stops):
                stop()
            await asyncio.gather(*self.running, return_exceptions=True)

        self.do(ended())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(START_S)
        self.loop.close()


def ports(count: int) -> list[int]:
    """Ports that nobody uses at this moment, each once."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in held]


def enter(estate: Estate, edition: Edition, unit: str) -> list[str]:
    """Put the records that the reference population knows of a unit into the vendor's system; cases it cannot hold."""
    unheld = []
    for question in reference.questions(edition.units[unit]):
        record = edition.units[unit].records[edition.units[unit].operations[question.operation].record]
        face = estate.face(f"{unit}.{record.name}")
        try:
            rows = [to_form(estate, unit, record, one) for one in question.answers]
        except ValueError:
            unheld.append(question.case)
            continue
        estate.holdings.put_own(face, rows)
    return unheld


def to_form(estate: Estate, unit: str, record: RecordType, values: Mapping[str, str]) -> dict[str, str]:
    """A record as the vendor's clerks would enter it. Errors: ValueError where its form or characters do not allow it.

    Vendors B and C ask for the family name, so a name cannot begin with the space; A's characters are those of JEF.
    """
    for item in record.items:
        if estate.vendor != "a" and item.format == "shimei" and values.get(item.name, "").startswith(SPACE):
            raise ValueError(item.name)
    row = dialects.to_vendor(estate.vendor, estate.edition.units[unit], record, values)
    if estate.vendor == "a":
        estate.paper(estate.face(f"{unit}.{record.name}"), [row])
    return row


def enter_residents(system: AJuki, edition: Edition) -> list[str]:
    """The same for the register of vendor A, which is a system of its own."""
    held = []
    for one in reference.residents():
        if not one["atenabango"].isdecimal():
            continue  # its telegrams have digits there
        try:
            system.enter([dict(one)])
        except ValueError:
            continue
        held.append(one["atenabango"])
    return [
        question.case
        for question in reference.questions(edition.units["juki"])
        if any(one["atenabango"] not in held for one in question.answers)
    ]


@contextmanager
def natives(edition: Edition, units: Sequence[str]) -> Iterator[list[Subject]]:
    """The suite's own reference provider of each unit, serving."""
    with ExitStack() as stack:
        found = []
        for unit in units:
            host, port = stack.enter_context(serving(Peer(edition, edition.units[unit])))
            found.append(Subject(unit, address=f"http://{host}:{port}/subject"))
        yield found


@contextmanager
def vendors(
    folder: Path, edition: Edition, subjects: Sequence[Subject]
) -> Iterator[tuple[Mapping[str, str], list[Subject]]]:
    """The vendors' systems with the reference population in them: where each is, and what it cannot hold."""
    loop = Loop()
    loop.start()
    try:
        unheld: dict[tuple[str, str], list[str]] = {}
        places = _systems(loop, folder, edition, subjects, unheld)
        yield places, [replace(one, unheld=tuple(unheld.get((one.vendor, one.unit), ()))) for one in subjects]
    finally:
        loop.stop()


def _systems(
    loop: Loop, folder: Path, edition: Edition, subjects: Sequence[Subject], unheld: dict[tuple[str, str], list[str]]
) -> dict[str, str]:
    places: dict[str, str] = {}
    kinds: Mapping[str, type[Estate]] = {"a": HostEstate, "b": CloudEstate, "c": OpenEstate}
    for vendor, kind in kinds.items():
        units = tuple(one.unit for one in subjects if one.vendor == vendor and (vendor, one.unit) not in OWN_SYSTEMS)
        if units:
            more = {"token": TOKEN} if vendor == "b" else {}
            estate = kind(folder / "sim" / vendor, edition, units, **more)
            for unit in units:
                unheld[vendor, unit] = enter(estate, edition, unit)
            told = _served(loop, lambda ready, one=estate: serve_estate(one, ready))
            places[vendor] = told["tcp"] if vendor == "a" else told["panel"]
    if any((one.vendor, one.unit) == ("a", "juki") for one in subjects):
        system = AJuki(folder / "sim" / "a" / "juki", MUNICIPALITY)
        unheld["a", "juki"] = enter_residents(system, edition)
        places["a-juki"] = _served(loop, lambda ready: serve_juki(system, ready))["tcp"]
    return places


def _served(loop: Loop, serve: Callable[[Callable[[Mapping[str, str]], None]], Any]) -> Mapping[str, str]:
    told: list[Mapping[str, str]] = []
    loop.keep(serve(told.append), lambda task: task.cancel())
    until(lambda: told or loop.running[-1].done(), within_s=START_S, what="a vendor's system to listen")
    if not told:
        loop.running[-1].result()
    return told[0]


@contextmanager
def adapters(folder: Path, edition: Edition, subjects: Sequence[Subject]) -> Iterator[None]:
    """The adapters of a site folder."""
    loop = Loop()
    loop.start()
    site = load_site(folder)
    try:
        for one in subjects:
            host = Host(site, find_adapter(site, one.id), edition)
            host.build()
            stop = asyncio.Event()
            loop.keep(host.run(stop), lambda _task, event=stop: event.set())
        for one in subjects:
            until(lambda port=one.port: accepts(port), within_s=START_S, what=f"{one.id} to listen")
        yield
    finally:
        loop.stop()


@contextmanager
def bus(folder: Path, port: int) -> Iterator[str]:
    """The bus of a site folder as a process; its address."""
    command = [sys.executable, "-m", "bus.cli", "serve", "--site", folder]
    with running(command, log=folder / "bus.log", ready=lambda: accepts(port), within_s=START_S):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def in_front_of_natives(folder: Path, edition: Edition, units: Sequence[str]) -> Iterator[tuple[str, list[Subject]]]:
    """The bus before reference providers; its address and the subjects."""
    with natives(edition, units) as subjects:
        (port,) = ports(1)
        write_site(folder, edition, port, subjects, {})
        with bus(folder, port) as address:
            yield address, subjects


@contextmanager
def in_front_of_adapters(
    folder: Path, edition: Edition, chosen: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, list[Subject]]]:
    """The bus before the shipped adapters of (vendor, unit) pairs; its address and the subjects."""
    port, *rest = ports(1 + len(chosen))
    subjects = [Subject(unit, vendor, port=at) for (vendor, unit), at in zip(chosen, rest, strict=True)]
    with vendors(folder, edition, subjects) as (places, subjects):
        write_site(folder, edition, port, subjects, places)
        with adapters(folder, edition, subjects), bus(folder, port) as address:
            yield address, subjects
