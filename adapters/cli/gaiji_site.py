"""What the commands about a site's gaiji share: its registers, the key of their histories, and what waits."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.characters.history import History, history_path
from adapters.characters.identify.answers import CLASSES_JA
from adapters.characters.identify.proposals import read
from adapters.host import process
from adapters.host.store.status import count
from bus.core.errors import ConfigurationError
from bus.core.settings import AdapterSpec, Site
from bus.core.types import Finding

SiteOption = Annotated[Path, typer.Option("--site", envvar="CHIIKIBUS_SITE", help="設定フォルダー / the site folder")]
AdapterOption = Annotated[str, typer.Option("--adapter", help="アダプターの ID / adapter id of adapters.toml")]
ByOption = Annotated[str, typer.Option("--by", help="決定者（役割） / the role that decides")]
CodeOption = Annotated[str, typer.Option("--code", help="ベンダーのコード 例 F040 / vendor code")]
KEY = "gaiji.key"


def register_path(site: Site, spec: AdapterSpec) -> Path:
    """Where an adapter's register lies; ConfigurationError CB7030 where it names none."""
    name = str(spec.settings.get("gaiji", ""))
    if not name:
        finding = Finding("CB7030", f"adapters.toml: {spec.id}.settings.gaiji", expected="gaiji/....csv", got="")
        raise ConfigurationError("CB7030", [finding])
    return site.folder / name


def site_key(site: Site) -> bytes:
    """The site's key for histories and proposals, made when first needed (mode 600)."""
    path = site.folder / "secrets" / KEY
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
    return path.read_text(encoding="ascii").strip().encode("ascii")


def open_history(site: Site, register: Path) -> History:
    """The history, signed with the site's key."""
    return History(history_path(register), site_key(site))


def scope_of(spec: AdapterSpec) -> str:
    """Municipality and system, as histories and proposals write it."""
    return f"{spec.municipality}/{spec.endpoint or spec.id}"


def now() -> str:
    """The time of a decision, with its zone."""
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")


def open_characters(site: Site, spec: AdapterSpec) -> dict[str, tuple[int, str]]:
    """Characters that wait for a decision: how often they came and where first."""
    path = process.store_path(site, spec.id)
    rows = count(path, detail=True)["worklist_list"] if path.exists() else []
    return {one["character"]: (one["count"], one["place"]) for one in rows if one["state"] == "open"}


def best_proposals(site: Site, spec: AdapterSpec) -> dict[str, dict[str, Any]]:
    """The first candidate of each proposal for an adapter's register, by code; AdapterError CB6088."""
    if not spec.settings.get("gaiji"):
        return {}
    found = read(register_path(site, spec), site_key(site), scope_of(spec))
    return {
        code: {"mj": one.candidates[0].mj, "text": one.candidates[0].text, "class": one.class_, "score": one.score,
               "margin": one.margin, "at": one.at}
        for code, one in found.items() if one.candidates
    }  # fmt: skip


def proposal_text(best: dict[str, Any] | None) -> str:
    """One proposal in a cell of a table."""
    if best is None:
        return "-"
    return f"{best['mj']} {best['text']} {CLASSES_JA[best['class']]} {best['score']:.3f}"
