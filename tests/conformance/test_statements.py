"""Statements of conformity: what they are made of, that no byte can be changed unseen, and what the commands say."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from lxml import etree
from typer.testing import CliRunner

from conformance.certifying import NotStated, Product, state, verify
from conformance.cli import app
from conformance.evidence import Bundle, load, write
from conformance.mutants import peers
from conformance.oracle import Oracle
from conformance.peer import Peer
from conformance.signing import SigningError, sign, trust_problem
from conformance.standard import Standard, load_standard
from schemas.statements import Signed, StatementError, address_digest, parse, written
from tests.support.statements import STATED, authority, signed, signer

pytestmark = pytest.mark.slow
TODAY = date(2026, 7, 1)
PRODUCT = Product("架空システム株式会社", "住基 X", "3.2.1")


@pytest.fixture(scope="module")
def standard() -> Standard:
    """The standard, read once."""
    return load_standard()


@pytest.fixture(scope="module")
def bundle(standard: Standard) -> Bundle:
    """The evidence of driving the reference peer."""
    unit = standard.edition.units[peers.UNIT]
    control = next(one for one in peers.load() if not one.fails)
    return peers.bundle(control, Peer(standard.edition, unit, oracle=Oracle(standard.edition, unit)))


def problems(raw: bytes, **more: object) -> list[str]:
    """What verification objects to, with the first signer trusted."""
    _, checks = verify(raw, today=TODAY, trusted=[signer()[1]], **more)  # the names of the checks matter less
    return [one.problem for one in checks if one.problem]


def test_a_statement_holds() -> None:
    """Unaltered, within its days, by a trusted signer."""
    assert problems(written(signed())) == []


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_no_byte_can_be_changed_unseen() -> None:
    """Whatever single byte of the file is another one, something is objected to."""
    raw = written(signed())
    unseen = [at for at in range(len(raw)) if not problems(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])]
    assert unseen == []


def test_an_altered_field_is_named() -> None:
    """Not only that something was changed, but what."""
    raw = written(signed()).replace(b'"version":"3.2.1"', b'"version":"3.2.2"')
    assert problems(raw) == ["version: altered"]


def test_a_field_altered_with_its_digest_breaks_the_signature() -> None:
    """The manifest itself is what is signed."""
    own, other = signed(), signed(version="3.2.2")
    forged = replace(other, value=own.value)
    assert problems(written(forged)) == ["signature: does not fit; manifest, signature or certificate was altered"]


@pytest.mark.parametrize("change", [(b"{", b"{ "), (b"}\n", b"}"), (b'"manifest":', b'"manifest":{},"manifest":')])
def test_only_the_canonical_form_is_read(change: tuple[bytes, bytes]) -> None:
    """Blanks, a missing line end, a key twice: what another reader could read otherwise is refused."""
    raw = written(signed())
    with pytest.raises(StatementError):
        parse(raw.replace(*change, 1) if change[0] != b"}\n" else raw.removesuffix(b"\n"))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 3}, {"endpoints": "x"}, {"judged_on": "2026-6-1"}, {"requirements": True}, {"more": ""},
        {"counts": {"pass": "1"}},
    ],
)  # fmt: skip
def test_fields_have_their_types(change: dict[str, object]) -> None:
    """A value of another type, or a field nobody knows, is named."""
    whole = json.loads(written(signed()))
    whole["statement"] |= change
    with pytest.raises(StatementError) as caught:
        parse(json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    assert [one.partition(":")[0] for one in caught.value.problems] == [*change]


def test_hostile_bytes_are_refused_without_a_crash() -> None:
    """Nesting, size, other types and no JSON at all."""
    for raw in (b"", b"[]", b"null", b"[" * 100_000, b"{}" + b" " * 300_000, b"\xff\xfe", b'{"statement":1}'):
        assert problems(raw)


@pytest.mark.parametrize(
    ("changes", "day", "start"),
    [
        ({"valid_until": "2026-06-30"}, TODAY, "valid_until"),
        ({}, date(2026, 5, 31), "judged_on"),
        ({"suite": "0.9"}, TODAY, "suite"),
        ({"result": "incomplete"}, TODAY, "result"),
    ],
)
def test_days_suite_and_result_count(changes: dict[str, object], day: date, start: str) -> None:
    """A genuine statement that does not hold now says which field is the reason."""
    _, checks = verify(written(signed(**changes)), today=day, trusted=[signer()[1]])
    assert [one.problem.split()[0].rstrip(":") for one in checks if one.problem] == [start]


def test_the_last_day_counts() -> None:
    """``valid_until`` is the last day on which it holds."""
    _, checks = verify(written(signed(valid_until="2026-07-01")), today=TODAY, trusted=[signer()[1]])
    assert not any(one.problem for one in checks)


def test_a_stranger_is_not_believed() -> None:
    """Anybody can sign; only those whose certificate the verifier holds count."""
    stranger = sign(STATED, *signer("別の署名者（架空）"))
    assert problems(written(stranger)) == ["the signer is not among those that are trusted"]


def test_an_authority_vouches_for_its_signers() -> None:
    """A certificate issued by a trusted authority is enough; a signer's certificate is no authority."""
    root, key, certificate = authority()
    made = sign(STATED, key, certificate)
    assert made.algorithm == "ECDSA-SHA256"
    assert trust_problem(parse(written(made)), [root]) == ""
    assert trust_problem(signed(), [root]) != ""
    assert trust_problem(made, [signer()[1]]) != ""


