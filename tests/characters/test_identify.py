"""Identification by glyph shape: the index, the ranking, and how a proposal becomes a decision."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import html

from adapters.characters.history import History, history_path
from adapters.characters.identify import faults, gallery
from adapters.characters.identify.answers import MATCH, NEAR_VARIANT, UNKNOWN, Candidate
from adapters.characters.identify.features import features
from adapters.characters.identify.matching import Matcher, classify, relation
from adapters.characters.identify.policy import Policy, load_policy
from adapters.characters.identify.projection import Limits, projection
from adapters.characters.identify.proposals import Proposal, accept, chosen, proposals_path, put, read
from adapters.characters.identify.raster import NOTHING, Outlines, cut
from adapters.characters.identify.sfnt import characters, read_sfnt
from adapters.characters.mj import mj
from adapters.characters.register import load_register
from bus.core.errors import AdapterError, ConfigurationError
from tests.characters.test_commands import ADAPTER, answer, run
from tests.support.glyphs import bdf, drawing, font, strokes
from tests.support.sites import write_site

pytestmark = pytest.mark.slow
NAMES = [glyph.mj for glyph in (*mj().by_ucs("\u845b"), *islice(mj(), 12_000, 12_030))]
BOXES = {name: strokes(at) for at, name in enumerate(NAMES)}
KEY = b"k" * 32
SCOPE = "990019/juki"


@pytest.fixture(scope="module")
def mj_font(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A font with the names of IPAmj Mincho and glyphs of our own, without cmap of any use."""
    path = tmp_path_factory.mktemp("font") / "mj.ttf"
    path.write_bytes(font({name.lower(): boxes for name, boxes in BOXES.items()}, {0x20: NAMES[0].lower()}))
    return path


