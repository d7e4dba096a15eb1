"""Which classes stand behind the engine names of ``site.toml``: journal, broker, read side and operator's side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bus.app.bodies import body_or_nothing
from bus.core.errors import ConfigurationError, EnvironmentFault
from bus.core.keeping import SealSettings
from bus.core.log import line
from bus.core.ports import Broker, Clock, JournalReader
from bus.core.settings import Site
from bus.core.types import Finding

if TYPE_CHECKING:
    from bus.journal.backup import Copied
    from bus.journal.counter import SharedJournal
    from bus.journal.operator import JournalOperator
    from bus.journal.postgres.carry import Carrier
    from bus.journal.postgres.database import Place
    from bus.journal.sequence_desk import SequenceDesk, SequenceOperator
    from bus.journal.side import Side
    from bus.journal.upkeep.desk import RetentionDesk
    from bus.journal.upkeep.export import Exporter, Wanted
    from bus.journal.upkeep.seal import Sealer
    from bus.journal.upkeep.signing import Signer
    from bus.journal.upkeep.verify import Verifier
    from bus.journal.vault import Vault

JOURNALS = ("sqlite", "postgresql")
BROKERS = ("memory", "rabbitmq")


def check_engines(site: Site) -> None:
    """Errors: ``ConfigurationError`` CB7001 with a finding for every engine this version does not have."""
    asked = (("journal.engine", site.journal.engine, JOURNALS), ("broker.engine", site.broker.engine, BROKERS))
    findings = [
        Finding("CB7012", path=f"site.toml: {key}", expected=" | ".join(known), got=name)
        for key, name, known in asked
        if name not in known
    ]
    if findings:
        raise ConfigurationError("CB7001", findings)


def make_journal(site: Site, clock: Clock) -> SharedJournal:
    """The journal, not yet open. With worker processes the event loop has their frames to read, so a thread writes.

    Errors: CB9002 the parts for PostgreSQL are not installed.
    """
    if site.journal.engine == "postgresql":
        place = postgres_place(site)
        from bus.journal.postgres.journal import PostgresJournal

        return PostgresJournal(
            place,
            clock=clock,
            standby=site.journal.standby,
            lease_s=site.journal.lease_s,
            log=line,
            sealed=site.journal.seal is not None,
            vault=make_vault(site),
        )
    from bus.journal.checkpoint import LOG_ROOM
    from bus.journal.sqlite import SqliteJournal
    from bus.journal.writer import LIGHT_BYTES

    light_bytes = LIGHT_BYTES if site.front.processes == 1 else 0
    sealed = site.journal.seal is not None
    return SqliteJournal(
        site.journal.path,
        clock=clock,
        log_room=LOG_ROOM,
        light_bytes=light_bytes,
        sealed=sealed,
        vault=make_vault(site),
    )


def make_vault(site: Site) -> Vault | None:
    """What encrypts payloads, where the site wants that. Errors: CB7074 a key is missing."""
    if site.journal.encryption is None:
        return None
    from bus.journal.vault import Vault, master_keys

    return Vault(master_keys(site.journal.encryption))


def make_broker(site: Site, journal: SharedJournal) -> Broker:
    """The broker; bodies beyond its memory are read from the journal."""
    if site.broker.engine == "rabbitmq":
        from bus.app.rabbitmq import rabbitmq_broker

        return rabbitmq_broker(site, journal)
    from bus.broker.memory import MemoryBroker

    return MemoryBroker(site.broker.max_resident, body_or_nothing(journal))


def open_reader(site: Site) -> JournalReader:
    """The read side, beside a running bus or after it. Errors: CB9005 no journal yet, CB4003."""
    if site.journal.engine == "postgresql":
        place = postgres_place(site)
        from bus.journal.postgres.reader import PostgresReader

        return PostgresReader(place, [each.code for each in site.municipalities])
    from bus.journal.reader import SqliteReader

    _there(site)
    return SqliteReader(site.journal.path, [each.code for each in site.municipalities])


def open_operator(site: Site, clock: Clock, actor: str) -> JournalOperator:
    """The side that changes deliveries; ``actor`` is written into every event. Errors: CB9005, CB4003."""
    from bus.journal.operator import JournalOperator

    return JournalOperator(open_side(site), clock, actor=actor)


def open_retention(site: Site, clock: Clock, actor: str) -> RetentionDesk:
    """What removes what is old, and says what is there. Errors: CB7071 the site has no rules; CB9005, CB4003."""
    if site.journal.retention is None:
        finding = Finding("CB7071", path="site.toml: journal.retention", expected="payload_days = 90")
        raise ConfigurationError("CB7071", [finding])
    from bus.journal.upkeep.desk import RetentionDesk

    return RetentionDesk(open_side(site), site.journal.retention, clock, actor, _signer(site))


def open_sealer(site: Site, clock: Clock) -> tuple[Side, Sealer]:
    """What seals the journal, and its connection. Errors: CB7073 not configured; CB7072 no key; CB9005, CB4003."""
    settings = seal_settings(site)
    from bus.journal.upkeep.seal import Sealer
    from bus.journal.upkeep.signing import load_signer

    signer, side = load_signer(settings), open_side(site)
    return side, Sealer(side, signer, clock, settings.anchor)


def open_verifier(site: Site, clock: Clock) -> tuple[Side, Verifier]:
    """What compares the journal with its seals, and its connection. Errors: as ``open_sealer``."""
    settings = seal_settings(site)
    from bus.journal.upkeep.signing import load_trust
    from bus.journal.upkeep.verify import Verifier

    trust, side = load_trust(settings), open_side(site)
    return side, Verifier(side, trust, clock)


def open_exporter(site: Site, wanted: Wanted) -> tuple[Side, Exporter]:
    """What exports evidence, and its connection. Errors: as ``open_sealer``; CB7074 a key of payloads is missing."""
    settings = seal_settings(site)
    from bus.journal.upkeep.export import Exporter
    from bus.journal.upkeep.signing import load_trust

    keys, vault, side = load_trust(settings).public(), make_vault(site), open_side(site)
    return side, Exporter(side, keys, vault, wanted)


def seal_settings(site: Site) -> SealSettings:
    """How the journal is sealed. Errors: CB7073 not at all."""
    if site.journal.seal is None:
        raise ConfigurationError(
            "CB7073", [Finding("CB7073", path="site.toml: journal.seal", expected="[journal.seal]")]
        )
    return site.journal.seal


def _signer(site: Site) -> Signer | None:
    """The key of a journal that is sealed. Errors: CB7072."""
    if site.journal.seal is None:
        return None
    from bus.journal.upkeep.signing import load_signer

    return load_signer(site.journal.seal)


def open_sequences(site: Site) -> SequenceDesk:
    """What is known of sequences, beside a running bus or after it. Errors: CB9005, CB4003."""
    from bus.journal.sequence_desk import SequenceDesk

    return SequenceDesk(open_side(site))


def open_sequence_operator(site: Site, clock: Clock, actor: str) -> SequenceOperator:
    """The side that ends sequences; ``actor`` is written into their events. Errors: CB9005, CB4003."""
    from bus.journal.sequence_desk import SequenceOperator

    return SequenceOperator(open_side(site), clock, actor=actor)


def open_carrier(site: Site, source: Path | None, told: Callable[[int, int], None]) -> Carrier:
    """What carries an embedded journal over. Errors: CB7001 the site has no other engine; CB9002, CB4003, CB4009."""
    if site.journal.engine != "postgresql":
        finding = Finding("CB7012", path="site.toml: journal.engine", expected="postgresql", got=site.journal.engine)
        raise ConfigurationError("CB7001", [finding])
    place = postgres_place(site)
    from bus.journal.postgres.carry import Carrier

    return Carrier(source or site.journal.path, place, told)


def copy_journal(site: Site, target: Path) -> Copied:
    """A copy of the journal beside the running bus. Errors: CB9005, CB4003; CB4001; CB9002 no ``pg_dump``."""
    if site.journal.engine == "postgresql":
        place = postgres_place(site)
        from bus.journal.postgres.backup import copy_postgres

        return copy_postgres(place, target)
    from bus.journal.backup import copy_sqlite

    _there(site)
    return copy_sqlite(site.journal.path, target)


def journal_findings(site: Site) -> tuple[list[Finding], list[Finding]]:
    """Problems and warnings of the journal's keys, and of its server, where it has one."""
    problems = [*_missing_keys(site)]
    server, warnings = _server_findings(site)
    return [*problems, *server], warnings


