#!/usr/bin/env python3
"""What vendor records cost: host records, private XML and JSON lines, records per second of one core, both ways.

Usage: vendor_records.py [--records 5000] [--rounds 3]. The best round counts; CPU time, not wall time.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from adapters.codecs import load_layout, make_codec  # noqa: E402 (the path is set above)
from adapters.sdk.protocols import Codec  # noqa: E402 (the path is set above)

FIELDS = 60


def host_layout() -> tuple[str, dict[str, str]]:
    """60 items in JEF: half of them single bytes, ten names with shifts, ten wide, ten packed; and a record."""
    fields, values, width = "", {}, 0
    for number in range(FIELDS):
        name = f"x{number}"
        kind = number % 6
        if kind < 3:
            text, value, size = 'type = "X"', "12345ABC", 10
        elif kind == 3:
            text, value, size = 'type = "N"', "架空　花子", 24
        elif kind == 4:
            text, value, size = 'type = "N"\nwide = true\npad = "right-wide-space"', "地域市架空町", 20
        else:
            text, value, size = 'type = "9"\nusage = "packed"\nsign = "signed"', "-1234567", 5
        fields += f'[[field]]\nname = "{name}"\nbytes = {size}\n{text}\n'
        values[name] = value
        width += size
    head = f'[layout]\nid = "b"\nkind = "fixed"\nencoding = "jef"\nline_end = "none"\nrecord_bytes = {width}\n'
    return head + fields, values


def text_layout(kind: str) -> tuple[str, dict[str, str]]:
    """The same items as private XML or JSON lines."""
    _, values = host_layout()
    heads = {
        "xml": 'kind = "xml"\nform = "array"\nroot = "R"\nelement = "J"\nnamespace = "urn:x"\nabsent = "omit"\n',
        "json": 'kind = "json"\nform = "lines"\nabsent = "omit"\n',
    }
    fields = "".join(f'[[field]]\nname = "{name}"\ntype = "N"\npath = "g.{name}"\n' for name in values)
    return f'[layout]\nid = "b"\nencoding = "utf-8"\nline_end = "lf"\n{heads[kind]}' + fields, values


def codec(text: str) -> Codec:
    """The codec of a layout's text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layout.toml"
        path.write_text(text, encoding="utf-8")
        layout = load_layout(path)
    assert layout is not None
    return make_codec(layout)


def best(rounds: int, work: Callable[[], None], count: int) -> float:
    """Records per second of the best round."""
    fastest = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        work()
        fastest = min(fastest, time.process_time() - begun)
    return count / fastest


def decode_all(made: Codec, data: bytes) -> None:
    """Decode a file."""
    for _ in made.decode(io.BytesIO(data)):
        pass


def encode_all(made: Codec, values: dict[str, str], count: int) -> None:
    """Encode a record many times."""
    for _ in range(count):
        made.encode_record(values)


def main() -> None:
    """Print one line per kind of record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for name, (text, values) in {
        "JEF, shifts, wide, packed": host_layout(),
        "private XML": text_layout("xml"),
        "JSON lines": text_layout("json"),
    }.items():
        made = codec(text)
        data = b"".join(made.encode([values] * options.records))
        assert next(iter(made.decode(io.BytesIO(data)))).values == values
        read = best(options.rounds, partial(decode_all, made, data), options.records)
        write = best(options.rounds, partial(encode_all, made, values, options.records), options.records)
        size = len(data) // options.records
        print(f"{name:28} {FIELDS} items {size:5} bytes: decode {read:8.0f}/s encode {write:8.0f}/s")


if __name__ == "__main__":
    main()
