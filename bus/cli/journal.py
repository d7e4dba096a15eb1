"""``chiikibus journal``: carry an embedded journal to another engine; keep no longer than the site wants."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bus.app.stores import copy_journal, open_carrier
from bus.cli import journal_evidence, journal_keys, journal_retention, journal_seal
from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.core.config import load_site
from bus.core.errors import JournalError
from bus.core.types import Finding

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="記録簿を移し替える・保つ。 / Carry and keep the journal."
)
app.add_typer(journal_retention.app, name="retention")
app.add_typer(journal_seal.app, name="seal")
app.add_typer(journal_keys.app, name="keys")
app.command()(journal_seal.verify)
app.command()(journal_evidence.export)
app.command()(journal_seal.keep)

SourceOption = Annotated[
    Path | None,
    typer.Option("--from", help="移し替える記録簿（既定は journal.path）。 / The embedded journal; else journal.path."),
]


@app.callback()
def journal() -> None:
    """記録簿を移し替える・保つ。 / Carry and keep the journal."""


@app.command()
def backup(
    site: SiteOption,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="控えのファイル（新規） / a new file")],
    json: JsonOption = False,
) -> int:
    """動いているバスの記録簿の控えを取る。 / Copy the journal beside the running bus.

    添付の本体、secrets、アダプターの記憶は別に写す（docs/keeping.md）。
    Attachments, secrets and adapters' stores are copied by themselves.
    """
    output = Output(json=json)
    copied = copy_journal(load_site(site), out)
    output.document(asdict(copied))
    output.say(f"{copied.file}　{copied.bytes} bytes　版 version {copied.version}")
    output.say(f"電文 messages {copied.messages}　未完了 open {copied.open}")
    return ExitCode.DONE


@app.command()
def migrate(site: SiteOption, source: SourceOption = None, json: JsonOption = False) -> int:
    """SQLite の記録簿を PostgreSQL へ移し、1 件ずつ照合する。 / Carry SQLite to PostgreSQL and compare every row.

    バスを止めてから実行する。中断しても、もう一度実行すれば続きから移す。元の記録簿は読むだけ。
    The bus has to be stopped. Broken off, it goes on where it was. The source is only read.
    """
    output = Output(json=json)
    loaded = load_site(site)

    def told(carried: int, total: int) -> None:
        output.say(f"{carried} / {total}")

    with closing(open_carrier(loaded, source, told)) as carrier:
        carrier.carry()
        compared = carrier.compare()
        differences = sum(each.differences for each in compared)
        if not differences:
            carrier.done()
    output.document({"ok": not differences, "tables": [asdict(each) for each in compared]})
    for each in compared:
        output.say(f"{each.table:16} {each.source:>12} {each.carried:>12}  差 differences: {each.differences}")
    if differences:
        findings = [
            Finding("CB4010", path=each.table, expected=str(each.source), got=f"{each.differences} differences")
            for each in compared
            if each.differences
        ]
        raise JournalError("CB4010", findings)
    output.say("すべて移しました / everything was carried over")
    return ExitCode.DONE
