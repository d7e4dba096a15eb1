"""Habits that hold for every file: short, documented, free of the machine they were written on."""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import Path

import pytest

from tests.support.repository import PACKAGES, ROOT, name_of, python_files, text_files, tracked_files

LONGEST = 450
# Written so that the patterns do not find themselves.
MACHINE = re.compile(r"/(?:w)ork/|/(?:r)oot\b|/(?:h)ome/\w|bash_(?:j)obs|index(?:-)url|trusted(?:-)host|registry(?:=)")
PUT_OFF = re.compile(r"\b(?:T)ODO\b|\b(?:F)IXME\b|\bX(?:X)X\b|Not(?:I)mplementedError")
# A silenced check: the code in brackets or after the colon, then words that say why.
SILENCED = re.compile(
    r"#\s*type:\s*ignore(?!\[[\w,-]+\]\s*#\s*\w)|#\s*(?:n)oqa(?!: ?[A-Z]+\d+(?:, ?[A-Z]+\d+)* (?:- |\()[\w`])"
)
IGNORED_TYPE = re.compile(r"#\s*type:\s*ignore\b")


def found(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    """``file:line text`` of every match."""
    return [
        f"{name_of(path)}:{number} {line.strip()[:80]}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_python_file_is_longer_than_450_lines() -> None:
    """A longer file holds two responsibilities."""
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert {name: count for name, count in lengths.items() if count > LONGEST} == {}


def test_every_folder_with_modules_is_a_package() -> None:
    """A folder without ``__init__.py`` would be missing from an installation."""
    folders = {path.parent for path in python_files(*PACKAGES)}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_every_data_file_of_a_package_is_part_of_an_installation() -> None:
    """``package_data`` of setup.cfg covers every file that is no module."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = {name: re.split(r",\s*", text) for name, text in parser["options.package_data"].items()}
    left_out = [
        name_of(path)
        for path in tracked_files()
        if (package := path.relative_to(ROOT).parts[0]) in PACKAGES
        and path.suffix != ".py"
        and not any(path.match(f"{package}/{p}") or path.match(p.replace("**/", "")) for p in patterns[package])
    ]
    assert left_out == []


def test_no_file_names_a_machine_path_or_a_package_source() -> None:
    """A clone works anywhere and chooses its own package source."""
    assert found(MACHINE, text_files()) == []


def test_nothing_is_put_off() -> None:
    """No mark of unfinished work stands in the code."""
    assert found(PUT_OFF, python_files()) == []


def test_a_silenced_check_names_what_it_silences_and_why() -> None:
    """``type: ignore`` and ``noqa`` carry their code and a reason."""
    assert found(SILENCED, python_files()) == []


def test_no_type_is_ignored_where_types_are_not_checked() -> None:
    """mypy reads the packages only: elsewhere such a mark silences nothing."""
    assert found(IGNORED_TYPE, python_files("deploy", "tests")) == []


@pytest.mark.parametrize(
    ("line", "silent"),
    [
        ("x = 1  # no" + "qa", True),
        ("x = 1  # no" + "qa: S608", True),
        ("x = 1  # no" + "qa: S608 (own names)", False),
        ("x = 1  # no" + "qa: S608, E501 - own names", False),
        ("x = 1  # type" + ": ignore", True),
        ("x = 1  # type" + ": ignore[misc]", True),
        ("x = 1  # type" + ": ignore[misc]  # spyne is untyped", False),
    ],
)
def test_the_pattern_of_silenced_checks_wants_code_and_reason(line: str, silent: bool) -> None:
    """What stands without one is found."""
    assert bool(SILENCED.search(line)) is silent


def test_shell_scripts_with_a_command_line_are_executable() -> None:
    """A script with a first line ``#!`` can be called as the documents say."""
    scripts = [p for p in tracked_files() if p.suffix in {".sh", ""} and p.read_bytes()[:2] == b"#!"]
    assert [name_of(path) for path in scripts if not path.stat().st_mode & 0o111] == []
    assert scripts


def undocumented(path: Path) -> list[str]:
    """Public names of a module without a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    missing = [] if ast.get_docstring(tree) else [f"{name_of(path)}: the module"]

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                if child.name.startswith("_"):
                    continue
                decorators = {getattr(d, "attr", getattr(d, "id", "")) for d in child.decorator_list}
                if not ast.get_docstring(child) and not decorators & {"overload", "override", "setter"}:
                    missing.append(f"{name_of(path)}:{child.lineno} {prefix}{child.name}")
                if isinstance(child, ast.ClassDef):
                    visit(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.If | ast.Try):
                visit(child, prefix)

    visit(tree, "")
    return missing


@pytest.mark.parametrize("package", [*PACKAGES, "deploy", "tests"])
def test_every_public_name_has_a_docstring(package: str) -> None:
    """Modules, classes, functions and methods say what they are responsible for."""
    assert [line for path in python_files(package) for line in undocumented(path)] == []


def test_every_test_is_typed() -> None:
    """A test without ``-> None`` is not checked by anybody."""
    untyped = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in python_files("tests")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and node.returns is None
    ]
    assert untyped == []


def test_no_test_sleeps_a_guessed_time() -> None:
    """Waiting is polling with a deadline; ``tests/support/polling.py`` is the only place that sleeps."""
    sleeps = re.compile(r"\b(?:time|asyncio)\.sleep\((?!0\))")
    files = [path for path in python_files("tests") if path != ROOT / "tests/support/polling.py"]
    assert found(sleeps, files) == []
