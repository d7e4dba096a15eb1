"""The nouns of the bus as values: Endpoint, Route, Right, Message, Finding, Known and the mutable Exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from bus.core.channel import ANYBODY_WITH_THE_SECRET, Caller, TlsClient
from bus.core.repertoire import Repertoire
from bus.core.states import State
from bus.core.values import value

if TYPE_CHECKING:
    from schemas.model import Operation

NO_PURPOSE = ""


class Mode(StrEnum):
    """How a route moves a message: the caller waits (direct) or the bus keeps it (queued)."""

    DIRECT = "direct"
    QUEUED = "queued"


class OnPark(StrEnum):
    """What a parked message does to later messages of the same ordering key."""

    BLOCK = "block"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: code of ``errors.csv``, where it stands, what was expected and what was got.

    ``path`` names an item (element path, vendor item, configuration key) and ``place`` where it stands
    (file, record, byte offset, line). ``got`` never holds personal data: describe the value (its length,
    its code point), do not quote it, unless it is configuration.
    """

    code: str
    path: str = ""
    line: int = 0
    expected: str = ""
    got: str = ""
    name_ja: str = ""
    place: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON-ready fields, empty ones left out."""
        names = ("code", "path", "line", "expected", "got", "name_ja", "place")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


FIRST: Final = "yusen"
"""Stands among the ordering keys of a message that goes before others; it orders nothing."""


class Inbound(StrEnum):
    """What is asked of the messages that come from an endpoint."""

    PLAIN = "plain"
    USERNAME = "username"
    SIGNED = "signed"
    ENCRYPTED = "signed+encrypted"


class Outbound(StrEnum):
    """How messages and answers go to an endpoint."""

    PLAIN = "plain"
    SIGNED = "signed"
    ENCRYPTED = "signed+encrypted"


class Reduced(StrEnum):
    """What becomes of a signed message from which items are withheld: its signature cannot hold."""

    RESIGN = "resign"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class EndpointSecurity:
    """The message security of one endpoint; times in seconds.

    ``certificates`` register whose signatures count: ``file:<path>``, ``sha256:<fingerprint>`` or ``subject:<name>``;
    ``encrypt_to`` is a certificate file. ``expires_s`` is how long a signature of the bus counts. ``passwords`` are the
    kinds of password a UsernameToken may hold; ``open_channel`` allows its digest where others could listen.
    ``resign`` puts the bus's signature in the place of the sender's, for receivers that know the bus alone.
    ``reduced`` says whether a signed message may come without the items that are withheld, and without its signature.
    """

    inbound: Inbound = Inbound.PLAIN
    outbound: Outbound = Outbound.PLAIN
    certificates: tuple[str, ...] = ()
    encrypt_to: str = ""
    digests: tuple[str, ...] = ("sha256",)
    skew_s: float = 60.0
    max_age_s: float = 300.0
    expires_s: float = 300.0
    passwords: tuple[str, ...] = ("digest",)
    open_channel: bool = False
    legacy_oaep: bool = False
    resign: bool = False
    reduced: Reduced = Reduced.RESIGN
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A system of a municipality that sends or receives.

    ``key`` is ``<municipality>/<id>`` and is unique in a site. ``address`` is the URL the bus posts to
    (empty for a system that only calls). ``secret`` authenticates both directions (HTTP Basic: the endpoint
    as ``<id>``, the bus as ``chiikibus``); it never appears in a repr. ``security`` is ``None`` where nothing is asked
    of messages beyond that credential.
    ``edition`` is the one it speaks, ``edition_until`` the last day of that (empty: no end).
    ``reliable`` endpoints get queued deliveries in a sequence; from ``reliable_required`` ones nothing else is taken.
    ``repertoire`` is the set of characters that all it sends has to be of, ``None`` where nothing is agreed.
    ``glyphs`` says that it reads the names of glyphs that no Unicode text stands for.
    ``caller`` says how it proves who it is, ``tls`` how an ``https`` address is called; ``dial`` names address and TLS
    together: calls to the same share connections.
    """

    id: str
    municipality: str
    unit: str
    name_ja: str = ""
    address: str = ""
    edition: str = "1.0"
    edition_until: str = ""
    purpose: str = NO_PURPOSE
    adapter: str = ""
    paused: bool = False
    reliable: bool = False
    reliable_required: bool = False
    concurrency: int = 16
    timeout_s: float = 30.0
    secret: str = field(default="", repr=False)
    security: EndpointSecurity | None = None
    caller: Caller = ANYBODY_WITH_THE_SECRET
    tls: TlsClient | None = None
    repertoire: Repertoire | None = field(default=None, repr=False)
    glyphs: bool = False
    key: str = field(init=False, repr=False, compare=False)
    dial: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Every message asks for these several times: they are put together once."""
        object.__setattr__(self, "key", f"{self.municipality}/{self.id}")
        how = f"#{self.tls.material.digest}#{self.tls.server_name}" if self.tls is not None else ""
        object.__setattr__(self, "dial", self.address + how)


@dataclass(frozen=True, slots=True)
class Route:
    """Where an operation goes in one municipality; ``targets`` are endpoint ids of that municipality.

    ``unfiltered`` is the reason why content that the bus does not look into (opaque, attachments) may go to a receiver
    from whom items are withheld; without one it does not. With ``require_statement`` it serves only targets of which
    the site holds a valid statement of conformity.
    """

    municipality: str
    operation: str
    targets: tuple[str, ...]
    mode: Mode
    deadline_s: float = 10.0
    expires_s: float = 7 * 24 * 3600.0
    on_park: OnPark = OnPark.BLOCK
    opaque: bool = False
    senders: tuple[str, ...] = ()
    attachments: bool = False
    unfiltered: str = ""
    require_statement: bool = False


@dataclass(frozen=True, slots=True)
class Right:
    """One allowance: this sender may use this operation for these purposes; everything else is denied.

    ``withhold`` names items (element local names) that the holder of the right never sees: they are removed
    from notices delivered to it and from replies returned to it.
    """

    municipality: str
    endpoint: str
    operation: str
    purposes: tuple[str, ...]
    withhold: frozenset[str] = frozenset()


@value(frozen=True, slots=True)
class Context:
    """The context header block; empty strings where a plain client sent none and nothing was completed."""

    sender_municipality: str = ""
    sender_unit: str = ""
    sender_system: str = ""
    receiver_municipality: str = ""
    receiver_unit: str = ""
    receiver_system: str = ""
    operation: str = ""
    edition: str = ""
    purpose: str = NO_PURPOSE
    operator_id: str = ""
    sent_at: str = ""
    ordering_key: str = ""
    test: bool = False


@value(frozen=True, slots=True)
class Addressing:
    """WS-Addressing 1.0 properties as received; empty strings where absent.

    ``reply_to``, ``fault_to`` and ``source`` (wsa:From) are the addresses of endpoint references;
    ``reply_parameters`` and ``fault_parameters`` the XML of their wsa:ReferenceParameters element.
    """

    message_id: str = ""
    action: str = ""
    to: str = ""
    relates_to: str = ""
    reply_to: str = ""
    fault_to: str = ""
    source: str = ""
    reply_parameters: str = ""
    fault_parameters: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What WS-Addressing calls a failure (SOAP Binding section 6.4): ``subcode`` is the most specific local name.

    ``header`` is the local name of the property concerned, ``action`` the wsa:Action and ``soap_action`` the
    SOAPAction that disagree, ``iri`` the address in question.
    """

    subcode: str
    header: str = ""
    action: str = ""
    soap_action: str = ""
    iri: str = ""


