"""``chiikibus version``: the version of the program, of Python and of the parts that matter."""

from __future__ import annotations

import platform
import sqlite3
from importlib.metadata import version as installed
from typing import Annotated

import typer

from bus.cli.output import Output

app = typer.Typer(add_completion=False)

PARTS = ("lxml", "httptools", "uvloop", "spyne", "zeep")


@app.command()
def version(
    json: Annotated[bool, typer.Option("--json", help="JSON で出力する / print JSON")] = False,
) -> None:
    """版を表示する。 / Show the version."""
    output = Output(json=json)
    values: dict[str, object] = {"chiikibus": installed("chiikibus"), "python": platform.python_version()}
    values |= {"sqlite": sqlite3.sqlite_version} | {name: installed(name) for name in PARTS}
    output.document(values)
    output.fields(values)
