#!/usr/bin/env python3
"""Verifies evidence that was exported from a journal, with nothing but Python's standard library.

    python verify_evidence.py EVIDENCE --key KEY.pem [--key ...] [--seal N:SHA256 ...] [--json]

It shares no code with the program that wrote the evidence: the form of the file and of the seals is that of
docs/keeping.md, the signatures (Ed25519) are verified here. ``--key`` are public keys from somebody you trust, as the
town publishes them; ``--seal`` are numbers and digests of seals that were kept elsewhere (logs, anchors).

An answer that was encrypted at rest, and the envelope of a message with attachments, are shown but not proven: the
seal is over what was stored, and the digest of such a message over the whole of it. They are counted as not provable.

検証するもの: 封印の鎖と署名、電文・配送・経過・回答の要約値、本文（あれば）と電文の要約値、件数、ファイル全体の要約値。
Checked: the chain and its signatures, digests of messages, deliveries, events and answers, payloads where they are
there, the counts, and the digest of the whole file. Exit code 0: everything agrees; 1: it does not; 2: wrong use.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import sys
from pathlib import Path

FORM = "chiikibus-evidence-1"
SEAL_FORM = "chiikibus-seal-1"
NOTHING = "-"
ROW = (
    "exchange_id", "municipality", "sender", "message_id", "refused", "sha256", "unit", "operation", "edition",
    "purpose", "mode", "ordering_keys", "received_at", "expires_at", "content_type", "soap_action", "relates_to",
    "tables_hash", "size", "code", "targets", "attachments",
)  # fmt: skip
"""What stands in the text of a message's row, in this order."""

