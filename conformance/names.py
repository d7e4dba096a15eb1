"""The namespaces and Clark names that the judge uses."""

from __future__ import annotations

from typing import Final

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
COMMON: Final = "urn:chiikibus:standard:1.0:common"
SOAP12: Final = "http://www.w3.org/2003/05/soap-envelope"
ENCODING: Final = "http://schemas.xmlsoap.org/soap/encoding/"
WSDL: Final = "http://schemas.xmlsoap.org/wsdl/"
BIND: Final = "http://schemas.xmlsoap.org/wsdl/soap/"
BIND12: Final = "http://schemas.xmlsoap.org/wsdl/soap12/"
HTTP_TRANSPORT: Final = "http://schemas.xmlsoap.org/soap/http"
XS: Final = "http://www.w3.org/2001/XMLSchema"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XML: Final = "http://www.w3.org/XML/1998/namespace"
WSA: Final = "http://www.w3.org/2005/08/addressing"
WSAM: Final = "http://www.w3.org/2007/05/addressing/metadata"
RM: Final = "http://docs.oasis-open.org/ws-rx/wsrm/200702"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XENC: Final = "http://www.w3.org/2001/04/xmlenc#"
XOP: Final = "http://www.w3.org/2004/08/xop/include"

ENVELOPE: Final = f"{{{SOAP}}}Envelope"
HEADER: Final = f"{{{SOAP}}}Header"
BODY: Final = f"{{{SOAP}}}Body"
FAULT: Final = f"{{{SOAP}}}Fault"


def wsdl(name: str) -> str:
    """The Clark name of an element of WSDL 1.1."""
    return f"{{{WSDL}}}{name}"


def bind(name: str) -> str:
    """The Clark name of an element of the SOAP binding of WSDL 1.1."""
    return f"{{{BIND}}}{name}"


def xs(name: str) -> str:
    """The Clark name of an element of XML Schema."""
    return f"{{{XS}}}{name}"
