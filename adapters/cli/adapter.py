"""``chiikibus adapter``: make, check, explain and run adapters."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from adapters.cli import convert as conversion
from adapters.cli import drift, proofs, tables
from adapters.cli import explain as lineage
from adapters.cli import scaffold as scaffolding
from adapters.cli.checks import check_site
from adapters.cli.choose import (
    AdapterOption,
    EditionOption,
    FolderOption,
    GaijiOption,
    MappingOption,
    Name,
    for_file,
    register,
    subject,
)
from adapters.cli.output import ExitCode, JsonOption, document, progress, show_findings, table
from adapters.mapping.coverage import FORMATS
from adapters.suite.run import run_suite
from adapters.suite.subject import Subject, shipped
from bus.core.config import load_site
from bus.core.errors import ConfigurationError, EnvironmentFault
from bus.core.types import Finding

PROCESS_COMMANDS = MappingProxyType(
    {
        "serve": "adapters.cli.serve",
        "status": "adapters.cli.status",
        "release": "adapters.cli.status",
        "give-up": "adapters.cli.give_up",
    }
)

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="アダプターを作る・確かめる・動かす / make, check and run adapters"
)


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="[VENDOR/UNIT]")] = "",
    folder: FolderOption = None,
    site: Annotated[Path | None, typer.Option("--site", help="設定フォルダー / a site folder")] = None,
    edition: EditionOption = "1.0",
    proofs_too: Annotated[
        bool,
        typer.Option("--proofs", help="証明の有無と入らない幅 / what is proved, what will not fit"),
    ] = False,
    json: JsonOption = False,
) -> int:
    """定義の誤りをすべて挙げる（省略時は同梱の全アダプター）。 / Name every problem of a definition."""
    findings: list[Finding] = []
    sound: list[Subject] = []
    checked: list[str] = []
    if site is not None:
        findings += check_site(load_site(site))
        checked.append(str(site))
    for one in [name] if name or folder else [] if site else shipped():
        checked.append(one or str(folder))
        try:
            sound.append(subject(one, folder, edition))
        except ConfigurationError as error:
            findings += error.findings
    if json:
        found = [finding.as_dict() for finding in findings]
        more = {"proofs": [proofs.told(definition) for definition in sound]} if proofs_too else {}
        document({"ok": not findings, "checked": checked, "findings": found, **more})
    if findings:
        show_findings(findings)
        return ExitCode.USAGE
    if not json:
        print(f"定義に誤りはありません / no problems: {', '.join(checked)}")
        for definition in sound:
            proofs.tell(definition, whole=proofs_too)
    return ExitCode.DONE


@app.command(name="coverage")
def coverage_command(
    name: Annotated[str, typer.Argument(metavar="[VENDOR/UNIT]", help="例 a/juki / for example a/juki")] = "",
    folder: FolderOption = None,
    mapping: MappingOption = "",
    form: Annotated[str, typer.Option("--format", help=" | ".join(FORMATS))] = "md",
    out: Annotated[Path | None, typer.Option("--out", help="出力先フォルダー / folder to write to")] = None,
    write: Annotated[bool, typer.Option("--write", help="README の隣の対応表を作り直す / write them anew")] = False,
    check: Annotated[bool, typer.Option("--check", help="README の隣の対応表が最新か / are they current")] = False,
    edition: EditionOption = "1.0",
    json: JsonOption = False,
) -> int:
    """全項目の対応表（標準の全項目とベンダーの全項目）を作る。 / Make the table of all items of both sides."""
    if write or check:
        return tables.beside(name, folder, edition, write=write, json=json)
    return tables.show(
        subject(name, folder, edition), mapping, "json" if json and out is None else form, out, json=json
    )


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(help="変換するファイル / the file to convert", exists=True, dir_okay=False)],
    to: Annotated[str, typer.Option("--to", help="standard | vendor")] = "standard",
    out: Annotated[Path | None, typer.Option("--out", help="出力ファイル / file to write")] = None,
    adapter: AdapterOption = "",
    folder: FolderOption = None,
    mapping: MappingOption = "",
    gaiji: GaijiOption = None,
    json: JsonOption = False,
) -> int:
    """ファイルを標準（XML）に、または標準をベンダーのファイルに変換する。 / Convert a file to XML or back."""
    if to not in conversion.TARGETS:
        got = Finding("CB7030", path="--to", expected=" | ".join(conversion.TARGETS), got=to)
        raise ConfigurationError("CB7030", (got,))
    pair = for_file(file, adapter, folder, mapping)
    with progress(quiet=json) as bar:
        result = conversion.run(file, to, out, pair, register(gaiji), bar)
    return conversion.report(result, json=json)


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(help="ベンダーのファイル / a vendor file", exists=True, dir_okay=False)],
    record: Annotated[
        int | None, typer.Option("--record", "-r", min=1, help="データレコードの番号 / number of the record")
    ] = None,
    byte: Annotated[
        int | None, typer.Option("--byte", "-b", min=0, help="ファイルの中のバイト位置（0から） / a byte of the file")
    ] = None,
    item: Annotated[str, typer.Option("--item", "-i", help="標準またはベンダーの項目 / an item of either side")] = "",
    adapter: AdapterOption = "",
    folder: FolderOption = None,
    mapping: MappingOption = "",
    gaiji: GaijiOption = None,
    json: JsonOption = False,
) -> int:
    """項目の由来をバイト位置まで、または1バイトの意味を示す。 / Show where items came from, or what a byte is."""
    if (record is None) == (byte is None):
        finding = Finding(
            "CB7030", path="--record", expected="--record | --byte", got="neither" if byte is None else "both"
        )
        raise ConfigurationError("CB7030", (finding,))
    pair = for_file(file, adapter, folder, mapping)
    return lineage.run(file, record or 0, item, pair, register(gaiji), byte=byte, json=json)


@app.command(name="drift")
def drift_command(
    file: Annotated[Path, typer.Argument(help="ベンダーのファイル / a vendor file", exists=True, dir_okay=False)],
    baseline: Annotated[Path, typer.Option("--baseline", help="承認済みの様式（JSON） / the accepted profile")],
    accept: Annotated[bool, typer.Option("--accept", help="この様式を承認する / accept this file's profile")] = False,
    adapter: AdapterOption = "",
    folder: FolderOption = None,
    mapping: MappingOption = "",
    gaiji: GaijiOption = None,
    json: JsonOption = False,
) -> int:
    """ファイルの様式の変化を、前後を並べて示す。 / Say how a file's shape differs from the accepted one."""
    pair = for_file(file, adapter, folder, mapping)
    return drift.run(file, baseline, pair, register(gaiji), accept=accept, json=json)


