"""``chiikibus routes``: which rule allows or denies a call, and where it goes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.cli.send import find_endpoint, find_operation
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import error_entry
from bus.ops.explain import Explanation, explain
from schemas.catalog import load_edition

app = typer.Typer(no_args_is_help=True, add_completion=False, help="経路を説明する。 / Explain routes.")


@app.callback()
def group() -> None:
    """経路を説明する。 / Explain routes."""


@app.command("explain")
def explain_command(
    site: SiteOption,
    sender: Annotated[str, typer.Option("--from", help="送信元エンドポイント / the sending endpoint")],
    operation: Annotated[str, typer.Option("--operation", help="操作 / operation, juki.jumin_shokai")],
    purpose: Annotated[str, typer.Option("--purpose", help="利用目的（省略時は設定のもの） / purpose")] = "",
    json: JsonOption = False,
) -> int:
    """どの規則で許可・拒否され、誰に届くか。 / Which rule allows or denies it, and who gets it."""
    output = Output(json=json)
    loaded = load_site(site)
    if loaded.statements:
        from bus.core.statements import with_lapsed

        loaded = with_lapsed(loaded, SystemClock().now())
    edition = load_edition(loaded.edition, loaded.standard_folder, loaded.mounts)
    endpoint = find_endpoint(loaded, sender, "--from")
    found = find_operation(edition, operation)
    result = explain(loaded, edition, endpoint, found.key, purpose)
    output.document(asdict(result))
    output.say(f"{found.name_ja}（{found.key}）　{result.sender} → {_names(result)}")
    output.fields(_summary(result))
    output.table(
        ["宛先 target", "接続先 address", "権限 right", "取り除く項目 withheld", "届くレコード records", "状態"],
        [
            (
                each.endpoint,
                each.address,
                each.rule or "-",
                "、".join(each.withheld) or "-",
                each.records or "すべて all",
                _state(each.code, each.paused),
            )
            for each in result.targets
        ],
    )
    return ExitCode.DONE if result.allowed else ExitCode.NEGATIVE


def _names(result: Explanation) -> str:
    return "、".join(target.endpoint for target in result.targets) or "-"


def _state(code: str, paused: bool) -> str:
    if code:
        return f"{code} {error_entry(code).title_ja}"
    return "停止中 paused" if paused else "可 ok"


def _summary(result: Explanation) -> dict[str, object]:
    """The decision in the order of the steps."""
    lines: dict[str, object] = {
        "利用目的 purpose": result.purpose or "-",
        "権限 right": result.right or "なし none",
        "経路 route": result.route or "なし none",
    }
    if result.route:
        lines["方式 mode"] = result.mode
        limit = f"{result.deadline_s:g} s" if result.mode == "direct" else f"{result.expires_s:g} s"
        lines["期限 deadline" if result.mode == "direct" else "有効期限 expires"] = limit
    lines["呼出元に見せない項目 withheld from the sender"] = "、".join(result.withheld) or "-"
    lines["見せるレコード records for the sender"] = result.records or "すべて all"
    lines["送信先パス path"] = result.address
    if result.allowed:
        return {**lines, "判定 verdict": "許可 allowed"}
    entry = error_entry(result.code)
    lines["判定 verdict"] = f"拒否 denied: {result.code} {entry.title_ja} / {entry.title_en}"
    if result.code == "CB2003":
        lines["許可済みの利用目的 allowed purposes"] = "、".join(result.other_purposes)
    lines["対処 remedy"] = f"{entry.action_ja} / {entry.action_en}"
    return lines
