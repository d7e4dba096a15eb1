"""Read a vendor's ``adapter.toml``: which flows there are and what each needs, every problem reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from adapters.sdk.problems import Problems
from adapters.sdk.toml import TomlFile, read_toml
from bus.core.settings import AdapterSpec
from schemas.model import Edition

VENDORS = Path(__file__).parent.parent / "vendors"
FILE = "adapter.toml"
_ADAPTER_KEYS = {"vendor": str, "vendor_ja": str, "unit": str, "name_ja": str, "edition": str, "note": str}
_COMMON = ("id", "kind", "operation", "operations", "purpose", "note")
_REQUEST = ("request_layout", "request_mapping", "reply_layout", "reply_mapping")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of flow asks for. ``settings`` are keys whose value names a key of the site's settings."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "file-to-bus": Kind(("folder", "pattern", "layout", "mapping", "operation"), ("end_mark",), ("folder",)),
        "file-to-bulk": Kind(
            ("folder", "pattern", "layout", "mapping", "operation", "shubetsu"),
            ("end_mark", "part_records", "request_folder", "request_name", "request_text"),
            ("folder", "request_folder"),
        ),
        "bus-to-tcp": Kind(("operation", "address", "request_code", *_REQUEST), ("deadline_s", "pool"), ("address",)),
        "bus-to-file": Kind(
            ("operations", "folder", "file_name", "layout", "mapping"),
            ("end_mark", "batch_records", "batch_s", "header"),
            ("folder",),
        ),
        "bus-to-rest": Kind(
            ("operations", "address", "method", "path", "layout", "mapping"),
            ("auth", "deadline_s", "concurrency"),
            ("address", "auth"),
        ),
        "request-file-to-bus": Kind(
            ("folder", "pattern", "operation", "reply_folder", "reply_name", *_REQUEST),
            ("end_mark", "result_field", "code_field", "echo", "deadline_s", "concurrency"),
            ("folder", "reply_folder"),
        ),
        "rest-to-bus": Kind(
            ("operation", "path", *_REQUEST),
            ("auth", "result_field", "code_field", "items_field", "deadline_s"),
            ("auth",),
        ),
        "bus-to-file-exchange": Kind(
            ("operation", "folder", "file_name", "reply_folder", "reply_pattern", "number_field", *_REQUEST),
            ("end_mark", "result_field", "batch_records", "batch_s"),
            ("folder", "reply_folder"),
        ),
        "bus-to-rest-query": Kind(
            ("operation", "address", "path", "reply_layout", "reply_mapping", "request_layout", "request_mapping"),
            ("method", "auth", "deadline_s", "connections"),
            ("address", "auth"),
        ),
    }
)
_TYPES: Mapping[str, type] = MappingProxyType(
    {
        "operations": list,
        "echo": list,
        "header": dict,
        "part_records": int,
        "batch_records": int,
        "pool": int,
        "concurrency": int,
        "connections": int,
        "batch_s": float,
        "deadline_s": float,
    }
)


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
    """An adapter definition."""

    vendor: str
    vendor_ja: str
    unit: str
    name_ja: str
    edition: str
    folder: Path
    flows: tuple[FlowSpec, ...]


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
    flows: list[FlowSpec] = []
    for number, (line, table) in enumerate(file.tables("flow", problems)):
        flow = _flow(file, f"flow[{number}]", line, table, edition, problems, spec)
        if flow is not None:
            if any(flow.id == other.id for other in flows):
                problems.add(file.path, f"flow[{number}].id", line=line, expected="each id once", got=flow.id)
            flows.append(flow)
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
        tuple(flows),
    )


def _flow(
    file: TomlFile,
    where: str,
    line: int,
    table: dict[str, Any],
    edition: Edition,
    problems: Problems,
    spec: AdapterSpec | None,
) -> FlowSpec | None:
    kind = KINDS.get(str(table.get("kind", "")))
    if kind is None:
        problems.unknown(file.path, f"{where}.kind", str(table.get("kind", "")), KINDS, line=line)
        return None
    names = (*_COMMON, *kind.required, *kind.optional)
    _check_keys(file, where, line, table, {name: _TYPES.get(name, str) for name in names}, problems)
    for name in kind.required:
        if name not in table and not (name == "operations" and "operation" in table):
            problems.add(file.path, f"{where}.{name}", line=line, expected="a value", got="nothing")
    flow = FlowSpec(str(table.get("id") or table["kind"]), str(table["kind"]), file.path.parent, dict(table), line)
    for operation in flow.operations:
        if operation and edition.operation(operation) is None:
            known = [one.key for unit in edition.units.values() for one in unit.operations.values()]
            problems.unknown(file.path, f"{where}.operation", operation, known, line=line)
    for name in (*kind.required, *kind.optional):
        is_file = name.endswith(("layout", "mapping"))
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
