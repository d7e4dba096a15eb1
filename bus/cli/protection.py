"""How the commands call a bus over TLS: what they trust and what they show, from options and the site folder."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests.adapters

from bus.core.channel import TlsMaterial
from bus.core.errors import ConfigurationError
from bus.core.settings import Site
from bus.core.tls import client_context
from bus.core.types import Endpoint, Finding


@dataclass(frozen=True, slots=True)
class Calling:
    """Where the bus is called, and with what; ``context`` is ``None`` for plain HTTP.

    ``named`` is false where the bus's own certificate is trusted and nothing else: its names do not matter then.
    """

    url: str
    context: ssl.SSLContext | None = None
    named: bool = True


class ProtectedAdapter(requests.adapters.HTTPAdapter):
    """Lets requests use a context of ours."""

    def __init__(self, calling: Calling) -> None:
        self._calling = calling
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        """As the base class."""
        more["ssl_context"] = self._calling.context
        if not self._calling.named:
            more["assert_hostname"] = False
        super().init_poolmanager(*arguments, **more)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context has everything; the base class would put the machine's authorities beside it."""


def calling(
    site: Site, endpoint: Endpoint, certificate: Path | None = None, key: Path | None = None, ca: Path | None = None
) -> Calling:
    """How this endpoint calls the bus from this machine.

    A certificate, or an endpoint that must come over TLS, leads to the listener with TLS. Without ``ca`` a bus that is
    called at its own listener is known by the certificate in the site folder, one behind a public address by the
    authorities of the machine. Errors: CB7030 for a certificate without its key, an endpoint without the certificate
    that it needs, and files that cannot be read; CB7041, CB7046.
    """
    if (certificate is None) != (key is None):
        raise _usage("--certificate" if key else "--key", "--certificate + --key")
    url = site.front.url_for(endpoint, tls=certificate is not None or ca is not None)
    if not url.startswith("https://"):
        if certificate is not None or ca is not None:
            raise _usage("--certificate" if certificate else "--ca", "[front.tls]", url)
        return Calling(url)
    if endpoint.caller.asks_certificate and certificate is None:
        raise _usage("--certificate", f"certificate of {endpoint.key}", "none")
    shown = (
        TlsMaterial(_read("--certificate", certificate), _read("--key", key)) if certificate and key else TlsMaterial()
    )
    tls = site.front.tls
    pinned = ca is None and tls is not None and urlsplit(url).port == tls.port and not site.front.public_url
    authorities = tls.material.certificate if pinned and tls is not None else (_read("--ca", ca) if ca else b"")
    context = client_context(TlsMaterial(shown.certificate, shown.key, authorities=authorities))
    context.check_hostname = not pinned
    return Calling(url, context, named=not pinned)


def _read(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _usage(option, "readable file", f"{path} {type(error).__name__}") from error


def _usage(option: str, expected: str, got: str = "") -> ConfigurationError:
    return ConfigurationError("CB7030", [Finding("CB7030", path=option, expected=expected, got=got)])
