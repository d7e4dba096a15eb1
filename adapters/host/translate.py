"""Codec and mapping of each flow, rebuilt as a whole when the gaiji register changes."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from adapters.characters.register import EMPTY, Gaiji, GaijiRegister, agreed, load_register
from adapters.codecs.factory import make_codec
from adapters.codecs.grouped import MOST_UNKNOWN, STAND_IN
from adapters.codecs.layout import load_layout
from adapters.mapping import Mapping, load_mapping
from adapters.sdk.errors import adapter_error, code_points, finding
from adapters.sdk.layout import Layout
from adapters.sdk.problems import Problems
from adapters.sdk.protocols import Codec
from adapters.sdk.types import Converted, Origin, VendorRecord
from bus.core.errors import AdapterError, ConfigurationError
from bus.core.repertoire import Repertoire
from schemas.model import Edition

Key = tuple[Path, Path]
STANDABLE = frozenset({"CB6003", "CB6021"})
"""Codes for which something can stand while a record is looked at."""
MOST_SCOUTS = 256


@dataclass(frozen=True, slots=True)
class Translator:
    """Vendor bytes to standard items and back, for one layout and mapping.

    With a ``repertoire`` agreed for the vendor's system nothing outside it goes in or out; ``written`` are the
    sequences for which its register has a code. ``scout`` makes the codec with something standing for unknown codes.
    """

    codec: Codec
    mapping: Mapping
    repertoire: Repertoire | None = None
    written: Table[str, str] = field(default_factory=dict)
    scout: Callable[[frozenset[str]], Codec] | None = field(default=None, repr=False)

    def to_standard(self, record: VendorRecord) -> Converted:
        """The standard's items of a decoded record; AdapterError with every problem of it."""
        found = self.mapping.to_standard(record)
        if self.repertoire is not None:
            self._keep_to(self.repertoire, found.values, record.origin)
        return found

    def to_vendor(self, values: Table[str, str]) -> Converted:
        """The vendor's items; AdapterError with every problem but those of widths and characters (``encode``)."""
        return self.mapping.to_vendor(values)

    def encode(self, values: Table[str, str]) -> bytes:
        """One vendor record; AdapterError with the standard's item names beside the vendor's."""
        if self.repertoire is not None:
            self._keep_to(self.repertoire, values, Origin())
        try:
            return self.codec.encode_record(values)
        except AdapterError as error:
            raise self.mapping.named(error) from error

    def _keep_to(self, repertoire: Repertoire, values: Table[str, str], origin: Origin) -> None:
        """AdapterError CB6022 for characters that are neither of the agreed set nor written by the register."""
        bad = [
            finding("CB6022", origin, item, expected=repertoire.name_ja, got=code_points(unit))
            for item, text in values.items()
            for _, unit in repertoire.outside(text)
            if unit not in self.written
        ]
        if bad:
            raise adapter_error(bad)

    def keys_of(self, raw: bytes, name: str, record_no: int, names: frozenset[str]) -> dict[str, str] | None:
        """The standard items ``names`` of a record with unknown characters; ``None`` when they cannot be read.

        Something stands for each unknown character while the record is read, so that only these items may be used:
        an item in which such a character stands counts as unreadable.
        """
        origin = Origin(name, record_no, 0, len(raw))
        codec, unknown = self.codec, frozenset[str]()
        for _ in range(MOST_UNKNOWN):
            try:
                record = codec.decode_record(raw, origin)
            except AdapterError as error:
                found = {one.got for one in error.findings if one.code in STANDABLE}
                if self.scout is None or len(found) < len({one.got for one in error.findings}) or found <= unknown:
                    return None
                unknown |= found
                codec = self.scout(unknown)
                continue
            keys = self.mapping.some(record, names)
            return None if keys is None or any(STAND_IN in value for value in keys.values()) else keys
        return None

    def decode(self, raw: bytes, name: str, record_no: int) -> VendorRecord:
        """One vendor record that stands alone."""
        return self.codec.decode_record(raw, Origin(name, record_no, 0, len(raw)))


@dataclass(slots=True)
class Translators:
    """All translators of an adapter. ``get`` gives the present one: ask each time, it changes with the register.

    Errors while loading are noted in the problems given to ``prepare``; a register that turns out wrong later is
    left out of use and the last good one stays. ``tables`` is the folder of the vendors' own host tables.
    """

    edition: Edition
    register_path: Path | None = None
    register: GaijiRegister = EMPTY
    tables: Path | None = None
    repertoire: Repertoire | None = None
    _keys: list[Key] = field(default_factory=list, init=False)
    _made: dict[Key, Translator] = field(default_factory=dict, init=False)
    _seen: tuple[int, int] = field(default=(0, 0), init=False)

    def load(self) -> None:
        """Read the register; ConfigurationError CB6008 with every wrong row."""
        if self.register_path is not None:
            self._seen = _state(self.register_path)
            self.register = load_register(self.register_path)

    def prepare(self, layout: Path, mapping: Path, problems: Problems) -> None:
        """Make the translator of a layout and a mapping, noting what is wrong with them."""
        key = (layout, mapping)
        if key not in self._keys:
            self._keys.append(key)
            self._make(key, problems)

    def get(self, layout: Path, mapping: Path) -> Translator:
        """The translator prepared for these two files."""
        return self._made[layout, mapping]

    def changed(self) -> bool:
        """Whether the register's file is another one than was read."""
        return self.register_path is not None and _state(self.register_path) != self._seen

    def reload(self) -> None:
        """Read the register again and rebuild every translator; ConfigurationError leaves all as it was."""
        assert self.register_path is not None
        self._seen = _state(self.register_path)
        self.register = load_register(self.register_path)
        problems = Problems()
        for key in self._keys:
            self._make(key, problems)
        problems.raise_if_any()

    def _make(self, key: Key, problems: Problems) -> None:
        layout = load_layout(key[0], problems)
        if layout is None:
            return
        mapping = load_mapping(key[1], layout, self.edition, problems)
        if mapping is None:
            return
        try:
            codec = make_codec(layout, self._agreed(), self.tables)
            self._made[key] = Translator(
                codec, mapping, self.repertoire, self.register.to_code, scout=self._scout(layout)
            )
        except ConfigurationError as error:
            problems.found.extend(error.findings)

    def _agreed(self) -> GaijiRegister:
        """The register, and the 行政事務標準文字 that the agreed set names."""
        return self.register if self.repertoire is None else agreed(self.register, self.repertoire.characters)

    def _scout(self, layout: Layout) -> Callable[[frozenset[str]], Codec]:
        rows, tables = self._agreed().rows, self.tables

        @lru_cache(maxsize=MOST_SCOUTS)
        def made(codes: frozenset[str]) -> Codec:
            more = (Gaiji(code, STAND_IN) for code in sorted(codes))
            return make_codec(layout, GaijiRegister((*rows, *more)), tables)

        return made


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
