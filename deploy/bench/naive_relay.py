"""A relay as one would write it in an afternoon: spyne takes the call, zeep passes it on.

It parses and builds every message, knows the contract from the same WSDL; it stores
nothing, checks no right and validates as far as its two libraries do by themselves. Called by the harness:
``naive_relay.py PORT BACKEND-URL``.
"""

from __future__ import annotations

import sys
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import zeep

from bus.wire.spyne_shim import importing
from schemas.catalog import load_edition

with importing():
    from spyne import Application, ServiceBase, Unicode, rpc
    from spyne.model.complex import ComplexModel, ComplexModelMeta
    from spyne.protocol.soap import Soap11
    from spyne.server.wsgi import WsgiApplication

JUKI = load_edition().units["juki"]
ITEMS = [item.name for item in JUKI.records["jumin"].items]


class Backend:
    """One zeep client for all threads; its session keeps connections."""

    def __init__(self, url: str) -> None:
        client = zeep.Client(str(JUKI.wsdl))
        self.service = client.create_service(f"{{{JUKI.namespace}}}juki_soap", url)

    def call(self, operation: str, **arguments: Any) -> Any:
        """Call the backend and return zeep's object."""
        return getattr(self.service, operation)(**arguments)


def application(backend: Backend) -> Any:
    """The spyne application with the two inquiries."""
    fields = [(name, Unicode(min_occurs=0)) for name in ITEMS]
    jumin = ComplexModelMeta("jumin", (ComplexModel,), {"__namespace__": JUKI.namespace, "_type_info": fields})

    def resident(found: Any) -> Any:
        return jumin(**{name: getattr(found, name) for name in ITEMS})

    class Relay(ServiceBase):
        @rpc(Unicode, Unicode, _returns=jumin, _out_message_name="jumin_shokai_kaito", _out_variable_name="jumin")
        def jumin_shokai(context: Any, atenabango: str, kijunbi: str) -> Any:
            """Pass a resident inquiry on."""
            found = backend.call("jumin_shokai", atenabango=atenabango, kijunbi=kijunbi)
            return resident(found) if found is not None else None

        @rpc(
            Unicode,
            Unicode,
            Unicode,
            _returns=jumin.customize(max_occurs="unbounded"),
            _out_message_name="setai_shokai_kaito",
            _out_variable_name="jumin",
        )
        def setai_shokai(context: Any, setaibango: str, atenabango: str, kijunbi: str) -> Any:
            """Pass a household inquiry on."""
            found = backend.call("setai_shokai", setaibango=setaibango, atenabango=atenabango, kijunbi=kijunbi)
            return [resident(one) for one in found or []]

    return WsgiApplication(Application([Relay], JUKI.namespace, in_protocol=Soap11(), out_protocol=Soap11()))


class Server(ThreadingMixIn, WSGIServer):
    """A thread per connection."""

    daemon_threads = True
    request_queue_size = 256


class Handler(WSGIRequestHandler):
    """Without a line of log per request."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = make_server("127.0.0.1", int(sys.argv[1]), application(Backend(sys.argv[2])), Server, Handler)
    server.serve_forever()
