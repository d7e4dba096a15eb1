"""The universal suite of evidence: every journal exports the same bytes, and a stranger's program sees every change."""

from __future__ import annotations

import ast
import asyncio
import base64
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bus.core.ports import Acceptance, Journal
from bus.core.states import State
from bus.journal.upkeep.export import Exported, Exporter, Wanted
from bus.journal.upkeep.seal import Sealer
from bus.journal.upkeep.signing import Signer, Trust
from bus.journal.vault import MasterKey, Vault
from tests.ports.implementations import JournalImplementation, journals
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance, call, refusal, step
from tests.support.loading import deployed

pytestmark = pytest.mark.slow

TOOL = Path(__file__).parents[2] / "deploy" / "tools" / "verify_evidence.py"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
SIGNER = Signer(KEY)
PUBLIC = Trust({SIGNER.name: KEY.public_key()}).public()
Tool = deployed("tools/verify_evidence.py")


@dataclass
class Proven:
    """A journal with sealed messages."""

    journal: Journal
    clock: SteppedClock
    implementation: JournalImplementation
    folder: Path
    vault: Vault | None = None
    messages: list[Acceptance] = field(default_factory=list)

    async def fill(self, number: int = 6) -> None:
        """Notices, inquiries and refusals, sealed in portions."""
        for count in range(number):
            at = self.clock.now()
            one = acceptance(targets=("tax", "kokuho"), received_at=at, municipality=f"99001{8 + count % 2}")
            asked, refused = call(received_at=at), refusal(received_at=at)
            for each in (one, asked, refused):
                await self.journal.accept(each)
            way = (State.DISPATCHING, State.DELIVERED if count % 2 else State.PARKED)
            await self.journal.record([step(one, each, at=at, code="CB6004") for each in way])
            await self.journal.record([step(asked, State.REPLIED, at=at, reply=b"<kaito/>", reply_status=200)])
            self.messages += [one, asked, refused]
            self.clock.at += 60
            self.seal()

    def seal(self) -> None:
        """One seal."""
        side = self.implementation.side(self.folder)
        Sealer(side, SIGNER, self.clock, self.folder / "anchor.json").seal()
        side.close()

    def export(self, **wanted: Any) -> tuple[bytes, Exported]:
        """The bytes, and what was told of them."""
        side = self.implementation.side(self.folder)
        exporter = Exporter(side, PUBLIC, self.vault, Wanted(**wanted))
        text = b"".join(exporter.lines())
        side.close()
        return text, exporter.told

    def judged(self, text: bytes, kept: dict[int, str] | None = None, keys: dict[str, bytes] | None = None) -> Any:
        """What the verifier finds."""
        path = self.folder / "evidence.jsonl"
        path.write_bytes(text)
        evidence = Tool.Evidence(PUBLIC if keys is None else keys, kept or {})
        evidence.read(path)
        return evidence


@pytest.fixture(params=journals())
async def proven(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Proven]:
    """An open journal with messages of six minutes."""
    clock = SteppedClock()
    journal: Journal = request.param.make(tmp_path, clock, sealed=True)
    await journal.open()
    found = Proven(journal, clock, request.param, tmp_path)
    await found.fill()
    yield found
    await journal.close()


BYTES_ALONE = pytest.mark.parametrize("proven", journals()[:1], indirect=True)
"""What is about the bytes of an export, which are the same whichever journal they come from."""


