"""A synthetic authority for tests, and every kind of certificate that a front or a provider may meet."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bus.core.certificates import read_certificates
from bus.core.channel import Binding, Certificate, TlsMaterial, TlsServer
from bus.core.tls import ClientContext, client_context
from bus.ops.certificate_maker import DAY, Authority, Made

NOW = time.time()
HERE = ("dns:localhost", "ip:127.0.0.1")


@dataclass(frozen=True, slots=True)
class Pki:
    """One authority for servers and one for clients, both trusted; ``stranger`` is trusted by nobody."""

    servers: Authority = field(default_factory=lambda: Authority("servers", NOW))
    clients: Authority = field(default_factory=lambda: Authority("clients", NOW))
    stranger: Authority = field(default_factory=lambda: Authority("clients", NOW))

    def server(self, *, name: str = "bus", names: tuple[str, ...] = HERE, days: float = 365) -> Made:
        """A server's certificate for this machine."""
        return self.servers.issue(name, names=names, days=days)

    def client(self, name: str = "tax") -> Made:
        """A client's certificate."""
        return self.clients.issue(name, names=(f"dns:{name}.example",), purposes=("client_auth",))

    def bad_client(self, kind: str) -> Made:
        """A client's certificate that no handshake may accept."""
        purposes, name = ("client_auth",), "tax"
        if kind == "wrong authority":
            return self.stranger.issue(name, purposes=purposes)
        if kind == "expired":
            return self.clients.issue(name, purposes=purposes, from_s=-2 * DAY, days=1)
        if kind == "not yet valid":
            return self.clients.issue(name, purposes=purposes, from_s=DAY)
        assert kind == "wrong usage"
        return self.clients.issue(name, purposes=("server_auth",))

    def front(
        self,
        *,
        made: Made | None = None,
        clients: str = "required",
        lists: tuple[bytes, ...] = (),
        stale: str = "refuse",
        handshake_timeout_s: float = 5.0,
    ) -> TlsServer:
        """A listener on a port that the system chooses."""
        made = made or self.server()
        material = TlsMaterial(made.certificate, made.key, "", self.clients.pem, lists, stale)
        return TlsServer("127.0.0.1", 0, material, clients, handshake_timeout_s)

    def caller(self, made: Made | None = None) -> ClientContext:
        """How a client calls; without ``made`` it has no certificate."""
        shown = TlsMaterial(made.certificate, made.key) if made else TlsMaterial()
        return client_context(TlsMaterial(shown.certificate, shown.key, authorities=self.servers.pem))


@cache
def pki() -> Pki:
    """One for all tests of a process: making keys costs time."""
    return Pki()


def facts(made: Made) -> Certificate:
    """The facts of a certificate."""
    return read_certificates(made.certificate)[0]


def bound(*made: Made) -> tuple[Binding, ...]:
    """Bindings by fingerprint."""
    return tuple(Binding(sha256=facts(each).sha256) for each in made)


def write(folder: Path, name: str, made: Made) -> tuple[Path, Path]:
    """Certificate and key as files, the key readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(made.certificate)
    key.touch(mode=0o600)
    key.write_bytes(made.key)
    return certificate, key


def old_protocol(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same client on TLS 1.1, which OpenSSL offers only below its security level 1."""
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    return context
