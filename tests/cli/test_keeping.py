"""``chiikibus journal``: what retention and seals say and do for an operator."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bus.app.stores import make_journal
from bus.app.upkeep import Upkeep, next_time
from bus.cli import run
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.keeping import Periods
from bus.core.states import State
from bus.journal.sqlite import SqliteJournal
from bus.journal.upkeep.signing import create_key
from schemas.catalog import load_edition
from tests.cli.conftest import Cli
from tests.support.deliveries import NOW, SteppedClock, call, step
from tests.support.sites import change, write_site

RULES = """
[journal.retention]
payload_days = 1
metadata_days = 1
rule = [ { operation = "zei.*", payload_days = 1, metadata_days = 2 } ]
"""


def with_rules(folder: Path, rules: str = RULES) -> Path:
    """A site that wants to keep nothing for long."""
    write_site(folder)
    path = folder / "site.toml"
    path.write_text(path.read_text("utf-8") + rules, "utf-8")
    return folder


async def filled(folder: Path) -> None:
    """Two finished messages of long ago."""
    journal = SqliteJournal(folder / "var" / "journal.sqlite", clock=SteppedClock())
    await journal.open()
    for _ in range(2):
        one = call(received_at=NOW - 1e8)
        await journal.accept(one)
        await journal.record([step(one, State.REPLIED, reply=b"x", reply_status=200)])
    await journal.close()


@pytest.mark.slow
async def test_a_dry_run_then_a_run_then_what_was_removed(cli: Cli, tmp_path: Path) -> None:
    """The preview changes nothing; the run removes as much; ``show`` tells rules and removals."""
    folder = with_rules(tmp_path / "site")
    await filled(folder)
    first = cli("journal", "retention", "run", "--dry-run", "--site", folder, "--json").document
    again = cli("journal", "retention", "run", "--dry-run", "--site", folder, "--json").document
    assert first == again
    assert (first["removed"]["payload"], first["removed"]["metadata"]) == (2, 1)
    done = cli("journal", "retention", "run", "--site", folder, "--json").document
    assert done["removed"] == {"payload": 2, "metadata": 1}
    assert "保存" in cli("journal", "retention", "--help").out
    shown = cli("journal", "retention", "show", "--site", folder, "--json").document
    assert [(row["kind"], row["number"]) for row in shown["removed"]] == [("metadata", 1), ("payload", 2)]
    assert shown["rules"][0]["operation"] == "zei.*"
    assert "本文 payloads" in cli("journal", "retention", "show", "--site", folder).out


def test_a_site_without_rules_is_told_so(tmp_path: Path) -> None:
    """Nothing is removed by default."""
    assert run(["journal", "retention", "run", "--site", str(write_site(tmp_path / "site"))]) == 2


@pytest.mark.slow
def test_periods_are_read_and_the_law_is_kept(tmp_path: Path) -> None:
    """All problems at once: too short an audit, rows before payloads, a rule about nothing, a time that is none."""
    edition = load_edition()
    site = load_site(with_rules(tmp_path / "good"), edition)
    assert site.journal.retention is not None
    assert site.journal.retention.of("990019", "zei.shokai") == Periods(1, 2)
    assert site.journal.retention.of("990019", "juki.ido_tsuchi") == Periods(1, 1)
    wrong = """
