"""No message makes the bus connect anywhere: every connect() of the process is traced while it is attacked.

The bus runs under strace as a process of its own. Whatever a message, an answer or a certificate names lies at a
listener of the test, or under a host name that would have to be looked up; only registered addresses may be called.
"""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from lxml import etree

from bus.core.basic import basic_header
from bus.ops.certificate_maker import Authority, Made
from bus.wire import addressing as wsa
from bus.wire import envelope, safe_xml
from bus.wire.reliable import messages, names
from bus.wire.security.keys import certificates_of, read_private, signing_key
from bus.wire.security.names import DS, KEY_INFO, WSSE
from bus.wire.security.sign import Signing, sign
from tests.pipeline.messages import JUKI, addressing, context, inquiry, notice, resident_reply
from tests.support.network import accepts, free_port
from tests.support.processes import need, running
from tests.support.sites import change, write_site
from tests.wire.battery import attacks

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(300)]

HOST = "not-to-be-asked.chiikibus.example"
INET = re.compile(r'sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?"([^"]+)"')
UNIX = re.compile(r'sa_family=AF_UNIX, sun_path=@?"([^"]+)"')
ACTION = f"{JUKI}/jumin_shokai"
SECURITY = """\
[[policy]]
municipality = "990019"
endpoint = "kokuho"
inbound = "signed"
certificates = ["file:trust/kokuho.crt"]
"""
TLS = """\
[front.tls]
listen = "127.0.0.1:{port}"
certificate = "tls/bus.pem"
key = "tls/bus.key"
client_ca = "tls/ca.pem"
client_certificates = "optional"
"""


def with_urls(authority: Authority, made: Made, listener: str) -> Made:
    """The certificate once more, with every extension by which a verifier could be sent somewhere."""
    issuer = load_pem_private_key(authority.key_pem, None)
    plain = x509.load_pem_x509_certificate(made.certificate)
    places = [x509.UniformResourceIdentifier(f"http://{host}/x") for host in (listener, HOST)]
    points = [x509.DistributionPoint([place], None, None, None) for place in places]
    described = [
        x509.AccessDescription(kind, place)
        for kind in (x509.AuthorityInformationAccessOID.OCSP, x509.AuthorityInformationAccessOID.CA_ISSUERS)
        for place in places
    ]
    builder = x509.CertificateBuilder().subject_name(plain.subject).issuer_name(plain.issuer)
    builder = builder.public_key(plain.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(plain.not_valid_before_utc).not_valid_after(plain.not_valid_after_utc)
    for extension in plain.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    for value in (
        x509.AuthorityInformationAccess(described),
        x509.CRLDistributionPoints(points),
        x509.FreshestCRL(points),
        x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), [places[0].value])]),
    ):
        builder = builder.add_extension(value, critical=False)
    assert not isinstance(issuer, x509.Certificate)
    signed = builder.sign(issuer, SHA256())
    return Made(signed.public_bytes(Encoding.PEM), made.key, signed.serial_number)


@dataclass(slots=True)
class Server(threading.Thread):
    """Answers every connection with the next of these bytes, the last one for ever; counts who came."""

    answers: list[bytes]
    came: int = 0
    socket: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        threading.Thread.__init__(self, daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.start()

    __hash__ = threading.Thread.__hash__

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.socket.getsockname()[1])

    def run(self) -> None:
        """Until the socket is closed."""
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                self.came += 1
                _whole(connection)
                connection.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


def _whole(connection: socket.socket) -> bytes:
    """One HTTP message, as far as it comes."""
    got = b""
    while b"\r\n\r\n" not in got:
        part = connection.recv(65536)
        if not part:
            return got
        got += part
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head.lower())
    while length and len(body) < int(length[1]):
        part = connection.recv(65536)
        if not part:
            break
        body += part
    return head + b"\r\n\r\n" + body


def http(body: bytes, head: str = "HTTP/1.1 200 OK", more: str = "") -> bytes:
    """An answer that ends its connection."""
    fields = f"{head}\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {len(body)}\r\n{more}"
    return f"{fields}Connection: close\r\n\r\n".encode() + body


