"""Whatever stands at any place of a site folder, the answer is a site or findings with places, never a crash."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.core.config import FILES, load_site
from bus.core.errors import ConfigurationError
from schemas.catalog import load_edition
from tests.support.sites import write_site

EDITION = load_edition()
VALUE = re.compile(r'"[^"\n]*"|(?<== )[0-9.]+|true|false|\[[^\[\]{}\n]*\]')
INSTEAD = ["3", "-1", "0.5", "true", "[]", "[3]", '[""]', "{}", "{ a = 1 }", '"x"', '""', "1979-05-27", "inf", "nan"]
ADAPTERS = """
[[adapter]]
id = "a-juki"
vendor = "a"
unit = "juki"
municipality = "990019"
endpoint = "juki"
listen = "127.0.0.1:8491"
autostart = true
[adapter.settings]
inbox = "x"
[mounts]
"""


@settings(max_examples=150)
@given(
    st.sampled_from([name for name in FILES if name != "security.toml"]),
    st.integers(min_value=0, max_value=200),
    st.sampled_from(INSTEAD),
)
@pytest.mark.slow
def test_any_value_at_any_place_is_answered(file: str, number: int, instead: str) -> None:
    """One value of one file is replaced by one of another type or range."""
    with tempfile.TemporaryDirectory() as place:
        folder = write_site(Path(place) / "site")
        (folder / "adapters.toml").write_text(ADAPTERS.replace("[mounts]\n", ""))
        path = folder / file
        text = path.read_text("utf-8")
        found = list(VALUE.finditer(text))
        chosen = found[number % len(found)]
        path.write_text(text[: chosen.start()] + instead + text[chosen.end() :], "utf-8")
        try:
            load_site(folder, EDITION)
        except ConfigurationError as error:
            assert error.findings
            assert all(finding.path.partition(":")[0] in FILES for finding in error.findings)
            assert str(error).startswith("CB70")
