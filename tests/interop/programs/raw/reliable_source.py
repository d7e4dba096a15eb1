"""A source of WS-ReliableMessaging 1.2 from nothing but sockets and texts: no SOAP stack, and no part of the bus.

Whoever writes a source of his own may begin with it. ``Source.send`` gives back the status and the text of the answer.
"""

from __future__ import annotations

import base64
import re
import socket
import uuid
from dataclasses import dataclass, field

RM = "http://docs.oasis-open.org/ws-rx/wsrm/200702"
WSA = "http://www.w3.org/2005/08/addressing"
ANONYMOUS = f"{WSA}/anonymous"
JUKI = "urn:chiikibus:standard:1.0:juki"

ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="{wsa}" xmlns:r="{rm}">
<s:Header><a:MessageID>{message_id}</a:MessageID><a:Action>{action}</a:Action>
<a:ReplyTo><a:Address>{wsa}/anonymous</a:Address></a:ReplyTo>{blocks}</s:Header>
<s:Body>{body}</s:Body></s:Envelope>"""
SEQUENCE = (
    '<r:Sequence s:mustUnderstand="1"><r:Identifier>{name}</r:Identifier>'
    "<r:MessageNumber>{number}</r:MessageNumber></r:Sequence>"
)
ASKED = "<r:AckRequested><r:Identifier>{name}</r:Identifier></r:AckRequested>"
ACKNOWLEDGED = (
    "<r:SequenceAcknowledgement><r:Identifier>{name}</r:Identifier>"
    '<r:AcknowledgementRange Lower="{low}" Upper="{high}"/></r:SequenceAcknowledgement>'
)
CREATE = (
    "<r:CreateSequence><r:AcksTo><a:Address>{acks_to}</a:Address></r:AcksTo><r:Expires>PT1H</r:Expires>{offer}"
    "</r:CreateSequence>"
)
OFFER = (
    "<r:Offer><r:Identifier>{name}</r:Identifier><r:Endpoint><a:Address>{wsa}/anonymous</a:Address></r:Endpoint>"
    "</r:Offer>"
)
END = (
    "<r:{kind}Sequence><r:Identifier>{name}</r:Identifier><r:LastMsgNumber>{last}</r:LastMsgNumber></r:{kind}Sequence>"
)
NOTICE = (
    '<j:ido_tsuchi xmlns:j="{juki}"><j:jumin><j:shikuchosonkodo>990019</j:shikuchosonkodo>'
    "<j:atenabango>{person:015d}</j:atenabango><j:rirekibango>1</j:rirekibango><j:saishinfuragu>1</j:saishinfuragu>"
    "<j:setaibango>{person:015d}</j:setaibango><j:juminshubetsu>1</j:juminshubetsu><j:juminjotai>1</j:juminjotai>"
    "<j:ido_nengappi>2026-01-01</j:ido_nengappi><j:ido_jiyu>01</j:ido_jiyu><j:ido_kubun>1</j:ido_kubun>"
    "<j:shimei>架空　花子</j:shimei><j:seibetsu>2</j:seibetsu><j:seinengappi>1990-04-01</j:seinengappi>"
    "<j:jusho_shikuchosonkodo>990019</j:jusho_shikuchosonkodo><j:jusho_choazakodo>0001001</j:jusho_choazakodo>"
    "<j:jusho_todofuken>架空県</j:jusho_todofuken><j:jusho_shikugunchosonmei>地域市</j:jusho_shikugunchosonmei>"
    "<j:jusho_choaza>架空町一丁目</j:jusho_choaza>"
    "<j:jumintonattanengappi>2026-01-01</j:jumintonattanengappi></j:jumin></j:ido_tsuchi>"
)


@dataclass(slots=True)
class Answer:
    """An answer and what it says, found by looking at its text."""

    status: int
    text: str

    @property
    def identifier(self) -> str:
        """The first wsrm:Identifier."""
        return self.first(r"Identifier>([^<]+)<")

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The acknowledged ranges."""
        found = re.findall(r"<\w+:AcknowledgementRange ([^>]*)>", self.text)
        return [(int(_value("Lower", each)), int(_value("Upper", each))) for each in found]

    @property
    def final(self) -> bool:
        """Whether the acknowledgement is the last one."""
        return re.search(r"<\w+:Final\s*/>", self.text) is not None

    @property
    def action(self) -> str:
        """The wsa:Action."""
        return self.first(r"Action[^>]*>([^<]+)<")

    @property
    def relates_to(self) -> str:
        """The message that is answered."""
        return self.first(r"RelatesTo[^>]*>([^<]+)<")

    @property
    def fault(self) -> str:
        """The protocol's name of a fault: of its block, or of the faultcode."""
        return self.first(r"FaultCode>\w+:(\w+)<") or self.first(r"<faultcode[^>]*>wsrm:(\w+)<")

    @property
    def code(self) -> str:
        """The code of the standard."""
        return self.first(r"kodo>([^<]+)<")

    def first(self, pattern: str) -> str:
        """What the pattern finds first."""
        found = re.search(pattern, self.text)
        return found[1] if found else ""


