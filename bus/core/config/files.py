"""Each file of the site folder to its values; what refers to another file is checked in ``checks``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from bus.core.channel import TlsClient
from bus.core.config.brokers import read_broker
from bus.core.config.journals import read_journal
from bus.core.config.numbers import read_numbering
from bus.core.config.reader import CONTRADICTION, MISSING, TWICE, UNKNOWN_NAME, WRONG_VALUE, Table, one_of
from bus.core.config.tls import read_caller, read_client, read_server
from bus.core.datarules import dantaikodo_ok
from bus.core.numbering import Numbering
from bus.core.numbers import RESIDENT_CODE_CHECKS
from bus.core.repertoire import Repertoire, read_list, repertoire, repertoire_names
from bus.core.settings import (
    AdapterSpec,
    AttachmentSettings,
    BrokerSettings,
    DeliverySettings,
    FrontSettings,
    GuardSettings,
    JournalSettings,
    Municipality,
    ReliableSettings,
)
from bus.core.types import Endpoint, Mode, OnPark, Right, Route
from schemas.model import Edition

Value = TypeVar("Value")

BAD_CHECK_DIGIT = "CB7016"
LEVELS = ("debug", "info", "warning", "error")
WEEK_S = 7 * 24 * 3600.0
MAX_PROCESSES = 64


@dataclass(frozen=True, slots=True)
class Entry(Generic[Value]):
    """A value and the table it was read from, so that a later check can name its line."""

    table: Table
    value: Value


@dataclass(frozen=True, slots=True)
class SiteFile:
    """What ``site.toml`` says."""

    table: Table
    name_ja: str
    edition: str
    standard_folder: Path | None
    mounts: dict[str, Path]
    municipalities: tuple[Entry[Municipality], ...]
    front: FrontSettings
    journal: JournalSettings
    broker: BrokerSettings
    delivery: DeliverySettings
    reliable: ReliableSettings
    run_folder: Path
    log_level: str
    attachments: AttachmentSettings
    guard: GuardSettings
    numbering: Numbering
    outgoing: TlsClient | None = None
    editions: dict[str, Path] = field(default_factory=dict)


def read_listen(table: Table, key: str, default: tuple[str, int], *, required: bool = False) -> tuple[str, int]:
    """``127.0.0.1:8480`` or ``[::1]:8480`` as host and port."""
    text = table.text(key, required=required)
    if not text:
        return default
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        table.report(WRONG_VALUE, key, expected="host:port", got=text)
        return default
    return host, int(port)


def _inside(folder: Path, text: str) -> Path:
    """A path relative to the site folder, made absolute."""
    return Path(text) if Path(text).is_absolute() else folder / text


def read_municipalities(root: Table) -> tuple[Entry[Municipality], ...]:
    """``[[municipality]]``: the code's check digit must be right and no code may stand twice."""

    found: list[Entry[Municipality]] = []
    for table in root.tables("municipality", required=True):
        code = table.text("code", required=True)
        name = table.text("name", required=True)
        table.finish()
        if code and not dantaikodo_ok(code):
            table.report(BAD_CHECK_DIGIT, "code", expected="6 digits with check digit", got=code)
        if any(entry.value.code == code for entry in found):
            table.report(TWICE, "code", expected="unique", got=code)
        found.append(Entry(table, Municipality(code, name)))
    return tuple(found)


