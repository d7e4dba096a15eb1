"""Vendor character sets, the gaiji register, kana and character units: nothing is ever replaced silently."""
