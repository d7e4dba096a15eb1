"""Who may use the console, and what for: ``console.toml`` of the site folder."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from bus.console.passwords import well_formed
from bus.core.config.files import read_listen
from bus.core.config.reader import CONTRADICTION, TWICE, UNKNOWN_NAME, WRONG_VALUE, Document, Table, one_of
from bus.core.errors import ConfigurationError
from bus.core.settings import Site
from bus.core.types import Finding

FILE: Final = "console.toml"
EVERYWHERE: Final = "*"
"""In place of municipalities: all of the site, also those that come later."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")


class Right(StrEnum):
    """METADATA: that there are messages, and what became of them. BODY: what stands in them. ACT: resend, cancel."""

    METADATA = "metadata"
    BODY = "body"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Person:
    """One account. ``municipalities`` is empty for all of the site."""

    name: str
    password: str = field(repr=False)
    rights: frozenset[Right] = frozenset({Right.METADATA})
    municipalities: tuple[str, ...] = ()

    def sees(self, municipality: object) -> bool:
        """Whether messages of this municipality may be shown."""
        return not self.municipalities or municipality in self.municipalities


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Where the console listens, how long a session lasts, and the accounts by name.

    ``idle_s`` without a request ends a session, ``longest_s`` ends it anyway; after ``tries`` wrong passwords in a row
    a name is locked for ``lock_s``. Without ``certificate`` the console listens on this machine alone.
    """

    host: str
    port: int
    idle_s: float
    longest_s: float
    tries: int
    lock_s: float
    people: dict[str, Person]
    certificate: Path | None = None
    key: Path | None = None


def read_console(site: Site) -> ConsoleSettings:
    """``console.toml``. Errors: ``ConfigurationError`` CB7001 with every problem of the file."""
    findings: list[Finding] = []
    document = Document(site.folder / FILE, findings)
    root = document.root()
    settings = _settings(root.table("console"), site)
    codes = [each.code for each in site.municipalities]
    for table in root.tables("person", required=True):
        person = _person(table, codes)
        if person.name in settings.people:
            table.report(TWICE, "name", expected="unique", got=person.name)
        settings.people[person.name] = person
    root.finish()
    if findings:
        raise ConfigurationError("CB7001", findings)
    return settings


def _settings(table: Table, site: Site) -> ConsoleSettings:
    host, port = read_listen(table, "listen", ("127.0.0.1", 8490))
    certificate, key = (table.text(name) for name in ("certificate", "key"))
    if bool(certificate) != bool(key):
        table.report(CONTRADICTION, "certificate", expected="certificate, key", got="one of them")
    if not certificate and not _of_this_machine(host):
        table.report(CONTRADICTION, "listen", expected="127.0.0.1 | certificate, key", got=host)
    settings = ConsoleSettings(
        host=host,
        port=port,
        idle_s=60.0 * table.number("idle_minutes", 30.0, least=1.0, most=480.0),
        longest_s=3600.0 * table.number("longest_hours", 10.0, least=1.0, most=24.0),
        tries=table.integer("tries", 5, least=1, most=100),
        lock_s=60.0 * table.number("lock_minutes", 15.0, least=0.1, most=1440.0),
        people={},
        certificate=site.folder / certificate if certificate else None,
        key=site.folder / key if key else None,
    )
    table.finish()
    return settings


def _of_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _person(table: Table, codes: list[str]) -> Person:
    name, password = table.text("name", required=True), table.text("password", required=True)
    if name and not _NAME.match(name):
        table.report(WRONG_VALUE, "name", expected="A-Z a-z 0-9 . _ -", got=name)
    if password and not well_formed(password):
        table.report(WRONG_VALUE, "password", expected="chiikibus console password")
    rights: set[Right] = set()
    for right in table.texts("rights") or (Right.METADATA,):
        if right not in list(Right):
            table.report(UNKNOWN_NAME, "rights", expected=one_of(right, list(Right), "right"), got=right)
            continue
        rights.add(Right(right))
    if rights and Right.METADATA not in rights:
        table.report(CONTRADICTION, "rights", expected=Right.METADATA.value, got=", ".join(sorted(rights)))
    places = table.texts("municipalities", required=True)
    for code in places:
        if code not in (*codes, EVERYWHERE):
            table.report(UNKNOWN_NAME, "municipalities", expected=one_of(code, codes, "municipality"), got=code)
    table.finish()
    return Person(name, password, frozenset(rights), () if EVERYWHERE in places else tuple(places))
