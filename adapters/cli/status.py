"""``chiikibus adapter status`` and ``release``: what became of every record; let refused messages go again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from adapters.cli.output import ExitCode, JsonOption, code_text, document, finding_text, table
from adapters.host import process
from adapters.host.store import outbox
from adapters.host.store.files import findings_from
from adapters.host.store.schema import connect
from adapters.host.store.status import count
from bus.core.config import load_site
from bus.core.settings import AdapterSpec, Site

SiteOption = Annotated[Path, typer.Option("--site", envvar="CHIIKIBUS_SITE", help="設定フォルダー / the site folder")]
AdapterOption = Annotated[str, typer.Option("--adapter", help="アダプターの ID / adapter id of adapters.toml")]

Row = Mapping[str, Any]

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "inbox": "受信した電文 inbox",
        "outbox": "送信する電文 outbox",
        "outbox_records": "送信するレコード records",
        "received": "ベンダーへ渡すレコード received",
        "held": "保留 held",
        "behind": "保留の後ろで順番待ち behind",
        "refused": "拒否 refused",
        "released": "保留を解いたもの released",
        "returned": "外字のため差し戻した通知 returned",
        "superseded": "古い版 superseded",
        "duplicates": "重複 duplicates",
        "replaced": "差替え replaced",
        "gaps": "履歴番号の欠け gaps",
        "questions": "ファイルによる照会 questions",
        "counters": "計数 counters",
        "worklist": "外字の同定待ち worklist",
        "files": "読んだファイル files",
        "batches": "書いたファイル batches",
        "idle": "待ちなし idle",
    }
)


def status(
    site: SiteOption,
    adapter: AdapterOption = "",
    json: JsonOption = False,
    detail: Annotated[
        bool, typer.Option("--detail", help="ファイルとレコードの明細も / files and records too")
    ] = False,
) -> int:
    """アダプターの件数（稼働中でもよい。省略時は全部）。 / What adapters have done, also while they run."""
    loaded = load_site(site)
    wanted = [process.find_adapter(loaded, adapter)] if adapter else list(loaded.adapters)
    for spec in wanted:
        found = _status(loaded, spec, detail=detail, alone=bool(adapter))
        if json:
            document(found)
        else:
            _show(spec, found)
    return ExitCode.DONE


def _status(site: Site, spec: AdapterSpec, *, detail: bool, alone: bool) -> dict[str, Any]:
    """The books of an adapter; one of several that never ran has none."""
    head = {"adapter": spec.id, "vendor": spec.vendor, "unit": spec.unit}
    path = process.store_path(site, spec.id)
    return head if not (alone or path.exists()) else head | count(path, detail=detail)


def _show(spec: AdapterSpec, found: Row) -> None:
    title = f"{spec.id}（{spec.vendor}/{spec.unit}）"
    if "inbox" not in found:
        print(f"{title}: まだ動いたことがありません / it never ran")
        return
    rows = [(label, _value(found[name])) for name, label in LABELS.items() if found[name] not in ({}, [])]
    table(("項目", "件数"), rows, title=title)
    transfers = [
        (one["ikkatsuid"], one["direction"], one["shubetsu"], one["state"], one["records"], one["held"],
         code_text(one["code"]))
        for one in found["bulk"]
    ]  # fmt: skip
    _list("一括連携 bulk", ("一括ID", "向き", "種別", "状態 state", "レコード", "保留", "コード"), transfers)
    files = [
        (one["name"], one["state"], one["records"], one["sent"], one["held"], one["behind"], one["refused"],
         one["waiting"], code_text(one["code"]))
        for one in found.get("file_list", ())
    ]  # fmt: skip
    headings = (
        "ファイル",
        "状態 state",
        "レコード",
        "送信 sent",
        "保留 held",
        "順番待ち behind",
        "拒否 refused",
        "待ち",
        "コード",
    )
    _list("ファイル files", headings, files)
    gaps = [(one["record"], one["key"], one["first"], one["last"]) for one in found.get("gap_list", ())]
    _list("履歴番号の欠け gaps", ("レコード", "キー", "から first", "まで last"), gaps)
    questions = [
        (one["name"], one["record_no"], one["state"], _time(one["asked_at"]), _time(one["expires_at"]))
        for one in found.get("question_list", ())
    ]
    columns = ("ファイル", "レコード", "状態 state", "照会 asked", "期限 until")
    _list("回答を待つ照会 questions", columns, questions)
    characters = [(o["character"], o["count"], o["state"], o["place"]) for o in found.get("worklist_list", ())]
    _list("外字の同定 characters", ("文字", "件数", "状態 state", "最初の位置 first place"), characters)
    for name, label in (
        ("held_list", "保留 held"),
        ("behind_list", "順番待ち behind"),
        ("refused_list", "拒否 refused"),
    ):
        for one in found.get(name, ()):
            print(f"{label}: レコード record {one['record_no']}　{code_text(one['code'])}")
            for finding in findings_from(one["detail"]):
                print(f"  - {finding_text(finding)}")


def _time(seconds: float) -> str:
    """Local time; nothing for a question whose time does not run yet."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S") if seconds else "-"


def _list(title: str, headings: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    if rows:
        table(headings, rows, title=title)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "　".join(f"{name} {number}" for name, number in value.items())
    return ("はい yes" if value else "いいえ no") if isinstance(value, bool) else str(value)


def release(
    site: SiteOption,
    adapter: AdapterOption,
    code: Annotated[str, typer.Option("--code", help="このコードの分だけ / only those with this code")] = "",
    json: JsonOption = False,
) -> int:
    """バスに拒否された電文を再び送る。 / Let messages that the bus refused go again."""
    folder = load_site(site)
    path = process.store_path(folder, process.find_adapter(folder, adapter).id)
    count(path)
    with closing(connect(path)) as database:
        released = outbox.resend(database, code)
    if json:
        document({"released": released})
    else:
        print(f"再送 released: {released}")
    return ExitCode.DONE
