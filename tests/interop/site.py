"""A site folder in which every provider has its own plain clients: ``<provider>-client`` asks, the provider answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

MUNICIPALITY = "990019"
SITE = """\
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
ENDPOINTS = """\
  {{ id = "{client}", municipality = "990019", unit = "juki", purpose = "jumin" }},
  {{ id = "{name}", municipality = "990019", unit = "juki", address = "{address}", purpose = "jumin" }},
"""
ROUTE = """\
  {{ municipality = "990019", operation = "juki.{operation}", from = ["{client}"], to = ["{name}"] }},
"""
RIGHT = """\
  {{ municipality = "990019", endpoint = "{client}", operation = "juki.{operation}", purposes = ["jumin"] }},
"""
OPERATIONS = ("jumin_shokai", "setai_shokai", "ido_tsuchi")
"""Inquiries are answered at once and notices are queued where a route names no mode."""


def secret_of(endpoint: str) -> str:
    """The credential of an endpoint of this site."""
    return f"interop-{endpoint}-0123456789"


def client_of(provider: str) -> str:
    """The endpoint whose calls go to this provider."""
    return f"{provider}-client"


def write_site(
    folder: Path,
    port: int,
    providers: Mapping[str, str],
    *,
    clients: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> None:
    """The site folder with its credentials, for a bus on ``port``.

    ``providers`` are addresses by endpoint. Where they are not the usual ones, ``clients`` names the client of a
    provider and ``secrets`` the credential of an endpoint.
    """

    def table(key: str, rows: Iterable[str]) -> str:
        return f"{key} = [\n{''.join(rows)}]\n"

    def rows(form: str) -> list[str]:
        return [form.format(name=name, client=asks[name], operation=each) for name in providers for each in OPERATIONS]

    asks = {name: (clients or {}).get(name, client_of(name)) for name in providers}
    endpoints = [ENDPOINTS.format(name=name, client=asks[name], address=providers[name]) for name in providers]
    (folder / "site.toml").write_text(SITE.format(port=port), "utf-8")
    (folder / "endpoints.toml").write_text(table("endpoint", endpoints), "utf-8")
    (folder / "routes.toml").write_text(table("route", rows(ROUTE)), "utf-8")
    (folder / "rights.toml").write_text(table("right", rows(RIGHT)), "utf-8")
    (folder / "adapters.toml").write_text("", "utf-8")
    (folder / "secrets").mkdir()
    for endpoint in (*asks, *asks.values()):
        path = folder / "secrets" / f"{MUNICIPALITY}-{endpoint}.key"
        path.touch(mode=0o600)
        path.write_text((secrets or {}).get(endpoint, secret_of(endpoint)) + "\n", "utf-8")
