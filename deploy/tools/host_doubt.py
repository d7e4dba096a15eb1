"""Write schemas/characters/host_doubt.csv: the codes at which a vendor's own table says other than the standard.

``python deploy/tools/host_doubt.py FOLDER`` compares the vendors' tables of FOLDER (jef4j's JSON) with what the program
uses without them. Only code numbers are written, no characters: without its table such a code is refused.
"""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.characters import host_tables

OUT = Path(__file__).resolve().parent.parent.parent / "schemas" / "characters" / "host_doubt.csv"
NAMES = ("ebcdic-fujitsu", "ebcdic-hitachi", "ebcdik-fujitsu", "ebcdik-hitachi", "ebcdik-nec")
WIDE = dict.fromkeys(("jef", "jips-j", "keis78", "keis83"), "ms")


def main() -> None:
    """Write the file."""
    OUT.write_text("table,codes\n", encoding="utf-8")
    lines = ["table,codes"]
    for name in (*NAMES, *WIDE):
        profile = WIDE.get(name, "")
        ours = host_tables.table(name, None, profile)
        theirs = host_tables.table(name, Path(sys.argv[1]), profile)
        width = 2 if name in WIDE else 1
        doubt = []
        for code in range(256**width):
            mine, other = ours.text(code), theirs.text(code)
            same_way = (code in ours.one_way) == (code in theirs.one_way)
            if mine and (mine != other or not same_way):
                doubt.append(f"{code:0{2 * width}X}")
        lines.append(f"{name},{' '.join(doubt)}")
        print(name, len(ours.to_text), "codes by the standard,", len(doubt), "of them doubtful")
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
