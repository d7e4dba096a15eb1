"""Driving a provider: its description is fetched, every case is sent, and all of it becomes a bundle of evidence."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version

from lxml import etree

from conformance import reference
from conformance.documents import read
from conformance.driver import population
from conformance.driver.cases import CASES, Base
from conformance.driver.transport import Answer, Transport
from conformance.evidence import IMPOSSIBLE, UNHELD, Bundle, Circumstances, Exchange, masked
from conformance.http1 import parse
from conformance.payloads import request
from conformance.rooms.behaviour import REFERENCE
from conformance.rooms.population import ANSWERS
from schemas.model import Edition, Unit

SUITE = "1.0"
OK = 200
"""Only what comes with this status is a description; a fault in its place is none."""
ROLES = ("provider", "data", "wsdl")
Clock = Callable[[], str]


def now() -> str:
    """The time in UTC as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def versions() -> dict[str, str]:
    """What decides besides the suite."""
    libxml2 = ".".join(map(str, etree.LIBXML_VERSION))
    python, lxml = platform.python_version(), etree.__version__
    return {"python": python, "lxml": lxml, "libxml2": libxml2, "xmlschema": version("xmlschema")}


def first_inquiry(unit: Unit, operation: str = "") -> Base | None:
    """The right request of an operation: the one named, else the first inquiry, else the first that has samples.

    Inquiries are those of the reference population, whose answers are known.
    """
    for question in reference.questions(unit):
        if operation in ("", question.operation):
            asked = unit.operations[question.operation]
            empty = etree.Element(asked.input)
            return population.asking(Base(unit, asked, empty, "", ""), question)
    listed = [one for one in unit.operations.values() if operation in ("", one.name)]
    listed.sort(key=lambda one: one.pattern != "inquiry")
    for one in listed:
        payload = request(unit, one)
        if payload is not None:
            return Base(unit, one, payload, "", "")
    return None


def drive(
    base: Base, transport: Transport, edition: Edition, *, profile: str, subject: str, clock: Clock = now,
    only: Iterable[str] = (), headers: tuple[tuple[str, str], ...] = (), unheld: Iterable[str] = (),
) -> Bundle:  # fmt: skip
    """Send every case (or those of ``only``) and record what comes back. Errors of the other side are evidence too.

    The questions about the reference population are cases too (``reference``: all of them); ``unheld`` are those about
    records that the subject's system cannot hold.
    """
    started = clock()
    files: dict[str, bytes] = {}
    exchanges: list[Exchange] = []
    base = replace(base, headers=(*base.headers, *headers))
    described, left_out = b"", frozenset(unheld)
    for case, raw in requests(base, frozenset(only)):
        if raw is None or case in left_out:
            exchanges.append(Exchange(case, case, "", "", "suite", "subject", IMPOSSIBLE if raw is None else UNHELD))
            continue
        before = clock()
        answer = transport.send(raw)
        exchange = _recorded(files, case, raw, answer, before, clock())
        exchanges.append(exchange)
        if case == "wsdl" and exchange.response:
            parsed = parse(answer.raw, request=False)
            described = parsed.body if parsed is not None and parsed.head.status == OK else b""
    main = described_by(files, described, base.unit, edition)
    files[ANSWERS] = population.answers(base.unit)
    circumstances = Circumstances(
        profile, ROLES, subject, SUITE, edition.version, base.seed, started, clock(), base.unit.key, main, versions(),
        tuple(exchanges),
    )  # fmt: skip
    return Bundle(circumstances, files)


def requests(base: Base, only: frozenset[str] = frozenset()) -> Iterator[tuple[str, bytes | None]]:
    """The cases that are wanted with their requests; ``None`` for one that the operation has not."""
    for case, build in CASES.items():
        if not only or case in only:
            yield case, build(base)
    for case, raw in population.requests(base):
        if not only or case in only or REFERENCE in only:
            yield case, raw


def _recorded(
    files: dict[str, bytes], case: str, raw: bytes, answer: Answer, before: str, after: str
) -> Exchange:  # fmt: skip
    names = (f"exchanges/{case}.request", f"exchanges/{case}.response" if answer.raw else "")
    files[names[0]] = masked(raw)
    if names[1]:
        files[names[1]] = masked(answer.raw)
    return Exchange(case, case, names[0], names[1], "suite", "subject", answer.outcome, before, after, answer.tls)


def described_by(files: dict[str, bytes], served: bytes, unit: Unit, edition: Edition) -> str:
    """Put the served description beside the schemas of the edition; returns its name, empty where none was served."""
    if read(served).root is None:
        return ""
    main = f"wsdl/{unit.key}/{unit.wsdl.name}"
    files[main] = served
    home = edition.folder
    for schema in unit.schemas:
        inside = schema.is_relative_to(home)
        name = schema.relative_to(home).as_posix() if inside else f"{unit.key}/{schema.name}"
        files[f"wsdl/{name}"] = schema.read_bytes()
    return main
