"""A vendor system's own SOAP service, code-first on spyne: the proprietary face of simulated vendors.

Written with another library than the adapter uses towards it, so that neither can hide the other's mistakes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from adapters.transports.rest import authorised
from bus.wire.spyne_shim import importing

with importing():
    from spyne import Application, MethodContext
    from spyne.interface.wsdl import Wsdl11
    from spyne.protocol.soap import Soap11
    from spyne.server import ServerBase


class _Server(ServerBase):  # type: ignore[misc]  # spyne carries no types
    transport = "http://schemas.xmlsoap.org/soap/http"


@dataclass(slots=True)
class SoapFace:
    """Answers ``POST`` and ``GET ?wsdl``. ``services`` are spyne service classes; ``system`` is what they act on.

    A service reaches ``system`` as ``ctx.udc``. ``credential`` is the Authorization header asked of callers.
    """

    services: Sequence[Any]
    namespace: str
    name: str
    system: Any = None
    credential: str = field(default="", repr=False)
    _application: Any = field(init=False)
    _server: Any = field(init=False)

    def __post_init__(self) -> None:
        logging.getLogger("spyne").setLevel(logging.CRITICAL + 1)  # it logs whole documents
        soap = Soap11(validator="lxml")
        self._application = Application(
            list(self.services), tns=self.namespace, name=self.name, in_protocol=soap, out_protocol=Soap11()
        )
        self._server = _Server(self._application)

    def wsdl(self, url: str) -> bytes:
        """The service's description, as the vendor would hand it out."""
        document = Wsdl11(self._application.interface)
        document.build_interface_document(url)
        text: bytes = document.get_interface_document()
        return text

    async def handle(self, request: web.Request) -> web.Response:
        """One call, or the description."""
        if request.method == "GET":
            return web.Response(body=self.wsdl(str(request.url.with_query(None))), content_type="text/xml")
        if self.credential and not authorised(request.headers.get("Authorization", ""), self.credential):
            return web.Response(status=401)
        status, body = await asyncio.to_thread(self._call, await request.read())
        return web.Response(status=status, body=body, content_type="text/xml", charset="utf-8")

    def _call(self, message: bytes) -> tuple[int, bytes]:
        first = MethodContext(self._server, MethodContext.SERVER)
        first.in_string = [message]
        context = self._server.generate_contexts(first, "utf-8")[0]
        context.udc = self.system
        if context.in_error is None:
            self._server.get_in_object(context)
        if context.in_error is None:
            self._server.get_out_object(context)
        else:
            context.out_error = context.in_error
        self._server.get_out_string(context)
        return (500 if context.out_error is not None else 200), b"".join(context.out_string)
