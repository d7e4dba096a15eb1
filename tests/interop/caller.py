"""A plain client that makes no mistakes: the standard library's HTTP client and lxml."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Mapping
from typing import Any

from lxml import etree

from tests.interop.cases import JUKI_ACTION, SOAP, envelope, payload
from tests.interop.conftest import Door

CALL_S = 30


def ask(door: Door, call: Mapping[str, Any]) -> dict[str, Any]:
    """Make a call as a client without mistakes does: status, media type and the bytes of the answer as Latin-1."""
    host, _, path = door.url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=CALL_S)
    fields = {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": f'"{JUKI_ACTION}{call["operation"]}"',
        "Authorization": "Basic " + base64.b64encode(f"{door.user}:{door.secret}".encode()).decode(),
    }
    connection.request("POST", f"/{path}", envelope(payload(call)), fields)
    answer = connection.getresponse()
    said = {"status": answer.status, "type": answer.headers["Content-Type"], "body": answer.read().decode("latin-1")}
    connection.close()
    return said


def body_of(said: dict[str, Any]) -> etree._Element:
    """The one element in the Body of an answer."""
    return etree.fromstring(said["body"].encode("latin-1")).find(f"{SOAP}Body")[0]