def _front(table: Table, folder: Path) -> FrontSettings:
    """``[front]``; ``listen = "none"`` leaves only the listener of ``[front.tls]``."""
    base = FrontSettings()
    tls = None
    if table.has("tls"):
        below = table.table("tls")
        tls_host, tls_port = read_listen(below, "listen", ("127.0.0.1", 8443), required=True)
        tls = read_server(below, folder, tls_host, tls_port, authorities="client_ca")
    plain = table.text("listen") != "none"
    host, port = read_listen(table, "listen", (base.host, base.port)) if plain else ("", 0)
    if not plain and tls is None:
        table.report(CONTRADICTION, "listen", expected="host:port, or [front.tls]", got="none")
    if tls is not None and plain and (host, port) == (tls.host, tls.port) and port:
        table.report(TWICE, "listen", expected="another port than front.tls.listen", got=f"{host}:{port}")
    front = FrontSettings(
        host=host,
        port=port,
        public_url=table.text("public_url").rstrip("/"),
        max_body=table.integer("max_body", base.max_body, least=1024),
        max_in_flight=table.integer("max_in_flight", base.max_in_flight, least=1024),
        header_timeout_s=table.number("header_timeout_s", base.header_timeout_s, least=0.1),
        body_timeout_s=table.number("body_timeout_s", base.body_timeout_s, least=0.1),
        idle_timeout_s=table.number("idle_timeout_s", base.idle_timeout_s, least=0.1),
        processes=table.integer("processes", base.processes, least=1, most=MAX_PROCESSES),
        worker_timeout_s=table.number("worker_timeout_s", base.worker_timeout_s, least=2, most=3600),
        wsa_to=table.choice("wsa_to", ("path", "exact"), base.wsa_to),
        plain=plain,
        tls=tls,
    )
    if front.public_url and not front.public_url.startswith(("http://", "https://")):
        table.report(WRONG_VALUE, "public_url", expected="http://... | https://...", got=front.public_url)
    if front.max_in_flight < front.max_body:
        table.report(CONTRADICTION, "max_in_flight", expected=f">= max_body {front.max_body}")
    table.finish()
    return front


def _attachments(table: Table, folder: Path) -> AttachmentSettings:
    """``[attachments]``."""
    base = AttachmentSettings()
    attachments = AttachmentSettings(
        folder=_inside(folder, table.text("folder", "var/attachments")),
        max_size=table.integer("max_size", base.max_size, least=1024),
        max_parts=table.integer("max_parts", base.max_parts, least=1, most=10_000),
        max_in_flight=table.integer("max_in_flight", base.max_in_flight, least=1024),
        min_free=table.integer("min_free", base.min_free, least=0),
        min_rate=table.integer("min_rate", base.min_rate, least=1),
    )
    if attachments.max_in_flight < attachments.max_size:
        table.report(CONTRADICTION, "max_in_flight", expected=f">= max_size {attachments.max_size}")
    table.finish()
    return attachments


def _delivery(table: Table, folder: Path) -> tuple[DeliverySettings, TlsClient | None]:
    """``[delivery]`` and how ``https`` addresses are called (``[delivery.tls]``)."""
    base = DeliverySettings()
    tls = read_client(table.table("tls"), folder, None, named=False) if table.has("tls") else None
    delivery = DeliverySettings(
        retry_first_s=table.number("retry_first_s", base.retry_first_s, least=0.01, most=3600),
        retry_max_s=table.number("retry_max_s", base.retry_max_s, least=0.01, most=24 * 3600),
        retry_limit=table.integer("retry_limit", base.retry_limit, most=100_000),
        breaker_failures=table.integer("breaker_failures", base.breaker_failures, least=1, most=1000),
        breaker_open_s=table.number("breaker_open_s", base.breaker_open_s, least=0.01, most=3600),
        sweep_s=table.number("sweep_s", base.sweep_s, least=0.01, most=60),
    )
    if delivery.retry_max_s < delivery.retry_first_s:
        table.report(CONTRADICTION, "retry_max_s", expected=f">= retry_first_s {delivery.retry_first_s:g}")
    table.finish()
    return delivery, tls


def _reliable(table: Table) -> ReliableSettings:
    """``[reliable]``."""
    base = ReliableSettings()
    settings = ReliableSettings(
        max_sequences=table.integer("max_sequences", base.max_sequences, least=1, most=10_000),
        expires_s=table.number("expires_s", base.expires_s, least=1, most=366 * 24 * 3600),
        max_early=table.integer("max_early", base.max_early, least=1, most=100_000),
        max_early_bytes=table.integer("max_early_bytes", base.max_early_bytes, least=1024),
        window=table.integer("window", base.window, least=1, most=10_000),
        idle_s=table.number("idle_s", base.idle_s, least=0.1, most=24 * 3600),
    )
    table.finish()
    return settings


def _guard(table: Table) -> GuardSettings:
    """``[guard]``: the mixing guard."""
    settings = GuardSettings(
        exempt=frozenset(table.texts("exempt")),
        resident_code=table.choice("juminhyokodo", ("off", *RESIDENT_CODE_CHECKS), "off").replace("off", ""),
    )
    table.finish()
    return settings


