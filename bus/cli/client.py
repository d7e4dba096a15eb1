"""A plain SOAP client on zeep that knows nothing of the bus but its served WSDL, and reads what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import zeep
from lxml import etree
from zeep.exceptions import Fault, TransportError, XMLParseError
from zeep.helpers import serialize_object

from bus.core.basic import basic_header
from bus.core.errors import ConfigurationError, EnvironmentFault
from bus.core.settings import Site
from bus.core.types import Endpoint, Finding
from bus.wire.fault import RemoteFault, read_fault

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the reply's content, or the fault; never both."""

    content: Any = None
    fault: RemoteFault | None = None


def bus_url(site: Site) -> str:
    """Where the bus of a site is reached from this machine."""
    if site.front.public_url:
        return site.front.public_url
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(site.front.host, site.front.host)  # noqa: S104 (not bound here)
    return f"http://[{host}]:{site.front.port}" if ":" in host else f"http://{host}:{site.front.port}"


class PlainClient:
    """Calls the operations of one unit as one endpoint.

    Errors: ``EnvironmentFault`` CB9006 when the bus cannot be reached, ``ConfigurationError`` CB7030 for items that
    the WSDL does not know.
    """

    def __init__(self, base_url: str, endpoint: Endpoint, unit: str) -> None:
        self.url = f"{base_url}/{endpoint.key}/{unit}"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = basic_header(endpoint.id, endpoint.secret)
        self._client: Any = None

    def _zeep(self) -> Any:
        """The zeep client, made from the served WSDL at the first call."""
        if self._client is None:
            transport = zeep.Transport(session=self._session, timeout=TIMEOUT_S, operation_timeout=TIMEOUT_S)  # type: ignore[no-untyped-call]
            try:
                self._client = zeep.Client(f"{self.url}?wsdl", transport=transport)  # type: ignore[no-untyped-call]
            except requests.ConnectionError as error:
                raise self._unreachable(error) from error
            except (requests.RequestException, XMLParseError, OSError) as error:
                finding = Finding("CB9006", path=f"{self.url}?wsdl", got=f"{type(error).__name__}")
                raise EnvironmentFault("CB9006", [finding]) from error
        return self._client

    def call(self, operation: str, values: Mapping[str, Any]) -> Answer:
        """Call an operation with its items."""
        service = self._zeep().service
        try:
            reply = service[operation](**values)
            return Answer(content=serialize_object(reply, dict))  # type: ignore[no-untyped-call]
        except Fault as error:
            return Answer(fault=_read(error))
        except TransportError as error:
            return Answer(
                fault=RemoteFault("Client", str(error.content or error.message)[:500], f"HTTP{error.status_code}")
            )
        except (TypeError, ValueError, zeep.exceptions.ValidationError, AttributeError) as error:
            finding = Finding("CB7030", path=operation, expected=f"{self.url}?wsdl", got=str(error)[:200])
            raise ConfigurationError("CB7030", [finding]) from error
        except requests.RequestException as error:
            raise self._unreachable(error) from error

    def post(self, message: bytes, action: str) -> Answer:
        """Post a finished SOAP message and parse the answer's Body."""
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
        try:
            response = self._session.post(self.url, data=message, headers=headers, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            raise self._unreachable(error) from error
        if not response.headers.get("content-type", "").startswith("text/xml"):
            fault = RemoteFault("Client", response.text[:500], f"HTTP{response.status_code}")
            return Answer() if response.status_code == 202 else Answer(fault=fault)
        from bus.wire import envelope, safe_xml  # noqa: PLC0415

        read = envelope.read(safe_xml.parse(response.content, response.headers["content-type"]))
        if read.is_fault:
            return Answer(fault=read_fault(read.body))
        return Answer(content=_tree(read.body))

    def _unreachable(self, error: Exception) -> EnvironmentFault:
        return EnvironmentFault("CB9006", [Finding("CB9006", path=self.url, got=type(error).__name__)])


def _read(error: Fault) -> RemoteFault:
    """The catalogue's code and findings out of a zeep fault."""
    fault = etree.Element("fault")
    etree.SubElement(fault, "faultcode").text = error.code or ""
    etree.SubElement(fault, "faultstring").text = error.message or ""
    if error.detail is not None:
        fault.append(error.detail)
    return read_fault(fault)


def _tree(element: etree._Element) -> Any:
    """An element as nested values: a text, or children by local name with repeated ones as a list."""
    if not len(element):
        return element.text or ""
    values: dict[str, Any] = {}
    for child in element.iterchildren(tag=etree.Element):
        name, value = etree.QName(child).localname, _tree(child)
        if name in values:
            values[name] = [*values[name], value] if isinstance(values[name], list) else [values[name], value]
        else:
            values[name] = value
    return values
