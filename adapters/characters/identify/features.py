"""What is compared: how much edge runs in which of eight directions in which part of the glyph.

A glyph is fitted into a square whatever its size, blurred so that dots and outlines look alike, and described by
8 directions in 8 by 8 overlapping fields, 512 numbers (gradient features as in the recognition of printed and written
kanji). Everything is single precision; the order of the glyphs in a batch changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adapters.characters.identify.raster import Ink

Floats = NDArray[np.float32]
"""One row per glyph."""

SIDE = 64
INNER = 56
FIELDS = 8
DIRECTIONS = 8
SIZE = DIRECTIONS * FIELDS * FIELDS
_BLUR = 1.0
_LONGEST = 2048
"""Pixels of a side that are looked at; what is larger is no drawing of a glyph."""


def normalised(ink: Ink) -> Ink:
    """The ink in the middle of a square of SIDE; long thin glyphs stay long and thin, but less so."""
    square = np.zeros((SIDE, SIDE), np.uint8)
    if not ink.size:
        return square
    height, width = ink.shape
    if max(height, width) > _LONGEST:
        ink = ink[:_LONGEST, :_LONGEST]
        height, width = ink.shape
    short = max(2, round(INNER * math.sqrt(math.sin(math.pi / 2 * min(ink.shape) / max(ink.shape)))))
    wide, high = (INNER, short) if width >= height else (short, INNER)
    filter_ = Image.Resampling.BICUBIC if width < wide else Image.Resampling.HAMMING
    fitted = np.asarray(Image.fromarray(ink).resize((wide, high), filter_))
    top, left = (SIDE - high) // 2, (SIDE - wide) // 2
    square[top : top + high, left : left + wide] = fitted
    return square


@cache
def _gaussian(places: int, width: float) -> Floats:
    """``places`` by SIDE: weights around evenly spread centres, each row summing to one."""
    centres = (np.arange(places) + 0.5) * SIDE / places - 0.5
    weights: NDArray[np.float64] = np.exp(-((np.arange(SIDE)[None] - centres[:, None]) ** 2) / (2 * width**2))
    shares: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def described(squares: NDArray[np.uint8]) -> Floats:
    """The 512 numbers of each square (count by SIDE by SIDE); an empty square has zeros."""
    blur, spread = _gaussian(SIDE, _BLUR), _gaussian(FIELDS, SIDE / FIELDS / 2)
    ink: Floats = blur @ (squares.astype(np.float32) / np.float32(255)) @ blur.T
    edge = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    across = edge[:, :-2] + 2 * edge[:, 1:-1] + edge[:, 2:]
    along = edge[:, :, :-2] + 2 * edge[:, :, 1:-1] + edge[:, :, 2:]
    x, y = across[:, :, 2:] - across[:, :, :-2], along[:, 2:] - along[:, :-2]
    wide, high = np.abs(x), np.abs(y)
    diagonal = np.minimum(wide, high) * np.float32(math.sqrt(2))
    straight = np.abs(wide - high)
    flat, right, down = wide >= high, x >= 0, y >= 0
    parts = (
        straight * (flat & right), diagonal * (right & down), straight * (~flat & down), diagonal * (~right & down),
        straight * (flat & ~right), diagonal * (~right & ~down), straight * (~flat & ~down), diagonal * (right & ~down),
    )  # fmt: skip
    found: Floats = np.concatenate([(spread @ part @ spread.T).reshape(len(squares), -1) for part in parts], axis=1)
    found /= found.sum(axis=1, keepdims=True) + np.float32(1e-6)
    rooted: Floats = np.sqrt(found)
    return rooted


def features(glyphs: Iterable[Ink], chunk: int = 256) -> Floats:
    """The features of glyphs, one row each."""
    rows: list[Floats] = []
    squares: list[Ink] = []
    for glyph in glyphs:
        squares.append(normalised(glyph))
        if len(squares) == chunk:
            rows.append(described(np.stack(squares)))
            squares = []
    if squares:
        rows.append(described(np.stack(squares)))
    return np.concatenate(rows) if rows else np.zeros((0, SIZE), np.float32)
