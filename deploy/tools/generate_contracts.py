"""Write WSDL, XSD, item lists, flows and manifest of an edition from its tables; ``--check`` only compares.

Usage: generate_contracts.py [--check] [--edition 1.0]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lxml import etree

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "standard"
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from contract_docs import common_page, errors_page  # noqa: E402 (the path is set above)
from contract_xml import Schemas  # noqa: E402 (the path is set above)
from flow_docs import flows_page, flows_picture  # noqa: E402 (the path is set above)
from unit_docs import unit_page  # noqa: E402 (the path is set above)

from schemas import manifest  # noqa: E402 (the path is set above)
from schemas.catalog import HOME, load_edition, load_errors, load_flows  # noqa: E402 (the path is set above)


def document(root: etree._Element) -> bytes:
    """The tree as it stands in the repository: UTF-8, indented, with declaration."""
    etree.indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def contracts(version: str) -> dict[Path, bytes]:
    """Every generated file of the edition with its content."""
    edition = load_edition(version)
    schemas = Schemas(edition)
    files = {edition.folder / "common" / "common.xsd": document(schemas.common())}
    for unit in edition.units.values():
        files[edition.folder / unit.key / f"{unit.key}.xsd"] = document(schemas.unit(unit))
        files[unit.wsdl] = document(schemas.description(unit))
        files[PAGES / f"{unit.key}.md"] = unit_page(edition, unit).encode("utf-8")
    flows = load_flows(edition)
    files[PAGES / "flows.md"] = flows_page(edition, flows).encode("utf-8")
    files[PAGES.parent / "images" / f"flows-{version}.svg"] = document(flows_picture(edition, flows))
    files[PAGES / "common.md"] = common_page(edition).encode("utf-8")
    files[PAGES / "errors.md"] = errors_page(load_errors().values()).encode("utf-8")
    return files


def main() -> int:
    """Write or compare; 0 when everything is current, 1 when ``--check`` found differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--edition", default="1.0")
    options = parser.parse_args()
    stale = [path for path, content in contracts(options.edition).items() if differs(path, content, options.check)]
    folder = HOME / "standard" / options.edition
    listing = folder / manifest.NAME
    if differs(listing, manifest.text(folder).encode("utf-8"), options.check):
        stale.append(listing)
    for path in stale:
        sys.stdout.write(f"{'differs' if options.check else 'written'}: {path.relative_to(ROOT)}\n")
    return 1 if stale and options.check else 0


def differs(path: Path, content: bytes, check: bool) -> bool:
    """Whether the file is not as it should be; it is then written, unless only checking."""
    if path.is_file() and path.read_bytes() == content:
        return False
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return True


if __name__ == "__main__":
    sys.exit(main())
