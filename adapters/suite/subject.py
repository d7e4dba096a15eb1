"""What the suite judges: a vendor folder with its definition, layouts, mappings and samples, loaded at once."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from pathlib import Path

from adapters.characters.register import EMPTY, GaijiRegister, load_register
from adapters.codecs.factory import make_codec
from adapters.codecs.layout import load_layout
from adapters.host.definition import VENDORS, Definition, load_definition
from adapters.mapping import Mapping, load_mapping
from adapters.sdk.layout import Layout
from adapters.sdk.problems import Problems
from adapters.sdk.protocols import Codec
from adapters.sdk.toml import read_toml
from adapters.sdk.types import BadRecord, VendorRecord
from bus.core.config.reader import one_of
from bus.core.errors import ConfigurationError
from bus.core.types import Finding
from schemas.model import Edition

SAMPLES = "samples/samples.toml"
INTERFACES = "interfaces.toml"
"""In place of ``adapter.toml`` in a folder of interfaces that several adapters of a vendor share."""
_SAMPLE_KEYS = ("file", "layout", "mapping", "standard", "direction", "gaiji", "note")
_DIRECTIONS = ("both", "to_standard", "to_vendor")


@dataclass(frozen=True, slots=True)
class Pair:
    """A layout and a mapping that belong together; the mapping's name in the folder is its key."""

    name: str
    layout: Layout
    mapping: Mapping

    def codec(self, register: GaijiRegister = EMPTY) -> Codec:
        """The codec of the layout."""
        return make_codec(self.layout, register)


@dataclass(frozen=True, slots=True)
class Sample:
    """A vendor file with what is expected of it.

    ``direction`` says for which direction the golden file is right: one-way rows of code tables need ``to_standard`` or
    ``to_vendor``, everything else is right in ``both``.
    """

    path: Path
    layout: Layout
    pair: Pair | None
    golden: Path | None
    register: GaijiRegister
    direction: str = "both"

    def read(self) -> tuple[list[VendorRecord | BadRecord], dict[str, str], dict[str, str]]:
        """Its records, header and trailer."""
        with self.path.open("rb") as stream:
            reading = make_codec(self.layout, self.register).reader(stream, self.path.name)
            return list(reading), reading.header, reading.trailer


@dataclass(frozen=True, slots=True)
class Subject:
    """A vendor folder, whole and sound."""

    folder: Path
    definition: Definition
    edition: Edition
    pairs: tuple[Pair, ...]
    samples: tuple[Sample, ...]

    def pair(self, mapping: str) -> Pair | None:
        """The pair whose mapping is ``mapping/x.toml``."""
        return next((pair for pair in self.pairs if pair.name == mapping), None)


def shipped() -> tuple[str, ...]:
    """Every ``<vendor>/<unit>`` in the package, and the interfaces that they share (``<vendor>/interfaces``)."""
    found = (*VENDORS.glob("*/*/adapter.toml"), *VENDORS.glob(f"*/*/{INTERFACES}"))
    return tuple(sorted(f"{path.parent.parent.name}/{path.parent.name}" for path in found))


def load_subject(folder: Path, edition: Edition) -> Subject:
    """Everything below ``folder``; raises ConfigurationError CB6008 with every problem of every file."""
    problems = Problems()
    shared = (folder / INTERFACES).is_file()
    definition = _interfaces(folder, edition, problems) if shared else load_definition(folder, edition, problems)
    layouts = {path: load_layout(path, problems) for path in sorted(folder.glob("layout/*.toml"))}
    pairs: dict[str, Pair] = {}
    for path in sorted(folder.glob("mapping/*.toml")):
        pair = _pair(path, folder, layouts, edition, problems)
        if pair is not None:
            pairs[pair.name] = pair
    samples = _samples(folder, layouts, pairs, problems)
    _spoken_of(definition, folder, pairs, problems)
    problems.raise_if_any()
    assert definition is not None
    return Subject(folder, definition, edition, tuple(pairs.values()), tuple(samples))


def load_pair(mapping: Path, edition: Edition) -> Pair | None:
    """One layout and its mapping alone; raises ConfigurationError CB6008 with every problem of the two."""
    problems = Problems()
    folder = mapping.resolve().parent.parent
    file = read_toml(mapping, problems)
    head = file.data.get("mapping", {}) if file is not None else {}
    layout = folder / str(head.get("layout", ""))
    pair = _pair(folder / "mapping" / mapping.name, folder, {layout: load_layout(layout, problems)}, edition, problems)
    problems.raise_if_any()
    return pair