@dataclass(slots=True)
class Town:
    """A bus under strace, its provider, and the listener that must never be called."""

    port: int
    tls_port: int
    listener: str
    key: Made
    authority: Authority
    traced: Path

    def post(self, body: bytes, *, caller: str = "tax", unit: str = "juki", more: str = "") -> bytes:
        """The answer to a message."""
        head = (
            f"POST /990019/{caller}/{unit} HTTP/1.1\r\nHost: bus\r\nContent-Type: text/xml; charset=utf-8\r\n"
            f'SOAPAction: ""\r\nAuthorization: {basic_header(caller, f"secret-of-{caller}")}\r\n{more}'
            f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return self.raw(head.encode() + body)

    def raw(self, request: bytes) -> bytes:
        """What comes back for raw bytes."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as line, suppress(OSError):
            line.settimeout(3)
            line.sendall(request)
            return _whole(line)
        return b""

    def connected(self) -> set[str]:
        """Every address that the process connected to, ``127.0.0.1:80`` or a path. Fails on a line not understood."""
        found = set()
        for line in self.traced.read_text("utf-8").splitlines():
            if "connect(" not in line or "AF_UNSPEC" in line:
                continue
            inet, unix = INET.search(line), UNIX.search(line)
            assert inet or unix, line
            found.add(f"{inet[2]}:{inet[1]}" if inet else unix[1])
        return found


def strace(output: Path) -> list[str | Path]:
    """The command before the traced one, which stays the parent and so is ended like any other."""
    need("strace")
    probe = subprocess.run(["strace", "-qq", "-e", "trace=connect", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"ptrace is not permitted here: {probe.stderr.decode('utf-8', 'replace')[:200]}")
    return ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect", "-o", output]


@contextmanager
def traced_town(folder: Path, provider: Server, tax: Server, listener: str) -> Iterator[Town]:
    """Start it, and let it be attacked."""
    authority = Authority("Authority of the town", time.time())
    key = with_urls(authority, authority.issue("kokuho", purposes=("client_auth",)), listener)
    server = authority.issue("bus", names=("ip:127.0.0.1",))
    port, tls_port = free_port(), free_port()
    site = write_site(folder / "site", port=port, juki=provider.port, tax=tax.port)
    for name in ("trust/ca", "trust/crl", "tls"):
        (site / name).mkdir(parents=True)
    (site / "trust/ca/authority.crt").write_bytes(authority.pem)
    (site / "trust/kokuho.crt").write_bytes(key.certificate)
    (site / "tls/ca.pem").write_bytes(authority.pem)
    (site / "tls/bus.pem").write_bytes(server.certificate)
    (site / "tls/bus.key").touch(mode=0o600)
    (site / "tls/bus.key").write_bytes(server.key)
    (site / "security.toml").write_text(SECURITY, "utf-8")
    change(site / "site.toml", "[journal]\n", TLS.format(port=tls_port) + "[journal]\n")
    change(site / "routes.toml", 'to = ["tax", "kokuho"]', 'to = ["tax"]')
    traced = folder / "trace"
    command = [*strace(traced), sys.executable, "-m", "bus.cli", "serve", "--site", site]
    with running(command, log=folder / "log", ready=lambda: accepts(port) and accepts(tls_port), within_s=60):
        yield Town(port, tls_port, listener, key, authority, traced)


def own(listener: str) -> dict[str, bytes]:
    """Messages whose content names places, beyond those of the battery."""
    plain = envelope.build(inquiry(), addressing=addressing("urn:uuid:{id}", ACTION), context=context()).decode()
    place = f"http://{listener}/x"
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{place}" parse="text"/>'
    xop = f'<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="{place}"/>'
    hint = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="{JUKI} {place}"'
    bare = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="{place}"'
    texts = {
        "external subset": f'<!DOCTYPE a SYSTEM "{place}">{plain}',
        "public subset": f'<!DOCTYPE a PUBLIC "-//X//Y" "{place}">{plain}',
        "external entity": f'<!DOCTYPE a [<!ENTITY e SYSTEM "{place}">]>{plain.replace(">2026", ">&e;2026")}',
        "parameter entity": f'<!DOCTYPE a [<!ENTITY % e SYSTEM "{place}"> %e;]>{plain}',
        "file entity": f'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>{plain}',
        "stylesheet": f'<?xml-stylesheet href="{place}" type="text/xsl"?>{plain}',
        "XInclude": plain.replace("</soap:Body>", f"{include}</soap:Body>"),
        "XInclude in an item": plain.replace("000000000012345", include),
        "XOP": plain.replace("000000000012345", xop),
        "schemaLocation": plain.replace("<soap:Envelope ", f"<soap:Envelope {hint} "),
        "schemaLocation in the body": plain.replace("jumin_shokai ", f"jumin_shokai {hint} ", 1),
        "noNamespaceSchemaLocation": plain.replace("<soap:Envelope ", f"<soap:Envelope {bare} "),
        "xml:base": plain.replace("<soap:Envelope ", f'<soap:Envelope xml:base="{place}" '),
        "href": plain.replace("<soap:Body", f'<soap:Body href="{place}"'),
    }
    for name in ("ReplyTo", "FaultTo", "From"):
        to = f'<wsa:{name} xmlns:wsa="{wsa.NAMESPACE}"><wsa:Address>{place}</wsa:Address></wsa:{name}>'
        texts[name] = plain.replace("</soap:Header>", f"{to}</soap:Header>")
    texts["To"] = plain.replace("</soap:Header>", f'<wsa:To xmlns:wsa="{wsa.NAMESPACE}">{place}</wsa:To></soap:Header>')
    made = {name: text.replace("{id}", f"own-{number}").encode() for number, (name, text) in enumerate(texts.items())}
    for name, wish in (
        ("AcksTo", messages.CreateSequence(place)),
        ("Offer", messages.CreateSequence(wsa.ANONYMOUS, 0, messages.Offer("urn:uuid:o", place))),
    ):
        headers = addressing(f"urn:uuid:{name}", names.action(names.CREATE))
        made[name] = envelope.build(messages.create_body(wish), addressing=headers)
    return made


Change = Callable[[etree._Element, str], None]


def _key_info(inner: str) -> Change:
    def put(root: etree._Element, place: str) -> None:
        info = next(root.iter(KEY_INFO))
        for child in list(info):
            info.remove(child)
        info.append(etree.fromstring(inner.replace("{place}", place)))

    return put


def _attribute(tag: str, name: str) -> Change:
    def put(root: etree._Element, place: str) -> None:
        next(root.iter(tag)).set(name, place)

    return put


def _transform(root: etree._Element, place: str) -> None:
    transform = next(root.iter(f"{{{DS}}}Transform"))
    transform.set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")
    namespace = "http://www.w3.org/1999/XSL/Transform"
    sheet = f'<x:stylesheet xmlns:x="{namespace}" version="1.0"><x:include href="{place}"/></x:stylesheet>'
    transform.append(etree.fromstring(sheet))


SIGNED: dict[str, Change] = {
    "as it should be": lambda root, place: None,
    "RetrievalMethod": _key_info(f'<ds:RetrievalMethod xmlns:ds="{DS}" URI="{{place}}"/>'),
    "KeyName": _key_info(f'<ds:KeyName xmlns:ds="{DS}">{{place}}</ds:KeyName>'),
    "X509Data": _key_info(
        f'<ds:X509Data xmlns:ds="{DS}"><u:At xmlns:u="urn:x-example">{{place}}</u:At></ds:X509Data>'
    ),
    "KeyInfoReference": _key_info('<d:KeyInfoReference xmlns:d="http://www.w3.org/2009/xmldsig11#" URI="{place}"/>'),
    "token elsewhere": _key_info(
        f'<w:SecurityTokenReference xmlns:w="{WSSE}"><w:Reference URI="{{place}}"/></w:SecurityTokenReference>'
    ),
    "Reference": _attribute(f"{{{DS}}}Reference", "URI"),
    "Transform": _transform,
}  # fmt: skip


def signed(town: Town, name: str, change_: Change, number: int) -> bytes:
    """A message that the key with the many addresses signed, changed afterwards."""
    certificate = certificates_of(town.key.certificate, "x")[0]
    key = signing_key("kokuho", read_private(town.key.key, "x"), certificate, "x")
    root = safe_xml.parse(envelope.build(inquiry(), addressing=addressing(f"urn:uuid:signed-{number}", ACTION)))
    sign(root, Signing(key, time.time(), 300.0, f"a{number}"))
    change_(root, f"http://{town.listener}/{name.replace(' ', '-')}")
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def replies(listener: str) -> list[bytes]:
    """Answers of a provider that would send the bus elsewhere, and at last an honest one."""
    good = resident_reply()
    place = f"http://{listener}/x"
    doctype = f'<!DOCTYPE a [<!ENTITY e SYSTEM "{place}">]>'.encode()
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    hint = f'<soap:Envelope {xsi} xsi:schemaLocation="{JUKI} {place}" '
    hinted = good.replace(b"<soap:Envelope ", hint.encode())
    moved = [http(b"", f"HTTP/1.1 {status} Moved", f"Location: {place}\r\n") for status in (301, 302, 303, 307, 308)]
    return [*moved, http(doctype + good), http(hinted), http(b"", "HTTP/1.1 305 Use Proxy", f"Location: {place}\r\n"),
            http(good)]  # fmt: skip


def test_the_trace_shows_a_connection_and_a_look_up(tmp_path: Path) -> None:
    """The proof could fail: a process that does what the bus must not do is seen doing it."""
    seen = Server([http(b"")])
    script = (
        "import socket, urllib.request\n"
        f"urllib.request.urlopen('http://127.0.0.1:{seen.port}/').read()\n"
        "try:\n    socket.create_connection(('" + HOST + "', 80), 1)\nexcept OSError:\n    pass\n"
    )
    subprocess.run([*strace(tmp_path / "trace"), sys.executable, "-c", script], check=True, timeout=60)
    town = Town(0, 0, "", Made(b"", b"", 0), Authority("x", time.time()), tmp_path / "trace")
    found = town.connected()
    assert f"127.0.0.1:{seen.port}" in found
    assert len(found) > 1


def test_no_message_answer_or_certificate_makes_the_bus_connect(tmp_path: Path) -> None:
    """Hundreds of requests, hostile answers, signed messages and a TLS handshake: only the providers are called."""
    never, provider, tax = Server([http(b"")]), Server([http(b"")]), Server([http(b"", "HTTP/1.1 503 Busy")])
    listener = f"127.0.0.1:{never.port}"
    provider.answers[:] = replies(listener)
    with traced_town(tmp_path, provider, tax, listener) as town:
        plain = envelope.build(inquiry(), addressing=addressing("urn:uuid:{id}", ACTION), context=context())
        for number in range(len(provider.answers)):
            answer = town.post(plain.replace(b"{id}", b"plain-%d" % number))
        assert b" 200 " in answer[:20], answer[:300]
        for host in (listener, HOST):
            for name, raw in own(host).items():
                assert town.post(raw).startswith(b"HTTP/1.1 "), name
        told = envelope.build(notice(), addressing=addressing("urn:uuid:notice", f"{JUKI}/ido_tsuchi"))
        assert b" 200 " in town.post(told, caller="juki")[:20]
        answers = {
            name: town.post(signed(town, name, changed, number), caller="kokuho")
            for number, (name, changed) in enumerate(SIGNED.items())
        }
        # The certificate with the many addresses was judged to the end: only the right was missing.
        assert b"CB2002" in answers["as it should be"], answers["as it should be"]
        assert all(b"CB2020" in answer for name, answer in answers.items() if name != "as it should be"), answers
        chosen = [each for each in attacks() if each.file in {"xml", "soap", "meaning"} and not each.is_large]
        for number, attack in enumerate(chosen):
            town.raw(attack.raw(number, listener))
        assert len(chosen) > 150
        _handshake(town)
        assert b" 200 " in town.post(plain.replace(b"{id}", b"last"))[:20]
        connected = town.connected()
    allowed = {f"127.0.0.1:{provider.port}", f"127.0.0.1:{tax.port}"}
    assert f"127.0.0.1:{provider.port}" in connected
    assert connected <= allowed, connected - allowed
    assert never.came == 0


def _handshake(town: Town) -> None:
    """A client shows the certificate with the many addresses."""
    context_ = ssl.create_default_context(cadata=town.authority.pem.decode())
    folder = town.traced.parent
    (folder / "c.pem").write_bytes(town.key.certificate)
    (folder / "c.key").write_bytes(town.key.key)
    context_.load_cert_chain(folder / "c.pem", folder / "c.key")
    with (
        socket.create_connection(("127.0.0.1", town.tls_port), 10) as line,
        context_.wrap_socket(line, server_hostname="127.0.0.1") as protected,
    ):
        protected.sendall(b"GET /health/live HTTP/1.1\r\nHost: bus\r\nConnection: close\r\n\r\n")
        assert protected.recv(4096).startswith(b"HTTP/1.1 200")
