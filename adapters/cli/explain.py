"""Show the lineage of one record: target item, conversion, vendor item, bytes with their code points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.characters.register import GaijiRegister
from adapters.cli.output import ExitCode, document, show_findings
from adapters.sdk.errors import code_points
from adapters.sdk.types import BadRecord, LineageStep, VendorRecord
from adapters.suite.subject import Pair
from bus.core.config.reader import nearest
from bus.core.errors import AdapterError, ConfigurationError
from bus.core.types import Finding


def run(file: Path, number: int, item: str, pair: Pair, gaiji: GaijiRegister, *, json: bool) -> int:
    """Explain record ``number``, all items or those that ``item`` names (either side)."""
    record = _find(file, number, pair, gaiji)
    if isinstance(record, BadRecord):
        return _refused(pair.mapping.named(record.error), json=json)
    try:
        converted = pair.mapping.to_standard(record)
    except AdapterError as error:
        return _refused(error, json=json)
    steps = [step for step in converted.lineage if not item or item in _names(step)]
    if item and not steps:
        known = [name for step in converted.lineage for name in _names(step)]
        finding = Finding("CB6015", path=item, expected=f"{nearest(item, known)}?", got="no value")
        return _refused(AdapterError("CB6015", (finding,)), json=json)
    rows = [_row(step, record, converted.values) for step in steps]
    losses = [{"item": loss.item, "reason": loss.reason, "place": loss.place} for loss in converted.losses]
    if json:
        origin = record.origin
        place = {
            "file": origin.file,
            "record": origin.record_no,
            "byte": origin.byte_offset,
            "bytes": origin.byte_length,
        }
        document({"mapping": pair.mapping.id, "origin": place, "items": rows, "losses": losses})
        return ExitCode.DONE
    print(f"{pair.mapping.id}: {record.origin.place()}")
    for row in rows:
        _tell(row)
    for one in losses:
        print(f"  欠落 loss: {one['place'] or one['item']}: {one['reason']}")
    return ExitCode.DONE


def _find(file: Path, number: int, pair: Pair, gaiji: GaijiRegister) -> VendorRecord | BadRecord:
    last = 0
    with file.open("rb") as stream:
        for record in pair.codec(gaiji).decode(stream, file.name):
            if record.origin.record_no == number:
                return record
            last = max(last, record.origin.record_no)
    got = Finding("CB7030", path="--record", expected=f"1-{last}", got=str(number))
    raise ConfigurationError("CB7030", (got,))


def _names(step: LineageStep) -> set[str]:
    return {step.target, step.target_ja, *(source.item for source in step.sources)}


def _row(step: LineageStep, record: VendorRecord, values: dict[str, str]) -> dict[str, Any]:
    start = record.origin.byte_offset
    sources = []
    for source in step.sources:
        raw = record.raw[source.offset - start : source.offset - start + source.length]
        value = record.values.get(source.item, "")
        sources.append(
            {
                "item": source.item,
                "byte": source.offset,
                "bytes": source.length,
                "raw": raw.hex(" ").upper(),
                "value": value,
                "code_points": code_points(value),
            }
        )
    value = values.get(step.target, "") if step.side == "standard" else ""
    return {
        "side": step.side,
        "item": step.target,
        "name_ja": step.target_ja,
        "kind": step.kind,
        "value": value,
        "code_points": code_points(value),
        "conversion": step.conversion,
        "note": step.note,
        "sources": sources,
    }


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
    print(f"  ← {kinds[row['kind']]}" + (f"　{row['note']}" if row["note"] else ""))
    for source in row["sources"]:
        print(f"     {source['item']}: {source['value'] or '-'}")
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
