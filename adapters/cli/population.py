"""``chiikibus population``: write a synthetic town, its changes, and the list of its awkward cases."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.output import JsonOption, document, progress, table
from adapters.population import Resident, Town, residents
from adapters.population.cases import all_cases
from adapters.population.generate import BASE_DATE
from adapters.population.record import MUNICIPALITY, Record
from adapters.simulators.a_juki import native_file
from adapters.simulators.a_juki_files import IDO, ZENKEN, write_lines
from schemas.catalog import load_edition

app = typer.Typer(no_args_is_help=True, add_completion=False, help="架空の住民を作る / generate synthetic residents")


class Form(StrEnum):
    """What the residents are written as."""

    STANDARD_CSV = "standard-csv"
    A_JUKI = "a-juki"


@app.command()
def generate(
    size: Annotated[int, typer.Option("--size", min=1, help="住民の人数 / residents")],
    out: Annotated[Path, typer.Option("--out", help="書き出すフォルダー / folder to write to")],
    seed: Annotated[int, typer.Option("--seed", help="種：同じ種からは同じ町 / the same seed, the same town")] = 1,
    changes: Annotated[int, typer.Option("--changes", min=0, help="続く異動の件数 / events that follow")] = 0,
    form: Annotated[Form, typer.Option("--format", help="標準の CSV か A社の形式 / standard CSV or vendor A")] = (
        Form.STANDARD_CSV
    ),
    municipality: Annotated[str, typer.Option("--municipality", help="全国地方公共団体コード")] = MUNICIPALITY,
    base_date: Annotated[
        datetime, typer.Option("--base-date", formats=["%Y-%m-%d"], help="基準日 / as of this day")
    ] = datetime(BASE_DATE.year, BASE_DATE.month, BASE_DATE.day),
    json: JsonOption = False,
) -> int:
    """合成の住民（実在しない人）を書き出す。 / Write synthetic residents; nobody of them exists."""
    day = base_date.date()
    out.mkdir(parents=True, exist_ok=True)
    with progress(quiet=json) as bar:
        task = bar.add_task("住民 residents", total=size)

        def watched(people: Iterable[Resident]) -> Iterator[Record]:
            for count, resident in enumerate(people, 1):
                yield resident.current
                if count % 500 == 0 or count == size:
                    bar.update(task, completed=count)

        people = residents(size, seed, municipality=municipality, base_date=day)
        files = [_write(form, out, "jumin", municipality, watched(people))]
        if changes:
            events = bar.add_task("異動 events", total=changes)
            files.append(_write(form, out, "ido", municipality, _events(size, seed, municipality, day, changes)))
            bar.update(events, completed=changes)
    written = {"residents": size, "events": changes, "seed": seed, "files": [str(path) for path in files]}
    if json:
        document(written)
    else:
        table(("ファイル / file", "バイト / bytes"), [(path, path.stat().st_size) for path in files])
    return 0


@app.command("cases")
def list_cases(json: JsonOption = False) -> int:
    """どの町にもいる、扱いの難しい住民の一覧。 / The awkward cases with which every town begins."""
    cases = all_cases()
    if json:
        document([{"key": case.key, "name_ja": case.name_ja} for case in cases])
    else:
        table(("鍵 / key", "内容 / about"), [(case.key, case.name_ja) for case in cases])
    return 0


def _events(size: int, seed: int, municipality: str, day: date, changes: int) -> Iterator[Record]:
    town = Town.generate(size, seed, municipality=municipality, base_date=day)
    for change in town.changes(changes):
        for event in change.events:
            yield event.record


def _write(form: Form, out: Path, name: str, municipality: str, records: Iterator[Record]) -> Path:
    if form is Form.A_JUKI:
        prefix, kind = ("ZEN", ZENKEN) if name == "jumin" else ("IDO", IDO)
        return write_lines(out, f"{prefix}_00000001.DAT", native_file(records, municipality, kind))
    path = out / f"{name}.csv"
    columns = [item.name for item in load_edition("1.0").units["juki"].records["jumin"].items]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(records)
    return path
