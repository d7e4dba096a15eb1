"""``chiikibus journal export``: messages with their seals, as evidence that others can verify without this program."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from bus.app.stores import open_exporter
from bus.cli.messages import actor, seconds_of
from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.types import Finding
from bus.journal.upkeep import audit
from bus.journal.upkeep.export import Exported, Exporter, Wanted

Filter = Annotated[str, Option()]


def export(
    site: SiteOption,
    out: Annotated[Path, Argument(metavar="FILE", help="書き出すファイル（新規） / a new file")],
    reason: Annotated[str, Option("--reason", help="理由（操作の記録に残る） / why; kept in the audit")],
    municipality: Filter = "",
    operation: Filter = "",
    sender: Filter = "",
    since: Filter = "",
    until: Filter = "",
    exchange: Annotated[str, Option("--exchange", help="連携記録番号 / exchange id")] = "",
    bodies: Annotated[bool, Option("--bodies", help="本文も（個人情報） / payloads too: personal data")] = False,
    json: JsonOption = False,
) -> int:
    """証拠を書き出す。同じ条件なら同じバイト列。 / Export evidence; the same selection gives the same bytes.

    deploy/tools/verify_evidence.py で、このプログラムなしに検証できる。
    """
    output = Output(json=json)
    if not reason.strip():
        raise ConfigurationError("CB7030", [Finding("CB7030", path="--reason", expected="a reason")])
    wanted = Wanted(municipality, operation, sender, seconds_of(since), seconds_of(until), exchange, bodies)
    side, exporter = open_exporter(load_site(site), wanted)
    with closing(side):
        told = _write(out, exporter)
        detail = {**asdict(wanted), "messages": told.messages, "sha256": told.digest}
        with side.transaction() as database:
            audit.note(database, SystemClock().now(), actor(), "evidence.export", municipality=municipality,
                       subject=exchange, reason=reason.strip(), detail=detail)  # fmt: skip
    output.document({"file": str(out), **asdict(told)})
    output.say(f"電文 messages {told.messages}　配送 deliveries {told.deliveries}　封印 seals {told.seals}")
    output.say(f"SHA-256 {told.digest}（{told.bytes} bytes）")
    if told.unsealed:
        output.say(f"まだ封印されていない電文 not sealed yet: {told.unsealed}（chiikibus journal seal now）")
    return ExitCode.NEGATIVE if told.unsealed else ExitCode.DONE


def _write(path: Path, exporter: Exporter) -> Exported:
    """A new file of mode 600, there as a whole or not at all. Errors: CB7023; CB7030 it is there already."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    if path.exists():
        raise ConfigurationError("CB7030", [Finding("CB7030", path=path.name, expected="a new file", got="exists")])
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError("CB7023", [Finding("CB7023", path=str(path.parent), got=str(error))]) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(exporter.lines())
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)
    finally:
        partial.unlink()
    return exporter.told
