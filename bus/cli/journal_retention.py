"""``chiikibus journal retention``: the periods of the site, what is old, and its removal."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from bus.app.stores import open_retention
from bus.cli.messages import actor, clock_text
from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.keeping import Periods

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="保存期間を過ぎたものを消す。 / Remove what is older than kept.",
)

KINDS = {"payload": "本文 payloads", "metadata": "記録 rows", "audit": "操作の記録 audit",
         "sequence": "シーケンス sequences", "key": "日ごとの鍵 data keys", "resend": "再送 resend jobs"}  # fmt: skip


@app.callback()
def retention() -> None:
    """保存期間を過ぎたものを消す。 / Remove what is older than it is kept."""


@app.command()
def show(site: SiteOption, json: JsonOption = False) -> int:
    """規則と、いま残っている最も古いもの、これまでに消したものを示す。 / The rules, the oldest, what was removed."""
    output = Output(json=json)
    with closing(open_retention(load_site(site), SystemClock(), actor())) as desk:
        settings, oldest, removed = desk.settings, desk.oldest(), desk.removed()
    at = f"{settings.at // 60:02d}:{settings.at % 60:02d}"
    output.document(
        {
            "payload_days": settings.periods.payload_days,
            "metadata_days": settings.periods.metadata_days,
            "audit_days": settings.audit_days,
            "at": at,
            "rules": [
                {"municipality": rule.municipality, "operation": rule.operation,
                 "payload_days": rule.periods.payload_days, "metadata_days": rule.periods.metadata_days}
                for rule in settings.rules
            ],
            "oldest": oldest,
            "removed": removed,
        }
    )  # fmt: skip
    output.fields({"毎日 daily at": at, "操作の記録 audit_days": settings.audit_days})
    rows = [("*", "*", settings.periods)]
    rows = [(rule.municipality or "*", rule.operation or "*", rule.periods) for rule in settings.rules] + rows
    output.table(["団体 municipality", "操作 operation", "本文（日） payload", "記録（日） rows"], map(_rule, rows))
    output.table(["", "最も古い oldest"], ((KINDS[kind], clock_text(at)) for kind, at in oldest.items()))
    if removed:
        headings = ["消したもの removed", "件 number", "バイト bytes", "最後 last run"]
        output.table(
            headings,
            ((KINDS[row["kind"]], row["number"], row["bytes"], clock_text(row["last_run"])) for row in removed),
        )
    return ExitCode.DONE


def _rule(row: tuple[str, str, Periods]) -> tuple[object, ...]:
    return row[0], row[1], row[2].payload_days, row[2].metadata_days


@app.command()
def run(
    site: SiteOption,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="件数だけを示す / only say how many")] = False,
    json: JsonOption = False,
) -> int:
    """いま消す。動作中でもよい。未処理・保留のものは残す。 / Remove now, beside the bus; never what is open."""
    output = Output(json=json)
    with closing(open_retention(load_site(site), SystemClock(), actor())) as desk:
        retention = desk.retention()
        report = retention.preview() if dry_run else retention.run()
    document = {"dry_run": dry_run, "removed": report.removed, "bytes": report.bytes, "kept_open": report.kept_open}
    longest = round(report.longest_s * 1000, 1)
    done = {"pieces": report.pieces, "longest_ms": longest, "days_given_back": report.reclaimed}
    output.document(document if dry_run else document | done)
    output.say("消えるもの / to be removed" if dry_run else "消したもの / removed")
    output.fields({KINDS[kind]: number for kind, number in report.removed.items()})
    output.fields({"バイト bytes": report.bytes, "未処理のため残したもの kept, still open": report.kept_open})
    return ExitCode.DONE
