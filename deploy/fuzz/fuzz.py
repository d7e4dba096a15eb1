"""Run one target under atheris: ``fuzz.py TARGET [FOLDER...] [-libfuzzer_option=...]``. See ``run.sh``."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

with atheris.instrument_imports(include=["bus", "schemas"]):
    import targets


def main() -> None:
    """Until the time is over or a promise is broken."""
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
