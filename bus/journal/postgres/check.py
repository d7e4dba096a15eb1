"""What ``chiikibus check`` finds out about the server of the journal before a bus depends on it. Changes nothing."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from bus.core.errors import JournalError
from bus.core.types import Finding
from bus.journal.postgres.database import Link, Place, connect, reason
from bus.journal.postgres.lease import Lease, read
from bus.journal.postgres.schema import HEAD, version

UNREACHABLE: Final = "CB7066"
UNSAFE: Final = "CB7067"
NO_RIGHT: Final = "CB7068"
SCHEMA: Final = "CB7069"
SILENT: Final = "CB4012"

OLDEST: Final = 140_000
"""PostgreSQL 14: pipelines and pruned updates of partitioned tables."""

_SAFE: Final = {"fsync": "on", "full_page_writes": "on", "server_encoding": "UTF8", "synchronous_commit": "on"}
_RIGHTS: Final = (
    "SELECT coalesce((SELECT has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE')"
    " FROM pg_namespace WHERE nspname = ?), has_database_privilege(current_database(), 'CREATE'))"
)


def server_findings(place: Place) -> tuple[list[Finding], list[Finding]]:
    """Problems and warnings: reachable, new enough, durable, allowed to create, and the state of the schema."""
    try:
        link = connect(place, purpose="check")
    except JournalError as error:
        got = error.findings[0].got if error.findings else ""
        return [Finding(UNREACHABLE, path="site.toml: journal.dsn", got=got)], []
    try:
        return _server(link, place)
    except psycopg.Error as error:
        return [Finding(UNREACHABLE, path="site.toml: journal.dsn", got=reason(error))], []
    finally:
        link.close()


def owner_of(place: Place) -> Lease | None:
    """Who owns the journal now; ``None`` where there is none yet, or nobody can be asked."""
    try:
        link = connect(place, purpose="check")
    except JournalError:
        return None
    try:
        return read(link) if version(link) == HEAD else None
    except psycopg.Error:
        return None
    finally:
        link.close()


def _server(link: Link, place: Place) -> tuple[list[Finding], list[Finding]]:
    problems: list[Finding] = []
    warnings: list[Finding] = []
    number = link.connection.info.server_version
    if number < OLDEST:
        problems.append(
            Finding(UNSAFE, path="server_version", expected=f">= {OLDEST // 10_000}", got=str(number // 10_000))
        )
    for name, wanted in _SAFE.items():
        row: Any = link.execute("SELECT current_setting(?)", (name,)).fetchone()
        if row[0] != wanted:
            problems.append(Finding(UNSAFE, path=name, expected=wanted, got=row[0]))
    if not link.execute(_RIGHTS, (place.schema,)).fetchone()[0]:
        problems.append(Finding(NO_RIGHT, path=f"journal.schema: {place.schema}", expected="USAGE, CREATE"))
    found = version(link)
    if found > HEAD:
        problems.append(Finding(SCHEMA, path=f"journal.schema: {place.schema}", expected=HEAD, got=found))
    elif found < HEAD:
        warnings.append(Finding(SCHEMA, path=f"journal.schema: {place.schema}", expected=HEAD, got=found or "none"))
    elif (lease := read(link)).expired:
        got = f"{lease.holder}: {-lease.left_s:.0f} s"
        warnings.append(Finding(SILENT, path="journal.lease_s", expected="standby = true", got=got))
    return problems, warnings
