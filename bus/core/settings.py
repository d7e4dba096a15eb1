"""The site's settings as frozen values; ``bus.core.config`` reads them from the TOML files of a site folder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bus.core.channel import TlsClient, TlsMaterial, TlsServer
from bus.core.keeping import EncryptionSettings, RetentionSettings, SealSettings
from bus.core.numbering import Numbering
from bus.core.types import Endpoint, EndpointSecurity, Inbound, Outbound, Right, Route

__all__ = [
    "AdapterSpec",
    "BrokerSettings",
    "DeliverySettings",
    "EndpointSecurity",
    "FrontSettings",
    "Inbound",
    "JournalSettings",
    "Municipality",
    "Outbound",
    "SecuritySettings",
    "Site",
]


@dataclass(frozen=True, slots=True)
class Municipality:
    """A municipality by its 全国地方公共団体コード (6 digits with check digit)."""

    code: str
    name_ja: str


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """Where the bus listens and what it admits. Sizes in bytes, times in seconds.

    ``processes`` of 2 or more take the steps beside the process that owns the journal; one that is silent
    for ``worker_timeout_s`` is ended and started anew. ``wsa_to`` says how a
    wsa:To is compared with the address posted to: its ``path`` under any host name, or ``exact``.
    ``plain`` is false when there is only the listener with TLS; both may run side by side.
    """

    host: str = "127.0.0.1"
    port: int = 8480
    public_url: str = ""
    max_body: int = 16 * 1024 * 1024
    max_in_flight: int = 256 * 1024 * 1024
    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    idle_timeout_s: float = 75.0
    processes: int = 1
    worker_timeout_s: float = 10.0
    wsa_to: str = "path"
    plain: bool = True
    tls: TlsServer | None = None

    def addresses(self, path: str) -> tuple[str, str]:
        """``path`` as the public address says it, and as this machine does."""
        own = replace(self, public_url="")
        return f"{self.url}{path}", f"{own.url}{path}"

    @property
    def url(self) -> str:
        """Where programs of the site reach the bus: its public address, or where it listens on this machine."""
        if self.public_url:
            return self.public_url.rstrip("/")
        if self.tls is not None and not self.plain:
            return _on_this_machine("https", self.tls.host, self.tls.port)
        return _on_this_machine("http", self.host, self.port)

    def url_for(self, endpoint: Endpoint, *, tls: bool = False) -> str:
        """Where this endpoint's programs on this machine reach the bus: with TLS when the endpoint has to or wants."""
        if (tls or endpoint.caller.asks_tls) and self.tls is not None and not self.public_url.startswith("https://"):
            return _on_this_machine("https", self.tls.host, self.tls.port)
        return self.url

    @property
    def standing(self) -> FrontSettings:
        """What a running bus cannot take over from a reload: everything but certificates and who has to show one."""
        if self.tls is None:
            return self
        return replace(self, tls=TlsServer(self.tls.host, self.tls.port, _NO_MATERIAL))


_NO_MATERIAL: Final = TlsMaterial()


def _on_this_machine(scheme: str, host: str, port: int) -> str:
    everywhere = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (nothing is bound here)
    host = everywhere.get(host, host)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@dataclass(frozen=True, slots=True)
