"""Distil the IBM host code tables from ICU's converters into schemas/characters/ibm.json.xz (Unicode licence).

ICU is called through ctypes (Debian: libicu72); the same ICU data gives the same bytes. Run once:
``python deploy/tools/distil_ibm.py [libicuuc.so.72]``.
"""

from __future__ import annotations

import ctypes
import json
import lzma
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent.parent / "schemas" / "characters"
SINGLE = {"ibm290": "ibm-290_P100-1995", "ibm8482": "ibm-8482_P100-1999", "ibm1027": "ibm-939_P120-1999"}
SINGLE["ibm5123"] = "ibm-5123_P100-1999"
DOUBLE = {"ibm300": "ibm-930_P120-1999", "ibm16684": "ibm-1390_P110-2003"}
CHECKED = {"ibm-939_P120-1999": "ibm-930_P120-1999", "ibm-1399_P110-2003": "ibm-1390_P110-2003"}
SHIFT_OUT, SHIFT_IN = b"\x0e", b"\x0f"


class Converter:
    """One ICU converter that stops at what it cannot convert and never uses a fallback in writing."""

    def __init__(self, library: ctypes.CDLL, version: str, name: str) -> None:
        self._call = lambda function: getattr(library, f"{function}_{version}")
        self._error = ctypes.c_int(0)
        opened = self._call("ucnv_open")
        opened.restype = ctypes.c_void_p
        self._converter = ctypes.c_void_p(opened(name.encode(), ctypes.byref(self._error)))
        if self._error.value > 0:
            raise SystemExit(f"ICU has no converter {name}")
        for setter, stop in (
            ("ucnv_setToUCallBack", "UCNV_TO_U_CALLBACK_STOP"),
            ("ucnv_setFromUCallBack", "UCNV_FROM_U_CALLBACK_STOP"),
        ):
            callback = ctypes.cast(self._call(stop), ctypes.c_void_p)
            self._call(setter)(self._converter, callback, None, None, None, ctypes.byref(self._error))
        self._call("ucnv_setFallback")(self._converter, 0)

    def decode(self, raw: bytes) -> str:
        """The text, or "" when ICU has none."""
        buffer = ctypes.create_string_buffer(64)
        self._error.value = 0
        size = self._call("ucnv_toUChars")(
            self._converter, buffer, 30, raw, ctypes.c_int32(len(raw)), ctypes.byref(self._error)
        )
        return buffer.raw[: 2 * size].decode("utf-16-le") if self._error.value <= 0 else ""

    def encode(self, text: str) -> bytes:
        """The bytes, or b"" when ICU has none."""
        units = text.encode("utf-16-le")
        buffer = ctypes.create_string_buffer(64)
        self._error.value = 0
        size = self._call("ucnv_fromUChars")(
            self._converter, buffer, 60, units, ctypes.c_int32(len(units) // 2), ctypes.byref(self._error)
        )
        return buffer.raw[:size] if self._error.value <= 0 else b""


def single(converter: Converter) -> dict[str, str]:
    """Code (two hexadecimal digits) to character; a code that is written otherwise is marked by a final "<"."""
    rows = {}
    for value in range(256):
        raw = bytes((value,))
        text = "" if raw in (SHIFT_OUT, SHIFT_IN) else converter.decode(raw)
        if text:
            rows[f"{value:02X}"] = text if converter.encode(text) == raw else text + "<"
    return rows


def double(converter: Converter) -> dict[str, str]:
    """Code (four hexadecimal digits) to text, marked likewise."""
    rows = {}
    for value in range(0x4040, 0xFF00):
        raw = SHIFT_OUT + value.to_bytes(2) + SHIFT_IN
        text = converter.decode(raw)
        if text:
            rows[f"{value:04X}"] = text if converter.encode(text) == raw else text + "<"
    return rows


def main() -> None:
    """Write the table."""
    path = sys.argv[1] if len(sys.argv) > 1 else "libicuuc.so.72"
    version = re.search(r"\.so\.([0-9]+)", path)
    if version is None:
        raise SystemExit("expected a library called libicuuc.so.<version>")
    library = ctypes.CDLL(path)
    tables = {name: single(Converter(library, version[1], converter)) for name, converter in SINGLE.items()}
    for name, converter in DOUBLE.items():
        tables[name] = double(Converter(library, version[1], converter))
        twin = next(other for other, same in CHECKED.items() if same == converter)
        if tables[name] != double(Converter(library, version[1], twin)):
            raise SystemExit(f"{twin} and {converter} differ in their double bytes")
    text = json.dumps(tables, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    raw = lzma.compress(text.encode(), format=lzma.FORMAT_XZ, preset=9 | lzma.PRESET_EXTREME)
    (HERE / "ibm.json.xz").write_bytes(raw)
    counts = {
        name: (len(rows), sum(text.endswith("<") and text != "<" for text in rows.values()))
        for name, rows in tables.items()
    }
    print(len(raw), "bytes", counts)


main()
