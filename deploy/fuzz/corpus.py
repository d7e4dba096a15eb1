"""The kept inputs of the fuzzer: one line of base64 each in ``tests/corpus/fuzz/<target>.txt``, the shortest first.

``corpus.py unpack TARGET FOLDER`` writes them as files for the fuzzer, ``pack`` takes them back, ``seeds`` adds what
the other corpora of the tests hold.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "corpus" / "fuzz"
SEEDS = {
    "fault": [
        b"<faultcode>s:Server</faultcode><faultstring>a</faultstring>",
        b"<faultcode xmlns:q='urn:q'>q:a.b</faultcode><faultstring xml:lang='ja'>a</faultstring>"
        b"<faultactor>urn:a</faultactor>",
        b"<faultcode>s:Client</faultcode><faultstring/><detail><c:shogai xmlns:c='urn:chiikibus:standard:1.0:common'>"
        b"<c:kodo>E0001</c:kodo><c:kirokubango>1</c:kirokubango><c:shiteki><c:kodo>E0001</c:kodo><c:gyo>7</c:gyo>"
        b"</c:shiteki></c:shogai></detail>",
    ],
    "packed": [
        gzip.compress(b"<a/>" * 50, mtime=0),
        gzip.compress(b"", mtime=0) * 2,
        gzip.compress(bytes(5000), mtime=0),
    ],
    "package": [
        b"--b\r\nContent-ID: <root>\r\nContent-Type: text/xml; charset=utf-8\r\n\r\n<a/>\r\n--b--\r\n",
        b"--b\r\nContent-ID: <root>\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b\r\nContent-ID: <x>\r\n"
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--",
        b"--b\r\nContent-ID: <root>\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b\r\nContent-ID: <y>\r\n"
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"a=3D=\r\nb\r\n--b--",
    ],
}
MAX_KEPT = 4096
"""Bytes of an input that is kept."""


def read(target: str) -> list[bytes]:
    """The kept inputs of a target."""
    path = KEPT / f"{target}.txt"
    return [base64.b64decode(line) for line in path.read_text("ascii").split()] if path.is_file() else []


def write(target: str, inputs: set[bytes]) -> None:
    """Keep these inputs."""
    chosen = sorted((each for each in inputs if len(each) <= MAX_KEPT), key=lambda each: (len(each), each))
    lines = "".join(base64.b64encode(each).decode() + "\n" for each in chosen if each)
    (KEPT / f"{target}.txt").write_text(lines, "ascii")


def _put(folder: Path, inputs: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for each in inputs:
        (folder / hashlib.sha256(each).hexdigest()[:16]).write_bytes(each)


def _seeds(target: str) -> list[bytes]:
    """Messages and requests of the other corpora in the form of a target."""
    sys.path.insert(0, str(ROOT))
    from tests.wire.battery import attacks  # noqa: PLC0415 - only for seeds
    from tests.wire.corpus import cases  # noqa: PLC0415 - only for seeds

    if target == "message":
        return [b"\1" + case.raw for case in cases() if len(case.raw) < MAX_KEPT]
    if target == "http":
        small = [attack for attack in attacks() if not attack.is_large and attack.file in {"http", "framing"}]
        return [b"\3" + raw for attack in small if len(raw := attack.raw(1, "h")) < MAX_KEPT]
    if target == "media":
        return [case.content_type.encode("latin-1", "replace") for case in cases()]
    with (ROOT / "tests" / "corpus" / "wire" / "cases.csv").open(encoding="utf-8", newline="") as file:
        blocks = [row["message"] for row in csv.DictReader(file) if row["message"].startswith("@H(")]
    if target in {"header", "secured"}:
        return [block[3 : block.rindex(")@B(")].encode() for block in blocks if "[[" not in block]
    return SEEDS.get(target, [])


def main(action: str, target: str, folder: Path) -> None:
    """One of the three actions."""
    if action == "unpack":
        _put(folder, read(target))
    elif action == "seeds":
        _put(folder, _seeds(target))
    else:
        write(target, {path.read_bytes() for path in folder.iterdir()})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
