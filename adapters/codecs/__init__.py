"""Bytes to vendor records and back: fixed-length, delimited and JSON; the layouts are TOML."""

from __future__ import annotations

from adapters.codecs.factory import make_codec
from adapters.codecs.layout import load_layout

__all__ = ["load_layout", "make_codec"]
