"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SiteOption = Annotated[Path, typer.Option("--site", help="設定フォルダー / the site folder", envvar="CHIIKIBUS_SITE")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON で出力する / print JSON")]
