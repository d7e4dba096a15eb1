"""Make spyne 2.14 importable on Python 3.12 and 3.13: the one place that knows what it lacks there.

spyne carries an old copy of ``six`` whose import hooks Python 3.12 no longer understands, and uses ``cgi``, which
Python 3.13 no longer has. Stand-ins are put into ``sys.modules`` under the names spyne asks for while it is imported,
on every version alike, so that what is tested on one holds on the others.
"""

from __future__ import annotations

import collections.abc
import email.message
import http.cookies
import importlib
import sys
import types
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

_SIX = "spyne.util.six"


def _parse_header(line: str) -> tuple[str, dict[str, str]]:
    """``cgi.parse_header``: the main value of a header and its parameters."""
    message = email.message.Message()
    message["content-type"] = line
    (main, _), *parameters = message.get_params(failobj=[("", "")])
    return main, dict(parameters)


def _modules() -> dict[str, types.ModuleType]:
    """The stand-ins by module name."""
    original = importlib.import_module("six")
    six = types.ModuleType(_SIX)
    six.__dict__.update({name: value for name, value in vars(original).items() if not name.startswith("__")})
    six.__dict__["get_function_name"] = lambda function: function.__name__
    moves = types.ModuleType(f"{_SIX}.moves")
    six.__dict__["moves"] = moves
    found = {
        _SIX: six,
        f"{_SIX}.moves": moves,
        f"{_SIX}.moves.collections_abc": collections.abc,
        f"{_SIX}.moves.http_cookies": http.cookies,
        f"{_SIX}.moves.urllib": urllib,
        f"{_SIX}.moves.urllib.parse": urllib.parse,
        f"{_SIX}.moves.urllib.request": urllib.request,
        f"{_SIX}.moves.urllib.error": urllib.error,
    }
    for name, module in found.items():
        if name.startswith(f"{moves.__name__}."):
            moves.__dict__[name.removeprefix(f"{moves.__name__}.").partition(".")[0]] = module
    moves.__dict__["urllib"] = urllib
    return found


@contextmanager
def importing() -> Iterator[None]:
    """Import spyne inside this block. Its ``six`` stays replaced; ``cgi`` is given back to the rest of the program."""
    for name, module in _modules().items():
        sys.modules.setdefault(name, module)
    before = sys.modules.get("cgi")
    cgi = types.ModuleType("cgi")
    cgi.__dict__["parse_header"] = _parse_header
    sys.modules["cgi"] = cgi
    try:
        yield
    finally:
        del sys.modules["cgi"]
        if before is not None:
            sys.modules["cgi"] = before
