"""The import rules hold: import-linter's contracts, and what its graph cannot see."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.support.repository import ROOT, name_of, python_files


def test_every_import_contract_of_setup_cfg_is_kept() -> None:
    """lint-imports reports no broken contract."""
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_no_package_reaches_another_one_by_name() -> None:
    """Nobody works around the contracts with importlib and a literal module name of another package."""
    allowed = {"schemas": set(), "conformance": {"schemas"}, "bus": {"schemas"}, "adapters": {"schemas", "bus"}}
    around = []
    for path in python_files(*allowed):
        package = path.relative_to(ROOT).parts[0]
        forbidden = set(allowed) - allowed[package] - {package}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"import_module", "__import__"}:
                names = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
                around += [f"{name_of(path)}:{node.lineno} {n}" for n in names if n.split(".")[0] in forbidden]
    assert not around
