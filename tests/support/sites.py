"""A small valid site folder for tests, and a way to spoil it line by line. All names are fictitious."""

from __future__ import annotations

from pathlib import Path

MUNICIPALITY = "990019"  # fictitious; the check digit is valid

SITE = """\
[site]
name = "試験の町"
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
retry_first_s = 0.05
retry_max_s = 0.2
sweep_s = 0.05
"""

ENDPOINTS = """\
endpoint = [
  { id = "juki", municipality = "990019", unit = "juki", purpose = "jumin", address = "http://127.0.0.1:{juki}/soap" },
  { id = "tax", municipality = "990019", unit = "kojinjuminzei", purpose = "kazei", address = "{http}{tax}/soap" },
  { id = "kokuho", municipality = "990019", unit = "kokuho", purpose = "kokuho", address = "{http}{kokuho}/soap" },
]
"""

ROUTES = """\
route = [
  { municipality = "990019", operation = "juki.jumin_shokai", to = ["juki"], mode = "direct", deadline_s = 2 },
  { municipality = "990019", operation = "juki.ido_tsuchi", to = ["tax", "kokuho"], mode = "queued" },
]
"""

RIGHTS = """\
right = [
  { municipality = "990019", endpoint = "tax", operation = "juki.jumin_shokai", purposes = ["kazei"] },
  { municipality = "990019", endpoint = "juki", operation = "juki.ido_tsuchi", purposes = ["jumin"] },
  { municipality = "990019", endpoint = "tax", operation = "juki.ido_tsuchi", purposes = ["kazei"] },
  { municipality = "990019", endpoint = "kokuho", operation = "juki.ido_tsuchi", purposes = ["kokuho"] },
]
"""


def write_site(
    folder: Path, *, port: int = 0, juki: int = 9, tax: int = 9, kokuho: int = 9, secrets: bool = True
) -> Path:
    """Write the folder; the bus listens on ``port`` (0: the system chooses), the systems on theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    endpoints = ENDPOINTS.replace("{http}", "http://127.0.0.1:")
    for name, number in (("juki", juki), ("tax", tax), ("kokuho", kokuho)):
        endpoints = endpoints.replace("{" + name + "}", str(number))
    (folder / "site.toml").write_text(SITE.replace("{port}", str(port)), "utf-8")
    (folder / "endpoints.toml").write_text(endpoints, "utf-8")
    (folder / "routes.toml").write_text(ROUTES, "utf-8")
    (folder / "rights.toml").write_text(RIGHTS, "utf-8")
    if secrets:
        for name in ("juki", "tax", "kokuho"):
            write_secret(folder, name)
    return folder


def write_secret(folder: Path, endpoint: str, municipality: str = MUNICIPALITY) -> None:
    """A credential file as ``chiikibus secrets create`` writes it; the secret is ``secret-of-<endpoint>``."""
    path = folder / "secrets" / f"{municipality}-{endpoint}.key"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(f"secret-of-{endpoint}\n", "utf-8")
    path.chmod(0o600)


def change(path: Path, old: str, new: str) -> None:
    """Replace the one occurrence of ``old`` in a file."""
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new), "utf-8")
