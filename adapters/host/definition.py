"""Read a vendor's ``adapter.toml``: which flows there are and what each needs, every problem reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.host.kinds import CHOICES, COMMON, CREDENTIALS, KEY_TYPES, KINDS, OPTIONAL, TRANSPORTS, Kind
from adapters.sdk.problems import Problems
from adapters.sdk.toml import TomlFile, read_toml
from bus.core.settings import AdapterSpec
from schemas.model import Edition

VENDORS = Path(__file__).parent.parent / "vendors"
FILE = "adapter.toml"
_ADAPTER_KEYS = {"vendor": str, "vendor_ja": str, "unit": str, "name_ja": str, "edition": str, "note": str}


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """One ``[[flow]]``: its kind and keys as written; layouts and mappings are paths below the vendor's folder."""

    id: str
    kind: str
    folder: Path
    keys: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        return str(self.keys.get(key, default))

    def number(self, key: str, default: float) -> float:
        """A number."""
        return float(self.keys.get(key, default))

    def path(self, key: str) -> Path:
        """A file of the vendor's folder."""
        return self.folder / self.text(key)

    @property
    def operations(self) -> tuple[str, ...]:
        """``operations``, or the one ``operation``."""
        found = self.keys.get("operations")
        return tuple(found) if found else (self.text("operation"),)


@dataclass(frozen=True, slots=True)
class Definition:
    """An adapter definition. ``transports`` carry files between the vendor's places and the flows' folders."""

    vendor: str
    vendor_ja: str
    unit: str
    name_ja: str
    edition: str
    folder: Path
    flows: tuple[FlowSpec, ...]
    transports: tuple[FlowSpec, ...] = ()


def definition_folder(spec: AdapterSpec, site: Path) -> Path:
    """The vendor folder of an adapter: the setting ``definition`` (relative to the site), else the shipped one."""
    own = spec.settings.get("definition")
    return site / str(own) if own else VENDORS / spec.vendor / spec.unit


def load_definition(
    folder: Path, edition: Edition, problems: Problems, spec: AdapterSpec | None = None
) -> Definition | None:
    """The definition in ``folder``; problems are noted, and ``None`` comes only together with some.

    With ``spec`` the site's settings are checked too: each key that a flow names must be there.
    """
    before = len(problems.found)
    file = read_toml(folder / FILE, problems)
    if file is None:
        return None
    head = file.data.get("adapter", {})
    if not isinstance(head, dict):
        problems.add(file.path, "adapter", line=file.line("adapter"), expected="[adapter]", got=type(head).__name__)
        return None
    _check_keys(file, "adapter", file.line("adapter"), head, _ADAPTER_KEYS, problems)
    for name in ("vendor", "unit"):
        if not head.get(name):
            problems.add(file.path, f"adapter.{name}", line=file.line("adapter"), expected="a text", got="nothing")
    flows = _declared(file, "flow", KINDS, edition, problems, spec)
    transports = _declared(file, "transport", TRANSPORTS, edition, problems, spec)
    if not flows:
        problems.add(file.path, "flow", expected="[[flow]]", got="none")
    if len(problems.found) > before:
        return None
    return Definition(
        str(head["vendor"]),
        str(head.get("vendor_ja", "")),
        str(head["unit"]),
        str(head.get("name_ja", "")),
        str(head.get("edition", edition.version)),
        folder,
        flows,
        transports,
    )


def _declared(
    file: TomlFile,
    name: str,
    kinds: Mapping[str, Kind],
    edition: Edition,
    problems: Problems,
    spec: AdapterSpec | None,
) -> tuple[FlowSpec, ...]:
    """The ``[[flow]]`` or ``[[transport]]`` tables of a definition, each id once.

    An optional transport is left out where the site's settings have neither its address nor its credential.
    """
    found: list[FlowSpec] = []
    ids: list[str] = []
    for number, (line, table) in enumerate(file.tables(name, problems)):
        left_out = spec is not None and table.get(OPTIONAL) is True and not _chosen(table, spec)
        one = _flow(file, f"{name}[{number}]", line, table, kinds, edition, problems, None if left_out else spec)
        if one is not None:
            if any(one.id == other for other in ids):
                problems.add(file.path, f"{name}[{number}].id", line=line, expected="each id once", got=one.id)
            ids.append(one.id)
            if not left_out:
                found.append(one)
    return tuple(found)


def _chosen(table: Mapping[str, Any], spec: AdapterSpec) -> bool:
    """Whether a site means an optional transport: it has its address, or a credential that nothing else would need."""
    return any(str(table.get(name, "")) in spec.settings for name in ("address", *CREDENTIALS))


def _flow(
    file: TomlFile,
    where: str,
    line: int,
    table: dict[str, Any],
    kinds: Mapping[str, Kind],
    edition: Edition,
    problems: Problems,
    spec: AdapterSpec | None,
) -> FlowSpec | None:
    kind = kinds.get(str(table.get("kind", "")))
    if kind is None:
        problems.unknown(file.path, f"{where}.kind", str(table.get("kind", "")), kinds, line=line)
        return None
    names = (*COMMON, *kind.required, *kind.optional)
    _check_keys(file, where, line, table, {name: KEY_TYPES.get(name, str) for name in names}, problems)
    for name, choices in CHOICES.items():
        if name in names and name in table and table[name] not in choices:
            problems.unknown(file.path, f"{where}.{name}", str(table[name]), choices, line=line)
    for name in kind.required:
        if name not in table and not (name == "operations" and "operation" in table):
            problems.add(file.path, f"{where}.{name}", line=line, expected="a value", got="nothing")
    flow = FlowSpec(str(table.get("id") or table["kind"]), str(table["kind"]), file.path.parent, dict(table), line)
    for operation in flow.operations:
        if operation and edition.operation(operation) is None:
            known = [one.key for unit in edition.units.values() for one in unit.operations.values()]
            problems.unknown(file.path, f"{where}.operation", operation, known, line=line)
    for name in (*kind.required, *kind.optional):
        is_file = name.endswith(("layout", "mapping", "wsdl"))
        if is_file and name in table and not flow.path(name).is_file():
            problems.add(file.path, f"{where}.{name}", line=line, expected="a file", got=str(table[name]))
    if spec is not None:
        for name in kind.settings:
            key = str(table.get(name, ""))
            if key and key not in spec.settings:
                where_ja = f"{where}.{name}"
                problems.unknown(file.path, f"{where_ja} -> adapter.settings", key, spec.settings, line=line)
    return flow


def _check_keys(
    file: TomlFile, where: str, line: int, table: Mapping[str, Any], known: Mapping[str, type], problems: Problems
) -> None:
    for name, value in table.items():
        expected = known.get(name)
        if expected is None:
            problems.unknown(file.path, f"{where}.{name}", name, known, line=line)
        elif not isinstance(value, expected) and not (expected is float and isinstance(value, int)):
            problems.add(file.path, f"{where}.{name}", line=line, expected=expected.__name__, got=type(value).__name__)
