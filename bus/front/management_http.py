"""The HTTP side of the management service: who asks, the WSDL, and the operator's detailed health page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Final

import msgspec

from bus.core.basic import read_basic, same_secret
from bus.core.errors import RightsError, WireError
from bus.core.settings import FrontSettings
from bus.core.types import Endpoint, Finding
from bus.front.documents import base_url
from bus.front.management import ManagementService
from bus.ops.metrics import Metrics
from bus.pipeline import Tables
from bus.wire.http import JSON, XML, Request, Response

PATH: Final = "/management"
DETAIL: Final = "/health/detail"


def caller_of(tables: Tables, authorization: str) -> Endpoint:
    """The endpoint whose credential this is: user ``<id>`` or ``<municipality>/<id>``. Errors: CB2001."""
    given = read_basic(authorization)
    if given is not None:
        for endpoint in tables.endpoints.values():
            if given.user in {endpoint.id, endpoint.key} and same_secret(given.secret, endpoint.secret):
                return endpoint
    raise RightsError("CB2001", [Finding("CB2001", path="Authorization", expected="Basic")])


class ManagementHttp:
    """Handlers for the front's extra paths. ``tables`` gives the tables as they stand now."""

    def __init__(
        self,
        service: ManagementService,
        tables: Callable[[], Tables],
        settings: FrontSettings,
        metrics: Callable[[], Metrics],
    ) -> None:
        self._service = service
        self._tables = tables
        self._settings = settings
        self._metrics = metrics

    async def management(self, request: Request) -> Response:
        """``/management``: POST for SOAP, GET for ``?wsdl``. Errors: CB1001, CB1015, CB2001 and the service's."""
        if request.path != PATH:
            raise WireError("CB1015")
        if request.method == "POST":
            return await self._service.answer(request, caller_of(self._tables(), request.header("authorization")))
        if request.method not in {"GET", "HEAD"}:
            raise WireError("CB1001")
        if request.query.lower() != "wsdl":
            raise WireError("CB1015")
        listening = f"{self._settings.host}:{self._settings.port}"
        url = base_url(self._settings.public_url, request.header("host"), listening)
        return Response(200, XML, self._service.wsdl(url + PATH))

    async def detail(self, request: Request) -> Response:
        """``/health/detail``: the counters, with the endpoints of the caller's own municipality."""
        if request.path != DETAIL:
            raise WireError("CB1015")
        if request.method not in {"GET", "HEAD"}:
            raise WireError("CB1001")
        caller = caller_of(self._tables(), request.header("authorization"))
        found = self._metrics()
        value = asdict(found) | {
            "open_deliveries": found.open_deliveries,
            "endpoints": [asdict(one) for one in found.of_municipality(caller.municipality)],
        }
        return Response(200, JSON, msgspec.json.encode(value), (("Cache-Control", "no-store"),))
