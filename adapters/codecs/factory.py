"""Make the codec of a layout; a vendor can add kinds through the entry-point group ``chiikibus.codecs``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

from adapters.characters.charset import Charset, charset
from adapters.characters.register import EMPTY, Gaiji, GaijiRegister
from adapters.codecs.delimited import DelimitedCodec
from adapters.codecs.fixed import FixedCodec
from adapters.codecs.grouped import GroupedCodec
from adapters.codecs.host import HostCodec
from adapters.codecs.json_record import JsonCodec
from adapters.codecs.layout_host import is_host
from adapters.codecs.multi import MultiCodec
from adapters.codecs.totals import TotalsCodec
from adapters.codecs.xml_record import XmlCodec
from adapters.sdk.layout import Layout
from adapters.sdk.protocols import Codec
from bus.core.errors import ConfigurationError
from bus.core.types import Finding

CodecMaker = Callable[[Layout, GaijiRegister], Codec]
GROUP = "chiikibus.codecs"


@cache
def _foreign_kinds() -> dict[str, CodecMaker]:
    return {point.name: cast(CodecMaker, point.load()) for point in entry_points(group=GROUP)}


def codec_kinds() -> tuple[str, ...]:
    """The kinds a layout may name."""
    return ("fixed", "delimited", "json", "xml", "excel", *_foreign_kinds())


def make_codec(layout: Layout, register: GaijiRegister = EMPTY, tables: Path | None = None) -> Codec:
    """The codec of ``layout`` with the gaiji register of the site; raises ConfigurationError for an unknown kind.

    ``tables`` is the folder of the vendors' own host tables, where the site has them.
    """
    if layout.group is not None:
        inner = layout.inner
        assert inner is not None

        def scout(more: tuple[Gaiji, ...]) -> Codec:
            return make_codec(inner, GaijiRegister((*register.rows, *more)), tables)

        return GroupedCodec(layout, make_codec(inner, register, tables), scout)
    if layout.members:
        return MultiCodec(layout, [(one, make_codec(one.layout, register, tables)) for one in layout.members])
    made = _plain(layout, register, tables)
    return TotalsCodec(made) if layout.totals else made


def _plain(layout: Layout, register: GaijiRegister, tables: Path | None) -> Codec:
    """The codec of records of one kind, each standing for itself."""
    characters = charset(layout.encoding, register, gaiji=layout.gaiji, tables=tables)
    makers: dict[str, Callable[[], Codec]] = {
        "fixed": lambda: (HostCodec if is_host(layout) else FixedCodec)(layout, characters),
        "delimited": lambda: DelimitedCodec(layout, characters),
        "json": lambda: JsonCodec(layout, characters),
        "xml": lambda: XmlCodec(layout, characters, charset("utf-8", register, gaiji=layout.gaiji, tables=tables)),
        "excel": lambda: _excel(layout, characters),
    }
    if layout.kind in makers:
        return makers[layout.kind]()
    maker = _foreign_kinds().get(layout.kind)
    if maker is None:
        found = Finding("CB6008", path="layout.kind", expected=" | ".join(codec_kinds()), got=layout.kind)
        raise ConfigurationError("CB6008", (found,))
    return maker(layout, register)


def _excel(layout: Layout, characters: Charset) -> Codec:
    from adapters.codecs.excel import ExcelCodec  # noqa: PLC0415 (openpyxl only for layouts that need it)

    return ExcelCodec(layout, characters)
