"""The host codings a layout may name, and how each is put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from adapters.characters.coding import HostCoding, Shifts
from adapters.characters.host_tables import PROFILES, table
from adapters.characters.juki import juki_table

_ABOVE_CONTROLS = b"[\x40-\xfe]"
_JEF = Shifts((b"\x28", b"\x38", b"\x30\xe2"), b"\x29", _ABOVE_CONTROLS)
_KEIS = Shifts((b"\x0a\x42",), b"\x0a\x41", _ABOVE_CONTROLS)
_JIPS_J = Shifts((b"\x1a\x70",), b"\x1a\x71", b"[\x21-\x7e\xa1-\xfe]")
_JIPS_E = Shifts((b"\x3f\x75",), b"\x3f\x76", _ABOVE_CONTROLS)
_IBM = Shifts((b"\x0e",), b"\x0f", _ABOVE_CONTROLS)


@dataclass(frozen=True, slots=True)
class Parts:
    """Of which tables a coding consists; ``profile`` is that of the seven double marks unless the name says another.

    It is the same for all sets, and that of CP932: what one system writes another can read without an agreement.
    """

    single: str = ""
    wide: str = ""
    shifts: Shifts | None = None
    profile: str = ""


def _mixed() -> dict[str, Parts]:
    return {
        "jef": Parts("ebcdik-fujitsu", "jef", _JEF, "ms"),
        "jef-ebcdic": Parts("ebcdic-fujitsu", "jef", _JEF, "ms"),
        "jef-hd": Parts("ebcdik-fujitsu", "jef-hd", _JEF, "ms"),
        "keis78": Parts("ebcdik-hitachi", "keis78", _KEIS, "ms"),
        "keis78-ebcdic": Parts("ebcdic-hitachi", "keis78", _KEIS, "ms"),
        "keis83": Parts("ebcdik-hitachi", "keis83", _KEIS, "ms"),
        "keis83-ebcdic": Parts("ebcdic-hitachi", "keis83", _KEIS, "ms"),
        "jips-j": Parts("jis8", "jips-j", _JIPS_J, "ms"),
        "jips-e": Parts("ebcdik-nec", "jips-e", _JIPS_E, "ms"),
        "ibm930": Parts("ibm290", "ibm300", _IBM, "ms"),
        "ibm939": Parts("ibm1027", "ibm300", _IBM, "ms"),
        "ibm1390": Parts("ibm8482", "ibm16684", _IBM, "ms"),
        "ibm1399": Parts("ibm5123", "ibm16684", _IBM, "ms"),
    }


@cache
def _known() -> Mapping[str, Parts]:
    found = _mixed()
    for name, parts in _mixed().items():
        found[f"{name}-wide"] = Parts(wide=parts.wide, profile=parts.profile)
    for single in ("ebcdik-fujitsu", "ebcdic-fujitsu", "ebcdik-hitachi", "ebcdic-hitachi", "ebcdik-nec"):
        found[single] = Parts(single)
    found["ebcdik"] = Parts("ibm290")
    found["ebcdic"] = Parts("ibm1027")
    for single in ("ibm5123", "ibm8482", "jis8"):
        found[single] = Parts(single)
    found["juki"] = Parts(wide="juki")
    return MappingProxyType(found)


def host_names() -> tuple[str, ...]:
    """Every name a host coding can have, with and without a profile (``+ms``, ``+jis``)."""
    names = []
    for name, parts in _known().items():
        names.append(name)
        if parts.wide and name != "juki":
            names += [f"{name}+{profile}" for profile in PROFILES]
    return tuple(names)


def parts_of(name: str) -> tuple[str, str]:
    """The names of the single-byte and the double-byte half of a coding, ``""`` for a half it does not have.

    ``jef`` gives ``("ebcdik-fujitsu", "jef-wide")``: what a field of one kind only is written in.
    """
    plain, _, profile = name.partition("+")
    parts = _known()[plain]
    suffix = f"+{profile}" if profile else ""
    single = {"ibm290": "ebcdik", "ibm1027": "ebcdic"}.get(parts.single, parts.single)
    if not parts.wide:
        return single, ""
    wide = plain if plain == "juki" or plain.endswith("-wide") else f"{plain}-wide"
    return single, wide + suffix


@cache
def host_coding(name: str, folder: Path | None = None, *, private: bool = False) -> HostCoding:
    """The coding called ``name`` (KeyError when there is none); ``folder`` holds the vendors' own tables."""
    if name not in host_names():
        raise KeyError(name)
    plain, _, profile = name.partition("+")
    parts = _known()[plain]
    single = table(parts.single, folder, "") if parts.single else None
    wide = None
    if parts.wide == "juki":
        wide = juki_table()
    elif parts.wide:
        wide = table(parts.wide, folder, profile or parts.profile)
    return HostCoding(name, single, wide, parts.shifts, private=private)
