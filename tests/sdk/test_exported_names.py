"""What a vendor's programmer may rely on is a list: a name comes or goes only on purpose."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import adapters.sdk

SURFACE = {
    "adapters.sdk.errors": {"adapter_error", "code_points", "describe", "finding"},
    "adapters.sdk.item_table": {"COLUMNS", "KEY", "NEEDED", "with_fields", "with_rules"},
    "adapters.sdk.layout": {"Group", "Layout", "LayoutField", "Member"},
    "adapters.sdk.numbered": {"FormError", "numbered"},
    "adapters.sdk.problems": {"Problems"},
    "adapters.sdk.protocols": {"Codec", "Reading"},
    "adapters.sdk.toml": {"TomlFile", "read_toml"},
    "adapters.sdk.types": {
        "BadRecord",
        "Converted",
        "LineageStep",
        "Loss",
        "LossPolicy",
        "NO_SPANS",
        "Origin",
        "Side",
        "Source",
        "Span",
        "VendorRecord",
    },
}


def test_every_module_of_the_sdk_is_part_of_the_surface() -> None:
    """A new module is a promise, too."""
    assert {f"adapters.sdk.{one.name}" for one in pkgutil.iter_modules(adapters.sdk.__path__)} == set(SURFACE)


@pytest.mark.parametrize("name", SURFACE)
def test_a_module_of_the_sdk_defines_exactly_these_public_names(name: str) -> None:
    """Classes, functions and constants that do not begin with an underscore."""
    source = importlib.import_module(name).__file__
    assert source is not None
    names: set[str] = set()
    for node in ast.parse(Path(source).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    assert {one for one in names if not one.startswith("_")} == SURFACE[name]
