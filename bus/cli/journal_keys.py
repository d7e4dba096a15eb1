"""``chiikibus journal keys``: the keys that payloads are encrypted with."""

from __future__ import annotations

import base64
import os
from contextlib import closing
from datetime import date, timedelta

import typer

from bus.app.stores import make_vault, open_side
from bus.cli.messages import actor
from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.settings import Site
from bus.core.types import Finding

app = typer.Typer(add_completion=False, no_args_is_help=True, help="本文の暗号の鍵。 / Keys of payloads at rest.")


@app.callback()
def keys() -> None:
    """本文の暗号の鍵。 / Keys of payloads at rest."""


@app.command()
def create(site: SiteOption, json: JsonOption = False) -> int:
    """設定された鍵ファイルのうち、まだないものを作る。 / Make those of the configured key files that are missing."""
    output = Output(json=json)
    settings = _configured(load_site(site)).journal.encryption
    assert settings is not None
    made = []
    for path in settings.keys:
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(32)) + b"\n")
        made.append(str(path))
    output.document({"made": made})
    for name in made:
        output.say(f"作りました made: {name}")
    output.say(
        "控えを別の場所に。なくすと本文は読めません。 / Keep a copy elsewhere: without it no payload can be read."
    )
    return ExitCode.DONE


@app.command()
def show(site: SiteOption, json: JsonOption = False) -> int:
    """日ごとの鍵と、それを開く鍵が設定にあるかを示す。 / Keys of days, and whether the site can open them."""
    output = Output(json=json)
    loaded = _configured(load_site(site))
    vault = make_vault(loaded)
    assert vault is not None
    with closing(open_side(loaded)) as side:
        found = side.database.execute("SELECT k, day, master FROM data_key ORDER BY k").fetchall()
    rows = [
        {
            "key": k,
            "day": str(date(1970, 1, 1) + timedelta(days=day)),
            "master": master,
            "opens": vault.can_open(master),
        }
        for k, day, master in map(tuple, found)
    ]
    output.document({"keys": rows})
    headings = ["鍵 key", "日 day", "元の鍵 master", "開ける opens"]
    output.table(headings, ((row["key"], row["day"], row["master"], "○" if row["opens"] else "×") for row in rows))
    return ExitCode.DONE if all(row["opens"] for row in rows) else ExitCode.NEGATIVE


@app.command()
def rotate(site: SiteOption, json: JsonOption = False) -> int:
    """日ごとの鍵を、設定の先頭の鍵で包み直す。その後、前の鍵は外してよい。 / Wrap all keys of days under the first key.

    本文は書き換えない。前の鍵は、これが済むまで設定に残しておく。
    No payload is rewritten. The former key has to stay configured until this is done.
    """
    from bus.journal.upkeep import audit

    output = Output(json=json)
    loaded = _configured(load_site(site))
    vault = make_vault(loaded)
    assert vault is not None
    with closing(open_side(loaded)) as side, side.transaction() as database:
        wrapped = vault.wrap_anew(database)
        audit.note(database, SystemClock().now(), actor(), "keys.rotate", detail={"wrapped": wrapped})
    output.document({"wrapped": wrapped})
    output.say(f"包み直した鍵 wrapped anew: {wrapped}")
    return ExitCode.DONE


def _configured(site: Site) -> Site:
    """Errors: CB7074 the site encrypts nothing."""
    if site.journal.encryption is None:
        finding = Finding("CB7074", path="site.toml: journal.encryption", expected='keys = ["secrets/journal-1.key"]')
        raise ConfigurationError("CB7074", [finding])
    return site
