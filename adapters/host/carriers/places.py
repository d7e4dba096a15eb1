"""Which vendor's place a transport of files means: an SFTP folder, an S3 bucket, or a mounted directory."""

from __future__ import annotations

from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.host.flows.rest_access import secret_text
from adapters.transports.directory import DirectoryPlace
from adapters.transports.place import RemotePlace
from bus.core.errors import ConfigurationError
from bus.core.types import Finding


def place_of(spec: FlowSpec, environment: Environment) -> RemotePlace:
    """The place of a ``sftp-*``, ``s3-*`` or ``objects-*`` transport; ConfigurationError CB7001 for a wrong address."""
    stall_s = spec.number("stall_s", 30.0)
    if spec.kind.startswith("sftp"):
        from adapters.transports.sftp import SftpPlace, read_address  # noqa: PLC0415 (asyncssh: 0.1 s and 14 MB)

        return SftpPlace(
            read_address(environment.setting(spec.text("address"))),
            environment.path(spec.text("host_key")),
            environment.path(spec.text("key_file")),
            spec.text("remote"),
            stall_s,
        )
    if spec.kind.startswith("s3"):
        return _bucket(spec, environment, stall_s)
    return DirectoryPlace(environment.path(spec.text("address")) / spec.text("remote"), stall_s)


def _bucket(spec: FlowSpec, environment: Environment, stall_s: float) -> RemotePlace:
    """A bucket; its library is an optional part of the installation. CB7001 without it, or without a credential."""
    try:
        from adapters.transports.s3 import S3Place, read_address  # noqa: PLC0415 (obstore: an extra that may be absent)
    except ImportError as error:
        finding = Finding("CB7001", path=spec.id, expected="pip install chiikibus[s3]", got=str(error.name))
        raise ConfigurationError("CB7001", [finding]) from error
    key, mark, secret = secret_text(spec, environment).partition(":")
    if not (key and mark and secret):
        finding = Finding("CB7001", path=f"{spec.id}.auth", expected="a file with key:secret", got="another form")
        raise ConfigurationError("CB7001", [finding])
    ca = environment.path(spec.text("ca")).read_text("ascii") if spec.text("ca") else ""
    where = read_address(environment.setting(spec.text("address")))
    return S3Place(where, key, secret, spec.text("remote"), stall_s, spec.text("region", "ap-northeast-1"), ca)
