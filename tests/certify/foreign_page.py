"""Write what foreign stacks keep: ``python -m tests.certify.foreign_page [php] [spyne] ... [--write]``.

Starts each stack as a provider and drives the provider suite against it twice: directly, and through a bus. Prints the
tables; ``--write`` (only with all stacks) puts them into ``docs/foreign-stacks.md``. The exit code is 1 where a failure
has no remedy.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from conformance.judge import Judgement, judge
from conformance.standard import Standard, load_standard
from conformance.verdicts import Outcome, Verdict
from tests.certify.foreign import STACKS, field
from tests.certify.remedies import remedies, remedy_for
from tests.interop.stacks import JARS, NODE_MODULES, Workshop, output_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "foreign-stacks.md"
BEGIN, END = "<!-- foreign: begin -->\n", "<!-- foreign: end -->\n"
NAMES = {
    "php": "php-soap",
    "gsoap": "gSOAP",
    "node": "node-soap",
    "java": "JAX-WS RI",
    "perl": "SOAP::Lite",
    "spyne": "spyne",
}
BROKEN = {Outcome.FAIL: "不適合 / fail", Outcome.WARNING: "注意 / warning"}
SUMMARY = (
    "| スタック / stack | 版 / version | 不適合 / fail | 注意 / warning | 要提示 / missing "
    "| バスの後ろ / behind the bus |\n"
    "|---|---|---:|---:|---:|---|\n"
)
TABLE = (
    "| 要件 / requirement | 判定 / verdict | 理由 / reason | 見たこと（求めること / 来たもの）; seen: asked / came "
    "| バスの後ろ / behind the bus | 手当て / remedy |\n|---|---|---|---|---|---|\n"
)
SUPPLY = (
    "判定できなかったもの（配らない記述、または記述が読み込むスキーマが要ります） / not judged, "
    "for want of a description or of the schemas that it imports"
)
SHOWN = 2
LONGEST = 150
ROW = re.compile(r"^\| ([A-Z]+-[A-Z0-9]+) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The judgements of one stack: driven directly, and through the bus."""

    stack: str
    direct: Judgement
    through: Judgement

    @property
    def broken(self) -> tuple[Verdict, ...]:
        """What it breaks when it is driven directly."""
        return tuple(one for one in self.direct.verdicts if one.outcome in BROKEN)

    @property
    def left(self) -> frozenset[str]:
        """What is broken behind the bus too."""
        return frozenset(one.requirement for one in self.through.verdicts if one.outcome in BROKEN)


def outcomes(stacks: Iterable[str], folder: Path, workshop: Workshop, standard: Standard) -> Iterator[Outcomes]:
    """Drive and judge stacks one after another."""
    chosen = tuple(stacks)
    with field(folder, chosen, workshop, standard) as driven:
        for stack in chosen:
            direct, through = driven.evidence(stack)
            yield Outcomes(stack, judge(direct, standard), judge(through, standard))


def version_of(stack: str) -> str:
    """The version of a stack on this machine, with what carries it."""
    asked: Mapping[str, Callable[[], str]] = {
        "php": lambda: "PHP " + output_of(["php", "-r", "echo PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION;"]),
        "gsoap": lambda: output_of(["sh", "-c", "soapcpp2 -V 2>&1"]).strip(),
        "node": lambda: json.loads((NODE_MODULES / "soap" / "package.json").read_text("utf-8"))["version"],
        "java": lambda: next(JARS.glob("jaxws-rt-*.jar")).stem.removeprefix("jaxws-rt-"),
        "perl": lambda: output_of(["perl", "-MSOAP::Lite", "-e", "print SOAP::Lite->VERSION"]),
        "spyne": lambda: f"{version('spyne')} (Python {'.'.join(platform.python_version_tuple()[:2])}, wsgiref)",
    }
    return asked[stack]()


def summary(found: Iterable[Outcomes]) -> Iterator[str]:
    """One line for each stack."""
    yield SUMMARY
    for one in found:
        outcome = [each.outcome for each in one.direct.verdicts]
        counts = " | ".join(str(outcome.count(each)) for each in (Outcome.FAIL, Outcome.WARNING, Outcome.MISSING))
        left = ", ".join(sorted(one.left))
        result = f"{one.through.result}{': ' + left if left else ''}"
        yield f"| {NAMES[one.stack]} | {version_of(one.stack)} | {counts} | {result} |\n"


def helping() -> Iterator[str]:
    """The remedies by their letters."""
    yield "\n## 手当て / What helps\n\n"
    for one in remedies():
        yield f"- **{one.key}** {one.ja}\n  {one.en}\n"


def section(one: Outcomes, standard: Standard) -> Iterator[str]:
    """What a stack breaks: the requirement in both languages, what was seen, whether the bus mends it, the remedy."""
    yield f"\n## {NAMES[one.stack]} {version_of(one.stack)}\n\n"
    yield TABLE
    for verdict in one.broken:
        known = standard.rows[verdict.requirement]
        behind = "残る / remains" if verdict.requirement in one.left else "直る / mended"
        yield (
            f"| {verdict.requirement} | {BROKEN[verdict.outcome]} | {cell(known.text_ja)} {cell(known.text_en)} "
            f"| {seen(verdict)} | {behind} | {remedy_for(verdict.requirement).key} |\n"
        )
    missing = [each.requirement for each in one.direct.verdicts if each.outcome is Outcome.MISSING]
    if missing:
        yield f"\n{SUPPLY}: {', '.join(missing)}\n"


def seen(verdict: Verdict) -> str:
    """The first places of a verdict."""
    shown = []
    for place in verdict.places[:SHOWN]:
        finding = place.finding
        where = place.subject if finding.path == place.subject else f"{place.subject} {finding.path}"
        text = f"{where}: {finding.expected or '–'} / {finding.actual or '–'}"
        shown.append(cell(text if len(text) <= LONGEST else text[:LONGEST] + "…"))
    more = len(verdict.places) - SHOWN
    return "<br>".join(shown) + (f"<br>(+{more})" if more > 0 else "")


def cell(text: str) -> str:
    """Text for a cell of a table."""
    return text.replace("\n", " ").replace("|", "\\|").replace("<", "&lt;")


def published(stack: str) -> set[str]:
    """The requirements that the page says a stack breaks."""
    _, _, rest = PAGE.read_text("utf-8").partition(f"\n## {NAMES[stack]} ")
    return set(ROW.findall(rest.partition("\n## ")[0]))


def main() -> int:
    """Drive the stacks named, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.certify.foreign_page", description=str(__doc__).split("\n")[0]
    )
    parser.add_argument("stacks", nargs="*", choices=[*STACKS, []], help="nothing: all")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/foreign-stacks.md")
    parser.add_argument("--workshop", type=Path, help="where programs are built and kept (a folder)")
    options = parser.parse_args()
    standard, found = load_standard(), []
    with tempfile.TemporaryDirectory() as place:
        workshop = Workshop(options.workshop or Path(place) / "workshop")
        for one in outcomes(options.stacks or STACKS, Path(place) / "driven", workshop, standard):
            found.append(one)
            sys.stderr.write(f"{one.stack}: {len(one.broken)} broken, behind the bus {sorted(one.left)}\n")
    text = "".join([*summary(found), *helping(), *(line for one in found for line in section(one, standard))])
    if options.write and not options.stacks:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(before + BEGIN + text + END + rest.partition(END)[2], "utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
