#!/usr/bin/env python3
"""What TLS costs the bus: the S3 call of 1 KB in the plain, with mutual TLS from the caller, and with it to both sides.

    deploy/bench/protected.py [--seconds 4] [--repetitions 3] [--clients 20] [--connections 300] [--write]

The load generator knows no client certificates: an nginx of its own stands between it and every bus, in the plain run
too, and keeps its connections. So rates are below those of the other tables, and what counts is the processor time of
the bus itself per 1,000 calls, and its ratio to the plain run of the same repetition. Then connections that are used
once: a whole handshake and a resumed one. Exit code: 0 measured, 1 an answer was wrong, 3 the machine lacks something.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).resolve().parents[2]
if importlib.util.find_spec("lxml") is None and __name__ == "__main__":
    # Not the project's environment: make or find it, and start again in it.
    again = '. "$0" && ensure_python_environment >&2 && exec "$PYTHON" "$@"'
    os.execvp("bash", ["bash", "-c", again, str(ROOT / "deploy/lib/environment.sh"), *sys.argv])
sys.path.insert(0, str(ROOT))

from harness import bus, peers  # noqa: E402 - the same
from harness.children import HarnessError, free_port  # noqa: E402 - the same
from harness.load import drive  # noqa: E402 - the same
from harness.machine import cpu_seconds, describe  # noqa: E402 - the same
from harness.messages import KB, Messages, Pair  # noqa: E402 - the same
from harness.report import write  # noqa: E402 - the same
from harness.scenarios import Meter, kept_answer  # noqa: E402 - the same

from bus.core.config import load_site  # noqa: E402 - the repository has to be found first
from bus.ops.tls_maker import make_tls  # noqa: E402 - the same

DOCUMENT: Final = ROOT / "docs" / "performance.md"
KINDS: Final = ("plain", "TLS in", "TLS in and out")
CALLER: Final = f"test-only-{bus.MUNICIPALITY}-caller"
REGISTER: Final = f"test-only-{bus.MUNICIPALITY}-register"
IN_BETWEEN: Final = """
    upstream bus {{ server 127.0.0.1:{target}; keepalive 256; }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass {scheme}://bus;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffers 32 16k;
            proxy_buffer_size 16k;
            {tls}
        }}
    }}
