"""spyne can be imported on every supported Python, and the rest of the program does not notice."""

from __future__ import annotations

import subprocess
import sys

PROBE = """
import sys
from bus.wire.spyne_shim import importing
before = sys.modules.get("cgi")
with importing():
    import spyne, spyne.protocol.soap, spyne.server, spyne.interface.wsdl
assert sys.modules.get("cgi") is before
from spyne.protocol.soap import soap11
assert soap11.cgi.parse_header('text/xml; charset="utf-8"; a=b') == ("text/xml", {"charset": "utf-8", "a": "b"})
assert soap11.cgi.parse_header("text/xml") == ("text/xml", {})
from spyne.util import six
assert six.get_function_name(importing) == "importing"
import six as original
assert not hasattr(original, "get_function_name")
"""


def test_spyne_imports_without_a_warning_and_leaves_no_trace() -> None:
    """In a fresh interpreter with every warning an error; ``cgi`` and ``six`` stay as they were."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE], check=False, capture_output=True, text=True, timeout=60
    )
    assert found.stderr == ""
    assert found.returncode == 0
