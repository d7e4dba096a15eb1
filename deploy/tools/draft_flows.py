"""Draft the flows of a fictitious vendor's adapters: what each unit's system sends, receives, answers and asks."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable

from adapters.simulators import dialects, open_soap
from schemas.model import Edition, Operation, Unit

ECHO, RESULT, CODE = "照会番号", "結果", "結果コード"


def names_of(names: Iterable[str]) -> str:
    """A list of names as TOML."""
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


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
            else "{ " + ", ".join(f'"{key}" = "{text}"' for key, text in value.items()) + " }"
            if isinstance(value, dict)
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
            batch_records=500, header={"団体コード": "{municipality}", "ファイル番号": "{batch}"}, **pair_of(name),
        )  # fmt: skip
    if vendor == "c":
        first = {"header": {"DANTAI": "{municipality}", "FILE_NO": "{batch}"}}
        return flow(
            kind="bus-to-file", **head, folder="in", file_name=f"{name}_{{batch:010d}}.csv", end_mark=".END",
            batch_records=500, **(first if name.endswith(f".{dialects.NOTICE}") else {}), **pair_of(f"{name}.csv"),
        )  # fmt: skip
    provider, _, record = name.partition(".")
    columns = dialects.columns(vendor, edition.units[provider], edition.units[provider].records[record])
    path = "/".join(
        f"{{{one.name}}}"
        for key in edition.units[provider].records[record].key
        for one in columns
        if one.item is not None and one.item.name == key
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


DOES = {
    "kaito": "照会に答える",
    "shokai": "照会する",
    "soshin": "通知を送る",
    "zenken": "全件を送る",
    "sabun": "差分を送る",
    "juryo": "受け取る",
}
"""What a flow does, by the beginning of its id."""


def readme(vendor_ja: str, edition: Edition, unit: Unit, flows: Iterable[str]) -> str:
    """The page of an adapter: what the system exchanges, in Japanese."""
    lines = [
        f"# {vendor_ja} {unit.name_ja} アダプター",
        "",
        "架空の会社の、架空のシステムです。様式・項目表・コード・サンプルは[連携仕様](../interfaces/README.md)にあります。",
        "",
        "| すること | 操作 |",
        "|---|---|",
    ]
    for text in flows:
        found = tomllib.loads(text)["flow"][0]
        names = []
        for key in found.get("operations") or [found["operation"]]:
            operation = edition.operation(key)
            assert operation is not None
            names.append(f"{edition.units[operation.unit].name_ja} {operation.name_ja}（`{key}`）")
        lines.append(f"| {DOES[str(found['id']).partition('-')[0]]} | {'、'.join(names)} |")
    lines += [
        "",
        f"*English.* Adapter of a fictitious vendor for {unit.name_en}; "
        "layouts and mappings are those of the vendor's shared interfaces.",
        "",
    ]
    return "\n".join(lines)
