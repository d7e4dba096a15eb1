"""The fault matrix itself: cells on real processes, with fewer messages, and accounts that can fail."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.repository import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

MESSAGES = os.environ.get("CHIIKIBUS_FAULT_MESSAGES", "240")


def results(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that makes the table of the document."""
    for path in ("deploy/bench", "deploy/faults"):
        monkeypatch.syspath_prepend(str(ROOT / path))
    return importlib.import_module("matrix.table")


def test_the_table_of_the_document_is_made_of_the_results_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes into it by hand, and no cell is missing without a word: it has a row, or is named as not run."""
    table = results(monkeypatch)
    text = table.DOCUMENT.read_text("utf-8")
    found = table.latest(table.RESULTS)
    assert table.written(text, table.document(found)) == text
    rows, _, not_run = text.split(table.BEGIN)[1].split(table.END)[0].partition("### ")
    for cell in table.CELLS:
        for engine in cell.engines:
            if (cell.name, engine) in found:
                assert f"| {cell.title} | {engine} |" in rows
            else:
                assert f"`{cell.name}` {engine}" in not_run


def test_every_result_in_the_document_is_sound_and_of_ten_thousand_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost, doubled, out of order, parked, altered, without account, refused: 0; and the fault struck."""
    table = results(monkeypatch)
    found = table.latest(table.RESULTS)
    assert found
    for (name, engine), account in found.items():
        assert account.sound, (name, engine)
        assert account.acknowledged >= 10_000, (name, engine)
        assert (account.lost, account.doubled, account.disorder, account.parked) == (0, 0, 0, 0)


def run(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """The command; its exit code, the accounts of its cells, and what it told."""
    paths = os.pathsep.join(str(ROOT / each) for each in ("deploy/faults", "deploy/bench", "."))
    done = subprocess.run(
        [sys.executable, "-m", "matrix", "--json", *arguments],
        capture_output=True, text=True, check=False, timeout=400, env=os.environ | {"PYTHONPATH": paths},
    )  # fmt: skip
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def sound(account: dict[str, Any]) -> bool:
    """Everything acknowledged is delivered once, in order and unaltered."""
    bad = ("lost", "doubled", "disorder", "parked", "altered", "unaccounted", "refused")
    return account["acknowledged"] == account["attempted"] == account["delivered"] and not any(map(account.get, bad))


@pytest.fixture
def matrix(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that counts."""
    for path in ("deploy/bench", "deploy/faults"):
        monkeypatch.syspath_prepend(str(ROOT / path))
    return importlib.import_module("matrix.account")


def counted(matrix: Any, effects: list[str], states: dict[str, int], **more: Any) -> Any:
    """The account of two residents' four notices, all acknowledged, with these effects and states."""
    sent = {f"urn:faults:x:{resident}-{number}": b"digest" for resident in (0, 1) for number in (1, 2)}
    ledger = SimpleNamespace(attempted=sent, acknowledged=dict.fromkeys(sent), refused={})
    facts = {
        "effects": effects,
        "digests": dict.fromkeys(effects, b"digest"),
        "times": {},
        "altered": set(),
        "moments": [],
    } | more
    place = SimpleNamespace(
        load=SimpleNamespace(ledger=ledger), receiver=SimpleNamespace(**facts), states=lambda: states,
        engine="embedded", marks=[], stood=[],
    )  # fmt: skip
    return matrix.account(place, "none", "cell", hit=1, seconds=1.0, seed=1)


def test_the_account_finds_what_is_wrong(matrix: Any) -> None:
    """A lost, a doubled, an overtaken, an altered, a parked and an invented message each fail the cell."""
    a1, a2, b1, b2 = (f"urn:faults:x:{each}" for each in ("0-1", "0-2", "1-1", "1-2"))
    whole, done = [a1, b1, a2, b2], {"DELIVERED": 4}
    assert counted(matrix, whole, done).sound
    assert counted(matrix, [a1, b1, a2], done).lost == 1
    assert counted(matrix, [*whole, "urn:faults:y:0-2"], done).doubled == 1
    assert counted(matrix, [a2, a1, b1, b2], done).disorder == 1
    assert counted(matrix, whole, done, digests={**dict.fromkeys(whole, b"digest"), a1: b"other"}).altered == 1
    assert counted(matrix, whole, {"DELIVERED": 3, "PARKED": 1}).parked == 1
    assert counted(matrix, whole, {"DELIVERED": 5}).unaccounted == 1
    assert not counted(matrix, whole, {"DELIVERED": 3}).sound


def test_the_recovery_is_the_longest_wait_after_a_mark(matrix: Any) -> None:
    """From the mark to the end of the longest pause after it; what was on the way, and a stopped machine, count not."""
    recovery = matrix.recovery
    assert recovery([1.0, 2.0, 3.0], []) is None
    assert recovery([1.0, 2.0, 2.1, 6.0, 6.1], [2.0]) == 4.0
    assert recovery([1.0, 2.0, 2.1, 6.0, 6.1, 9.0], [2.05, 6.05]) == pytest.approx(3.95)
    assert recovery([1.0, 2.0, 9.0], [2.0], [(3.0, 7.0)]) == 3.0


@pytest.mark.parametrize("cells", ["bus-kill,step-13", "torn,lost-50,bit-flip", "half,poison"])
def test_embedded_cells_lose_nothing(cells: str) -> None:
    """The bus is killed, the log is torn, bits flip, the receiver misbehaves: every message is accounted for."""
    code, accounts, told = run("--messages", MESSAGES, "--engine", "embedded", "--only", cells)
    assert code == 0, told
    assert [sound(each) for each in accounts] == [True] * len(cells.split(",")), told
    assert all(each["hit"] for each in accounts)


@pytest.mark.system
def test_cells_on_postgresql_and_rabbitmq_lose_nothing() -> None:
    """RabbitMQ is killed right after the queues were declared, PostgreSQL is killed: as on the embedded engines."""
    names = "rabbit-kill,pg-kill"
    code, accounts, told = run("--messages", MESSAGES, "--engine", "distributed", "--only", names)
    assert code == 0, told
    assert [sound(each) for each in accounts] == [True, True], told