# -- Ed25519 (RFC 8032), verification only -----------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
DER = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of a key in a PEM file."""

Point = tuple[int, int, int, int]


def _recover(y: int, sign: int) -> int | None:
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


def _point(raw: bytes) -> Point | None:
    number = int.from_bytes(raw, "little")
    y = number & ((1 << 255) - 1)
    x = _recover(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def _add(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(number: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = _add(total, point)
        point = _add(point, point)
        number >>= 1
    return total


def _base() -> Point:
    y = 4 * pow(5, P - 2, P) % P
    x = _recover(y, 0)
    assert x is not None
    return x, y, 1, x * y % P


BASE = _base()


def signed(key: bytes, signature: bytes, text: bytes) -> bool:
    """Whether the signature under the text is by the holder of this key."""
    if len(key) != 32 or len(signature) != 64:
        return False
    public, first = _point(key), _point(signature[:32])
    second = int.from_bytes(signature[32:], "little")
    if public is None or first is None or second >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % ORDER
    left, right = _times(second, BASE), _add(first, _times(challenge, public))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def name_of(key: bytes) -> str:
    """What a key is called in seals."""
    return sha256(key)[:16]


def read_key(path: Path) -> bytes:
    """The 32 bytes of a public key in PEM. Errors: ValueError."""
    lines = path.read_text("ascii").strip().splitlines()
    if not lines or lines[0] != "-----BEGIN PUBLIC KEY-----" or lines[-1] != "-----END PUBLIC KEY-----":
        raise ValueError(f"{path.name}: not a public key in PEM")
    raw = base64.b64decode("".join(lines[1:-1]), validate=True)
    if len(raw) != 44 or not raw.startswith(DER):
        raise ValueError(f"{path.name}: not an Ed25519 key")
    return raw[12:]


def sha256(raw: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


# -- the evidence ------------------------------------------------------------------------------------------------------


class Evidence:
    """One file, read line by line; ``findings`` are places with what is wrong there."""

    def __init__(self, trusted: dict[str, bytes], kept: dict[int, str]) -> None:
        self.trusted = trusted
        self.kept = dict(kept)
        self.findings: list[tuple[str, str]] = []
        self.counts = {"messages": 0, "deliveries": 0, "seals": 0}
        self.payloads = self.unproven = 0
        self.first = self.last = 0
        self.selection: dict = {}
        self._previous = ""
        self._messages: dict[str, tuple[str, str]] = {}
        self._deliveries: dict[str, tuple[int, str, str, str]] = {}
        self._seen: set[str] = set()
        self._order: list[str] = []
        self._after_messages = False

    def wrong(self, place: str, what: str) -> None:
        """Something does not agree."""
        self.findings.append((place, what))

    def read(self, path: Path) -> None:
        """The whole file."""
        whole, ended, number = hashlib.sha256(), False, 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                place = f"line {number}"
                if ended:
                    self.wrong(place, "something stands after the end")
                    return
                try:
                    ended = self._take(number, dict(json.loads(line)), whole.hexdigest())
                except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
                    self.wrong(place, "cannot be read")
                if not line.endswith(b"\n"):
                    self.wrong(place, "is cut off")
                whole.update(line)
        if not ended:
            self.wrong(f"line {number}", "the end is missing")
        self._close()

    def _take(self, number: int, value: dict, digest: str) -> bool:
        """One line; whether it is the last."""
        if number == 1:
            if value["form"] != FORM:
                self.wrong("line 1", f"the form is {value['form']!r}, not {FORM!r}")
            self.selection = value["selection"]
        elif "key" in value:
            if name_of(base64.b64decode(value["public"], validate=True)) != value["key"]:
                self.wrong(f"key {value['key']}", "is not what it is called")
        elif "seal" in value:
            self._seal(value)
        elif "message" in value:
            self._message(value)
        elif "end" in value:
            if value["end"] != self.counts:
                self.wrong("end", f"counts {value['end']}, found {self.counts}")
            if value["sha256"] != digest:
                self.wrong("end", "the digest of the whole differs")
            return True
        else:
            self.wrong(f"line {number}", "is of no known kind")
        return False

    def _seal(self, value: dict) -> None:
        number, place = value["seal"], f"seal {value['seal']}"
        if self._order:
            self.wrong(place, "stands after messages")
        if self.last and number != self.last + 1:
            self.wrong(place, f"follows seal {self.last}")
        if self._previous and value["previous"] != self._previous:
            self.wrong(place, "names another seal as the one before it")
        entries = value.get("entries")
        if entries is not None:
            text = "\n".join(entries).encode()
            if sha256(text) != value["entries_sha256"] or len(entries) != value["count"]:
                self.wrong(place, "its entries are not those that were sealed")
            self._note(entries, place)
        head = (
            f"{SEAL_FORM}\n{number}\n{value['at']}\n{value['previous']}\n{value['count']}\n{value['entries_sha256']}\n"
        ).encode()
        key = self.trusted.get(value["signed_by"])
        if key is None:
            self.wrong(place, f"is signed by key {value['signed_by']}, which was not given with --key")
        elif not signed(key, base64.b64decode(value["signature"], validate=True), head):
            self.wrong(place, "its signature does not hold")
        digest = sha256(head)
        if self.kept.pop(number, digest) != digest:
            self.wrong(place, "is not the seal that was kept elsewhere")
        self.first, self.last, self._previous = self.first or number, number, digest
        self.counts["seals"] += 1

    def _note(self, entries: list[str], place: str) -> None:
        """What a seal says of messages and deliveries; of several for one delivery the last counts."""
        for line in entries:
            kind, *values = line.split(" ")
            if kind == "X" and len(values) == 3:
                known = self._messages.setdefault(values[0], (values[1], values[2]))
                if known != (values[1], values[2]):
                    self.wrong(place, f"message {values[0]} was sealed before with other content")
            elif kind == "D" and len(values) == 5:
                self._deliveries[values[0]] = (int(values[1]), values[2], values[3], values[4])
            elif kind not in {"A", "R"} or len(values) != 2:
                self.wrong(place, "has an entry of no known kind")

    def _message(self, value: dict) -> None:
        name, text = value["message"], value["row"].encode()
        row = dict(zip(ROW, json.loads(text), strict=True))
        self.counts["messages"] += 1
        if row["exchange_id"] != name or name in self._seen:
            self.wrong(f"message {name}", "is not what it is called, or there twice")
        self._seen.add(name)
        self._order.append(name)
        sealed = self._messages.get(name)
        if sealed is None:
            self.wrong(f"message {name}", "was never sealed")
        else:
            if sealed[0] != sha256(text):
                self.wrong(f"message {name}", "was altered after it was sealed")
            if sealed[1] != value["body_sha256"] and value["body_sha256"] != NOTHING:
                self.wrong(f"message {name}", "its payload was exchanged after it was sealed")
        self._chosen(name, row)
        if "body" in value:
            body = base64.b64decode(value["body"], validate=True)
            if row["content_type"].lower().startswith("multipart/"):
                self.unproven += 1
            else:
                self.payloads += 1
            if row["content_type"][:10].lower() != "multipart/" and sha256(body) != row["sha256"]:
                self.wrong(f"message {name}", "its payload is not what was received")
        elif self.selection.get("bodies") and value["body_sha256"] != NOTHING:
            self.wrong(f"message {name}", "its payload is missing")
        expected = [f"{name}-{index}" for index, _ in row["targets"]]
        if [each["delivery"] for each in value["deliveries"]] != expected:
            self.wrong(f"message {name}", "has other deliveries than were sealed")
        for each in value["deliveries"]:
            self._delivery(each)

    def _chosen(self, name: str, row: dict) -> None:
        """Whether it is of what was asked for."""
        for key in ("municipality", "operation", "sender", "exchange_id"):
            if self.selection.get(key) and row[key] != self.selection[key]:
                self.wrong(f"message {name}", f"is not of the selection ({key})")
        since, until = self.selection.get("since") or 0.0, self.selection.get("until") or float("inf")
        if not since <= row["received_at"] < until:
            self.wrong(f"message {name}", "is not of the selection (time)")

    def _delivery(self, value: dict) -> None:
        name, events = value["delivery"], [each.encode() for each in value["events"]]
        self.counts["deliveries"] += 1
        count, told, row, reply = self._deliveries.get(name, (0, "", "", NOTHING))
        place = f"delivery {name}"
        if len(events) < count:
            self.wrong(place, f"{count - len(events)} of its events are missing")
        elif count and sha256(b"\n".join(events[:count])) != told:
            self.wrong(place, "its events were altered after they were sealed")
        elif len(events) > count:
            self.wrong(place, f"{len(events) - count} of its events were not sealed yet")
        elif count:
            if sha256(value["row"].encode()) != row:
                self.wrong(place, "was altered after it was sealed")
            if value["reply_sha256"] not in (reply, NOTHING):
                self.wrong(place, "its answer was exchanged after it was sealed")
        states = [json.loads(each) for each in value["events"]]
        if [each[0] for each in states] != list(range(1, len(states) + 1)):
            self.wrong(place, "its events are not numbered one after the other")
        if value.get("reply_encrypted"):
            self.unproven += 1
        elif "reply" in value:
            self.payloads += 1
            answer = base64.b64decode(value["reply"], validate=True)
            plain = sha256(value["reply_head"].encode() + b"\n" + answer)
            if plain != value["reply_sha256"]:
                self.wrong(place, "its answer is not what was stored")

    def _close(self) -> None:
        for number in sorted(self.kept):
            if self.first <= number <= self.last:
                self.wrong(f"seal {number}", "was kept elsewhere and is not here")


def main() -> int:
    """Read, compare, tell."""
    parser = argparse.ArgumentParser(description="証拠を検証する / Verifies evidence exported from a journal.")
    parser.add_argument("evidence", type=Path)
    parser.add_argument(
        "--key", type=Path, action="append", required=True, help="公開鍵 / a public key (PEM), or a folder"
    )
    parser.add_argument(
        "--seal", action="append", default=[], metavar="N:SHA256", help="控えの封印 / a seal kept elsewhere"
    )
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    try:
        files = [each for path in wanted.key for each in (sorted(path.glob("*.pem")) if path.is_dir() else [path])]
        keys = [read_key(path) for path in files]
        kept = {int(number): digest for number, _, digest in (each.partition(":") for each in wanted.seal)}
        evidence = Evidence({name_of(key): key for key in keys}, kept)
        evidence.read(wanted.evidence)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if wanted.json:
        told = {"sound": not evidence.findings, **evidence.counts, "payloads": evidence.payloads,
                "unproven": evidence.unproven,
                "first_seal": evidence.first, "last_seal": evidence.last, "selection": evidence.selection,
                "findings": [list(each) for each in evidence.findings]}  # fmt: skip
        print(json.dumps(told, ensure_ascii=False))
    else:
        print(f"電文 messages {evidence.counts['messages']}　配送 deliveries {evidence.counts['deliveries']}")
        print(f"本文 payloads {evidence.payloads}（証明できないもの not provable {evidence.unproven}）")
        print(f"封印 seals {evidence.first}-{evidence.last}")
        for place, what in evidence.findings[:100]:
            print(f"  {place}: {what}")
        print(
            "封印のとおりです / as it was sealed"
            if not evidence.findings
            else f"相違 findings: {len(evidence.findings)}"
        )
    return 1 if evidence.findings else 0


if __name__ == "__main__":
    sys.exit(main())