@app.command()
def suite(
    name: Name = "",
    folder: FolderOption = None,
    seed: Annotated[int, typer.Option("--seed", help="生成レコードの種 / seed of generated records")] = 1,
    records: Annotated[int, typer.Option("--records", help="生成レコード数 / number of generated records")] = 200,
    json: JsonOption = False,
) -> int:
    """どのアダプターも通るべき試験を行う。 / Run the suite that every adapter must pass."""
    loaded = subject(name, folder)
    with progress(quiet=json) as bar:
        task = bar.add_task(f"{loaded.definition.name_ja}", total=None)
        verdicts = run_suite(loaded, seed=seed, records=records, advance=lambda: bar.advance(task))
    failed = [verdict for verdict in verdicts if not verdict.ok]
    if json:
        document({"ok": not failed, "adapter": name or str(folder), "verdicts": [one.as_dict() for one in verdicts]})
    else:
        rows = [("合" if one.ok else "否", one.check, one.subject, one.detail) for one in verdicts]
        table(("判定", "試験 check", "対象 subject", "内容 detail"), rows)
        print(f"{len(verdicts) - len(failed)} / {len(verdicts)} 合格 passed")
    for one in failed:
        show_findings(one.findings)
    return ExitCode.NEGATIVE if failed else ExitCode.DONE


@app.command()
def golden(
    name: Name = "",
    folder: FolderOption = None,
    edition: EditionOption = "1.0",
    json: JsonOption = False,
) -> int:
    """足りない正解の組（合成のベンダーファイルと標準の読み）を下書きする。 / Draft missing golden pairs."""
    return proofs.draft(subject(name, folder, edition), edition, json=json)


@app.command()
def mutants(
    name: Name = "",
    folder: FolderOption = None,
    share: Annotated[float, typer.Option("--share", min=0.0, max=1.0, help="試す割合 / share to try")] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="選ぶときの種 / seed of the choice")] = 1,
    json: JsonOption = False,
) -> int:
    """定義を1行ずつ消し、または誤らせて、試験が気づくかを調べる。 / Break every line in turn: do the checks notice?"""
    return proofs.judge(subject(name, folder), share, seed, json=json)


@app.command()
def new(
    sample: Annotated[
        Path, typer.Argument(help="ベンダーのサンプルファイル / a sample file", exists=True, dir_okay=False)
    ],
    record: Annotated[str, typer.Option("--record", help="標準のレコード 例 juki.jumin / record of the standard")],
    folder: Annotated[Path, typer.Option("--folder", help="作るフォルダー / the folder to make")],
    vendor: Annotated[str, typer.Option("--vendor", help="ベンダーの短い名前 / short name of the vendor")] = "x",
    widths: Annotated[str, typer.Option("--widths", help="固定長の各項目のバイト数 例 15,40,8")] = "",
    json: JsonOption = False,
) -> int:
    """サンプルファイルから定義フォルダーのひな形を作る。 / Make a definition folder from a sample file."""
    return scaffolding.run(sample, record, folder, vendor, widths, json=json)


def _mount_process_commands() -> None:
    """Add serve, status, release and give-up; where the host cannot be imported, the command says so with its code."""
    try:
        commands = {name: import_module(module) for name, module in PROCESS_COMMANDS.items()}
    except ImportError as error:
        missing = Finding("CB9004", path="adapters.cli.serve", got=f"{type(error).__name__}: {error.name or ''}")

        @app.command(name="serve", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
        def unavailable() -> None:
            """アダプターを動かす / Run an adapter as a process."""
            raise EnvironmentFault("CB9004", (missing,))

        return
    for name, module in commands.items():
        app.command(name=name)(getattr(module, name.replace("-", "_")))


_mount_process_commands()