@pytest.fixture(scope="module")
def index(mj_font: Path) -> Path:
    """An index of those glyphs."""
    path = mj_font.with_name("small.index")
    gallery.write(path, gallery.build(mj_font, names=NAMES))
    return path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with one adapter on whose worklist two gaiji and a public character wait."""
    folder = write_site(tmp_path / "site")
    (folder / "adapters.toml").write_text(ADAPTER, encoding="utf-8")
    waiting = {
        "F040": (3, "a.dat:1"),
        "U+E001": (1, "a.dat:2"),
        "U+845B U+E0102": (1, "a.dat:3"),
        "80A1": (1, "a.dat:4"),
    }
    for module in ("gaiji_site", "characters_register", "characters_identify"):
        monkeypatch.setattr(f"adapters.cli.{module}.open_characters", lambda *_: waiting)
    return folder


def error_of(code: str, *arguments: object) -> Any:
    """The first finding of a command that is refused with ``code``."""
    with pytest.raises((AdapterError, ConfigurationError)) as caught:
        run(*arguments)
    assert caught.value.code == code
    return caught.value.findings[0]


def test_the_same_font_gives_the_same_index(mj_font: Path, index: Path) -> None:
    """Byte for byte; and it says what it was made from."""
    assert gallery.build(mj_font, names=NAMES) == index.read_bytes()
    found = gallery.load(index)
    assert [found.name(at) for at in range(len(found))] == NAMES
    assert found.facts["projection_sha256"] == projection().sha256
    assert len(found.facts["font_sha256"]) == 64


def test_an_index_that_is_missing_damaged_or_of_another_version_is_refused(index: Path, tmp_path: Path) -> None:
    """CB6086 for each; never an answer from something else."""
    raw = index.read_bytes()
    other = raw.replace(projection().sha256.encode(), b"0" * 64)
    damaged = [None, b"", raw[:-1], raw[:60], raw[:-9] + b"?" + raw[-8:], b"X" + raw[1:], other, raw + b"\0"]
    for content in damaged:
        path = tmp_path / "x.index"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(AdapterError) as caught:
            gallery.load(path)
        assert caught.value.code == "CB6086"


def test_without_the_extra_or_the_font_it_says_what_to_install(
    tmp_path: Path, mj_font: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CB6085 with the command; a font that lacks glyphs of the list is no IPAmj Mincho."""
    found = error_of("CB6085", "identify", "--build-index", "--font", tmp_path / "none.ttf")
    assert "fonts-ipamj-mincho" in found.expected
    error_of("CB6085", "identify", "--build-index", "--font", mj_font, "--index", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    monkeypatch.setattr(faults, "find_spec", lambda name: None if name == "numpy" else object())
    assert error_of("CB6085", "identify", mj_font).expected == "pip install 'chiikibus[identify]'"


def test_everything_else_works_without_the_extra() -> None:
    """No command imports numpy, Pillow or fontTools before it needs them."""
    absent = "import sys; sys.modules.update(dict.fromkeys(('numpy', 'PIL', 'fontTools')))"
    code = f"{absent}; from adapters.cli.characters import app; from adapters.cli.characters_identify import proposals"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_glyph_finds_itself_as_outline_and_in_dots(index: Path) -> None:
    """Drawn anew at other sizes: first for outlines, among the ten in 24 dots; without ink there is no answer."""
    matcher = Matcher(gallery.load(index))
    names = list(BOXES)
    large = matcher.match([cut(drawing(boxes, 300)) for boxes in BOXES.values()], "outline")
    assert [one.candidates[0].mj for one in large if one] == names
    small = matcher.match([cut(drawing(boxes, 24)) for boxes in BOXES.values()], "bitmap")
    assert all(one and name in {each.mj for each in one.candidates} for name, one in zip(names, small, strict=True))
    assert matcher.match([NOTHING], "outline") == [None]


def test_an_answer_does_not_depend_on_what_is_asked_with_it(index: Path) -> None:
    """One by one or all at once: the same candidates, scores and margins."""
    matcher = Matcher(gallery.load(index))
    inks = [cut(drawing(boxes, 40)) for boxes in BOXES.values()]
    together = matcher.match(inks, "bitmap")
    alone = [matcher.match([ink], "bitmap")[0] for ink in inks]
    assert [[each.mj for each in one.candidates] for one in together if one] == [
        [each.mj for each in one.candidates] for one in alone if one
    ]
    assert np.allclose([one.score for one in together if one], [one.score for one in alone if one], atol=2e-4)


def test_candidates_say_what_they_are_to_the_first(index: Path) -> None:
    """Glyphs of one character, and characters that the degradation map connects."""
    first, *others = mj().by_ucs("\u845b")
    same = {relation(first, other) for other in mj().family(first)}
    assert same == {"same"}
    high, ladder = mj().by_text("\u9ad8"), mj().by_text("\u9ad9")
    assert high and ladder and relation(high, ladder) == relation(ladder, high) == "JIS包摂規準UCS統合規則"
    assert relation(high, first) == "" == relation(high, high)
    assert not others or first.ucs == "\u845b"


def test_the_class_depends_on_score_and_margin() -> None:
    """Unknown below the first limit, a match only with both; the shipped limits are in that order."""
    limits = Limits(known=0.7, match=0.9, margin=0.05)
    asked = [(0.69, 0.5), (0.7, 0.5), (0.95, 0.04), (0.95, 0.05), (0.89, 0.3)]
    assert [classify(*one, limits) for one in asked] == [UNKNOWN, NEAR_VARIANT, NEAR_VARIANT, MATCH, NEAR_VARIANT]
    for shipped in projection().limits.values():
        assert 0.5 < shipped.known < shipped.match < 1
        assert shipped.margin >= 0.05


def test_empty_and_enormous_drawings_have_features_of_the_same_size() -> None:
    """No division by nothing; a drawing larger than any glyph is cut."""
    found = features([NOTHING, np.full((1, 5000), 255, np.uint8), np.full((5000, 3), 9, np.uint8)])
    assert found.shape == (3, 512)
    assert np.isfinite(found).all()
    assert not found[0].any()


def vendor_font(folder: Path) -> Path:
    """A vendor's EUDC font: U+E000 is the third glyph of the gallery, U+E001 resembles nothing."""
    path = folder / "EUDC.TTE"
    path.write_bytes(font({"g1": BOXES[NAMES[2]], "g2": [(100, 100, 200, 200)]}, {0xE000: "g1", 0xE001: "g2"}))
    return path


def test_a_vendors_font_is_compared_and_shown(index: Path, mj_font: Path, tmp_path: Path) -> None:
    """JSON, CSV and a page with the vendor's glyph beside pictures of the candidates."""
    path = vendor_font(tmp_path)
    page, table = tmp_path / "x.html", tmp_path / "x.csv"
    how = ("identify", path, "--index", index)
    found = answer(*how, "--html", page, "--csv", table, "--font", mj_font)
    assert [one["code"] for one in found["codes"]] == ["U+E000", "U+E001"]
    assert found["codes"][0]["candidates"][0]["mj"] == NAMES[2]
    assert (found["kind"], found["proposals"]) == ("outline", 0)
    tree = html.fromstring(page.read_bytes())
    assert len(tree.xpath("//td[@class='vendor']/img[starts-with(@src, 'data:image/png;base64,')]")) == 2
    assert len(tree.xpath("//svg/path")) == 20
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["mj"], len(rows)) == (NAMES[2], 20)
    assert run(*how, "--codes", "F040")[0] == 0
    assert run(*how, "--codes", "U+E700")[0] == 1
    error_of("CB6087", *how, "--codes", "gaiji")
    error_of("CB7030", "identify")
    dots = tmp_path / "g.bdf"
    dots.write_bytes(bdf({0x80A1: drawing(BOXES[NAMES[5]], 24)}))
    assert answer("identify", dots, "--index", index)["codes"][0]["code"] == "80A1"