async def test_the_same_selection_gives_the_same_bytes(proven: Proven) -> None:
    """Twice, also when the journal went on meanwhile; and what was chosen is there, with its payloads where wanted."""
    bounds = {"since": NOW, "until": NOW + 240.0, "municipality": MUNICIPALITY, "bodies": True}
    first, told = proven.export(**bounds)
    await proven.fill(2)
    second, again = proven.export(**bounds)
    assert first == second
    assert (told, told.digest) == (again, again.digest)
    evidence = proven.judged(first)
    assert evidence.findings == []
    chosen = [one for one in proven.messages if one.municipality == MUNICIPALITY and one.received_at < NOW + 240]
    assert evidence.counts["messages"] == told.messages == len(chosen)
    answered = [one for one in chosen if one.state is State.DISPATCHING]
    assert evidence.payloads == len([one for one in chosen if one.raw]) + len(answered) > len(answered) > 0
    bodies = {
        row["message"]: base64.b64decode(row["body"]) for row in map(json.loads, first.splitlines()) if "body" in row
    }
    assert bodies == {one.exchange_id: one.raw for one in chosen if one.raw}
    assert b'"body":' not in proven.export()[0]
    one = proven.messages[3]
    narrow, told = proven.export(exchange_id=one.exchange_id)
    assert (told.messages, proven.judged(narrow).findings) == (1, [])
    assert proven.export(exchange_id="none")[1].messages == 0


@BYTES_ALONE
async def test_a_stranger_verifies_it_with_python_alone(proven: Proven) -> None:
    """No package of ours and none of others: an isolated interpreter, the public key in PEM, exit codes."""
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse(TOOL.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert names <= set(sys.stdlib_module_names)
    text, told = proven.export(bodies=True)
    evidence, key = proven.folder / "e.jsonl", proven.folder / "key.pem"
    evidence.write_bytes(text)
    key.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    async def verified(*more: str) -> tuple[int, Any]:
        command = [sys.executable, "-I", "-S", str(TOOL), str(evidence), "--key", str(key), "--json", *more]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False, timeout=120)
        return done.returncode, json.loads(done.stdout) if done.stdout else None

    code, found = await verified()
    assert (code, found["sound"], found["messages"], found["first_seal"]) == (0, True, told.messages, 1)
    code, found = await verified("--seal", f"2:{'0' * 64}")
    assert (code, found["findings"]) == (1, [["seal 2", "is not the seal that was kept elsewhere"]])
    evidence.write_bytes(text.replace(b"PARKED", b"REMOVE"))
    assert (await verified())[0] == 1
    key.write_text("nothing")
    assert (await verified())[0] == 2


@BYTES_ALONE
async def test_every_change_of_the_file_is_seen(proven: Proven) -> None:
    """A byte anywhere, a line taken away, doubled or exchanged, the end cut off, the digest made to fit."""
    text, _ = proven.export(bodies=True, until=NOW + 130.0)
    assert proven.judged(text).findings == []
    chance, lines = random.Random(7), text.splitlines(keepends=True)
    for _ in range(60):
        place = chance.randrange(len(text))
        other = bytes([text[place] ^ (1 << chance.randrange(7))])
        assert proven.judged(text[:place] + other + text[place + 1 :]).findings, place
    for number in range(len(lines)):
        assert proven.judged(b"".join(lines[:number] + lines[number + 1 :])).findings, number
        assert proven.judged(b"".join(lines[:number] + lines[number:][:1] * 2 + lines[number + 1 :])).findings, number
    assert proven.judged(text[:-1]).findings
    assert proven.judged(text + b"{}\n").findings
    assert proven.judged(b"").findings


def fitted(lines: list[dict[str, Any]]) -> bytes:
    """The file as somebody would write it who knows its form: end and digest agree with the lines."""
    counts = {"messages": 0, "deliveries": 0, "seals": 0}
    for line in lines[:-1]:
        counts["messages"] += "message" in line
        counts["deliveries"] += len(line.get("deliveries", ()))
        counts["seals"] += "seal" in line
    texts = [json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for line in lines[:-1]]
    end = {"end": counts, "sha256": Tool.sha256(b"".join(texts))}
    return b"".join(texts) + json.dumps(end, separators=(",", ":")).encode() + b"\n"


def _row(line: dict[str, Any]) -> None:
    line["row"] = line["row"].replace('"juki"', '"zaisei"', 1)


def _event(line: dict[str, Any]) -> None:
    events = line["deliveries"][0]["events"]
    events[1] = events[1].replace("PARKED", "DELIVERED")


def _no_event(line: dict[str, Any]) -> None:
    line["deliveries"][0]["events"].pop()


def _state(line: dict[str, Any]) -> None:
    line["deliveries"][0]["row"] = line["deliveries"][0]["row"].replace("PARKED", "DELIVERED")


