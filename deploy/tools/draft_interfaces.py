"""Draft the interface definitions of a fictitious vendor from its house rules and the contracts of the standard.

    deploy/tools/draft_interfaces.py VENDOR [UNIT ...]

Writes ``adapters/vendors/<vendor>/interfaces/`` (layouts, mappings, item tables, code tables, golden samples) and
``adapters/vendors/<vendor>/<unit>/`` (adapter.toml, README.md) for units that have no folder yet. What is there is
not overwritten: from then on the files are the vendor's and are kept by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from adapters.population.records import atenabango, synthetic  # noqa: E402 - the path is set above
from adapters.simulators import dialects, open_soap, papers  # noqa: E402 - the same
from adapters.simulators.dialects import Column  # noqa: E402 - the same
from adapters.simulators.holdings import interface  # noqa: E402 - the same
from adapters.suite.golden import write_records  # noqa: E402 - the same
from schemas.catalog import load_edition  # noqa: E402 - the same
from schemas.model import Edition, Operation, RecordType, Unit  # noqa: E402 - the same

VENDORS = ROOT / "adapters" / "vendors"
NAMES = {"a": "A社", "b": "B社", "c": "C社"}
SAMPLE_RECORDS = 3
CONVERSIONS = {
    "copy": ("copy", ""),
    "flag": ("flag", "on=Y;off=N"),
    "wareki": ("wareki", "open_start=0000000;open_end=9999999"),
    "slash": ("date_slash", ""),
    "digits": ("date_digits", "absent="),
    "month": ("month_digits", ""),
    "time": ("time_digits", ""),
    "half": ("kana_half_full", ""),
    "hira": ("kana_hira", ""),
    "postal": ("punctuate", "pattern=###-####"),
    "pension": ("punctuate", "pattern=####-######"),
}
ECHO = "照会番号"
RESULT = "結果"
CODE = "結果コード"
ECHO_BYTES, RESULT_BYTES, CODE_BYTES = 8, 2, 8


def written(path: Path, text: str | bytes) -> None:
    """Write a file that is not there yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))


def names_of(names: Iterable[str]) -> str:
    """A list of names as TOML."""
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


