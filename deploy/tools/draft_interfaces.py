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

from draft_flows import CODE, ECHO, RESULT, readme, unit_flows  # noqa: E402 - the path is set above
from draft_rules import edges_of, rule_text  # noqa: E402 - the path is set above

from adapters.population.records import atenabango, synthetic  # noqa: E402 - the same
from adapters.simulators import dialects, open_soap, papers  # noqa: E402 - the same
from adapters.simulators.dialects import Column, Rule  # noqa: E402 - the same
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
    "arinashi": ("flag", "on=有;off=無"),
    "wareki": ("wareki", "open_start=0000000;open_end=9999999"),
    "letters": ("wareki", "pattern=AYY.MM.DD;open_start=-;open_end=R99.12.31"),
    "month": ("month_digits", ""),
    "time": ("time_digits", ""),
    "half": ("kana_half_full", ""),
    "hira": ("kana_hira", ""),
    "postal": ("punctuate", "pattern=###-####"),
    "pension": ("punctuate", "pattern=####-######"),
}
ECHO_BYTES, RESULT_BYTES, CODE_BYTES = 8, 2, 8
NOTICES = """\
# C社 {name_ja}: chotei（1つのファイルに4種類の行。通知書の行に期別の行が続く）
[layout]
id = "c.{unit}.chotei.csv"
kind = "multi"

[[record]]
role = "header"
mark = "H"
layout = "chotei.header.toml"

[[record]]
role = "parent"
mark = "T"
layout = "chotei.tsuchisho.toml"

[[record]]
role = "detail"
mark = "K"
layout = "chotei.kibetsu.toml"

[[record]]
role = "trailer"
mark = "E"
layout = "chotei.gokei.toml"
counts = {{ "TSUCHISHO_KENSU" = "parent", "KIBETSU_KENSU" = "detail" }}
totals = {{ "CHOTEIGAKU_GOKEI" = "CHOTEIGAKU" }}
"""


