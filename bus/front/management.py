"""The management service: delivery status, route look-up, echo and late replies for systems that only speak SOAP.

Code-first on spyne, which sees nothing but a fresh envelope around a payload that our own wire layer accepted.
It runs in a thread of its own, so that it never holds up messages. Every answer is limited to the caller's own
municipality and exchanges.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from lxml import etree

from bus.core.errors import ChiikibusError, EnvironmentFault, RightsError, WireError
from bus.core.types import Endpoint, Finding
from bus.wire import envelope, safe_xml
from bus.wire.http import XML, Request, Response
from bus.wire.spyne_shim import importing

with importing():
    from spyne import AnyXml, Application, Array, ComplexModel, Fault, Integer, MethodContext, ServiceBase, Unicode, rpc
    from spyne.interface.wsdl import Wsdl11
    from spyne.protocol.soap import Soap11
    from spyne.server import ServerBase

NAMESPACE: Final = "urn:chiikibus:management:1.0"
SERVICE: Final = "ChiikibusKanri"
MAX_TEXT: Final = 255
_XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """Where one delivery of a message stands; ``updated_at`` is ISO 8601, codes are those of ``errors.csv``."""

    message_id: str
    exchange_id: str
    operation: str
    target: str
    state: str
    attempt: int
    code: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """Whether the caller may use an operation, and where it would go; ``code`` says why not."""

    allowed: bool
    mode: str = ""
    targets: tuple[str, ...] = ()
    code: str = ""
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LateReply:
    """The state of an exchange and, once it came, the reply message as journalled."""

    state: str
    exchange_id: str
    reply: bytes = field(repr=False, default=b"")


class Desk(Protocol):
    """Who answers the questions; called from the management thread, never from the event loop."""

    def deliveries(self, caller: Endpoint, message_id: str) -> Sequence[DeliveryStatus]:
        """The deliveries of a message the caller sent; empty when there is none."""
        ...

    def route(self, caller: Endpoint, operation: str, purpose: str) -> RouteAnswer:
        """What the tables say about a call by the caller."""
        ...

    def late_reply(self, caller: Endpoint, message_id: str) -> LateReply | None:
        """The exchange of a message the caller sent, or ``None``."""
        ...

    def close(self) -> None:
        """Give up what was opened for answering."""
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a service function knows besides its arguments."""

    caller: Endpoint
    desk: Desk


class _CodedFault(Fault):  # type: ignore[misc]  # spyne is untyped
    """Carries one of our errors through spyne."""

    def __init__(self, error: ChiikibusError) -> None:
        super().__init__("Server", error.code)
        self.error = error


_Text = Unicode(max_len=MAX_TEXT)
_Required = Unicode(min_len=1, max_len=MAX_TEXT, min_occurs=1, nillable=False)


class HaisoJokyo(ComplexModel):  # type: ignore[misc]  # spyne is untyped
    """配送状況: one delivery."""

    __namespace__ = NAMESPACE
    _type_info = [  # noqa: RUF012 (spyne reads the order of this list)
        ("messageid", _Text),
        ("kirokubango", _Text),
        ("sosa", _Text),
        ("soshinsaki", _Text),
        ("jotai", _Text),
        ("kaisu", Integer),
        ("kodo", _Text),
        ("koshin_nichiji", _Text),
    ]


class Keiro(ComplexModel):  # type: ignore[misc]  # spyne is untyped
    """経路: where a call would go; ``kyoka`` is 1 or 0."""

    __namespace__ = NAMESPACE
    _type_info = [  # noqa: RUF012 (spyne reads the order of this list)
        ("kyoka", _Text),
        ("kodo", _Text),
        ("hoshiki", _Text),
        ("soshinsaki", Unicode(max_occurs="unbounded")),
        ("hikaiji_komoku", Unicode(max_occurs="unbounded")),
    ]


class Kaito(ComplexModel):  # type: ignore[misc]  # spyne is untyped
    """回答: the state of the exchange and the payload of the reply, once there is one."""

    __namespace__ = NAMESPACE
    _type_info = [  # noqa: RUF012 (spyne reads the order of this list)
        ("kirokubango", _Text),
        ("jotai", _Text),
        ("naiyo", AnyXml),
    ]


