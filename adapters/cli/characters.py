"""``chiikibus characters``: look into files, convert them, explain and identify characters, keep the gaiji register."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adapters.characters.charset import ENCODINGS, HOST_ENCODINGS, Charset, charset
from adapters.characters.host_charset import HostCharset
from adapters.characters.problem import CharacterError
from adapters.cli import characters_identify, characters_register
from adapters.cli.choose import GaijiOption, register
from adapters.cli.output import ExitCode, JsonOption, document, show_findings, table
from bus.core.errors import ConfigurationError
from bus.core.repertoire import Repertoire, read_list, repertoire, repertoire_names
from bus.core.types import Finding

app = typer.Typer(no_args_is_help=True, add_completion=False, help="文字を確かめる・変換する / characters and gaiji")
app.add_typer(characters_register.app, name="register")
app.command(name="report")(characters_register.report)
app.command(name="identify")(characters_identify.identify)
for name, command in (
    ("proposals", characters_identify.proposals),
    ("accept", characters_identify.accept),
    ("apply-policy", characters_identify.apply_policy),
):
    characters_register.app.command(name=name)(command)

FileArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="ファイル / a file")]
CharsetOption = Annotated[str, typer.Option("--charset", help="文字コード 例 cp932, jef, juki / character set")]
TablesOption = Annotated[Path | None, typer.Option("--tables", help="ベンダーの文字表 / folder of host tables")]
RecordOption = Annotated[int, typer.Option("--record-bytes", min=0, help="レコード長（0 は行ごと） / 0 = lines")]
SetOption = Annotated[str, typer.Option("--repertoire", help="文字集合の名前か一覧 .txt / a set or a list")]
SHOWN = 50


def _charset(name: str, gaiji: Path | None, tables: Path | None, option: str) -> Charset:
    known = (*ENCODINGS, *HOST_ENCODINGS)
    if name not in known:
        raise ConfigurationError("CB7030", [Finding("CB7030", option, expected=" | ".join(known), got=name)])
    return charset(name, register(gaiji), gaiji=gaiji is not None, tables=tables)


def chosen_repertoire(name: str) -> Repertoire | None:
    """The set called ``name`` or listed in a file, ``None`` without a name; ConfigurationError CB7030."""
    if not name:
        return None
    try:
        return read_list(Path(name)) if name.endswith(".txt") else repertoire(name)
    except (KeyError, OSError, ValueError) as error:
        expected = " | ".join(repertoire_names())
        finding = Finding("CB7030", "--repertoire", expected=expected, got=name)
        raise ConfigurationError("CB7030", [finding]) from error


@app.command()
def check(
    file: FileArgument,
    charset_name: CharsetOption,
    gaiji: GaijiOption = None,
    tables: TablesOption = None,
    record_bytes: RecordOption = 0,
    repertoire_name: SetOption = "",
    json: JsonOption = False,
) -> int:
    """ファイルの文字を調べる：読めない文字・失われる文字・正規化に弱い文字。 / Look through a file's characters."""
    from adapters.characters.inspection import KINDS_JA, inspect, texts

    characters = _charset(charset_name, gaiji, tables, "--charset")
    agreed = chosen_repertoire(repertoire_name)
    found = inspect(texts(file.read_bytes(), characters, record_bytes), characters, agreed)
    counts = {kind: found.of_kind(kind) for kind in KINDS_JA}
    bad = sum(count for kind, count in counts.items() if kind != "unstable")
    if json:
        by_subject = [{"kind": k, "subject": s, "count": n} for (k, s), n in sorted(found.counts.items())]
        remarks = [
            {"offset": one.offset, "kind": one.kind, "subject": one.subject, "reason": one.reason, "code": one.code}
            for one in found.remarks
        ]
        document({"ok": not bad, "bytes": found.size, "characters": found.characters, **counts,
                  "subjects": by_subject, "remarks": remarks})  # fmt: skip
        return ExitCode.NEGATIVE if bad else ExitCode.DONE
    table(("種類", "件数"), [(KINDS_JA[kind], count) for kind, count in counts.items()], title=str(file.name))
    rows = [(one.offset, KINDS_JA[one.kind], one.subject, one.code, one.reason) for one in found.remarks[:SHOWN]]
    if rows:
        table(("バイト位置", "種類", "文字", "コード", "説明"), rows)
    if len(found.remarks) > SHOWN:
        print(f"… ほか {sum(found.counts.values()) - SHOWN} 件 / and more (--json)")
    return ExitCode.NEGATIVE if bad else ExitCode.DONE


