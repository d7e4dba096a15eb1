"""Who is signed in, in the memory of the one console process; and who may not try again yet."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from bus.console.passwords import hashed, matches
from bus.console.people import ConsoleSettings, Person
from bus.core.errors import ConsoleError
from bus.core.ports import Clock

WRONG: Final = "CB8002"
LOCKED: Final = "CB8003"
MOST_SESSIONS: Final = 1000
"""The oldest goes first: nobody fills the memory by signing in."""

MOST_NAMES: Final = 10_000
"""Names of which wrong tries are remembered; guessed names are among them."""


@dataclass(slots=True)
class Session:
    """Somebody who is signed in; ``form_key`` has to come with everything that changes something."""

    person: Person
    started: float
    seen: float
    language: str = "ja"
    form_key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def accepts(self, form_key: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(self.form_key.encode(), form_key.encode())


@dataclass(slots=True)
class _Tries:
    """Wrong passwords in a row of one name, and until when no more are taken."""

    wrong: int = 0
    locked_until: float = 0.0


class Sessions:
    """Opens, finds and ends sessions. Times are those of the monotonic clock. Kept under a digest of their token."""

    def __init__(self, settings: ConsoleSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._open: dict[bytes, Session] = {}
        self._tries: dict[str, _Tries] = {}
        self._nobody = hashed(secrets.token_urlsafe(24))

    def sign_in(self, name: str, password: str) -> tuple[str, Session]:
        """Token and session. Errors: ``ConsoleError`` CB8002 name or password is wrong, CB8003 locked for a while.

        Takes about 0.1 s of processor time whatever comes, so that a name cannot be told from the time.
        """
        now = self._clock.monotonic()
        tries = self._tries.get(name, _Tries())
        if tries.locked_until > now:
            raise ConsoleError(LOCKED, retry_after_s=int(tries.locked_until - now) + 1)
        person = self._settings.people.get(name)
        right = matches(password, self._nobody if person is None else person.password)
        if person is None or not right:
            self._wrong(name, tries, now)
            raise ConsoleError(WRONG)
        self._tries.pop(name, None)
        token = secrets.token_urlsafe(32)
        while len(self._open) >= MOST_SESSIONS:
            self._open.pop(next(iter(self._open)))
        session = Session(person, now, now)
        self._open[_digest(token)] = session
        return token, session

    def _wrong(self, name: str, tries: _Tries, now: float) -> None:
        tries.wrong += 1
        if tries.wrong >= self._settings.tries:
            tries.wrong, tries.locked_until = 0, now + self._settings.lock_s
        self._tries.pop(name, None)
        while len(self._tries) >= MOST_NAMES:
            self._tries.pop(next(iter(self._tries)))
        self._tries[name] = tries

    def find(self, token: str) -> Session | None:
        """The session of a token, which is then in use; ``None`` when it has ended."""
        key = _digest(token)
        session = self._open.get(key)
        if session is None:
            return None
        now = self._clock.monotonic()
        if now - session.seen > self._settings.idle_s or now - session.started > self._settings.longest_s:
            del self._open[key]
            return None
        session.seen = now
        return session

    def knows(self, name: str) -> bool:
        """Whether there is such an account: only then its name is written down, since a password may stand there."""
        return name in self._settings.people

    def end(self, token: str) -> None:
        """Sign out."""
        self._open.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
