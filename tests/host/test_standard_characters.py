"""行政事務標準文字 of plane 16, which an adapter carries where the set agreed with its vendor names them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from adapters.characters.register import Gaiji, GaijiRegister, agreed, load_register
from adapters.host.translate import Translator, Translators
from adapters.sdk.problems import Problems
from adapters.sdk.types import VendorRecord
from bus.core.errors import AdapterError, ConfigurationError
from bus.core.repertoire import Repertoire, read_list
from schemas.catalog import load_edition
from tests.support.repository import ROOT

VENDOR = ROOT / "adapters" / "vendors" / "b" / "kojinjuminzei"
OWN, FOREIGN = "\U00100123", "\U00100124"

pytestmark = pytest.mark.slow


def translator(repertoire: Repertoire | None, *rows: Gaiji) -> Translator:
    """B社's residents (UTF-8, JSON) as an adapter makes them."""
    made = Translators(load_edition(), register=GaijiRegister(rows), repertoire=repertoire)
    problems = Problems()
    files = VENDOR / "layout" / "jumin.toml", VENDOR / "mapping" / "jumin.toml"
    made.prepare(*files, problems)
    assert problems.found == []
    return made.get(*files)


def listed(folder: Path) -> Repertoire:
    """MJ and one character of plane 16, from a list as a site has it."""
    (folder / "hyojun.txt").write_text("# 行政事務標準文字（合成）\nU+100123\tgj000123\n", encoding="utf-8")
    return read_list(folder / "hyojun.txt")


def sample(one: Translator) -> dict[str, str]:
    """The vendor's items of the first golden record."""
    (path,) = (VENDOR / "samples").glob("jumin.json*")
    record = next(iter(one.codec.decode(io.BytesIO(path.read_bytes()))))
    assert isinstance(record, VendorRecord)
    return record.values


def named(one: Translator, character: str) -> dict[str, str]:
    """The sample as the standard has it, its name with this character."""
    values = one.to_standard(one.decode(one.encode(sample(one)), "x", 1)).values
    return {**values, "shimei": f"{character}{values['shimei'][1:]}"}


def code(one: Translator, character: str) -> str:
    """The code with which a vendor's record with this character is refused, empty where it goes both ways."""
    try:
        values = named(one, character)
        raw = one.encode(one.to_vendor(values).values)
        assert character.encode() in raw or f"\\u{ord(character):x}".encode() in raw
        assert one.to_standard(one.decode(raw, "x", 1)).values == values
    except AdapterError as error:
        return error.code
    return ""


def test_what_the_list_names_goes_both_ways_and_nothing_else(tmp_path: Path) -> None:
    """Without an agreed list plane 16 is a gaiji that nobody knows; with it the rest of the plane still is."""
    assert code(translator(None), OWN) == "CB6007"
    one = translator(listed(tmp_path))
    assert (code(one, OWN), code(one, FOREIGN)) == ("", "CB6022")
    raw = one.encode(one.to_vendor(named(one, OWN)).values).replace(OWN.encode(), FOREIGN.encode())
    with pytest.raises(AdapterError) as caught:
        one.decode(raw, "x", 1)
    assert caught.value.code == "CB6003"


def test_a_decision_about_a_code_goes_before_the_list(tmp_path: Path) -> None:
    """A vendor that has something else there: the register says what, and the character itself cannot be written."""
    row = Gaiji("U+100123", "\u845b\U000e0102", class_="字形一致")
    register = agreed(GaijiRegister((row,)), listed(tmp_path).characters)
    assert register.sequence("U+100123") == "\u845b\U000e0102"
    assert register.code(OWN) == ""
    assert code(translator(listed(tmp_path), row), OWN) == "CB6007"


@pytest.mark.parametrize(
    ("point", "right"), [("U+100123", True), ("U+10FF00", False), ("U+F0000", False), ("U+E000", False)]
)
def test_a_register_may_decide_for_a_standard_character(tmp_path: Path, point: str, right: bool) -> None:
    """A host's own code is one of them; no other private-use character means the same to everybody."""
    path = tmp_path / "gaiji.csv"
    head = "code,ucs,mj,class,evidence,decided_by,decided_at,valid_from\n"
    path.write_text(f"{head}80A1,{point},,字形一致,票,担当,2026-01-10,\n", encoding="utf-8")
    if right:
        assert load_register(path).sequence("80A1") == OWN
    else:
        with pytest.raises(ConfigurationError) as caught:
            load_register(path)
        assert caught.value.code == "CB6008"
