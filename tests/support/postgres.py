"""PostgreSQL servers of the tests: one shared by a process of the tests, or one to kill and restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

from bus.journal.postgres.database import Place
from tests.support.loading import deployed

Cluster = deployed("lib/private_postgres.py").PrivatePostgres


class Shared:
    """The one server of a process of the tests, started when first wanted; ``tests/conftest.py`` removes it."""

    def __init__(self) -> None:
        self._cluster: Any = None

    def cluster(self) -> Any:
        """The running server; without ``fsync``, since nobody pulls its plug."""
        if self._cluster is None:
            self._cluster = Cluster(quick=True)
            self._cluster.start()
        return self._cluster

    def remove(self) -> None:
        """Stop it, if it was ever wanted."""
        if self._cluster is not None:
            self._cluster.remove()
            self._cluster = None


SHARED = Shared()
"""Not for tests that kill or restart their server."""


def journal_place(folder: Path) -> Place:
    """A journal of its own on the shared server; the same folder gives the same one."""
    schema = f"j{crc32(str(folder).encode()):08x}"
    return Place(SHARED.cluster().dsn(), schema)
