"""TLS of an adapter: what its face shows to the bus, and with what it calls the bus."""

from __future__ import annotations

import ssl

from bus.core.settings import AdapterSpec


def face_context(spec: AdapterSpec) -> ssl.SSLContext | None:
    """The context of the face, ``None`` for plain HTTP. Errors: ``ConfigurationError`` CB7046."""
    if spec.tls is None:
        return None
    from bus.core.tls import server_context  # noqa: PLC0415 - only adapters with TLS pay for the import

    return server_context(spec.tls.material, spec.tls.client_certificates)


def calling_context(spec: AdapterSpec, url: str) -> ssl.SSLContext | None:
    """The context for calls to the bus, ``None`` where its address or the adapter has no TLS. Errors: CB7046."""
    if spec.tls is None or not url.startswith("https://"):
        return None
    from bus.core.tls import client_context  # noqa: PLC0415 - only adapters with TLS pay for the import

    return client_context(spec.tls.material)
