"""Resend jobs of a site: the desk beside its bus, and what a job would send today, asked of tables and adapters."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from bus.app.stores import make_vault, open_side
from bus.core.errors import ChiikibusError
from bus.core.ports import Clock, Consignment
from bus.core.settings import Site
from bus.core.types import Endpoint
from bus.deliver.sender import PooledSender
from bus.journal.resend.desk import ResendDesk
from bus.journal.resend.material import material
from bus.journal.upkeep import audit
from bus.ops.rehearsal import Material, Rehearsal, rehearse
from bus.pipeline.deliver import outgoing_headers
from bus.pipeline.editions import action_of
from bus.pipeline.tables import Tables, build_tables
from bus.wire.attachments.media import is_multipart
from bus.wire.contract import contracts, used_units
from schemas.model import Edition

TRIAL: Final = "/trial/"
"""The address of an adapter at which it says what would become of a message; ``adapters.host.face`` serves it."""

TAKEN: Final = "taken"
KNOWN: Final = "known"
UNKNOWN: Final = "not asked"
TRIAL_S: Final = 10.0


class _Answer(msgspec.Struct):
    """What an adapter says. ``known``: it has the message already, and would answer as it did."""

    taken: bool
    known: bool = False
    code: str = ""


def open_resend(site: Site, clock: Clock, actor: str) -> ResendDesk:
    """The jobs of a site's journal; ``actor`` is written into everything. Errors: CB9005, CB4003."""
    return ResendDesk(open_side(site), clock, actor)


def process_name() -> str:
    """This process, as a job says who runs it."""
    return f"{socket.gethostname()}:{os.getpid()}"


def rehearse_job(
    site: Site, edition: Edition, desk: ResendDesk, number: int, clock: Clock, actor: str, limit: int, *, ask: bool
) -> list[Rehearsal]:
    """The first items of a job as they would go today; ``ask`` their adapters too. Nothing is sent to a vendor.

    Bodies are read for it and shown to nobody; the audit tells that this was done. Errors: CB4030, CB4004.
    """
    tables = build_tables(site, edition, contracts(edition, used_units(site)))
    database = desk.side.database
    job = desk.look(number)
    with desk.side.transaction() as within:
        audit.note(within, clock.now(), actor, "resend.try", municipality=job.selection.municipality,
                   subject=str(number), reason=job.reason, detail={"number": limit})  # fmt: skip
    found = list(material(database, make_vault(site), number, 0, limit))
    results: list[Rehearsal] = []
    questions: list[tuple[int, Endpoint, Consignment, bytes, str]] = []
    for consignment, tables_hash, attempts, findings in found:
        about = Material(consignment, tables_hash, attempts, findings)
        result, body, media_type = rehearse(tables, about, clock.now())
        endpoint = tables.endpoints.get((consignment.municipality, consignment.target))
        if endpoint is not None and _may_ask(endpoint, consignment, body):
            questions.append((len(results), endpoint, consignment, body, media_type))
        results.append(result)
    if ask and questions:
        answers = asyncio.run(_ask(tables, questions, clock))
        for (place, *_), answer in zip(questions, answers, strict=True):
            results[place] = replace(results[place], adapter=answer)
    return results


def _may_ask(endpoint: Endpoint, consignment: Consignment, body: bytes) -> bool:
    """Adapters of ours only: at anything else a message would be taken for real."""
    ours = bool(endpoint.adapter) and "/soap/" in endpoint.address and endpoint.security is None
    return ours and bool(body) and not is_multipart(consignment.content_type)


async def _ask(
    tables: Tables, questions: Sequence[tuple[int, Endpoint, Consignment, bytes, str]], clock: Clock
) -> list[str]:
    sender = PooledSender(clock)
    answers: list[str] = []
    try:
        for _, endpoint, consignment, body, media_type in questions:
            there = replace(endpoint, address=endpoint.address.replace("/soap/", TRIAL, 1))
            rewritten = media_type is not consignment.content_type
            action = action_of(tables, consignment)
            headers = outgoing_headers(consignment, there, rewritten=rewritten, action=action)
            try:
                reply = await sender.post(there, body, headers, TRIAL_S)
                answers.append(_said(reply.status, reply.body))
            except ChiikibusError as error:
                answers.append(error.code)
    finally:
        await sender.close()
    return answers


def _said(status: int, body: bytes) -> str:
    """An adapter's answer in a word: taken, known, or the code with which it would refuse."""
    if status != 200:
        return UNKNOWN
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        return UNKNOWN
    if answer.known:
        return KNOWN
    return TAKEN if answer.taken else answer.code
