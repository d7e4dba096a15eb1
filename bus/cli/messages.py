"""``chiikibus messages``: find, show and trace messages; see what is parked and why; resend and cancel."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Annotated, Any

import typer

from bus.app.stores import open_operator, open_reader
from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output, finding_text
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import ConfigurationError, error_entry
from bus.core.ports import JournalReader
from bus.core.states import State
from bus.core.types import Finding

app = typer.Typer(no_args_is_help=True, add_completion=False, help="電文を探す・追う・再送する・取り消す。 / Messages.")

Row = dict[str, Any]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="記録番号・配送番号・電文ID / exchange, delivery or message id")
]
YesOption = Annotated[bool, typer.Option("--yes", help="確認せずに実行する / do it without asking")]
Filter = Annotated[str, typer.Option()]


def clock_text(seconds: object) -> str:
    """Epoch seconds as local time with milliseconds; ``-`` for none."""
    if not isinstance(seconds, int | float) or not seconds:
        return "-"
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def seconds_of(text: str) -> float:
    """An ISO 8601 date or time as epoch seconds, local time where no offset is given. Errors: CB7030."""
    if not text:
        return 0.0
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError as error:
        finding = Finding("CB7030", path="--since | --until", expected="2026-01-31T09:00:00", got=text)
        raise ConfigurationError("CB7030", [finding]) from error


def code_text(code: object) -> str:
    """A code with its title, where it is of our catalogue."""
    try:
        return f"{code} {error_entry(str(code)).title_ja}" if code else ""
    except KeyError:
        return str(code)


def remedy(code: object) -> tuple[str, str]:
    """What to do, in both languages; empty for a code of somebody else's catalogue."""
    try:
        entry = error_entry(str(code))
    except KeyError:
        return "", ""
    return entry.action_ja, entry.action_en


@app.command("list")
def list_messages(
    site: SiteOption,
    municipality: Filter = "",
    operation: Filter = "",
    endpoint: Filter = "",
    state: Filter = "",
    message_id: Filter = "",
    since: Filter = "",
    until: Filter = "",
    before: Filter = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    json: JsonOption = False,
) -> int:
    """新しい順に並べる（--json は1行1件）。 / Newest first; with --json one line each."""
    output = Output(json=json)
    if state and state not in list(State):
        raise ConfigurationError("CB7030", [Finding("CB7030", path="--state", expected=" | ".join(State), got=state)])
    with closing(open_reader(load_site(site))) as reader:
        rows = reader.search(
            municipality=municipality,
            operation=operation,
            endpoint=endpoint,
            state=state,
            message_id=message_id,
            since=seconds_of(since),
            until=seconds_of(until),
            before=before,
            limit=limit,
        )
    for row in rows:
        output.document(row)
    headings = ["受付 received", "配送番号 delivery", "操作", "送信元→宛先", "状態 state", "回", "コード code"]
    output.table(headings, (_list_row(row) for row in rows))
    if len(rows) == limit:
        output.say(f"続き more: --before {rows[-1]['delivery_id']}")
    return ExitCode.DONE


def _list_row(row: Row) -> Sequence[object]:
    way = f"{row['sender']}→{row['target'] or '-'}"
    return (clock_text(row["received_at"]), row["delivery_id"], row["operation"], way, row["state"],
            row["attempt"] or 0, code_text(row["code"]))  # fmt: skip


def find_exchange(reader: JournalReader, wanted: str) -> Row:
    """The exchange of an exchange, delivery or message id. Errors: CB7014 when there is none."""
    candidates = [wanted, wanted.rpartition("-")[0]]
    if not wanted.isalnum():
        candidates += [str(row["exchange_id"]) for row in reader.search(message_id=wanted, limit=1)]
    for candidate in candidates:
        shown = reader.show(candidate) if candidate else None
        if shown is not None:
            return shown
    raise ConfigurationError("CB7014", [Finding("CB7014", path=wanted, expected="exchange | delivery | message id")])


@app.command()
def show(site: SiteOption, wanted: IdArgument, json: JsonOption = False) -> int:
    """一つの連携のすべて（本文は除く）。 / One exchange with its deliveries, without the body."""
    output = Output(json=json)
    with closing(open_reader(load_site(site))) as reader:
        shown = find_exchange(reader, wanted)
    output.document(shown)
    deliveries = shown.pop("deliveries")
    attachments = shown.pop("attachments")
    times = {name: clock_text(shown[name]) for name in ("received_at", "expires_at")}
    output.fields({**{name: value for name, value in shown.items() if value is not None and value != ""}, **times})
    headings = ["宛先 target", "状態 state", "回", "コード code", "次の送信 next", "更新 updated"]
    output.table(
        headings,
        (
            (each["target"], each["state"], each["attempt"], code_text(each["code"]),
             clock_text(each["next_attempt_at"]), clock_text(each["updated_at"]))
            for each in deliveries
        ),
    )  # fmt: skip
    if attachments:
        headings = ["添付 attachment", "名称 name", "形式 type", "大きさ size", "SHA-256"]
        output.table(
            headings,
            ((one["of"], one["content_id"], one["content_type"], one["size"], one["sha256"]) for one in attachments),
        )
    for each in deliveries:
        for found in each["findings"]:
            output.say(f"  - {each['target']}: {finding_text(Finding(**found))}")
        if each["state"] == State.PARKED and each["code"]:
            output.say(f"対処 remedy（{each['target']}）: {' / '.join(remedy(each['code']))}")
    return ExitCode.DONE


