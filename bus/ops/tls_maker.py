"""Make synthetic certificates for a site's TLS, for trying out only: an authority, the bus, and endpoints.

Every subject and every file name says that it is for tests. Nothing that exists is overwritten: a later run, with the
authority's kept key, makes what is not there yet.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bus.core.errors import ConfigurationError
from bus.core.types import Endpoint, Finding
from bus.ops.certificate_maker import Authority, Made

FOLDER: Final = Path("tls")
CA, CA_KEY, LIST = (FOLDER / f"test-only-ca.{kind}" for kind in ("pem", "key", "crl"))
SETTINGS: Final = FOLDER / "test-only-site.toml"
BUS, BUS_CLIENT = "test-only-bus", "test-only-bus-client"
DAYS: Final = 365
LISTEN: Final = "127.0.0.1:8443"
"""This machine only, until somebody decides otherwise."""

HERE: Final = ("dns:localhost", "ip:127.0.0.1", "ip:::1")
"""What programs of this machine call it."""


@dataclass(frozen=True, slots=True)
class MadeTls:
    """Files that were written and that were there already (relative to the site), and the settings that use them.

    ``site_toml`` is also in a file, to be put at the end of ``site.toml``. ``endpoints_toml`` holds a line for each
    endpoint, ``adapters_toml`` a table for each that an adapter stands for.
    """

    files: tuple[str, ...]
    kept: tuple[str, ...]
    site_toml: str
    endpoints_toml: str
    adapters_toml: str


def make_tls(
    folder: Path,
    endpoints: Sequence[Endpoint],
    now: float,
    *,
    names: Sequence[str] = (),
    label: str = "",
    listen: str = LISTEN,
) -> MadeTls:
    """Certificates for the bus, known as ``names`` beside this machine's own, and for ``endpoints``.

    ``listen`` is where the settings have the bus listen. ``label`` ends the names of the endpoints' files: a second
    certificate beside the first. Errors: CB7015 when there is nothing to make, CB7040 for an authority whose key is
    gone.
    """
    wanted = [CA, CA_KEY, LIST, SETTINGS, *_pair(BUS), *_pair(BUS_CLIENT)]
    wanted += [path for each in endpoints for path in _pair(_name_of(each, label))]
    kept = tuple(path for path in wanted if (folder / path).exists())
    if len(kept) == len(wanted):
        raise _error("CB7015", str(FOLDER), "--endpoint | --label")
    authority = _authority(folder, now)
    files: list[tuple[Path, bytes, int]] = [
        (CA, authority.pem, 0o644),
        (CA_KEY, authority.key_pem, 0o600),
        (LIST, authority.revocation_list(days=DAYS), 0o644),
        (SETTINGS, _site_toml(listen).encode(), 0o644),
        *_files(BUS, authority.issue("chiikibus", names=_names(*HERE, *names), days=DAYS)),
        *_files(BUS_CLIENT, authority.issue("chiikibus", purposes=("client_auth",), days=DAYS)),
    ]
    for each in endpoints:
        host = urlsplit(each.address).hostname
        made = authority.issue(
            each.key,
            names=_names(*HERE, *((host,) if host else ())),
            purposes=("server_auth", "client_auth"),
            days=DAYS,
        )
        files += _files(_name_of(each, label), made)
    new = [(path, content, mode) for path, content, mode in files if path not in kept]
    for path, content, mode in new:
        _write(folder / path, content, mode)
    return MadeTls(
        files=tuple(str(path) for path, _, _ in new),
        kept=tuple(str(path) for path in kept),
        site_toml=_site_toml(listen),
        endpoints_toml="".join(_endpoint_toml(each, label) for each in endpoints),
        adapters_toml="".join(_adapter_toml(each, label) for each in endpoints if each.adapter),
    )


def _authority(folder: Path, now: float) -> Authority:
    """That of an earlier run, or a new one."""
    if not (folder / CA).exists() and not (folder / CA_KEY).exists():
        return Authority("chiikibus test authority", now)
    for path in (CA, CA_KEY):
        if not (folder / path).exists():
            raise _error("CB7040", str(path), "file of an earlier run")
    try:
        return Authority.read((folder / CA).read_bytes(), (folder / CA_KEY).read_bytes(), now)
    except (OSError, ValueError) as error:
        raise _error("CB7041", str(CA_KEY), "key of an earlier run") from error


def _error(code: str, path: str, expected: str) -> ConfigurationError:
    return ConfigurationError("CB7001", [Finding(code, path=path, expected=expected)])


def _name_of(endpoint: Endpoint, label: str) -> str:
    return f"test-only-{endpoint.municipality}-{endpoint.id}" + (f"-{label}" if label else "")


def _pair(name: str) -> tuple[Path, Path]:
    return FOLDER / f"{name}.pem", FOLDER / f"{name}.key"


def _files(name: str, made: Made) -> list[tuple[Path, bytes, int]]:
    certificate, key = _pair(name)
    return [(certificate, made.certificate, 0o644), (key, made.key, 0o600)]


def _names(*hosts: str) -> tuple[str, ...]:
    """Alternative names for hosts, each once; ``dns:`` and ``ip:`` may be left out."""
    found = []
    for host in hosts:
        kind, _, value = host.partition(":")
        if kind not in {"dns", "ip"}:
            value = host
        try:
            found.append(f"ip:{ipaddress.ip_address(value)}")
        except ValueError:
            found.append(f"dns:{value}")
    return tuple(dict.fromkeys(found))


def _write(path: Path, content: bytes, mode: int) -> None:
    """Readable by its owner only from the first moment where it is a key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _site_toml(listen: str) -> str:
    certificate, key = _pair(BUS)
    own, own_key = _pair(BUS_CLIENT)
    return (
        f'\n# 試験用 / test only\n[front.tls]\nlisten = "{listen}"\n'
        f'certificate = "{certificate}"\nkey = "{key}"\n'
        f'client_ca = "{CA}"\nclient_certificates = "optional"\ncrl = ["{LIST}"]\n\n'
        f'[delivery.tls]\nca = "{CA}"\ncertificate = "{own}"\nkey = "{own_key}"\n'
    )


def _endpoint_toml(endpoint: Endpoint, label: str) -> str:
    certificate, _ = _pair(_name_of(endpoint, label))
    return f'# {endpoint.key}\ncaller = {{ certificates = [{{ file = "{certificate}" }}] }}\n'


def _adapter_toml(endpoint: Endpoint, label: str) -> str:
    certificate, key = _pair(_name_of(endpoint, label))
    return f'# {endpoint.adapter}\n[adapter.tls]\ncertificate = "{certificate}"\nkey = "{key}"\nca = "{CA}"\n'