def read_site(root: Table, folder: Path) -> SiteFile:
    """``site.toml``."""
    site = root.table("site")
    name = site.text("name", required=True)
    edition = site.text("edition", "1.0")
    standard = site.text("standard")
    run = site.text("run", "var/run")
    level = site.choice("log_level", LEVELS, "info")
    site.finish()
    mounts, editions = _folders(root, "mounts", folder), _folders(root, "editions", folder)
    municipalities = read_municipalities(root)
    front = _front(root.table("front"), folder)
    broker = read_broker(root.table("broker"), folder)
    journal = read_journal(root.table("journal"), folder)
    delivery, outgoing = _delivery(root.table("delivery"), folder)
    reliable = _reliable(root.table("reliable"))
    attachments = _attachments(root.table("attachments"), folder)
    guard = _guard(root.table("guard"))
    numbering = read_numbering(root.table("numbers"))
    root.finish()
    return SiteFile(
        table=root,
        name_ja=name,
        edition=edition,
        standard_folder=_inside(folder, standard) if standard else None,
        mounts=mounts,
        municipalities=municipalities,
        front=front,
        journal=journal,
        broker=broker,
        delivery=delivery,
        reliable=reliable,
        run_folder=_inside(folder, run),
        log_level=level,
        attachments=attachments,
        guard=guard,
        numbering=numbering,
        outgoing=outgoing,
        editions=editions,
    )


def read_adapters(root: Table, folder: Path) -> tuple[Entry[AdapterSpec], ...]:
    """``adapters.toml``."""
    found: list[Entry[AdapterSpec]] = []
    for table in root.tables("adapter"):
        host, port = read_listen(table, "listen", ("127.0.0.1", 0), required=True)
        spec = AdapterSpec(
            id=table.text("id", required=True),
            vendor=table.text("vendor", required=True),
            unit=table.text("unit", required=True),
            municipality=table.text("municipality", required=True),
            host=host,
            port=port,
            endpoint=table.text("endpoint"),
            autostart=table.flag("autostart", default=True),
            tls=read_server(table.table("tls"), folder, host, port, authorities="ca") if table.has("tls") else None,
            settings=table.raw_table("settings"),
        )
        table.finish()
        if any(entry.value.id == spec.id for entry in found):
            table.report(TWICE, "id", expected="unique", got=spec.id)
        found.append(Entry(table, spec))
    root.finish()
    return tuple(found)


def adapter_address(spec: AdapterSpec, municipality: str, endpoint_id: str) -> str:
    """Where an adapter takes what the bus sends to the endpoint it stands for."""
    host = f"[{spec.host}]" if ":" in spec.host else spec.host
    scheme = "http" if spec.tls is None else "https"
    return f"{scheme}://{host}:{spec.port}/soap/{municipality}/{endpoint_id}"


def _folders(root: Table, name: str, folder: Path) -> dict[str, Path]:
    """A table of names with folders that are there."""
    table = root.table(name)
    found: dict[str, Path] = {}
    for key in root.raw_table(name):
        found[key] = _inside(folder, table.text(key, required=True))
        if not found[key].is_dir():
            table.report("CB7010", key, expected="folder", got=str(found[key]))
    return found


def read_endpoints(
    root: Table, adapters: Mapping[str, AdapterSpec], folder: Path, edition: str, outgoing: TlsClient | None
) -> tuple[Entry[Endpoint], ...]:
    """``endpoints.toml``; an adapter's endpoint gets the adapter's address, and every one its secret.

    ``outgoing`` is how the site calls ``https`` addresses where the endpoint does not say otherwise.
    """
    found: list[Entry[Endpoint]] = []
    base = Endpoint("", "", "")
    for table in root.tables("endpoint", required=True):
        endpoint_id = table.text("id", required=True)
        municipality = table.text("municipality", required=True)
        adapter = table.text("adapter")
        address = table.text("address")
        if adapter and address:
            table.report(CONTRADICTION, "address", expected="adapter | address", got="both")
        if adapter and adapter not in adapters:
            table.report(UNKNOWN_NAME, "adapter", expected=one_of(adapter, adapters, "adapter of adapters.toml"))
        elif adapter:
            address = adapter_address(adapters[adapter], municipality, endpoint_id)
        elif address and not address.startswith(("http://", "https://")):
            table.report(WRONG_VALUE, "address", expected="http://... | https://...", got=address)
        endpoint = Endpoint(
            id=endpoint_id,
            municipality=municipality,
            unit=table.text("unit", required=True),
            name_ja=table.text("name"),
            address=address,
            edition=table.text("edition", edition),
            edition_until=table.text("edition_until"),
            purpose=table.text("purpose"),
            adapter=adapter,
            paused=table.flag("paused", default=False),
            reliable=table.flag("reliable", default=False),
            reliable_required=table.flag("reliable_required", default=False),
            concurrency=table.integer("concurrency", base.concurrency, least=1, most=1024),
            timeout_s=table.number("timeout_s", base.timeout_s, least=0.1, most=3600),
            secret=read_secret(secret_path(folder, municipality, endpoint_id)),
            caller=read_caller(table.table("caller"), folder) if table.has("caller") else base.caller,
            tls=_calling(table, folder, address, outgoing),
            repertoire=_repertoire(table, folder),
            glyphs=table.flag("mojizukei", default=bool(adapter)),
        )
        table.finish()
        if any(entry.value.key == endpoint.key for entry in found):
            table.report(TWICE, "id", expected="unique in the municipality", got=endpoint.key)
        found.append(Entry(table, endpoint))
    root.finish()
    return tuple(found)