def _interfaces(folder: Path, edition: Edition, problems: Problems) -> Definition | None:
    """A definition without flows: the interfaces of a vendor."""
    file = read_toml(folder / INTERFACES, problems)
    if file is None:
        return None
    head = file.data.get("interfaces", {})
    texts = [str(head.get(key, "")) for key in ("vendor", "vendor_ja", "name_ja", "edition")]
    if not all(texts):
        problems.add(file.path, "interfaces", expected="vendor, vendor_ja, name_ja, edition", got="not all of them")
        return None
    vendor, vendor_ja, name_ja, version = texts
    return Definition(vendor, vendor_ja, folder.name, name_ja, version, folder, ())


def _pair(
    path: Path, folder: Path, layouts: Table[Path, Layout | None], edition: Edition, problems: Problems
) -> Pair | None:
    file = read_toml(path, problems)
    if file is None:
        return None
    head = file.data.get("mapping")
    name = str(head.get("layout", "")) if isinstance(head, dict) else ""
    if folder / name not in layouts:
        known = [str(one.relative_to(folder)) for one in layouts]
        problems.unknown(path, "mapping.layout", name, known, line=file.line("mapping"))
        return None
    layout = layouts[folder / name]
    mapping = load_mapping(path, layout, edition, problems, folder=folder) if layout is not None else None
    return Pair(str(path.relative_to(folder)), layout, mapping) if layout and mapping else None


def _spoken_of(definition: Definition | None, folder: Path, pairs: Table[str, Pair], problems: Problems) -> None:
    """A flow must name a layout and the mapping that is made for it."""
    for flow in definition.flows if definition else ():
        for prefix in ("", "request_", "reply_"):
            layout, mapping = flow.text(f"{prefix}layout"), flow.text(f"{prefix}mapping")
            pair = pairs.get(mapping)
            if pair is not None and pair.layout.path != folder / layout:
                expected = str(pair.layout.path.relative_to(folder))
                problems.add(
                    folder / "adapter.toml", f"{flow.id}.{prefix}layout", line=flow.line, expected=expected, got=layout
                )


def _samples(
    folder: Path, layouts: Table[Path, Layout | None], pairs: Table[str, Pair], problems: Problems
) -> list[Sample]:
    path = folder / SAMPLES
    if not path.is_file():
        return []
    file = read_toml(path, problems)
    found: list[Sample] = []
    for number, (line, table) in enumerate(file.tables("sample", problems) if file else ()):
        where = f"sample[{number}]"
        for key in table:
            if key not in _SAMPLE_KEYS:
                problems.unknown(path, f"{where}.{key}", key, _SAMPLE_KEYS, line=line)
        for key in ("file", "standard", "gaiji"):
            if (key == "file" or key in table) and not (path.parent / str(table.get(key, ""))).is_file():
                problems.add(path, f"{where}.{key}", line=line, expected="a file", got=str(table.get(key, "")))
        direction = str(table.get("direction", "both"))
        if direction not in _DIRECTIONS:
            problems.unknown(path, f"{where}.direction", direction, _DIRECTIONS, line=line)
        layout = layouts.get(folder / str(table.get("layout", "")))
        if layout is None:
            problems.add(path, f"{where}.layout", line=line, expected="a layout", got=str(table.get("layout", "")))
        mapping = str(table.get("mapping", ""))
        if mapping and not (folder / mapping).is_file():
            problems.unknown(path, f"{where}.mapping", mapping, pairs, line=line)
        if layout is None or not (path.parent / str(table.get("file", ""))).is_file():
            continue
        golden = path.parent / str(table["standard"]) if "standard" in table else None
        register = _register(path.parent / str(table["gaiji"]), problems) if "gaiji" in table else EMPTY
        vendor_file = path.parent / str(table["file"])
        found.append(Sample(vendor_file, layout, pairs.get(mapping), golden, register, direction))
    return found


def _register(path: Path, problems: Problems) -> GaijiRegister:
    try:
        return load_register(path)
    except ConfigurationError as error:
        problems.found.extend(error.findings)
        return EMPTY


def find_folder(name: str, folder: Path | None = None) -> Path:
    """The folder of ``<vendor>/<unit>``, or the one given; raises ConfigurationError CB7014 when there is none."""
    place = folder if folder is not None else VENDORS / name
    if not (place / "adapter.toml").is_file() and not (place / INTERFACES).is_file():
        if folder is None:
            expected = one_of(name, shipped(), "VENDOR/UNIT")
            raise ConfigurationError("CB7014", [Finding("CB7014", path="VENDOR/UNIT", expected=expected, got=name)])
        raise ConfigurationError(
            "CB7014", [Finding("CB7014", path=str(folder), expected="adapter.toml", got="missing")]
        )
    return place
