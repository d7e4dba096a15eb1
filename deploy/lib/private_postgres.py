"""A PostgreSQL server of one's own: its data in a folder of its own, a free port of the loopback address.

For tests, examples and measurements; never for operation. PostgreSQL refuses to run as root: its programs then run as
the user ``nobody``, who owns the folder. Nothing outside of the folder is touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

NOBODY = 65534
USER = "chiikibus"
PACKAGE = "postgresql"
READY_S = 60.0
STOP_S = 60.0
EVERY_S = 0.02


class PostgresMissing(RuntimeError):
    """PostgreSQL is not installed here; the text says what was looked for."""


class PostgresFailed(RuntimeError):
    """A program of PostgreSQL ended with an error, or the server does not answer; the text is its last words."""


def programs() -> Path:
    """The folder of PostgreSQL's programs. Errors: ``PostgresMissing``."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))
    if not folders:
        raise PostgresMissing(f"initdb (Debian: {PACKAGE})")
    return folders[-1]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


class PrivatePostgres:
    """One server; what is committed survives ``kill`` and ``start`` because ``fsync`` is on unless ``quick``."""

    def __init__(
        self,
        *,
        quick: bool = False,
        settings: Sequence[str] = (),
        password: str = "",
        of: PrivatePostgres | None = None,
    ) -> None:
        """Make its files, in a folder below the system's for temporary ones (``remove`` takes it away).

        ``quick`` gives up durability; ``settings`` are ``name=value`` of postgresql.conf; without ``password``
        everybody on this machine is trusted. With ``of``, a running server without a password, this one is its
        standby: it follows from its ``start`` on until ``promote``. Errors: ``PostgresMissing``, ``PostgresFailed``.
        """
        self._programs = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self.port = free_port()
        self._as_user: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._password = password
        self._options = [f"fsync={'off' if quick else 'on'}", "shared_buffers=32MB", "max_connections=60", *settings]
        if os.geteuid() == 0:
            self._as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            os.chown(self.folder, NOBODY, NOBODY)
        rules = ["-A", "trust"]
        if password:
            secret = self.folder / "password"
            secret.write_text(password + "\n", encoding="utf-8")
            secret.chmod(0o600)
            if self._as_user:
                os.chown(secret, NOBODY, NOBODY)
            rules = ["-A", "scram-sha-256", "--pwfile", str(secret)]
        if of is not None:
            source = ["-h", str(of.folder), "-p", str(of.port), "-U", USER]
            self._run("pg_basebackup", "-D", str(self.data), *source, "-R", "-X", "stream", "-c", "fast", "--no-sync")
            return
        self._run("initdb", "-D", str(self.data), "-U", USER, *rules, "--no-sync", "-E", "UTF8", "--locale=C")

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "d"

    @property
    def pid(self) -> int:
        """The process id of the server. Errors: ``PostgresFailed`` it does not run."""
        if self._process is None:
            raise PostgresFailed("not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def dsn(self, database: str = "postgres", *, tcp: bool = False) -> str:
        """How to connect, without a password: by the socket in the folder, or by TCP."""
        host = "127.0.0.1" if tcp else str(self.folder)
        return f"host={host} port={self.port} user={USER} dbname={database}"

    def url(self, database: str = "postgres") -> str:
        """The address for libraries that want one."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers. Errors: ``PostgresFailed``."""
        options = [part for each in self._options for part in ("-c", each)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user, str(self._programs / "postgres"), "-D", str(self.data), "-p", str(self.port),
                 "-k", str(self.folder), "-h", "127.0.0.1", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._until(self.answers, "to answer")

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
        """Run one statement by psql; its output without decoration. Errors: ``PostgresFailed``."""
        return self._run("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, self.dsn(database))

    def follow_synchronously(self) -> None:
        """Let a commit return when a standby has it too; waits until one follows. Errors: ``PostgresFailed``."""
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.execute("SELECT pg_reload_conf()")
        following = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        self._until(lambda: self.execute(following) == "1", "to be followed")

    def promote(self) -> None:
        """Make a standby the server; returns when it takes writes. Errors: ``PostgresFailed``."""
        self.execute("SELECT pg_promote(true, 60)")

    def disconnect_all(self) -> None:
        """End every connection of a client, as a failover or a firewall does."""
        self.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def kill(self) -> None:
        """End the server and all its backends as a machine that loses its power does to them."""
        if self._process is not None:
            self._process.kill()
            self._signal(signal.SIGKILL)
            self._process.wait(timeout=STOP_S)
            self._until(lambda: not self.processes(), "to be gone")
            self._process = None

    def pause(self) -> None:
        """Let it do nothing, with its connections open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """An operator's restart: connections are ended at once."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop the server in an orderly way; does nothing when it is not running."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=STOP_S)
            self._process = None

    def remove(self) -> None:
        """End the server, whose data nobody wants any more, and remove its folder."""
        if self.running:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> list[int]:
        """The processes of this server, each a session of its own; all of them work in the data folder."""
        found: list[int] = []
        for path in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                if path.readlink() == self.data:
                    found.append(int(path.parent.name))
        return sorted(found)

    def _signal(self, number: int) -> None:
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _until(self, ready: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + READY_S
        while not ready():
            ended = what == "to answer" and not self.running
            if ended or time.monotonic() > end:
                words = (self.folder / "log").read_text("utf-8", "replace")[-2000:]
                raise PostgresFailed(f"PostgreSQL {what}: {words}")
            time.sleep(EVERY_S)

    def _run(self, program: str, *arguments: str) -> str:
        whole = [*self._as_user, str(self._programs / program), *arguments]
        inherited = dict(os.environ) | ({"PGPASSWORD": self._password} if self._password else {})
        done = subprocess.run(whole, capture_output=True, text=True, check=False, cwd="/", env=inherited)
        if done.returncode:
            raise PostgresFailed(f"{program}: {done.stderr.strip()}")
        return done.stdout.strip()
