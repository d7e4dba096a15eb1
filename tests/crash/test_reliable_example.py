"""Two buses over a line that loses, doubles and reorders: every message arrives once and in order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "deploy" / "examples" / "reliable" / "run.py"


def reliable(*options: str, patience: int) -> dict[str, object]:
    """What one run says of itself."""
    wanted = [sys.executable, str(RUN), "--patience", str(patience), *options]
    done = subprocess.run(wanted, capture_output=True, text=True, timeout=patience + 180, check=False)
    assert done.returncode in {0, 1}, done.stderr
    counts: dict[str, object] = json.loads(done.stdout)
    return counts


def judge(counts: dict[str, object], messages: int) -> None:
    """Once, in order, and all of them; and the line did lose something."""
    assert counts["delivered"] == messages, counts
    wrong = {name: counts[name] for name in ("duplicates", "out_of_order", "lost", "unfinished")}
    assert wrong == dict.fromkeys(wrong, 0), counts
    assert counts["retransmissions"], counts


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.parametrize(("loss", "processes"), [("0.1", "1"), ("0.5", "1"), ("0.3", "2")])
def test_three_hundred_messages_arrive_once_and_in_order(loss: str, processes: str) -> None:
    """A tenth, a third or half of messages and answers lost, some doubled, some overtaken; one process or several."""
    judge(reliable("--messages", "300", "--loss", loss, "--processes", processes, "--seed", "5", patience=120), 300)


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_killing_either_bus_changes_nothing() -> None:
    """SIGKILL for one bus or both while messages are lost."""
    counts = reliable("--messages", "300", "--loss", "0.5", "--seed", "7", "--kill", "--kills", "3", patience=180)
    judge(counts, 300)
    assert counts["kills"], counts


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.parametrize(("loss", "messages"), [("0.1", 2000), ("0.5", 1000)])
def test_thousands_of_messages_arrive_once_and_in_order(loss: str, messages: int) -> None:
    """The same in great number, with kills: half a minute each. Ten thousand take two minutes and are run by hand;
    what only the order of events decides is tried by the hundred in tests/deliver."""
    judge(reliable("--messages", str(messages), "--loss", loss, "--seed", "7", "--kill", patience=240), messages)