def _operation(*types: Any, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """spyne's ``rpc`` with a type."""
    decorate: Callable[[Callable[..., Any]], Callable[..., Any]] = rpc(*types, **options)
    return decorate


class KanriService(ServiceBase):  # type: ignore[misc]  # spyne is untyped
    """The four operations. ``ctx.udc`` holds who asks and who answers."""

    @_operation(Unicode(max_len=MAX_TEXT), _returns=Unicode)
    def echo(ctx: Any, moji: str | None) -> str:
        """送られた文字をそのまま返す。 / Give back what was sent."""
        return moji or ""

    @_operation(_Required, _returns=Array(HaisoJokyo))
    def haiso_jokyo(ctx: Any, messageid: str) -> list[HaisoJokyo]:
        """送った電文の配送状況。 / The deliveries of a message the caller sent."""
        asked: _Asked = ctx.udc
        return [
            HaisoJokyo(
                messageid=one.message_id,
                kirokubango=one.exchange_id,
                sosa=one.operation,
                soshinsaki=one.target,
                jotai=one.state,
                kaisu=one.attempt,
                kodo=one.code,
                koshin_nichiji=one.updated_at,
            )
            for one in asked.desk.deliveries(asked.caller, messageid)
        ]

    @_operation(_Required, _Text, _returns=Keiro)
    def keiro_shokai(ctx: Any, sosa: str, riyomokuteki: str | None) -> Keiro:
        """操作と利用目的から、許可と宛先を調べる。 / Whether a call is allowed, and where it goes."""
        asked: _Asked = ctx.udc
        answer = asked.desk.route(asked.caller, sosa, riyomokuteki or asked.caller.purpose)
        return Keiro(
            kyoka="1" if answer.allowed else "0",
            kodo=answer.code,
            hoshiki=answer.mode,
            soshinsaki=list(answer.targets),
            hikaiji_komoku=list(answer.withheld),
        )

    @_operation(_Required, _returns=Kaito)
    def kaito_shutoku(ctx: Any, messageid: str) -> Kaito:
        """後日回答を取りに来る。 / Fetch a late reply."""
        asked: _Asked = ctx.udc
        found = asked.desk.late_reply(asked.caller, messageid)
        if found is None:
            raise _CodedFault(RightsError("CB2008", [Finding("CB2008", path="messageid")]))
        content = envelope.read(safe_xml.parse(found.reply)).body if found.reply else None
        return Kaito(kirokubango=found.exchange_id, jotai=found.state, naiyo=content)


class _Server(ServerBase):  # type: ignore[misc]  # spyne is untyped
    """spyne's server without a network: we hand it one envelope at a time."""

    transport = "http://schemas.xmlsoap.org/soap/http"


class ManagementService:
    """Answers SOAP requests at ``/management`` and serves its own WSDL."""

    def __init__(self, desk: Desk) -> None:
        # spyne logs whole documents when they do not fit: nothing of it may reach any log
        logging.getLogger("spyne").setLevel(logging.CRITICAL + 1)
        self._desk = desk
        self._application = Application(
            [KanriService], tns=NAMESPACE, name=SERVICE, in_protocol=Soap11(validator="lxml"), out_protocol=Soap11()
        )
        self._server = _Server(self._application)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="management")

    def wsdl(self, url: str) -> bytes:
        """The WSDL with ``url`` as the service's address."""
        document = Wsdl11(self._application.interface)
        document.build_interface_document(url)
        text: bytes = document.get_interface_document()
        return text

    async def answer(self, request: Request, caller: Endpoint) -> Response:
        """Answer one authenticated POST.

        Errors (ChiikibusError): those of the wire layer, CB1013, CB1016, CB2008 and CB9001.
        """
        found = envelope.read(safe_xml.parse(request.body, request.header("content-type")))
        payload = _checked(found.body)
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(self._thread, self._call, envelope.build(payload), caller)
        return Response(200, XML, body)

    def close(self) -> None:
        """End the thread; a question being answered is answered first."""
        self._thread.submit(self._desk.close)
        self._thread.shutdown()

    def _call(self, message: bytes, caller: Endpoint) -> bytes:
        """Let spyne do its part; in the management thread."""
        first = MethodContext(self._server, MethodContext.SERVER)
        first.in_string = [message]
        context = self._server.generate_contexts(first, "utf-8")[0]
        context.udc = _Asked(caller, self._desk)
        if context.in_error is None:
            self._server.get_in_object(context)
        if context.in_error is not None:
            raise WireError("CB1016", [Finding("CB1016", path=SERVICE, expected="/management?wsdl")])
        self._server.get_out_object(context)
        if context.out_error is not None:
            if isinstance(context.out_error, _CodedFault):
                raise context.out_error.error
            raise EnvironmentFault("CB9001")
        self._server.get_out_string(context)
        return b"".join(context.out_string)


def _checked(payload: etree._Element) -> etree._Element:
    """The payload, when it is of our namespace and holds nothing that spyne would interpret by itself (href, id)."""
    if not str(payload.tag).startswith(f"{{{NAMESPACE}}}"):
        raise WireError("CB1013", [Finding("CB1013", path=SERVICE, expected=NAMESPACE)])
    for element in payload.iter():
        for name in element.attrib:
            if not str(name).startswith(_XSI):
                finding = Finding("CB1016", path=etree.QName(element).localname, got=str(name)[:64])
                raise WireError("CB1016", [finding])
    return payload
