"""What is proved of a definition: ``check --proofs``, drafts of golden pairs, and lines broken on purpose."""

from __future__ import annotations

from collections import Counter
from random import Random
from types import MappingProxyType
from typing import Any

from adapters.cli.choose import edition as standard_of
from adapters.cli.output import ExitCode, document, progress, table
from adapters.suite.exercise import missing
from adapters.suite.golden_make import drafts, write_draft
from adapters.suite.mutation import NOTICED, Bench, Judged
from adapters.suite.proofs import counts, notes
from adapters.suite.subject import Subject, load_subject


def told(subject: Subject) -> dict[str, Any]:
    """Counts and notes of a definition as JSON-ready fields."""
    found = [one.as_dict() for one in notes(subject)]
    return {"folder": subject.folder.name, "counts": counts(subject), "notes": found}


def tell(subject: Subject, *, whole: bool) -> None:
    """The counts of a definition for a person, and every note where ``whole``; nothing where it has no mapping."""
    if not subject.pairs:
        return
    found = counts(subject)
    sums = "、".join(f"{_NOTES[kind]} {count}" for kind, count in found.items())
    print(f"  {subject.definition.name_ja}: {sums}" + ("" if whole else "　（内容は --proofs）"))
    for one in notes(subject) if whole else ():
        print(f"    [{_NOTES[one.kind]}] {one.mapping} {one.about}: {one.says}")


_NOTES = MappingProxyType(
    {
        "proved": "読込み時に証明 proved",
        "sampled": "値ごとに確認 sampled",
        "width": "幅 width",
        "repertoire": "文字集合 repertoire",
        "one-way": "片方向のコード表 one-way",
        "missing-code": "ないコード missing-code",
        "unused": "未使用のコード表 unused",
    }
)


def draft(subject: Subject, version: str, *, json: bool) -> int:
    """Write pairs for what no golden pair exercises; exit code 1 when something is left that no value could reach."""
    files = [path for one in list(drafts(subject)) for path in write_draft(subject.folder, one)]
    after = load_subject(subject.folder, standard_of(version))
    left = [" ".join(mark) for mark in missing(after)]
    if json:
        document({"ok": not left, "written": [str(path) for path in files], "missing": left})
    else:
        for path in files:
            print(path)
        print(f"{len(files)} ファイルを書きました。ベンダーの仕様書と見比べてください / written; compare them")
        for one in left:
            print(f"  残り missing: {one}")
    return ExitCode.NEGATIVE if left else ExitCode.DONE


def judge(subject: Subject, share: float, seed: int, *, json: bool) -> int:
    """Judge the mutants of a definition, or a share of them; exit code 1 when one survives."""
    bench = Bench(subject, share, Random(f"{seed} mutants"))  # noqa: S311 (which lines are tried is no secret)
    found: list[Judged] = []
    with progress(quiet=json) as bar:
        task = bar.add_task(subject.definition.name_ja, total=None)
        for one in bench.all():
            found.append(one)
            bar.advance(task)
    survivors = [one for one in found if not one.by]
    removed = [one for one in found if one.removed]
    counts = {name: sum(one.by == name for one in found) for name in NOTICED}
    if json:
        document(
            {
                "ok": not survivors,
                "mutants": len(found),
                "killed": len(found) - len(survivors),
                "removed": len(removed),
                "removed_killed": sum(bool(one.by) for one in removed),
                "by": counts,
                "kinds": {f"{kind}/{by or 'survived'}": n for (kind, by), n in sorted(_kinds(found).items())},
                "survivors": [f"{one.pair}: {one.kind} {one.where}" for one in survivors],
            }
        )
        return ExitCode.NEGATIVE if survivors else ExitCode.DONE
    rows = [(kind, by or "生存 survived", count) for (kind, by), count in sorted(_kinds(found).items())]
    table(("変更 change", "気づいたもの noticed by", "件数"), rows)
    for one in survivors:
        print(f"  生存 survived: {one.pair}: {one.kind} {one.where}")
    print(f"{len(found) - len(survivors)} / {len(found)} 検出 killed（削除 removed {len(removed)}）")
    return ExitCode.NEGATIVE if survivors else ExitCode.DONE


def _kinds(found: list[Judged]) -> Counter[tuple[str, str]]:
    return Counter((one.kind, one.by) for one in found)