def _value(name: str, attributes: str) -> str:
    found = re.search(name + r'="(\d+)"', attributes)
    return found[1] if found else "0"


@dataclass(slots=True)
class Source:
    """One system that sends to ``path`` of a bus on this machine."""

    port: int
    path: str
    user: str
    secret: str
    name: str = ""
    ids: dict[int, str] = field(default_factory=dict)

    def send(self, action: str, body: str = "", blocks: str = "", message_id: str = "") -> Answer:
        """One message over a connection of its own; status 0 when it ends without an answer."""
        text = ENVELOPE.format(
            wsa=WSA, rm=RM, message_id=message_id or f"urn:uuid:{uuid.uuid4()}", action=action, blocks=blocks, body=body
        )
        raw = text.encode()
        credential = base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: text/xml; charset=utf-8\r\n"
            f'SOAPAction: "{action}"\r\nAuthorization: Basic {credential}\r\nContent-Length: {len(raw)}\r\n'
            "Connection: close\r\n\r\n"
        )
        got = b""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 10) as line:
                line.sendall(head.encode() + raw)
                while part := line.recv(65536):
                    got += part
        except OSError:
            return Answer(0, "")
        if b"\r\n\r\n" not in got:
            return Answer(0, "")
        status, _, content = got.partition(b"\r\n\r\n")
        return Answer(int(status.split()[1]), content.decode())

    def create(self, acks_to: str = ANONYMOUS, offer: str = "", message_id: str = "") -> Answer:
        """CreateSequence; its name is used from now on."""
        offered = OFFER.format(name=offer, wsa=WSA) if offer else ""
        body = CREATE.format(acks_to=acks_to, offer=offered)
        answer = self.send(f"{RM}/CreateSequence", body, message_id=message_id)
        self.name = answer.identifier
        return answer

    def notice(self, number: int, *, person: int = 0, blocks: str = "", message_id: str = "") -> Answer:
        """A notice with this number; the same number has the same message id, and is the same message."""
        message_id = message_id or self.ids.setdefault(number, f"urn:uuid:{uuid.uuid4()}")
        body = NOTICE.format(juki=JUKI, person=person or number)
        place = SEQUENCE.format(name=self.name, number=number)
        return self.send(f"{JUKI}/ido_tsuchi", body, place + blocks, message_id)

    def ask(self) -> Answer:
        """A message of nothing but AckRequested."""
        return self.send(f"{RM}/AckRequested", "", ASKED.format(name=self.name))

    def end(self, kind: str, last: int) -> Answer:
        """Close or Terminate."""
        return self.send(f"{RM}/{kind}Sequence", END.format(kind=kind, name=self.name, last=last))
