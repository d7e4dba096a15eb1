"""Turn a page of ours into a PDF with a Chromium that is on this machine; it embeds the fonts that it uses."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
VARIABLE: Final = "CHIIKIBUS_CHROMIUM"
"""Names the program where it has another name."""
TIMEOUT_S: Final = 90.0
SETTINGS: Final = (
    "--headless", "--disable-gpu", "--disable-quic", "--disable-extensions", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--no-pdf-header-footer",
    "--virtual-time-budget=2000",
)  # fmt: skip


class PrintingError(Exception):
    """There is no Chromium, or it makes no PDF; the text says which and what to do."""


def browser() -> str:
    """The path of the program. Errors: PrintingError."""
    named = os.environ.get(VARIABLE, "")
    for name in (named,) if named else BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise PrintingError(
        f"PDF を作る Chromium がありません。HTML を印刷するか、{VARIABLE} でプログラムを指定してください / "
        f"no Chromium to make a PDF: print the HTML, or name the program in {VARIABLE}"
    )


def pdf(page: bytes, *, timeout_s: float = TIMEOUT_S) -> bytes:
    """The page as PDF. Errors: PrintingError."""
    program = browser()
    with tempfile.TemporaryDirectory(prefix="conformance-print-") as name:
        folder = Path(name)
        source, target = folder / "page.html", folder / "page.pdf"
        source.write_bytes(page)
        command = [program, *SETTINGS, f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={target}"]
        if os.geteuid() == 0:  # Chromium does not sandbox root; the page is ours and holds no script
            command.append("--no-sandbox")
        try:
            done = subprocess.run(  # noqa: S603 - our own arguments, and a browser that somebody has installed
                [*command, source.as_uri()], capture_output=True, timeout=timeout_s, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PrintingError(f"{program}: {type(error).__name__}") from error
        content = target.read_bytes() if target.is_file() else b""
        if done.returncode != 0 or not content.startswith(b"%PDF-"):
            raise PrintingError(f"{program}: exit code {done.returncode}, {len(content)} bytes")
        return content
