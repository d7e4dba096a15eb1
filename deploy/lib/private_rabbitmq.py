"""A RabbitMQ of one's own: ports, node name, cookie, epmd and folder of its own, no root and no service of the system.

For tests, the quickstart and the benchmark. The programs of the Debian package ``rabbitmq-server`` are run directly,
from where its wrappers would change the user. Alone: ``python deploy/lib/private_rabbitmq.py FOLDER`` until Ctrl-C.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
PACKAGE = "rabbitmq-server"
READY_S = 120.0
"""A start takes about 6 s of processor time; on shared cores it may take much longer."""

YOUNG_S = 10.0
"""Seconds after which RabbitMQ 3.10 has written down a new queue (about five were measured)."""

STOP_S = 20.0
GREETING = b"AMQP\x00\x00\x09\x01"


class RabbitMqMissing(RuntimeError):
    """The programs are not installed."""


class RabbitMqFailed(RuntimeError):
    """It did not start; the message holds the end of its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PrivateRabbitMq:
    """One node. ``cluster`` names another one whose cookie and epmd it shares (then ``join`` it)."""

    def __init__(self, folder: Path, *, extra: str = "", cluster: PrivateRabbitMq | None = None, tls: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.user = "chiikibus"
        self.password = cluster.password if cluster else secrets.token_urlsafe(16)
        self._cookie = cluster._cookie if cluster else secrets.token_hex(16)
        self._dist_port = free_port()
        self.epmd_port = cluster.epmd_port if cluster else free_port()
        self._epmd_of = cluster
        self._epmd: subprocess.Popen[bytes] | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.node = f"chiikibus-{secrets.token_hex(4)}@localhost"
        self.tls_port = free_port() if tls else 0
        self._write(extra, tls)

    def _write(self, extra: str, tls: str) -> None:
        if not (PROGRAMS / "rabbitmq-server").exists():
            raise RabbitMqMissing(f"{PROGRAMS}/rabbitmq-server (Debian: {PACKAGE})")
        for name in ("mnesia", "log", "generated"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        cookie = self.folder / ".erlang.cookie"
        cookie.touch(mode=0o600)
        cookie.write_text(self._cookie)
        cookie.chmod(0o400)
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / "env.conf").write_text("")
        lines = [
            f"listeners.tcp.1 = 127.0.0.1:{self.port}",
            f"default_user = {self.user}",
            f"default_pass = {self.password}",
            "loopback_users = none",
            "disk_free_limit.absolute = 1MB",
            "log.console = false",
            "heartbeat = 30",
        ]
        if tls:
            lines += [f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}", tls]
        (self.folder / "rabbitmq.conf").write_text("\n".join([*lines, extra, ""]))

    @property
    def environment(self) -> dict[str, str]:
        """For the server and for ``rabbitmqctl``."""
        inherited = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        folder = self.folder
        return inherited | {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            # Idle schedulers must not spin on cores that others need.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Then the script becomes the server instead of starting it: its id is the one to end.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def start(self) -> PrivateRabbitMq:
        """Start, or start again after ``kill``, and wait until it answers. Errors: ``RabbitMqFailed``."""
        if self._epmd_of is None and (self._epmd is None or self._epmd.poll() is not None):
            self._epmd = subprocess.Popen(
                ["epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self.environment,
                start_new_session=True,
            )
        with (self.folder / "console.log").open("ab") as sink:
            self.process = subprocess.Popen(
                [PROGRAMS / "rabbitmq-server"],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
            )
        self._wait()
        return self

    def _wait(self) -> None:
        end = time.monotonic() + READY_S
        while not self.answers():
            ended = self.process is None or self.process.poll() is not None
            if ended or time.monotonic() > end:
                tail = (self.folder / "console.log").read_text(errors="replace")[-3000:]
                raise RabbitMqFailed(f"{self.node} {'ended' if ended else 'is not ready'}:\n{tail}")
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2.0) as probe:
                probe.sendall(GREETING)
                return len(probe.recv(7)) > 0
        except OSError:
            return False

    def control(self, *arguments: str, within_s: float = 90.0) -> str:
        """``rabbitmqctl``; costs a second or two. Errors: ``RabbitMqFailed``."""
        done = subprocess.run(
            [PROGRAMS / "rabbitmqctl", "--quiet", "--node", self.node, *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.folder,
            timeout=within_s,
            check=False,
        )
        if done.returncode:
            raise RabbitMqFailed(f"rabbitmqctl {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def join(self, other: PrivateRabbitMq) -> None:
        """Make one cluster with another node that runs."""
        self.control("stop_app")
        self.control("join_cluster", other.node)
        self.control("start_app")
        self._wait()

    def settled(self, since: float) -> bool:
        """Whether RabbitMQ has written down which queues there are, after this time (epoch seconds).

        It does so some seconds late, and not for all queues at once: a quorum queue that is younger than ``YOUNG_S``
        when its only node is killed finds no leader again.
        """
        if time.time() < since + YOUNG_S:
            return False
        found = list(self.folder.glob("mnesia/*/quorum/*/meta.dets"))
        return any(path.stat().st_mtime > since for path in found)

    def kill(self) -> None:
        """End it at once, as a power failure would."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(STOP_S)

    def pause(self) -> None:
        """Let it do nothing, with its connections open."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGCONT)

    def forget(self) -> None:
        """While it is down: everything it has stored is gone."""
        for path in sorted((self.folder / "mnesia").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def stop(self) -> None:
        """End it and its epmd, by their ids."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
        self.kill()
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait(STOP_S)
            self._epmd = None

    def __enter__(self) -> PrivateRabbitMq:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def main() -> int:
    """Run one until Ctrl-C; its first line says where."""
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with PrivateRabbitMq(folder) as server:
        place = {"port": server.port, "user": server.user, "password": server.password, "node": server.node}
        print(json.dumps(place), flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
