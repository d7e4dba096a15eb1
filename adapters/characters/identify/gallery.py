"""The gallery: every glyph of the MJ list as 128 small numbers, in one index file made from an installed IPAmj Mincho.

The file is two lines (what it is; JSON of what it was made from) and then, for each glyph, its MJ number (uint32) and
its vector (128 int8), 7.8 MB for 58,862 glyphs. The same font, projection and libraries give the same bytes. It holds
no outline and is made where it is used, in about a minute: the font's licence stays between its maker and the user.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from fontTools.ttLib import TTFont, TTLibError
from numpy.typing import NDArray

from adapters.characters.identify.faults import bad_index, missing
from adapters.characters.identify.features import Floats, features
from adapters.characters.identify.projection import KEPT, Projection, projection
from adapters.characters.identify.raster import Outlines
from adapters.characters.identify.sfnt import read_sfnt
from adapters.characters.mj import mj
from adapters.characters.pictures import DEBIAN_FONT

MAGIC = b"CHIIKIBUS GLYPHS 1\n"
MAX_INDEX_BYTES = 32 * 1024 * 1024
BUILD = "chiikibus characters identify --build-index"
_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Gallery:
    """``numbers``: the digits of the MJ names; ``vectors``: a unit vector for each; ``sha256``: that of the file."""

    numbers: NDArray[np.uint32]
    vectors: Floats
    sha256: str
    facts: Mapping[str, Any]

    def name(self, at: int) -> str:
        """The MJ name of a row."""
        return f"MJ{int(self.numbers[at]):06d}"

    def __len__(self) -> int:
        return len(self.numbers)


def default_index() -> Path:
    """Where the index lies unless told otherwise: the user's cache; it can be made again at any time."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "chiikibus" / "mj-glyphs.index"


def named_glyphs(font: Path) -> Mapping[str, int]:
    """MJ name to glyph number, for the glyphs of the MJ list that a font has (named ``mj000001`` and so on)."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it remarks on the age of the font
    try:
        with TTFont(font, lazy=True) as opened:
            order = opened.getGlyphOrder()
    except (TTLibError, OSError, AssertionError) as error:
        raise missing(str(font), "IPAmj明朝 / IPAmj Mincho") from error
    found = {name.upper(): at for at, name in enumerate(order) if name.startswith("mj")}
    return {glyph.mj: found[glyph.mj] for glyph in mj() if glyph.mj in found}


def build(
    font: Path | None = None,
    *,
    names: Iterable[str] | None = None,
    learnt: Projection | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> bytes:
    """The content of an index; of all glyphs, or of ``names`` (MJ000001 …).

    Errors: AdapterError CB6085 without the font, or where the font does not have every glyph asked for.
    """
    path = font or DEBIAN_FONT
    if not path.is_file():
        raise missing(str(path), "apt-get install fonts-ipamj-mincho, --font")
    data = path.read_bytes()
    known = named_glyphs(path)
    wanted = list(names) if names is not None else [glyph.mj for glyph in mj()]
    lacking = [name for name in wanted if name not in known]
    if lacking:
        raise missing(f"{path}: {lacking[0]}", "IPAmj明朝 005.01, --font")
    outlines = Outlines(read_sfnt(path, data))
    how = learnt or projection()
    rows: list[Floats] = []
    waiting = iter(wanted)
    while chunk := list(islice(waiting, _CHUNK)):
        rows.append(how.project(features(outlines.draw(known[name]) for name in chunk)))
        progress(min(len(wanted), len(rows) * _CHUNK), len(wanted))
    facts = {
        "font": path.name,
        "font_sha256": hashlib.sha256(data).hexdigest(),
        "projection_sha256": how.sha256,
        "libraries": {name: version(name) for name in ("numpy", "pillow")},
    }
    return pack([int(name[2:]) for name in wanted], np.concatenate(rows), facts)


def pack(numbers: Sequence[int], vectors: Floats, facts: Mapping[str, Any]) -> bytes:
    """The content of an index file of these glyphs."""
    largest = np.maximum(np.abs(vectors).max(axis=1, keepdims=True), np.float32(1e-6))
    small = np.rint(vectors / largest * np.float32(127)).astype(np.int8)
    body: bytes = np.asarray(numbers, "<u4").tobytes() + small.tobytes()
    head = {**facts, "glyphs": len(numbers), "kept": KEPT, "sha256": hashlib.sha256(body).hexdigest()}
    lines: bytes = MAGIC + json.dumps(head, ensure_ascii=False, sort_keys=True).encode() + b"\n"
    return lines + body


def write(path: Path, content: bytes) -> None:
    """Put an index into its place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.write_bytes(content)
    temporary.replace(path)


def load(path: Path, *, expected: Projection | None = None) -> Gallery:
    """Read an index; AdapterError CB6086 when there is none, or it is damaged, or of another projection."""
    try:
        if path.stat().st_size > MAX_INDEX_BYTES:
            raise bad_index(path, f"<= {MAX_INDEX_BYTES} bytes", str(path.stat().st_size))
        raw = path.read_bytes()
    except OSError as error:
        raise bad_index(path, BUILD, "なし / missing") from error
    return parse(path, raw, (expected or projection()).sha256)


def parse(path: Path, raw: bytes, projection_sha256: str) -> Gallery:
    """The gallery in the content of an index file; AdapterError CB6086."""
    head, _, body = raw.removeprefix(MAGIC).partition(b"\n")
    try:
        facts = json.loads(head)
        count, digest = int(facts["glyphs"]), str(facts["sha256"])
        made_with = str(facts["projection_sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise bad_index(path, BUILD, "not an index") from error
    whole = raw.startswith(MAGIC) and count > 0 and len(body) == count * (4 + KEPT)
    if not whole or hashlib.sha256(body).hexdigest() != digest:
        raise bad_index(path, BUILD, "damaged")
    if made_with != projection_sha256:
        raise bad_index(path, BUILD, "of another version")
    numbers = np.frombuffer(body, "<u4", count).astype(np.uint32)
    vectors = np.frombuffer(body, np.int8, count * KEPT, count * 4).astype(np.float32).reshape(count, KEPT)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-6))
    return Gallery(numbers, vectors, hashlib.sha256(raw).hexdigest(), facts)
