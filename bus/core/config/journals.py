"""``[journal]`` of ``site.toml``: which engine, and for PostgreSQL where, as whom, and over which protected line."""

from __future__ import annotations

import re
import shlex
import stat
from pathlib import Path
from typing import Final

from bus.core.config.keepings import read_encryption, read_retention, read_seal
from bus.core.config.reader import MISSING, WRONG_VALUE, Table
from bus.core.settings import JournalSettings

ENGINES: Final = ("sqlite", "postgresql")
PASSWORD_FILE: Final = "secrets/journal.key"  # noqa: S105 (a file name)
IN_THE_OPEN: Final = "CB7064"
UNPROTECTED: Final = "CB7065"
OPEN_FILE: Final = "CB7025"

SAFE_MODES: Final = frozenset({"verify-full", "verify-ca"})
"""Values of ``sslmode`` with which the server proves who it is."""

FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
"""Parameters that name files: relative ones belong to the site folder."""

_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,39}\Z")
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def read_journal(table: Table, folder: Path) -> JournalSettings:
    """The table; what only PostgreSQL needs may stand there while the engine is another one."""
    engine = table.choice("engine", ENGINES, "sqlite")
    text = table.text("dsn")
    if engine == "postgresql" and not text:
        table.report(MISSING, "dsn", expected="host=db.example dbname=chiikibus user=chiikibus sslmode=verify-full")
    place = folder / table.text("password_file", PASSWORD_FILE)
    if table.has("password_file") and not place.is_file():
        table.report(WRONG_VALUE, "password_file", expected="a file", got=place.name)
    if place.is_file() and stat.S_IMODE(place.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        table.report(OPEN_FILE, "password_file", expected="mode 600", got=place.name)
    settings = JournalSettings(
        engine=engine,
        path=folder / table.text("path", "var/journal.sqlite"),
        dsn=_dsn(table, text, folder) if text else "",
        schema=table.text("schema", "chiikibus"),
        password_file=place if place.is_file() else None,
        standby=table.flag("standby", default=False),
        lease_s=table.number("lease_s", 15.0, least=3, most=300),
        retention=read_retention(table),
        seal=read_seal(table, folder),
        encryption=read_encryption(table, folder),
    )
    if not _SCHEMA.match(settings.schema):
        table.report(WRONG_VALUE, "schema", expected="1 .. 40 of a-z 0-9 _", got=settings.schema)
    table.finish()
    return settings


def _dsn(table: Table, text: str, folder: Path) -> str:
    """The connection string with absolute file names; ``key=value`` pairs only."""
    try:
        pairs = dict(part.split("=", 1) for part in shlex.split(text))
    except ValueError:
        table.report(WRONG_VALUE, "dsn", expected="key=value key=value ...")
        return ""
    if "password" in pairs:
        table.report(IN_THE_OPEN, "dsn", expected=f"password in {PASSWORD_FILE}")
        del pairs["password"]
    for name in FILES:
        if pairs.get(name) and pairs[name] != "system":
            pairs[name] = str(folder / pairs[name])
    hosts = [host for host in pairs.get("host", pairs.get("hostaddr", "")).split(",") if host]
    afar = [host for host in hosts if not host.startswith("/") and host not in _LOCAL]
    if afar and pairs.get("sslmode", "prefer") not in SAFE_MODES:
        got = pairs.get("sslmode", "prefer")
        table.report(UNPROTECTED, "dsn", expected="sslmode=verify-full", got=f"sslmode={got}")
    return " ".join(f"{name}={_quoted(value)}" for name, value in pairs.items())


def _quoted(value: str) -> str:
    """A value as libpq reads it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