"""
SHOWING: Final = f"""proxy_ssl_certificate {{tls}}/{CALLER}.pem;
            proxy_ssl_certificate_key {{tls}}/{CALLER}.key;
            proxy_ssl_trusted_certificate {{tls}}/test-only-ca.pem;
            proxy_ssl_verify on;
            proxy_ssl_name localhost;
            proxy_ssl_protocols TLSv1.3;"""
PROVIDER: Final = f"""
    server {{{{
        listen 127.0.0.1:{{port}} ssl backlog=1024;
        ssl_certificate {{tls}}/{REGISTER}.pem;
        ssl_certificate_key {{tls}}/{REGISTER}.key;
        ssl_client_certificate {{tls}}/test-only-ca.pem;
        ssl_verify_client on;
        ssl_protocols TLSv1.3;
        root {{folder}};
        error_page 405 =200 /reply.xml;
        location / {{{{ try_files /reply.xml =404; }}}}
    }}}}
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: calls per second, median latency in ms, processor seconds of the bus per 1,000 calls, its ratio."""

    kind: str
    repetition: int
    rate: float
    p50_ms: float
    cpu_per_1000: float
    ratio: float
    foreign: float
    wrong: int


@dataclass(frozen=True, slots=True)
class Once:
    """Connections for one call each: processor time of the bus, and of the wall for the client, in ms."""

    kind: str
    connections: int
    cpu_ms: float
    wall_ms: float


@dataclass(frozen=True, slots=True)
class Contestant:
    """A bus, what the load is sent to, and where its own listener is."""

    kind: str
    bus: peers.Server
    load: peers.Server
    port: int


def certificates(folder: Path) -> Path:
    """A folder ``tls`` for the caller, the register and the bus."""
    place = folder / "certificates"
    bus.write_site(place, port=0, target="http://127.0.0.1:9/", opaque=False)
    chosen = [each for each in load_site(place).endpoints if each.id in {"caller", "register"}]
    make_tls(place, chosen, time.time())
    return place / "tls"


def protecting(tls: Path, port: int, *, both: bool) -> Callable[[Path], None]:
    """Give a site a listener with TLS that knows the caller by its certificate, and with ``both`` a way to call."""

    def change(site: Path) -> None:
        shutil.copytree(tls, site / "tls")
        text = (tls / "test-only-site.toml").read_text(encoding="utf-8").replace("8443", str(port))
        with (site / "site.toml").open("a", encoding="utf-8") as file:
            file.write(text if both else text.partition("[delivery.tls]")[0])
        endpoints = site / "endpoints.toml"
        caller = f'purpose = "kazei", caller = {{ certificates = [{{ file = "tls/{CALLER}.pem" }}] }}'
        changed = endpoints.read_text(encoding="utf-8").replace('purpose = "kazei"', caller, 1)
        endpoints.write_text(changed.replace('address = "http:', 'address = "https:') if both else changed, "utf-8")

    return change


@contextmanager
def contestant(kind: str, folder: Path, tls: Path, pair: Pair) -> Iterator[Contestant]:
    """A bus with its provider and with the nginx that the load comes through."""
    folder.mkdir()
    folder.chmod(0o755)
    protected, both = kind != "plain", kind == "TLS in and out"
    with ExitStack() as servers:
        if both:
            provider = servers.enter_context(peers.nginx("provider", folder / "provider", 1, PROVIDER, tls=tls))
            (folder / "provider" / "reply.xml").write_bytes(pair.reply)
        else:
            provider = servers.enter_context(peers.backend(folder / "provider", pair))
        port = free_port()
        change = protecting(tls, port, both=both) if protected else None
        made = servers.enter_context(bus.serve(folder / "bus", provider, sender="caller", change=change))
        port = port if protected else int(urlsplit(made.url).port or 0)
        fields = {"target": port, "scheme": "https" if protected else "http"}
        shown = SHOWING.format(tls=tls) if protected else ""
        between = servers.enter_context(peers.nginx("load", folder / "load", 1, IN_BETWEEN, tls=shown, **fields))
        path = urlsplit(made.url).path
        headers = () if protected else made.headers
        yield Contestant(kind, made, peers.Server(kind, between.url.rstrip("/") + path, made.pid, headers), port)


def kept(
    found: list[Contestant], pair: Pair, expected: bytes, folder: Path, options: argparse.Namespace
) -> list[Sample]:
    """All contestants in turn within each repetition, over kept connections; all of them give the same bytes."""
    samples: list[Sample] = []
    for repetition in range(-1, options.repetitions):
        plain = 0.0
        for each in found:
            seconds = options.seconds if repetition >= 0 else 1
            meter = Meter(each.bus.pid)
            load = drive(each.load, pair, folder, clients=options.clients, seconds=seconds, expected=expected)
            spent = meter.read()
            if repetition < 0:
                continue
            cpu = spent.cpu / max(1, load.good) * 1000
            plain = plain or cpu
            wrong = load.bad + load.broken + load.timeouts
            rate, p50 = load.good / load.seconds, load.p50_us / 1e3
            samples.append(Sample(each.kind, repetition, rate, p50, cpu, cpu / plain, spent.foreign, wrong))
            print(f"{each.kind:15} {rate:8,.0f}/s  {cpu:.3f} CPU s per 1,000  {cpu / plain:.2f}", file=sys.stderr)
            if wrong:
                print(load.sample, file=sys.stderr)
    return samples


def once(each: Contestant, pair: Pair, expected: bytes, tls: Path, count: int, *, resumed: bool) -> Once:
    """``count`` connections one after the other, each for one call."""
    context = ssl.create_default_context(cafile=str(tls / "test-only-ca.pem"))
    context.load_cert_chain(tls / f"{CALLER}.pem", tls / f"{CALLER}.key")
    head = "".join(f"{name}: {value}\r\n" for name, value in each.load.headers)
    request = (
        f"POST {urlsplit(each.load.url).path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=utf-8\r\n"
        f'SOAPAction: "{pair.action}"\r\nContent-Length: {len(pair.request)}\r\nConnection: close\r\n{head}\r\n'
    ).encode() + pair.request
    session: ssl.SSLSession | None = None
    begun_cpu, begun = cpu_seconds(each.bus.pid), time.perf_counter()
    for number in range(count):
        with socket.create_connection(("127.0.0.1", each.port), 10) as plain:
            if each.kind == "plain":
                _call(plain, request, expected)
                continue
            protected = context.wrap_socket(plain, server_hostname="localhost", session=session)
            with protected:
                if session is not None and not protected.session_reused:
                    raise HarnessError(f"connection {number} was not resumed")
                _call(protected, request, expected)
                session = protected.session if resumed else None
    cpu, wall = cpu_seconds(each.bus.pid) - begun_cpu, time.perf_counter() - begun
    kind = each.kind if each.kind == "plain" else ("resumed" if resumed else "whole handshake")
    return Once(kind, count, cpu / count * 1e3, wall / count * 1e3)


def _call(line: socket.socket, request: bytes, expected: bytes) -> None:
    line.sendall(request)
    answer = b""
    while more := line.recv(65536):
        answer += more
    if not answer.startswith(b"HTTP/1.1 200") or not answer.endswith(expected):
        raise HarnessError(f"wrong answer: {answer[:300]!r}")


def table(samples: list[Sample], single: list[Once], options: argparse.Namespace) -> str:
    """Both tables in Markdown."""
    lines = [
        "| S3, 1 KB, kept connections | calls/s, median (spread) | p50 ms | CPU s per 1,000 | of plain (spread) |"
        " foreign load | wrong |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        own = [each for each in samples if each.kind == kind]
        rates, ratios = [each.rate for each in own], [each.ratio for each in own]
        lines.append(
            f"| {kind} | {median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f}) "
            f"| {median(each.p50_ms for each in own):.1f} | {median(each.cpu_per_1000 for each in own):.3f} "
            f"| {median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) "
            f"| {median(each.foreign for each in own):.0%} | {sum(each.wrong for each in own)} |"
        )
    lines += ["", "| one call per connection | processor time of the bus, ms | wall, ms |", "|---|---|---|"]
    lines += [f"| {each.kind} | {each.cpu_ms:.2f} | {each.wall_ms:.2f} |" for each in single]
    lines += ["", f"{options.connections} connections one after the other; {options.clients} clients above."]
    return "\n".join(lines)


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(prog="deploy/bench/protected.py")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--connections", type=int, default=300)
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin"
    folder = Path(tempfile.mkdtemp(prefix="chiikibus-bench-"))
    folder.chmod(0o755)
    pair = Messages().inquiry(KB)
    try:
        tls = certificates(folder)
        with ExitStack() as stack:
            found = [
                stack.enter_context(contestant(kind, folder / kind.replace(" ", "-"), tls, pair)) for kind in KINDS
            ]
            expected = kept_answer(found[0].load, pair)
            samples = kept(found, pair, expected, folder, options)
            single = [
                once(found[0], pair, expected, tls, options.connections, resumed=False),
                once(found[1], pair, expected, tls, options.connections, resumed=False),
                once(found[1], pair, expected, tls, options.connections, resumed=True),
            ]
    except (HarnessError, OSError) as error:
        print(error, file=sys.stderr)
        return 3
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    machine = describe()
    text = f"Measured {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC with `deploy/bench/protected.py`; "
    text += f"{options.repetitions} runs of {options.seconds} s each; {machine.cores} cores of {machine.processor}.\n\n"
    text += table(samples, single, options)
    if options.write:
        write(DOCUMENT, "tls", text)
    print(text)
    print(json.dumps({"kept": [asdict(each) for each in samples], "once": [asdict(each) for each in single]}))
    return int(any(each.wrong for each in samples))


if __name__ == "__main__":
    sys.exit(main())
