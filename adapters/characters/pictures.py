"""Pictures of MJ glyphs as SVG, taken at run time from an installed IPAmj Mincho font; the font is never part of us."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Self

from lxml import etree

DEBIAN_FONT = Path("/usr/share/fonts/truetype/ipamj/ipamjm.ttf")


class Pictures:
    """Outlines by MJ name; a context that closes the font. ``why_not`` says why there are none, else it is empty."""

    def __init__(self, font: Path | None = None) -> None:
        self.why_not = ""
        self._glyphs: Any = None
        self._font: Any = None
        path = font or DEBIAN_FONT
        try:
            tools = import_module("fontTools.ttLib")
            self._pens = import_module("fontTools.pens.svgPathPen")
        except ImportError:
            self.why_not = "fontTools がありません（pip install fonttools） / fontTools is not installed"
            return
        if not path.is_file():
            self.why_not = f"{path.name} がありません（Debian: fonts-ipamj-mincho） / the font is not installed"
            return
        self._font = tools.TTFont(path, lazy=True)
        self._glyphs = self._font.getGlyphSet()
        self._em = int(self._font["head"].unitsPerEm)
        self._ascent = int(self._font["hhea"].ascent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._font is not None:
            self._font.close()

    def svg(self, mj: str) -> etree._Element | None:
        """The picture of ``MJ000001`` as an svg element (of HTML) of one em, ``None`` when there is none."""
        name = mj.lower()
        if self._glyphs is None or name not in self._glyphs:
            return None
        pen = self._pens.SVGPathPen(self._glyphs)
        self._glyphs[name].draw(pen)
        box = f"0 0 {self._em} {self._em}"
        picture = etree.Element("svg", {"viewBox": box, "role": "img"})
        title = etree.SubElement(picture, "title")
        title.text = mj
        flipped = f"matrix(1 0 0 -1 0 {self._ascent})"
        etree.SubElement(picture, "path", {"d": pen.getCommands(), "transform": flipped})
        return picture
