"""A plain spyne provider: the inquiries of the register, told to spyne as its documentation tells it.

Everything it needs stands in the environment: INTEROP_PORT, INTEROP_WSDL, INTEROP_SECRET, INTEROP_CASES (what it
knows). spyne reads no description: names and order of a resident's items are read from the schema here.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from lxml import etree
from spyne import Application, Fault, ServiceBase, Unicode, rpc
from spyne.model.complex import ComplexModel, ComplexModelMeta
from spyne.protocol.soap import Soap11
from spyne.server.wsgi import WsgiApplication

JUKI = "urn:chiikibus:standard:1.0:juki"
XS = "{http://www.w3.org/2001/XMLSchema}"
CREDENTIAL = "Basic " + base64.b64encode(f"chiikibus:{os.environ['INTEROP_SECRET']}".encode()).decode()


def items() -> list[str]:
    """The names of a resident's items in the order of the schema."""
    with urllib.request.urlopen(os.environ["INTEROP_WSDL"].removesuffix("?wsdl") + "?xsd=juki.xsd") as answer:
        schema = etree.fromstring(answer.read())
    return [one.get("name") for one in schema.find(f"{XS}complexType[@name='jumin']").iter(f"{XS}element")]


def application(known: Mapping[str, Any]) -> WsgiApplication:
    """The service that answers from what is known."""
    fields = [(name, Unicode(min_occurs=0)) for name in items()]
    jumin = ComplexModelMeta("jumin", (ComplexModel,), {"__namespace__": JUKI, "_type_info": fields})

    def found(number: str) -> Any:
        if number == known["vendor_fault"]["atenabango"]:
            raise Fault("Server", known["vendor_fault"]["faultstring"])
        return jumin(**known["residents"][number]) if number in known["residents"] else None

    class Register(ServiceBase):
        @rpc(Unicode, Unicode, _returns=jumin, _out_message_name="jumin_shokai_kaito", _out_variable_name="jumin")
        def jumin_shokai(context: Any, atenabango: str, kijunbi: str) -> Any:
            """One resident."""
            return found(atenabango)

        @rpc(
            Unicode,
            Unicode,
            Unicode,
            _returns=jumin.customize(max_occurs="unbounded"),
            _out_message_name="setai_shokai_kaito",
            _out_variable_name="jumin",
        )
        def setai_shokai(context: Any, setaibango: str, atenabango: str, kijunbi: str) -> Any:
            """A household."""
            return [found(number) for number in known["households"].get(setaibango, [])]

    return WsgiApplication(Application([Register], JUKI, name="juki", in_protocol=Soap11(), out_protocol=Soap11()))


def guarded(inner: WsgiApplication) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """The service for those who have the credential."""

    def outer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("HTTP_AUTHORIZATION") != CREDENTIAL:
            start("401 Unauthorized", [("Content-Length", "0")])
            return [b""]
        return inner(environ, start)

    return outer


class Server(ThreadingMixIn, WSGIServer):
    """A thread per connection."""

    daemon_threads = True


class Handler(WSGIRequestHandler):
    """Without a line of log per request."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    cases = json.loads(Path(os.environ["INTEROP_CASES"]).read_text("utf-8"))
    make_server(
        "127.0.0.1", int(os.environ["INTEROP_PORT"]), guarded(application(cases)), Server, Handler
    ).serve_forever()
