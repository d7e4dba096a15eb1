"""A suds client that knows only the served WSDL: makes the calls of a file and prints one JSON line for each.

``client.py WSDL-URL USER SECRET CALLS.json``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import suds
from suds.client import Client
from suds.transport import TransportError
from suds.transport.http import HttpAuthenticated

SHITEKI = ("kodo", "komoku")


def main(wsdl: str, user: str, secret: str, calls: str) -> None:
    """Print what each call gave."""
    read: dict[str, Any] = {}
    clients = {given: _client(wsdl, user, given or secret) for given in ("", "wrong")}
    for call in json.loads(Path(calls).read_text("utf-8"))["calls"]:
        said: dict[str, Any] = {"call": call["id"]}
        client = clients[call.get("credential", "")]
        try:
            if "resident_of" in call:
                said["receipt"] = _items(client.service.ido_tsuchi(read[call["resident_of"]]))
            else:
                answer = getattr(client.service, call["operation"])(**call["arguments"])
                records = _records(answer)
                read[call["id"]] = records[0] if records else None
                said["jumin"] = [_items(record) for record in records]
        except suds.WebFault as fault:
            said["fault"] = _fault(fault)
        except TransportError as error:
            said["status"] = error.httpcode
        except Exception as error:  # suds raises a bare Exception((status, text)) for what is neither 200 nor 500
            said["status"] = error.args[0][0]
        print(json.dumps(said, ensure_ascii=False))


def _client(wsdl: str, user: str, secret: str) -> Client:
    """A client with this credential; suds would keep the WSDL in a file of the user for a day."""
    return Client(wsdl, transport=HttpAuthenticated(username=user, password=secret), cache=None)


def _records(answer: Any) -> list[Any]:
    """suds gives the only child of an answer in place of the answer: a record, a list of them, or an empty text."""
    if isinstance(answer, list):
        return answer
    return [answer] if isinstance(answer, suds.sudsobject.Object) else []


def _items(record: Any) -> dict[str, str]:
    """The items that a record has."""
    return {name: str(value) for name, value in suds.sudsobject.items(record) if value is not None}


def _fault(error: suds.WebFault) -> dict[str, Any]:
    """What the fault says."""
    fault = error.fault
    said: dict[str, Any] = {"faultcode": str(fault.faultcode), "faultstring": str(fault.faultstring)}
    shogai = getattr(getattr(fault, "detail", None), "shogai", None)
    if shogai is not None:
        found = getattr(shogai, "shiteki", [])
        said |= {"kodo": str(shogai.kodo), "bunmen_ja": str(shogai.bunmen_ja)}
        said["shiteki"] = [
            {name: str(getattr(one, name, "")) for name in SHITEKI}
            for one in (found if isinstance(found, list) else [found])
        ]
    return said


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main(*sys.argv[1:])
