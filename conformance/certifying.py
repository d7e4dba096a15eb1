"""Statements of conformity: made from sealed evidence that is judged here and now, and checked against everything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Final

from conformance.driver.provider import SUITE
from conformance.evidence import Bundle
from conformance.judge import Judgement, judge
from conformance.reports.fields import judgement_fields
from conformance.signing import SigningError, signature_problem, trust_problem
from conformance.standard import Standard
from conformance.verdicts import Class
from schemas.statements import Signed, Statement, StatementError, address_digest, digest, parse

DAYS: Final = 365
"""How long a statement holds where nobody says otherwise."""
MAX_DAYS: Final = 2 * 366


class NotStated(Exception):
    """No statement can be made of this evidence; the text (Japanese / English) says why."""


@dataclass(frozen=True, slots=True)
class Product:
    """What is stated about: names as the vendor writes them, and the addresses at which it is used."""

    vendor: str
    product: str
    version: str
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a check: its name in both languages and why it failed (empty: it did not)."""

    ja: str
    en: str
    problem: str = ""


def state(
    bundle: Bundle, standard: Standard, product: Product, *, today: date, days: int, signer: str
) -> tuple[Statement, Judgement]:
    """Judge the evidence and state what came of it. Errors: NotStated where that is not "conforms" or nobody drove."""
    driven = [one for one in bundle.circumstances.exchanges if "suite" in (one.request_by, one.response_by)]
    if not driven:
        raise NotStated(
            "この評価系が相手をした証拠ではありません。記録や WSDL だけの判定から確認書は作れません / "
            "the suite did not take part: nothing is stated of recordings and descriptions alone"
        )
    if not all((product.vendor, product.product, product.version)) or not 1 <= days <= MAX_DAYS:
        raise NotStated(
            f"提供者・製品・版と、{MAX_DAYS} 日までの期間が要ります / vendor, product, version; at most {MAX_DAYS} days"
        )
    judgement = judge(bundle, standard)
    if judgement.result is not Class.CONFORMS:
        raise NotStated(
            f"判定が適合ではありません（{judgement.result}） / the result is not conforms but {judgement.result}"
        )
    told = judgement_fields(judgement, standard.rows)
    one = bundle.circumstances
    addresses = product.endpoints or (one.subject,)
    statement = Statement(
        product.vendor, product.product, product.version, tuple(sorted({address_digest(each) for each in addresses})),
        one.profile, one.unit, one.roles, one.edition, SUITE, catalogue_digest(standard), len(standard.catalogue),
        today.isoformat(), (today + timedelta(days=days - 1)).isoformat(), bundle.digest, digest(told["verdicts"]),
        told["result"], told["counts"], signer,
    )  # fmt: skip
    return statement, judgement


def catalogue_digest(standard: Standard) -> str:
    """The digest of the requirements as they are judged by."""
    return digest([asdict(row) for row in standard.catalogue])


def verify(
    raw: bytes, *, today: date, trusted: Iterable[bytes] = (), bundle: Bundle | None = None,
    standard: Standard | None = None, address: str = "", beside: Mapping[str, tuple[bytes, bytes]] | None = None,
) -> tuple[Signed | None, list[Checked]]:  # fmt: skip
    """Check a statement: form, fields, signature, signer, days, and what is at hand of evidence, address and pages.

    ``beside`` are files derived from it by name, as they are and as they should be. Nothing is skipped silently: what
    cannot be checked for want of material is a problem where it was asked for, and absent from the list otherwise.
    """
    try:
        signed = parse(raw)
    except StatementError as error:
        return None, [Checked("ファイルの形", "form of the file", "; ".join(error.problems))]
    stated = signed.statement
    checks = [Checked("ファイルの形", "form of the file")]
    altered = "; ".join(f"{name}: altered" for name in signed.altered)
    checks.append(Checked("記載の各項目", "every field", altered))
    checks.append(Checked("署名", "signature", signature_problem(signed)))
    try:
        checks.append(Checked("署名者", "signer", trust_problem(signed, trusted)))
    except SigningError as error:
        checks.append(Checked("署名者", "signer", str(error)))
    checks.append(
        Checked("判定の結果", "result", "" if stated.result == Class.CONFORMS else f"result: {stated.result}")
    )
    checks.append(Checked("有効期間", "days", _days(stated, today)))
    known = "" if stated.suite == SUITE else f"suite {stated.suite}, here {SUITE}: judge the evidence again"
    checks.append(Checked("評価系の版", "version of the suite", known))
    if address:
        fits = address_digest(address) in stated.endpoints
        checks.append(Checked("接続先", "endpoint", "" if fits else "endpoints: not stated of this address"))
    if bundle is not None:
        fits = bundle.digest == stated.evidence
        checks.append(Checked("証拠", "evidence", "" if fits else f"evidence: another bundle ({bundle.digest})"))
        if standard is not None:
            checks.append(Checked("再判定", "judged again", _again(stated, bundle, standard)))
    for name, (there, expected) in sorted((beside or {}).items()):
        checks.append(Checked(name, name, "" if there == expected else f"{name}: is not what the statement says"))
    return signed, checks


def file_digest(raw: bytes) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(raw).hexdigest()


def _days(stated: Statement, today: date) -> str:
    if today < date.fromisoformat(stated.judged_on):
        return f"judged_on: {stated.judged_on} is still to come"
    return f"valid_until: ended on {stated.valid_until}" if today > date.fromisoformat(stated.valid_until) else ""


def _again(stated: Statement, bundle: Bundle, standard: Standard) -> str:
    """What judging the evidence again shows; the same requirements have to give the same verdicts."""
    judgement = judge(bundle, standard)
    told = judgement_fields(judgement, standard.rows)
    if told["result"] != stated.result:
        return f"result: now {told['result']}, stated {stated.result}"
    same = catalogue_digest(standard) == stated.catalogue
    return "verdicts: others than stated" if same and digest(told["verdicts"]) != stated.verdicts else ""
