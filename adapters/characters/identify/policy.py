"""A policy by which proposals become decisions without a person looking at each: a file that a person signed off.

There is none unless a site writes one and names it on the command line. It says which survey class, what least score
and margin, which index and which vendor files (by SHA-256), how many at most and until when; what does not fit stays
in the worklist. A policy never takes anything but a ``match``, and never touches a code that has a decision.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.characters.identify.answers import MATCH
from adapters.characters.identify.proposals import Proposal
from adapters.characters.register import CLASSES
from adapters.sdk.problems import Problems

KINDS = ("outline", "bitmap")
LEAST_SCORE = 0.8
LEAST_MARGIN = 0.05
"""A policy that asks for less would be none."""
_KEYS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "policy": {"id": str, "approved_by": str, "approved_at": str, "reason": str, "valid_until": str},
    "accept": {"class": str, "kinds": list, "min_score": (int, float), "min_margin": (int, float), "indexes": list,
               "files": list, "most": int},
}  # fmt: skip
_SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy; ``sha256`` is that of its file and becomes part of the evidence."""

    id: str
    approved_by: str
    approved_at: str
    reason: str
    valid_until: str
    class_: str
    kinds: frozenset[str]
    min_score: float
    min_margin: float
    indexes: frozenset[str]
    files: frozenset[str]
    most: int
    sha256: str

    def why(self) -> str:
        """The words of the decision."""
        return f"方針 {self.id}（{self.sha256[:16]}、{self.approved_at} {self.approved_by} 承認）{self.reason}"

    def against(self, proposal: Proposal, today: str, decided: Iterable[str]) -> str:
        """Why a proposal is left to people: the name of the rule, ``""`` when nothing speaks against it."""
        checks = {
            "decided": proposal.code in set(decided),
            "valid_until": today > self.valid_until,
            "class": proposal.class_ != MATCH or not proposal.candidates,
            "kinds": proposal.kind not in self.kinds,
            "indexes": proposal.index_sha256 not in self.indexes,
            "files": proposal.file_sha256 not in self.files,
            "min_score": proposal.score < self.min_score,
            "min_margin": proposal.margin < self.min_margin,
            "carrier": bool(proposal.candidates) and not proposal.candidates[0].text,
        }
        return next((name for name, speaks in checks.items() if speaks), "")


def load_policy(path: Path) -> Policy:
    """Read a policy; ConfigurationError CB6089 with every problem."""
    problems = Problems("CB6089")
    raw, found = b"", {}
    try:
        raw = path.read_bytes()
        found = tomllib.loads(raw.decode("utf-8"))
    except (OSError, ValueError) as error:
        problems.add(path, "", expected="a policy (TOML)", got=type(error).__name__)
    problems.raise_if_any()
    for section in found.keys() - _KEYS.keys():
        problems.unknown(path, section, section, _KEYS)
    values: dict[str, Any] = {}
    for section, keys in _KEYS.items():
        table = found.get(section, {})
        if not isinstance(table, dict):
            problems.add(path, section, expected="a table", got=type(table).__name__)
            continue
        for name in table.keys() - keys.keys():
            problems.unknown(path, f"{section}.{name}", name, keys)
        for name, kind in keys.items():
            if not isinstance(table.get(name), kind) or isinstance(table.get(name), bool):
                problems.add(path, f"{section}.{name}", expected="a value", got=str(table.get(name, "")))
            else:
                values[name] = table[name]
    problems.raise_if_any()
    _check(path, values, problems)
    problems.raise_if_any()
    for name in ("kinds", "indexes", "files"):
        values[name] = frozenset(values[name])
    class_ = values.pop("class")
    return Policy(**values, class_=class_, sha256=hashlib.sha256(raw).hexdigest())


def _check(path: Path, values: Mapping[str, Any], problems: Problems) -> None:
    for name in ("id", "approved_by", "approved_at", "reason", "valid_until"):
        if not values[name].strip():
            problems.add(path, f"policy.{name}", expected="words", got="")
    if values["class"] not in CLASSES[:2]:
        problems.add(path, "accept.class", expected=" | ".join(CLASSES[:2]), got=values["class"])
    for kind in values["kinds"]:
        if kind not in KINDS:
            problems.unknown(path, "accept.kinds", str(kind), KINDS)
    for name, least in (("min_score", LEAST_SCORE), ("min_margin", LEAST_MARGIN)):
        if not least <= values[name] <= 1:
            problems.add(path, f"accept.{name}", expected=f"{least} to 1", got=str(values[name]))
    if values["most"] < 1:
        problems.add(path, "accept.most", expected=">= 1", got=str(values["most"]))
    for name in ("indexes", "files"):
        if not values[name]:
            problems.add(path, f"accept.{name}", expected="SHA-256", got="")
        for one in values[name]:
            if not (isinstance(one, str) and len(one) == _SHA256_LENGTH and set(one) <= set("0123456789abcdef")):
                problems.add(path, f"accept.{name}", expected="SHA-256 in lower-case hexadecimal", got=str(one))
