"""The line scanner agrees with what a person sees in a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bus.core.config.places import KeyPath, key_lines, path_text

TEXT = '''# comment with [brackets] and = signs
title = "a # b = [c]"

[site]
name = """
two
lines"""   # after
"quoted key" = 'C:\\'
a.b = { c = 1, d = [ 1,
  2, # two
  3 ] }

[[adapter]]
id = "one"
[adapter.settings]
inbox = "x"
[[adapter]]
id = "two"
listen = """x"""""

[delivery]
route = [
  { to = ["tax"], operation = "juki.ido" },   # first
  # nothing here
  { to = [
     "tax" ] },
]
'''


def test_lines_are_those_of_an_editor() -> None:
    """Multi-line strings, comments, nested arrays and arrays of tables are counted rightly."""
    lines = key_lines(TEXT)
    wanted = {
        ("title",): 2,
        ("site",): 4,
        ("site", "name"): 5,
        ("site", "quoted key"): 8,
        ("site", "a", "b", "c"): 9,
        ("site", "a", "b", "d", 1): 10,
        ("site", "a", "b", "d", 2): 11,
        ("adapter",): 13,
        ("adapter", 0): 13,
        ("adapter", 0, "settings", "inbox"): 16,
        ("adapter", 1): 17,
        ("adapter", 1, "id"): 18,
        ("adapter", 1, "listen"): 19,
        ("delivery", "route", 0, "operation"): 23,
        ("delivery", "route", 1, "to", 0): 26,
    }
    assert {path: lines[path] for path in wanted} == wanted


def paths(data: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key path of parsed TOML."""
    if path:
        yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from paths(value, (*path, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from paths(value, (*path, number))


def test_every_parsed_key_has_a_line() -> None:
    """Nothing tomllib finds is without a place."""
    assert set(paths(tomllib.loads(TEXT))) <= set(key_lines(TEXT))


plain = st.text(alphabet="abc#=[]{},'\\ 地域", max_size=8)


@given(st.lists(st.one_of(plain, st.integers(), st.lists(plain, max_size=3)), min_size=1, max_size=6))
def test_generated_texts_have_the_right_lines(values: list[Any]) -> None:
    """One key per line, whatever its value holds."""
    quoted = [f"k{number} = {tuple_text(value)}" for number, value in enumerate(values)]
    text = "\n".join(quoted)
    assert set(paths(tomllib.loads(text))) <= set(key_lines(text))
    assert [key_lines(text)[(f"k{number}",)] for number in range(len(values))] == list(range(1, len(values) + 1))


def tuple_text(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, list):
        return "[" + ", ".join(tuple_text(item) for item in value) + "]"
    if isinstance(value, int):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_paths_are_shown_as_in_the_documents() -> None:
    """``endpoint[2].unit`` is what findings print."""
    assert path_text(("endpoint", 2, "unit")) == "endpoint[2].unit"
    assert path_text(("site", "name")) == "site.name"