def journal_owner(site: Site) -> dict[str, object] | None:
    """Who owns the journal on PostgreSQL: ``holder`` (empty: nobody), ``token``, ``left_s`` of its lease."""
    if site.journal.engine != "postgresql" or not site.journal.dsn:
        return None
    try:
        place = postgres_place(site)
    except EnvironmentFault:
        return None
    from bus.journal.postgres.check import owner_of

    lease = owner_of(place)
    if lease is None:
        return None
    owned = lease.until > 0
    return {
        "holder": lease.holder if owned else "",
        "token": lease.token,
        "left_s": round(lease.left_s, 1) if owned else 0.0,
    }


def _missing_keys(site: Site) -> list[Finding]:
    """Keys without which nothing is sealed, or the bus does not start. A command is not run for this."""
    found: list[Finding] = []
    seal, encryption = site.journal.seal, site.journal.encryption
    if seal is not None and not seal.key.is_file():
        found.append(Finding("CB7072", path="site.toml: journal.seal.key", expected="a file", got=seal.key.name))
    for number, path in enumerate(encryption.keys if encryption is not None else ()):
        if not path.is_file():
            place = f"site.toml: journal.encryption.keys[{number}]"
            found.append(Finding("CB7074", path=place, expected="a file", got=path.name))
    return found


def _server_findings(site: Site) -> tuple[list[Finding], list[Finding]]:
    """Problems and warnings of the server."""
    if site.journal.engine != "postgresql" or not site.journal.dsn:
        return [], []
    try:
        place = postgres_place(site)
    except EnvironmentFault as error:
        return list(error.findings), []
    from bus.journal.postgres.check import server_findings

    return server_findings(place)


def postgres_place(site: Site) -> Place:
    """Where the journal on PostgreSQL is. Errors: CB9002 the extra ``chiikibus[postgresql]`` is not installed."""
    try:
        from bus.journal.postgres.database import Place, read_password
    except ImportError as error:
        finding = Finding("CB9002", path="chiikibus[postgresql]", got=error.name or "")
        raise EnvironmentFault("CB9002", [finding]) from error
    secret = site.journal.password_file
    return Place(site.journal.dsn, site.journal.schema, None if secret is None else read_password(secret))


def open_side(site: Site) -> Side:
    """A connection beside the bus. Errors: CB9005, CB4003."""
    if site.journal.engine == "postgresql":
        place = postgres_place(site)
        from bus.journal.postgres.side import PostgresSide

        return PostgresSide(place)
    from bus.journal.side import SqliteSide

    _there(site)
    return SqliteSide(site.journal.path)


def _there(site: Site) -> None:
    """Errors: CB9005 when the bus never ran."""
    if not site.journal.path.is_file():
        raise EnvironmentFault("CB9005", [Finding("CB9005", path=str(site.journal.path), got="missing")])
