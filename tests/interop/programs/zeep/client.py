"""A zeep client that knows only the served WSDL: makes the calls of a file and prints one JSON line for each.

``client.py WSDL-URL USER SECRET CALLS.json``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import requests
import zeep
from zeep.helpers import serialize_object
from zeep.transports import Transport

COMMON = "{urn:chiikibus:standard:1.0:common}"


def main(wsdl: str, user: str, secret: str, calls: str) -> None:
    """Print what each call gave."""
    read: dict[str, Any] = {}
    clients = {given: _client(wsdl, user, given or secret) for given in ("", "wrong")}
    for call in json.loads(Path(calls).read_text("utf-8"))["calls"]:
        said: dict[str, Any] = {"call": call["id"]}
        service = clients[call.get("credential", "")].service
        try:
            if "resident_of" in call:
                said["receipt"] = serialize_object(service.ido_tsuchi(jumin=read[call["resident_of"]]), dict)
            else:
                # zeep gives the only child of an answer in place of the answer: a record, a list of them, or nothing
                answer = service[call["operation"]](**call["arguments"])
                records = answer if isinstance(answer, list) else [answer] if answer is not None else []
                read[call["id"]] = records[0] if records else None
                said["jumin"] = [_items(record) for record in records]
        except zeep.exceptions.Fault as fault:
            said["fault"] = _fault(fault)
        except zeep.exceptions.TransportError as error:
            said["status"] = error.status_code
        print(json.dumps(said, ensure_ascii=False))


def _client(wsdl: str, user: str, secret: str) -> zeep.Client:
    """A client with this credential."""
    session = requests.Session()
    session.auth = (user, secret)
    return zeep.Client(wsdl, transport=Transport(session=session))


def _items(record: Any) -> dict[str, str]:
    """The items that a record has."""
    return {name: value for name, value in serialize_object(record, dict).items() if value is not None}


def _fault(fault: zeep.exceptions.Fault) -> dict[str, Any]:
    """What the fault says; zeep leaves the detail as an element."""
    said: dict[str, Any] = {"faultcode": fault.code, "faultstring": fault.message}
    shogai = None if fault.detail is None else fault.detail.find(f"{COMMON}shogai")
    if shogai is not None:
        said |= {name: shogai.findtext(COMMON + name) for name in ("kodo", "bunmen_ja")}
        said["shiteki"] = [
            {name: one.findtext(COMMON + name) or "" for name in ("kodo", "komoku")}
            for one in shogai.iter(f"{COMMON}shiteki")
        ]
    return said


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main(*sys.argv[1:])
