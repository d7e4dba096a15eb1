#!/usr/bin/env python
"""Run one target under atheris: ``TARGET=message fuzz.py [FOLDER...] [-libfuzzer_option=...]``. See ``run.sh``.

The fuzzer starts this file again by its name when it minimises: so the target is told by the environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

with atheris.instrument_imports(include=["bus", "schemas"]):
    import targets


def main() -> None:
    """Until the time is over or a promise is broken."""
    atheris.Setup(sys.argv, targets.TARGETS[os.environ["TARGET"]])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
