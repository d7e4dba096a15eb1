"""``chiikibus characters identify``: rank MJ candidates for a vendor's glyphs, and take what a person accepted.

The extra's libraries are imported when a glyph is looked at; proposals are listed and accepted without them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapters.characters.identify.answers import CLASSES_JA, TOP, UNKNOWN
from adapters.characters.identify.faults import bad_file, ensure_libraries
from adapters.characters.identify.policy import load_policy
from adapters.characters.identify.proposals import accept as accept_proposal
from adapters.characters.identify.proposals import chosen, put, read
from adapters.characters.pictures import Pictures
from adapters.characters.register import CLASSES, load_register, points
from adapters.cli.gaiji_site import (
    AdapterOption,
    ByOption,
    CodeOption,
    SiteOption,
    now,
    open_characters,
    open_history,
    register_path,
    scope_of,
    site_key,
)  # fmt: skip
from adapters.cli.output import ExitCode, JsonOption, document, progress, table
from adapters.host import process
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.settings import AdapterSpec, Site
from bus.core.types import Finding

if TYPE_CHECKING:
    from adapters.characters.identify.page import Answer

FontOption = Annotated[Path | None, typer.Option("--font", help="IPAmj明朝のファイル / the IPAmj Mincho font")]
IndexOption = Annotated[Path | None, typer.Option("--index", help="字形索引のファイル / the index file")]
SHOWN = 3


def identify(
    file: Annotated[
        Path | None, typer.Argument(help="外字フォント（TTF・TTE・OTF・BDF）か一字の図（PBM・PNG・生ドット） / glyphs")
    ] = None,
    codes: Annotated[str, typer.Option("--codes", help="例 F040,F041-F07E,U+E000-U+E0FF / which codes")] = "",
    site: Annotated[Path | None, typer.Option("--site", envvar="CHIIKIBUS_SITE", help="設定フォルダー / site")] = None,
    adapter: Annotated[str, typer.Option("--adapter", help="作業一覧に候補を付けるアダプター / adapter id")] = "",
    places: Annotated[
        Path | None, typer.Option("--places", help="ホストのコードとフォント内の位置（CSV code,place）")
    ] = None,
    number: Annotated[int, typer.Option("--number", min=0, help="TTC の中の番号 / font of a collection")] = 0,
    top: Annotated[int, typer.Option("--top", min=1, max=50, help="候補の数 / how many candidates")] = TOP,
    csv: Annotated[Path | None, typer.Option("--csv", help="書き出す CSV / CSV file to write")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="書き出す HTML（図つき） / page to write")] = None,
    build_index: Annotated[
        bool, typer.Option("--build-index", help="字形索引を作る（約1分） / make the index")
    ] = False,
    index: IndexOption = None,
    font: FontOption = None,
    json: JsonOption = False,
) -> int:
    """外字を字形で MJ と照合し、候補を順に示す。決めるのは人。 / Rank MJ candidates by glyph shape; people decide."""
    ensure_libraries()
    from adapters.characters.identify.gallery import default_index

    place = index or default_index()
    if build_index:
        return _build(place, font, json=json)
    if file is None:
        raise _usage("FILE", "フォントか図 / a font or a picture")
    if adapter and site is None:
        raise _usage("--site", "--adapter には設定フォルダー / a site folder")
    target = _target(site, adapter) if site is not None and adapter else None
    answers, facts, proposals = _look(file, codes, target, places, number, top, place, quiet=json)
    if target is not None:
        put(register_path(*target), site_key(target[0]), scope_of(target[1]), proposals)
    if csv is not None:
        from adapters.characters.identify.page import to_csv

        csv.write_text(to_csv(answers, facts["index"]), encoding="utf-8-sig", newline="")
    if html is not None:
        from adapters.characters.identify.page import to_html

        with Pictures(font) as pictures:
            html.write_bytes(to_html(answers, pictures, file.name, facts["index"]))
    good = any(one.match is not None and one.match.class_ != UNKNOWN for one in answers)
    if json:
        document({**facts, "proposals": len(proposals), "codes": [_as_json(one) for one in answers]})
    else:
        _show(answers, file)
        if target is not None:
            print(f"{len(proposals)} 件を作業一覧の候補にしました。登録は register accept で人が行います。 / proposed")
    return ExitCode.DONE if good else ExitCode.NEGATIVE


def _usage(option: str, expected: str) -> ConfigurationError:
    return ConfigurationError("CB7030", [Finding("CB7030", option, expected=expected, got="なし / missing")])


def _target(folder: Path, adapter: str) -> tuple[Site, AdapterSpec]:
    """The adapter whose worklist gets the proposals; ConfigurationError CB7030 where it has no register."""
    site = load_site(folder)
    spec = process.find_adapter(site, adapter)
    register_path(site, spec)
    return site, spec


def _build(place: Path, font: Path | None, *, json: bool) -> int:
    from hashlib import sha256

    from adapters.characters.identify.gallery import build, write

    with progress(quiet=json) as bar:
        task = bar.add_task("字形索引 / index", total=None)
        content = build(font, progress=lambda done, of: bar.update(task, completed=done, total=of))
    write(place, content)
    digest = sha256(content).hexdigest()
    if json:
        document({"ok": True, "index": str(place), "bytes": len(content), "sha256": digest})
    else:
        print(f"{place}: {len(content)} バイト SHA-256 {digest}　字形索引を作りました / index made")
    return ExitCode.DONE


def _look(
    file: Path, codes: str, target: tuple[Site, AdapterSpec] | None, places: Path | None, number: int, top: int,
    place: Path, *, quiet: bool,
) -> tuple[list[Answer], dict[str, Any], list[Any]]:  # fmt: skip
    """Answers, what they rest on, and the proposals they make."""
    from adapters.characters.identify import service
    from adapters.characters.identify.gallery import load
    from adapters.characters.identify.glyph_files import PICTURE, codes_of, may_be_gaiji, open_glyphs
    from adapters.characters.identify.matching import Matcher

    matcher = Matcher(load(place))
    known = service.read_places(places)
    glyphs = open_glyphs(file, number)
    if codes:
        wanted = service.chosen_codes(codes)
    elif target is not None:
        # what waits because a receiver cannot hold it is a public character, and no gaiji
        wanted = [code for code in open_characters(*target) if may_be_gaiji(code)]
    else:
        wanted = codes_of(glyphs)
    if glyphs.order == PICTURE and len(wanted) != 1:
        raise bad_file(file, "一字の図にはコードを一つ / one code for a picture, --codes", str(len(wanted)))
    with progress(quiet=quiet) as bar:
        task = bar.add_task("字形照合 / identifying", total=len(wanted))
        answers = service.identify(
            glyphs, wanted, matcher, places=known, top=top,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )  # fmt: skip
    digest = matcher.gallery.sha256
    found = []
    if target is not None:
        scope = scope_of(target[1])
        found = service.proposals_of(glyphs, answers, index_sha256=digest, scope=scope, at=now())
    return answers, {"file": file.name, "sha256": glyphs.sha256, "kind": glyphs.kind, "index": digest}, found


def _as_json(one: Answer) -> dict[str, Any]:
    if one.match is None:
        return {"code": one.code, "place": one.place, "class": "", "fault": one.fault, "candidates": []}
    found = one.match
    return {
        "code": one.code, "place": one.place, "class": found.class_, "score": found.score, "margin": found.margin,
        "character_margin": found.character_margin,
        "candidates": [
            {"rank": each.rank, "mj": each.mj, "text": each.text, "ucs": points(each.text), "score": each.score,
             "relation": each.relation} for each in found.candidates
        ],
    }  # fmt: skip


def _show(answers: list[Answer], file: Path) -> None:
    rows = []
    for one in answers:
        if one.match is None:
            rows.append((one.code, one.place, one.nothing, "", "", ""))
            continue
        found = one.match
        best = "　".join(f"{each.rank}. {each.mj} {each.text} {each.score:.3f}" for each in found.candidates[:SHOWN])
        rows.append((one.code, one.place, CLASSES_JA[found.class_], f"{found.score:.3f}", f"{found.margin:.3f}", best))
    table(("コード", "位置", "判定", "得点", "差", "候補（全部は --json・--csv・--html）"), rows, title=file.name)


def proposals(site: SiteOption, adapter: AdapterOption, json: JsonOption = False) -> int:
    """字形照合の候補の一覧。 / Proposals of identification, with all candidates."""
    loaded = load_site(site)
    spec = process.find_adapter(loaded, adapter)
    found = read(register_path(loaded, spec), site_key(loaded), scope_of(spec))
    if json:
        document([
            {"code": one.code, "at": one.at, "file": one.file, "class": one.class_, "score": one.score,
             "margin": one.margin, "index": one.index_sha256, "glyph": one.glyph_sha256,
             "candidates": [{"rank": each.rank, "mj": each.mj, "text": each.text, "score": each.score,
                             "relation": each.relation} for each in one.candidates]} for one in found.values()
        ])  # fmt: skip
    else:
        table(
            ("コード", "日時", "判定", "得点", "差", "候補"),
            [(one.code, one.at, CLASSES_JA[one.class_], f"{one.score:.3f}", f"{one.margin:.3f}",
              "　".join(f"{each.rank}. {each.mj} {each.text}" for each in one.candidates)) for one in found.values()],
        )  # fmt: skip
    return ExitCode.DONE


def accept(
    site: SiteOption,
    adapter: AdapterOption,
    code: CodeOption,
    class_: Annotated[str, typer.Option("--class", help=" | ".join(CLASSES[:3]))],
    why: Annotated[str, typer.Option("--why", help="決定の理由 / why")],
    by: ByOption,
    rank: Annotated[int, typer.Option("--rank", min=1, help="何位の候補か / which candidate")] = 1,
    valid_from: Annotated[str, typer.Option("--valid-from", help="適用開始日 YYYY-MM-DD")] = "",
    json: JsonOption = False,
) -> int:
    """字形照合の候補を人が採用して登録する。 / A person accepts a candidate; score, margin and index go on record."""
    if not why.strip() or not by.strip():
        raise _usage("--why" if by.strip() else "--by", "決定の理由と決定者 / why, and who")
    loaded = load_site(site)
    spec = process.find_adapter(loaded, adapter)
    path = register_path(loaded, spec)
    proposal, _ = chosen(read(path, site_key(loaded), scope_of(spec)), code, rank, path)
    row = accept_proposal(
        path, open_history(loaded, path), proposal, rank=rank, class_=class_, by=by, why=why, at=now(),
        valid_from=valid_from,
    )  # fmt: skip
    if json:
        document({"ok": True, "code": row.code, "mj": row.mj, "ucs": points(row.sequence), "evidence": row.evidence})
    else:
        print(f"登録しました / registered: {row.code} → {row.sequence}（{points(row.sequence)} {row.mj}）{row.class_}")
    return ExitCode.DONE


def apply_policy(
    site: SiteOption,
    adapter: AdapterOption,
    policy: Annotated[Path, typer.Option("--policy", help="承認済みの方針（TOML） / a policy that was signed off")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="登録せずに示す / show only")] = False,
    json: JsonOption = False,
) -> int:
    """承認済みの方針に合う候補だけを登録する。ほかは人が決める。 / Accept what a policy covers; leave the rest."""
    loaded = load_site(site)
    spec = process.find_adapter(loaded, adapter)
    path = register_path(loaded, spec)
    rules = load_policy(policy)
    history, at = open_history(loaded, path), now()
    decided = {row.code for row in load_register(path).rows} if path.exists() else set()
    accepted: list[str] = []
    left: dict[str, str] = {}
    for code, proposal in read(path, site_key(loaded), scope_of(spec)).items():
        reason = rules.against(proposal, at[:10], decided)
        if not reason and len(accepted) >= rules.most:
            reason = "most"
        if reason:
            left[code] = reason
            continue
        if not dry_run:
            accept_proposal(
                path, history, proposal, rank=1, class_=rules.class_, by=rules.approved_by, why=rules.why(), at=at
            )
        accepted.append(code)
    if json:
        document({"policy": rules.id, "dry_run": dry_run, "accepted": accepted, "left": left})
    else:
        rows = [(code, "登録 / accepted", "") for code in accepted]
        table(
            ("コード", "結果", "方針のどの条件で人に残したか"), rows + [(c, "人が決める", r) for c, r in left.items()]
        )
    return ExitCode.DONE