def _calling(table: Table, folder: Path, address: str, outgoing: TlsClient | None) -> TlsClient | None:
    """How the endpoint's address is called, ``None`` when that is not with TLS."""
    protected = address.startswith("https://")
    if not table.has("tls"):
        return outgoing if protected else None
    if not protected:
        table.report(CONTRADICTION, "tls", expected="an https address", got=address or "no address")
    return read_client(table.table("tls"), folder, outgoing.material if outgoing else None, named=True)


def _repertoire(table: Table, folder: Path) -> Repertoire | None:
    """The agreed set of characters: by name, or a list of one's own (``.txt`` in the site folder)."""
    name = table.text("repertoire")
    if not name:
        return None
    if name.endswith(".txt"):
        try:
            return read_list(folder / name)
        except (OSError, ValueError) as error:
            table.report(WRONG_VALUE, "repertoire", expected="U+XXXX ...", got=str(error))
            return None
    if name not in repertoire_names():
        table.report(UNKNOWN_NAME, "repertoire", expected=one_of(name, repertoire_names(), "repertoire"), got=name)
        return None
    return repertoire(name)


def secret_path(folder: Path, municipality: str, endpoint_id: str) -> Path:
    """The file that holds an endpoint's secret."""
    return folder / "secrets" / f"{municipality}-{endpoint_id}.key"


def read_secret(path: Path) -> str:
    """The secret in a file, or an empty text when there is none."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def read_routes(root: Table, edition: Edition) -> tuple[Entry[Route], ...]:
    """``routes.toml``; mode and deadline default to what the standard says of the operation."""
    found: list[Entry[Route]] = []
    for table in root.tables("route", required=True):
        key = table.text("operation", required=True)
        operation = edition.operation(key)
        answered = operation is None or not operation.output.endswith("_uketsuke")
        natural = Mode.DIRECT if answered else Mode.QUEUED
        route = Route(
            municipality=table.text("municipality", required=True),
            operation=key,
            targets=table.texts("to"),
            mode=Mode(table.choice("mode", [mode.value for mode in Mode], natural.value)),
            deadline_s=table.number(
                "deadline_s", operation.deadline_s if operation else 10.0, least=0.05, most=24 * 3600
            ),
            expires_s=table.number("expires_s", WEEK_S, least=1, most=366 * 24 * 3600),
            on_park=OnPark(table.choice("on_park", [choice.value for choice in OnPark], OnPark.BLOCK.value)),
            opaque=table.flag("opaque", default=False),
            senders=table.texts("from"),
            attachments=table.flag("attachments", default=False),
            unfiltered=table.text("unfiltered"),
            require_statement=table.flag("require_statement", default=False),
        )
        table.finish()
        found.append(Entry(table, route))
    root.finish()
    return tuple(found)


def read_rights(root: Table) -> tuple[Entry[Right], ...]:
    """``rights.toml``; a purpose ``*`` does not exist."""
    found: list[Entry[Right]] = []
    for table in root.tables("right", required=True):
        right = Right(
            municipality=table.text("municipality", required=True),
            endpoint=table.text("endpoint", required=True),
            operation=table.text("operation", required=True),
            purposes=table.texts("purposes", required=True),
            withhold=frozenset(table.texts("withhold")),
        )
        if not right.purposes and table.has("purposes"):
            table.report(MISSING, "purposes", expected="at least one purpose")
        table.finish()
        found.append(Entry(table, right))
    root.finish()
    return tuple(found)
