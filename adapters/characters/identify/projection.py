"""What tells characters apart whatever the typeface: a linear projection learnt from fonts, shipped as numbers.

``projection.dat`` is one line of JSON (what it was made from, and the limits of the classes), then the mean of the
features (512 float32) and the projection (512 by 128 float16), little endian. ``deploy/tools/train_identify.py`` makes
it; the fonts it was learnt from are named in it and are no part of us.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.characters.identify.features import SIZE, Floats

FILE = "projection.dat"
KEPT = 128
"""Numbers that are left of a glyph."""
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the classes end, for one kind of glyph (ADR 0081): below ``known`` a glyph is unknown; it matches with a
    score of at least ``match`` and at least ``margin`` before every other glyph.
    """

    known: float
    match: float
    margin: float


@dataclass(frozen=True, slots=True)
class Projection:
    """``mean`` (512), ``matrix`` (512 by 128), ``limits`` by kind (outline, bitmap); ``facts`` are the whole head."""

    mean: Floats
    matrix: Floats
    limits: Mapping[str, Limits]
    sha256: str
    facts: Mapping[str, Any]

    def project(self, features: Floats) -> Floats:
        """Unit vectors of features (count by 512), so that a product of two is their score, -1 to 1."""
        found: Floats = np.asarray((features - self.mean) @ self.matrix, np.float32)
        lengths: Floats = np.linalg.norm(found, axis=1, keepdims=True).astype(np.float32)
        return (found / np.maximum(lengths, np.float32(1e-6))).astype(np.float32)


def pack(mean: Floats, matrix: NDArray[np.float16], facts: Mapping[str, Any]) -> bytes:
    """The content of ``projection.dat``."""
    head = json.dumps({"format": FORMAT, **facts}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return head.encode() + b"\n" + mean.astype("<f4").tobytes() + matrix.astype("<f2").tobytes()


def unpack(raw: bytes) -> Projection:
    """The projection in the content of ``projection.dat``; ValueError for another format or size."""
    head, _, body = raw.partition(b"\n")
    facts = json.loads(head)
    if facts["format"] != FORMAT or len(body) != SIZE * 4 + SIZE * KEPT * 2:
        raise ValueError("another format of projection.dat")
    mean = np.frombuffer(body, "<f4", SIZE).astype(np.float32)
    matrix = np.frombuffer(body, "<f2", SIZE * KEPT, SIZE * 4).astype(np.float32).reshape(SIZE, KEPT)
    limits = {kind: Limits(**values) for kind, values in facts["limits"].items()}
    return Projection(mean, matrix, limits, hashlib.sha256(raw).hexdigest(), facts)


@cache
def projection() -> Projection:
    """The one that is shipped."""
    return unpack(files("adapters.characters.identify").joinpath(FILE).read_bytes())
