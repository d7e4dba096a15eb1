"""Runs that the page has started: each in a thread, with its events for the live log, and evidence when it is done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from conformance.driver.provider import drive, first_inquiry
from conformance.driver.transport import Answer, SocketTransport, Transport
from conformance.evidence import Bundle
from conformance.judge import Judgement, judge
from conformance.reports.fields import judgement_fields
from conformance.rooms.behaviour import cases_of
from conformance.standard import Standard
from conformance.verdicts import roll_up

MAX_RUNS: Final = 20
"""Older runs are forgotten: their evidence is on the page of whoever wanted it."""
DEADLINE_S: Final = 30.0
"""How long an answer of the subject is waited for."""
WAIT_S: Final = 15.0
"""How long a reader of events waits at most before it is told that the run still goes on."""


class Refused(Exception):
    """The page asked for what cannot be run; the text says what (a key of ``words.csv``)."""


@dataclass(slots=True)
class Run:
    """One run. ``events`` grow until the last, which is ``done`` or ``failed``; ``changed`` wakes their readers."""

    number: int
    profile: str
    subject: str
    only: tuple[str, ...]
    events: list[dict[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    bundle: Bundle | None = None
    judgement: Judgement | None = None

    def tell(self, event: str, **more: Any) -> None:
        """Add an event."""
        with self.changed:
            self.events.append({"event": event, **more})
            self.changed.notify_all()

    def follow(self, start: int = 0) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """The events by number from ``start`` on, ``None`` where nothing came for a while; ends with the run."""
        at = start
        while True:
            with self.changed:
                if at >= len(self.events):
                    self.changed.wait(WAIT_S)
                one = self.events[at] if at < len(self.events) else None
            yield at, one
            if one is not None:
                at += 1
                if one["event"] in ("done", "failed"):
                    return


@dataclass(frozen=True, slots=True)
class Watched:
    """A transport that tells of each request and its answer."""

    inner: Transport
    tell: Callable[..., None]

    def send(self, raw: bytes) -> Answer:
        """Send, and tell the first lines and the outcome; bodies are in the evidence."""
        answer = self.inner.send(raw)
        self.tell("sent", request=_line(raw), response=_line(answer.raw), outcome=answer.outcome)
        return answer


def _line(raw: bytes) -> str:
    return raw.partition(b"\r\n")[0][:120].decode("latin-1")


class Runs:
    """The runs of this process, one at a time: two at once would disturb what is measured of the subject."""

    def __init__(self, standard: Standard) -> None:
        self._standard = standard
        self._runs: dict[int, Run] = {}
        self._busy = threading.Lock()
        self._next = 1

    def get(self, number: int) -> Run | None:
        """A run by its number."""
        return self._runs.get(number)

    def start(self, profile: str, subject: str, only: tuple[str, ...] = ()) -> Run:
        """Begin a run. Errors: Refused."""
        unit, _, role = profile.rpartition("-")
        url = urlsplit(subject)
        if role != "provider" or unit not in self._standard.edition.units:
            raise Refused("serve_bad_profile")
        try:
            port = url.port or (443 if url.scheme == "https" else 80)
        except ValueError as error:
            raise Refused("serve_bad_subject") from error
        if url.scheme not in ("http", "https") or not url.hostname:
            raise Refused("serve_bad_subject")
        if not self._busy.acquire(blocking=False):
            raise Refused("serve_busy")
        run = Run(self._next, profile, subject, only)
        self._next += 1
        self._runs[run.number] = run
        for old in sorted(self._runs)[:-MAX_RUNS]:
            del self._runs[old]
        threading.Thread(target=self._work, args=(run, unit, url.hostname, port, url.path), daemon=True).start()
        return run

    def _work(self, run: Run, unit: str, host: str, port: int, path: str) -> None:
        try:
            self._drive(run, unit, host, port, path)
        except (OSError, ValueError, LookupError, TypeError) as error:
            run.tell("failed", reason=type(error).__name__)
        finally:
            self._busy.release()

    def _drive(self, run: Run, unit: str, host: str, port: int, path: str) -> None:
        by = self._standard
        found = first_inquiry(by.edition.units[unit])
        if found is None:
            run.tell("failed", reason="operation")
            return
        context = None
        if run.subject.startswith("https://"):
            import ssl  # noqa: PLC0415 - plain subjects need none

            context = ssl.create_default_context()
        base = replace(found, host=f"{host}:{port}", target=path or "/")
        transport = Watched(SocketTransport(host, port, DEADLINE_S, context), run.tell)
        run.bundle = drive(
            base, transport, by.edition, profile=run.profile, subject=run.subject, only=cases_of(run.only)
        )
        run.tell("judging")
        whole = judge(run.bundle, by)
        if run.only:
            verdicts = tuple(one for one in whole.verdicts if one.requirement in run.only)
            whole = Judgement(verdicts, roll_up(verdicts), ())
        run.judgement = whole
        told = judgement_fields(whole, by.rows)
        run.tell("done", result=told["result"], counts=told["counts"], verdicts=told["verdicts"])
