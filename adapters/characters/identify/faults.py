"""The ways in which identification refuses: a library or font that is missing, an index, a vendor's file, a policy."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from bus.core.errors import AdapterError
from bus.core.types import Finding

LIBRARIES = ("numpy", "PIL", "fontTools")
INSTALL = "pip install 'chiikibus[identify]'"


def missing(what: str, expected: str) -> AdapterError:
    """CB6085: a library or the font of the gallery is not installed; ``expected`` says how to install it."""
    return AdapterError("CB6085", [Finding("CB6085", path=what, expected=expected, got="なし / missing")])


def bad_index(path: Path, expected: str, got: str) -> AdapterError:
    """CB6086: there is no index, or it is damaged, or it was made from something else."""
    return AdapterError("CB6086", [Finding("CB6086", path=str(path), expected=expected, got=got)])


def bad_file(path: Path | str, expected: str, got: str) -> AdapterError:
    """CB6087: a vendor's font or picture of a glyph cannot be read, or is larger than anything real."""
    return AdapterError("CB6087", [Finding("CB6087", path=str(path), expected=expected, got=got)])


def bad_proposal(path: Path | str, expected: str, got: str) -> AdapterError:
    """CB6088: there is no proposal for a code, or it is not the one that was written."""
    return AdapterError("CB6088", [Finding("CB6088", path=str(path), expected=expected, got=got)])


def ensure_libraries() -> None:
    """AdapterError CB6085 unless everything of the extra can be imported."""
    for name in LIBRARIES:
        if find_spec(name) is None:
            raise missing(name, INSTALL)
