"""Modules of ``deploy/``, which is no package, for the tests that use what is there."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from tests.support.repository import ROOT


def deployed(path: str) -> ModuleType:
    """The module at this path below ``deploy/``, loaded once in a process."""
    name = path.rpartition("/")[2].removesuffix(".py")
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, ROOT / "deploy" / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