@dataclass(frozen=True)
class Draft:
    """One vendor's drafts."""

    vendor: str
    edition: Edition

    @property
    def folder(self) -> Path:
        """Where its interfaces are defined."""
        return VENDORS / self.vendor / "interfaces"

    def begin(self) -> None:
        """What every interface shares."""
        name = NAMES[self.vendor]
        written(
            self.folder / "interfaces.toml",
            f"# {name}の連携仕様: 業務システムが他の業務システムと交わすファイル・電文の様式（架空）\n"
            f'[interfaces]\nvendor = "{self.vendor}"\nvendor_ja = "{name}"\nname_ja = "{name} 連携仕様"\n'
            'edition = "1.0"\n',
        )

    def record(self, unit: Unit, record: RecordType) -> str:
        """Item table, code tables, layouts, mappings and a golden sample of a record; its name."""
        name = f"{unit.key}.{record.name}"
        columns = dialects.columns(self.vendor, unit, record)
        written(self.folder / "items" / f"{name}.csv", self._table(columns))
        for one in columns:
            if one.form == "code":
                self._codes(unit, one.item.code)
        for kind in {"a": ("fixed",), "b": ("json", "csv")}.get(self.vendor, ("csv",)):
            self._pair(unit, record, columns, kind)
        return name

    def _table(self, columns: Iterable[Column], extra: Iterable[tuple[str, int, str]] = ()) -> str:
        """The item table; ``extra`` fields (name, bytes, what for) stand first and are no items of the standard."""
        head = {"a": "vendor,type,bytes,pad", "b": "vendor,type,path"}.get(self.vendor, "vendor,type")
        lines = [f"{head},standard,conversion,options,loss,reason"]
        place = f",{{}},{','.join([''] * 3)}" if self.vendor == "a" else ",,"
        lines += [f"{name},X{place.format(width)},,allow,{what}" for name, width, what in extra]
        for one in columns:
            conversion, options = CONVERSIONS.get(one.form, ("code", f"table=codes/{one.item.code}.csv"))
            kind = "N" if one.item.type == "N" and one.form in {"copy", "hira"} else "X"
            kind = "N" if one.form == "code" and self.vendor == "b" else kind
            cells = [one.name, "9" if one.zeros and self.vendor == "a" else kind]
            if self.vendor == "a":
                cells += [str(one.bytes), "left-zero" if one.zeros else ""]
            if self.vendor == "b":
                cells.append(".".join(one.path))
            lines.append(",".join([*cells, one.item.name, conversion, options, "", ""]))
        return "\n".join(lines) + "\n"

    def _codes(self, unit: Unit, table: str) -> None:
        codes = dialects.vendor_codes(self.vendor, unit.codes[table])
        names = {row.code: row.name_ja for row in unit.codes[table].rows}
        lines = ["vendor,standard,name_ja", *(f"{theirs},{ours},{names[ours]}" for ours, theirs in codes.items())]
        written(self.folder / "codes" / f"{table}.csv", "\n".join(lines) + "\n")

    def _pair(self, unit: Unit, record: RecordType, columns: tuple[Column, ...], kind: str) -> None:
        name = f"{unit.key}.{record.name}" + ("" if self.vendor == "a" else f".{kind}")
        written(self.folder / "layout" / f"{name}.toml", self.layout(unit, record, name, columns, kind))
        written(self.folder / "mapping" / f"{name}.toml", self.mapping(unit, record, name))
        sample = self.folder / "samples" / f"{unit.key}.{record.name}"
        rows = self._truth(unit, record)
        theirs = [dialects.to_vendor(self.vendor, unit, record, row) for row in rows]
        suffix = {"fixed": "dat", "json": "json"}.get(kind, "csv")
        body = {
            "fixed": lambda: b"".join(papers.fixed(columns, row) + b"\r\n" for row in theirs),
            "json": lambda: papers.dumps([papers.document(columns, row) for row in theirs]),
            "csv": lambda: papers.table(columns, theirs, "cp932" if self.vendor == "c" else "utf-8"),
        }[kind]()
        written(sample.with_name(f"{sample.name}.{suffix}"), body)
        golden = sample.with_name(f"{sample.name}.xml")
        if not golden.exists():
            with golden.open("wb") as stream:
                write_records(stream, unit, record, rows)

    def layout(self, unit: Unit, record: RecordType, name: str, columns: tuple[Column, ...], kind: str) -> str:
        """The head of a layout."""
        title = f"# {NAMES[self.vendor]} {unit.name_ja}: {record.name}（項目は items/{unit.key}.{record.name}.csv）\n"
        head = [f'id = "{self.vendor}.{name}"', f'table = "items/{unit.key}.{record.name}.csv"']
        head += {
            "fixed": [
                'kind = "fixed"',
                'encoding = "cp932"',
                "gaiji = true",
                f"record_bytes = {papers.size(columns)}",
                'line_end = "crlf"',
            ],
            "json": ['kind = "json"', 'encoding = "utf-8"', 'form = "array"', 'absent = "omit"'],
            "csv": [
                'kind = "delimited"',
                f'encoding = "{"cp932" if self.vendor == "c" else "utf-8"}"',
                "header_line = true",
                'line_end = "crlf"',
            ],
        }[kind]
        return title + "[layout]\n" + "\n".join(head) + "\n"

    def mapping(self, unit: Unit, record: RecordType, name: str) -> str:
        """The head of a mapping."""
        return (
            f"# {NAMES[self.vendor]} {unit.name_ja}: {record.name} と標準の対応\n[mapping]\n"
            f'id = "{self.vendor}.{name}"\nlayout = "layout/{name}.toml"\nrecord = "{unit.key}.{record.name}"\n'
            f'table = "items/{unit.key}.{record.name}.csv"\n'
        )

    def exchange(self, unit: Unit, operation: Operation) -> None:
        """Vendor A's inquiry file and answer file: a running number, and with the answer its result."""
        number = (ECHO, ECHO_BYTES, "照会ファイルの中の番号。回答に書き戻す")
        result = [(RESULT, RESULT_BYTES, "00 該当あり 01 該当なし 90 誤り"), (CODE, CODE_BYTES, "誤りのコード")]
        for record, suffix, extra in (
            (operation.request_record, "shokai", [number]),
            (operation.record, "kaito", [number, *result]),
        ):
            name = f"{unit.key}.{record}.{suffix}"
            columns = dialects.columns(self.vendor, unit, unit.records[record])
            written(self.folder / "items" / f"{name}.csv", self._table(columns, extra))
            head = self.layout(unit, unit.records[record], name, columns, "fixed")
            head = head.replace(f"items/{unit.key}.{record}.csv", f"items/{name}.csv")
            size = papers.size(columns)
            head = head.replace(f"record_bytes = {size}", f"record_bytes = {size + sum(one[1] for one in extra)}")
            written(self.folder / "layout" / f"{name}.toml", head)
            mapping = self.mapping(unit, unit.records[record], name)
            written(
                self.folder / "mapping" / f"{name}.toml",
                mapping.replace(f"items/{unit.key}.{record}.csv", f"items/{name}.csv"),
            )

    def service(self, unit: Unit) -> None:
        """Vendor C's SOAP service of a unit: its WSDL, and the records of questions and answers as XML."""
        operations = open_soap.questions(unit)
        if not operations:
            return
        face = open_soap.soap_face(unit, lambda name: interface("c", self.edition, name), lambda *_: [])
        assert face is not None
        written(self.folder / "wsdl" / f"{unit.key}.wsdl", face.wsdl(f"http://127.0.0.1/soap/{unit.key}"))
        for operation in operations:
            for record, suffix, element in (
                (operation.request_record, "joken", open_soap.QUESTION),
                (operation.record, "meisai", open_soap.ROWS),
            ):
                name = f"{unit.key}.{record}.{suffix}"
                head = (
                    f'# C社 {unit.name_ja}: {record}（独自 SOAP の {element}）\n[layout]\nid = "c.{name}"\n'
                    f'table = "items/{unit.key}.{record}.csv"\nkind = "xml"\nform = "object"\nelement = "{element}"\n'
                    f'namespace = "{open_soap.namespace_of(unit.key)}"\nabsent = "omit"\n'
                )
                written(self.folder / "layout" / f"{name}.toml", head)
                written(self.folder / "mapping" / f"{name}.toml", self.mapping(unit, unit.records[record], name))

    def _truth(self, unit: Unit, record: RecordType) -> list[dict[str, str]]:
        names = {item.name for item in record.items}
        rows = []
        for number in range(1, SAMPLE_RECORDS + 1):
            random = Random(f"{unit.key}.{record.name}/{number}")
            known = {"atenabango": atenabango(number)} if "atenabango" in names else {}
            rows.append(synthetic(unit, record, random, known, share=1.0 if number == 1 else 0.5))
        return rows


