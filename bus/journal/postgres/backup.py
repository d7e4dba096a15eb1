"""A copy of the journal on PostgreSQL by PostgreSQL's own program: one moment of one schema, in its custom format."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from bus.core.errors import EnvironmentFault, JournalError
from bus.core.types import Finding
from bus.journal.backup import NOT_STORED, Copied, new_file
from bus.journal.postgres.database import Place
from bus.journal.postgres.schema import version
from bus.journal.postgres.side import open_link

PROGRAM: Final = "pg_dump"
MISSING: Final = "CB9002"


def copy_postgres(place: Place, target: Path) -> Copied:
    """The schema of the journal as ``pg_restore`` reads it; the bus goes on.

    Errors: CB9002 no ``pg_dump`` here; CB4003 no journal; CB4001 the program failed.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise EnvironmentFault(MISSING, [Finding(MISSING, path=PROGRAM)])
    link = open_link(place, purpose="backup")
    try:
        found = version(link)
        accepted, rejected = link.execute("SELECT accepted, rejected FROM turn").fetchone()
        (still_open,) = link.execute("SELECT count(*) FROM delivery WHERE open IS NOT NULL").fetchone()
    finally:
        link.close()
    new_file(target, lambda path: _dump(program, place, path))
    return Copied(str(target), target.stat().st_size, found, int(accepted + rejected), int(still_open))


def _dump(program: str, place: Place, target: Path) -> None:
    command = [program, "--format=custom", f"--schema={place.schema}", "--no-owner", "--no-privileges",
               "--lock-wait-timeout=60s", f"--file={target}", f"--dbname={place.dsn}"]  # fmt: skip
    secret = {"PGPASSWORD": place.password()} if place.password is not None else {}
    done = subprocess.run(command, env=os.environ | secret, capture_output=True, text=True, check=False)  # noqa: S603 (own words)
    if done.returncode:
        got = done.stderr.strip()[-300:]
        raise JournalError(NOT_STORED, [Finding(NOT_STORED, path=PROGRAM, got=got)])