def _body(line: dict[str, Any]) -> None:
    line["body"] = base64.b64encode(b"<other/>").decode()


def _digest(line: dict[str, Any]) -> None:
    line["body_sha256"] = Tool.sha256(b"<other/>")


def _delivery(line: dict[str, Any]) -> None:
    line["deliveries"].pop()


def _renamed(line: dict[str, Any]) -> None:
    line["message"] = "f" * 32


@BYTES_ALONE
async def test_a_forger_who_knows_the_form_is_seen(proven: Proven) -> None:
    """Each kind of record altered, with counts and digest of the file made to fit."""
    text = proven.export(bodies=True, until=NOW + 60.0)[0]
    changes = (_row, _event, _no_event, _state, _body, _digest, _delivery, _renamed)
    for change in (None, *changes):
        lines = [json.loads(line) for line in text.splitlines()]
        if change is not None:
            change(next(line for line in lines if "message" in line))
        assert bool(proven.judged(fitted(lines)).findings) is (change is not None), change


@BYTES_ALONE
async def test_seals_of_others_and_broken_chains_are_seen(proven: Proven) -> None:
    """Signed by a key that nobody trusts, entries exchanged, a seal left out, a message that was never sealed."""
    text, _ = proven.export()
    lines = [json.loads(line) for line in text.splitlines()]
    seals = [line for line in lines if "seal" in line]
    assert len(seals) > 4
    other = Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)
    assert len(proven.judged(text, keys=Trust({SIGNER.name: other.public_key()}).public()).findings) == len(seals)
    assert len(proven.judged(text, keys={}).findings) == len(seals)
    without = [line for line in lines if line is not seals[1]]
    assert ("seal 3", "follows seal 1") in proven.judged(fitted(without)).findings
    seals[2]["entries"][0] = seals[2]["entries"][0][:-1] + "x"
    assert proven.judged(fitted(lines)).findings
    late = acceptance(received_at=proven.clock.now())
    await proven.journal.accept(late)
    unsealed, told = proven.export(exchange_id=late.exchange_id)
    assert told.unsealed == 1
    assert proven.judged(unsealed).findings == [(f"message {late.exchange_id}", "was never sealed")]


@pytest.mark.parametrize("implementation", journals())
async def test_encrypted_payloads_are_exported_as_they_were_received(
    implementation: JournalImplementation, tmp_path: Path
) -> None:
    """Messages prove themselves by the digest of what was received; answers are shown and counted as not provable."""
    vault = Vault([MasterKey("test", AESGCM(b"k" * 32))])
    clock = SteppedClock()
    journal = implementation.make(tmp_path, clock, sealed=True, vault=vault)
    await journal.open()
    found = Proven(journal, clock, implementation, tmp_path, vault)
    await found.fill(2)
    text, _ = found.export(bodies=True)
    await journal.close()
    evidence = found.judged(text)
    assert evidence.findings == []
    assert (evidence.payloads, evidence.unproven) == (4, 2)


def test_signatures_are_verified_as_the_standard_says() -> None:
    """RFC 8032, 7.1: its vectors hold, and nothing that differs from them in a bit, nor a multiple of the order."""
    vectors = (
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
         "655141438e7a100b"),
        ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
         "c027beceea1ec40a"),
    )  # fmt: skip
    for key, text, signature in vectors:
        public, message, made = bytes.fromhex(key), bytes.fromhex(text), bytes.fromhex(signature)
        assert Tool.signed(public, made, message)
        assert not Tool.signed(public, made, message + b"x")
        for place in (0, 31, 32, 63):
            assert not Tool.signed(public, made[:place] + bytes([made[place] ^ 1]) + made[place + 1 :], message)
        more = int.from_bytes(made[32:], "little") + Tool.ORDER
        assert not Tool.signed(public, made[:32] + more.to_bytes(32, "little"), message)
    for number in range(20):
        text = bytes([number]) * number
        assert Tool.signed(PUBLIC[SIGNER.name], KEY.sign(text), text)
