"""Whole buses that kill themselves: each is the composition of ``bus.app``, dead right after a numbered step.

    python -m tests.crash.whole_bus_child

Reads one order per line from standard input, ``{"folder": ..., "step": N, "hit": N, "queued": bool}``, and runs the
bus of that site folder in a forked process, so that what takes long (imports, the compiled standard) is done once.
Writes the bus's ready line, and ``{"ended": CODE}`` when it is gone. ``step`` 0 arms nothing.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import bus.app.composition as composition
from bus.app import serving
from bus.core import log
from bus.core.config import load_site
from bus.wire.contract import contracts
from schemas.catalog import load_edition
from tests.support.loading import deployed

arm = deployed("faults/matrix/armed.py").arm


def serve(folder: Path, step: int, hit: int, *, queued: bool) -> None:
    """The life of one bus."""
    arm(step, hit, queued=queued)
    with (folder / "bus.log").open("ab") as stream:
        log.configure("info", json=True, stream=stream)
        serving.run(load_site(folder, need_secrets=True), say)


def say(event: dict[str, Any]) -> None:
    """One line for the test."""
    os.write(1, json.dumps(event).encode() + b"\n")


def main() -> None:
    """One bus after the other, as ordered."""
    edition = load_edition()
    compiled = contracts(edition)
    composition.load_edition = lambda *_: edition
    composition.contracts = lambda *_: compiled
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                serve(Path(order["folder"]), order["step"], order["hit"], queued=order["queued"])
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        say({"ended": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    main()
