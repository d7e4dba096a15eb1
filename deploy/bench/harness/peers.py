"""The peers: nginx as backend and as reverse proxy, the naive relay, and the receiver that counts notices."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.children import child, free_port
from harness.messages import Pair

HERE = Path(__file__).resolve().parent
NGINX = """
{user}daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_rlimit_nofile 8192;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    default_type "text/xml; charset=utf-8";
    types {{ }}
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    client_max_body_size 64m;
    client_body_buffer_size 1m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{content}
}}
"""
BACKEND = """
    open_file_cache max=16 inactive=1h;
    open_file_cache_valid 1h;
    sendfile on;
    tcp_nopush on;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        root {folder};
        # A file is not posted to: the fixed answer is what nginx serves in place of 405.
        error_page 405 =200 /reply.xml;
        location / {{ try_files /reply.xml =404; }}
    }}
"""
PROXY = """
    upstream backend {{ server 127.0.0.1:{backend}; keepalive 256; }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffers 32 16k;
            proxy_buffer_size 16k;
        }}
    }}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running contestant or backend."""

    name: str
    url: str
    pid: int
    headers: tuple[tuple[str, str], ...] = ()


@contextmanager
def nginx(name: str, folder: Path, workers: int, content: str, **fields: object) -> Iterator[Server]:
    """nginx with this content of its ``http`` part, whose ``{port}`` and ``{folder}`` are filled in."""
    folder.mkdir()
    port = free_port()
    user = "user root;\n" if os.geteuid() == 0 else ""
    filled = content.format(port=port, folder=folder, **fields)
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(user=user, workers=workers, folder=folder, content=filled), encoding="utf-8")
    command = ["nginx", "-p", f"{folder}/", "-e", f"{folder}/error.log", "-c", configuration]
    with child(command, port, folder / "output.log") as pid:
        yield Server(name, f"http://127.0.0.1:{port}/", pid)


@contextmanager
def backend(folder: Path, pair: Pair) -> Iterator[Server]:
    """A server that answers every request with the pair's reply; the same for all contestants."""
    with nginx("backend", folder, 1, BACKEND) as server:
        (folder / "reply.xml").write_bytes(pair.reply)
        yield server


@contextmanager
def proxy(folder: Path, target: Server) -> Iterator[Server]:
    """nginx as a reverse proxy with kept connections, one worker per core."""
    port = target.url.rsplit(":", 1)[1].strip("/")
    with nginx("nginx", folder, os.cpu_count() or 1, PROXY, backend=port) as server:
        yield server


@contextmanager
def relay(folder: Path, target: Server) -> Iterator[Server]:
    """The naive relay: spyne in front, zeep behind, nothing durable."""
    folder.mkdir()
    port = free_port()
    command = [sys.executable, HERE.parent / "naive_relay.py", str(port), target.url]
    with child(command, port, folder / "output.log") as pid:
        yield Server("relay", f"http://127.0.0.1:{port}/", pid)


@contextmanager
def receiver(folder: Path, pair: Pair) -> Iterator[Server]:
    """The receiving system of S9: checks every notice and answers with the pair's receipt."""
    folder.mkdir()
    (folder / "reply.xml").write_bytes(pair.reply)
    (folder / "request.xml").write_bytes(pair.request)
    port = free_port()
    command = [sys.executable, HERE.parent / "receiver.py", str(port), folder]
    with child(command, port, folder / "output.log") as pid:
        yield Server("receiver", f"http://127.0.0.1:{port}/", pid)


def received(folder: Path) -> dict[str, int]:
    """What the receiver counted; it writes the figures when it is ended."""
    counted: dict[str, int] = json.loads((folder / "counts.json").read_text())
    return counted
