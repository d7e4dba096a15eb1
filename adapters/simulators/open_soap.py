"""Vendor C's own SOAP service: one operation for each question that its systems answer, made with spyne.

Request ``<name><JOKEN>…</JOKEN></name>``, answer ``<nameResponse><KEKKA>00</KEKKA><MEISAI>…</MEISAI>…</nameResponse>``;
the items are the vendor's columns as texts. The adapter knows only the WSDL that comes out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from lxml import etree

from adapters.simulators.holdings import Interface, Row
from adapters.simulators.soap_face import SoapFace
from bus.wire import safe_xml
from bus.wire.spyne_shim import importing
from schemas.model import Operation, Unit

with importing():
    from spyne import Array, ComplexModel, ServiceBase, Unicode, rpc

QUESTION, ROWS, RESULT = "JOKEN", "MEISAI", "KEKKA"
FOUND, NONE = "00", "01"
ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"

Answer = Callable[[Operation, Row], list[dict[str, str]]]


def namespace_of(unit: str) -> str:
    """The namespace of a unit's service."""
    return f"urn:c-sha:{unit}"


def questions(unit: Unit) -> list[Operation]:
    """The operations of a unit that ask and are answered."""
    return [one for one in unit.operations.values() if one.pattern in {"inquiry", "late"}]


def soap_face(unit: Unit, face: Callable[[str], Interface], answer: Answer) -> SoapFace | None:
    """The service of a unit, if it answers anything.

    ``face`` gives interfaces by name, ``answer`` the own rows for a question.
    """
    if not questions(unit):
        return None
    space = namespace_of(unit.key)
    members: dict[str, Any] = {}
    models: dict[str, Any] = {}
    for operation in questions(unit):
        asked = face(f"{unit.key}.{operation.request_record}")
        told = face(f"{unit.key}.{operation.record}")
        for one in (asked, told):
            models.setdefault(one.record.name, _model(space, one))
        question, row = models[asked.record.name], models[told.record.name]
        members[operation.name] = rpc(
            question,
            _returns=[Unicode, Array(row, wrapped=False)],
            _out_variable_names=[RESULT, ROWS],
            _in_variable_names={"asked_for": QUESTION},
        )(_handler(operation, asked, row, answer))
    service = type(f"{unit.key.title()}Service", (ServiceBase,), members)
    return SoapFace([service], space, f"{unit.key.title()}Service")


def _model(space: str, face: Interface) -> Any:
    info = [(one.name, Unicode(min_occurs=0)) for one in face.columns]
    return type(face.record.name.upper(), (ComplexModel,), {"__namespace__": space, "_type_info": info})


def _handler(operation: Operation, asked: Interface, model: Any, answer: Answer) -> Any:
    def handle(ctx: Any, asked_for: Any) -> tuple[str, list[Any]]:
        del ctx
        question = {one.name: str(getattr(asked_for, one.name, "") or "") for one in asked.columns}
        rows = answer(operation, question)
        return (FOUND if rows else NONE), [model(**{name: text for name, text in row.items() if text}) for row in rows]

    handle.__name__ = operation.name
    return handle


def envelope_of(operation: Operation, face: Interface, row: Row) -> bytes:
    """The call that asks for a row's question."""
    space = namespace_of(operation.unit)
    root = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"s": ENVELOPE, "c": space})
    body = etree.SubElement(root, f"{{{ENVELOPE}}}Body")
    question = etree.SubElement(etree.SubElement(body, f"{{{space}}}{operation.name}"), f"{{{space}}}{QUESTION}")
    for one in face.columns:
        if row.get(one.name):
            etree.SubElement(question, f"{{{space}}}{one.name}").text = row[one.name]
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def answer_of(operation: Operation, columns: Sequence[Any], raw: bytes) -> dict[str, Any]:
    """Result and rows of an answer; the fault's text as result where it is one."""
    space = f"{{{namespace_of(operation.unit)}}}"
    body = safe_xml.parse(raw).find(f"{{{ENVELOPE}}}Body")
    assert body is not None
    reply = body.find(f"{space}{operation.name}Response")
    if reply is None:
        return {"result": "90", "code": "".join(str(text) for text in body.itertext()).strip()[:60], "rows": []}
    rows = [
        {one.name: element.findtext(f"{space}{one.name}") or "" for one in columns}
        for element in reply.iterfind(f"{space}{ROWS}")
    ]
    return {"result": reply.findtext(f"{space}{RESULT}") or "", "code": "", "rows": rows}
