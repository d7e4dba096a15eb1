"""``key``, ``statement`` and ``verify``: statements of conformity (適合確認書)."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from conformance.certifying import DAYS, NotStated, Product, file_digest, state, verify
from conformance.commands.common import JsonOption, as_json, evidence, standard
from conformance.reports.badge import badge
from conformance.reports.printing import PrintingError, pdf
from conformance.reports.sheet import sheet
from conformance.signing import SigningError, make_key, sign, signer_name
from schemas.statements import JAPAN, Statement, StatementError, parse, written

EvidenceArgument = Annotated[Path, typer.Argument(exists=True, help="証拠の束 / Bundle of evidence")]
DayOption = Annotated[str, typer.Option("--on", help="この日として（YYYY-MM-DD） / As of this day")]


def key_command(
    name: Annotated[str, typer.Option("--name", help="署名者の名前 / Name of the signer")],
    out: Annotated[Path, typer.Option("--out", help="鍵のファイル（.key） / File of the key")] = Path("signer.key"),
) -> None:
    """確認書に署名する鍵と証明書を作ります / Make a key (Ed25519) and its certificate for signing statements."""
    certificate = out.with_suffix(".crt")
    for file in (out, certificate):
        if file.exists():
            typer.echo(f"{file}: 既にあります / is there already", err=True)
            raise typer.Exit(2)
    private, public = make_key(name, datetime.now(UTC))
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file_of_key:
        file_of_key.write(private)
    certificate.write_bytes(public)
    typer.echo(f"{out}（秘密 / secret）\n{certificate}（配るもの / to hand out）")


def statement_command(
    path: EvidenceArgument,
    vendor: Annotated[str, typer.Option(help="提供者 / Vendor")],
    product: Annotated[str, typer.Option(help="製品 / Product")],
    version: Annotated[str, typer.Option(help="製品の版 / Version of the product")],
    key: Annotated[Path, typer.Option(exists=True, help="署名の鍵（PEM） / Key to sign with")],
    out: Annotated[Path, typer.Option(help="作るフォルダー / Folder to make")],
    certificate: Annotated[
        Path | None, typer.Option(exists=True, help="鍵の証明書（省略時は .crt） / Its certificate")
    ] = None,
    endpoint: Annotated[list[str] | None, typer.Option("--endpoint", help="使うアドレス / Address of use")] = None,
    days: Annotated[int, typer.Option(help="有効な日数 / Days of validity")] = DAYS,
    print_pdf: Annotated[bool, typer.Option("--pdf/--no-pdf", help="PDF も作る / Make PDFs too")] = True,
    on: DayOption = "",
) -> None:
    """証拠を判定し、適合なら確認書に署名します / Judge evidence and, where it conforms, sign a statement of it."""
    if out.exists():
        typer.echo(f"{out}: 既にあります / is there already", err=True)
        raise typer.Exit(2)
    by, bundle = standard(), evidence(path)
    held = (certificate or key.with_suffix(".crt")).read_bytes()
    try:
        about = Product(vendor, product, version, tuple(endpoint or ()))
        stated, judgement = state(bundle, by, about, today=_today(on), days=days, signer=signer_name(held))
        raw = written(sign(stated, key.read_bytes(), held))
    except NotStated as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except SigningError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from error
    out.mkdir(parents=True)
    (out / "statement.json").write_bytes(raw)
    (out / "verdicts.json").write_text(as_json(judgement, by.rows) + "\n", encoding="utf-8")
    for name, data in derived(stated, raw).items():
        (out / name).write_bytes(data)
        if print_pdf and name.endswith(".html"):
            _print(data, (out / name).with_suffix(".pdf"))
    typer.echo(f"{out / 'statement.json'}: {stated.profile} {stated.judged_on} — {stated.valid_until}")
    typer.echo("これは APPLIC の登録ではありません / this is no registration with APPLIC")


def derived(stated: Statement, raw: bytes) -> dict[str, bytes]:
    """The files that follow from a statement, byte for byte."""
    name = file_digest(raw)
    return {
        "statement.html": sheet(stated, name, "ja"), "statement.en.html": sheet(stated, name, "en"),
        "badge.svg": badge(stated, name),
    }  # fmt: skip


def verify_command(
    path: Annotated[Path, typer.Argument(exists=True, help="確認書（statement.json かフォルダー） / Statement")],
    trust: Annotated[
        list[Path] | None, typer.Option("--trust", exists=True, help="信頼する署名者の証明書 / Trusted signers")
    ] = None,
    evidence_path: Annotated[Path | None, typer.Option("--evidence", exists=True, help="証拠 / Its evidence")] = None,
    endpoint: Annotated[str, typer.Option("--endpoint", help="このアドレスのものか / Is it of this address")] = "",
    on: DayOption = "",
    json_output: JsonOption = False,
) -> None:
    """確認書を確かめます / Verify a statement: signature, days, evidence, and judge again where it is at hand.

    Exit code 0 where everything holds, 1 where anything does not.
    """
    file = path / "statement.json" if path.is_dir() else path
    try:
        raw = file.read_bytes()
    except OSError as error:
        typer.echo(f"{file}: {type(error).__name__}", err=True)
        raise typer.Exit(3) from error
    bundle = evidence(evidence_path) if evidence_path is not None else None
    signed, checks = verify(
        raw, today=_today(on), trusted=[one.read_bytes() for one in trust or ()], bundle=bundle,
        standard=standard() if bundle is not None else None, address=endpoint, beside=_beside(file, raw),
    )  # fmt: skip
    wrong = [one for one in checks if one.problem]
    if json_output:
        listed = [{"check": one.en, "problem": one.problem} for one in checks]
        typer.echo(json.dumps({"ok": not wrong, "checks": listed}, ensure_ascii=False))
    else:
        if signed is not None:
            one = signed.statement
            typer.echo(f"{one.vendor} {one.product} {one.version}: {one.profile}（{one.signer}）")
        for check in checks:
            typer.echo(f"{'不可 no' if check.problem else '可 ok'}  {check.ja} / {check.en}  {check.problem}".rstrip())
    raise typer.Exit(1 if wrong else 0)


def _beside(file: Path, raw: bytes) -> dict[str, tuple[bytes, bytes]]:
    """The derived files that lie beside a statement, as they are and as they should be."""
    if file.name != "statement.json":
        return {}
    try:
        stated = parse(raw).statement
        expected = derived(stated, raw)
    except (StatementError, ValueError, KeyError):
        return {}
    return {
        name: ((file.parent / name).read_bytes(), data)
        for name, data in expected.items()
        if (file.parent / name).is_file()
    }


def _print(page: bytes, file: Path) -> None:
    try:
        file.write_bytes(pdf(page))
    except PrintingError as error:
        typer.echo(f"{file.name}: {error}", err=True)


def _today(text: str) -> date:
    try:
        return date.fromisoformat(text) if text else datetime.now(JAPAN).date()
    except ValueError as error:
        typer.echo(f"--on: {text}（YYYY-MM-DD）", err=True)
        raise typer.Exit(2) from error
