"""A second edition of the resident register, made from the shipped one: one item more, one less, one shorter."""

from __future__ import annotations

import shutil
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from lxml import etree

from schemas.catalog import HOME, load_edition
from tests.support.repository import ROOT

NEW, GONE, SHORTER = "tsuika_jiko", "kisaijuni", "kokusekimeito"
SPACE = "urn:chiikibus:standard:1.1:juki"


def make_second_edition(folder: Path) -> Path:
    """Edition 1.1 in ``folder / "1.1"``, with its XSD generated from its tables as for a shipped one."""
    home = folder / "1.1"
    for name in ("common", "juki"):
        shutil.copytree(HOME / "standard" / "1.0" / name, home / name)
    for path in (home / "juki" / "unit.toml", home / "juki" / "service.wsdl"):
        path.write_text(path.read_text("utf-8").replace("standard:1.0:juki", "standard:1.1:juki"), "utf-8")
    items = home / "juki" / "items" / "jumin.csv"
    lines = items.read_text("utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(f"{GONE},")]
    kept = [line.replace(",N,100,", ",N,5,") if line.startswith(f"{SHORTER},") else line for line in kept]
    items.write_text("\n".join([*kept, f"{NEW},追加事項,N,20,,no,,,,ours"]) + "\n", "utf-8")
    edition = load_edition("1.1", home)
    sys.path.insert(0, str(ROOT / "deploy" / "tools"))
    try:
        from contract_xml import Schemas  # noqa: PLC0415 - a tool beside the program, found by its folder
    finally:
        sys.path.pop(0)
    tree = Schemas(edition).unit(edition.units["juki"])
    (home / "juki" / "juki.xsd").write_bytes(etree.tostring(tree, encoding="utf-8", xml_declaration=True))
    return home


@cache
def second_edition() -> Path:
    """The same, made once in this process."""
    return make_second_edition(Path(mkdtemp(prefix="chiikibus-edition-")))