@app.command()
def account(
    charset_name: CharsetOption,
    tables: TablesOption = None,
    json: JsonOption = False,
) -> int:
    """文字コードの全コードの内訳：往復・損失・登録簿・要文字表・対象外。 / What becomes of every code of a set."""
    from adapters.characters.account import COLUMNS
    from adapters.characters.account import account as account_of

    _charset(charset_name, None, tables, "--charset")
    lines = account_of(charset_name, tables)
    if json:
        document([dict(zip(COLUMNS, (line.charset, *map(int, line.row()[1:])), strict=True)) for line in lines])
    else:
        headings = ("文字コード", "バイト", "全コード", "往復", "損失（報告）", "登録簿", "要文字表", "対象外")
        table(headings, [line.row() for line in lines])
    return ExitCode.DONE


@app.command()
def convert(
    file: FileArgument,
    out: Annotated[Path, typer.Argument(help="書き出すファイル / file to write")],
    source: Annotated[str, typer.Option("--from", help="元の文字コード / character set of the file")],
    target: Annotated[str, typer.Option("--to", help="先の文字コード / character set to write")],
    gaiji: GaijiOption = None,
    target_gaiji: Annotated[Path | None, typer.Option("--to-gaiji", help="先の外字登録簿 / its register")] = None,
    tables: TablesOption = None,
    record_bytes: RecordOption = 0,
    json: JsonOption = False,
) -> int:
    """文字コードを変換する。一字でも変換できなければ書かない。 / Convert a file, all of it or nothing."""
    from adapters.characters.inspection import texts

    reading = _charset(source, gaiji, tables, "--from")
    writing = _charset(target, target_gaiji, tables, "--to")
    data = file.read_bytes()
    pieces: list[bytes] = []
    findings: list[Finding] = []
    end = 0
    for offset, raw in texts(data, reading, record_bytes):
        pieces.append(data[end:offset])
        end = offset + len(raw)
        try:
            text, losses = reading.decode_carefully(raw)
            findings += [
                Finding("CB6016", place=f"byte={offset + one.position}", expected=one.reason, got=one.subject)
                for one in losses
            ]
            pieces.append(writing.encode(text))
        except CharacterError as error:
            where = f"byte={offset}" if error.code == "CB6007" else f"byte={offset + error.position}"
            findings.append(Finding(error.code, place=where, expected=error.reason, got=error.subject))
    pieces.append(data[end:])
    if isinstance(writing, HostCharset) and any(pieces[::2]):
        findings.append(Finding("CB6007", expected="行のないファイル / no lines in host code", got="CR LF"))
    if findings:
        if json:
            document({"ok": False, "findings": [one.as_dict() for one in findings]})
        show_findings(findings)
        return ExitCode.NEGATIVE
    temporary = out.with_name(out.name + ".new")
    temporary.write_bytes(b"".join(pieces))
    temporary.replace(out)
    if json:
        document({"ok": True, "bytes": sum(map(len, pieces))})
    else:
        print(f"{out}: {source} から {target} へ変換しました / converted")
    return ExitCode.DONE


@app.command()
def explain(
    query: Annotated[str, typer.Argument(help="字、MJ022335、J+845B、戸籍・登記番号、U+845B U+E0102 / any name")],
    target: Annotated[str, typer.Option("--into", help="縮退先の文字集合 / set to degrade into")] = "jisx0213",
    tables: TablesOption = None,
    json: JsonOption = False,
) -> int:
    """一字について、各コード・異体字・縮退候補とその根拠を示す。 / One character: codes, variants, degradation."""
    from adapters.cli.characters_explain import facts, show

    found = facts(query, chosen_repertoire(target), tables)
    if json:
        document(found)
    elif not found:
        print(f"{query}: MJ 文字情報一覧にありません / not in the MJ list")
    else:
        show(found)
    return ExitCode.DONE if found else ExitCode.NEGATIVE