def written(path: Path, text: str | bytes) -> None:
    """Write a file that is not there yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))


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
        rules = dialects.rules(self.vendor, unit, record)
        written(self.folder / "items" / f"{name}.csv", self._table(rules))
        for rule in rules:
            if rule.form == "code":
                self._codes(unit, rule.items[0].code)
        for kind in {"a": ("fixed",), "b": ("json", "csv")}.get(self.vendor, ("csv",)):
            self._pair(unit, record, dialects.columns(self.vendor, unit, record), kind)
        return name

    def _table(self, rules: Iterable[Rule], extra: Iterable[tuple[str, int, str]] = ()) -> str:
        """The item table; ``extra`` fields (name, bytes, what for) stand first and are no items of the standard."""
        head = {"a": "vendor,type,bytes,usage,digits,sign,blank,keep_zeros", "b": "vendor,type,path,json"}
        first = head.get(self.vendor, "vendor,type")
        lines = [f"{first},standard,conversion,options,loss,reason"]
        blank = "," * (first.count(",") - 2)
        lines += [f"{name},X,{width}{blank},,,,allow,{what}" for name, width, what in extra]
        for rule in rules:
            lines += [",".join([*self._place(one), *self._pairing(rule, one)]) for one in rule.columns]
        return "\n".join(lines) + "\n"

    def _place(self, one: Column) -> list[str]:
        """What a line says of the field."""
        kind = "N" if one.wide else "X"
        if self.vendor == "a":
            host = {"packed": ",,low,", "signed": ",signed,low,", "digits": "7,,low,yes"}
            numeric = one.kind in host
            usage = ["packed", *host[one.kind].split(",")] if numeric else [""] * 5
            return [one.name, "9" if numeric else kind, str(one.bytes), *usage]
        if self.vendor == "b":
            number = one.kind == "number"
            return [one.name, "X" if number else "N", ".".join(one.path), one.kind if number else ""]
        return [one.name, kind]

    @staticmethod
    def _pairing(rule: Rule, one: Column) -> list[str]:
        """What a line says of the standard's item, or that the mapping's TOML says it."""
        if one.item is None or rule.form not in {*CONVERSIONS, "code"}:
            return ["", "mapping", "", "", ""]
        conversion, options = CONVERSIONS.get(rule.form, ("code", f"table=codes/{one.item.code}.csv"))
        return [one.item.name, conversion, options, "", ""]

    def _codes(self, unit: Unit, table: str) -> None:
        codes = dialects.vendor_codes(self.vendor, unit.codes[table])
        names = {row.code: row.name_ja for row in unit.codes[table].rows}
        lines = ["vendor,standard,name_ja", *(f"{theirs},{ours},{names[ours]}" for ours, theirs in codes.items())]
        written(self.folder / "codes" / f"{table}.csv", "\n".join(lines) + "\n")

    def _pair(self, unit: Unit, record: RecordType, columns: tuple[Column, ...], kind: str) -> None:
        name = f"{unit.key}.{record.name}" + ("" if self.vendor == "a" else f".{kind}")
        written(self.folder / "layout" / f"{name}.toml", self.layout(unit, record, name, columns, kind))
        written(self.folder / "mapping" / f"{name}.toml", self.mapping(unit, record, name))
        asked = record in asking(unit)
        sample = self.folder / "samples" / f"{unit.key}.{record.name}"
        rows = self._truth(unit, record)
        theirs = [dialects.to_vendor(self.vendor, unit, record, row) for row in rows]
        suffix = {"fixed": "dat", "json": "json"}.get(kind, "csv")
        body = {
            "fixed": lambda: self._host_file(unit, record, columns, theirs),
            "json": lambda: papers.dumps([papers.document(columns, row, question=asked) for row in theirs]),
            "csv": lambda: (
                papers.open_file(interface("c", self.edition, f"{unit.key}.{record.name}"), theirs)
                if self.vendor == "c"
                else papers.table(columns, theirs)
            ),
        }[kind]()
        written(sample.with_name(f"{sample.name}.{suffix}"), body)
        golden = sample.with_name(f"{sample.name}.xml")
        if not golden.exists():
            with golden.open("wb") as stream:
                write_records(stream, unit, record, rows)

    def _host_file(
        self, unit: Unit, record: RecordType, columns: tuple[Column, ...], rows: list[dict[str, str]]
    ) -> bytes:
        if not dialects.in_files(unit, record):
            return b"".join(papers.fixed(columns, row) for row in rows)
        return papers.host_file(interface("a", self.edition, f"{unit.key}.{record.name}"), rows)

    def layout(self, unit: Unit, record: RecordType, name: str, columns: tuple[Column, ...], kind: str) -> str:
        """The head of a layout."""
        if self.vendor == "c" and record.name == dialects.NOTICE:
            self._kinds(columns)
            return NOTICES.format(unit=unit.key, name_ja=unit.name_ja)
        absent = "omit" if record in asking(unit) else "null"
        title = f"# {NAMES[self.vendor]} {unit.name_ja}: {record.name}（項目は items/{unit.key}.{record.name}.csv）\n"
        head = [f'id = "{self.vendor}.{name}"', f'table = "items/{unit.key}.{record.name}.csv"']
        head += {
            "fixed": [
                'kind = "fixed"',
                'encoding = "jef"',
                "gaiji = true",
                f"record_bytes = {papers.size(columns)}",
                'line_end = "none"',
            ],
            "json": ['kind = "json"', 'encoding = "utf-8"', 'form = "array"', f'absent = "{absent}"'],
            "csv": [
                'kind = "delimited"',
                f'encoding = "{"cp932" if self.vendor == "c" else "utf-8"}"',
                "header_line = true",
                'line_end = "crlf"',
            ],
        }[kind]
        edges = edges_of(self.edition, unit, record) if kind == "fixed" and columns[0].kind == "mark" else ""
        return title + "[layout]\n" + "\n".join(head) + "\n" + edges

    def _kinds(self, columns: Iterable[Column]) -> None:
        """Vendor C's kinds of line in a file of tax notices; the units of taxes share them."""
        types = {one.name: "N" if one.wide else "X" for one in columns}
        for kind, (title, mark, names) in {
            "header": ("ヘッダー行", "H", ("DANTAI", "FILE_NO")),
            "tsuchisho": ("通知書の行", "T", [name for name in types if name in dialects.ON_NOTICE]),
            "kibetsu": ("期別の行", "K", [name for name in types if name not in dialects.ON_NOTICE]),
            "gokei": ("合計行", "E", ("TSUCHISHO_KENSU", "KIBETSU_KENSU", "CHOTEIGAKU_GOKEI")),
        }.items():
            fields = [
                f'[[field]]\nname = "KUBUN"\ntype = "X"\nnote = "{mark}"\n',
                *(f'[[field]]\nname = "{name}"\ntype = "{types.get(name, "X")}"\n' for name in names),
            ]
            head = f"# C社 調定ファイルの{title}（{mark}）"
            head += "（7業務に共通。同じフォルダーの <業務>.chotei.csv.toml から使う）\n"
            head += f'[layout]\nid = "c.chotei.{kind}"\nkind = "delimited"\n'
            head += 'encoding = "cp932"\nline_end = "crlf"\n\n'
            written(self.folder / "layout" / f"chotei.{kind}.toml", head + "\n".join(fields))

    def mapping(self, unit: Unit, record: RecordType, name: str) -> str:
        """The head of a mapping, and the rules that a line of the item table cannot say."""
        rules = [one for rule in dialects.rules(self.vendor, unit, record) if (one := rule_text(rule))]
        return "\n".join([self._mapping_head(unit, record, name), *rules])

    def _mapping_head(self, unit: Unit, record: RecordType, name: str) -> str:
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
            rules = [one for one in dialects.rules(self.vendor, unit, unit.records[record]) if one.form != "mark"]
            columns = tuple(one for rule in rules for one in rule.columns)
            written(self.folder / "items" / f"{name}.csv", self._table(rules, extra))
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


def asking(unit: Unit) -> list[RecordType]:
    """The records that are questions."""
    operations = [one for one in unit.operations.values() if one.pattern in {"inquiry", "late"}]
    return [unit.records[one.request_record] for one in operations if one.request_record]


def carried(unit: Unit) -> dict[str, RecordType]:
    """The records that a unit's own operations carry or ask with; the control records of bulk transfers left out."""
    found: dict[str, RecordType] = {}
    for operation in unit.operations.values():
        if operation.record:
            found[operation.record] = unit.records[operation.record]
        if operation.request_record and operation.pattern in {"inquiry", "late"}:
            found[operation.request_record] = unit.records[operation.request_record]
    return found


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
        if not (folder / "adapter.toml").exists():
            unit, name = edition.units[key], NAMES[arguments.vendor]
            head = (
                f"# {name} {unit.name_ja}: 様式は ../interfaces にある連携仕様のとおり\n[adapter]\n"
                f'vendor = "{arguments.vendor}"\nvendor_ja = "{name}"\nunit = "{key}"\n'
                f'name_ja = "{name} {unit.name_ja} アダプター"\nedition = "1.0"\n'
            )
            flows = unit_flows(arguments.vendor, edition, unit)
            written(folder / "adapter.toml", "\n".join([head, *flows]))
            written(folder / "README.md", readme(name, edition, unit, flows))
    (draft.folder / "samples" / "samples.toml").write_text(samples_of(draft.folder), encoding="utf-8")


if __name__ == "__main__":
    main()