[journal.retention]
payload_days = 9
metadata_days = 8
audit_days = 2556
at = "24:00"
rule = [ { payload_days = 1 } ]
"""
    with pytest.raises(ConfigurationError) as caught:
        load_site(with_rules(tmp_path / "bad", wrong), edition)
    found = {(finding.path.partition(": ")[2], finding.code) for finding in caught.value.findings}
    assert found == {
        ("journal.retention.metadata_days", "CB7012"),
        ("journal.retention.audit_days", "CB7070"),
        ("journal.retention.at", "CB7012"),
        ("journal.retention.rule[0]", "CB7012"),
    }


@pytest.mark.slow
def test_a_key_a_seal_and_what_was_altered(cli: Cli, tmp_path: Path) -> None:
    """Key, seal, verification; a changed byte is named with its message; the anchor tells of a missing end."""
    folder = with_rules(tmp_path / "site", "\n[journal.seal]\nevery_s = 5\n")
    asyncio.run(filled(folder))
    assert cli("journal", "seal", "now", "--site", folder, "--json").document["error"]["code"] == "CB7072"
    key = cli("journal", "seal", "key", "--site", folder, "--json").document
    assert Path(key["private"]).stat().st_mode & 0o777 == 0o600
    (seal,) = cli("journal", "seal", "now", "--site", folder, "--json").document["seals"]
    done = cli("journal", "verify", "--site", folder, "--json")
    assert (done.code, done.document["messages"], done.document["anchor"]) == (0, 2, True)
    expected = f"{seal['number']}:{seal['digest']}"
    assert cli("journal", "verify", "--site", folder, "--expect", expected).code == 0
    assert cli("journal", "verify", "--site", folder, "--expect", f"2:{'0' * 64}").code == 1
    again = cli("journal", "seal", "key", "--site", folder, "--json").document
    assert again["key"] != key["key"]
    assert cli("journal", "verify", "--site", folder).code == 0
    with closing(sqlite3.connect(folder / "var" / "journal.sqlite", isolation_level=None)) as database:
        database.execute("UPDATE reply SET status = 500 WHERE n = 4096")
    wrong = cli("journal", "verify", "--site", folder, "--json")
    assert wrong.code == 1
    assert [flaw["code"] for flaw in wrong.document["flaws"]] == ["CB4020"]
    (folder / "secrets" / "seal.key").chmod(0o644)
    assert "CB7025" in cli("check", "--site", folder).err


@pytest.mark.slow
async def test_the_upkeep_seals_and_removes_when_it_is_time(tmp_path: Path) -> None:
    """Seals at its interval, removes at the hour, goes on after an error, and seals once more at its end."""
    folder = with_rules(tmp_path / "site", f"{RULES}[journal.seal]\nevery_s = 60\n")
    await filled(folder)
    site = load_site(folder, load_edition())
    clock, told = SteppedClock(), []
    upkeep = Upkeep(site, clock, lambda event, **more: told.append((event, more.get("code", ""))))
    upkeep.tick()
    assert told == [("upkeep.failed", "CB7072")]
    assert site.journal.seal is not None
    create_key(site.journal.seal)
    clock.at += 11
    upkeep.tick()
    assert told.pop() == ("journal.sealed", "")
    upkeep.tick()
    assert len(told) == 1
    clock.at = next_time(clock.at, 150)
    upkeep.tick()
    assert ("journal.retained", "") in told
    stop = threading.Event()
    stop.set()
    upkeep.run(stop)
    assert told[-1] == ("journal.sealed", "")


def test_the_hour_is_that_of_japan() -> None:
    """02:30 in Japan is 17:30 of the day before in UTC; a time that is now is tomorrow's."""
    noon = datetime(2026, 4, 1, 12, 0, tzinfo=UTC).timestamp()
    at = datetime.fromtimestamp(next_time(noon, 150), UTC)
    assert (at.day, at.hour, at.minute) == (1, 17, 30)
    assert next_time(next_time(noon, 150), 150) == next_time(noon, 150) + 86_400


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_every_engine_gets_the_keys_of_the_site(cli: Cli, tmp_path: Path, engine: str) -> None:
    """A site that wants its payloads encrypted has a journal that encrypts, on either engine."""
    folder = with_rules(tmp_path / "site", '\n[journal.encryption]\nkeys = ["secrets/a.key"]\n')
    more = 'engine = "postgresql"\ndsn = "host=/nowhere dbname=none"\nschema = "none"'
    if engine == "postgresql":
        change(folder / "site.toml", 'engine = "sqlite"\npath = "var/journal.sqlite"', more)
    assert cli("journal", "keys", "create", "--site", folder).code == 0
    journal = make_journal(load_site(folder, load_edition()), SteppedClock())
    assert getattr(journal, "_vault") is not None  # noqa: B009 (both engines have it, and nobody else may ask)


@pytest.mark.slow
def test_evidence_is_exported_once_and_recorded(cli: Cli, tmp_path: Path) -> None:
    """A new file of mode 600, never one that is there; a reason is needed; who took what stands in the audit."""
    folder = with_rules(tmp_path / "site", "\n[journal.seal]\n")
    asyncio.run(filled(folder))
    out = tmp_path / "evidence.jsonl"
    why = ("--reason", "開示の求め")
    assert cli("journal", "seal", "key", "--site", folder).code == 0
    assert cli("journal", "export", out, "--site", folder, *why).code == 1, "nothing is sealed yet"
    out.unlink()
    assert cli("journal", "seal", "now", "--site", folder).code == 0
    told = cli("journal", "export", out, "--site", folder, *why, "--bodies", "--json").document
    assert (told["messages"], told["seals"], out.stat().st_mode & 0o777) == (2, 1, 0o600)
    assert hashlib.sha256(out.read_bytes()).hexdigest() == told["digest"]
    assert cli("journal", "export", out, "--site", folder, *why).code == 2
    assert cli("journal", "export", tmp_path / "x" / "y", "--site", folder, *why).code == 2
    assert cli("journal", "export", tmp_path / "z", "--site", folder, "--reason", " ").code == 2
    assert sorted(tmp_path.glob(".*")) == []
    with closing(sqlite3.connect(folder / "var" / "journal.sqlite")) as database:
        rows = database.execute("SELECT action, reason FROM audit").fetchall()
    assert rows == [("evidence.export", "開示の求め")] * 2


@pytest.mark.slow
def test_a_check_tells_of_keys_that_are_missing(cli: Cli, tmp_path: Path) -> None:
    """Before the start, not by it: the key of the seals, and each of the encryption."""
    rules = '\n[journal.seal]\n[journal.encryption]\nkeys = ["secrets/a.key", "secrets/b.key"]\n'
    folder = with_rules(tmp_path / "site", rules)
    found = cli("check", "--site", folder).err
    assert (found.count("CB7072"), found.count("CB7074")) == (1, 2), found
    assert cli("journal", "seal", "key", "--site", folder).code == 0
    assert cli("journal", "keys", "create", "--site", folder).code == 0
    assert cli("check", "--site", folder).code == 0
