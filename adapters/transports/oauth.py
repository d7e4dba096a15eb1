"""OAuth2 client credentials (RFC 6749, 4.4): one token, kept until shortly before it ends, asked for by one caller."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
import msgspec

from adapters.transports.rest import bearer, retry_after
from bus.core.basic import basic_header
from bus.core.errors import AdapterError
from bus.core.types import Finding

MAX_ANSWER = 64 * 1024
USUAL_S = 300.0
"""How long a token is believed whose answer does not say it."""

EARLY_S = 30.0
"""How long before its end a token is replaced; half of a shorter life."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}=*\Z")
_REASON = re.compile(r"[a-z_]{1,40}\Z")


@dataclass(slots=True)
class ClientCredentials:
    """Gives the Authorization header of a service account.

    Errors: CB6061 the account is refused, CB6009 / CB6011 / CB6064 the token service is away, slow, or asks to wait,
    CB6065 its answer cannot be used.
    """

    token_url: str
    client_id: str
    secret: str = field(repr=False)
    scope: str = ""
    deadline_s: float = 10.0
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    monotonic: Callable[[], float] = time.monotonic
    _token: str = field(default="", init=False, repr=False)
    _until: float = field(default=0.0, init=False)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def header(self) -> str:
        """The value of the Authorization header, with a token that is good for a while."""
        async with self._one:
            if not self._token or self.monotonic() >= self._until:
                await self._ask()
            return bearer(self._token)

    def refused(self, header: str) -> bool:
        """A token was answered with 401: forget it, unless it is not the present one. Whether to try again."""
        if header != bearer(self._token):
            return bool(self._token)
        known, self._token = bool(self._token), ""
        return known

    async def _ask(self) -> None:
        form = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
        # RFC 6749, 2.3.1: both parts are form-encoded before they become HTTP Basic
        headers = {
            "Authorization": basic_header(quote_plus(self.client_id), quote_plus(self.secret)),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        try:
            async with (
                asyncio.timeout(self.deadline_s),
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
                session.post(
                    self.token_url,
                    data=urlencode(form).encode("ascii"),
                    headers=headers,
                    allow_redirects=False,
                    ssl=True if self.tls is None else self.tls,
                ) as answer,
            ):
                raw = await answer.content.read(MAX_ANSWER + 1)
                status, wait_s = answer.status, retry_after(answer.headers, time.time())
        except TimeoutError as error:
            raise self._error("CB6011", f"> {self.deadline_s:g} s") from error
        except aiohttp.ClientError as error:
            raise self._error("CB6009", type(error).__name__) from error
        if status == 429:
            raise self._error("CB6064", f"HTTP {status}", wait_s)
        if status >= 500:
            raise self._error("CB6009", f"HTTP {status}", wait_s)
        self._take(status, _object(raw))

    def _take(self, status: int, found: dict[str, Any]) -> None:
        if status in {400, 401, 403}:
            reason = str(found.get("error", ""))
            raise self._error("CB6061", reason if _REASON.match(reason) else f"HTTP {status}")
        token, kind, life = found.get("access_token"), str(found.get("token_type", "")), found.get("expires_in")
        if status != 200 or not isinstance(token, str) or not _TOKEN.match(token) or kind.lower() != "bearer":
            raise self._error("CB6065", f"HTTP {status} without a bearer token")
        seconds = float(life) if isinstance(life, int | float) and not isinstance(life, bool) else USUAL_S
        if not 0 < seconds < 10**8:
            raise self._error("CB6065", "expires_in out of range")
        self._token = token
        self._until = self.monotonic() + max(seconds - EARLY_S, seconds / 2)

    def _error(self, code: str, got: str, wait_s: int = 0) -> AdapterError:
        return AdapterError(code, [Finding(code, path=self.token_url, got=got)], retry_after_s=wait_s)


def _object(raw: bytes) -> dict[str, Any]:
    """The answer's JSON object; empty for anything else."""
    try:
        found = msgspec.json.decode(raw) if len(raw) <= MAX_ANSWER else None
    except msgspec.DecodeError:
        found = None
    return found if isinstance(found, dict) else {}
