"""``chiikibus adapter give-up``: a held record is not waited for any more; those behind it go."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Annotated

import typer

from adapters.cli.output import ExitCode, JsonOption, document
from adapters.cli.status import AdapterOption, SiteOption
from adapters.host import process
from adapters.host.store import turns
from adapters.host.store.schema import connect
from adapters.host.store.status import count
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import AdapterError
from bus.core.types import Finding


def give_up(
    site: SiteOption,
    adapter: AdapterOption,
    file: Annotated[str, typer.Option("--file", help="ファイル名または source / the file's name, or its source")],
    record: Annotated[int, typer.Option("--record", help="レコード番号 / the record's number")],
    json: JsonOption = False,
) -> int:
    """保留レコードをやめて拒否とし、後ろで待つレコードを進める。 / Refuse a held record; what waits behind it goes."""
    folder = load_site(site)
    path = process.store_path(folder, process.find_adapter(folder, adapter).id)
    behind = count(path)["behind"]
    with closing(connect(path)) as database:
        database.execute("BEGIN IMMEDIATE")
        number = _held(database, file, record)
        if number is None:
            database.execute("ROLLBACK")
            finding = Finding("CB6015", expected="a held record", got=f"{file} {record}")
            raise AdapterError("CB6015", [finding])
        finding = Finding("CB6077", place=f"file={file} record={record}")
        turns.give_up(database, number, "CB6077", [finding], SystemClock().now())
        database.execute("COMMIT")
    went = behind - count(path)["behind"]
    if json:
        document({"given_up": 1, "went_on": went})
    else:
        print(f"保留をやめました given up: 1　進んだレコード went on: {went}")
    return ExitCode.DONE


def _held(database: sqlite3.Connection, file: str, record: int) -> int | None:
    row = database.execute(
        "SELECT id FROM held WHERE state = 'held' AND record_no = ? AND context = ''"
        " AND (source = ? OR source IN (SELECT source FROM files WHERE name = ?)) ORDER BY id",
        (record, file, file),
    ).fetchone()
    return None if row is None else int(row["id"])