@app.command()
def trace(site: SiteOption, wanted: IdArgument, json: JsonOption = False) -> int:
    """時刻順の経過（--json は1行1件）。 / The course in order of time; with --json one line each."""
    output = Output(json=json)
    with closing(open_reader(load_site(site))) as reader:
        shown = find_exchange(reader, wanted)
        events = list(reader.iterate_events(shown["exchange_id"]))
    targets = {each["delivery_id"]: each["target"] for each in shown["deliveries"]}
    rows = [{**event, "target": targets.get(str(event["delivery_id"]), "")} for event in events]
    for row in rows:
        output.document(row)
    output.say(f"{shown['operation']}　{shown['sender']}　{shown['message_id']}")
    headings = ["時刻 at", "経過 s", "宛先 target", "状態 state", "回", "コード code", "操作者 actor"]
    output.table(headings, (_trace_row(row, shown["received_at"]) for row in rows))
    for each in shown["deliveries"]:
        if each["response_in"]:
            bus, provider = each["request_out"] - shown["received_at"], each["response_in"] - each["request_out"]
            output.say(f"{each['target']}: バス bus {bus * 1000:.1f} ms　提供側 provider {provider * 1000:.1f} ms")
    return ExitCode.DONE


def _trace_row(row: Row, start: float) -> Sequence[object]:
    return (clock_text(row["at"]), f"{row['at'] - start:.3f}", row["target"], row["state"], row["attempt"],
            code_text(row["code"]), row["actor"])  # fmt: skip


@app.command()
def parked(site: SiteOption, json: JsonOption = False) -> int:
    """保留を原因ごとに数え、対処を示す。 / Parked deliveries by cause, with what to do."""
    output = Output(json=json)
    groups: list[Row] = []
    with closing(open_reader(load_site(site))) as reader:
        for row in reader.parked():
            ja, en = remedy(row["code"])
            groups.append({**row, "cause": code_text(row["code"]), "action_ja": ja, "action_en": en})
    output.document({"parked": sum(row["count"] for row in groups), "groups": groups})
    if not groups:
        output.say("保留はありません。 / Nothing is parked.")
        return ExitCode.DONE
    headings = ["件数", "宛先 target", "操作", "原因 cause", "最初 first", "最後 last", "対処 remedy"]
    output.table(
        headings,
        (
            (row["count"], f"{row['municipality']}/{row['target']}", row["operation"], code_text(row["code"]),
             clock_text(row["first_at"]), clock_text(row["last_at"]), row["action_ja"])
            for row in groups
        ),
    )  # fmt: skip
    output.say("一件ずつ one by one: chiikibus messages list --state PARKED、chiikibus messages show <配送番号>")
    return ExitCode.DONE


@app.command()
def resend(
    site: SiteOption,
    deliveries: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="配送番号 / delivery ids")] = None,
    municipality: Filter = "",
    target: Filter = "",
    operation: Filter = "",
    code: Filter = "",
    all_parked: Annotated[bool, typer.Option("--all", help="保留をすべて / everything parked")] = False,
    yes: YesOption = False,
    json: JsonOption = False,
) -> int:
    """保留の電文を再送する。--yes がなければ件数だけを示す。 / Resend what is parked; without --yes only count."""
    chosen = {"municipality": municipality, "target": target, "operation": operation, "code": code}
    if not (deliveries or all_parked or any(chosen.values())):
        raise ConfigurationError("CB7030", [Finding("CB7030", path="resend", expected="id | --target ... | --all")])
    output = Output(json=json)
    with closing(open_operator(load_site(site), SystemClock(), actor())) as operator:
        wanted = list(deliveries) if deliveries else list(operator.parked_ids(**chosen))
        if not yes:
            return _preview(output, "resend", wanted)
        return _report(output, "resend", wanted, operator.resend(wanted))


@app.command()
def cancel(
    site: SiteOption,
    deliveries: Annotated[list[str], typer.Argument(metavar="ID...", help="配送番号 / delivery ids")],
    yes: YesOption = False,
    json: JsonOption = False,
) -> int:
    """まだ届いていない電文を取り消す。--yes がなければ件数だけを示す。 / Cancel what is not delivered yet."""
    output = Output(json=json)
    with closing(open_operator(load_site(site), SystemClock(), actor())) as operator:
        if not yes:
            return _preview(output, "cancel", deliveries)
        return _report(output, "cancel", deliveries, operator.cancel(deliveries))


def actor() -> str:
    """Who acts, for the record: the account on this machine."""
    return f"cli:{getpass.getuser()}"


def _preview(output: Output, action: str, wanted: Sequence[str]) -> int:
    """What would be done."""
    output.document({"action": action, "preview": True, "count": len(wanted), "deliveries": wanted})
    output.say(
        f"対象 {len(wanted)} 件。実行するには --yes を付けてください。 / {len(wanted)} found; add --yes to do it."
    )
    return ExitCode.DONE


def _report(output: Output, action: str, wanted: Sequence[str], decisions: Iterable[Any]) -> int:
    """Do it with a progress bar, and tell the result per delivery."""
    from rich.progress import Progress

    results: list[Row] = []
    with Progress(console=output.console(), disable=len(wanted) < 2) as progress:
        task = progress.add_task(action, total=len(wanted))
        for one in decisions:
            results.append({"delivery_id": one.delivery_id, "before": one.before, "state": one.state, "code": one.code})
            progress.advance(task)
    failed = [row for row in results if row["code"]]
    output.document({"action": action, "done": len(results) - len(failed), "refused": len(failed), "results": results})
    output.say(f"完了 done {len(results) - len(failed)}　不可 refused {len(failed)}")
    for row in failed:
        output.say(f"  {row['delivery_id']}: {row['before'] or '不明 unknown'}　{code_text(row['code'])}")
    return ExitCode.NEGATIVE if failed else ExitCode.DONE
