"""Foreign programs over TLS: curl and OpenSSL as clients of the bus, OpenSSL and nginx as servers to be explained."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bus.core.channel import TlsMaterial
from bus.core.config import load_site
from bus.ops.certificate_maker import Authority, Made
from bus.ops.tls_explain import Explained, Target, explain
from bus.ops.tls_maker import make_tls
from schemas.catalog import load_edition
from tests.support.network import accepts, free_port
from tests.support.pki import HERE, NOW, pki, write
from tests.support.processes import need, running
from tests.support.residents import ATENABANGO, message
from tests.support.sites import change
from tests.support.town import RunningTown, running_town

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(120)]
CLIENT_S = 30
REFUSED_BY_CURL = {35, 56}
"""curl's words for a failed handshake, and for one that the other side ended after its own end of it (TLS 1.3)."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTown]:
    """A bus with test certificates; the tax office is known by its certificate alone."""

    def prepare(folder: Path) -> None:
        endpoints = [each for each in load_site(folder).endpoints if each.id != "juki"]
        made = make_tls(folder, endpoints, NOW)
        text = made.site_toml.replace("8443", str(free_port()))
        (folder / "site.toml").write_text((folder / "site.toml").read_text("utf-8") + text, "utf-8")
        line = made.endpoints_toml.splitlines()[1]
        change(folder / "endpoints.toml", 'purpose = "kazei"', f'purpose = "kazei", {line}')

    with running_town(tmp_path_factory.mktemp("tls") / "site", prepare) as found:
        yield found


def tls_port(town: RunningTown) -> int:
    """Where the bus listens with TLS."""
    assert town.app.tls_address is not None
    return town.app.tls_address[1]


def curl(town: RunningTown, folder: Path, *more: str, name: str = "990019-tax") -> tuple[int, str]:
    """Exit code of curl and status of the answer to an inquiry with this certificate; "" shows none."""
    need("curl")
    body = folder / "inquiry.xml"
    body.write_bytes(message(load_edition(), "juki.jumin_shokai", {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}))
    tls = town.folder / "tls"
    shown = ["--cert", f"{tls}/test-only-{name}.pem", "--key", f"{tls}/test-only-{name}.key"] if name else []
    command = ["curl", "--silent", "--show-error", "--cacert", f"{tls}/test-only-ca.pem", *shown]
    command += ["--header", "Content-Type: text/xml; charset=utf-8", "--header", 'SOAPAction: ""']
    command += ["--data-binary", f"@{body}", "--output", str(folder / "answer.xml"), "--write-out", "%{http_code}"]
    command += [*more, f"https://localhost:{tls_port(town)}/990019/tax/juki"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=CLIENT_S)
    return done.returncode, done.stdout


def test_curl_is_let_in_by_its_certificate(town: RunningTown, tmp_path: Path) -> None:
    """And by nothing else: not without one, not with that of another endpoint. The name is checked by curl itself."""
    assert curl(town, tmp_path) == (0, "200")
    assert b"jumin_shokai_kaito" in (tmp_path / "answer.xml").read_bytes()
    assert curl(town, tmp_path, name="") == (0, "403")
    assert b"CB2041" in (tmp_path / "answer.xml").read_bytes()
    assert curl(town, tmp_path, name="990019-kokuho") == (0, "403")
    assert b"CB2042" in (tmp_path / "answer.xml").read_bytes()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_may_speak_both_versions(town: RunningTown, tmp_path: Path, version: str) -> None:
    """TLS 1.2 with forward secrecy, and TLS 1.3."""
    assert curl(town, tmp_path, f"--tlsv{version}", "--tls-max", version) == (0, "200")


def test_curl_is_refused_with_old_versions_ciphers_and_strange_certificates(town: RunningTown, tmp_path: Path) -> None:
    """Each before a byte of the message is read."""
    old = ("--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")
    static = ("--tls-max", "1.2", "--ciphers", "AES128-GCM-SHA256:AES256-SHA256")
    write(town.folder / "tls", "test-only-stranger", pki().client())
    for code, _ in (
        curl(town, tmp_path, *old),
        curl(town, tmp_path, *static),
        curl(town, tmp_path, name="stranger"),
    ):
        assert code in REFUSED_BY_CURL


