"""Mutation testing of the judge: spoil a line of a predicate and see whether the self-check notices.

    pip install cosmic-ray==8.7.0
    PYTHONPATH=. python deploy/tools/mutate_judge.py --sample 400 --seed 1

The operators are those of cosmic-ray. A mutant of a room is killed where any trial of ``conformance selfcheck`` ends
otherwise than its table says (or does not end within a minute of processor time). Mutants that change nothing that
judges (annotations, docstrings, decorators of classes) are not counted. The evidence of all trials is made once; each
mutant runs in a process of its own that loads the mutated room instead of the file. The last line has the figures;
every survivor is a line before it.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import abc, machinery, util
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from conformance.mutants import peers, recorded, records
from conformance.oracle import Oracle
from conformance.peer import Peer
from conformance.standard import load_standard

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ROOT / "conformance" / "rooms"
LIMIT_S = 60
JUDGING = ("conformance.rooms", "conformance.registry", "conformance.judge", "conformance.selfcheck")
"""Modules that are loaded anew in each process: the rooms, and what holds their predicates."""


@dataclass(frozen=True)
class Mutant:
    """One change of one room; ``after`` is the whole text of the file."""

    room: str
    operator: str
    occurrence: int
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The changed lines."""
        lines = difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=0)
        return "\n".join(line for line in lines if not line.startswith(("---", "+++")))


@dataclass(frozen=True)
class Trial:
    """One trial of the self-check with its evidence: what has to fail, and what has to be judged as kept."""

    name: str
    fails: frozenset[str]
    keeps: frozenset[str]
    bundle: Any


class _Executed(ast.NodeTransformer):
    """Takes out what judges nothing: annotations, docstrings, the decorators of classes."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function without its annotations."""
        node.returns = None
        for one in ast.walk(node.args):
            if isinstance(one, ast.arg):
                one.annotation = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """An assignment without its annotation."""
        node.annotation = ast.Constant(0)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """A class without its decorators: whether values are frozen is no judgement."""
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """A text that stands alone is a docstring."""
        return ast.Pass() if isinstance(node.value, ast.Constant) else self.generic_visit(node)


def executed(text: str) -> str:
    """What of a module is executed, for comparison."""
    return ast.dump(_Executed().visit(ast.parse(text)))


def places(names: list[str]) -> list[tuple[Path, str, int]]:
    """Every place of the rooms at which an operator can change something: file, operator and occurrence."""
    found = []
    for file in sorted(ROOMS.glob("*.py")):
        if file.stem == "__init__" or (names and file.stem not in names):
            continue
        nodes = list(ast_nodes(get_ast(file.read_text(encoding="utf-8"))))
        for name in sorted(operator_names()):
            operator = get_operator(name)
            if not operator.arguments():
                count = sum(len(list(operator().mutation_positions(node))) for node in nodes)
                found += [(file, name, occurrence) for occurrence in range(count)]
    return found


def mutants(listed: list[tuple[Path, str, int]]) -> Iterator[Mutant]:
    """The mutants of these places that change what is executed, in their order."""
    for file, name, occurrence in listed:
        before = file.read_text(encoding="utf-8")
        after = mutate_code(before, get_operator(name)(), occurrence)
        try:
            changed = after is not None and executed(after) != executed(before)
        except SyntaxError:
            continue
        if changed:
            yield Mutant(file.stem, name, occurrence, before, after)


def trials() -> tuple[list[Trial], Any]:
    """The trials of the self-check with their evidence made, and the standard."""
    standard = load_standard()
    made = [Trial(one.id, one.fails, one.keeps, recorded.bundle(one))
            for table in recorded.tables() for one in recorded.load(table)]  # fmt: skip
    made += [Trial(one.id, one.fails, one.keeps, records.bundle(one, standard.edition)) for one in records.load()]
    unit = standard.edition.units[peers.UNIT]
    peer = Peer(standard.edition, unit, oracle=Oracle(standard.edition, unit))
    made += [Trial(one.id, one.fails, one.keeps, peers.bundle(one, peer)) for one in peers.load()]
    return made, standard


