"""``init`` and the settings file ``conformance.toml``: what ``run`` needs to know, written down once."""

from __future__ import annotations

import difflib
import json
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from conformance.commands.common import standard
from schemas.catalog import nearest

FILE: Final = "conformance.toml"
EXPECTED: Final = "expected-failures.txt"
ROLES: Final = ("provider", "consumer", "adapter")
PATHS: Final = ("ca", "certificate", "expected_failures", "out")
HEAD: Final = """\
# 適合性評価の設定 / settings of an assessment; chiikibus conformance run --settings {name}
# パスはこのファイルから見たものです / paths are seen from this file
"""
REMARKS: Final = {
    "profile": "業務-役割 / unit and role",
    "subject": "対象の URL / URL of the subject",
    "operation": "駆動する操作（空なら選ばれる） / operation to drive (empty: one is chosen)",
    "credentials_env": "user:password を持つ環境変数の名前 / variable that holds user:password",
    "ca": "信頼する認証局（PEM） / trusted authority",
    "certificate": "クライアント証明書と鍵（PEM） / client certificate and key",
    "expected_failures": "今は不適合と分かっている要件 / requirements known to fail",
    "deadline_s": "応答を待つ秒数 / seconds to wait for an answer",
    "out": "証拠の書き先。あれば番号が付く / where evidence goes, with a number where it is there",
    "listen": "利用側: 模擬相手の待ち受け / consumers: where the mock peer listens",
    "trigger": "利用側: 電文を一つ送らせる命令 / consumers: command that makes it send one message",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``conformance.toml`` says, by the names of the options; empty where it says nothing. Paths are absolute."""

    profile: str = ""
    subject: str = ""
    operation: str = ""
    credentials_env: str = ""
    ca: str = ""
    certificate: str = ""
    expected_failures: str = ""
    deadline_s: float = 30.0
    out: str = ""
    listen: str = ""
    trigger: str = ""


def read_settings(file: Path) -> Settings:
    """Read a settings file; ends the program with 2 and every problem of it."""
    problems: list[str] = []
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        typer.echo(f"{file.name}: {error}", err=True)
        raise typer.Exit(2) from error
    known = {field.name: type(field.default) for field in fields(Settings)}
    for name, value in data.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            problems.append(f"{name}: 知らない項目 / unknown key{f' → {near[0]}' if near else ''}")
        elif isinstance(value, bool) or not isinstance(value, (int, float) if known[name] is float else known[name]):
            problems.append(f"{name}: {known[name].__name__} が要ります / is needed")
    problems += [f"{name}: 要ります / is needed" for name in ("profile", "subject") if not data.get(name)]
    if problems:
        for problem in problems:
            typer.echo(f"{file.name}: {problem}", err=True)
        raise typer.Exit(2)
    home = file.absolute().parent
    return Settings(**data | {name: str(home / data[name]) for name in PATHS if data.get(name)})


def _defaults(context: typer.Context, given: Path | None) -> Path | None:
    """What the settings say becomes the default of the options; those on the command line count more."""
    file = given if given is not None else Path(FILE)
    if given is None and not file.is_file():
        return None
    found = read_settings(file)
    typer.echo(f"設定 / settings: {file}", err=True)
    said = {field.name: getattr(found, field.name) for field in fields(Settings) if getattr(found, field.name)}
    if found.out:
        said["out"] = str(_free(Path(found.out)))
    context.default_map = {**(context.default_map or {}), **said}
    return file


def _free(path: Path) -> Path:
    """The path, or the next one with a number that is not there yet: evidence is never written over."""
    number, found = 2, path
    while found.exists():
        found, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    return found


SettingsOption = Annotated[
    Path | None,
    typer.Option(
        "--settings", help=f"設定のファイル（省略時はここの {FILE}） / Settings", callback=_defaults, is_eager=True,
    ),
]  # fmt: skip


def init_command(
    folder: Annotated[Path, typer.Argument(help="作るフォルダー / Folder to make")] = Path("conformance-run"),
    unit: Annotated[str, typer.Option(help="業務 / Unit, for example juki")] = "",
    role: Annotated[str, typer.Option(help=f"役割 / Role: {', '.join(ROLES)}")] = "",
    subject: Annotated[str, typer.Option(help="対象の URL / URL of the subject")] = "",
    credentials_env: Annotated[
        str, typer.Option(help="user:password を持つ環境変数 / Variable with user:password")
    ] = "",
    ask: Annotated[bool, typer.Option("--ask/--no-ask", help="足りないことを尋ねる / Ask for what is missing")] = True,
) -> None:
    """尋ねながら、設定と既知の不適合の一覧を作ります / Make a folder with settings and a list of expected failures."""
    if folder.exists():
        typer.echo(f"{folder}: 既にあります / is there already", err=True)
        raise typer.Exit(2)
    units = standard().edition.units
    if ask:
        unit = unit or _asked("業務 / unit", "juki", f"{', '.join(units)}")
        role = role or _asked("役割 / role", "provider", ", ".join(ROLES))
        subject = subject or _asked("対象の URL / URL of the subject", "http://127.0.0.1:8080/juki", "")
        credentials_env = credentials_env or _asked(
            "user:password を持つ環境変数（なければ空） / variable with user:password, empty for none", "", ""
        )
    values = {"profile": f"{unit or 'juki'}-{role or 'provider'}", "subject": subject or "http://127.0.0.1:8080/juki"}
    problems = [] if (unit or "juki") in units else [f"--unit: {unit}{nearest(unit, units)}"]
    problems += [] if (role or "provider") in ROLES else [f"--role: {role}{nearest(role, ROLES)}"]
    url = urlsplit(values["subject"])
    problems += [] if url.scheme in ("http", "https") and url.hostname else [f"--subject: {subject}"]
    if problems:
        for problem in problems:
            typer.echo(problem, err=True)
        raise typer.Exit(2)
    values |= {"credentials_env": credentials_env, "expected_failures": EXPECTED, "out": "evidence.zip"}
    folder.mkdir(parents=True)
    (folder / FILE).write_text(_written(values), encoding="utf-8")
    (folder / EXPECTED).write_text(
        "# 今は不適合と分かっている要件を一行に一つ / one requirement per line that is known to fail\n",
        encoding="utf-8",
    )
    typer.echo(f"{folder / FILE}\n次に / next: cd {folder} && chiikibus conformance run")


def _asked(words: str, usual: str, known: str) -> str:
    if known:
        typer.echo(f"  {known}")
    return str(typer.prompt(words, default=usual, show_default=bool(usual))).strip()


def _written(values: dict[str, str]) -> str:
    """The file: what is set, and the rest as comments with its usual value."""
    lines = [HEAD.format(name=FILE)]
    for field in fields(Settings):
        value: str | float = values.get(field.name, "") or field.default  # type: ignore[assignment]  # a text or a number
        mark = "" if values.get(field.name) else "# "
        lines += [f"# {REMARKS[field.name]}", f"{mark}{field.name} = {json.dumps(value, ensure_ascii=False)}"]
    return "\n".join(lines) + "\n"