def test_one_broken_glyph_is_told_and_keeps_nobody_from_the_others(index: Path, tmp_path: Path) -> None:
    """CB6087 at its code, in every form of the answer; no proposal for it."""
    path = tmp_path / "broken.ttf"
    far = [(-16000, -16000, 16000, 16000)]
    path.write_bytes(font({"far": far, "good": BOXES[NAMES[0]]}, {0xE000: "far", 0xE001: "good"}, em=1000))
    page, table = tmp_path / "x.html", tmp_path / "x.csv"
    how = ("identify", path, "--index", index, "--html", page, "--csv", table)
    broken, good = answer(*how)["codes"]
    assert (broken["code"], broken["fault"], broken["candidates"]) == ("U+E000", "CB6087", [])
    assert good["candidates"][0]["mj"] == NAMES[0]
    assert run(*how)[0] == 0
    assert "CB6087" in html.fromstring(page.read_bytes()).text_content()
    assert "U+E000,U+E000,CB6087" in table.read_text(encoding="utf-8-sig")


def test_the_worklist_gets_proposals_and_a_person_accepts_one(site: Path, index: Path, tmp_path: Path) -> None:
    """Nothing is registered until somebody with a role and a reason accepts; then the history holds score and index."""
    path = vendor_font(tmp_path)
    how = ("--site", site, "--adapter", "a-juki")
    found = answer("identify", path, "--index", index, *how)
    assert [(one["code"], one["place"]) for one in found["codes"]] == [
        ("F040", "U+E000"),
        ("U+E001", "U+E001"),
        ("80A1", ""),
    ]
    assert found["proposals"] == 2
    one = tmp_path / "one.dot"
    one.write_bytes(np.packbits(drawing(BOXES[NAMES[4]], 24) > 0, axis=1).tobytes())
    error_of("CB6087", "identify", one, "--index", index, *how)
    assert answer("identify", one, "--index", index)["codes"][0]["class"]
    assert answer("identify", one, "--index", index, *how, "--codes", "80A1")["proposals"] == 1
    register = site / "gaiji" / "a-juki.csv"
    assert not register.exists()
    rows = {row["character"]: row["proposal"] for row in answer("register", "worklist", "--site", site)}
    assert (rows["F040"]["mj"], rows["U+845B U+E0102"]) == (NAMES[2], None)
    assert run("register", "worklist", "--site", site)[0] == 0
    assert [one["code"] for one in answer("register", "proposals", *how)] == ["80A1", "F040", "U+E001"]
    assert run("register", "proposals", *how)[0] == 0
    take = ("register", "accept", *how, "--class", "デザイン差", "--by", "文字同定担当")
    error_of("CB6088", *take, "--code", "F041", "--why", "照合票")
    error_of("CB6088", *take, "--code", "F040", "--rank", 11, "--why", "照合票")
    error_of("CB7030", *take, "--code", "F040", "--why", " ")
    taken = answer(*take, "--code", "F040", "--why", "照合票 7（合成）")
    assert taken["mj"] == NAMES[2]
    (row,) = load_register(register).rows
    assert (row.mj, row.decided_by, row.class_) == (NAMES[2], "文字同定担当", "デザイン差")
    assert all(part in row.evidence for part in ("1位", found["index"][:16], "照合票 7（合成）"))
    entries = answer("register", "history", *how)
    assert (entries["ok"], entries["entries"][0]["after"]["evidence"]) == (True, row.evidence)