def carried(unit: Unit) -> dict[str, RecordType]:
    """The records that a unit's own operations carry or ask with; the control records of bulk transfers left out."""
    found: dict[str, RecordType] = {}
    for operation in unit.operations.values():
        if operation.record:
            found[operation.record] = unit.records[operation.record]
        if operation.request_record and operation.pattern in {"inquiry", "late"}:
            found[operation.request_record] = unit.records[operation.request_record]
    return found


def consumed(edition: Edition, unit: str) -> list[Operation]:
    """The operations of other units that a unit may use."""
    return [
        operation
        for other in edition.units.values()
        if other.key != unit
        for operation in other.operations.values()
        if (unit in operation.consumers or "*" in operation.consumers) and edition.purposes_for(operation, unit)
    ]


def code_of(edition: Edition, operation: Operation) -> str:
    """The processing code of an inquiry in vendor A's telegrams: number of the unit, number of the operation."""
    names = [one.name for one in edition.units[operation.unit].operations.values()]
    return f"{edition.units[operation.unit].number:02d}{names.index(operation.name) + 1:02d}"


def flow(**keys: object) -> str:
    """One ``[[flow]]``."""
    lines = ["[[flow]]"]
    for name, value in keys.items():
        shown = (
            names_of(value)
            if isinstance(value, list)
            else str(value)
            if isinstance(value, int | float)
            else f'"{value}"'
        )
        lines.append(f"{name} = {shown}")
    return "\n".join(lines) + "\n"


def pair_of(name: str, prefix: str = "") -> dict[str, str]:
    """Layout and mapping of an interface, as keys of a flow."""
    return {
        f"{prefix}layout": f"../interfaces/layout/{name}.toml",
        f"{prefix}mapping": f"../interfaces/mapping/{name}.toml",
    }


def unit_flows(vendor: str, edition: Edition, unit: Unit) -> list[str]:
    """What the vendor's system of a unit exchanges: its own operations, and those of others that it may use."""
    make = {"a": host_flows, "b": cloud_flows, "c": open_flows}[vendor]
    used = consumed(edition, unit.key)
    flows: list[str] = []
    for operation in unit.operations.values():
        flows += make(edition, unit, operation, own=True)
    received: dict[str, list[Operation]] = {}
    for operation in used:
        if operation.record and (operation.pattern == "notice" or operation.name.endswith("ikkatsu_soshin")):
            received.setdefault(f"{operation.unit}.{operation.record}", []).append(operation)
        elif operation.pattern in {"inquiry", "late"}:
            flows += make(edition, unit, operation, own=False)
    for name, operations in received.items():
        flows.append(receiving(vendor, edition, unit, name, operations))
    return flows


