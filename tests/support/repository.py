"""The repository as data: where it is and which files it consists of."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bus", "adapters", "schemas", "conformance")
TEXT = {
    *(".py", ".sh", ".md", ".toml", ".cfg", ".csv", ".svg", ".lua", ".xsd", ".wsdl", ".conf", ""),
    *(".php", ".cpp", ".pl", ".cjs", ".java", ".json", ".xml"),
}


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file git would commit: tracked or new, not ignored, and present."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    names = listed.stdout.decode("utf-8").split("\0")
    return tuple(ROOT / name for name in sorted(set(names)) if name and (ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    """Python files, of the named top folders or of all."""
    return [
        path
        for path in tracked_files()
        if path.suffix == ".py" and (not folders or path.relative_to(ROOT).parts[0] in folders)
    ]


def text_files() -> list[Path]:
    """Files that a person reads or edits."""
    return [path for path in tracked_files() if path.suffix in TEXT]


def documents() -> list[Path]:
    """All Markdown documents."""
    return [path for path in tracked_files() if path.suffix == ".md"]


def name_of(path: Path) -> str:
    """The path inside the repository, for messages and test ids."""
    return path.relative_to(ROOT).as_posix()