def test_key_and_certificate_have_to_belong_together() -> None:
    """Else nobody could verify what was signed."""
    with pytest.raises(SigningError):
        sign(STATED, signer()[0], signer("別の署名者（架空）")[1])


def test_the_address_counts_by_scheme_host_port_and_path() -> None:
    """Letter case and the default port make no other address; the path does."""
    assert address_digest("HTTP://Host.example/juki") == address_digest("http://host.example:80/juki")
    assert address_digest("http://host.example/juki") != address_digest("http://host.example/JUKI")
    assert address_digest("http://host.example/") != address_digest("https://host.example/")


def test_only_what_conforms_is_stated(bundle: Bundle, standard: Standard) -> None:
    """The evidence is judged here and now; recordings alone and failing evidence give no statement."""
    stated, judgement = state(bundle, standard, PRODUCT, today=TODAY, days=30, signer="x")
    assert (stated.result, stated.judged_on, stated.valid_until) == ("conforms", "2026-07-01", "2026-07-30")
    assert stated.evidence == bundle.digest
    assert sum(stated.counts.values()) == len(judgement.verdicts)
    listed = tuple(replace(one, request_by="subject", response_by="subject") for one in bundle.circumstances.exchanges)
    recorded = replace(bundle, circumstances=replace(bundle.circumstances, exchanges=listed))
    silent = replace(bundle, circumstances=replace(bundle.circumstances, exchanges=bundle.circumstances.exchanges[:3]))
    for other in (recorded, silent):
        with pytest.raises(NotStated):
            state(other, standard, PRODUCT, today=TODAY, days=30, signer="x")
    with pytest.raises(NotStated):
        state(bundle, standard, replace(PRODUCT, version=""), today=TODAY, days=30, signer="x")


def test_another_bundle_or_other_verdicts_are_noticed(bundle: Bundle, standard: Standard) -> None:
    """With the evidence at hand its digest is compared, and it is judged again."""
    stated, _ = state(bundle, standard, PRODUCT, today=TODAY, days=30, signer="x")
    raw = written(sign(stated, *signer()))
    assert problems(raw, bundle=bundle, standard=standard) == []
    cut = replace(bundle, circumstances=replace(bundle.circumstances, exchanges=bundle.circumstances.exchanges[:3]))
    found = problems(raw, bundle=cut, standard=standard)
    assert [one.partition(":")[0] for one in found] == ["evidence", "result"]
    other = written(sign(replace(stated, verdicts="0" * 64), *signer()))
    assert problems(other, bundle=bundle, standard=standard) == ["verdicts: others than stated"]


def test_the_commands_make_and_verify(bundle: Bundle, tmp_path: Path) -> None:
    """Key, statement with its page and badge, verification; a derived page that was changed is named."""
    evidence, key, out = tmp_path / "evidence.zip", tmp_path / "s.key", tmp_path / "out"
    write(bundle, evidence)
    assert load(evidence).digest == bundle.digest
    runner = CliRunner()
    assert runner.invoke(app, ["key", "--name", "試験署名者（架空）", "--out", str(key)]).exit_code == 0
    assert key.stat().st_mode & 0o077 == 0
    product = ["--vendor", "架空", "--product", "X", "--version", "1"]
    made = runner.invoke(app, ["statement", str(evidence), *product, "--key", str(key), "--out", str(out), "--no-pdf"])
    assert made.exit_code == 0, made.output
    asked = ["verify", str(out), "--trust", str(key.with_suffix(".crt")), "--evidence", str(evidence), "--json"]
    assert json.loads(runner.invoke(app, asked).output)["ok"]
    text = etree.fromstring((out / "badge.svg").read_bytes()).xpath("string()")
    assert "APPLIC の登録・準拠を示すものではありません" in text
    page = out / "statement.html"
    page.write_bytes(page.read_bytes().replace("架空".encode(), "別物".encode()))
    again = runner.invoke(app, asked)
    assert again.exit_code == 1
    assert [one["check"] for one in json.loads(again.output)["checks"] if one["problem"]] == ["statement.html"]


def test_base64_of_another_form_is_refused() -> None:
    """Two texts for the same bytes of the signature would be a byte that may change unseen."""
    own = signed()
    assert isinstance(own, Signed)
    value = base64.b64encode(own.value).decode()
    raw = written(own).replace(value.encode(), value.rstrip("=").encode())
    assert problems(raw)
