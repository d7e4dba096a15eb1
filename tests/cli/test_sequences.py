"""``chiikibus sequences``: what operators see, and how they end a sequence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bus.core.config import load_site
from bus.core.sequences import Arrival, Role, SequenceKey, SequenceRecord
from bus.journal.sqlite import SqliteJournal
from tests.cli.conftest import Cli
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance

NAME = "urn:uuid:in"
INBOUND = SequenceKey(Role.DESTINATION, MUNICIPALITY, "juki", NAME)
OUTBOUND = SequenceKey(Role.SOURCE, MUNICIPALITY, "tax", "urn:uuid:out")
TWICE = (
    SequenceKey(Role.SOURCE, MUNICIPALITY, "kokuho", "urn:uuid:twice"),
    SequenceKey(Role.REPLIES, MUNICIPALITY, "juki", "urn:uuid:twice"),
)


async def prepare(path: Path) -> None:
    """A journal with a sequence in which one message waits, and some others."""
    journal = SqliteJournal(path, clock=SteppedClock())
    await journal.open()
    await journal.begin([SequenceRecord(key, "someone", NOW) for key in (INBOUND, OUTBOUND, *TWICE)])
    for number in (1, 2, 4):
        one = acceptance()
        await journal.arrive(
            Arrival(INBOUND, number, one.message_id, "0" * 64, one.exchange_id, NOW, 9, 9, 1 << 20, one)
        )
    await journal.close()


@pytest.fixture
def site(folder: Path) -> Path:
    """A site folder with sequences in its journal; no bus runs."""
    asyncio.run(prepare(load_site(folder).journal.path))
    return folder


def test_sequences_are_listed_for_persons_and_programs(cli: Cli, site: Path) -> None:
    """Peer, ranges, gap and what waits; filters; one JSON line each."""
    lines = cli("sequences", "list", "--site", site, "--json").lines
    assert len(lines) == 4
    row = lines[0]
    assert (row["identifier"], row["acknowledged"], row["missing"], row["waiting"]) == (NAME, "1-2,4-4", "3-3", 1)
    assert [each["role"] for each in cli("sequences", "list", "--site", site, "--role", "source", "--json").lines] == [
        "source",
        "source",
    ]
    shown = cli("sequences", "list", "--site", site).out
    assert all(text in shown for text in ("990019/juki", "1-2 4-4", "3-3", "欠番"))
    assert "シーケンスはありません" in cli("sequences", "list", "--site", site, "--municipality", "131016").out


def test_one_sequence_is_shown_with_its_story(cli: Cli, site: Path) -> None:
    """By its name; a name that two have needs to be told apart; one that nobody has is an error of use."""
    document = cli("sequences", "show", "--site", site, NAME, "--json").document
    assert [each["state"] for each in document["events"]] == ["OPEN"]
    assert "urn:uuid:in" in cli("sequences", "show", "--site", site, NAME).out
    for wanted, code in (("urn:uuid:twice", "CB7030"), ("urn:uuid:nobody", "CB7014")):
        found = cli("sequences", "show", "--site", site, wanted, "--json")
        assert (found.code, found.document["error"]["code"]) == (2, code)
    assert cli("sequences", "show", "--site", site, "urn:uuid:twice", "--role", "source").code == 0


def test_a_sequence_is_ended_with_a_reason_after_a_preview(cli: Cli, site: Path) -> None:
    """Without --yes nothing changes; with it who, when and why are kept; the second time it is refused."""
    command = ("sequences", "terminate", "--site", site, NAME, "--reason", "相手の入れ替え")
    preview = cli(*command, "--json").document
    assert (preview["preview"], preview["sequence"]["waiting"]) == (True, 1)
    assert "CB3012" in preview["becomes_ja"]
    assert cli("sequences", "show", "--site", site, NAME, "--json").document["state"] == "OPEN"
    assert cli(*command, "--yes").code == 0
    document = cli("sequences", "show", "--site", site, NAME, "--json").document
    assert (document["state"], document["code"]) == ("ENDING", "CB3024")
    event = document["events"][-1]
    assert (event["reason"], str(event["actor"]).partition(":")[0]) == ("相手の入れ替え", "cli")
    again = cli(*command, "--yes", "--json")
    assert (again.code, again.document["error"]["code"]) == (1, "CB3025")
    assert "相手の入れ替え" in cli("sequences", "show", "--site", site, NAME).out


@pytest.mark.parametrize(
    ("name", "more"),
    [
        (NAME, ("--reason", " ")),
        (NAME, ("--reason", "x" * 201)),
        (NAME, ("--reason", "a\nb")),
        (NAME, ()),
        (NAME, ("--reason", "x", "--role", "nobody")),
        ("urn:uuid:twice", ("--reason", "x", "--role", "replies")),
    ],
)
def test_wrong_use_changes_nothing(cli: Cli, site: Path, name: str, more: tuple[str, ...]) -> None:
    """No reason, too long a one, or a sequence that ends with another one."""
    found = cli("sequences", "terminate", "--site", site, name, "--yes", *more)
    assert found.code == 2
    assert "CB7030" in found.err
    states = {each["state"] for each in cli("sequences", "list", "--site", site, "--json").lines}
    assert states == {"OPEN"}


def test_without_a_journal_there_is_nothing_to_see(cli: Cli, folder: Path) -> None:
    """The bus never ran: exit 3."""
    for command in (["list"], ["show", NAME], ["terminate", NAME, "--reason", "x"]):
        found = cli("sequences", command[0], "--site", folder, *command[1:])
        assert found.code == 3
        assert "CB9005" in found.err