class _Spoilt(abc.MetaPathFinder, abc.Loader):
    """Gives a mutated text in the place of one module."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> machinery.ModuleSpec | None:
        """The module is found here, and no other."""
        return util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutated text."""
        exec(compile(self.text, f"{self.name} (mutated)", "exec"), module.__dict__)


def verdict(mutant: Mutant | None, listed: list[Trial], standard: Any) -> str:
    """The trial that ends otherwise than it should, empty where none does. To be called in a process of its own."""
    for name in [name for name in sys.modules if name.startswith(JUDGING)]:
        del sys.modules[name]
    for package in ("conformance",):
        for attribute in ("rooms", "registry", "judge", "selfcheck"):
            if hasattr(sys.modules[package], attribute):
                delattr(sys.modules[package], attribute)
    if mutant is not None:
        sys.meta_path.insert(0, _Spoilt(f"conformance.rooms.{mutant.room}", mutant.after))
    try:
        judging = importlib.import_module("conformance.judge")
        compared = importlib.import_module("conformance.selfcheck").trial
        room = importlib.import_module(f"conformance.rooms.{mutant.room}") if mutant is not None else None
    except Exception as error:  # a mutant may fail in any way
        return f"import: {type(error).__name__}"
    own = frozenset(getattr(room, "PREDICATES", None) or getattr(room, "REQUIREMENTS", ()))
    for one in sorted(listed, key=lambda one: not one.fails & own):
        try:
            found = compared(one.name, one.fails, one.keeps, judging.judge(one.bundle, standard))
        except Exception as error:  # as above
            return f"{one.name}: {type(error).__name__}"
        if not found.killed or found.false:
            return one.name
    return ""


def tried(mutant: Mutant | None, listed: list[Trial], standard: Any) -> str:
    """The same in a process of its own, with a limit of time."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        code = 1
        signal.signal(signal.SIGPROF, lambda *_: os._exit(9))
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        try:
            os.write(writing, (verdict(mutant, listed, standard) or "-").encode()[:1000])
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if status:
        return "no end in time" if os.waitstatus_to_exitcode(status) == 9 else "broken"
    return "" if said == "-" else said


def main() -> int:
    """Try the mutants and tell the figures; 1 where less than ``--least`` percent are killed."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--sample", type=int, default=0, help="how many mutants by lot; 0: all of them")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--seconds", type=float, default=0.0, help="begin no mutant after so long; 0: no limit")
    arguments.add_argument("--least", type=float, default=85.0)
    arguments.add_argument("rooms", nargs="*", help="rooms; all where none is named")
    chosen = arguments.parse_args()
    everywhere = places(chosen.rooms)
    random.Random(chosen.seed).shuffle(everywhere)
    lot = islice(mutants(everywhere), chosen.sample or None)
    listed, standard = trials()
    wrong = tried(None, listed, standard)
    if wrong:
        print(f"the self-check does not pass without a mutant: {wrong}", file=sys.stderr)
        return 2
    by_room: dict[str, list[int]] = {}
    started = time.monotonic()
    for one in lot:
        if chosen.seconds and time.monotonic() - started > chosen.seconds:
            break
        why = tried(one, listed, standard)
        figures = by_room.setdefault(one.room, [0, 0])
        figures[0] += 1
        figures[1] += bool(why)
        if not why:
            print(f"survived {one.room} {one.operator} {one.occurrence}\n{one.diff}", flush=True)
    of, killed = (sum(figures[index] for figures in by_room.values()) for index in (0, 1))
    rate = round(100 * killed / of, 1) if of else 0.0
    print(json.dumps({"rooms": {room: f"{kill}/{of}" for room, (of, kill) in sorted(by_room.items())},
                      "places": len(everywhere), "tried": of, "killed": killed, "percent": rate}))  # fmt: skip
    return 0 if rate >= chosen.least else 1


if __name__ == "__main__":
    sys.exit(main())