def proposal(code: str = "F040", **changes: Any) -> Proposal:
    """A proposal as the machine would write it."""
    glyph = mj().by_mj("MJ022336")
    assert glyph
    first = Candidate(1, glyph.mj, glyph.carrier(), 0.97)
    second = Candidate(2, "MJ022335", "\u845b\U000e0102", 0.8, "same")
    made = Proposal(
        code, "2026-01-10T09:00:00+09:00", SCOPE, "EUDC.TTE", "a" * 64, "U+E000", "outline", "b" * 64, "c" * 64,
        MATCH, 0.97, 0.17, 0.3, (first, second),
    )  # fmt: skip
    return replace(made, **changes)


def test_a_proposal_that_was_changed_or_copied_is_refused(tmp_path: Path) -> None:
    """Signed by the site, bound to municipality and system; a newer one takes the place of the older."""
    register = tmp_path / "a.csv"
    put(register, KEY, SCOPE, [proposal(), proposal("F041")])
    put(register, KEY, SCOPE, [proposal(score=0.5)])
    found = read(register, KEY, SCOPE)
    assert (sorted(found), found["F040"].score) == (["F040", "F041"], 0.5)
    path = proposals_path(register)
    good = path.read_bytes()
    attempts = [
        (good.replace(b"MJ022336", b"MJ022335"), KEY, SCOPE),
        (good[:-20] + b"\n", KEY, SCOPE),
        (b"{}\n", KEY, SCOPE),
        (good, b"x" * 32, SCOPE),
        (good, KEY, "990019/zei"),
    ]
    for content, key, scope in attempts:
        path.write_bytes(content)
        with pytest.raises(AdapterError) as caught:
            read(register, key, scope)
        assert caught.value.code == "CB6088"


def test_the_rank_that_was_accepted_is_the_one_that_is_registered(tmp_path: Path) -> None:
    """The second candidate with its own score; a register line and its history."""
    register = tmp_path / "a.csv"
    history = History(history_path(register), KEY)
    put(register, KEY, SCOPE, [proposal()])
    found, candidate = chosen(read(register, KEY, SCOPE), "F040", 2, register)
    row = accept(
        register, history, found, rank=2, class_="字形一致", by="担当", why="照合", at="2026-02-01T00:00:00+09:00"
    )
    assert (row.mj, row.sequence) == (candidate.mj, "\u845b\U000e0102")
    assert "2位 得点0.8000" in row.evidence
    assert history.verify(load_register(register)) == ()


POLICY = f"""
[policy]
id = "2026-1"
approved_by = "文字同定責任者"
approved_at = "2026-01-05"
reason = "同一書体のため"
valid_until = "2026-12-31"
[accept]
class = "デザイン差"
kinds = ["outline"]
min_score = 0.95
min_margin = 0.1
indexes = ["{"c" * 64}"]
files = ["{"a" * 64}"]
most = 100
"""


def policy(folder: Path, text: str = POLICY) -> Policy:
    """A policy file, read."""
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, ""),
        ({"class_": NEAR_VARIANT}, "class"),
        ({"candidates": ()}, "class"),
        ({"kind": "bitmap"}, "kinds"),
        ({"index_sha256": "d" * 64}, "indexes"),
        ({"file_sha256": "d" * 64}, "files"),
        ({"score": 0.949}, "min_score"),
        ({"margin": 0.099}, "min_margin"),
        ({"candidates": (Candidate(1, "MJ000033", "", 0.97),)}, "carrier"),
        ({"code": "F050"}, "decided"),
    ],
)
def test_a_policy_takes_only_what_it_covers(tmp_path: Path, changes: dict[str, Any], rule: str) -> None:
    """Each rule by itself leaves a proposal to people."""
    assert policy(tmp_path).against(proposal(**changes), "2026-02-01", {"F050"}) == rule


