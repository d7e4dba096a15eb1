"""The pipeline's side of a queued delivery, by the tables of the moment: a reload counts from the next attempt on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from bus.core.errors import RightsError
from bus.core.ports import Consignment, HttpReply, Verdict
from bus.core.states import State
from bus.core.types import Endpoint, Finding, OnPark
from bus.pipeline.answer import REFUSED, judge_delivery
from bus.pipeline.at_once import settle
from bus.pipeline.attachments import unchanged
from bus.pipeline.deliver import outgoing_headers, protocol_headers
from bus.pipeline.disclosure import outgoing_body
from bus.pipeline.editions import action_of
from bus.pipeline.house import House
from bus.pipeline.late import LATE
from bus.pipeline.security import inspect_reply, protected
from bus.pipeline.sequence_out import in_sequence
from bus.pipeline.tables import ANSWER_SUFFIX
from bus.pipeline.tell import given_up
from bus.wire.attachments.media import is_multipart
from bus.wire.http import XML


class HouseOutgoing:
    """Implements ``bus.core.ports.Outgoing``; ``house`` gives the house as it stands now."""

    def __init__(self, house: Callable[[], House]) -> None:
        self._house = house

    def request(
        self, consignment: Consignment, endpoint: Endpoint, blocks: Sequence[Any] = ()
    ) -> tuple[bytes, Sequence[tuple[str, str]], Finding | None]:
        """The received bytes without what is withheld from this endpoint, all headers, and the record of that."""
        house = self._house()
        opener = house.tables.opener
        raw = consignment.raw if opener is None else opener.opened(consignment.raw)
        media_type = consignment.content_type if raw is consignment.raw else XML
        body, reduced = outgoing_body(house.tables, consignment, raw, media_type)
        if body is not raw:
            media_type = XML
        action = action_of(house.tables, consignment)
        if blocks:
            body = in_sequence(body, consignment, endpoint, action, blocks)
        if endpoint.security is not None:
            plain = body
            body = protected(house, endpoint, plain, media_type)
            media_type = media_type if body is plain else XML
        if is_multipart(consignment.content_type):
            unchanged(body, consignment.raw)
        rewritten = media_type is not consignment.content_type
        return body, outgoing_headers(consignment, endpoint, rewritten=rewritten, action=action), reduced

    def protocol(self, endpoint: Endpoint, raw: bytes, action: str) -> tuple[bytes, Sequence[tuple[str, str]]]:
        """A message of the bus itself, signed where the endpoint's policy says so, with its HTTP headers."""
        if endpoint.security is not None:
            raw = protected(self._house(), endpoint, raw, XML)
        return raw, protocol_headers(endpoint, action)

    def opened(self, endpoint: Endpoint, reply: HttpReply, message_id: str) -> HttpReply:
        """The answer to one, checked where the endpoint's policy says so."""
        if endpoint.security is None or reply.status in REFUSED:
            return reply
        return inspect_reply(self._house(), endpoint, reply, message_id)

    async def judge(self, consignment: Consignment, reply: HttpReply) -> Verdict:
        """By the operation's contract: a receipt, the answer itself, a fault to retry, or a reason to park."""
        house = self._house()
        target = house.tables.endpoints.get((consignment.municipality, consignment.target))
        known = house.tables.standard(target).operations
        operation = known.get(consignment.operation.removesuffix(ANSWER_SUFFIX))
        if target is not None and target.security is not None and reply.status not in REFUSED:
            late = operation is not None and operation.pattern == LATE and reply.status == 202 and not reply.body
            try:
                reply = reply if late else inspect_reply(house, target, reply, consignment.message_id)
            except RightsError as error:
                if reply.package is not None:
                    house.discard(reply.package)
                # Nobody knows who answered: the target may have the message or not, and knows it by its id.
                return Verdict(State.RETRY_WAIT, error.code)
        state, code, findings = judge_delivery(consignment, operation, reply)
        kept: HttpReply | None = None
        if state is State.REPLIED and operation is not None:
            state, code, findings, kept = await settle(house, consignment, operation, reply)
        if reply.package is not None:
            house.discard(reply.package)
        detail = json.dumps([finding.as_dict() for finding in findings], ensure_ascii=False) if findings else ""
        return Verdict(state, code, detail, reply=kept)

    async def given_up(self, consignment: Consignment, code: str) -> None:
        """A fault for the address that the request names. Errors: CB4001."""
        await given_up(self._house(), consignment, code)

    def on_park(self, consignment: Consignment) -> OnPark:
        """What the route says today; a message whose route is gone keeps blocking its keys."""
        tables = self._house().tables
        sender = tables.endpoints.get((consignment.municipality, consignment.sender))
        if sender is None:
            return OnPark.BLOCK
        prepared = tables.route_for(sender, consignment.operation.removesuffix(ANSWER_SUFFIX))
        return OnPark.BLOCK if prepared is None else prepared.route.on_park
