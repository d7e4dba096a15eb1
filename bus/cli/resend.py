"""``chiikibus resend``: resend what is parked as a durable job: plan, try, start, pause, cancel, look."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from bus.app.resend import open_resend, process_name, rehearse_job
from bus.cli.messages import actor, clock_text, code_text, remedy, seconds_of
from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import ConfigurationError, error_entry
from bus.core.types import Finding
from bus.journal.resend.desk import ResendDesk, unsent
from bus.journal.resend.names import ITEMS, JOBS
from bus.journal.resend.values import ItemState, Job, JobState, Pace, Selection
from bus.ops.rehearsal import Rehearsal
from schemas.catalog import load_edition

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="保留の電文をまとめて再送する。 / Resend what is parked, as a job."
)

JobArgument = Annotated[int, typer.Argument(metavar="JOB", help="再送の番号 / number of the job")]
Filter = Annotated[str, typer.Option()]
LimitOption = Annotated[int, typer.Option(min=1, max=10_000, help="何件まで / how many")]
POLL_S: Final = 0.25
SHOWN: Final = 20


@app.command()
def plan(
    site: SiteOption,
    reason: Annotated[str, typer.Option("--reason", help="理由（操作の記録に残る） / why; kept in the audit")],
    deliveries: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="配送番号 / delivery ids")] = None,
    municipality: Filter = "",
    target: Filter = "",
    operation: Filter = "",
    code: Filter = "",
    since: Filter = "",
    until: Filter = "",
    all_parked: Annotated[bool, typer.Option("--all", help="保留をすべて / everything parked")] = False,
    limit: LimitOption = SHOWN,
    json: JsonOption = False,
) -> int:
    """何を何件どの順に送るかを決めて示す。まだ送らない。 / Decide and show what would be sent; nothing is sent yet."""
    chosen = Selection(municipality, target, operation, code, seconds_of(since), seconds_of(until),
                       tuple(deliveries or ()))  # fmt: skip
    if chosen == Selection() and not all_parked:
        raise ConfigurationError("CB7030", [Finding("CB7030", path="plan", expected="id | --code ... | --all")])
    if not reason.strip():
        raise ConfigurationError("CB7030", [Finding("CB7030", path="--reason", expected="a reason")])
    output = Output(json=json)
    with closing(open_resend(load_site(site), SystemClock(), actor())) as desk:
        job = desk.plan(chosen, reason.strip())
        rows = desk.items(job.number, limit=limit)
    output.document(document(job) | {"items": rows})
    _tell_plan(output, job)
    _tell_items(output, rows)
    if job.state is JobState.PLANNED:
        output.say(
            f"中身を確かめる try: chiikibus resend try {job.number}　実行 start: chiikibus resend start {job.number}"
        )
    return ExitCode.DONE


@app.command("try")
def try_out(
    site: SiteOption, number: JobArgument, limit: LimitOption = SHOWN, ask: Annotated[
        bool, typer.Option("--adapters/--no-adapters", help="アダプターにも尋ねる / ask adapters too")
    ] = True, json: JsonOption = False,
) -> int:  # fmt: skip
    """今の設定とアダプターでどうなるかを前回と比べる。送らない。 / Compare with what was sent; send nothing."""
    output = Output(json=json)
    loaded = load_site(site, need_secrets=True)
    edition = load_edition(loaded.edition, loaded.standard_folder, loaded.mounts)
    clock, who = SystemClock(), actor()
    with closing(open_resend(loaded, clock, who)) as desk:
        results = rehearse_job(loaded, edition, desk, number, clock, who, limit, ask=ask)
    for each in results:
        output.document(asdict(each))
    output.table(
        ["配送番号 delivery", "宛先 target", "結果 outcome", "前回との差 against last time", "アダプター adapter"],
        [(each.delivery_id, each.target, _outcome(each), _difference(each), _adapter(each)) for each in results],
    )
    stopped = [each for each in results if each.code or _refused(each)]
    output.say(f"{len(results)} 件中 of these、届かない見込み would not arrive: {len(stopped)} 件")
    return ExitCode.NEGATIVE if stopped else ExitCode.DONE


@app.command()
def start(
    site: SiteOption,
    number: JobArgument,
    rate: Annotated[float, typer.Option(min=0.1, max=5000.0, help="1秒あたりの件数 / a second")] = Pace().rate,
    most_open: Annotated[
        int, typer.Option(min=1, max=100_000, help="結果待ちの上限 / at most under way")
    ] = Pace().most_open,
    most_failed: Annotated[
        int, typer.Option(min=0, help="再び保留がこの数で一時停止（0 は止めない） / pause after so many parked again")
    ] = Pace().most_failed,
    skip_overtaken: Annotated[
        bool, typer.Option("--skip-overtaken", help="新しい電文が先に届いたものは送らない / leave what was overtaken")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="任せて戻る（journal keep が実行する） / leave it to journal keep")
    ] = False,
    json: JsonOption = False,
) -> int:  # fmt: skip
    """計画を実行する。止まっていれば続きから。 / Run a plan, or go on with one that stopped.

    途中で切れても、もう一度実行すれば続きから送る。同じ保留を二度送ることはない。
    Broken off, start it again: it goes on, and nothing is sent twice for one parking.
    """
    output = Output(json=json)
    loaded, clock = load_site(site), SystemClock()
    if detach and loaded.journal.seal is None and loaded.journal.retention is None:
        expected = "[journal.seal] | [journal.retention]"
        raise ConfigurationError("CB7030", [Finding("CB7030", path="--detach", expected=expected)])
    with closing(open_resend(loaded, clock, actor())) as desk:
        job = desk.start(number, Pace(rate, most_open, most_failed, skip_overtaken))
        if not detach:
            job = follow(desk, number, output)
    return _tell_end(output, job)


def follow(desk: ResendDesk, number: int, output: Output) -> Job:
    """Run the job here, or look on while another process does, until it stops; with a bar for a person."""
    from rich.progress import Progress

    runner, wait = desk.runner(number, process_name()), threading.Event()
    with Progress(console=output.console(), disable=output.json) as progress:
        job = runner.step()
        task = progress.add_task(f"再送 resend {number}", total=job.summary.number)
        while job.state is JobState.RUNNING:
            progress.update(task, completed=job.summary.number - job.open)
            wait.wait(POLL_S)
            job = runner.step()
        progress.update(task, completed=job.summary.number - job.open)
    return job


@app.command()
def pause(site: SiteOption, number: JobArgument, json: JsonOption = False) -> int:
    """一時停止する。start で続く。 / Pause; start goes on."""
    output = Output(json=json)
    with closing(open_resend(load_site(site), SystemClock(), actor())) as desk:
        job = desk.pause(number)
    output.document(document(job))
    _tell(output, job)
    return ExitCode.DONE


@app.command()
def cancel(site: SiteOption, number: JobArgument, json: JsonOption = False) -> int:
    """取り消す。まだ送っていないものは保留のまま残る。 / Cancel; what was not sent stays parked."""
    output = Output(json=json)
    with closing(open_resend(load_site(site), SystemClock(), actor())) as desk:
        job = desk.cancel(number)
    output.document(document(job))
    _tell(output, job)
    return ExitCode.DONE


@app.command()
def status(
    site: SiteOption,
    number: JobArgument,
    state: Annotated[str, typer.Option(help=" | ".join(ItemState))] = "",
    after: Annotated[int, typer.Option(min=0, help="この番目より後 / after this place")] = 0,
    limit: LimitOption = SHOWN,
    json: JsonOption = False,
) -> int:
    """一つの再送の進みと、電文ごとの結果。 / How a job stands, and the result of each message."""
    output = Output(json=json)
    if state and state not in list(ItemState):
        expected = " | ".join(ItemState)
        raise ConfigurationError("CB7030", [Finding("CB7030", path="--state", expected=expected, got=state)])
    with closing(open_resend(load_site(site), SystemClock(), actor())) as desk:
        job = desk.look(number)
        rows = desk.items(number, state=state, after=after, limit=limit)
    output.document(document(job) | {"items": rows})
    _tell(output, job)
    _tell_items(output, rows)
    if len(rows) == limit:
        output.say(f"続き more: --after {rows[-1]['place']}")
    return ExitCode.DONE


@app.command("list")
def list_jobs(
    site: SiteOption,
    before: Annotated[int, typer.Option(min=0)] = 0,
    limit: LimitOption = SHOWN,
    json: JsonOption = False,
) -> int:
    """再送の一覧、新しい順（--json は1行1件）。 / All jobs, newest first; with --json one line each."""
    output = Output(json=json)
    with closing(open_resend(load_site(site), SystemClock(), actor())) as desk:
        jobs = desk.jobs(before=before, limit=limit)
    for job in jobs:
        output.document(document(job))
    output.table(
        ["番号", "計画 planned", "状態 state", "件数", "結果 results", "操作者 actor", "理由 reason"],
        [
            (
                job.number,
                clock_text(job.at),
                JOBS[job.state],
                job.summary.number,
                _results(job),
                job.actor,
                job.reason,
            )
            for job in jobs
        ],
    )  # fmt: skip
    return ExitCode.DONE


def document(job: Job) -> dict[str, Any]:
    """A job as JSON."""
    return {**asdict(job), "failed": job.failed, "open": job.open}


def _tell_plan(output: Output, job: Job) -> None:
    told = job.summary
    seconds = told.number / Pace().rate
    at_least = "" if told.complete else "以上 or more"
    output.fields(
        {
            "再送 job": job.number,
            "件数 messages": f"{told.number}（{told.bytes} bytes）",
            "所要 takes about": f"{seconds:.0f} s（{Pace().rate:g} /s）",
            "順序キー lanes": f"{told.lanes}（最長 longest {told.longest}）",
            "後ろで待つ電文 waiting behind": f"{told.behind}{at_least}",
            "新しい電文が先に届いたもの overtaken": f"{told.overtaken}{at_least}",
            "期限切れ expired": told.expired,
            "本文なし without a body": told.without_body,
        }
    )
    output.table(
        ["件数", "宛先 target", "操作 operation", "原因 cause"],
        [
            (row["count"], f"{row['municipality']}/{row['target']}", row["operation"], code_text(row["code"]))
            for row in told.groups
        ],
    )
    if told.not_parked:
        output.say(f"保留でないもの not parked: {'、'.join(told.not_parked[:SHOWN])}")
    if not told.number:
        output.say("該当する保留はありません。 / Nothing that is parked fits.")


def _tell_items(output: Output, rows: list[dict[str, Any]]) -> None:
    output.table(
        ["順", "配送番号 delivery", "宛先 target", "結果 result", "コード code", "注意"],
        [
            (row["place"], row["delivery_id"], row["target"], ITEMS[ItemState(row["state"])], code_text(row["code"]),
             "追い越された overtaken" if row["overtaken"] else "")
            for row in rows
        ],
    )  # fmt: skip


def _tell(output: Output, job: Job) -> None:
    output.fields(
        {
            "再送 job": f"{job.number} {JOBS[job.state]}",
            "理由 reason": job.reason,
            "計画 planned": f"{clock_text(job.at)} {job.actor}",
            "実行 started": f"{clock_text(job.started_at)} {job.started_by}",
            "件数 messages": job.summary.number,
            "結果 results": _results(job),
            **({"停止 stopped": code_text(job.code), "対処 remedy": " / ".join(remedy(job.code))} if job.code else {}),
        }
    )
    if job.finished and unsent(job):
        output.say(f"送らずに保留のまま left parked: {unsent(job)}")


def _tell_end(output: Output, job: Job) -> int:
    output.document(document(job))
    _tell(output, job)
    good = {ItemState.DELIVERED, ItemState.REPLIED, ItemState.GONE, ItemState.WAITING, ItemState.SENT}
    bad = sum(count for state, count in job.counts.items() if ItemState(state) not in good)
    return ExitCode.NEGATIVE if bad or job.state in (JobState.PAUSED, JobState.CANCELLED) else ExitCode.DONE


def _results(job: Job) -> str:
    return "　".join(f"{ITEMS[state]} {job.counts[state]}" for state in ItemState if job.counts.get(state)) or "-"


def _outcome(each: Rehearsal) -> str:
    if each.code:
        return f"{each.code} {error_entry(each.code).title_ja}"
    notes = [] if each.routed else ["今の経路にない宛先 no route today"]
    return "、".join(["送れる can be sent", *notes])


def _difference(each: Rehearsal) -> str:
    if each.code:
        return "-"
    if each.same is None:
        told = ["送ったことがないか不明 never sent, or not known"]
    else:
        told = ["同じ same"] if each.same else ["異なる differs"]
    for sign, names in (("－", each.removed), ("＋", each.added)):
        told += [f"{sign}{name}×{count}" for name, count in names]
    if each.edition:
        told.append(f"版 edition {each.edition}")
    if each.tables_changed:
        told.append("設定は変わった settings changed")
    return " ".join(told)


def _refused(each: Rehearsal) -> bool:
    return each.adapter.startswith(("CB", "E0"))


def _adapter(each: Rehearsal) -> str:
    known = {"": "-", "taken": "受け取れる takes it", "known": "受取済み has it already", "not asked": "不明 unknown"}
    return known.get(each.adapter) or code_text(each.adapter)
