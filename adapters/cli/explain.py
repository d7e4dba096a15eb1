"""Show the lineage of one record: target item, conversion, vendor item, bytes with their code points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.characters.register import GaijiRegister
from adapters.cli.explain_place import RuleLines, at_byte, bytes_of, items_at, structure_at
from adapters.cli.output import ExitCode, document, show_findings
from adapters.codecs.grouped import unframed
from adapters.sdk.errors import code_points
from adapters.sdk.types import BadRecord, LineageStep, VendorRecord
from adapters.suite.subject import Pair
from bus.core.config.reader import nearest
from bus.core.errors import AdapterError, ConfigurationError
from bus.core.types import Finding


def run(
    file: Path, number: int, item: str, pair: Pair, gaiji: GaijiRegister, *, byte: int | None = None, json: bool = False
) -> int:
    """Explain record ``number``, or what stands at ``byte`` of the file; all items or those that ``item`` names."""
    codec = pair.codec(gaiji)
    with file.open("rb") as stream:
        records = codec.decode(stream, file.name)
        chosen = list(at_byte(records, byte)) if byte is not None else [_numbered(records, number)]
    size = file.stat().st_size
    if byte is not None and byte >= size:
        raise ConfigurationError("CB7030", (Finding("CB7030", path="--byte", expected=f"0-{size - 1}", got=str(byte)),))
    if not chosen and byte is not None:
        return _structure(pair, byte, structure_at(file, byte, codec), json=json)
    view = _View(file, pair, RuleLines(pair))
    documents = []
    for record in chosen:
        if isinstance(record, BadRecord):
            return _refused(pair.mapping.named(record.error), json=json)
        try:
            found = view.document(record, item, byte)
        except AdapterError as error:
            return _refused(error, json=json)
        documents.append(found)
        if not json:
            _show(pair, record, found)
    if json:
        whole = {"mapping": pair.mapping.id, "byte": byte, "records": documents}
        document(whole if byte is not None else {"mapping": pair.mapping.id, **documents[0]})
    return ExitCode.DONE


def _numbered(records: Iterable[VendorRecord | BadRecord], number: int) -> VendorRecord | BadRecord:
    last = 0
    for record in records:
        if record.origin.record_no == number:
            return record
        last = max(last, record.origin.record_no)
    got = Finding("CB7030", path="--record", expected=f"1-{last}", got=str(number))
    raise ConfigurationError("CB7030", (got,))


def _names(step: LineageStep) -> set[str]:
    return {step.target, step.target_ja, *(source.item for source in step.sources)}


@dataclass(frozen=True, slots=True)
class _View:
    """What of a file is explained, and by what."""

    file: Path
    pair: Pair
    lines: RuleLines

    def document(self, record: VendorRecord, item: str, byte: int | None) -> dict[str, Any]:
        """The items of a record; AdapterError when it is refused, or has no such item (CB6015)."""
        converted = self.pair.mapping.to_standard(record)
        here = frozenset(items_at(record, byte)) if byte is not None else None
        steps = [
            step
            for step in converted.lineage
            if (not item or item in _names(step)) and (here is None or any(one.item in here for one in step.sources))
        ]
        if item and not steps:
            known = [name for step in converted.lineage for name in _names(step)]
            finding = Finding("CB6015", path=item, expected=f"{nearest(item, known)}?", got="no value")
            raise AdapterError("CB6015", (finding,))
        origin = record.origin
        found: dict[str, Any] = {
            "origin": {
                "file": origin.file,
                "record": origin.record_no,
                "byte": origin.byte_offset,
                "bytes": origin.byte_length,
            },
            "items": [self._row(step, record, converted.values) for step in steps],
            "losses": [{"item": loss.item, "reason": loss.reason, "place": loss.place} for loss in converted.losses],
        }
        if here is not None:
            # a blank item has no step: its bytes are shown all the same
            shown = {one["item"] for row in found["items"] for one in row["sources"]}
            found["blank"] = [self._source(record, name) for name in sorted(here - shown)]
        return found

    def _row(self, step: LineageStep, record: VendorRecord, values: dict[str, str]) -> dict[str, Any]:
        value = values.get(step.target, "") if step.side == "standard" else ""
        check = self.pair.mapping.checks.get(step.target) if step.side == "standard" else None
        return {
            "record": record.origin.record_no,
            "side": step.side,
            "item": step.target,
            "name_ja": step.target_ja,
            "kind": step.kind,
            "value": value,
            "code_points": code_points(value),
            "conversion": step.conversion,
            "note": step.note,
            "rule": self.lines.of(step),
            "provenance": check.item.provenance if check is not None else "",
            "sources": [self._source(record, one.item) for one in step.sources],
        }

    def _source(self, record: VendorRecord, name: str) -> dict[str, Any]:
        """A vendor's item: where its bytes stand in the file, what they are, and what they were read as."""
        offset, length = record.spans.get(name, (0, 0))
        value = record.values.get(name, "")
        return {
            "item": name,
            "column": self._column(record, name),
            "byte": offset,
            "bytes": length,
            "raw": bytes_of(self.file, offset, length).hex(" ").upper(),
            "value": value,
            "code_points": code_points(value),
        }

    def _column(self, record: VendorRecord, name: str) -> str:
        """The column of the file, where a repeated one has another name than the item; its number has none."""
        group = self.pair.layout.group
        columns = dict(group.items).get(name) if group is not None else None
        if group is None or (columns is None and name != group.number):
            return name
        number = unframed(record.raw)[0]
        return columns[number - 1] if columns is not None else f"{number} / {group.times}"


