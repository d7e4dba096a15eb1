"""The tutorial is run as it is printed: from nothing to the first verdict, with a peer that is wrong on purpose."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.network import free_port
from tests.support.repository import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]
PAGE = ROOT / "docs" / "conformance-tutorial.md"
PRINTED = "127.0.0.1:8080"
PROMISED = {"BP-R1115", "BP-R1125", "PROF-106", "PROF-108"}
"""What a peer that leaves out the media type and the document type gets wrong."""


def commands() -> list[str]:
    """The lines of the shell blocks, in their order."""
    found = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in found for line in block.splitlines() if line.strip()]


def arguments(line: str, address: str) -> list[str]:
    """A printed line for this machine: this interpreter, a free port."""
    words = shlex.split(line.replace(PRINTED, address))
    assert words[0] == "python"
    return [sys.executable, *words[1:]]


@contextmanager
def peer(line: str, address: str) -> Iterator[None]:
    """The command of the first step, until the end of the test; it says when it is ready."""
    process = subprocess.Popen(arguments(line, address), stdout=subprocess.PIPE, text=True, env=environment())
    try:
        assert process.stdout is not None
        assert address in process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)


def environment() -> dict[str, str]:
    """The environment with this checkout as the place of the packages, whatever the folder."""
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def test_the_tutorial_leads_to_the_verdicts_that_it_promises(tmp_path: Path) -> None:
    """Both mistakes of the peer are found and nothing else is; the report is written; one case can be tried again."""
    lines, codes = commands(), []
    address = f"127.0.0.1:{free_port()}"
    folder = tmp_path
    with peer(lines[0], address):
        for line in lines[1:]:
            if line.startswith("cd "):
                folder /= line.removeprefix("cd ")
                continue
            done = subprocess.run(
                arguments(line, address), cwd=folder, env=environment(), capture_output=True, text=True, check=False,
                timeout=100,
            )  # fmt: skip
            codes.append((line.split()[3], done.returncode, done.stderr[-500:]))
    assert [(name, code) for name, code, _ in codes] == [
        ("init", 0), ("run", 1), ("report", 1), ("report", 1), ("run", 0),
    ], codes  # fmt: skip
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    failed = {one["id"] for one in told["verdicts"] if one["outcome"] in ("fail", "warning")}
    assert failed == PROMISED
    assert all(one["findings"] for one in told["verdicts"] if one["id"] in failed)
    assert b"<section" in (folder / "report.html").read_bytes()
    assert sorted(one.name for one in folder.glob("evidence*")) == ["evidence-2.zip", "evidence.zip"]
