"""The site in which subjects are certified: every subject is an endpoint with a plain client of its own beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.model import Edition, Operation

MUNICIPALITY = "990019"
SITE = """\
[site]
name = "適合性の評価"
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
[delivery]
retry_first_s = 0.1
retry_max_s = 5.0
"""
PATIENCE_S = 120
"""What is judged is what subjects answer, not how fast a busy machine is."""
FOLDERS = ("out", "in", "shokai", "kaito", "irai", "shotoku", "shotoku_kai")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is certified: a native provider at ``address``, or the adapter of ``vendor`` on ``port``.

    ``unheld`` are the questions about records that the vendor's system cannot hold.
    """

    unit: str
    vendor: str = ""
    address: str = ""
    port: int = 0
    unheld: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The endpoint of the site."""
        return f"{self.vendor or 'native'}-{self.unit}"

    @property
    def client(self) -> str:
        """The endpoint that asks it; what it sends goes there too."""
        return f"{self.id}-client"

    @property
    def folder(self) -> str:
        """Where the vendor's files for this unit are, from the site folder."""
        return f"sim/{self.vendor}/{self.unit}"


def secret_of(endpoint: str) -> str:
    """The credential of an endpoint."""
    return f"certify-{endpoint}-0123456789"


def purpose_of(edition: Edition, unit: str) -> str:
    """The purpose under which a unit's own client asks: one that every driven operation allows."""
    inquiries = [one for one in edition.units[unit].operations.values() if one.purposes]
    common = set(inquiries[0].purposes).intersection(*(one.purposes for one in inquiries))
    return next(one for one in inquiries[0].purposes if one in common)


def asked(operation: Operation) -> bool:
    """Whether an operation is a question."""
    return operation.pattern in ("inquiry", "late")


def write_site(
    folder: Path,
    edition: Edition,
    port: int,
    subjects: Sequence[Subject],
    vendors: Mapping[str, str],
    receiver: str = "",
) -> None:
    """The site folder. ``vendors`` says where the systems of vendors a (telegrams), b and c (HTTP) are.

    ``receiver`` is the address at which clients take what the subjects send.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.toml").write_text(SITE.format(port=port), "utf-8")
    endpoints, routes, rights = [], [], []
    for one in subjects:
        purpose = purpose_of(edition, one.unit)
        where = f'adapter = "{one.id}"' if one.vendor else f'address = "{one.address}"'
        head = f'municipality = "{MUNICIPALITY}", unit = "{one.unit}", purpose = "{purpose}"'
        endpoints.append(f'{{ id = "{one.id}", {head}, {where} }}')
        takes = f', address = "{receiver}/{one.id}"' if receiver else ""
        endpoints.append(f'{{ id = "{one.client}", {head}{takes} }}')
        for operation in edition.units[one.unit].operations.values():
            source, target = (one.client, one.id) if asked(operation) else (one.id, one.client)
            mode = "direct" if asked(operation) else "queued"
            known = f'municipality = "{MUNICIPALITY}", operation = "{operation.key}"'
            if asked(operation) or receiver:
                wait = f", deadline_s = {PATIENCE_S}" if mode == "direct" else ""
                routes.append(f'{{ {known}, from = ["{source}"], to = ["{target}"], mode = "{mode}"{wait} }}')
                listed = ", ".join(f'"{name}"' for name in operation.purposes or (purpose,))
                ends = (one.id, one.client)
                rights += [f'{{ {known}, endpoint = "{each}", purposes = [{listed}] }}' for each in ends]
    for name, rows in (("endpoint", endpoints), ("route", routes), ("right", rights)):
        (folder / f"{name}s.toml").write_text(_listed(name, rows), "utf-8")
    (folder / "adapters.toml").write_text("\n".join(_adapter(one, vendors) for one in subjects if one.vendor), "utf-8")
    _secrets(folder / "secrets", [name for one in subjects for name in (one.id, one.client)])


def _listed(name: str, rows: Iterable[str]) -> str:
    return f"{name} = [\n" + "".join(f"  {one},\n" for one in rows) + "]\n"


def _adapter(one: Subject, vendors: Mapping[str, str]) -> str:
    settings = {name: f"{one.folder}/{name}" for name in FOLDERS}
    settings |= {
        "a": {"tcp": vendors.get(one.id, vendors.get("a", ""))},
        "b": {"rest": vendors.get("b", ""), "rest_token": "secrets/token", "face_token": "secrets/token"},
        "c": {"soap": vendors.get("c", ""), "face_token": "secrets/token"},
    }[one.vendor]
    lines = "\n".join(f'{name} = "{value}"' for name, value in settings.items())
    return (
        f'[[adapter]]\nid = "{one.id}"\nvendor = "{one.vendor}"\nunit = "{one.unit}"\n'
        f'municipality = "{MUNICIPALITY}"\nendpoint = "{one.id}"\nlisten = "127.0.0.1:{one.port}"\n'
        f"[adapter.settings]\n{lines}\n"
    )


def _secrets(folder: Path, endpoints: Iterable[str]) -> None:
    folder.mkdir(mode=0o700)
    for name, text in (
        ("token", "certify-token"),
        *((f"{MUNICIPALITY}-{one}.key", secret_of(one)) for one in endpoints),
    ):
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text + "\n", "utf-8")
