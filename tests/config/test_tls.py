"""The TLS tables of a site folder: what is read, and every way in which files and keys can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bus.core.channel import Binding
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.settings import Site
from tests.support.pki import facts, pki, write
from tests.support.sites import change, write_site

FRONT = """[front.tls]
listen = "127.0.0.1:8443"
certificate = "tls/bus.pem"
key = "tls/bus.key"
client_ca = "tls/clients-ca.pem"
client_certificates = "optional"

[delivery.tls]
ca = "tls/servers-ca.pem"
certificate = "tls/caller.pem"
key = "tls/caller.key"

[journal]"""
TAX = '"http://127.0.0.1:9/soap" },\n  { id = "kokuho"'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site with TLS on both sides."""
    folder = write_site(tmp_path / "site")
    write(folder / "tls", "bus", pki().server())
    write(folder / "tls", "caller", pki().client("bus"))
    (folder / "tls/clients-ca.pem").write_bytes(pki().clients.pem)
    (folder / "tls/servers-ca.pem").write_bytes(pki().servers.pem)
    change(folder / "site.toml", "[journal]", FRONT)
    return folder


def tax_is(folder: Path, more: str, address: str = "https://tax.example/soap") -> None:
    """Change the line of the tax office."""
    change(folder / "endpoints.toml", TAX, f'"{address}", {more} }},\n  {{ id = "kokuho"')


def codes(folder: Path) -> set[tuple[str, str]]:
    """Code and last part of the place of every finding."""
    with pytest.raises(ConfigurationError) as caught:
        load_site(folder, need_secrets=True)
    return {(finding.code, finding.path.rpartition(".")[2]) for finding in caught.value.findings}


def loaded(folder: Path) -> Site:
    """The site."""
    return load_site(folder, need_secrets=True)


def test_both_sides_are_read_and_no_key_shows_itself(folder: Path) -> None:
    """An endpoint takes over what the site says and may say otherwise; ``repr`` holds neither key nor passphrase."""
    made = pki().client("tax")
    write(folder / "tls", "tax", made)
    tax_is(folder, 'tls = { server_name = "tax.lan" }, caller = { certificates = [{ file = "tls/tax.pem" }] }')
    site = loaded(folder)
    tls, tax = site.front.tls, site.endpoint("990019", "tax")
    assert tls is not None
    assert tax is not None
    assert tax.tls is not None
    assert (tls.port, tls.client_certificates) == (8443, "optional")
    assert (tax.caller.credential, tax.caller.certificates) == ("certificate", (Binding(sha256=facts(made).sha256),))
    assert tax.tls.server_name == "tax.lan"
    assert tax.tls.material.key.startswith(b"-----BEGIN")
    assert "PRIVATE" not in repr(site)
    assert tax.dial != tax.address
    assert site.front.url_for(tax) == "https://127.0.0.1:8443"


def test_a_passphrase_opens_the_key(folder: Path) -> None:
    """From a file of its own; without it or with a wrong one the site is refused."""
    write(folder / "tls", "bus", pki().servers.issue("bus", names=("ip:127.0.0.1",), passphrase="open sesame"))
    assert codes(folder) == {("CB7041", "passphrase_file")}
    change(folder / "site.toml", 'key = "tls/bus.key"', 'key = "tls/bus.key"\npassphrase_file = "tls/bus.pass"')
    secret = folder / "tls/bus.pass"
    secret.touch(mode=0o600)
    secret.write_text("wrong\n")
    assert codes(folder) == {("CB7041", "passphrase_file")}
    secret.write_text("open sesame\n")
    loaded(folder)
    secret.chmod(0o644)
    assert codes(folder) == {("CB7042", "passphrase_file")}


WRONG: dict[str, tuple[Callable[[Path], object], tuple[str, str]]] = {
    "no certificate": (lambda tls: (tls / "bus.pem").unlink(), ("CB7040", "certificate")),
    "no authority": (lambda tls: (tls / "clients-ca.pem").unlink(), ("CB7040", "client_ca")),
    "nonsense": (lambda tls: (tls / "bus.pem").write_text("x"), ("CB7041", "certificate")),
    "nonsense for an authority": (lambda tls: (tls / "servers-ca.pem").write_text("x"), ("CB7041", "ca")),
    "open key": (lambda tls: (tls / "bus.key").chmod(0o640), ("CB7042", "key")),
    "key of another": (lambda tls: (tls / "bus.key").write_bytes(pki().server().key), ("CB7043", "key")),
    "a client's certificate": (lambda tls: write(tls, "bus", pki().client()), ("CB7046", "certificate")),
    "a server's certificate": (lambda tls: write(tls, "caller", pki().server()), ("CB7046", "certificate")),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_named(folder: Path, what: str) -> None:
    """Before the bus starts, and before a reload takes effect."""
    spoil, expected = WRONG[what]
    spoil(folder / "tls")
    assert codes(folder) == {expected}


def test_a_revocation_list_of_somebody_else_is_refused(folder: Path) -> None:
    """It would never revoke anything."""
    change(
        folder / "site.toml", 'client_ca = "tls/clients-ca.pem"', 'client_ca = "tls/clients-ca.pem"\ncrl = ["tls/crl"]'
    )
    (folder / "tls/crl").write_bytes(pki().clients.revocation_list())
    loaded(folder)
    (folder / "tls/crl").write_bytes(pki().stranger.revocation_list())
    assert {code for code, _ in codes(folder)} == {"CB7048"}


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        ('caller = { credential = "both" }', "CB7013"),
        ('caller = { credential = "basic", certificates = [{ sha256 = "' + "a" * 64 + '" }] }', "CB7024"),
        ('caller = { certificates = [{ sha256 = "short" }] }', "CB7012"),
        ('caller = { certificates = [{ subject = "CN=tax" }] }', "CB7013"),
        ('caller = { certificates = [{ subject = "tax", issuer = "CN=x" }] }', "CB7012"),
        ('caller = { certificates = [{ name = "tax", issuer = "CN=x" }] }', "CB7012"),
        ('caller = { certificat = "both" }', "CB7011"),
    ],
)
def test_a_caller_that_says_too_little_or_nonsense_is_named(folder: Path, caller: str, code: str) -> None:
    """A binding that could fit anybody's certificate is no binding."""
    tax_is(folder, caller)
    assert code in {found for found, _ in codes(folder)}


def test_what_the_front_cannot_give_no_endpoint_may_ask_for(folder: Path) -> None:
    """A certificate where none is asked for; TLS for an address that is none."""
    tax_is(folder, 'caller = { certificates = [{ sha256 = "' + "a" * 64 + '" }] }')
    change(folder / "site.toml", '"optional"', '"none"')
    assert codes(folder) == {("CB7024", "caller")}


def test_the_plain_listener_may_be_left_out(folder: Path) -> None:
    """Then the site's own programs use TLS too; a running bus takes over certificates but no address."""
    change(folder / "site.toml", 'listen = "127.0.0.1:0"', 'listen = "none"')
    before = loaded(folder).front
    assert (before.plain, before.url) == (False, "https://127.0.0.1:8443")
    write(folder / "tls", "bus", pki().server())
    after = loaded(folder).front
    assert after != before
    assert after.standing == before.standing
