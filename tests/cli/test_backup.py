"""``chiikibus journal backup`` beside a running bus, and a new bus that begins with the copy."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from schemas.catalog import load_edition
from tests.cli.conftest import Cli
from tests.support.polling import until
from tests.support.providers import give_receipt
from tests.support.residents import message, resident
from tests.support.town import running_town

pytestmark = pytest.mark.slow
NOTICE = "juki.ido_tsuchi"


def test_what_was_open_arrives_from_a_restored_copy(cli: Cli, tmp_path: Path) -> None:
    """The machine is gone: from the copy a new bus fills its conveyor and delivers what was open, in order; what had
    arrived is not sent again."""
    copy, ids = tmp_path / "copy.sqlite", []
    with running_town(tmp_path / "site") as town:
        town.tax.behaviour = lambda received: (503, b"")
        for number in range(3):
            file = tmp_path / "notice.xml"
            file.write_bytes(message(load_edition(), NOTICE, resident(rirekibango=str(number + 1))))
            sent = cli("send", "--site", town.folder, "--as", "juki", "--file", file, "--json")
            ids.append(sent.document["reply"]["messageid"])
        until(lambda: _states(town.folder).get("DELIVERED") == 3, what="kokuho to have all")
        told = cli("journal", "backup", copy, "--site", town.folder, "--json").document
    assert (told["messages"], told["open"]) == (3, 3)

    def prepare(folder: Path) -> None:
        (folder / "var").mkdir(exist_ok=True)
        shutil.copyfile(copy, folder / "var" / "journal.sqlite")

    with running_town(tmp_path / "new", prepare) as town:
        town.tax.behaviour = give_receipt(load_edition(), NOTICE)
        until(lambda: _states(town.folder) == {"DELIVERED": 6}, what="everything to arrive", within_s=20)
        taken = [received.message_id for received in town.tax.received]
    assert list(dict.fromkeys(taken)) == ids


def _states(folder: Path) -> dict[str, int]:
    """Deliveries by state."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(folder / "var" / "journal.sqlite")) as connection:
        return dict(connection.execute("SELECT state, count(*) FROM delivery GROUP BY state").fetchall())
    return {}
