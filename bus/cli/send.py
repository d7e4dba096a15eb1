"""``chiikibus send``: call an operation as an endpoint of the site and show the answer; or call it many times."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output, finding_text
from bus.core.config import load_site
from bus.core.config.reader import one_of
from bus.core.errors import ConfigurationError, error_entry
from bus.core.settings import Site
from bus.core.types import Endpoint, Finding
from schemas.catalog import load_edition
from schemas.model import Edition, Operation

if TYPE_CHECKING:
    from bus.cli.client import Answer, PlainClient
    from bus.wire.fault import RemoteFault

app = typer.Typer(add_completion=False)


def parse_items(pairs: Iterable[str]) -> dict[str, Any]:
    """``jumin.atenabango=0001`` as nested values. Errors: CB7030 for what is not ``name=value``."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ConfigurationError("CB7030", [Finding("CB7030", path=pair, expected="name=value")])
        *parents, last = name.split(".")
        place = values
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return values


def check_items(edition: Edition, operation: Operation, values: Mapping[str, Any]) -> None:
    """Errors: CB7014 for every item that the operation's request does not have, with the nearest name."""
    unit = edition.units[operation.unit]
    names = [item.name for item in unit.records[operation.request_record].items] if operation.request_record else []
    carried = [item.name for item in unit.records[operation.record].items] if operation.record else []
    places: list[tuple[str, str, list[str]]] = []
    for name, value in values.items():
        if isinstance(value, dict) and name == operation.record:
            places += [(f"{name}.", inner, carried) for inner in value]
        else:
            places.append(("", name, [*names, operation.record] if operation.record else names))
    findings = [
        Finding("CB7014", path=f"{prefix}{name}", expected=one_of(name, known, "item of the request"), got=name)
        for prefix, name, known in places
        if name not in known
    ]
    if findings:
        raise ConfigurationError("CB7014", findings)


def find_endpoint(site: Site, name: str, option: str = "--as") -> Endpoint:
    """The endpoint ``tax`` or ``990019/tax``. Errors: CB7014 unknown, or in several municipalities."""
    found = [endpoint for endpoint in site.endpoints if name in {endpoint.id, endpoint.key}]
    if len(found) != 1:
        known = [endpoint.key if found or "/" in name else endpoint.id for endpoint in site.endpoints]
        expected = one_of(name, known, "endpoint of endpoints.toml")
        raise ConfigurationError("CB7014", [Finding("CB7014", path=option, expected=expected, got=name)])
    return found[0]


def find_operation(edition: Edition, key: str) -> Operation:
    """The operation ``juki.jumin_shokai``. Errors: CB7014."""
    operation = edition.operation(key)
    if operation is None:
        known = [each.key for unit in edition.units.values() for each in unit.operations.values()]
        raise ConfigurationError("CB7014", [Finding("CB7014", path=key, expected=one_of(key, known, ""), got=key)])
    return operation


def read_message(path: Path, edition: Edition) -> tuple[Operation, bytes]:
    """A payload or a whole envelope from a file, with the operation its first element names. Errors: CB1xxx, CB7014."""
    from lxml import etree

    from bus.wire import envelope, safe_xml

    raw = path.read_bytes()
    root = safe_xml.parse(raw)
    whole = root.tag == envelope.ENVELOPE
    payload = envelope.read(root).body if whole else root
    for unit in edition.units.values():
        for operation in unit.operations.values():
            if operation.input == payload.tag:
                return operation, raw if whole else envelope.build(payload)
    raise ConfigurationError("CB7014", [Finding("CB7014", path=str(path), got=etree.QName(payload).text)])


@app.command()
def send(
    site: SiteOption,
    sender: Annotated[str, typer.Option("--as", help="送信元エンドポイント / the sending endpoint")],
    operation: Annotated[str, typer.Argument(help="操作 / operation, juki.jumin_shokai")] = "",
    items: Annotated[list[str] | None, typer.Argument(help="項目=値 / item=value ...")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", exists=True, dir_okay=False, help="本文または電文の XML / a body or a message"),
    ] = None,
    attach: Annotated[
        list[str] | None,
        typer.Option("--attach", metavar="[ELEMENT=]FILE", help="添付（要素=ファイルなら MTOM） / attach, with = MTOM"),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", file_okay=False, help="回答の添付の保存先 / for attachments of the answer")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="TLS で示す証明書（PEM） / certificate to show over TLS (PEM)")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="その秘密鍵（PEM） / its private key (PEM)")] = None,
    ca: Annotated[
        Path | None, typer.Option("--ca", help="バスを発行した認証局（省略時はサイトの証明書） / the bus's authority")
    ] = None,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="回数 / how many times")] = 1,
    json: JsonOption = False,
) -> int:
    """電文を送って回答を見る。 / Send a message and show the answer."""
    output = Output(json=json)
    loaded = load_site(site, need_secrets=True)
    edition = load_edition(loaded.edition, loaded.standard_folder, loaded.mounts)
    endpoint = find_endpoint(loaded, sender)
    message = b""
    if file is not None:
        found, message = read_message(file, edition)
    elif operation:
        found = find_operation(edition, operation)
    else:
        raise ConfigurationError("CB7030", [Finding("CB7030", path="send", expected="operation | --file")])
    values = parse_items(items or ())
    if not message:
        check_items(edition, found, values)

    from bus.cli.client import PlainClient
    from bus.cli.protection import calling

    client = PlainClient(calling(loaded, endpoint, certificate, key, ca), endpoint, found.unit)
    if attach:
        if repeat != 1:
            raise ConfigurationError("CB7030", [Finding("CB7030", path="--repeat", expected="1 with --attach")])
        return _attached(output, edition, client, found, message or client.message(found.name, values), attach, save)
    if repeat == 1:
        started = time.perf_counter()
        answer = _once(client, found, values, message)
        return _show(output, edition, found, answer, (time.perf_counter() - started) * 1000)
    return _many(output, client, found, values, message, repeat)


