"""Turn a page of ours into a PDF with a Chromium that is on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bus.core.errors import ConfigurationError
from bus.core.types import Finding

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
VARIABLE = "CHIIKIBUS_CHROMIUM"
"""Names the program where it has another name."""

TIMEOUT_S = 60.0
SETTINGS = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--virtual-time-budget=2000",
)


def pdf(page: bytes, *, timeout_s: float = TIMEOUT_S) -> bytes:
    """The page as PDF. Errors: ``ConfigurationError`` CB7060 without a browser, CB7061 when it makes none in time."""
    browser = _browser()
    with tempfile.TemporaryDirectory(prefix="chiikibus-print-") as name:
        folder = Path(name)
        source, target = folder / "page.html", folder / "page.pdf"
        source.write_bytes(page)
        command = [browser, *SETTINGS, f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={target}"]
        if os.geteuid() == 0:  # Chromium does not sandbox root; the page is ours and holds no script
            command.append("--no-sandbox")
        try:
            done = subprocess.run(  # noqa: S603 - our own arguments, and a browser that the operator has installed
                [*command, source.as_uri()],
                capture_output=True,
                timeout=timeout_s,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigurationError("CB7061", [Finding("CB7061", path=browser, got=type(error).__name__)]) from error
        content = target.read_bytes() if target.is_file() else b""
        if done.returncode != 0 or not content.startswith(b"%PDF-"):
            got = f"exit code {done.returncode}, {len(content)} bytes"
            raise ConfigurationError("CB7061", [Finding("CB7061", path=browser, got=got)])
        return content


def _browser() -> str:
    """The program's path. Errors: ``ConfigurationError`` CB7060."""
    named = os.environ.get(VARIABLE, "")
    for name in (named,) if named else BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise ConfigurationError("CB7060", [Finding("CB7060", path=VARIABLE, expected=" / ".join(BROWSERS), got=named)])