def s_client(town: RunningTown, *more: str, send: bytes = b"") -> str:
    """What OpenSSL says of a connection."""
    need("openssl")
    tls = town.folder / "tls"
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{tls_port(town)}", "-CAfile", f"{tls}/test-only-ca.pem"]
    command += ["-verify_hostname", "localhost", "-verify_return_error", *more]
    done = subprocess.run(command, input=send, capture_output=True, check=False, timeout=CLIENT_S)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def test_openssl_sees_which_authority_is_asked_for_and_verifies_the_bus(town: RunningTown) -> None:
    """The chain verifies to the test authority, nothing is compressed, and renegotiation is refused."""
    said = s_client(town)
    assert "Verify return code: 0 (ok)" in said
    assert "Compression: NONE" in said
    assert "TLSv1.3" in said
    again = s_client(town, "-tls1_2", send=b"R\n")
    assert "no renegotiation" in again
    assert "Extended master secret: yes" in again


@pytest.mark.parametrize(
    "options",
    [("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), ("-tls1_2", "-cipher", "AES128-SHA"), ("-no_tls1_3", "-no_tls1_2")],
)
def test_openssl_is_refused_with_what_is_out_of_date(town: RunningTown, options: tuple[str, ...]) -> None:
    """No cipher is agreed on."""
    assert "Cipher is (NONE)" in s_client(town, *options) or "no protocols available" in s_client(town, *options)


@contextmanager
def s_server(folder: Path, *more: str) -> Iterator[int]:
    """OpenSSL as a server that asks for certificates of the clients' authority."""
    need("openssl")
    port = free_port()
    certificate, key = write(folder, "server", pki().server())
    (folder / "ca.pem").write_bytes(pki().clients.pem)
    command = [
        "openssl",
        "s_server",
        "-accept",
        f"127.0.0.1:{port}",
        "-cert",
        certificate,
        "-key",
        key,
        "-www",
        "-quiet",
    ]
    command += ["-CAfile", folder / "ca.pem", "-Verify", "1", "-verify_return_error", *more]
    with running(command, log=folder / "s_server.log", ready=lambda: accepts(port)):
        yield port


def seen(port: int, made: Made | None, timeout_s: float = 10.0) -> Explained:
    """The explanation of a connection with this certificate."""
    shown = TlsMaterial(made.certificate, made.key) if made else TlsMaterial()
    material = TlsMaterial(shown.certificate, shown.key, authorities=pki().servers.pem)
    return explain(material, Target("127.0.0.1", port, "127.0.0.1"), lambda: NOW, timeout_s)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_the_authorities_that_a_server_asks_for_are_named(tmp_path: Path, version: str) -> None:
    """OpenSSL as server: none of ours is a cause of its own, and so is an authority of the same name by another key."""
    strange = Authority("another", NOW).issue("bus", purposes=("client_auth",))
    with s_server(tmp_path, version) as port:
        found = seen(port, strange)
        assert (found.cause, found.client_authorities) == ("client-unknown-issuer", ("clients",))
        assert seen(port, None).cause == "no-client-certificate"
        assert seen(port, pki().bad_client("wrong authority")).cause == "client-refused"
        assert seen(port, pki().bad_client("expired")).cause == "client-dates"
        good = seen(port, pki().client("bus"), timeout_s=1.0)  # it never answers a HEAD
        assert (good.cause, good.own_issuer_asked_for, good.notes) == ("fine", True, ["no-answer"])


NGINX = """daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    ssl_client_certificate {folder}/ca.pem;
    ssl_verify_client on;
    return 204;
  }}
}}
"""


def test_nginx_refuses_in_http_and_is_understood(tmp_path: Path) -> None:
    """Its handshake ends well without a certificate; the 400 that follows is the refusal. Its clock is read."""
    need("nginx")
    port = free_port()
    write(tmp_path, "server", pki().servers.issue("nginx", names=HERE))
    (tmp_path / "ca.pem").write_bytes(pki().clients.pem)
    (tmp_path / "conf").write_text(NGINX.format(folder=tmp_path, port=port), "utf-8")
    command: list[str | Path] = ["nginx", "-c", tmp_path / "conf", "-p", tmp_path, "-e", "stderr"]
    with running(command, log=tmp_path / "log", ready=lambda: accepts(port)):
        for made, cause in (
            (None, "no-client-certificate"),
            (pki().bad_client("wrong authority"), "client-refused"),
            (pki().bad_client("expired"), "client-dates"),
            (pki().client("bus"), "fine"),
        ):
            found = seen(port, made)
            assert (found.cause, found.http_status) == (cause, 204 if cause == "fine" else 400)
            assert found.client_authorities == ("clients",)
            assert found.skew_s is not None
