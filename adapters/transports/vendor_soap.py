"""A vendor's own SOAP service: what its WSDL says is built and read by zeep, everything else is ours.

The only module of the adapters that imports zeep. The WSDL and what it imports are files of the vendor's folder:
nothing is fetched. zeep never sees bytes that the hardened parser has not accepted, and no answer that the vendor's own
schema refuses is used. SOAP 1.1 and 1.2, document and RPC style.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import requests
import zeep.exceptions
from lxml import etree
from zeep.settings import Settings
from zeep.transports import Transport
from zeep.wsdl import Document

from adapters.transports.rest import RestClient
from bus.core.errors import AdapterError, ConfigurationError, WireError
from bus.core.types import Finding
from bus.wire import safe_xml

_XML = "text/xml; charset=utf-8"
_SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
_XSD = "{http://www.w3.org/2001/XMLSchema}"
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,60}\Z")
_WRONG = (zeep.exceptions.Error, TypeError, ValueError, AttributeError, KeyError)
"""What zeep raises for values that the WSDL does not know or cannot hold."""

MAX_REPLY = 16 * 1024 * 1024


class _OutsideError(ValueError):
    """A document that is no file of the vendor's folder."""


class _FolderOnly(Transport):
    """Loads files below one folder, and nothing else."""

    def __init__(self, folder: Path) -> None:
        super().__init__(session=requests.Session())  # type: ignore[no-untyped-call]  # zeep carries no types
        self._folder = folder.resolve()

    def load(self, url: str) -> bytes:
        """The bytes of a file of the folder."""
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme not in {"", "file"} or not path.is_relative_to(self._folder) or not path.is_file():
            raise _OutsideError(path.name)
        return path.read_bytes()


