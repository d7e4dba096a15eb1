"""The quick way of fixed-length records: one function per layout and direction, written out from own templates.

The source holds positions and widths only: numbers that the layout's loader has checked. Names and character sets are
given to it as values, never as text of the program. Anything out of the ordinary (a character to watch, a digit that
is none, content in a filler, a value too long) gives ``None``, and the codec goes field by field and says what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.characters.cp932 import Cp932
from adapters.characters.utf8 import Utf8
from adapters.codecs.field_text import HALF_WIDTH
from adapters.sdk.layout import Layout, LayoutField

Reader = Callable[[bytes], dict[str, str] | None]
Writer = Callable[[Mapping[str, str]], bytes | None]


def quick_reader(layout: Layout, charset: object) -> Reader | None:
    """Bytes of one record to its values, ``None`` for a layout or character set that has no quick way."""
    if not isinstance(charset, Cp932 | Utf8) or not _plain(layout):
        return None
    items = layout.items
    constants: dict[str, Any] = {"encoding": charset.name, "watch": charset.watch.search}
    constants |= {f"k{at}": one.name for at, one in enumerate(items)}
    return _made("read", _reading(layout, items), constants)


def _plain(layout: Layout) -> bool:
    """Whether all fields are of the three types and pads that the templates know."""
    return all(one.type in ("X", "N", "9") and one.pad in ("right-space", "left-zero") for one in layout.fields)


def _made(name: str, lines: list[str], constants: dict[str, Any]) -> Callable[..., Any]:
    namespace: dict[str, Any] = dict(constants)
    source = "\n".join(lines)
    exec(compile(source, f"<fixed {name}>", "exec"), namespace)  # noqa: S102 (own templates and numbers only)
    made: Callable[..., Any] = namespace[name]
    return made


def _positions(layout: Layout) -> dict[str, int]:
    found: dict[str, int] = {}
    offset = 0
    for one in layout.fields:
        found[one.name] = offset
        offset += one.bytes
    return found


def _reading(layout: Layout, items: tuple[LayoutField, ...]) -> list[str]:
    start = _positions(layout)
    wide = [at for at, one in enumerate(items) if one.type == "N"]
    lines = ["def read(raw):", "    try:"]
    lines += _runs(layout, items, start)
    if wide:
        pieces = ", ".join(
            f"raw[{start[items[at].name]}:{start[items[at].name] + items[at].bytes}].rstrip(b' ')" for at in wide
        )
        lines.append(f"        parts = b'\\x1f'.join(({pieces},)).decode(encoding).split('\\x1f')")
        lines.append(f"        if len(parts) != {len(wide)}: return None")
        lines.append(f"        ({', '.join(f'v{at}' for at in wide)},) = parts")
    else:
        lines.append("        pass")
    lines.append("    except UnicodeDecodeError: return None")
    lines += _digits_in(items)
    for one in layout.fields:
        if one.filler:
            lines.append(f"    if raw[{start[one.name]}:{start[one.name] + one.bytes}].strip(b' '): return None")
    lines.append("    out = {" + ", ".join(f"k{at}: v{at}" for at in range(len(items))) + "}")
    lines.append("    return None if watch(''.join(out.values())) else out")
    return lines


def _runs(layout: Layout, items: tuple[LayoutField, ...], start: dict[str, int]) -> list[str]:
    """Fields of half-width types side by side are decoded together and cut by position."""
    number = {one.name: at for at, one in enumerate(items)}
    runs: list[list[LayoutField]] = [[]]
    for one in layout.fields:
        if one.type != "N" and one.name in number:
            runs[-1].append(one)
        elif runs[-1]:
            runs.append([])
    lines: list[str] = []
    for run in runs:
        if not run:
            continue
        first = start[run[0].name]
        width = sum(one.bytes for one in run)
        lines.append(f"        piece = raw[{first}:{first + width}]")
        lines.append("        text = piece.decode('ascii' if piece.isascii() else encoding)")
        lines.append(f"        if len(text) != {width}: return None")
        for one in run:
            at = start[one.name] - first
            lines.append(f"        v{number[one.name]} = text[{at}:{at + one.bytes}].rstrip(' ')")
    return lines


def _digits_in(items: tuple[LayoutField, ...]) -> list[str]:
    digits = [at for at, one in enumerate(items) if one.type == "9"]
    if not digits:
        return []
    lines = [f"    digits = {' + '.join(f'v{at}' for at in digits)}"]
    lines.append("    if digits and not (digits.isdigit() and digits.isascii()): return None")
    for at, one in enumerate(items):
        if one.pad == "left-zero":
            lines.append(f"    if v{at}:")
            lines.append(f"        if len(v{at}) != {one.bytes}: return None")
            lines.append(f"        v{at} = v{at}.lstrip('0') or '0'")
    return lines


def quick_writer(layout: Layout, charset: object) -> Writer | None:
    """Values of one record to its bytes, ``None`` for a layout or character set that has no quick way."""
    if not isinstance(charset, Cp932 | Utf8) or not _plain(layout) or any(one.value for one in layout.fields):
        return None
    items = layout.items
    constants: dict[str, Any] = {
        "encoding": charset.name,
        "watch": charset.watch_out.search,
        "half": HALF_WIDTH.match,
        "known": frozenset(one.name for one in items),
        "mark": layout.data_mark,
    }
    constants |= {f"k{at}": one.name for at, one in enumerate(items)}
    return _made("write", _writing(layout, items), constants)


def _writing(layout: Layout, items: tuple[LayoutField, ...]) -> list[str]:
    number = {one.name: at for at, one in enumerate(items)}
    wide = [at for at, one in enumerate(items) if one.type == "N"]
    narrow = [at for at, one in enumerate(items) if one.type != "N"]
    digits = [at for at in narrow if items[at].type == "9"]
    lines = ["def write(values):", "    if not values.keys() <= known: return None", "    get = values.get"]
    lines += [f"    v{at} = get(k{at}) or ''" for at in range(len(items))]
    names = ", ".join(f"v{at}" for at in (*narrow, *wide))
    lines += [f"    joined = '\\x1f'.join(({names}, ''))", "    if ' \\x1f' in joined: return None"]
    lines.append("    if watch(joined.replace('\\x1f', '')): return None")
    lines.append(f"    if not half(''.join(({''.join(f'v{at}, ' for at in narrow)}))): return None")
    if digits:
        lines.append(f"    digits = {' + '.join(f'v{at}' for at in digits)}")
        lines.append("    if digits and not (digits.isdigit() and digits.isascii()): return None")
    sizes = " or ".join(f"len(v{at}) > {items[at].bytes}" for at in narrow)
    lines += [f"    if {sizes}: return None"] if sizes else []
    zeros = [at for at in narrow if items[at].pad == "left-zero"]
    lines += [f"    if v{at}[:1] == '0' and v{at} != '0': return None" for at in zeros]
    if wide:
        lines.append(f"    text = '\\x1f'.join(({''.join(f'v{at}, ' for at in wide)}))")
        lines.append("    try: parts = text.encode(encoding).split(b'\\x1f')")
        lines.append("    except UnicodeEncodeError: return None")
        lines.append(f"    if len(parts) != {len(wide)}: return None")
        lines.append(f"    ({''.join(f'b{at}, ' for at in wide)}) = parts")
        lines.append(f"    if {' or '.join(f'len(b{at}) > {items[at].bytes}' for at in wide)}: return None")
    return [*lines, *_pieces(layout, number)]


def _pieces(layout: Layout, number: dict[str, int]) -> list[str]:
    """All half-width fields as one text, encoded at once and cut around the others by position."""
    text: list[str] = []
    out: list[str] = []
    width = begun = 0
    for one in layout.fields:
        at = number.get(one.name)
        if at is not None and one.type == "N":
            if width > begun:
                out.append(f"narrow[{begun}:{width}]")
                begun = width
            out.append(f"b{at}.ljust({one.bytes})")
            continue
        if at is None:
            blank = repr(" " * one.bytes)
            text.append(f"mark.ljust({one.bytes})" if one.name == layout.type_field else blank)
        elif one.pad == "left-zero":
            text.append(f"(v{at}.rjust({one.bytes}, '0') if v{at} else {' ' * one.bytes!r})")
        else:
            text.append(f"v{at}.ljust({one.bytes})")
        width += one.bytes
    if width > begun:
        out.append(f"narrow[{begun}:{width}]")
    lines = [f"    try: narrow = ''.join(({''.join(f'{piece}, ' for piece in text)})).encode(encoding)"]
    lines.append("    except UnicodeEncodeError: return None")
    lines.append(f"    if len(narrow) != {width}: return None")
    return [*lines, f"    return b''.join(({''.join(f'{piece}, ' for piece in out)}))"]