def test_a_policy_ends(tmp_path: Path) -> None:
    """After its last day it takes nothing."""
    assert policy(tmp_path).against(proposal(), "2027-01-01", ()) == "valid_until"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("min_score = 0.95", "min_score = 0.5"),
        ("min_margin = 0.1", "min_margin = 0"),
        ('"デザイン差"', '"類似文字"'),
        ('approved_by = "文字同定責任者"', 'approved_by = " "'),
        ("most = 100", "most = true"),
        ("most = 100", ""),
        ('["outline"]', '["outlines"]'),
        ("a" * 64, "EUDC.TTE"),
        ("[accept]", "[accepted]"),
        ("reason", "reasons"),
        ("[policy]", "["),
    ],
)
def test_a_policy_with_a_mistake_is_refused_whole(tmp_path: Path, old: str, new: str) -> None:
    """CB6089; nothing is accepted by a policy that is not complete."""
    with pytest.raises(ConfigurationError) as caught:
        policy(tmp_path, POLICY.replace(old, new))
    assert caught.value.code == "CB6089"


def test_a_policy_decides_only_when_it_is_named(site: Path, tmp_path: Path) -> None:
    """Two proposals, one covered: registered with the policy's hash; the other and the decided one stay with people."""
    register = site / "gaiji" / "a-juki.csv"
    how = ("--site", site, "--adapter", "a-juki")
    facts = ("--class", "字形一致", "--evidence", "票", "--by", "担当")
    run("register", "decide", *how, "--code", "F042", "--mj", "MJ022335", *facts)
    key = (site / "secrets" / "gaiji.key").read_bytes().strip()
    put(register, key, SCOPE, [proposal(), proposal("F041", score=0.9), proposal("F042"), proposal("F043")])
    assert [row["code"] for row in answer("register", "list", *how)] == ["F042"]
    file = tmp_path / "policy.toml"
    file.write_text(POLICY.replace("most = 100", "most = 1").replace("2026-12-31", "9999-12-31"), encoding="utf-8")
    tried = answer("register", "apply-policy", *how, "--policy", file, "--dry-run")
    assert [row.code for row in load_register(register).rows] == ["F042"]
    done = answer("register", "apply-policy", *how, "--policy", file)
    assert done["accepted"] == tried["accepted"] == ["F040"]
    assert done["left"] == {"F041": "min_score", "F042": "decided", "F043": "most"}
    row = load_register(register).rows[1]
    assert (row.code, row.mj, row.decided_by) == ("F040", "MJ022336", "文字同定責任者")
    assert load_policy(file).sha256[:16] in row.evidence
    assert answer("register", "history", *how)["ok"]
    assert json.loads(run("register", "apply-policy", *how, "--policy", file, "--json")[1])["accepted"] == ["F043"]
    assert run("register", "apply-policy", *how, "--policy", file)[0] == 0


@pytest.mark.system
def test_another_typeface_finds_its_characters_among_real_glyphs() -> None:
    """BIZ UD Mincho against 6,000 glyphs of IPAmj Mincho, as outlines and in 24 dots: at least 99 % among the ten.

    The whole gallery and more typefaces: deploy/tools/identify_accuracy.py.
    """
    path = Path("/usr/share/fonts/truetype/bizud-mincho/BIZUDMincho-Regular.ttf")
    vendor = read_sfnt(path, path.read_bytes())
    known = characters(vendor)
    asked = [code for code in range(0x4E00, 0x9F00, 41) if code in known and mj().by_ucs(chr(code))]
    own = [glyph.mj for code in asked for glyph in mj().by_ucs(chr(code))]
    names = list(dict.fromkeys([*own, *(glyph.mj for glyph in islice(mj(), 0, None, 10))]))
    assert len(asked) > 200
    assert len(names) > 6000
    found = gallery.parse(Path("x"), gallery.build(names=names), projection().sha256)
    matcher = Matcher(found)
    small = Outlines(vendor, 24)
    large = Outlines(vendor)
    for kind, inks in (
        ("outline", [large.draw(known[code]) for code in asked]),
        ("bitmap", [small.dots(known[code]) for code in asked]),
    ):
        right = [
            any(glyph and glyph.ucs == chr(code) for glyph in (mj().by_mj(one.mj) for one in match.candidates))
            for code, match in zip(asked, matcher.match(inks, kind), strict=True)
            if match is not None
        ]
        assert len(right) == len(asked)
        assert sum(right) >= 0.99 * len(right), (kind, sum(right), len(right))
