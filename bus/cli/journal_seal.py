"""``chiikibus journal seal``, ``verify`` and ``keep``: the evidence that nothing was altered, and who makes it."""

from __future__ import annotations

import signal
import threading
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bus.app.stores import open_sealer, open_verifier, seal_settings
from bus.app.upkeep import Upkeep
from bus.cli.messages import clock_text, code_text
from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output
from bus.core import log
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.types import Finding

app = typer.Typer(add_completion=False, no_args_is_help=True, help="記録簿を封印する。 / Seal the journal.")
SHOWN = 20


@app.callback()
def seal() -> None:
    """記録簿を封印する。 / Seal the journal."""


@app.command()
def key(site: SiteOption, json: JsonOption = False) -> int:
    """封印の鍵を作る（既にあれば取り替える。前の公開鍵は残る）。 / Make or replace the key; former public keys stay."""
    from bus.journal.upkeep.signing import create_key

    output = Output(json=json)
    settings = seal_settings(load_site(site))
    name = create_key(settings)
    public = settings.trust / f"{name}.pem"
    output.document({"key": name, "private": str(settings.key), "public": str(public)})
    output.fields({"鍵 key": name, "公開鍵 public": public})
    output.say("公開鍵は別の場所にも控えてください。 / Keep a copy of the public key elsewhere.")
    return ExitCode.DONE


@app.command()
def now(site: SiteOption, json: JsonOption = False) -> int:
    """いま封印する。バスは動いたままでよい。 / Seal what is not sealed yet, beside the bus."""
    output = Output(json=json)
    side, sealer = open_sealer(load_site(site), SystemClock())
    with closing(side):
        seals = sealer.seal()
    output.document({"seals": [asdict(each) for each in seals]})
    output.table(
        ["封印 seal", "時刻 at", "件 entries", "SHA-256"],
        ((each.number, clock_text(each.at), each.count, each.digest) for each in seals),
    )
    return ExitCode.DONE


def verify(
    site: SiteOption,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="N:SHA256", help="別に控えた封印 / a seal that was kept elsewhere; may be repeated"),
    ] = None,
    anchor: Annotated[Path | None, typer.Option(help="封印の控え（既定は設定の anchor） / the anchor file")] = None,
    json: JsonOption = False,
) -> int:
    """記録簿を封印と照合する。書換え・抜け・入替え・追加・切取りを、どこかとともに示す。 / Compare with the seals."""
    from bus.journal.upkeep.seal import read_anchor

    output = Output(json=json)
    loaded = load_site(site)
    expected = [_expected(each) for each in expect or ()]
    kept = read_anchor(anchor or seal_settings(loaded).anchor)
    side, verifier = open_verifier(loaded, SystemClock())
    with closing(side):
        verdict = verifier.verify([*expected, *([kept] if kept else [])])
    output.document({"ok": verdict.sound, "anchor": kept is not None, **asdict(verdict)})
    output.fields(
        {
            "封印 seals": verdict.seals,
            "電文 messages": verdict.messages,
            "配送 deliveries": verdict.deliveries,
            "まだ封印していない not sealed yet": verdict.unsealed,
            "最後の封印 last seal": f"{verdict.last_seal} {clock_text(verdict.last_at)} {verdict.last_digest}",
            "封印の控え anchor": "一致 agrees" if kept and verdict.sound else "-" if kept is None else "照合 compared",
        }
    )
    for flaw in verdict.flaws[:SHOWN]:
        output.say(f"  {flaw.place}: {code_text(flaw.code)}　期待 {flaw.expected or '-'}　実際 {flaw.got or '-'}")
    if verdict.number > SHOWN:
        output.say(f"  …ほか and {verdict.number - SHOWN} more (--json)")
    output.say("封印のとおりです / as it was sealed" if verdict.sound else f"相違 flaws: {verdict.number}")
    return ExitCode.DONE if verdict.sound else ExitCode.NEGATIVE


def _expected(text: str) -> tuple[int, str]:
    """``N:SHA256``. Errors: CB7030."""
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise ConfigurationError("CB7030", [Finding("CB7030", path="--expect", expected="N:SHA256", got=text[:80])])
    return int(number), digest


def keep(site: SiteOption, json: JsonOption = False) -> int:
    """封印と保存期間を受け持つプロセス。up が一緒に起動する。 / The process that seals and removes; started by up."""
    output = Output(json=json)
    loaded = load_site(site)
    log.configure(loaded.log_level, json=json)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    output.document({"event": "ready"})
    Upkeep(loaded, SystemClock(), log.line).run(stop)
    return ExitCode.DONE