def names(operation: Operation) -> tuple[str, str, str]:
    """The names of an operation, of what it carries and of what it is asked with."""
    unit = operation.unit
    return operation.key, f"{unit}.{operation.record}", f"{unit}.{operation.request_record}"


def receiving(vendor: str, edition: Edition, unit: Unit, name: str, operations: list[Operation]) -> str:
    """Notices and bulk transfers of one record."""
    keys = [one.key for one in operations]
    head = {"id": f"juryo-{name}", "operations": keys}
    if vendor == "a":
        return flow(
            kind="bus-to-file", **head, folder="in", file_name=f"{name}_{{batch:010d}}.DAT", end_mark=".END",
            batch_records=500, **pair_of(name),
        )  # fmt: skip
    if vendor == "c":
        return flow(
            kind="bus-to-file", **head, folder="in", file_name=f"{name}_{{batch:010d}}.csv", end_mark=".END",
            batch_records=500, **pair_of(f"{name}.csv"),
        )  # fmt: skip
    provider, _, record = name.partition(".")
    columns = dialects.columns(vendor, edition.units[provider], edition.units[provider].records[record])
    path = "/".join(
        f"{{{one.name}}}"
        for key in edition.units[provider].records[record].key
        for one in columns
        if one.item.name == key
    )
    return flow(
        kind="bus-to-rest", **head, address="rest", auth="rest_token", method="PUT",
        path=f"/api/v1/{unit.key}/{name}/{path}", **pair_of(f"{name}.json"),
    )  # fmt: skip


def host_flows(edition: Edition, unit: Unit, operation: Operation, *, own: bool) -> list[str]:
    """Vendor A: files of fixed-length records, telegrams for inquiries."""
    key, record, request = (
        operation.key,
        f"{operation.unit}.{operation.record}",
        f"{operation.unit}.{operation.request_record}",
    )
    purpose = operation.purposes[0] if own else edition.purposes_for(operation, unit.key)[0]
    if operation.pattern in {"inquiry", "late"} and own:
        return [
            flow(
                id=f"kaito-{key}", kind="bus-to-tcp", operation=key, address="tcp",
                request_code=code_of(edition, operation),
                **pair_of(request, "request_"), **pair_of(record, "reply_"),
            )
        ]  # fmt: skip
    if operation.pattern in {"inquiry", "late"}:
        return [
            flow(
                id=f"shokai-{key}", kind="request-file-to-bus", operation=key, purpose=purpose, folder="shokai",
                pattern=f"SHOKAI_{key}_*.DAT", end_mark=".END", reply_folder="kaito", reply_name="KAITO_{rest}",
                **pair_of(f"{request}.shokai", "request_"), **pair_of(f"{record}.kaito", "reply_"),
                echo=[ECHO], result_field=RESULT, code_field=CODE,
            )
        ]  # fmt: skip
    return sending(operation, purpose, pair_of(record), "DAT")


def sending(operation: Operation, purpose: str, pair: dict[str, str], suffix: str) -> list[str]:
    """Files of a vendor that become notices or bulk transfers."""
    if operation.pattern == "notice":
        return [
            flow(
                id=f"soshin-{operation.key}", kind="file-to-bus", operation=operation.key, purpose=purpose,
                folder="out",
                pattern=f"{operation.key}_*.{suffix}", end_mark=".END", **pair,
            )
        ]  # fmt: skip
    if not operation.name.endswith("ikkatsu_soshin"):
        return []
    return [
        flow(
            id=f"{name}-{operation.key}", kind="file-to-bulk", operation=operation.key, purpose=purpose, folder="out",
            pattern=f"{name.upper()}_{operation.key}_*.{suffix}", end_mark=".END", shubetsu=shubetsu, part_records=100,
            request_folder="irai", request_name=f"IRAI_{operation.key}_{{ikkatsuid}}.REQ", **pair,
        )
        for name, shubetsu in (("zenken", "1"), ("sabun", "2"))
    ]  # fmt: skip


