"""``chiikibus journal retention``: what it says and does for an operator."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.cli import run
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.keeping import Periods
from bus.core.states import State
from bus.journal.sqlite import SqliteJournal
from schemas.catalog import load_edition
from tests.cli.conftest import Cli
from tests.support.deliveries import NOW, SteppedClock, call, step
from tests.support.sites import write_site

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
