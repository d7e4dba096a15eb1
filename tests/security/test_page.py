"""The page on security: its configuration loads, and its message has the shape that the bus signs and accepts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.types import Inbound, Outbound
from bus.ops.security_maker import make_keys
from bus.wire import safe_xml
from bus.wire.security import names
from bus.wire.security.load import load
from tests.security.ground import NOW, signed
from tests.support.sites import write_site

PAGE = Path(__file__).parents[2] / "docs" / "standard" / "security.md"


def block(language: str) -> str:
    """The first fenced block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def shape(element: etree._Element) -> list[tuple[str, tuple[str, ...]]]:
    """Names and attribute names in document order, repeated references counted once."""
    found = [(str(each.tag), tuple(sorted(map(str, each.keys())))) for each in element.iter()]
    return list(dict.fromkeys(found))


def test_the_configuration_of_the_page_is_valid(tmp_path: Path) -> None:
    """As shown, on a site whose keys were made as shown."""
    folder = write_site(tmp_path / "site")
    make_keys(folder, [("990019", "tax")], NOW)
    (folder / "security.toml").write_text(block("toml"), "utf-8")
    endpoint = load_site(folder).endpoint("990019", "tax")
    assert endpoint is not None
    assert endpoint.security is not None
    assert (endpoint.security.inbound, endpoint.security.outbound) == (Inbound.SIGNED, Outbound.SIGNED)
    assert load(load_site(folder)).policies.keys() == {"990019/tax"}
    (folder / "trust" / "ca" / "test-only-authority.crt").write_bytes(b"")
    with pytest.raises(ConfigurationError):
        load(load_site(folder))


def test_the_message_of_the_page_has_the_shape_that_is_accepted() -> None:
    """The same elements and attributes in the same order as in a message that passes."""
    shown = etree.fromstring(block("xml"))
    made = next(safe_xml.parse(signed()).iter(names.SECURITY))
    del made.attrib["{http://schemas.xmlsoap.org/soap/envelope/}mustUnderstand"]
    assert shape(shown) == shape(made)


def test_every_code_of_message_security_is_on_the_page() -> None:
    """What an operator meets in the journal is explained."""
    text = PAGE.read_text("utf-8")
    assert [code for code in (f"CB20{number}" for number in range(20, 34)) if code not in text] == []