@value(frozen=True, slots=True)
class Attachment:
    """One part beside the envelope. ``size`` and ``sha256`` are those of its content, transfer encoding taken away.

    ``offset`` and ``length`` say where the encoded content stands in the bytes of the whole.
    """

    content_id: str
    content_type: str
    encoding: str
    offset: int
    length: int
    size: int
    sha256: str


@dataclass(slots=True)
class Package:
    """A message with attachments, its multipart bytes kept as one segment on disk; the envelope stays in memory.

    ``name`` is the segment's, ``content_type`` that of the whole as received, ``root_type`` that of the envelope as
    XML. ``sha256`` covers the segment, ``digest`` the envelope and the attachments but not the boundary, which
    changes when a sender sends again. ``kept`` is set when a journal row holds the segment; without one it goes.
    """

    name: str
    content_type: str
    root_type: str
    size: int
    sha256: str
    digest: str
    attachments: tuple[Attachment, ...] = ()
    mtom: bool = False
    kept: bool = False


@value(frozen=True, slots=True)
class Message:
    """Received bytes with their header summary: never altered after reception.

    ``id`` is the sender's wsa:MessageID, or one given by the bus to a plain client (``id_given`` is then true).
    ``sha256`` is the hexadecimal digest of ``raw``, or of ``package`` where ``raw`` is only its envelope.
    """

    id: str
    raw: bytes
    sha256: str
    content_type: str
    soap_action: str
    addressing: Addressing
    context: Context
    id_given: bool = False
    package: Package | None = None


