"""The data files of schemas/characters (their licences: NOTICE.md there), read when asked for."""

from __future__ import annotations

import lzma
from importlib.resources import files


def data(name: str) -> bytes:
    """A file's content, unpacked where its name ends in ``.xz``."""
    raw = files("schemas").joinpath("characters", name).read_bytes()
    return lzma.decompress(raw) if name.endswith(".xz") else raw
