"""A PostgreSQL server of a test's own: own folder, own port, started, killed and stopped by the test.

PostgreSQL refuses to run as root: its programs then run as the user ``nobody``, who owns the folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from zlib import crc32

from bus.journal.postgres.database import Place
from tests.support.network import free_port
from tests.support.polling import until

NOBODY = 65534
USER = "chiikibus"


def programs() -> Path:
    """The folder of PostgreSQL's programs. Errors: RuntimeError when it is not installed (``apt-get install``)."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))
    if not folders:
        raise RuntimeError("PostgreSQL is missing: apt-get install postgresql")
    return folders[-1]


class Cluster:
    """One server; what is committed survives ``kill`` and ``start`` because ``fsync`` is on unless ``quick``."""

    def __init__(self, *, quick: bool = False, settings: Sequence[str] = ()) -> None:
        """``quick`` gives up durability; ``settings`` are ``name=value`` of postgresql.conf."""
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self.port = free_port()
        self._programs = programs()
        self._as_user: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._options = [f"fsync={'off' if quick else 'on'}", "shared_buffers=32MB", "max_connections=60", *settings]
        if os.geteuid() == 0:
            self._as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            os.chown(self.folder, NOBODY, NOBODY)
        self._run("initdb", "-D", str(self.data), "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "d"

    @property
    def pid(self) -> int:
        """The process id of the server."""
        assert self._process is not None
        return self._process.pid

    def dsn(self, database: str = "postgres", *, tcp: bool = False) -> str:
        """How to connect: by the socket in the folder, or by TCP."""
        host = "127.0.0.1" if tcp else str(self.folder)
        return f"host={host} port={self.port} user={USER} dbname={database}"

    def url(self, database: str = "postgres") -> str:
        """The address for libraries that want one."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [part for each in self._options for part in ("-c", each)]
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            [*self._as_user, str(self._programs / "postgres"), "-D", str(self.data), "-p", str(self.port),
             "-k", str(self.folder), "-h", "127.0.0.1", *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        log.close()
        until(self.answers, within_s=60, what="PostgreSQL to answer")

    def answers(self) -> bool:
        """Whether the server takes connections."""
        ready = [str(self._programs / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0

    def create(self, prefix: str = "journal") -> str:
        """A new, empty database; its name."""
        name = f"{prefix}{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY wal_log")
        return name

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run one statement by psql; its output without decoration."""
        return self._run("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, self.dsn(database))

    def kill(self) -> None:
        """End the server and all its backends as a machine that loses its power does to them."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=30)
        until(lambda: not self._backends(), within_s=30, what="the backends to end")
        self._process = None

    def restart(self) -> None:
        """An operator's restart: connections are ended at once."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop the server in an orderly way; does nothing when it is not running."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=60)
            self._process = None

    def remove(self) -> None:
        """End the server, whose data nobody wants any more, and remove its folder."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _backends(self) -> bool:
        found = subprocess.run(["pgrep", "-f", f"postgres.*{self.data}"], capture_output=True, check=False)
        return found.returncode == 0

    def _run(self, program: str, *arguments: str) -> str:
        whole = [*self._as_user, str(self._programs / program), *arguments]
        done = subprocess.run(whole, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")
        return done.stdout.strip()


class Shared:
    """The one server of a process of the tests, started when first wanted; ``tests/conftest.py`` removes it."""

    def __init__(self) -> None:
        self._cluster: Cluster | None = None

    def cluster(self) -> Cluster:
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