@value(frozen=True, slots=True)
class Known:
    """What the journal already holds under (municipality, sender, message id); refused messages hold no id.

    ``state``, ``code`` and the reply are those of the exchange's first delivery. ``sender``, ``targets`` (endpoint
    ids in the order of the deliveries) and ``purpose`` are as accepted: a late answer is matched by them.
    """

    exchange_id: str
    sha256: str
    mode: Mode
    operation: str
    received_at: float
    state: State
    code: str = ""
    reply: bytes = field(repr=False, default=b"")
    reply_status: int = 0
    reply_content_type: str = ""
    sender: str = ""
    targets: tuple[str, ...] = ()
    purpose: str = ""
    reply_package: Package | None = None

    def delivery_id(self, index: int) -> str:
        """The id of the delivery to ``targets[index]``."""
        return f"{self.exchange_id}-{index}"


class Exchange:
    """A message on its way through the steps: each step fills in what it found out.

    ``request`` is the HTTP request, ``tree`` the parsed root, ``envelope`` what was read from it and ``body`` the
    payload element (lxml), the only child of the SOAP Body; trees are let go before anything is waited for.
    Times are seconds since the epoch, read from the clock port. ``id`` is the bus's own identifier of the exchange
    (32 hex digits); ``journal_id`` the message id it is stored under. ``opaque`` says that the body is carried
    unread. ``answers`` is the stored exchange that a late answer belongs to, ``relates_to`` its message id.
    ``opened`` is the whole message after the decryption of its body, empty where nothing was decrypted here;
    ``reason`` the code of a refusal that its sender is not told. ``verified`` says that the message passed what its
    sender's policy asks for: before that nothing it says of where answers go counts.
    ``reliable`` is there for what has to do with sequences (``bus.pipeline.sequence.Passage``).
    ``way`` is what the tables say of this sender and operation (``bus.pipeline.way``), from step 6 on.
    ``asked`` is what the question says of its subject, by tag, where its answer has to be about that.
    ``reduced`` are the records of messages that were written anew without withheld items, for the journal.

    What most messages never set is written into the class alone: a new exchange writes five attributes, not thirty.
    """

    message: Message | None = None
    body: Any = None
    operation: Operation | None = None
    right: Right | None = None
    purpose: str = NO_PURPOSE
    route: Route | None = None
    targets: tuple[Endpoint, ...] = ()
    ordering_keys: tuple[str, ...] = ()
    relates_to: str = ""
    tree: Any = None
    envelope: Any = None
    mode: Mode = Mode.DIRECT
    opaque: bool = False
    journal_id: str = ""
    answers: Known | None = None
    opened: bytes = b""
    reason: str = ""
    verified: bool = False
    reliable: Any = None
    way: Any = None
    asked: Any = None
    reduced: tuple[Finding, ...] = ()

    def __init__(self, id: str, sender: Endpoint, received_at: float, unit: str, request: Any = None) -> None:
        """``request`` is absent where the bus itself speaks."""
        self.id = id
        self.sender = sender
        self.received_at = received_at
        self.unit = unit
        self.request = request
