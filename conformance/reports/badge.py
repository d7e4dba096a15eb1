"""The badge of a statement: an SVG of our own, which says itself that it is no registration with anybody."""

from __future__ import annotations

from typing import Final

from lxml import etree

from schemas.statements import Statement

SVG: Final = "http://www.w3.org/2000/svg"
NOT_APPLIC: Final = "APPLIC の登録・準拠を示すものではありません / not an APPLIC registration"
WIDTH: Final = 360
FONT: Final = "'Noto Sans CJK JP','Hiragino Sans','Yu Gothic','IPAexGothic',sans-serif"


def badge(statement: Statement, digest: str) -> bytes:
    """The badge of a statement that holds; ``digest`` (SHA-256 of the statement's file) says which."""
    root = etree.Element(f"{{{SVG}}}svg", nsmap={None: SVG})  # type: ignore[dict-item]  # no default namespace in the stubs
    for name, value in (("width", str(WIDTH)), ("height", "74"), ("viewBox", f"0 0 {WIDTH} 74"), ("role", "img")):
        root.set(name, value)
    title = etree.SubElement(root, f"{{{SVG}}}title", id="t")
    title.text = (
        f"地域バス標準プロファイル {statement.edition} 適合 {statement.profile}（{statement.valid_until} まで）"
    )
    text = etree.SubElement(root, f"{{{SVG}}}desc", id="d")
    text.text = f"{statement.vendor} {statement.product} {statement.version}. {NOT_APPLIC}. SHA-256 {digest}"
    root.set("aria-labelledby", "t d")
    _box(root, 0, 0, WIDTH, 74, "#ffffff", stroke="#0b4f8a")
    _box(root, 0, 0, 150, 46, "#0b4f8a")
    _text(root, 75, 19, "地域バス標準プロファイル", "#ffffff", 11)
    _text(root, 75, 36, f"Chiikibus Profile {statement.edition}", "#ffffff", 10)
    _text(root, 255, 19, f"適合 {statement.profile}", "#1a1a1a", 13, weight="bold")
    _text(root, 255, 36, f"{statement.judged_on} — {statement.valid_until}", "#1a1a1a", 10)
    _text(root, WIDTH // 2, 58, NOT_APPLIC, "#555555", 8.5)
    _text(root, WIDTH // 2, 69, f"SHA-256 {digest[:32]}…", "#555555", 7.5)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _box(root: etree._Element, x: int, y: int, width: int, height: int, fill: str, stroke: str = "none") -> None:
    etree.SubElement(
        root, f"{{{SVG}}}rect", x=str(x), y=str(y), width=str(width), height=str(height), rx="4", fill=fill,
        stroke=stroke,
    )  # fmt: skip


def _text(root: etree._Element, x: int, y: int, words: str, fill: str, size: float, weight: str = "normal") -> None:
    one = etree.SubElement(root, f"{{{SVG}}}text", x=str(x), y=str(y), fill=fill)
    one.set("font-size", str(size))
    one.set("font-family", FONT)
    one.set("font-weight", weight)
    one.set("text-anchor", "middle")
    one.text = words
