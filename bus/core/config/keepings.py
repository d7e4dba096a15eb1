"""``[journal.retention]`` and ``[journal.seal]`` of ``site.toml``: how long what is kept, and how it is sealed."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Final

from bus.core.config.reader import WRONG_VALUE, Table
from bus.core.keeping import LAW_DAYS, EncryptionSettings, Periods, RetentionRule, RetentionSettings, SealSettings

TOO_SHORT: Final = "CB7070"
OPEN_FILE: Final = "CB7025"
MOST_DAYS: Final = 36_600
PAYLOAD_DAYS: Final = 90

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z")


def read_retention(journal: Table) -> RetentionSettings | None:
    """The table; ``None`` where it is absent, and then nothing is ever removed."""
    table = journal.table("retention")
    if not journal.has("retention"):
        return None
    periods = _periods(table, Periods(PAYLOAD_DAYS, LAW_DAYS))
    audit_days = table.integer("audit_days", LAW_DAYS, least=1, most=MOST_DAYS)
    if audit_days < LAW_DAYS:
        table.report(TOO_SHORT, "audit_days", expected=f"{LAW_DAYS} ..", got=str(audit_days))
    at = table.text("at", "02:30")
    found = _TIME.match(at)
    if found is None:
        table.report(WRONG_VALUE, "at", expected="02:30", got=at)
    rules = []
    for rule in table.tables("rule"):
        municipality, operation = rule.text("municipality"), rule.text("operation")
        if not municipality and not operation:
            rule.report(WRONG_VALUE, expected="municipality | operation")
        rules.append(RetentionRule(municipality, operation, _periods(rule, periods)))
        rule.finish()
    table.finish()
    minutes = int(found[1]) * 60 + int(found[2]) if found else 150
    return RetentionSettings(periods, audit_days, minutes, tuple(rules))


def _periods(table: Table, default: Periods) -> Periods:
    """The two periods of a table: a row may not go before its payload."""
    payload = table.integer("payload_days", default.payload_days, least=1, most=MOST_DAYS)
    metadata = table.integer("metadata_days", max(default.metadata_days, payload), least=1, most=MOST_DAYS)
    if metadata < payload:
        table.report(WRONG_VALUE, "metadata_days", expected=f"{payload} ..", got=str(metadata))
    return Periods(payload, metadata)


def read_seal(journal: Table, folder: Path) -> SealSettings | None:
    """``[journal.seal]``; ``None`` where it is absent, and then nothing is sealed. The key may be made later."""
    table = journal.table("seal")
    if not journal.has("seal"):
        return None
    key = folder / table.text("key", "secrets/seal.key")
    if key.is_file() and stat.S_IMODE(key.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        table.report(OPEN_FILE, "key", expected="mode 600", got=key.name)
    settings = SealSettings(
        every_s=table.number("every_s", 60.0, least=1.0, most=3600.0),
        key=key,
        trust=folder / table.text("trust", "trust/seal"),
        anchor=folder / table.text("anchor", "var/seal.json"),
    )
    table.finish()
    return settings


def read_encryption(journal: Table, folder: Path) -> EncryptionSettings | None:
    """``[journal.encryption]``; ``None`` where it is absent, and then payloads are stored as they are."""
    table = journal.table("encryption")
    if not journal.has("encryption"):
        return None
    keys = tuple(folder / name for name in table.texts("keys"))
    for number, path in enumerate(keys):
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            table.report(OPEN_FILE, f"keys[{number}]", expected="mode 600", got=path.name)
    settings = EncryptionSettings(keys, table.texts("command"))
    if not settings.keys and not settings.command:
        table.report(WRONG_VALUE, "keys", expected='["secrets/journal-1.key"] | command')
    table.finish()
    return settings
