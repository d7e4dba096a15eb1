"""``chiikibus simulator``: run a simulated vendor system with its own proprietary faces (synthetic data only)."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="ベンダー側システムの模擬（合成データのみ） / simulated vendor systems",
)

Folder = Annotated[Path, typer.Option("--folder", help="模擬システムのフォルダー / the system's folder")]
Municipality = Annotated[str, typer.Option("--municipality", help="全国地方公共団体コード / municipality code")]
Port = Annotated[int, typer.Option("--port", help="操作盤のポート、0 は自動 / port of its panel, 0: any")]
AsJson = Annotated[bool, typer.Option("--json", help="準備完了を JSON で / the ready line as JSON")]


def _announce(name: str, addresses: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"ready": name, **addresses}, ensure_ascii=False), flush=True)
    else:
        print(f"{name}: " + " ".join(f"{key}={value}" for key, value in addresses.items()), flush=True)


async def until_told(work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work`` until SIGTERM or SIGINT, then cancel it and wait."""
    task = asyncio.ensure_future(work())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise


@app.command("a-juki")
def a_juki(
    folder: Folder, municipality: Municipality, port: Port = 8581, tcp_port: int = 8582, as_json: AsJson = False
) -> None:
    """A社 住民記録: 固定長ファイルと電文（TCP）。 / Vendor A, resident register: fixed-length files, framed TCP."""
    from adapters.simulators.a_juki import AJuki, serve

    system = AJuki(folder, municipality, port=port, tcp_port=tcp_port)
    asyncio.run(until_told(lambda: serve(system, lambda addresses: _announce("a-juki", addresses, as_json))))


@app.command("a-tax")
def a_tax(folder: Folder, municipality: Municipality, port: Port = 8583, as_json: AsJson = False) -> None:
    """A社 個人住民税: 区切り文字ファイル。 / Vendor A, inhabitant tax: delimited files."""
    from adapters.simulators.a_tax import ATax, serve

    system = ATax(folder, municipality, port=port)
    asyncio.run(until_told(lambda: serve(system, lambda addresses: _announce("a-tax", addresses, as_json))))


@app.command("b-tax")
def b_tax(
    folder: Folder,
    municipality: Municipality,
    token_file: Annotated[
        Path,
        typer.Option("--token-file", exists=True, dir_okay=False, help="B社が求めるトークン / the token B asks for"),
    ],
    adapter: Annotated[
        str, typer.Option("--adapter", help="照会先アダプターの URL / address of the adapter it asks")
    ] = "",
    adapter_token_file: Annotated[
        Path | None,
        typer.Option("--adapter-token-file", exists=True, dir_okay=False, help="そのトークン / the adapter's token"),
    ] = None,
    port: Port = 8584,
    as_json: AsJson = False,
) -> None:
    """B社 個人住民税: REST/JSON。 / Vendor B, inhabitant tax: REST and JSON."""
    from adapters.simulators.b_tax import BTax, serve

    token = token_file.read_text("utf-8").strip()
    adapter_token = adapter_token_file.read_text("utf-8").strip() if adapter_token_file else ""
    system = BTax(folder, municipality, token, port=port, adapter=adapter, adapter_token=adapter_token)
    asyncio.run(until_told(lambda: serve(system, lambda addresses: _announce("b-tax", addresses, as_json))))


@app.command("estate")
def estate(
    vendor: Annotated[str, typer.Option("--vendor", help="a・b・c / a, b or c")],
    folder: Folder,
    units: Annotated[str, typer.Option("--units", help="業務をコンマで区切る / units, separated by commas")],
    port: Port = 8586,
    tcp_port: int = 0,
    token_file: Annotated[Path | None, typer.Option("--token-file", exists=True, dir_okay=False)] = None,
    adapter_token_file: Annotated[
        Path | None, typer.Option("--adapter-token-file", exists=True, dir_okay=False)
    ] = None,
    adapters: Annotated[
        str, typer.Option("--adapters", help="業務=URL をコンマで区切る / unit=URL, separated by commas")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """ある会社の複数業務のシステム。 / A vendor's systems of several units, with its own faces."""
    from adapters.simulators.estate import CloudEstate, Estate, HostEstate, OpenEstate, serve
    from schemas.catalog import load_edition

    names = tuple(name for name in units.split(",") if name)
    made: Estate
    asked = adapter_token_file.read_text("utf-8").strip() if adapter_token_file else ""
    places = dict(one.split("=", 1) for one in adapters.split(",") if one)
    if vendor == "a":
        made = HostEstate(folder, load_edition(), names, port=port, tcp_port=tcp_port)
    elif vendor == "c":
        made = OpenEstate(folder, load_edition(), names, port=port, adapters=places, adapter_token=asked)
    else:
        token = token_file.read_text("utf-8").strip() if token_file else ""
        made = CloudEstate(folder, load_edition(), names, port=port, token=token, adapters=places, adapter_token=asked)
    asyncio.run(until_told(lambda: serve(made, lambda addresses: _announce(f"estate-{vendor}", addresses, as_json))))
