"""A real bus process, a fake system behind it, and an endpoint for plain clients."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.provider import Provider, serving
from tests.support.network import accepts, free_port
from tests.support.processes import running

MUNICIPALITY = "990019"
SECRETS = {
    "madoguchi": "interop-madoguchi-0123456789",
    "juki": "interop-both-0123456789",
    "tax": "interop-both-0123456789",
}
SITE = """
[site]
name = "相互接続の試験"
edition = "1.0"
[[municipality]]
code = "990019"
name = "地域市（架空）"
[front]
listen = "127.0.0.1:{port}"
[journal]
engine = "sqlite"
path = "var/journal.sqlite"
[broker]
engine = "memory"
"""
ENDPOINTS = """
endpoint = [
  {{ id = "madoguchi", municipality = "990019", unit = "juki", purpose = "jumin" }},
  {{ id = "juki", municipality = "990019", unit = "juki", address = "{address}", purpose = "jumin" }},
  {{ id = "tax", municipality = "990019", unit = "kojinjuminzei", address = "{address}", purpose = "kazei" }},
]
"""
ROUTES = """
route = [
  { municipality = "990019", operation = "juki.jumin_shokai", to = ["juki"], mode = "direct" },
  { municipality = "990019", operation = "juki.ido_tsuchi", to = ["tax"], mode = "queued" },
]
"""
RIGHTS = """
right = [
  { municipality = "990019", endpoint = "madoguchi", operation = "juki.jumin_shokai", purposes = ["jumin"] },
  { municipality = "990019", endpoint = "madoguchi", operation = "juki.ido_tsuchi", purposes = ["jumin"] },
  { municipality = "990019", endpoint = "tax", operation = "juki.ido_tsuchi", purposes = ["jumin"] },
]
"""


@dataclass(frozen=True, slots=True)
class Town:
    """Where a plain client finds the bus, with which credential, and the system behind it."""

    url: str
    user: str
    secret: str
    provider: Provider

    @property
    def wsdl(self) -> str:
        """The address of the served WSDL."""
        return f"{self.url}?wsdl"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A site with one plain client, one provider and one receiver; the bus is the real process."""
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    with serving(SECRETS["juki"]) as provider:
        write_site(folder, port, provider.url)
        command = [Path(sys.executable).with_name("chiikibus"), "serve", "--site", folder]
        with running(command, log=folder / "bus.log", ready=lambda: accepts(port)):
            url = f"http://127.0.0.1:{port}/{MUNICIPALITY}/madoguchi/juki"
            yield Town(url, "madoguchi", SECRETS["madoguchi"], provider)


def write_site(folder: Path, port: int, address: str) -> None:
    """The site folder with its credentials."""
    (folder / "site.toml").write_text(SITE.format(port=port), encoding="utf-8")
    (folder / "endpoints.toml").write_text(ENDPOINTS.format(address=address), encoding="utf-8")
    (folder / "routes.toml").write_text(ROUTES, encoding="utf-8")
    (folder / "rights.toml").write_text(RIGHTS, encoding="utf-8")
    (folder / "adapters.toml").write_text("", encoding="utf-8")
    (folder / "secrets").mkdir()
    for endpoint, secret in SECRETS.items():
        path = folder / "secrets" / f"{MUNICIPALITY}-{endpoint}.key"
        path.touch(mode=0o600)
        path.write_text(secret + "\n", encoding="utf-8")