def _structure(pair: Pair, byte: int, found: dict[str, Any], *, json: bool) -> int:
    """A byte that belongs to no item of the mapping: what line or record it stands in."""
    if json:
        document({"mapping": pair.mapping.id, "byte": byte, "records": [], "structure": found})
        return ExitCode.DONE
    print(f"{pair.mapping.id}: byte {byte}: 対応する項目はありません / no item of the mapping stands here")
    role = f"{found['role']} レコード record、" if found["role"] else ""
    print(f"  {role}位置 byte {found['byte']}+{found['bytes']}　{found['raw']}")
    if found["field"]:
        print(f"  {found['field']}: {found['value'] or '-'}")
    return ExitCode.DONE


def _show(pair: Pair, record: VendorRecord, found: dict[str, Any]) -> None:
    print(f"{pair.mapping.id}: {record.origin.place()}")
    for row in found["items"]:
        _tell(row)
    for one in found.get("blank", ()):
        print(f"\n{one['item']}: 空欄 blank　位置 byte {one['byte']}+{one['bytes']}　{one['raw'] or '-'}")
    for one in found["losses"]:
        print(f"  欠落 loss: {one['place'] or one['item']}: {one['reason']}")


def _tell(row: dict[str, Any]) -> None:
    """One item for a person: its value and code points, and under it each source with its bytes in the file."""
    name = f" {row['name_ja']}" if row["name_ja"] and row["name_ja"] != row["item"] else ""
    points = f"　{row['code_points']}" if row["code_points"] else ""
    print(f"\n{row['item']}{name}: {row['value'] or '-'}{points}")
    kinds = {
        "item": f"変換 {row['conversion']}",
        "default": f"既定値 default {row['conversion']}",
        "constant": "固定値 constant",
        "derived": f"算出 derived {row['conversion']}",
        "unmapped": "対象外 unmapped",
    }
    rule, provenance = row["rule"], f"　出所 {row['provenance']}" if row["provenance"] else ""
    print(f"  ← {kinds[row['kind']]}" + (f"　{row['note']}" if row["note"] else ""))
    print(f"     {rule['file']}:{rule['line']}{provenance}")
    for source in row["sources"]:
        column = f"（{source['column']}）" if source["column"] != source["item"] else ""
        print(f"     {source['item']}{column}: {source['value'] or '-'}")
        print(f"       位置 byte {source['byte']}+{source['bytes']}　{_short(source['raw']) or '-'}")
        if source["code_points"]:
            print(f"       符号位置 {source['code_points']}")


def _short(text: str) -> str:
    """Bytes in hexadecimal without the padding of fixed-length fields."""
    while text.endswith("20"):
        text = text[:-2].rstrip()
    return text


def _refused(error: AdapterError, *, json: bool) -> int:
    if json:
        document({"error": {"code": error.code, "findings": [one.as_dict() for one in error.findings]}})
    show_findings(error.findings)
    return ExitCode.NEGATIVE
