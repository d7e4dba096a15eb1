"""``chiikibus characters register`` and ``report``: the worklist, decisions with their history, and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.characters.decide import decide as decide_row
from adapters.characters.decide import withdraw as withdraw_row
from adapters.characters.gaiji_lines import OPEN, Line, to_csv
from adapters.characters.gaiji_page import to_html
from adapters.characters.pictures import Pictures
from adapters.characters.register import CLASSES, Gaiji, GaijiRegister, load_register, points, shown
from adapters.cli.gaiji_site import (
    AdapterOption,
    ByOption,
    CodeOption,
    SiteOption,
    best_proposals,
    now,
    open_characters,
    open_history,
    proposal_text,
    register_path,
    scope_of,
)  # fmt: skip
from adapters.cli.output import ExitCode, JsonOption, document, table
from adapters.host import process
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.types import Finding

app = typer.Typer(no_args_is_help=True, help="外字登録簿と同定の作業一覧 / the gaiji register and its worklist")


@app.command()
def worklist(site: SiteOption, adapter: AdapterOption = "", json: JsonOption = False) -> int:
    """決定を待つ文字と件数。 / Characters that wait for a decision."""
    loaded = load_site(site)
    specs = [process.find_adapter(loaded, adapter)] if adapter else list(loaded.adapters)
    rows: list[dict[str, Any]] = [
        {"adapter": spec.id, "scope": scope_of(spec), "character": character, "records": records, "first": place,
         "proposal": proposed.get(character)}
        for spec in specs
        for proposed in (best_proposals(loaded, spec),)
        for character, (records, place) in open_characters(loaded, spec).items()
    ]  # fmt: skip
    if json:
        document(rows)
    else:
        headings = ("アダプター", "範囲 scope", "文字", "件数", "最初の位置", "字形照合の候補")
        table(headings, [(*list(row.values())[:-1], proposal_text(row["proposal"])) for row in rows])
    return ExitCode.DONE


@app.command(name="list")
def list_command(site: SiteOption, adapter: AdapterOption, json: JsonOption = False) -> int:
    """登録済みの決定。 / The decisions of a register."""
    loaded = load_site(site)
    rows = load_register(register_path(loaded, process.find_adapter(loaded, adapter))).rows
    if json:
        document([{"code": row.code, "ucs": points(row.sequence), "mj": row.mj, "class": row.class_,
                   "evidence": row.evidence, "decided_by": row.decided_by, "decided_at": row.decided_at,
                   "valid_from": row.valid_from} for row in rows])  # fmt: skip
    else:
        table(
            ("コード", "文字", "符号位置", "MJ", "分類", "根拠", "決定者", "決定日", "適用日"),
            [(r.code, shown(r.sequence), points(r.sequence), r.mj, r.class_, r.evidence, r.decided_by, r.decided_at,
              r.valid_from) for r in rows],
        )  # fmt: skip
    return ExitCode.DONE


@app.command()
def decide(
    site: SiteOption,
    adapter: AdapterOption,
    code: CodeOption,
    class_: Annotated[str, typer.Option("--class", help=" | ".join(CLASSES))],
    evidence: Annotated[str, typer.Option("--evidence", help="根拠 / evidence")],
    by: ByOption,
    mj: Annotated[str, typer.Option("--mj", help="MJ文字図形名 / MJ name")] = "",
    ucs: Annotated[str, typer.Option("--ucs", help="U+845B U+E0102")] = "",
    valid_from: Annotated[str, typer.Option("--valid-from", help="適用開始日 YYYY-MM-DD")] = "",
    json: JsonOption = False,
) -> int:
    """一字の同定を登録する。待っていたレコードは順に流れる。 / Register a decision; held records go on in order."""
    loaded = load_site(site)
    spec = process.find_adapter(loaded, adapter)
    path = register_path(loaded, spec)
    at = now()
    try:
        sequence = "".join(chr(int(part.removeprefix("U+"), 16)) for part in ucs.split())
    except (ValueError, OverflowError) as error:
        raise ConfigurationError("CB7030", [Finding("CB7030", "--ucs", expected="U+XXXX", got=ucs)]) from error
    row = Gaiji(code, sequence, mj, class_, evidence, by, at[:10], valid_from)
    row = decide_row(path, open_history(loaded, path), scope_of(spec), row, at=at)
    if json:
        document({"ok": True, "code": row.code, "mj": row.mj, "ucs": points(row.sequence)})
    else:
        text = f"{shown(row.sequence)}（{points(row.sequence)} {row.mj}）"
        print(f"登録しました / registered: {row.code} → {text}{row.class_}")
    return ExitCode.DONE


@app.command()
def withdraw(site: SiteOption, adapter: AdapterOption, code: CodeOption, by: ByOption, json: JsonOption = False) -> int:
    """決定を取り消す。 / Take a decision back."""
    loaded = load_site(site)
    spec = process.find_adapter(loaded, adapter)
    path = register_path(loaded, spec)
    done = withdraw_row(path, open_history(loaded, path), scope_of(spec), code, by=by, at=now())
    if json:
        document({"ok": done, "code": code})
    else:
        print(f"{'取り消しました / withdrawn' if done else '登録にありません / not registered'}: {code}")
    return ExitCode.DONE if done else ExitCode.NEGATIVE


@app.command(name="import")
def import_command(
    site: SiteOption,
    adapter: AdapterOption,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="外字登録簿の CSV / a register")],
    json: JsonOption = False,
) -> int:
    """CSV の決定をすべて取り込む。一行でも誤りがあれば何も取り込まない。 / Take in all decisions of a CSV, or none."""
    from adapters.characters.decide import checked

    loaded = load_site(site)
    spec = process.find_adapter(loaded, adapter)
    path = register_path(loaded, spec)
    history, at = open_history(loaded, path), now()
    rows = load_register(file).rows
    findings: list[Finding] = []
    for row in rows:
        try:
            checked(row, file)
        except ConfigurationError as error:
            findings += [Finding(one.code, f"{row.code} {one.path}", one.line, one.expected, one.got)
                         for one in error.findings]  # fmt: skip
    if findings:
        raise ConfigurationError("CB6008", findings)
    for row in rows:
        decide_row(path, history, scope_of(spec), row, at=at)
    if json:
        document({"ok": True, "decisions": len(rows)})
    else:
        print(f"{len(rows)} 件を取り込みました / decisions taken in")
    return ExitCode.DONE


@app.command()
def history(site: SiteOption, adapter: AdapterOption, json: JsonOption = False) -> int:
    """決定の履歴と、その署名・連鎖の検証。 / The history of decisions, verified."""
    loaded = load_site(site)
    path = register_path(loaded, process.find_adapter(loaded, adapter))
    found = open_history(loaded, path)
    broken = found.verify(load_register(path) if path.exists() else GaijiRegister())
    entries = list(found.entries()) if not any(one.reason == "format" for one in broken) else []
    if json:
        document({"ok": not broken, "entries": entries, "broken": [[one.line, one.reason] for one in broken]})
    else:
        table(
            ("番号", "日時", "決定者", "種別", "範囲", "コード", "文字"),
            [(one["number"], one["at"], one["by"], one["action"], one["scope"],
              (one["after"] or one["before"])["code"], shown((one["after"] or {}).get("sequence", "")))
             for one in entries],
        )  # fmt: skip
        for one in broken:
            print(f"検証できません / does not hold: {one.line}行目 {one.reason}")
    return ExitCode.NEGATIVE if broken else ExitCode.DONE


def report(
    site: SiteOption,
    out: Annotated[Path, typer.Option("--out", help="書き出すフォルダー / folder to write to")],
    font: Annotated[Path | None, typer.Option("--font", help="IPAmj明朝のファイル / the IPAmj Mincho font")] = None,
    json: JsonOption = False,
) -> int:
    """外字を調査の四分類で報告する（HTML と CSV）。 / Gaiji in the four classes of the survey, as HTML and CSV."""
    loaded = load_site(site)
    lines: list[Line] = []
    for spec in loaded.adapters:
        path = loaded.folder / str(spec.settings.get("gaiji", ""))
        rows = load_register(path).rows if spec.settings.get("gaiji") and path.exists() else ()
        waiting = open_characters(loaded, spec)
        system = spec.endpoint or spec.id
        lines += [Line(spec.municipality, system, row.code, row, *waiting.pop(row.code, (0, ""))) for row in rows]
        lines += [Line(spec.municipality, system, code, None, *found) for code, found in waiting.items()]
    out.mkdir(parents=True, exist_ok=True)
    (out / "gaiji.csv").write_text(to_csv(lines), encoding="utf-8-sig", newline="")
    with Pictures(font) as pictures:
        (out / "gaiji.html").write_bytes(to_html(lines, pictures))
    counts = {name: sum(line.class_ == name for line in lines) for name in (*CLASSES, OPEN)}
    if json:
        document({"codes": len(lines), **counts, "pictures": not pictures.why_not, "why_not": pictures.why_not})
    else:
        table(("分類", "件数"), list(counts.items()), title=f"{out / 'gaiji.html'}")
        if pictures.why_not:
            print(f"字形の図なし / without pictures: {pictures.why_not}")
    return ExitCode.DONE
