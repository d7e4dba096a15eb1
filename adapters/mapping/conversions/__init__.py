"""The named two-way conversions of a mapping: small, exact in their domain, refusing what lies outside."""

from __future__ import annotations

from adapters.mapping.conversions.base import Conversion, ConversionError, Setup
from adapters.mapping.conversions.registry import conversion_names, make_conversion

__all__ = ["Conversion", "ConversionError", "Setup", "conversion_names", "make_conversion"]
