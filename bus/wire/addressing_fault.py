"""Faults and answers in the words of WS-Addressing 1.0: their properties, subcodes and FaultDetail (SOAP Binding 6).

Under SOAP 1.1 the most specific subcode is the faultcode, and the detail about a header is a header block. Our own
``shogai`` stays in the fault's detail beside it.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from bus.core.errors import ChiikibusError
from bus.core.types import Addressing, Problem
from bus.wire.addressing import NAMESPACE, NONE, PREFIX, is_addressed

FAULT_ACTION: Final = f"{NAMESPACE}/fault"
"""Action of the faults that WS-Addressing defines."""

SOAP_FAULT_ACTION: Final = f"{NAMESPACE}/soap/fault"
"""Action of every other fault of the bus; the WSDL says the same of ``shogai``."""

_UNAVAILABLE: Final = frozenset({"CB4001", "CB4002", "CB4003", "CB4005", "CB5005", "CB6009", "CB6012"})
"""Codes with status 503 that mean: this endpoint cannot take the message now."""


def problem_of(error: ChiikibusError) -> Problem | None:
    """What WS-Addressing calls ``error``, if it has a name for it."""
    if error.problem is not None:
        return error.problem
    return Problem("EndpointUnavailable") if error.code in _UNAVAILABLE else None


def fault_detail(problem: Problem, retry_after_s: int) -> etree._Element:
    """The wsa:FaultDetail header block of ``problem``."""
    block = etree.Element(f"{PREFIX}FaultDetail", nsmap={"wsa": NAMESPACE})
    if problem.header:
        etree.SubElement(block, f"{PREFIX}ProblemHeaderQName").text = f"wsa:{problem.header}"
    if problem.action or problem.soap_action:
        action = etree.SubElement(block, f"{PREFIX}ProblemAction")
        if problem.action:
            etree.SubElement(action, f"{PREFIX}Action").text = problem.action
        if problem.soap_action:
            etree.SubElement(action, f"{PREFIX}SoapAction").text = problem.soap_action
    if problem.iri:
        etree.SubElement(block, f"{PREFIX}ProblemIRI").text = problem.iri
    if problem.subcode == "EndpointUnavailable":
        etree.SubElement(block, f"{PREFIX}RetryAfter").text = str(max(1, retry_after_s) * 1000)
    return block


def place(request: Addressing, *, fault: bool) -> str:
    """The address that the answer to ``request`` goes to: FaultTo for a fault where there is one, else ReplyTo."""
    return (request.fault_to if fault else "") or request.reply_to


def answer(request: Addressing, action: str, message_id: str, *, fault: bool) -> tuple[Addressing, str]:
    """The properties of the answer to ``request`` (Core 3.4), and the reference parameters it echoes.

    A destination that is the back channel is not written: absent means anonymous.
    """
    chosen = place(request, fault=fault)
    parameters = request.fault_parameters if fault and request.fault_to else request.reply_parameters
    to = chosen if is_addressed(chosen) else ""
    properties = Addressing(message_id=message_id, action=action, to=to, relates_to=request.message_id)
    return properties, "" if chosen == NONE else parameters
