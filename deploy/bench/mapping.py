#!/usr/bin/env python3
"""Measures a vendor's fixed-length file into standard XML and back, and a plain program for the same in the same run.

    python deploy/bench/mapping.py [--record UNIT.RECORD] [--records N] [--rounds N] [--json]

The records are those of vendor A as shipped (``adapters/vendors/a/interfaces``, JEF with packed numbers), filled by
the suite's generator: two items in three present, awkward values among them, all synthetic. The peer reads the same
records from a CSV with ``csv.DictReader`` and builds the same XML with lxml, without checks, codes and characters.
Times are of the processor, each step's best round; what comes out is compared with what went in: exit code 1 when it
differs.
"""

from __future__ import annotations

import argparse
import csv
import gc
import io
import json
import sys
import time
from collections.abc import Callable
from random import Random

from lxml import etree

from adapters.codecs import load_layout, make_codec
from adapters.mapping import load_mapping
from adapters.suite.generate import all_carried, records
from adapters.suite.golden import read_records, write_records
from adapters.suite.subject import find_folder
from bus.wire.records import to_element
from schemas.catalog import load_edition

MARK = 20_000


def best(call: Callable[[], object], rounds: int) -> float:
    """Seconds of processor time of the quickest round."""
    found: list[float] = []
    for _ in range(rounds):
        gc.collect()
        before = time.process_time()
        call()
        found.append(time.process_time() - before)
    return min(found)


def measure(name: str, count: int, rounds: int) -> dict[str, object]:
    """Microseconds per record of every step, records per second of each direction, and the ratio to the peer."""
    folder, edition = find_folder("a/interfaces"), load_edition()
    layout = load_layout(folder / "layout" / f"{name}.toml")
    assert layout is not None
    mapping = load_mapping(folder / "mapping" / f"{name}.toml", layout, edition)
    assert mapping is not None
    codec, unit, record = make_codec(layout), mapping.unit, mapping.record_type
    known = all_carried(mapping, codec, 1)
    standard = list(records(mapping, known, Random(1), count))
    vendor = [mapping.to_vendor(values).values for values in standard]
    raw = b"".join(codec.encode(vendor))
    decoded = list(codec.decode(io.BytesIO(raw), "bench"))

    def written() -> bytes:
        sink = io.BytesIO()
        write_records(sink, unit, record, standard)
        return sink.getvalue()

    xml = written()
    table = io.StringIO()
    writer = csv.DictWriter(table, [item.name for item in record.items])
    writer.writeheader()
    writer.writerows(standard)
    text = table.getvalue()

    def peer() -> bytes:
        rows = csv.DictReader(io.StringIO(text))
        present = ({name: value for name, value in row.items() if value} for row in rows)
        return b"".join(etree.tostring(to_element(None, unit.namespace, record, values)) for values in present)

    same = [mapping.to_standard(one).values for one in decoded] == standard
    same = same and list(read_records(io.BytesIO(xml), unit, record)) == standard
    steps = {
        "decode": lambda: list(codec.decode(io.BytesIO(raw), "bench")),
        "to_standard": lambda: [mapping.to_standard(one).values for one in decoded],
        "write_xml": written,
        "read_xml": lambda: list(read_records(io.BytesIO(xml), unit, record)),
        "to_vendor": lambda: [mapping.to_vendor(values).values for values in standard],
        "encode": lambda: b"".join(codec.encode(vendor)),
        "peer_csv_lxml": peer,
    }
    cost = {step: best(call, rounds) / count * 1e6 for step, call in steps.items()}
    inward = cost["decode"] + cost["to_standard"] + cost["write_xml"]
    outward = cost["read_xml"] + cost["to_vendor"] + cost["encode"]
    return {
        "record": name,
        "items": len(layout.items),
        "record_bytes": layout.record_bytes,
        "records": count,
        "us": {step: round(value, 1) for step, value in cost.items()},
        "to_standard_per_s": round(1e6 / inward),
        "to_vendor_per_s": round(1e6 / outward),
        "peer_per_s": round(1e6 / cost["peer_csv_lxml"]),
        "ratio_to_peer": round(cost["peer_csv_lxml"] / inward, 2),
        "mark_per_s": MARK,
        "same": same,
    }


def main() -> int:
    """Measure and print; 1 when what came back differs from what went in."""
    parser = argparse.ArgumentParser(description="file to XML and back / ファイルから XML、XML からファイル")
    parser.add_argument("--record", action="append", help="unit.record of vendor A (repeatable)")
    parser.add_argument("--records", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = arguments.record or ["inkan.inkantoroku", "shugaku.gakureibo"]
    found = [measure(name, arguments.records, arguments.rounds) for name in names]
    if not arguments.json:
        for one in found:
            print(f"{one['record']}: {one['items']} items, {one['record_bytes']} bytes; {one['us']}")
            print(
                f"  to standard {one['to_standard_per_s']}/s, to vendor {one['to_vendor_per_s']}/s "
                f"(mark {MARK}/s each); peer {one['peer_per_s']}/s, ratio {one['ratio_to_peer']}"
            )
    print(json.dumps({"mapping": found}, ensure_ascii=False))
    return 0 if all(one["same"] for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
