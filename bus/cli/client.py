"""A plain SOAP client on zeep that knows nothing of the bus but its served WSDL, and reads what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
import zeep
from lxml import etree
from zeep.exceptions import ValidationError, XMLParseError

from bus.cli.protection import Calling, ProtectedAdapter
from bus.core.basic import basic_header
from bus.core.errors import ConfigurationError, EnvironmentFault
from bus.core.types import Attachment, Endpoint, Finding
from bus.wire import envelope, safe_xml
from bus.wire.attachments.files import FilesReader
from bus.wire.attachments.media import is_multipart
from bus.wire.attachments.package import PackageReader
from bus.wire.attachments.writer import PIECE, MultipartMessage
from bus.wire.fault import RemoteFault, read_fault

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the reply's content, or the fault; never both."""

    content: Any = None
    fault: RemoteFault | None = None
    attachments: tuple[Attachment, ...] = ()


class PlainClient:
    """Calls the operations of one unit as one endpoint.

    Errors: ``EnvironmentFault`` CB9006 when the bus cannot be reached, ``ConfigurationError`` CB7030 for items that
    the WSDL does not know.
    """

    def __init__(self, calling: Calling, endpoint: Endpoint, unit: str) -> None:
        self.url = f"{calling.url}/{endpoint.key}/{unit}"
        self._session = requests.Session()
        self._session.trust_env = False
        if calling.context is not None:
            self._session.mount("https://", ProtectedAdapter(calling))
        if endpoint.caller.credential != "certificate":
            self._session.headers["Authorization"] = basic_header(endpoint.id, endpoint.secret)
        self._client: Any = None

    def _zeep(self) -> Any:
        """The zeep client, made from the served WSDL at the first call."""
        if self._client is None:
            transport = zeep.Transport(session=self._session, timeout=TIMEOUT_S, operation_timeout=TIMEOUT_S)  # type: ignore[no-untyped-call]  # zeep is untyped
            try:
                self._client = zeep.Client(f"{self.url}?wsdl", transport=transport)  # type: ignore[no-untyped-call]  # zeep is untyped
            except requests.ConnectionError as error:
                raise self._unreachable(error) from error
            except (requests.RequestException, XMLParseError, OSError) as error:
                finding = Finding("CB9006", path=f"{self.url}?wsdl", got=f"{type(error).__name__}")
                raise EnvironmentFault("CB9006", [finding]) from error
        return self._client

    def call(self, operation: str, values: Mapping[str, Any]) -> Answer:
        """Call an operation with its items; zeep writes the message as the served WSDL says."""
        client = self._zeep()
        try:
            with client.settings(raw_response=True):
                return _answer(client.service[operation](**values))
        except (TypeError, ValueError, ValidationError, AttributeError) as error:
            finding = Finding("CB7030", path=operation, expected=f"{self.url}?wsdl", got=str(error)[:200])
            raise ConfigurationError("CB7030", [finding]) from error
        except requests.RequestException as error:
            raise self._unreachable(error) from error

    def post(self, message: bytes, action: str) -> Answer:
        """Post a finished SOAP message."""
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
        try:
            return _answer(self._session.post(self.url, data=message, headers=headers, timeout=TIMEOUT_S))
        except requests.RequestException as error:
            raise self._unreachable(error) from error

    def message(self, operation: str, values: Mapping[str, Any]) -> bytes:
        """The message that ``call`` would post. Errors: as ``call``."""
        client = self._zeep()
        try:
            root = client.create_message(client.service, operation, **values)
        except (TypeError, ValueError, ValidationError, AttributeError) as error:
            finding = Finding("CB7030", path=operation, expected=f"{self.url}?wsdl", got=str(error)[:200])
            raise ConfigurationError("CB7030", [finding]) from error
        return etree.tostring(root, encoding="utf-8", xml_declaration=True)

    def post_parts(self, message: MultipartMessage, action: str, save: Path | None = None) -> Answer:
        """Post a message with attachments from files; those of the answer go to ``save``, if it is given."""
        headers = {"Content-Type": message.content_type, "SOAPAction": f'"{action}"'}
        try:
            with self._session.post(
                self.url, data=message, headers=headers, timeout=TIMEOUT_S, stream=True
            ) as response:
                media = response.headers.get("content-type", "")
                return _received(response, media, save) if is_multipart(media) else _answer(response)
        except requests.RequestException as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> EnvironmentFault:
        hint = "chiikibus tls explain" if self.url.startswith("https://") else ""
        return EnvironmentFault("CB9006", [Finding("CB9006", path=self.url, expected=hint, got=type(error).__name__)])


def _received(response: requests.Response, media: str, save: Path | None) -> Answer:
    """An answer with attachments."""
    reader = PackageReader(media) if save is None else FilesReader(media, save)
    for piece in response.iter_content(PIECE):
        reader.feed(piece)
    package = reader.finish()
    read = envelope.read(safe_xml.parse(bytes(reader.root), package.root_type))
    if read.is_fault:
        return Answer(fault=read_fault(read.body), attachments=package.attachments)
    return Answer(content=_tree(read.body), attachments=package.attachments)


def _answer(response: requests.Response) -> Answer:
    """The Body of an answer, or what was refused: a fault, or the short text of the HTTP layer."""
    content_type = response.headers.get("content-type", "")
    if response.status_code == HTTPStatus.ACCEPTED and not response.content:
        return Answer()
    if not content_type.startswith("text/xml"):
        code = response.text.partition(" ")[0] if response.text.startswith("CB") else f"HTTP{response.status_code}"
        return Answer(fault=RemoteFault("Client", response.text.removeprefix(code).strip()[:500], code))
    read = envelope.read(safe_xml.parse(response.content, content_type))
    if read.is_fault:
        return Answer(fault=read_fault(read.body))
    return Answer(content=_tree(read.body))


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
