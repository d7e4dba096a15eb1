"""``chiikibus console``: serve the operators' pages; make the line of a password."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated, Any

import typer

from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.core import log
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.types import Finding

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="運用者の画面を動かす。 / Serve the operators' console."
)


@app.command()
def serve(site: SiteOption, json: JsonOption = False) -> int:
    """console.toml のとおりに画面を動かす。SIGTERM で停止。 / Serve as console.toml says; SIGTERM stops."""
    from bus.app.console import serve as run
    from bus.console.people import read_console

    output = Output(json=json)
    loaded = load_site(site)
    settings = read_console(loaded)
    log.configure(loaded.log_level, json=json)

    def announce(event: dict[str, Any]) -> None:
        output.document(event)
        output.say(f"起動しました / ready: {event['url']}（{loaded.name_ja}）")

    run(loaded, settings, announce)
    return ExitCode.DONE


@app.command()
def password(
    stdin: Annotated[bool, typer.Option("--stdin", help="標準入力の1行目を使う / the first line of stdin")] = False,
) -> int:
    """console.toml に書くパスワードの行を作る。 / Make the line that stands for a password in console.toml."""
    from bus.console.passwords import LEAST_LENGTH, hashed

    if stdin:
        text = sys.stdin.readline().rstrip("\n")
    else:
        text = getpass.getpass("パスワード / password: ")
        if getpass.getpass("もう一度 / again: ") != text:
            raise ConfigurationError("CB7030", [Finding("CB7030", path="password", expected="the same twice")])
    if len(text) < LEAST_LENGTH:
        expected = f"{LEAST_LENGTH} .."
        raise ConfigurationError("CB7030", [Finding("CB7030", path="password", expected=expected, got=str(len(text)))])
    Output().say(f'password = "{hashed(text)}"')
    return ExitCode.DONE