def cloud_flows(edition: Edition, unit: Unit, operation: Operation, *, own: bool) -> list[str]:
    """Vendor B: REST for inquiries, CSV files for what it sends."""
    key, record, request = (
        operation.key,
        f"{operation.unit}.{operation.record}",
        f"{operation.unit}.{operation.request_record}",
    )
    purpose = operation.purposes[0] if own else edition.purposes_for(operation, unit.key)[0]
    pairs = {**pair_of(f"{request}.json", "request_"), **pair_of(f"{record}.json", "reply_")}
    if operation.pattern in {"inquiry", "late"} and own:
        return [
            flow(
                id=f"kaito-{key}", kind="bus-to-rest-query", operation=key, address="rest", auth="rest_token",
                method="POST", path=f"/api/v1/{unit.key}/shokai/{key}", **pairs,
            )
        ]  # fmt: skip
    if operation.pattern in {"inquiry", "late"}:
        return [
            flow(
                id=f"shokai-{key}", kind="rest-to-bus", operation=key, purpose=purpose, path=f"/api/v1/shokai/{key}",
                auth="face_token", **pairs,
            )
        ]  # fmt: skip
    return sending(operation, purpose, pair_of(f"{record}.csv"), "csv")


def open_flows(edition: Edition, unit: Unit, operation: Operation, *, own: bool) -> list[str]:
    """Vendor C: its own SOAP service for questions, both ways by the same WSDL; CSV files for what it sends."""
    key, record, request = names(operation)
    purpose = operation.purposes[0] if own else edition.purposes_for(operation, unit.key)[0]
    pairs = {**pair_of(f"{request}.joken", "request_"), **pair_of(f"{record}.meisai", "reply_")}
    service = {"wsdl": f"../interfaces/wsdl/{operation.unit}.wsdl", "soap_operation": operation.name}
    places = {"record_at": open_soap.QUESTION, "items_at": open_soap.ROWS, "result_at": open_soap.RESULT}
    if operation.pattern in {"inquiry", "late"} and own:
        return [
            flow(
                id=f"kaito-{key}", kind="bus-to-soap-query", operation=key, address="soap", path=f"/soap/{unit.key}",
                **service, **places, result_ok=[open_soap.FOUND], result_none=[open_soap.NONE], **pairs,
            )
        ]  # fmt: skip
    if operation.pattern in {"inquiry", "late"}:
        return [
            flow(
                id=f"shokai-{key}", kind="soap-query-to-bus", operation=key, purpose=purpose, path="/madoguchi",
                auth="face_token", **service, **places, **pairs,
            )
        ]  # fmt: skip
    return sending(operation, purpose, pair_of(f"{record}.csv"), "csv")


def samples_of(folder: Path) -> str:
    """``samples.toml`` of all samples in the folder."""
    lines = ["# 合成データによるサンプルと、標準での正しい読み / synthetic golden pairs\n"]
    for path in sorted((folder / "samples").iterdir()):
        if path.suffix in {".dat", ".csv", ".json"}:
            layout = path.stem if path.suffix == ".dat" else path.name
            lines.append(
                f'[[sample]]\nfile = "{path.name}"\nlayout = "layout/{layout}.toml"\n'
                f'mapping = "mapping/{layout}.toml"\nstandard = "{path.stem}.xml"\n'
            )
    return "\n".join(lines)


def main() -> None:
    """Draft what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vendor", choices=sorted(NAMES))
    parser.add_argument("unit", nargs="*")
    arguments = parser.parse_args()
    edition = load_edition()
    draft = Draft(arguments.vendor, edition)
    draft.begin()
    for key in arguments.unit or edition.units:
        for record in carried(edition.units[key]).values():
            draft.record(edition.units[key], record)
            if arguments.vendor == "a":
                for operation in edition.units[key].operations.values():
                    if operation.pattern in {"inquiry", "late"}:
                        draft.exchange(edition.units[key], operation)
        if arguments.vendor == "c":
            draft.service(edition.units[key])
    for key in arguments.unit or edition.units:
        folder = VENDORS / arguments.vendor / key
        if not folder.exists():
            unit, name = edition.units[key], NAMES[arguments.vendor]
            head = (
                f"# {name} {unit.name_ja}: 様式は ../interfaces にある連携仕様のとおり\n[adapter]\n"
                f'vendor = "{arguments.vendor}"\nvendor_ja = "{name}"\nunit = "{key}"\n'
                f'name_ja = "{name} {unit.name_ja} アダプター"\nedition = "1.0"\n'
            )
            written(folder / "adapter.toml", "\n".join([head, *unit_flows(arguments.vendor, edition, unit)]))
    (draft.folder / "samples" / "samples.toml").write_text(samples_of(draft.folder), encoding="utf-8")


if __name__ == "__main__":
    main()
