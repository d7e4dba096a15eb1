"""``chiikibus resend``: a job from its plan to its end, as an operator sees it, beside a running bus."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bus.app.resend import open_resend
from bus.app.upkeep import Upkeep
from bus.core.config import load_site
from bus.core.datarules import check_digit_atenabango
from bus.core.states import State
from bus.journal.resend.names import JOBS
from bus.journal.resend.values import JobState, Selection
from bus.journal.sqlite import SqliteJournal
from schemas.catalog import load_edition
from tests.cli.conftest import Cli
from tests.support.deliveries import SteppedClock, acceptance, step
from tests.support.polling import until
from tests.support.providers import Received, give_receipt
from tests.support.residents import message, resident
from tests.support.sites import change, write_site
from tests.support.town import RunningTown

pytestmark = pytest.mark.slow
NOTICE = "juki.ido_tsuchi"


def number_of(body: int) -> str:
    """A synthetic number with its check digit."""
    text = f"{body:014d}"
    return text + check_digit_atenabango(text)


def notices(cli: Cli, town: RunningTown, tmp_path: Path, count: int) -> list[str]:
    """Notices about so many people of as many households, sent and parked at tax; their delivery ids."""
    ids = []
    for number in range(count):
        changes = {"atenabango": number_of(1000 + number), "setaibango": number_of(9000 + number)}
        file = tmp_path / "notice.xml"
        file.write_bytes(message(load_edition(), NOTICE, resident(jusho_katagaki="架空荘１号", **changes)))
        found = cli("send", "--site", town.folder, "--as", "juki", "--file", file, "--json")
        assert found.code == 0, found.out + found.err
        ids.append(f"{found.document['reply']['uketsukebango']}-0")
    until(lambda: len(parked(cli, town)) == count, what="everything to be parked")
    return ids


def parked(cli: Cli, town: RunningTown) -> list[Any]:
    """What is parked."""
    return cli("messages", "list", "--site", town.folder, "--state", "PARKED", "--json").lines


def mended(town: RunningTown) -> Counter[str]:
    """Tax takes notices from now on; how often it got each message."""
    took, answer = Counter[str](), give_receipt(load_edition(), NOTICE)

    def behave(received: Received) -> tuple[int, bytes]:
        took[received.message_id] += 1
        return answer(received)

    town.tax.behaviour = behave
    return took


def test_a_job_from_its_plan_to_its_end(cli: Cli, town: RunningTown, tmp_path: Path) -> None:
    """Plan, try, start, result; in order of acceptance; started twice it does nothing twice; all of it is recorded."""
    ids = notices(cli, town, tmp_path, 3)
    site = ("--site", town.folder)
    plan = cli("resend", "plan", *site, "--code", "CB6004", "--reason", "コード表を直した", "--json").document
    job = str(plan["number"])
    assert (plan["state"], plan["summary"]["number"], plan["summary"]["lanes"]) == ("PLANNED", 3, 6)
    assert [row["delivery_id"] for row in plan["items"]] == ids
    assert len(parked(cli, town)) == 3
    took = mended(town)
    done = cli("resend", "start", *site, job, "--json")
    assert (done.code, done.document["state"], done.document["counts"]) == (0, "DONE", {"DELIVERED": 3}), done.out
    assert list(took.values()) == [1, 1, 1]
    order = [received.message_id for received in town.tax.received][-3:]
    listed = cli("messages", "list", *site, "--json").lines
    by_delivery = {row["delivery_id"]: row["message_id"] for row in listed}
    assert order == [by_delivery[each] for each in ids]
    assert cli("resend", "start", *site, job).code == 1
    status = cli("resend", "status", *site, job, "--state", "DELIVERED", "--json").document
    assert [row["delivery_id"] for row in status["items"]] == ids
    (shown,) = cli("resend", "list", *site, "--json").lines
    assert (shown["reason"], shown["started_by"].startswith("cli:")) == ("コード表を直した", True)
    events = cli("messages", "trace", *site, ids[0], "--json").lines
    assert f"resend {job} cli:" in "".join(event["actor"] for event in events)
    text = cli("resend", "status", *site, job).out
    assert "配送済み 3" in text
    assert JOBS[JobState.DONE] in text


def test_a_try_tells_what_today_would_change(cli: Cli, town: RunningTown, tmp_path: Path) -> None:
    """The same as sent; an item withheld since; a route that is gone; a pause. Nothing is sent and nothing shown."""
    ids = notices(cli, town, tmp_path, 1)
    site = ("--site", town.folder)
    job = str(cli("resend", "plan", *site, *ids, "--reason", "試し", "--json").document["number"])
    tried = cli("resend", "try", *site, job, "--json")
    (same,) = tried.lines
    assert (tried.code, same["code"], same["same"], same["attempts"]) == (0, "", True, 1)
    assert (same["removed"], same["tables_changed"], same["routed"], same["adapter"]) == ([], False, True, "")
    rights = town.folder / "rights.toml"
    old = 'endpoint = "tax", operation = "juki.ido_tsuchi", purposes = ["kazei"]'
    change(rights, old, f'{old}, withhold = ["jusho_katagaki"]')
    (less,) = cli("resend", "try", *site, job, "--json").lines
    assert (less["same"], less["removed"], less["tables_changed"]) == (False, [["jusho_katagaki", 1]], True)
    assert less["added"]
    assert "－jusho_katagaki×1" in cli("resend", "try", *site, job).out
    assert "架空荘" not in cli("resend", "try", *site, job).out
    change(town.folder / "routes.toml", '["tax", "kokuho"]', '["kokuho"]')
    assert "今の経路にない" in cli("resend", "try", *site, job).out
    change(town.folder / "endpoints.toml", 'purpose = "kazei"', 'purpose = "kazei", paused = true')
    stopped = cli("resend", "try", *site, job, "--json")
    assert (stopped.code, stopped.lines[0]["code"]) == (1, "CB5005")
    assert len(parked(cli, town)) == 1
    assert len(town.tax.received) == 1


def test_a_command_that_is_killed_is_gone_on_with(cli: Cli, town: RunningTown, tmp_path: Path) -> None:
    """SIGKILL in the middle of a job: the next start goes on, and every message arrives exactly once."""
    notices(cli, town, tmp_path, 8)
    took = mended(town)
    site = ("--site", town.folder)
    job = str(cli("resend", "plan", *site, "--all", "--reason", "試験", "--json").document["number"])
    command = [sys.executable, "-m", "bus.cli", "resend", "start", "--site", str(town.folder), job, "--rate", "4"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        until(lambda: len(took) >= 2, within_s=30, what="the first to arrive")
        running.kill()
    left = cli("resend", "status", *site, job, "--json").document
    assert (left["state"], left["counts"].get("WAITING", 0) > 0) == ("RUNNING", True)
    with closing(open_resend(load_site(town.folder), SteppedClock(), "test")) as desk, desk.side.transaction() as rows:
        rows.execute("UPDATE resend_job SET held_until = 0.0")
    done = cli("resend", "start", *site, job, "--json")
    assert (done.code, done.document["counts"]) == (0, {"DELIVERED": 8}), done.out
    assert sorted(took.values()) == [1] * 8


def test_a_job_stops_by_itself_or_by_hand(cli: Cli, town: RunningTown, tmp_path: Path) -> None:
    """Paused with its reason where too many are parked again; cancelled for good; what was not sent stays parked."""
    notices(cli, town, tmp_path, 3)
    site = ("--site", town.folder)
    job = str(cli("resend", "plan", *site, "--all", "--reason", "試験", "--json").document["number"])
    stopped = cli("resend", "start", *site, job, "--most-open", "1", "--most-failed", "1", "--json")
    assert (stopped.code, stopped.document["state"], stopped.document["code"]) == (1, "PAUSED", "CB5021")
    assert cli("resend", "pause", *site, job).code == 0
    assert "CB5021" in cli("resend", "status", *site, job).out
    gone = cli("resend", "cancel", *site, job, "--json").document
    assert (gone["state"], gone["counts"]) == ("CANCELLED", {"PARKED": 1, "WAITING": 2})
    assert "left parked: 2" in cli("resend", "status", *site, job).out
    assert len(parked(cli, town)) == 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["plan", "--reason", "x"], 2),
        (["plan", "--all", "--reason", " "], 2),
        (["plan", "--all"], 2),
        (["start", "7"], 1),
        (["status", "1", "--state", "LOST"], 2),
        (["start", "1", "--detach"], 2),
    ],
)
def test_wrong_questions_are_refused(cli: Cli, tmp_path: Path, arguments: list[str], code: int) -> None:
    """No selection, no reason, no such job, nobody to leave it to."""
    folder = write_site(tmp_path / "site")
    journal = SqliteJournal(folder / "var" / "journal.sqlite", clock=SteppedClock())
    asyncio.run(_opened_once(journal))
    assert cli("resend", *arguments, "--site", folder).code == code


async def _opened_once(journal: SqliteJournal) -> None:
    await journal.open()
    await journal.close()


async def test_the_upkeep_goes_on_with_a_job_that_nobody_runs(cli: Cli, tmp_path: Path) -> None:
    """Started and left: the process that keeps the journal sends at the job's pace and tells when it is over."""
    folder = write_site(tmp_path / "site")
    path = folder / "site.toml"
    path.write_text(path.read_text("utf-8") + "\n[journal.retention]\n", "utf-8")
    clock, told = SteppedClock(), []
    journal = SqliteJournal(folder / "var" / "journal.sqlite", clock=clock)
    await journal.open()
    for number in range(6):
        one = acceptance(ordering_keys=(f"a:{number}",))
        await journal.accept(one)
        await journal.record([step(one, State.DISPATCHING), step(one, State.PARKED, code="CB6004")])
    with closing(open_resend(load_site(folder), clock, "test")) as desk:
        job = desk.plan(Selection(), "test")
    started = ("resend", "start", "--site", folder, str(job.number), "--detach", "--rate", "2", "--json")
    found = await asyncio.to_thread(cli, *started)
    assert (found.code, found.document["state"]) == (0, "RUNNING")
    site = load_site(folder, load_edition())
    upkeep = Upkeep(site, clock, lambda event, **more: told.append((event, more.get("state"))))
    seen = []
    for _ in range(5):
        clock.at += 1
        await asyncio.to_thread(upkeep.tick)
        due = [each.consignment.delivery_id for each in journal.due(clock.now())]
        seen.append(len(due))
    assert seen == [1, 3, 5, 6, 6]
    for delivery in due:
        for state in (State.DISPATCHING, State.DELIVERED):
            await journal.record([step(one, state, delivery_id=delivery)])
    clock.at += 1
    await asyncio.to_thread(upkeep.tick)
    assert told == [("resend.stopped", "DONE")]
    with closing(open_resend(site, clock, "test")) as desk:
        assert desk.look(job.number).counts == {"DELIVERED": 6}
    await journal.close()