def _attached(
    output: Output,
    edition: Edition,
    client: PlainClient,
    operation: Operation,
    message: bytes,
    attach: list[str],
    save: Path | None,
) -> int:
    """One call with files."""
    from bus.cli.attach import parse_attachments, with_files

    whole = with_files(message, parse_attachments(attach))
    started = time.perf_counter()
    answer = client.post_parts(whole, operation.action, save)
    return _show(output, edition, operation, answer, (time.perf_counter() - started) * 1000)


def _once(client: PlainClient, operation: Operation, values: Mapping[str, Any], message: bytes) -> Answer:
    """One call by items or with a finished message."""
    return client.post(message, operation.action) if message else client.call(operation.name, values)


def _show(output: Output, edition: Edition, operation: Operation, answer: Answer, took_ms: float) -> int:
    """One answer for a person or as a document."""
    result: dict[str, Any] = {"ok": answer.fault is None, "operation": operation.key, "ms": round(took_ms, 1)}
    if answer.attachments:
        shown = ("content_id", "content_type", "size", "sha256")
        result["attachments"] = [{name: getattr(one, name) for name in shown} for one in answer.attachments]
        for one in answer.attachments:
            output.say(f"  添付 attachment: {one.content_id} {one.content_type} {one.size} {one.sha256}")
    if answer.fault is None:
        output.document({**result, "late": answer.content is None, "reply": answer.content})
        if answer.content is None:
            output.say(
                f"{operation.name_ja}（{operation.key}）: 受付済み、回答は後日 / accepted, the answer comes later"
            )
            output.say(f"  経過 progress: chiikibus messages list --operation {operation.key} --limit 1")
            return ExitCode.DONE
        output.say(f"{operation.name_ja}（{operation.key}）: 回答 answered, {took_ms:.0f} ms")
        if not answer.content:
            output.say("  該当なし / nothing found")
        unit = edition.units[operation.unit]
        names = {item.name: item.name_ja for record in unit.records.values() for item in record.items}
        for line in _lines(answer.content, names):
            output.say(line)
        return ExitCode.DONE
    fault = answer.fault
    output.document({**result, "fault": fault_document(fault)})
    if not output.json:
        typer.echo(fault_text(fault), err=True)
    return ExitCode.NEGATIVE


def _lines(value: Any, names: Mapping[str, str], depth: int = 1) -> Iterable[str]:
    """Nested values with the items' Japanese names."""
    indent = "  " * depth
    if not isinstance(value, dict):
        if value is not None:
            yield f"{indent}{value}"
        return
    for name, inner in value.items():
        label = f"{names[name]} {name}" if name in names else name
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict):
                yield f"{indent}{label}:"
                yield from _lines(one, names, depth + 1)
            elif one is not None:
                yield f"{indent}{label}: {one}"


def fault_document(fault: RemoteFault) -> dict[str, Any]:
    """A fault as fields."""
    findings = [finding.as_dict() for finding in fault.findings]
    return {"code": fault.code, "text": fault.text, "record_id": fault.record_id, "findings": findings}


def fault_text(fault: RemoteFault) -> str:
    """A fault for a person: text, findings, what to do, and the number to tell the operator."""
    lines = [f"{fault.code} {fault.text}".strip()]
    lines += [f"  - {finding_text(finding, fault.code)}" for finding in fault.findings]
    try:
        entry = error_entry(fault.code)
        lines.append(f"  対処: {entry.action_ja} / {entry.action_en}")
    except KeyError:
        pass
    if fault.record_id:
        lines.append(f"  記録番号 record: {fault.record_id}")
    return "\n".join(lines)


def _many(
    output: Output, client: PlainClient, operation: Operation, values: Mapping[str, Any], message: bytes, repeat: int
) -> int:
    """The same call many times, one after the other, with a progress bar; every call is a message of its own."""
    from rich.progress import Progress

    codes: Counter[str] = Counter()
    times: list[float] = []
    with Progress(console=output.console()) as progress:
        task = progress.add_task(operation.key, total=repeat)
        for _ in range(repeat):
            started = time.perf_counter()
            answer = _once(client, operation, values, message)
            times.append((time.perf_counter() - started) * 1000)
            if answer.fault is not None:
                codes[answer.fault.code or answer.fault.faultcode] += 1
            progress.advance(task)
    times.sort()
    faults = sum(codes.values())
    result: dict[str, Any] = {
        "operation": operation.key,
        "sent": repeat,
        "answered": repeat - faults,
        "faults": dict(codes),
        "ms": {"p50": _share(times, 0.5), "p99": _share(times, 0.99), "max": _share(times, 1.0)},
    }
    output.document(result)
    output.fields(result)
    return ExitCode.NEGATIVE if faults else ExitCode.DONE


def _share(times: list[float], share: float) -> float:
    """A quantile of sorted times."""
    return round(times[min(len(times) - 1, int(len(times) * share))], 1)
