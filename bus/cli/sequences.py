"""``chiikibus sequences``: see the sequences of reliable messaging, and end one without losing what waits in it."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from bus.app.stores import open_sequence_operator, open_sequences
from bus.cli.messages import YesOption, actor, clock_text, code_text
from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.sequences import Role, SequenceKey
from bus.core.types import Finding
from bus.journal.sequence_desk import Row, SequenceDesk

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="シーケンスを見る・終わらせる。 / Sequences of reliable messaging."
)

MAX_REASON = 200
SHOWN_SPANS = 6
"""Ranges shown to a person in a line of the list; all of them with --json and in ``show``."""

Filter = Annotated[str, typer.Option()]
RoleFilter = Annotated[str, typer.Option(help="destination（受ける）| source（送る）| replies（回答）")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="シーケンスの識別子 / wsrm:Identifier")]

ROLES = {Role.DESTINATION.value: "受信 in", Role.SOURCE.value: "送信 out", Role.REPLIES.value: "回答 replies"}


@app.command("list")
def list_sequences(
    site: SiteOption,
    municipality: Filter = "",
    endpoint: Filter = "",
    role: RoleFilter = "",
    ended: Annotated[bool, typer.Option("--all", help="終わったものも / ended ones too")] = False,
    json: JsonOption = False,
) -> int:
    """生きているシーケンスを並べる（--json は1行1件）。 / Living sequences; with --json one line each."""
    output = Output(json=json)
    with closing(open_sequences(load_site(site))) as desk:
        rows = desk.rows(role=_role(role), municipality=municipality, endpoint=endpoint, live=not ended)
    for row in rows:
        output.document(row)
    if not rows:
        output.say("シーケンスはありません。 / There are no sequences.")
        return ExitCode.DONE
    headings = ["向き way", "相手 peer", "識別子 identifier", "状態 state", "確認済 acknowledged", "欠番 missing",
                "待ち waiting", "再送 again", "最終 last activity", "期限 expires"]  # fmt: skip
    output.table(headings, (_list_row(row) for row in rows))
    return ExitCode.DONE


def _list_row(row: Row) -> tuple[object, ...]:
    state = f"{row['state']} {row['code']}".rstrip()
    return (ROLES[row["role"]], f"{row['municipality']}/{row['endpoint']}", row["identifier"], state,
            _spans(row["acknowledged"]), _spans(row["missing"]), row["waiting"], _counted(row["retransmissions"]),
            clock_text(row["changed_at"]), clock_text(row["expires_at"]))  # fmt: skip


def _spans(text: str) -> str:
    """The first ranges, and how many more there are."""
    spans = text.split(",") if text else []
    more = len(spans) - SHOWN_SPANS
    return " ".join(spans[:SHOWN_SPANS]) + (f" …+{more}" if more > 0 else "") or "-"


def _counted(number: int | None) -> object:
    return "-" if number is None else number


def _role(text: str) -> str:
    """A role's name. Errors: CB7030."""
    if text and text not in list(Role):
        raise ConfigurationError("CB7030", [Finding("CB7030", path="--role", expected=" | ".join(Role), got=text)])
    return text


def _only(desk: SequenceDesk, identifier: str, role: str, municipality: str, endpoint: str) -> Row:
    """The one sequence meant. Errors: CB7014 there is none, CB7030 the name is used more than once."""
    rows = desk.rows(role=_role(role), municipality=municipality, endpoint=endpoint, identifier=identifier, live=False)
    if not rows:
        raise ConfigurationError("CB7014", [Finding("CB7014", path=identifier, expected="chiikibus sequences list")])
    if len(rows) > 1:
        owners = ", ".join(f"{row['role']} {row['municipality']}/{row['endpoint']}" for row in rows[:5])
        expected = "--role, --municipality, --endpoint"
        raise ConfigurationError("CB7030", [Finding("CB7030", path=identifier, expected=expected, got=owners)])
    return rows[0]


