"""Declarative two-way mapping between vendor items and standard items, with coverage, lineage and a loss policy."""

from __future__ import annotations

from adapters.mapping.engine import Mapping
from adapters.mapping.loader import load_mapping

__all__ = ["Mapping", "load_mapping"]