class SoapContract:
    """One operation of a vendor's WSDL. ConfigurationError CB6067 when the file or the operation cannot be used."""

    def __init__(self, path: Path, operation: str, *, service: str = "", port: str = "") -> None:
        try:
            settings = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
            loader: Any = _FolderOnly(path.parent)  # zeep's own annotation names the class instead of an instance
            document = Document(str(path.resolve()), loader, settings=settings)
            binding = _binding(document, service, port)
            self._operation = binding.get(operation)
            self._schema = _schema(document, path.parent)
        except (*_WRONG, OSError, etree.Error) as error:
            got = f"{type(error).__name__}: {error}"[:200]
            raise _unusable(path, f"a WSDL with {operation}", got) from error
        self._one = threading.Lock()  # a compiled schema has one list of errors
        self.name = operation
        self._soap = str(binding.nsmap["soap-env"])
        self.soap_12 = self._soap == _SOAP_12
        self.action = str(self._operation.soapaction or "")

    @property
    def request_tag(self) -> str:
        """The element of a request's body."""
        return _body_tag(self._operation.input)

    # building

    def request(self, values: Mapping[str, Any]) -> bytes:
        """A request with these values; AdapterError CB6066 when the WSDL does not allow them."""
        return self._build(self._operation.input, values)

    def reply(self, values: Mapping[str, Any]) -> bytes:
        """An answer with these values, for a service of our own that follows the vendor's WSDL."""
        return self._build(self._operation.output, values)

    def _build(self, message: Any, values: Mapping[str, Any]) -> bytes:
        try:
            envelope = cast("etree._Element", message.serialize(**values).content)
        except _WRONG as error:
            raise AdapterError("CB6066", [Finding("CB6066", path=self.name, got=_said(error))]) from error
        body = envelope.find(f"{{{self._soap}}}Body")
        if body is not None and len(body):
            self._check(body[0], "CB6066")
        return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")

    def headers(self) -> dict[str, str]:
        """The HTTP headers of a request."""
        if self.soap_12:
            action = f'; action="{self.action}"' if self.action else ""
            return {"Content-Type": f"application/soap+xml; charset=utf-8{action}"}
        return {"Content-Type": _XML, "SOAPAction": f'"{self.action}"'}

    # reading

    def read_reply(self, raw: bytes, content_type: str) -> etree._Element:
        """The element in an answer's body, as the WSDL wants it.

        Errors: CB6065 another form; a SOAP fault is CB6009 when it is the server's, CB6066 when it is ours.
        """
        body = self._body(raw, content_type)
        if body.tag == f"{{{self._soap}}}Fault":
            raise self._fault(body)
        self._follow(self._operation.output, body, "CB6065")
        return body

    def read_request(self, raw: bytes, content_type: str) -> etree._Element:
        """The element in a call's body, as the WSDL wants it; CB6065 for anything else."""
        body = self._body(raw, content_type)
        self._follow(self._operation.input, body, "CB6065")
        return body

    def tag_of(self, raw: bytes, content_type: str) -> str:
        """The qualified name of the element in a call's body; CB6065 when there is no such thing."""
        return str(self._body(raw, content_type).tag)

    def unusable(self, expected: str) -> ConfigurationError:
        """CB6067 for this operation."""
        return ConfigurationError("CB6067", [Finding("CB6067", path=self.name, expected=expected)])

    def _follow(self, message: Any, body: etree._Element, code: str) -> None:
        if body.tag != _body_tag(message):
            raise self._other("another element", code)
        envelope = body.getparent()
        assert envelope is not None
        try:
            message.deserialize(envelope.getparent())
        except _WRONG as error:
            raise self._other(_said(error), code) from error
        self._check(body, code)

    def _check(self, element: etree._Element, code: str) -> None:
        """Facets (lengths, patterns, enumerations), which zeep leaves alone; only for elements the schema declares."""
        if self._schema is None:
            return
        with self._one:
            if self._schema.validate(element):
                return
            findings = [
                Finding(code, path=error.path or "", line=error.line, got=error.type_name)
                for error in cast("Iterable[Any]", self._schema.error_log)
            ]
        if all("CVC_ELT_1" in one.got for one in findings):
            return  # an RPC wrapper, which no schema declares
        raise AdapterError(code, findings[:20])

    def _body(self, raw: bytes, content_type: str) -> etree._Element:
        media = content_type.partition(";")[0].strip().lower()
        if media not in ({"application/soap+xml"} if self.soap_12 else {"text/xml"}):
            raise self._other(media[:60] or "no media type")
        try:
            root = safe_xml.parse(raw, _XML)
        except WireError as error:
            raise self._other(error.code) from error
        if root.tag != f"{{{self._soap}}}Envelope":
            raise self._other("no envelope")
        header, body = root.find(f"{{{self._soap}}}Header"), root.find(f"{{{self._soap}}}Body")
        if header is not None and any(one.get(f"{{{self._soap}}}mustUnderstand") in {"1", "true"} for one in header):
            raise self._other("a header that must be understood")
        if body is None or len(body) != 1:
            raise self._other("a body without its one element")
        return body[0]

    def _fault(self, fault: etree._Element) -> AdapterError:
        """The fault's code; its text may hold personal data and is left where it is."""
        path = f"{{{self._soap}}}Code/{{{self._soap}}}Value" if self.soap_12 else "{*}faultcode"
        text = (fault.findtext(path) or "").strip()
        shown = text if _CODE.match(text) else "fault"
        kind = shown.rpartition(":")[2].partition(".")[0]
        code = "CB6009" if kind in {"Server", "Receiver"} else "CB6066"
        return AdapterError(code, [Finding(code, path=self.name, got=shown)])

    def _other(self, got: str, code: str = "CB6065") -> AdapterError:
        return AdapterError(code, [Finding(code, path=self.name, expected="an envelope as the WSDL says", got=got)])


