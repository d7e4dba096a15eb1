"""Proposals of identification beside a gaiji register: signed, bound to their scope, accepted by people only.

``<register>.proposals.jsonl`` has one line per code, the newest answer for it, with an HMAC-SHA256 by the site's key:
a line that was changed or copied from another register is refused. A proposal changes nothing: records wait until
somebody decides, by `accept` here, by `register decide`, or by a policy that somebody signed off (`policy`).
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adapters.characters.decide import decide
from adapters.characters.history import History
from adapters.characters.identify.answers import CLASSES_JA, Candidate
from adapters.characters.identify.faults import bad_proposal
from adapters.characters.register import Gaiji

MAX_BYTES = 64 * 1024 * 1024
_DOMAIN = b"chiikibus gaiji proposal 1\n"
"""The site's key signs decisions too; neither can pass for the other."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One answer. ``scope`` is municipality and system; ``file``, ``file_sha256`` and ``place`` say which glyph was
    compared, ``glyph_sha256`` what it looked like (its normalised drawing), ``index_sha256`` with what.
    """

    code: str
    at: str
    scope: str
    file: str
    file_sha256: str
    place: str
    kind: str
    glyph_sha256: str
    index_sha256: str
    class_: str
    score: float
    margin: float
    character_margin: float
    candidates: tuple[Candidate, ...]

    def body(self) -> bytes:
        """What is signed."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    def evidence(self, rank: int, why: str) -> str:
        """How a decision for candidate ``rank`` says what it rests on; ``why`` are the words of who decides."""
        chosen = self.candidates[rank - 1]
        facts = (
            f"字形照合 {rank}位 得点{chosen.score:.4f} 差{self.margin:.4f} {CLASSES_JA[self.class_]}",
            f"索引{self.index_sha256[:16]} 字形{self.glyph_sha256[:16]}",
            f"提案{hashlib.sha256(self.body()).hexdigest()[:16]}",
        )
        return f"{' '.join(facts)}：{why}"


def proposals_path(register: Path) -> Path:
    """Where the proposals for a register lie."""
    return register.with_name(register.name + ".proposals.jsonl")


def put(register: Path, key: bytes, scope: str, found: Iterable[Proposal]) -> None:
    """Write proposals, in place of older ones for the same codes; in one step, one writer at a time.

    AdapterError CB6088 where those that are there do not hold.
    """
    path = proposals_path(register)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lines = {code: _signed(one, key) for code, one in read(register, key, scope).items()}
        lines.update({one.code: _signed(one, key) for one in found})
        temporary = path.with_name(path.name + ".new")
        temporary.write_bytes(b"".join(line + b"\n" for _, line in sorted(lines.items())))
        temporary.replace(path)


def read(register: Path, key: bytes, scope: str) -> Mapping[str, Proposal]:
    """The proposals for a register, by code; AdapterError CB6088 where a line is not as it was written for it."""
    path = proposals_path(register)
    found = {}
    for number, line in enumerate(_lines(path), 1):
        proposal = _proposal(line)
        if proposal is None or not hmac.compare_digest(_signed(proposal, key), line):
            raise bad_proposal(f"{path}:{number}", "the line as it was written", "another")
        if proposal.scope != scope:
            raise bad_proposal(f"{path}:{number}", scope, proposal.scope)
        found[proposal.code] = proposal
    return found


def chosen(found: Mapping[str, Proposal], code: str, rank: int, register: Path) -> tuple[Proposal, Candidate]:
    """A proposal and one of its candidates; AdapterError CB6088 where there is none."""
    proposal = found.get(code)
    if proposal is None:
        raise bad_proposal(proposals_path(register), "chiikibus characters identify --site … --adapter …", code)
    if not 1 <= rank <= len(proposal.candidates):
        raise bad_proposal(proposals_path(register), f"a rank of 1 to {len(proposal.candidates)}", str(rank))
    return proposal, proposal.candidates[rank - 1]


def accept(
    register: Path, history: History, proposal: Proposal, *, rank: int, class_: str, by: str, why: str, at: str,
    valid_from: str = "",
) -> Gaiji:  # fmt: skip
    """Decide for candidate ``rank``: the row as it stands in the register, its evidence with score, margin and index.

    ``class_`` is one of the survey's, chosen by who decides: no score tells 字形一致 from デザイン差. Errors:
    ConfigurationError CB6008 as `decide`.
    """
    candidate = proposal.candidates[rank - 1]
    row = Gaiji(proposal.code, "", candidate.mj, class_, proposal.evidence(rank, why), by, at[:10], valid_from)
    return decide(register, history, proposal.scope, row, at=at)


def _lines(path: Path) -> list[bytes]:
    if not path.exists():
        return []
    if path.stat().st_size > MAX_BYTES:
        raise bad_proposal(path, f"<= {MAX_BYTES} bytes", str(path.stat().st_size))
    return path.read_bytes().splitlines()


def _signed(proposal: Proposal, key: bytes) -> bytes:
    fields: dict[str, Any] = json.loads(proposal.body())
    fields["hmac"] = hmac.new(key, _DOMAIN + proposal.body(), hashlib.sha256).hexdigest()
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _proposal(line: bytes) -> Proposal | None:
    try:
        fields = json.loads(line)
        del fields["hmac"]
        fields["candidates"] = tuple(Candidate(**one) for one in fields["candidates"])
        return Proposal(**fields)
    except (ValueError, TypeError, KeyError):
        return None
