"""A TLS server in a thread that does what a test tells it: certificate, protocol, answer, or no TLS at all."""

from __future__ import annotations

import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bus.core.tls import CIPHERS
from bus.ops.certificate_maker import Made
from tests.support.pki import pki

ANSWER = b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
PATIENCE_S = 10.0

Serve = Callable[[socket.socket], None]


def tls_context(
    made: Made | None = None, *, clients: ssl.VerifyMode = ssl.CERT_NONE, trusted: bytes = b""
) -> ssl.SSLContext:
    """A server's context that loads any key, however weak, and speaks every protocol from TLS 1.2 on."""
    shown = made or pki().server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(CIPHERS.replace("SECLEVEL=2", "SECLEVEL=0"))
    context.verify_mode = clients
    if clients is not ssl.CERT_NONE:
        context.load_verify_locations(cadata=(trusted or pki().clients.pem).decode())
    show(context, shown)
    return context


def show(context: ssl.SSLContext, made: Made) -> None:
    """Load a certificate and its key; the library reads files only."""
    with tempfile.NamedTemporaryFile() as both:
        both.write(made.certificate + made.key)
        both.flush()
        context.load_cert_chain(both.name)


def speaking(context: ssl.SSLContext, answer: bytes = ANSWER, *, rudely: bool = False) -> Serve:
    """Shake hands, read a head, answer; ``rudely`` ends a failed handshake without reading what still comes."""

    def serve(client: socket.socket) -> None:
        with client.dup() as plain, suppress(ssl.SSLError):
            try:
                protected = context.wrap_socket(client, server_side=True)
            except ssl.SSLError:
                if not rudely:
                    plain.shutdown(socket.SHUT_WR)
                    silent(plain)
                raise
            converse(protected)

    def converse(protected: ssl.SSLSocket) -> None:
        with protected:
            asked = b""
            while b"\r\n\r\n" not in asked:
                more = protected.recv(4096)
                if not more:
                    return
                asked += more
            if answer:
                protected.sendall(answer)

    return serve


def refusing_hard(context: ssl.SSLContext, done: threading.Event) -> Serve:
    """The handshake fails here, and a reset follows the alert at once; then ``done`` is set."""

    def serve(client: socket.socket) -> None:
        with client.dup() as plain:
            with suppress(ssl.SSLError):
                context.wrap_socket(client, server_side=True)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        done.set()

    return serve


def hanging_up(client: socket.socket) -> None:
    """No TLS: the first bytes are read and the connection ends."""
    client.recv(4096)


def plain_http(client: socket.socket) -> None:
    """No TLS: an answer in plain HTTP."""
    client.recv(4096)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def silent(client: socket.socket) -> None:
    """Reads until the other side has enough of it."""
    while client.recv(4096):
        pass


@contextmanager
def serving(serve: Serve) -> Iterator[int]:
    """The port of a server that serves each connection in its turn."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def run() -> None:
            while not ended.is_set():
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client, suppress(OSError):
                    client.settimeout(PATIENCE_S)
                    serve(client)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)
