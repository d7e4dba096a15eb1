"""The repertoire agreed with a vendor's system, where its adapter translates."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.characters.register import Gaiji, GaijiRegister
from adapters.host.agreed import agreed_repertoire
from adapters.host.translate import Translator
from adapters.sdk.problems import Problems
from adapters.sdk.types import Origin
from bus.core.config import load_site
from bus.core.errors import AdapterError
from bus.core.repertoire import repertoire
from bus.core.settings import AdapterSpec
from tests.mapping.small import VENDOR_A, load
from tests.support.sites import write_site


def translator(folder: Path, name: str, *rows: Gaiji) -> Translator:
    """The small vendor A with a repertoire and a register."""
    register = GaijiRegister(rows)
    mapping, codec = load(folder, register=register)
    return Translator(codec, mapping, repertoire(name), register.to_code)


def test_nothing_outside_goes_in_or_out(tmp_path: Path) -> None:
    """Both ways CB6022 with item and code point; a record inside the set is as it was."""
    narrow, wide = translator(tmp_path, "jisx0208"), translator(tmp_path, "cp932")
    values = {**VENDOR_A, "名前（漢字）": "\u9ad9\u6a4b\u592a\u90ce"}
    raw = wide.encode(values)
    record = wide.decode(raw, "x", 1)
    assert wide.to_standard(record).values["shimei"] == "\u9ad9\u6a4b\u3000\u592a\u90ce"
    for attempt in (lambda: narrow.encode(values), lambda: narrow.to_standard(record)):
        with pytest.raises(AdapterError) as caught:
            attempt()
        assert caught.value.code == "CB6022"
        assert caught.value.findings[0].got == "U+9AD9"
    good = {**VENDOR_A, "名前（漢字）": "\u9ad8\u6a4b\u592a\u90ce"}
    assert narrow.to_standard(narrow.codec.decode_record(narrow.encode(good), Origin())).values


def test_what_the_register_writes_is_agreed(tmp_path: Path) -> None:
    """A decided gaiji is part of what the system can hold."""
    values = {**VENDOR_A, "名前（漢字）": "\u845b\U000e0102\u57ce"}
    assert translator(tmp_path, "jisx0208", Gaiji("F040", "\u845b\U000e0102")).encode(values)


@pytest.mark.parametrize("name", ["jisx0214", "none.txt"])
def test_an_unknown_set_is_a_problem_of_the_site(tmp_path: Path, name: str) -> None:
    """Named with the adapter; no set is agreed then."""
    spec = AdapterSpec("a-juki", "a", "juki", "990019", "127.0.0.1", 0, settings={"repertoire": name})
    problems = Problems()
    assert agreed_repertoire(load_site(write_site(tmp_path / "site")), spec, problems) is None
    assert [one.code for one in problems.found] == ["CB6008"]
