"""``[broker]`` of ``site.toml``: which engine, and for RabbitMQ where it is, as whom, and how many lanes."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Final

from bus.core.channel import TlsClient
from bus.core.config.reader import MISSING, WRONG_VALUE, Table
from bus.core.config.tls import read_client
from bus.core.settings import BrokerSettings

ENGINES: Final = ("memory", "rabbitmq")
OPEN_FILE: Final = "CB7025"
PASSWORD_FILE: Final = "secrets/broker.key"  # noqa: S105 (a file name)
PORT, TLS_PORT = 5672, 5671
MAX_LANES: Final = 64
"""More queues than consumers could ever serve cost RabbitMQ and win nothing."""

MAX_PREFETCH: Final = 65_535
"""What AMQP can say."""

_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")


def password_place(folder: Path, table: Table) -> Path:
    """The file that holds the bus's password at the broker."""
    return folder / table.text("password_file", PASSWORD_FILE)


def read_broker(table: Table, folder: Path) -> BrokerSettings:
    """``[broker]``; what only RabbitMQ needs may stand there while the engine is another one."""
    base = BrokerSettings()
    tls = read_client(table.table("tls"), folder, None, named=False) if table.has("tls") else None
    if tls is not None and tls.material.lists:
        table.table("tls").report(WRONG_VALUE, "crl", expected="none: revocation is not looked up for the broker")
    path = password_place(folder, table)
    settings = BrokerSettings(
        engine=table.choice("engine", ENGINES, base.engine),
        max_resident=table.integer("max_resident", base.max_resident),
        nodes=_nodes(table, tls) or base.nodes,
        virtual_host=table.text("virtual_host", base.virtual_host),
        user=table.text("user", base.user),
        password=_password(path),
        password_file=path,
        prefix=table.text("prefix", base.prefix),
        lanes=table.integer("lanes", base.lanes, least=1, most=MAX_LANES),
        lanes_of=_lanes_of(table),
        prefetch=table.integer("prefetch", base.prefetch, least=1, most=MAX_PREFETCH),
        replicas=table.integer("replicas", base.replicas, least=0, most=9),
        timeout_s=table.number("timeout_s", base.timeout_s, least=1, most=600),
        heartbeat_s=table.integer("heartbeat_s", base.heartbeat_s, least=2, most=600),
        tls=tls,
    )
    if not _PREFIX.match(settings.prefix):
        table.report(WRONG_VALUE, "prefix", expected="1 .. 40 of A-Z a-z 0-9 _ -", got=settings.prefix)
    if settings.password and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        table.report(OPEN_FILE, "password_file", expected="mode 600", got=path.name)
    table.finish()
    return settings


def _nodes(table: Table, tls: TlsClient | None) -> tuple[tuple[str, int], ...]:
    """``nodes``: ``host`` or ``host:port``, tried in order."""
    found: list[tuple[str, int]] = []
    usual = PORT if tls is None else TLS_PORT
    for text in table.texts("nodes"):
        host, colon, port = text.rpartition(":")
        if text.endswith("]") or not colon:
            host, port = text, str(usual)
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            table.report(WRONG_VALUE, "nodes", expected="host | host:port", got=text)
        else:
            found.append((host, int(port)))
    if table.has("nodes") and not found:
        table.report(MISSING, "nodes", expected='["127.0.0.1:5672"]')
    return tuple(found)


def _lanes_of(table: Table) -> tuple[tuple[str, int], ...]:
    """``[broker.lanes_of]``: endpoints (``"990019/tax"``) with another number of lanes."""
    below = table.table("lanes_of")
    found = [(key, below.integer(key, 1, least=1, most=MAX_LANES)) for key in table.raw_table("lanes_of")]
    below.finish()
    return tuple(sorted(found))


def _password(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
