"""SFTP servers for tests: asyncssh's own inside the test, and OpenSSH's sshd as a process."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from tests.support.network import accepts, free_port
from tests.support.polling import until_async

SSHD = Path("/usr/sbin/sshd")


@dataclass(slots=True)
class SshFiles:
    """Keys of a server and of its only user, and what the client is given of them."""

    folder: Path
    root: Path
    port: int = 0

    @property
    def host_key(self) -> Path:
        """The file with the pinned host key."""
        return self.folder / "host_key.pub"

    @property
    def key(self) -> Path:
        """The client's private key."""
        return self.folder / "client_key"

    def url(self, folder: str = "") -> str:
        """The address of a folder of the server."""
        return f"sftp://{getpass.getuser()}@127.0.0.1:{self.port}/{folder}"


def make_keys(folder: Path) -> SshFiles:
    """New keys below ``folder`` and an empty root."""
    folder.mkdir(parents=True)
    (folder / "root").mkdir()
    for name in ("host_key", "client_key", "other_key"):
        pair = asyncssh.generate_private_key("ssh-ed25519")
        pair.write_private_key(folder / name)
        (folder / name).chmod(0o600)
        pair.write_public_key(folder / f"{name}.pub")
    return SshFiles(folder, folder / "root")


@asynccontextmanager
async def serving(files: SshFiles, factory: type[asyncssh.SFTPServer] = asyncssh.SFTPServer) -> AsyncIterator[SshFiles]:
    """asyncssh's server on a free port (or the one given), its root chrooted."""

    def sftp(channel: asyncssh.SSHServerChannel) -> asyncssh.SFTPServer:
        return factory(channel, chroot=str(files.root).encode())

    connections: list[asyncssh.SSHServerConnection] = []

    class Remembering(asyncssh.SSHServer):
        """Keeps its connections, to cut them at the end."""

        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

    server = await asyncssh.create_server(
        Remembering,
        "127.0.0.1",
        files.port,
        server_host_keys=[str(files.folder / "host_key")],
        authorized_client_keys=str(files.folder / "client_key.pub"),
        sftp_factory=sftp,
    )
    files.port = server.get_port()
    try:
        yield files
    finally:
        server.close()
        for one in connections:
            one.abort()
        await server.wait_closed()


@asynccontextmanager
async def sshd(files: SshFiles) -> AsyncIterator[SshFiles]:
    """OpenSSH's sshd, without privileges of its own, internal-sftp in the root folder."""
    files.port = free_port()
    await asyncio.to_thread(Path("/run/sshd").mkdir, exist_ok=True)  # where sshd wants to be, empty
    config = files.folder / "sshd_config"
    config.write_text(
        f"""Port {files.port}
ListenAddress 127.0.0.1
HostKey {files.folder / "host_key"}
AuthorizedKeysFile {files.folder / "client_key.pub"}
PidFile {files.folder / "sshd.pid"}
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
Subsystem sftp internal-sftp -d {files.root}
"""
    )
    process = await asyncio.create_subprocess_exec(
        str(SSHD), "-D", "-e", "-f", str(config), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until_async(lambda: accepts(files.port), what="sshd to listen")
        yield files
    finally:
        process.terminate()
        await process.wait()


def there_is_sshd() -> bool:
    """Whether OpenSSH's server is installed."""
    return SSHD.exists()
