"""One attempt of one delivery: send once, and turn whatever happens into the transition to be recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from bus.core.errors import ChiikibusError, DeliveryError, JournalError, WireError
from bus.core.ports import Clock, Consignment, HttpReply, Journal, Outgoing, Sender, Transition, Verdict
from bus.core.settings import DeliverySettings
from bus.core.states import State
from bus.core.types import Endpoint, Finding
from bus.deliver.breaker import Breaker, Breakers
from bus.deliver.retry import after_failure
from bus.wire.attachments.media import is_multipart


class Courier:
    """Sends for one worker and tells the endpoint's breaker how it went. ``random`` is in [0, 1)."""

    def __init__(
        self,
        journal: Journal,
        sender: Sender,
        outgoing: Outgoing,
        breakers: Breakers,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._journal = journal
        self._sender = sender
        self._outgoing = outgoing
        self._breakers = breakers
        self._clock = clock
        self._random = random

    async def attempt(
        self, consignment: Consignment, attempt: int, endpoint: Endpoint, settings: DeliverySettings
    ) -> Transition:
        """The outcome of attempt number ``attempt``: DELIVERED, REPLIED, RETRY_WAIT or PARKED.

        An endpoint that cannot be reached, is busy (503) or refuses the bus's credential counts as a failure of
        the endpoint; whatever it answers otherwise is about this message only.
        """
        breaker = self._breakers.of(endpoint.key)
        sending = consignment.carrying(consignment.raw, attempt)
        request_out = 0.0
        reduced: Finding | None = None
        try:
            if not sending.raw:
                sending = consignment.carrying(self._stored(consignment.exchange_id), attempt)
            body, headers, reduced = self.request(sending, endpoint)
            request_out = self._clock.now()
            if is_multipart(sending.content_type):
                reply = await self._post_package(sending, endpoint, headers)
            else:
                reply = await self._sender.post(endpoint, body, headers, endpoint.timeout_s)
            verdict = await self.judge(sending, reply)
        except ChiikibusError as error:
            if isinstance(error, DeliveryError) and error.entry.retryable:
                self.failed(breaker, error)
            elif isinstance(error, DeliveryError):
                breaker.success()
            state = State.RETRY_WAIT if error.entry.retryable else State.PARKED
            verdict = Verdict(state, error.code, _detail(error.findings, reduced), float(error.retry_after_s))
            return self._transition(sending, settings, verdict, request_out, 0.0)
        except Exception as error:
            # A defect of ours must not leave a delivery in limbo: it is parked where an operator sees it.
            finding = Finding("CB9001", path="courier", got=type(error).__name__)
            verdict = Verdict(State.PARKED, "CB9001", json.dumps([finding.as_dict()]))
            return self._transition(sending, settings, verdict, request_out, 0.0)
        if reduced is not None:
            verdict = _with(verdict, reduced)
        if reply.status == 503 or verdict.code == "CB5008":
            breaker.failure()
        else:
            breaker.success()
        if verdict.state is State.RETRY_WAIT and reply.retry_after_s > verdict.retry_after_s:
            verdict = replace(verdict, retry_after_s=reply.retry_after_s)
        response_in = reply.answered_at or self._clock.now()
        return self._transition(sending, settings, verdict, reply.sent_at or request_out, response_in)

    def _stored(self, exchange_id: str) -> bytes:
        """The message from the journal. Errors: CB4030, CB4031 park, as one that is not there does; CB4006 waits."""
        raw = self._journal.body(exchange_id)
        if not raw:
            raise JournalError("CB4031", [Finding("CB4031", path=exchange_id, got="missing")])
        return raw

    def request(
        self, sending: Consignment, endpoint: Endpoint
    ) -> tuple[bytes, Sequence[tuple[str, str]], Finding | None]:
        """Body and headers of this attempt, and the record of what was withheld. Errors: any coded error."""
        return self._outgoing.request(sending, endpoint)

    async def judge(self, sending: Consignment, reply: HttpReply) -> Verdict:
        """What the answer means."""
        return await self._outgoing.judge(sending, reply)

    def failed(self, breaker: Breaker, error: ChiikibusError) -> None:
        """The endpoint could not be reached, or did not answer."""
        breaker.failure(error.code)

    async def _post_package(
        self, sending: Consignment, endpoint: Endpoint, headers: Sequence[tuple[str, str]]
    ) -> HttpReply:
        """The bytes as they were received, from their segment. Errors: CB1058 parks."""
        package = self._journal.package(sending.exchange_id)
        if package is None:
            raise WireError("CB1058", [Finding("CB1058", path="attachments", got="no row")])
        return await self._sender.post_package(endpoint, package, headers, endpoint.timeout_s)

    def _transition(
        self,
        sent: Consignment,
        settings: DeliverySettings,
        verdict: Verdict,
        request_out: float,
        response_in: float,
    ) -> Transition:
        now = self._clock.now()
        if verdict.state is State.RETRY_WAIT:
            failed = after_failure(sent, settings, verdict, now=now, random=self._random())
            return replace(failed, request_out=request_out, response_in=response_in)
        kept = verdict.reply or HttpReply(0, "", b"")
        return Transition(
            sent.delivery_id,
            verdict.state,
            now,
            attempt=sent.attempt,
            code=verdict.code,
            detail=verdict.detail,
            request_out=request_out,
            response_in=response_in,
            reply=kept.body,
            reply_status=kept.status,
            reply_content_type=kept.content_type,
            reply_package=kept.package,
        )


def _detail(findings: Sequence[Finding], reduced: Finding | None = None) -> str:
    """The findings as JSON; they never hold personal data."""
    told = [finding.as_dict() for finding in (*findings, *((reduced,) if reduced is not None else ()))]
    return json.dumps(told, ensure_ascii=False) if told else ""


def _with(verdict: Verdict, reduced: Finding) -> Verdict:
    """The verdict with the record that the message was sent without some items: both digests, no value."""
    told = [*(json.loads(verdict.detail) if verdict.detail else ()), reduced.as_dict()]
    return replace(verdict, detail=json.dumps(told, ensure_ascii=False))
