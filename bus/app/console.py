"""Puts the console together for a site folder and serves it on a listener of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

import uvicorn

from bus.app.stores import make_vault, open_reader, open_side
from bus.console.app import make_app
from bus.console.openers import Openers
from bus.console.people import ConsoleSettings
from bus.core.clock import SystemClock
from bus.core.errors import EnvironmentFault
from bus.core.settings import Site
from bus.core.types import Finding
from schemas.catalog import load_edition

STOP_S: Final = 5
"""How long an answer that is being made may take when the console is told to stop."""


def serve(site: Site, settings: ConsoleSettings, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM or SIGINT. Errors: CB9003 the address is taken; CB9005, CB4003 there is no journal."""
    openers = Openers(reader=lambda: open_reader(site), side=lambda: open_side(site), vault=make_vault(site))
    with closing(openers.reader()):
        pass  # said now, not with the first page
    edition = load_edition(site.edition, site.standard_folder, site.mounts)
    app = make_app(site, settings, edition, openers, SystemClock())
    listener = _listener(settings)
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.certificate else "http"
    shown = f"[{host}]" if ":" in host else host
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_S,
        limit_concurrency=200,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
    )
    announce({"event": "ready", "url": f"{scheme}://{shown}:{port}/"})
    uvicorn.Server(config).run(sockets=[listener])


def _listener(settings: ConsoleSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        path = f"console.toml: listen {settings.host}:{settings.port}"
        raise EnvironmentFault("CB9003", [Finding("CB9003", path=path, got=type(error).__name__)]) from error
    listener.listen(128)
    return listener
