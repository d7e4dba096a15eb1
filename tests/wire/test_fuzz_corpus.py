"""What the fuzzer has found so far is replayed: no promise of the wire is broken by it."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from tests.support.repository import ROOT

FUZZ = ROOT / "deploy" / "fuzz"


def load(name: str) -> ModuleType:
    """A file of ``deploy/fuzz`` as a module."""
    spec = importlib.util.spec_from_file_location(f"fuzz_{name}", FUZZ / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


targets = load("targets")
corpus = load("corpus")


@pytest.mark.parametrize("target", sorted(targets.TARGETS))
def test_what_was_found_breaks_no_promise(target: str) -> None:
    """Every kept input of a target, by the very function that the fuzzer calls."""
    inputs = corpus.read(target)
    assert len(inputs) >= 10
    for data in inputs:
        targets.TARGETS[target](data)


@pytest.mark.parametrize("target", sorted(targets.TARGETS))
def test_nothing_at_all_breaks_no_promise(target: str) -> None:
    """The empty input, and one byte."""
    targets.TARGETS[target](b"")
    targets.TARGETS[target](b"\x00")


def test_a_broken_promise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that loses a character, an answer that depends on packets, and a body that grows are found."""
    good = b"\0<a>x</a>"
    targets.message(good)
    parse = targets.safe_xml.parse

    def lossy(raw: bytes, media: str = "text/xml") -> object:
        root = parse(raw, media)
        root.text = None
        return root

    monkeypatch.setattr(targets.safe_xml, "parse", lossy)
    with pytest.raises(targets.PromiseBroken):
        targets.message(good)
