"""Versions are said once in setup.cfg; everything else agrees with it."""

from __future__ import annotations

import configparser
import re
from functools import cache
from importlib import metadata

from tests.support.repository import ROOT, documents, name_of


@cache
def setup() -> configparser.ConfigParser:
    """setup.cfg, parsed."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def pins() -> dict[str, str]:
    """Every direct dependency with its pinned version."""
    lines = setup()["options"]["install_requires"] + setup()["options.extras_require"]["dev"]
    return dict(line.split("==") for line in lines.split() if line)


def locked() -> dict[str, str]:
    """requirements.lock, by name."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_direct_dependency_is_pinned_and_locked_at_the_same_version() -> None:
    """The closure was generated from the present setup.cfg."""
    assert {name: version for name, version in locked().items() if name in pins()} == pins()


def test_the_changelog_begins_with_the_version_of_setup_cfg() -> None:
    """A release is described before it is made."""
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heading and heading[1] == setup()["metadata"]["version"]


def test_the_installed_distribution_has_the_version_of_setup_cfg() -> None:
    """What is tested is what is written."""
    assert metadata.version("chiikibus") == setup()["metadata"]["version"]


def test_every_dependency_has_a_decision_record_and_documents_name_the_pinned_version() -> None:
    """``name==version`` in any document equals setup.cfg, and each direct dependency occurs in docs/adr."""
    wrong = []
    mentioned: set[str] = set()
    for path in documents():
        for name, version in re.findall(r"`([A-Za-z0-9_.-]+)==([^`\s]+)`", path.read_text(encoding="utf-8")):
            if path.is_relative_to(ROOT / "docs/adr"):
                mentioned.add(name)
            if pins().get(name, locked().get(name)) != version:
                wrong.append(f"{name_of(path)}: {name}=={version}")
    assert wrong == []
    assert set(pins()) - mentioned == set()