@app.command()
def show(
    site: SiteOption,
    wanted: IdArgument,
    municipality: Filter = "",
    endpoint: Filter = "",
    role: RoleFilter = "",
    json: JsonOption = False,
) -> int:
    """一つのシーケンスのすべて。 / One sequence with its history and what is unfinished in it."""
    output = Output(json=json)
    with closing(open_sequences(load_site(site))) as desk:
        shown = desk.show(_only(desk, wanted, role, municipality, endpoint))
    output.document(shown)
    events, unfinished = shown.pop("events"), shown.pop("unfinished")
    shown["code"] = code_text(shown["code"])
    shown["retransmissions"] = _counted(shown["retransmissions"])
    for name in ("created_at", "changed_at", "expires_at"):
        shown[name] = clock_text(shown[name])
    output.fields({name: value for name, value in shown.items() if value != ""})
    if unfinished:
        headings = ["番号 number", "配送番号 delivery", "状態 state", "確認 acknowledged"]
        output.table(
            headings,
            ((one["number"], one["delivery_id"], one["state"], "○" if one["acknowledged"] else "-")
             for one in unfinished),
        )  # fmt: skip
    headings = ["時刻 at", "状態 state", "コード code", "理由 reason", "操作者 actor"]
    output.table(
        headings,
        ((clock_text(one["at"]), one["state"], code_text(one["code"]), one["reason"], one["actor"])
         for one in events),
    )  # fmt: skip
    return ExitCode.DONE


@app.command()
def terminate(
    site: SiteOption,
    wanted: IdArgument,
    reason: Annotated[str, typer.Option(help="なぜ終わらせるか（個人情報は書かない） / why; no personal data")],
    municipality: Filter = "",
    endpoint: Filter = "",
    role: RoleFilter = "",
    yes: YesOption = False,
    json: JsonOption = False,
) -> int:
    """シーケンスを打ち切る。待っている電文は失われない。--yes がなければ何が起きるかだけを示す。 / End one."""
    why = reason.strip()
    if not why or len(why) > MAX_REASON or not why.isprintable():
        expected, got = f"1 .. {MAX_REASON} characters", f"{len(why)} characters"
        raise ConfigurationError("CB7030", [Finding("CB7030", path="--reason", expected=expected, got=got)])
    output = Output(json=json)
    with closing(open_sequence_operator(load_site(site), SystemClock(), actor())) as operator:
        row = _only(operator, wanted, role, municipality, endpoint)
        if row["role"] == Role.REPLIES:
            got, expected = "replies", f"{row['partner']}"
            raise ConfigurationError("CB7030", [Finding("CB7030", path=wanted, expected=expected, got=got)])
        if yes:
            key = SequenceKey(Role(row["role"]), row["municipality"], row["endpoint"], row["identifier"])
            operator.terminate(key, why)
    ja, en = _fate(row)
    output.document({"action": "terminate", "preview": not yes, "sequence": row, "becomes_ja": ja, "becomes_en": en})
    output.say(f"{ja} / {en}")
    if not yes:
        output.say("実行するには --yes を付けてください。 / Add --yes to do it.")
    else:
        output.say(
            "記録しました。動いているバスが数秒で、止まっているバスは次の起動で打ち切ります。"
            " / Recorded; a running bus carries it out within seconds, a stopped one when it starts."
        )
    return ExitCode.DONE


def _fate(row: Row) -> tuple[str, str]:
    """What becomes of what waits in a sequence that is ended, in both languages."""
    waiting = row["waiting"]
    if row["role"] == Role.SOURCE:
        ja = f"終わっていない {waiting} 件は、新しいシーケンスで、元の順に同じ電文IDで送られます。"
        return ja, f"The {waiting} unfinished go in a new sequence, in their order, under the same message ids."
    ja = f"欠番を待つ {waiting} 件は、欠番を残したまま番号の順に配送されます。送信元の次の番号は CB3012 で断られます。"
    en = f"The {waiting} that wait for a gap are delivered in order without it; the sender's next number gets CB3012."
    return ja, en
