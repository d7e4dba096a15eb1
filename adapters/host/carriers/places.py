"""Which vendor's place a transport of files means: an SFTP folder, or a directory of an object store."""

from __future__ import annotations

from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.transports.directory import DirectoryPlace
from adapters.transports.place import RemotePlace


def place_of(spec: FlowSpec, environment: Environment) -> RemotePlace:
    """The place of a ``sftp-*`` or ``objects-*`` transport; ConfigurationError CB7001 for a wrong address."""
    stall_s = spec.number("stall_s", 30.0)
    if spec.kind.startswith("sftp"):
        # asyncssh takes a third of a second to import: only adapters that speak SFTP wait for it
        from adapters.transports.sftp import SftpPlace, read_address  # noqa: PLC0415 (asyncssh: only where it is used)

        return SftpPlace(
            read_address(environment.setting(spec.text("address"))),
            environment.path(spec.text("host_key")),
            environment.path(spec.text("key_file")),
            spec.text("remote"),
            stall_s,
        )
    return DirectoryPlace(environment.path(spec.text("address")) / spec.text("remote"), stall_s)