class AttachmentSettings:
    """Messages with attachments: where their bytes are kept and what is admitted.

    ``max_size`` bounds one message, ``max_in_flight`` all that are being received or answered, both in bytes;
    ``min_free`` bytes of the disk are left to the journal. Below ``min_rate`` bytes per second a transfer is given up.
    """

    folder: Path = Path("var/attachments")
    max_size: int = 1024 * 1024 * 1024
    max_parts: int = 200
    max_in_flight: int = 4 * 1024 * 1024 * 1024
    min_free: int = 64 * 1024 * 1024
    min_rate: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """Which journal. SQLite: ``path``, absolute after loading.

    PostgreSQL: ``dsn`` names server, database and user in libpq's form without a password, which stands in
    ``password_file`` (or comes from libpq's own places); ``schema`` holds the tables. With ``standby`` a bus waits
    until the one that owns the journal has ended, or was silent for its ``lease_s`` seconds. Without ``retention``
    nothing is ever removed.
    """

    engine: str = "sqlite"
    path: Path = Path("var/journal.sqlite")
    dsn: str = ""
    schema: str = "chiikibus"
    password_file: Path | None = None
    standby: bool = False
    lease_s: float = 15.0
    retention: RetentionSettings | None = None
    seal: SealSettings | None = None
    encryption: EncryptionSettings | None = None


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Which broker; ``max_resident`` bytes of bodies are kept in memory, the rest is read from the journal.

    Everything else is for RabbitMQ. ``nodes`` are tried in order; names of queues begin with ``prefix``. An endpoint
    has ``lanes`` queues unless ``lanes_of`` says otherwise; ``prefetch`` messages of one lane may be unacknowledged.
    ``replicas`` of 0 leaves to RabbitMQ on how many nodes a queue lives. Times in seconds.
    """

    engine: str = "memory"
    max_resident: int = 64 * 1024 * 1024
    nodes: tuple[tuple[str, int], ...] = (("127.0.0.1", 5672),)
    virtual_host: str = "/"
    user: str = "chiikibus"
    password: str = field(default="", repr=False)
    password_file: Path = Path("secrets/broker.key")
    prefix: str = "chiikibus"
    lanes: int = 1
    lanes_of: tuple[tuple[str, int], ...] = ()
    prefetch: int = 50_000
    replicas: int = 0
    timeout_s: float = 10.0
    heartbeat_s: int = 15
    tls: TlsClient | None = None

    def lanes_for(self, endpoint: str) -> int:
        """The lanes of ``<municipality>/<id>``."""
        return dict(self.lanes_of).get(endpoint, self.lanes)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """Retry, parking and breaker. The n-th wait is ``min(retry_first_s * 2**(n-1), retry_max_s)`` with jitter."""

    retry_first_s: float = 1.0
    retry_max_s: float = 300.0
    retry_limit: int = 50
    breaker_failures: int = 5
    breaker_open_s: float = 5.0
    sweep_s: float = 1.0


@dataclass(frozen=True, slots=True)
class ReliableSettings:
    """Sequences of reliable messages. Sizes in bytes, times in seconds.

    As destination: at most ``max_sequences`` of one endpoint at a time, none longer than ``expires_s``; of one sequence
    at most ``max_early`` messages (``max_early_bytes``) wait for a gap to close. As source: at most ``window`` numbers
    are unacknowledged, and a sequence without work for ``idle_s`` is ended.
    """

    max_sequences: int = 16
    expires_s: float = 24 * 3600.0
    max_early: int = 1000
    max_early_bytes: int = 16 * 1024 * 1024
    window: int = 64
    idle_s: float = 300.0


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """An adapter process of this site: which vendor definition, where it listens, its own settings table.

    With ``tls`` its face speaks TLS, and with the same certificate it calls the bus.
    """

    id: str
    vendor: str
    unit: str
    municipality: str
    host: str
    port: int
    endpoint: str = ""
    autostart: bool = True
    tls: TlsServer | None = None
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """Message security of the whole site: names of the bus's own keys, and what is asked of revocation lists.

    ``sign`` and ``decrypt`` name pairs of files ``secrets/security/<name>.key`` and ``.crt``; the first valid one of
    ``sign`` signs. Authorities are the certificates in ``trust/ca``, revocation lists those in ``trust/crl``.
    """

    sign: tuple[str, ...] = ()
    decrypt: tuple[str, ...] = ()
    revocation_required: bool = False
    crl_grace_days: float = 7.0
    warn_days: float = 30.0


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """The mixing guard beyond the standard's table: ``exempt`` are element names in which it does not look.

    ``resident_code`` names the check of the 住民票コード (``bus.core.numbers``), empty where it is not looked for.
    """

    exempt: frozenset[str] = frozenset()
    resident_code: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """Everything a site folder says; ``outgoing`` is how it calls https addresses (``[delivery.tls]``).

    ``editions`` holds the folders of editions beside the site's own that do not come with the program. ``statements``
    says until when (seconds since 1970) the statement of an endpoint holds, for those of which a route asks one;
    ``lapsed`` are the endpoints whose statement has ended.
    """

    folder: Path
    name_ja: str
    edition: str
    standard_folder: Path | None
    mounts: dict[str, Path]
    municipalities: tuple[Municipality, ...]
    endpoints: tuple[Endpoint, ...]
    routes: tuple[Route, ...]
    rights: tuple[Right, ...]
    adapters: tuple[AdapterSpec, ...]
    front: FrontSettings
    journal: JournalSettings
    broker: BrokerSettings
    delivery: DeliverySettings
    run_folder: Path
    reliable: ReliableSettings = field(default_factory=ReliableSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)
    numbering: Numbering = field(default_factory=Numbering)
    log_level: str = "info"
    tables_hash: str = ""
    attachments: AttachmentSettings = AttachmentSettings()
    security: SecuritySettings | None = None
    outgoing: TlsClient | None = None
    editions: dict[str, Path] = field(default_factory=dict)
    statements: dict[str, float] = field(default_factory=dict)
    lapsed: frozenset[str] = frozenset()

    @property
    def uses_tls(self) -> bool:
        """Whether there is any certificate of TLS to look at."""
        of_endpoints = any(endpoint.caller.certificates or endpoint.tls for endpoint in self.endpoints)
        of_adapters = any(adapter.tls for adapter in self.adapters)
        return bool(self.front.tls or self.outgoing or of_endpoints or of_adapters)

    def endpoint(self, municipality: str, endpoint_id: str) -> Endpoint | None:
        """The endpoint of that municipality and id, or ``None``."""
        for endpoint in self.endpoints:
            if endpoint.municipality == municipality and endpoint.id == endpoint_id:
                return endpoint
        return None