@dataclass(slots=True)
class VendorSoap:
    """Calls one operation at the address that the site says. ``client`` keeps connections, credential and deadline."""

    contract: SoapContract
    client: RestClient
    path: str = field(default="")

    async def call(self, values: Mapping[str, Any]) -> etree._Element:
        """The element of the answer's body.

        Errors: CB6009 away or failing, CB6011 too late, CB6061 refused, CB6064 asked to wait, CB6065 another form,
        CB6066 the request is not what the vendor takes.
        """
        data = self.contract.request(values)
        headers = self.contract.headers()
        async with self.client.stream("POST", self.path, data, headers, self.client.deadline_s, faults=True) as answer:
            raw = await self.client.body(answer)
            status, content_type = answer.status, answer.headers.get("Content-Type", "")
        if status in {401, 403}:
            raise AdapterError("CB6061", [Finding("CB6061", path=self.contract.name, got=f"HTTP {status}")])
        if status >= 500 and "xml" not in content_type:
            raise AdapterError("CB6009", [Finding("CB6009", path=self.contract.name, got=f"HTTP {status}")])
        if status not in {200, 400, 500}:
            raise AdapterError("CB6065", [Finding("CB6065", path=self.contract.name, got=f"HTTP {status}")])
        return self.contract.read_reply(raw, content_type)


def _binding(document: Document, service: str, port: str) -> Any:
    """The SOAP binding of the named service and port, or of the first."""
    services = {service: document.services[service]} if service else document.services
    for one in services.values():
        for name, candidate in one.ports.items():
            if hasattr(candidate.binding, "nsmap") and (not port or name == port):
                return candidate.binding
    raise KeyError("no SOAP port")


def _body_tag(message: Any) -> str:
    """The qualified name of the element in a message's body."""
    element = message.body
    return str(getattr(element, "qname", None) or "")


def _schema(document: Document, folder: Path) -> etree.XMLSchema | None:
    """One schema of everything in the WSDL's types; ``None`` when it has none."""
    wsdl = etree.parse(str(document.location), _local_parser()).getroot()
    inline = list(wsdl.iter(f"{_XSD}schema"))
    if not inline:
        return None
    parts = {f"part:{number}": etree.tostring(one, with_tail=False) for number, one in enumerate(inline)}
    wrapper = etree.Element(f"{_XSD}schema")
    for (name, _), one in zip(parts.items(), inline, strict=True):
        attributes = {"schemaLocation": name}
        if one.get("targetNamespace"):
            attributes["namespace"] = str(one.get("targetNamespace"))
        etree.SubElement(wrapper, f"{_XSD}import" if "namespace" in attributes else f"{_XSD}include", attributes)
    parser = _local_parser()
    parser.resolvers.add(_Parts(parts, folder))
    return etree.XMLSchema(etree.fromstring(etree.tostring(wrapper), parser))


class _Parts(etree.Resolver):
    """Gives the schemas that stand inside the WSDL, and files of the vendor's folder."""

    def __init__(self, parts: Mapping[str, bytes], folder: Path) -> None:
        super().__init__()
        self._parts = parts
        self._folder = folder.resolve()

    def resolve(self, url: str, _public: str | None, context: Any) -> Any:  # type: ignore[override]  # the stubs lack context
        """The document called ``url``."""
        if url in self._parts:
            return self.resolve_string(self._parts[url], context, base_url=str(self._folder / "wsdl"))
        path = Path(unquote(urlsplit(url).path)).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise _OutsideError(path.name)
        return self.resolve_string(path.read_bytes(), context, base_url=str(path))


def _local_parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)


def _said(error: Exception) -> str:
    """What zeep says about a value: the names in it, never the value."""
    path = getattr(error, "path", None)
    return f"{type(error).__name__} {'.'.join(str(one) for one in path) if path else ''}".strip()


def _unusable(path: Path, expected: str, got: str) -> ConfigurationError:
    return ConfigurationError("CB6067", [Finding("CB6067", place=path.name, expected=expected, got=got)])
