"""The adapter's face towards a vendor that calls by SOAP, by the vendor's own WSDL; operations may share a path."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web
from lxml import etree

from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.host.flows.rest_access import credential
from adapters.host.flows.soap_access import contract
from adapters.transports.rest import authorised
from bus.core import log
from bus.core.errors import AdapterError, ChiikibusError, EnvironmentFault, RightsError
from bus.core.types import Finding
from bus.wire import fault

if TYPE_CHECKING:
    from adapters.transports.vendor_soap import SoapContract

Answer = Callable[[etree._Element], Awaitable[bytes]]


@dataclass(slots=True)
class SoapDesk:
    """One path of the process's HTTP face. A call is answered by the operation whose element its body holds.

    Errors are SOAP faults with our code and findings as the bus gives them; 401 for a wrong credential.
    """

    credential: str = field(repr=False)
    operations: dict[str, tuple[SoapContract, Answer]] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        """One call of the vendor."""
        if self.credential and not authorised(request.headers.get("Authorization", ""), self.credential):
            response = self._fault(RightsError("CB2001"))
            response.headers["WWW-Authenticate"] = 'Basic realm="chiikibus"'
            return response
        try:
            raw = await request.read()
            media = request.headers.get("Content-Type", "")
            found, answer = await asyncio.to_thread(self._operation, raw, media)
            body = await asyncio.to_thread(found.read_request, raw, media)
            return web.Response(body=await answer(body), headers={"Content-Type": found.headers()["Content-Type"]})
        except ChiikibusError as error:
            log.warn("request_refused", code=error.code, path=request.path)
            return self._fault(error)
        except Exception:
            log.logger().exception("internal_error", path=request.path)
            return self._fault(EnvironmentFault("CB9001"))

    def _operation(self, raw: bytes, media: str) -> tuple[SoapContract, Answer]:
        first = next(iter(self.operations.values()))[0]
        tag = first.tag_of(raw, media)
        if tag not in self.operations:
            expected = " | ".join(one.name for one, _ in self.operations.values())
            raise AdapterError("CB6065", [Finding("CB6065", path="Body", expected=expected, got="another operation")])
        return self.operations[tag]

    @staticmethod
    def _fault(error: ChiikibusError) -> web.Response:
        found = fault.error_response(error)
        headers = {"Content-Type": found.content_type, **dict(found.headers)}
        return web.Response(status=found.status, body=found.body, headers=headers)


def join_desk(spec: FlowSpec, environment: Environment, answer: Answer) -> SoapContract:
    """Let a flow answer its operation at its path; the contract. CB6067 for SOAP 1.2 or an operation told twice."""
    found = contract(spec)
    path = spec.text("path")
    desk = next((one.__self__ for _, known, one in environment.web if known == path and hasattr(one, "__self__")), None)
    if not isinstance(desk, SoapDesk):
        desk = SoapDesk(credential(spec, environment))
        environment.web.append(("POST", path, desk.handle))
    if found.soap_12 or found.request_tag in desk.operations:
        raise found.unusable("SOAP 1.1" if found.soap_12 else "each operation once at a path")
    desk.operations[found.request_tag] = (found, answer)
    return found
