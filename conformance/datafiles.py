"""Evidence of data files: the parts of bulk transfers as XML (payload or envelope), and layout files as text.

A folder without a declaration of its own is taken for the usual dialect: UTF-8, commas, a header of item names, and
each ``RECORD.csv`` is the record of that name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from conformance.documents import MAX_BYTES, read
from conformance.evidence import Bundle, Circumstances, EvidenceError, Exchange
from conformance.filed import FOLDER, PROFILE, problems_of
from conformance.names import SOAP
from conformance.payloads import envelope, written
from conformance.standard import Standard
from conformance.tables import LAYOUT

MAX_ROWS: Final = 1_000_000
TEXTS: Final = (".csv", ".tsv", ".txt")


def holds_layout(path: Path) -> bool:
    """Whether a path is a folder of layout files, or a declaration of them."""
    return path.name == LAYOUT or (path / LAYOUT).is_file()


def from_data(path: Path, unit: str, standard: Standard) -> Bundle:
    """Evidence of a data file or of a folder of them. Errors: EvidenceError with all that is wrong."""
    home = path if path.is_dir() else path.parent
    alone = path.is_file() and path.name != LAYOUT
    listed = sorted(one for one in ([path] if alone else home.iterdir()) if one.is_file())
    large = [one.name for one in listed if one.stat().st_size > MAX_BYTES]
    if large:
        raise EvidenceError(tuple(f"{name}: larger than {MAX_BYTES} bytes" for name in large))
    files = {one.name: one.read_bytes() for one in listed if one.suffix in (".xml", *TEXTS) or one.name == LAYOUT}
    return bundled(path.name, files, unit, standard)


def bundled(name: str, files: dict[str, bytes], unit: str, standard: Standard) -> Bundle:
    """Evidence of data files by name. Errors: EvidenceError where there is none, or the declaration is wrong."""
    texts = [one for one in files if Path(one).suffix in TEXTS]
    parts = [one for one in files if one.endswith(".xml")]
    found = {FOLDER + one: files[one] for one in texts}
    if LAYOUT in files:
        found[FOLDER + LAYOUT] = files[LAYOUT]
    elif texts:
        found[FOLDER + LAYOUT] = _usual(unit, texts)
    problems = [f"{one}: more than {MAX_ROWS} rows; hand it in in parts" for one in texts
                if files[one].count(b"\n") > MAX_ROWS]  # fmt: skip
    problems += list(problems_of(found[FOLDER + LAYOUT], standard, unit)) if FOLDER + LAYOUT in found else []
    if not texts and not parts and not problems:
        problems.append(f"{name}: holds no .xml and no {', '.join(TEXTS)} file")
    exchanges = []
    for one in parts:
        raw = _enveloped(files[one])
        if raw is None:
            problems.append(f"{one}: is no XML that can be read")
            continue
        found[f"exchanges/{one}"] = raw
        exchanges.append(Exchange(one, "", f"exchanges/{one}", ""))
    if problems:
        raise EvidenceError(tuple(problems))
    circumstances = Circumstances(
        PROFILE, ("data",), name, "", standard.edition.version, unit=unit, exchanges=tuple(exchanges)
    )
    return Bundle(circumstances, found)


def _usual(unit: str, texts: list[str]) -> bytes:
    """The declaration of the usual dialect."""
    files = "".join(f"{json.dumps(one, ensure_ascii=False)} = {json.dumps(Path(one).stem, ensure_ascii=False)}\n"
                    for one in texts)  # fmt: skip
    return f'unit = "{unit}"\n[files]\n{files}'.encode()


def _enveloped(raw: bytes) -> bytes | None:
    """An envelope as it is, a payload in one; ``None`` for what is no XML."""
    root = read(raw).root
    if root is None:
        return None
    return raw if root.tag == f"{{{SOAP}}}Envelope" else written(envelope(root))
