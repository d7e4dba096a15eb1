"""``[journal.retention]`` of ``site.toml``: how long payloads, rows and the records of operators' acts are kept."""

from __future__ import annotations

import re
from typing import Final

from bus.core.config.reader import WRONG_VALUE, Table
from bus.core.keeping import LAW_DAYS, Periods, RetentionRule, RetentionSettings

TOO_SHORT: Final = "CB7070"
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
