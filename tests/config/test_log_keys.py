"""Every key that a log line may carry is documented in ``LOG_KEYS``, and every key there is used or usable."""

from __future__ import annotations

import ast

from bus.core.log_keys import LOG_KEYS
from tests.support.repository import name_of, python_files

WRITERS = {"line", "warn", "log", "_log", "info", "warning", "error"}
OBJECTS = {"log", "house", "_kit", "kit", "self", "_house"}


def called_with() -> dict[str, str]:
    """Keyword names in calls that write a line, each with a place."""
    found: dict[str, str] = {}
    for path in python_files("bus", "adapters"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            holder = node.func.value
            name = holder.id if isinstance(holder, ast.Name) else getattr(holder, "attr", "")
            if node.func.attr in WRITERS and name in OBJECTS and node.args and isinstance(node.args[0], ast.Constant):
                found |= {word.arg: f"{name_of(path)}:{node.lineno}" for word in node.keywords if word.arg}
    return found


def test_every_key_that_is_written_is_documented() -> None:
    """An operator finds each key of a line in the table."""
    assert {key: place for key, place in called_with().items() if key not in {*LOG_KEYS, "exc_info"}} == {}


def test_the_documentation_is_japanese() -> None:
    """The operating guide is generated from it."""
    assert all(any(ord(character) > 0x2FFF for character in meaning) for key, meaning in LOG_KEYS.items() if key)
