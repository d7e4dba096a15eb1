"""The HTTP side of the management service: who asks, the WSDL, and the operator's detailed health page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Final

import msgspec

from bus.core.basic import read_basic, same_secret
from bus.core.channel import Channel
from bus.core.errors import RightsError, WireError
from bus.core.ports import Clock
from bus.core.settings import FrontSettings
from bus.core.types import Endpoint, Finding
from bus.front.documents import base_url
from bus.front.management import ManagementService
from bus.ops.metrics import Metrics
from bus.pipeline import Tables
from bus.pipeline.identify import check_channel
from bus.wire.http import JSON, XML, Request, Response

PATH: Final = "/management"
DETAIL: Final = "/health/detail"


def caller_of(tables: Tables, authorization: str, channel: Channel | None, now: float) -> Endpoint:
    """The endpoint whose credential this is.

    Basic with user ``<id>`` or ``<municipality>/<id>`` and what else the endpoint asks of its connection; without
    Basic, the one endpoint that is known by this certificate alone. Errors: CB2001, CB2040 to CB2044.
    """
    given = read_basic(authorization)
    if given is not None:
        for endpoint in tables.endpoints.values():
            named = given.user in {endpoint.id, endpoint.key} and endpoint.caller.credential != "certificate"
            if named and same_secret(given.secret, endpoint.secret):
                if endpoint.caller.asks_tls:
                    check_channel(tables, endpoint.key, endpoint.caller, channel, now)
                return endpoint
    elif channel is not None and channel.certificate is not None:
        shown = channel.certificate
        fitting = [
            endpoint
            for endpoint in tables.endpoints.values()
            if endpoint.caller.credential == "certificate"
            and any(binding.fits(shown) for binding in endpoint.caller.certificates)
        ]
        if len(fitting) == 1:
            check_channel(tables, fitting[0].key, fitting[0].caller, channel, now)
            return fitting[0]
    raise RightsError("CB2001", [Finding("CB2001", path="Authorization", expected="Basic")])


class ManagementHttp:
    """Handlers for the front's extra paths. ``tables`` gives the tables as they stand now."""

    def __init__(
        self,
        service: ManagementService,
        tables: Callable[[], Tables],
        settings: FrontSettings,
        metrics: Callable[[], Metrics],
        clock: Clock,
    ) -> None:
        self._service = service
        self._tables = tables
        self._settings = settings
        self._metrics = metrics
        self._clock = clock

    async def management(self, request: Request) -> Response:
        """``/management``: POST for SOAP, GET for ``?wsdl``. Errors: CB1001, CB1015, CB2001 and the service's."""
        if request.path != PATH:
            raise WireError("CB1015")
        if request.method == "POST":
            return await self._service.answer(request, self._caller(request))
        if request.method not in {"GET", "HEAD"}:
            raise WireError("CB1001")
        if request.query.lower() != "wsdl":
            raise WireError("CB1015")
        listening = f"{self._settings.host}:{self._settings.port}"
        scheme = "http" if request.channel is None else "https"
        url = base_url(self._settings.public_url, request.header("host"), listening, scheme)
        return Response(200, XML, self._service.wsdl(url + PATH))

    def _caller(self, request: Request) -> Endpoint:
        return caller_of(self._tables(), request.header("authorization"), request.channel, self._clock.now())

    async def detail(self, request: Request) -> Response:
        """``/health/detail``: the counters, with the endpoints of the caller's own municipality."""
        if request.path != DETAIL:
            raise WireError("CB1015")
        if request.method not in {"GET", "HEAD"}:
            raise WireError("CB1001")
        caller = self._caller(request)
        found = self._metrics()
        value = asdict(found) | {
            "open_deliveries": found.open_deliveries,
            "endpoints": [asdict(one) for one in found.of_municipality(caller.municipality)],
        }
        return Response(200, JSON, msgspec.json.encode(value), (("Cache-Control", "no-store"),))
